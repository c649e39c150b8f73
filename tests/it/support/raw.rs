//! HTTP by hand: the bytes that no client library would send, and what comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Far longer than any bound of the server's: a test that meets it has found something that hangs.
const HANGS: Duration = Duration::from_secs(45);

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// As it was sent, chunks put together.
    pub(crate) body: Vec<u8>,
}

impl Answer {
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
        let stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)));
        let stream = stream.expect("the server listens");
        stream.set_read_timeout(Some(HANGS)).expect("a timeout");
        stream.set_write_timeout(Some(HANGS)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// Sends these bytes; false when the server has gone.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends a whole request without a body; `lines` are its header lines. False when the server
    /// has gone.
    pub(crate) fn request(&mut self, method: &str, target: &str, lines: &[&str]) -> bool {
        let mut text = format!("{method} {target} HTTP/1.1\r\n");
        for line in lines {
            text.push_str(line);
            text.push_str("\r\n");
        }
        self.send(format!("{text}\r\n").as_bytes())
    }

    /// The next answer, to a request other than HEAD; `None` when the server closes instead.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        self.read_answer(true)
    }

    /// The next answer, to HEAD.
    pub(crate) fn answer_to_head(&mut self) -> Option<Answer> {
        self.read_answer(false)
    }

    /// What the server still sends before it closes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.read_more() {}
        std::mem::take(&mut self.received)
    }

    fn read_answer(&mut self, with_body: bool) -> Option<Answer> {
        let head = self.take_until(b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Answer {
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

    fn read_body(&mut self, answer: &Answer) -> Option<Vec<u8>> {
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
pub(crate) fn ask(url: &str, bytes: &[u8]) -> Option<Answer> {
    let mut connection = Connection::open(url);
    // A server that refuses half-way may close before all is sent: its answer is there all the same.
    connection.send(bytes);
    connection.answer()
}

/// The port of `http://HOST:PORT`.
pub(crate) fn port(url: &str) -> u16 {
    let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
    port.expect("a URL with a port")
}
