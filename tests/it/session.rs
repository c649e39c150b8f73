//! The browser session: its cookie, its keys, its row and its revocation.

mod account_limits;
mod cookie;
mod facts;
mod foreign_cookies_and_prefetch;
mod idle;
mod idle_sign_in;
mod impersonation;
mod keys;
mod logout;
mod oversized;
mod revocation;
mod revocation_cache;
mod row;
