//! The database going away and coming back while the app runs.

mod disk;
mod postgres;
