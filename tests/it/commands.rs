//! The commands, as real processes in empty folders.

mod accounts;
mod check;
mod demo;
mod dotenv;
mod emulator;
mod example;
mod help;
mod migrate;
mod runserver;
mod stopping;
