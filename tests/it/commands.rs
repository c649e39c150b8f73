//! The commands, each run as a process in an empty folder.

mod accounts;
mod check;
mod demo;
mod dotenv;
mod emulator;
mod example;
mod help;
mod logging;
mod migrate;
mod migrate_locks;
mod runserver;
mod stopping;
mod systemd;
