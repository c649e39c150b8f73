//! What an emulator is started with.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use crate::seed::Seed;

/// The default address of `vestibule emulator`. WorkOS's own emulator uses the same port.
pub const DEFAULT_BIND: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4100);

/// The configuration of an emulator.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address to listen on. It must be a loopback address. Port 0, the default, selects a free
    /// port.
    pub bind: SocketAddr,
    /// The API key, which applications send as `client_secret` and as a bearer token.
    pub api_key: String,
    /// The client id.
    pub client_id: String,
    /// Users, organisations and connections.
    pub seed: Seed,
    /// Registered redirect URIs, compared exactly. If empty, any URI of this machine is allowed.
    pub redirect_uris: Vec<String>,
    /// Registered sign-out redirects. If empty, any URI of this machine is allowed.
    pub logout_uris: Vec<String>,
    /// Where a log-out without `return_to` redirects. By default it shows a page.
    pub logout_default: Option<String>,
    /// The lifetime of access tokens. The default is five minutes, as in WorkOS.
    pub access_token_lifetime: Duration,
    /// The claim `iss`. The default is the base URL and `/user_management/{client_id}`.
    pub issuer: Option<String>,
    /// If set, the emulator's clock starts at this time and moves only when a test advances it. An
    /// application whose clock a test sets, too, then never disagrees with the emulator.
    pub fixed_time: Option<SystemTime>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: SocketAddr::new(DEFAULT_BIND.ip(), 0),
            api_key: "sk_test_emulator".to_owned(),
            client_id: "client_emulator".to_owned(),
            seed: Seed::default(),
            redirect_uris: Vec::new(),
            logout_uris: Vec::new(),
            logout_default: None,
            access_token_lifetime: Duration::from_secs(300),
            issuer: None,
            fixed_time: None,
        }
    }
}
