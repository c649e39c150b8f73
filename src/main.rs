//! The `vestibule` command.

use std::io::Write;
use std::process::ExitCode;

use vestibule::commands::Cli;

fn main() -> ExitCode {
    match Cli::from_arguments().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.lines() {
                // If stderr is closed, only the exit code tells of the error.
                drop(writeln!(std::io::stderr(), "{line}"));
            }
            ExitCode::FAILURE
        }
    }
}
