//! The `vestibule` command.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use vestibule::commands::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.lines() {
                // Where stderr is closed, the exit code has to speak for itself.
                drop(writeln!(std::io::stderr(), "{line}"));
            }
            ExitCode::FAILURE
        }
    }
}
