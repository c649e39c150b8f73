//! The browser session: its cookie, its keys, its row and its revocation.

mod cookie;
mod impersonation;
mod keys;
mod logout;
mod neighbours;
mod oversized;
mod revocation;
mod row;
mod vouching;
