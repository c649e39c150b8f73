//! The pages that a browser sees.

pub mod pages;
