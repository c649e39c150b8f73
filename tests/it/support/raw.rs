//! A minimal HTTP/1.1 client that can send bytes which no client library sends.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Far longer than any time limit of the server. A test that reaches it has found a hang.
const HANG_TIMEOUT: Duration = Duration::from_secs(45);

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct RawResponse {
    /// The status.
    pub(crate) status: u16,
    /// The headers, with names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body. Chunks are joined, the content encoding is kept.
    pub(crate) body: Vec<u8>,
}

impl RawResponse {
    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(other, _)| other == name);
        named.next().map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Connection {
    /// Connects to `http://HOST:PORT` on this machine.
    pub(crate) fn open(url: &str) -> Self {
        let port = port(url);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let stream = TcpStream::connect_timeout(&address, HANG_TIMEOUT);
        let stream = stream.expect("the server listens");
        stream
            .set_read_timeout(Some(HANG_TIMEOUT))
            .expect("a timeout");
        stream
            .set_write_timeout(Some(HANG_TIMEOUT))
            .expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// Sends bytes. Returns false if the server has closed the connection.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends a request without a body; `lines` are its header lines. Returns false if the server has
    /// closed the connection.
    pub(crate) fn request(&mut self, method: &str, target: &str, lines: &[&str]) -> bool {
        let mut text = format!("{method} {target} HTTP/1.1\r\n");
        for line in lines {
            text.push_str(line);
            text.push_str("\r\n");
        }
        self.send(format!("{text}\r\n").as_bytes())
    }

    /// Reads the response to a request other than HEAD. `None` if the server closes the connection.
    pub(crate) fn answer(&mut self) -> Option<RawResponse> {
        self.read_answer(true)
    }

    /// Reads the response to a HEAD request.
    pub(crate) fn answer_to_head(&mut self) -> Option<RawResponse> {
        self.read_answer(false)
    }

    /// Reads everything until the server closes the connection.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.read_more() {}
        std::mem::take(&mut self.received)
    }

    fn read_answer(&mut self, with_body: bool) -> Option<RawResponse> {
        let head = self.take_until(b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = RawResponse {
            status,
            headers,
            body: Vec::new(),
        };
        if status == 100 {
            return self.read_answer(with_body);
        }
        if with_body && !matches!(status, 204 | 304) {
            answer.body = self.read_body(&answer)?;
        }
        Some(answer)
    }

    fn read_body(&mut self, answer: &RawResponse) -> Option<Vec<u8>> {
        if answer.header("transfer-encoding") == Some("chunked") {
            let mut body = Vec::new();
            loop {
                let line = self.take_until(b"\r\n")?;
                let size = std::str::from_utf8(&line).ok()?.trim();
                let size = usize::from_str_radix(size, 16).ok()?;
                let chunk = self.take(size + 2)?;
                body.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    return Some(body);
                }
            }
        }
        match answer.header("content-length") {
            Some(length) => self.take(length.parse().ok()?),
            None => Some(self.rest()),
        }
    }

    fn take_until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            let at = self
                .received
                .windows(end.len())
                .position(|window| window == end);
            if let Some(at) = at {
                return self.take(at + end.len());
            }
            if !self.read_more() {
                return None;
            }
        }
    }

    fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.received.len() < length {
            if !self.read_more() {
                return None;
            }
        }
        let rest = self.received.split_off(length);
        Some(std::mem::replace(&mut self.received, rest))
    }

    /// False at the end of the connection, however it came.
    fn read_more(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(read) => {
                self.received.extend_from_slice(&buffer[..read]);
                true
            }
            Err(error) => {
                let hangs = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(!hangs, "the server neither answers nor closes");
                false
            }
        }
    }
}

/// The answer to these bytes on a connection of their own; `None` when there is none.
pub(crate) fn ask(url: &str, bytes: &[u8]) -> Option<RawResponse> {
    let mut connection = Connection::open(url);
    // A server that refuses a request early may close before all of it is sent. Its response can be
    // read nevertheless.
    connection.send(bytes);
    connection.answer()
}

/// The port of `http://HOST:PORT`.
pub(crate) fn port(url: &str) -> u16 {
    let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
    port.expect("a URL with a port")
}
