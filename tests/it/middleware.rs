//! What every request passes on its way in and out.

mod addresses;
mod bodies;
mod connections;
mod cookies;
mod cross_site;
mod fuzz;
mod headers;
mod hosts;
mod log;
mod malformed;
