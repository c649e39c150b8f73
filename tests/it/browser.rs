//! The app in a real Chromium. Every page that a test checks is saved as a screenshot in
//! `artifacts/screenshots`. It must have no console error, and nothing may extend beyond the screen.

mod addresses;
mod api_docs;
mod forward_auth;
mod history;
mod hosts;
mod journey;
mod keyboard;
mod logout;
mod organization;
mod passwords;
mod people;
mod readme_screenshots;
mod reauthentication;
mod refusals;
mod renewal;
mod second_factor;
mod sessions;
mod spa;
pub(crate) mod steps;
mod tabs;
mod unfinished;
mod usernames;
