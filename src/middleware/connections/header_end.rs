//! Finds where the headers of a request may end.

/// The shortest request: `GET / HTTP/1.1` and two line feeds.
const SHORTEST_REQUEST: usize = 16;

/// Finds empty lines in what arrives on a connection, in parts of any size. Bodies may have some too.
#[derive(Debug, Default)]
pub(super) struct HeaderEnds {
    /// Whether nothing but a carriage return has followed the last line feed.
    is_at_line_start: bool,
    /// The bytes since the last end.
    since_end: usize,
}

impl HeaderEnds {
    /// How many of these next bytes there are up to an empty line, with it; all of them if there is none. What
    /// is shorter than a request does not end, so that empty lines alone are not many parts.
    pub(super) fn part(&mut self, bytes: &[u8]) -> usize {
        for (index, byte) in bytes.iter().enumerate() {
            self.since_end += 1;
            match byte {
                b'\n' if self.is_at_line_start && self.since_end >= SHORTEST_REQUEST => {
                    *self = Self::default();
                    return index + 1;
                }
                b'\n' => self.is_at_line_start = true,
                b'\r' => {}
                _ => self.is_at_line_start = false,
            }
        }
        bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of bytes that arrive in pieces of this size.
    fn parts(bytes: &str, piece: usize) -> Vec<String> {
        let (mut ends, mut parts) = (HeaderEnds::default(), vec![String::new()]);
        for mut piece in bytes.as_bytes().chunks(piece) {
            while !piece.is_empty() {
                let (part, rest) = piece.split_at(ends.part(piece));
                let last = parts.last_mut().unwrap();
                last.push_str(std::str::from_utf8(part).unwrap());
                if ends.since_end == 0 {
                    parts.push(String::new());
                }
                piece = rest;
            }
        }
        parts.retain(|part| !part.is_empty());
        parts
    }

    #[test]
    fn each_request_is_a_part_however_it_arrives() {
        let requests = [
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET / HTTP/1.1\n\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\n\r\n",
            "abcGET / HTTP/1.1\r\n\r\n",
            "GET /rest",
        ];
        for piece in [1, 2, 3, 7, 16, 1_000] {
            assert_eq!(parts(&requests.concat(), piece), requests, "{piece}");
        }
    }

    #[test]
    fn empty_lines_alone_are_few_parts() {
        assert_eq!(parts(&"\n".repeat(1_000), 100).len(), 1_000 / 16 + 1);
    }
}
