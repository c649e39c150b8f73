//! The app in a real Chromium. Every page that is looked at is kept as a picture in
//! `artifacts/screenshots`, and must be sound: nothing in the console, nothing beyond the screen.

mod api_docs;
mod history;
mod journey;
mod keyboard;
mod logout;
mod organization;
mod passwords;
mod people;
mod readme;
mod refusals;
mod renewal;
mod sessions;
mod spa;
pub(crate) mod steps;
mod tabs;
mod unfinished;
