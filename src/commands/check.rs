//! `vestibule check`.

use super::error::CommandError;
use super::output::print_line;
use crate::checks::{self, CheckLevel, CheckReport};
use crate::settings::{Settings, SettingsError, Source};

/// Which checks run, and what they print.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct CheckArguments {
    /// Adds the checks for a site with real users.
    #[arg(long)]
    deploy: bool,
    /// Exits with 1 if there is a finding of this level or above.
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "ERROR",
        ignore_case = true
    )]
    fail_level: CheckLevel,
    /// Asks WorkOS whether the API key and the client id belong together.
    #[arg(long)]
    online: bool,
    /// Names the id of every account with a weak password hash.
    #[arg(long)]
    verbose: bool,
}

pub(super) fn run(arguments: CheckArguments) -> Result<(), CommandError> {
    let settings = Source::load()
        .map_err(SettingsError::from)
        .and_then(|source| Settings::read(&source));
    let report = match &settings {
        Ok(settings) => CheckReport::new(
            issues(settings, arguments),
            &settings.silenced_system_checks,
        ),
        Err(error) => CheckReport::new(checks::unreadable_settings(error), &[]),
    };
    if report.reaches(arguments.fail_level) {
        return Err(CommandError::Failed(report.to_string()));
    }
    print_line(&report)?;
    Ok(())
}

fn issues(settings: &Settings, arguments: CheckArguments) -> Vec<checks::CheckMessage> {
    let mut issues = checks::settings(settings);
    issues.extend(checks::database(settings, arguments.verbose));
    if arguments.deploy {
        issues.extend(checks::deployment(settings));
        issues.extend(checks::deployed_accounts(settings));
    }
    if arguments.online {
        issues.extend(actix_web::rt::System::new().block_on(checks::online(settings)));
    }
    issues
}
