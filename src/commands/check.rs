//! `vestibule check`.

use super::error::CommandError;
use super::output::print_line;
use crate::checks::{self, CheckLevel, CheckReport};
use crate::settings::{Settings, SettingsError, Source};

pub(super) fn run(deploy: bool, fail_level: CheckLevel, online: bool) -> Result<(), CommandError> {
    let settings = Source::load()
        .map_err(SettingsError::from)
        .and_then(|source| Settings::read(&source));
    let report = match &settings {
        Ok(settings) => CheckReport::new(
            issues(settings, deploy, online),
            &settings.silenced_system_checks,
        ),
        Err(error) => CheckReport::new(checks::unreadable_settings(error), &[]),
    };
    if report.reaches(fail_level) {
        return Err(CommandError::Failed(report.to_string()));
    }
    print_line(&report)?;
    Ok(())
}

fn issues(settings: &Settings, deploy: bool, online: bool) -> Vec<checks::CheckMessage> {
    let mut issues = checks::settings(settings);
    issues.extend(checks::database(settings));
    if deploy {
        issues.extend(checks::deployment(settings));
        issues.extend(checks::deployed_accounts(settings));
    }
    if online {
        issues.extend(actix_web::rt::System::new().block_on(checks::online(settings)));
    }
    issues
}
