//! HTTP clients of the tests.

use reqwest::{Client, ClientBuilder};

/// The two hosts of the tests with more than one.
pub(crate) const HOSTS: [&str; 2] = ["a.site.localhost", "b.site.localhost"];

/// A builder for a client without proxy, certificates and reuse of connections.
///
/// All servers of the tests are reached over plain HTTP, and to read the system's certificates takes longer
/// than most tests. A client that reuses connections may open one more than it needs, for the next request.
/// On a busy machine the server times out while it waits for that request and sends a 408, and the request
/// that is then sent there fails.
///
/// The names of `HOSTS` lead to this machine, as in browsers, and unlike in some systems.
pub(crate) fn plain_client_builder() -> ClientBuilder {
    let client = Client::builder();
    let client = HOSTS.iter().fold(client, |client, host| {
        client.resolve(host, ([127, 0, 0, 1], 0).into())
    });
    client
        .no_proxy()
        .tls_certs_only([])
        .pool_max_idle_per_host(0)
}

/// A client of [`plain_client_builder`].
pub(crate) fn plain_client() -> Client {
    plain_client_builder().build().expect("a client")
}
