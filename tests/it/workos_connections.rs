//! Connections to WorkOS that WorkOS closes while they are idle.
//!
//! A server closes an idle connection after its keep-alive time. If a request is sent on it at that
//! moment, the connection is reset without a response. The client cannot know whether the server has
//! processed the request, so it must not repeat the exchange of an authorization code.

use std::net::SocketAddr;

use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::app::TestApp;
use crate::support::log;

/// A proxy that serves one request on each connection. On the second request, it closes the connection
/// without a response, as a server does whose keep-alive time has just passed.
async fn proxy_without_second_requests(upstream: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((downstream, _)) = listener.accept().await {
            tokio::spawn(serve_one_request(downstream, upstream));
        }
    });
    address
}

async fn serve_one_request(mut downstream: TcpStream, upstream: SocketAddr) -> std::io::Result<()> {
    let mut upstream = TcpStream::connect(upstream).await?;
    let (mut request, mut response) = ([0; 16_384], [0; 16_384]);
    let mut has_responded = false;
    loop {
        tokio::select! {
            read = downstream.read(&mut request) => match read? {
                0 => return Ok(()),
                _ if has_responded => return Ok(()),
                length => upstream.write_all(&request[..length]).await?,
            },
            read = upstream.read(&mut response) => match read? {
                0 => return Ok(()),
                length => {
                    downstream.write_all(&response[..length]).await?;
                    has_responded = true;
                }
            },
        }
    }
}

#[tokio::test]
async fn a_code_is_not_sent_on_a_connection_that_may_be_closed() {
    log::capture();
    let workos = TestApp::start();
    let upstream = workos.emulator.base_url();
    let upstream = upstream.trim_start_matches("http://").parse().unwrap();
    let proxy = proxy_without_second_requests(upstream).await;
    let app = TestApp::builder()
        .setting("WORKOS_API_BASE_URL", &format!("http://{proxy}"))
        .start();
    for _ in 0..3 {
        let response = app.visitor().sign_in("ada@example.com").await;
        assert_eq!(response.status(), StatusCode::FOUND);
    }
    assert_eq!(app.sessions().len(), 3);
}
