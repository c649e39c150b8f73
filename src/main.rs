//! The `vestibule` command.

use std::io::Write;
use std::process::ExitCode;

use vestibule::commands::Cli;
use vestibule::logging;

fn main() -> ExitCode {
    let result = Cli::from_arguments().run();
    logging::flush();
    match result {
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
