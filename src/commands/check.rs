//! `vestibule check`.

use super::{CommandError, say};
use crate::checks::{self, Level, Report};
use crate::settings::{Settings, SettingsError, Source};

pub(super) fn run(deploy: bool, fail_level: Level, online: bool) -> Result<(), CommandError> {
    let settings = Source::load()
        .map_err(SettingsError::from)
        .and_then(|source| Settings::read(&source));
    let report = Report::new(match &settings {
        Ok(settings) => issues(settings, deploy, online),
        Err(error) => checks::unreadable_settings(error),
    });
    if report.reaches(fail_level) {
        return Err(CommandError::Failed(report.to_string()));
    }
    say(&report)?;
    Ok(())
}

fn issues(settings: &Settings, deploy: bool, online: bool) -> Vec<checks::Issue> {
    let mut issues = checks::settings(settings);
    issues.extend(checks::database(settings));
    if deploy {
        issues.extend(checks::deployment(settings));
    }
    if online {
        issues.extend(actix_web::rt::System::new().block_on(checks::online(settings)));
    }
    issues
}
