//! vestibule: the entrance hall of a web application.

pub mod emulator;
