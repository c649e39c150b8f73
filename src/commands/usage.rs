//! Tips in the errors of wrong usage.

use std::net::{Ipv4Addr, SocketAddr};

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::settings::parse_bind;

/// Adds a tip to the error of `runserver 0.0.0.0:8000`: Django takes the address as an argument.
pub(super) fn with_bind_tip(mut error: clap::Error) -> clap::Error {
    if let Some(address) = django_address(&error) {
        let tip = format!("the address is an option: `vestibule runserver --bind {address}`");
        error.insert(
            ContextKind::Suggested,
            ContextValue::StyledStrs(vec![tip.into()]),
        );
    }
    error
}

/// The address in an unexpected argument of `runserver`.
fn django_address(error: &clap::Error) -> Option<SocketAddr> {
    let usage = error.get(ContextKind::Usage)?.to_string();
    let ContextValue::String(argument) = error.get(ContextKind::InvalidArg)? else {
        return None;
    };
    if error.kind() != ErrorKind::UnknownArgument || !usage.contains("runserver") {
        return None;
    }
    if let Ok(port) = argument.parse() {
        return Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    // In Django, `0:8000` is short for every address.
    let every_address = argument
        .strip_prefix("0:")
        .and_then(|port| port.parse().ok());
    every_address
        .map(|port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
        .or_else(|| parse_bind(argument))
}
