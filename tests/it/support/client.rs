//! HTTP clients of the tests.

use reqwest::{Client, ClientBuilder};

/// A builder for a client without proxy and certificates. All servers of the tests are reached over plain
/// HTTP, and to read the system's certificates takes longer than most tests.
pub(crate) fn plain_client_builder() -> ClientBuilder {
    Client::builder().no_proxy().tls_certs_only([])
}

/// A client with the default options, without proxy and certificates.
pub(crate) fn plain_client() -> Client {
    plain_client_builder().build().expect("a client")
}
