//! The charset of a request body, under the names that Python knows, because Django decodes bodies with
//! Python's codecs.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16LE, mem};

/// Python's codecs that turn bytes into bytes, which Django REST framework refuses because some of them
/// decompress, and `undefined`, which encodes nothing.
const REFUSED_CODECS: [&str; 9] = [
    "base64",
    "bz2",
    "hex",
    "quopri",
    "rot13",
    "undefined",
    "uu",
    "zip",
    "zlib",
];

/// The charset of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// US-ASCII. Browsers read its name as Windows-1252, Python does not.
    Ascii,
    /// ISO 8859-1, likewise.
    Latin1,
    /// UTF-8 after an optional byte order mark.
    Utf8Signed,
    /// UTF-16 with a byte order mark.
    Utf16,
    /// UTF-32, which no browser knows.
    Utf32(Utf32),
    /// Any charset of the WHATWG Encoding Standard.
    Web(&'static Encoding),
}

/// The order of the bytes in UTF-32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Utf32 {
    /// As a byte order mark says.
    Marked,
    /// The lowest byte first.
    LittleEndian,
    /// The highest byte first.
    BigEndian,
}

impl Default for Charset {
    fn default() -> Self {
        Self::Web(UTF_8)
    }
}

impl Charset {
    /// The charset with this name. An unknown one counts as UTF-8, as in Django; `None` for a codec that
    /// Django REST framework refuses.
    pub fn named(name: &str) -> Option<Self> {
        match is_refused(&letters(name)) {
            true => None,
            false => Some(Self::known(name).unwrap_or_default()),
        }
    }

    /// The charset with this name, if it is known and not refused.
    pub fn known(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        let letters = letters(&name);
        if is_refused(&letters) {
            return None;
        }
        Some(match letters.as_str() {
            "ascii" | "usascii" | "646" => Self::Ascii,
            "latin1" | "latin" | "iso88591" | "l1" | "cp819" | "8859" => Self::Latin1,
            "utf8sig" => Self::Utf8Signed,
            "utf16" | "u16" => Self::Utf16,
            "utf32" | "u32" => Self::Utf32(Utf32::Marked),
            "utf32le" => Self::Utf32(Utf32::LittleEndian),
            "utf32be" => Self::Utf32(Utf32::BigEndian),
            _ => {
                let spellings = [
                    name.clone(),
                    name.replace(['_', ' '], "-"),
                    name.replace(['-', ' '], "_"),
                    letters.clone(),
                ];
                let labels = spellings.iter().map(String::as_bytes);
                let encoding = labels.filter_map(Encoding::for_label).next();
                let encoding = encoding.or_else(|| utf_16(&letters));
                Self::Web(encoding?)
            }
        })
    }

    /// The text, or `None` if the bytes are not valid in this charset.
    pub fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Ascii if !bytes.is_ascii() => None,
            Self::Latin1 => Some(latin1(bytes)),
            Self::Utf16 => Encoding::for_bom(bytes)
                .filter(|(encoding, _)| *encoding != UTF_8)
                .and_then(|(encoding, mark)| strictly(encoding, &bytes[mark..])),
            Self::Utf32(order) => utf_32(bytes, order).map(Cow::Owned),
            Self::Ascii => strictly(UTF_8, bytes),
            Self::Utf8Signed => strictly(UTF_8, without_mark(bytes)),
            Self::Web(encoding) => strictly(encoding, bytes),
        }
    }

    /// The same as Python decodes a whole text and not a stream: UTF-16 needs no byte order mark.
    pub fn decode_whole(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Utf16 if Encoding::for_bom(bytes).is_none() => strictly(UTF_16LE, bytes),
            Self::Utf32(Utf32::Marked) => {
                let little = || utf_32(bytes, Utf32::LittleEndian);
                utf_32(bytes, Utf32::Marked).or_else(little).map(Cow::Owned)
            }
            _ => self.decode(bytes),
        }
    }

    /// The text, with U+FFFD for what is not valid.
    pub fn decode_lossy(self, bytes: &[u8]) -> Cow<'_, str> {
        let encoding = match self {
            Self::Ascii if !bytes.is_ascii() => {
                let chars = bytes.iter().map(|byte| match byte.is_ascii() {
                    true => char::from(*byte),
                    false => char::REPLACEMENT_CHARACTER,
                });
                return Cow::Owned(chars.collect());
            }
            Self::Latin1 => return latin1(bytes),
            Self::Utf16 => return UTF_16LE.decode(bytes).0,
            Self::Utf32(_) => {
                let text = self.decode_whole(bytes);
                return text.unwrap_or_else(|| Cow::Owned(char::REPLACEMENT_CHARACTER.into()));
            }
            Self::Utf8Signed => return UTF_8.decode_without_bom_handling(without_mark(bytes)).0,
            Self::Ascii => UTF_8,
            Self::Web(encoding) => encoding,
        };
        encoding.decode_without_bom_handling(bytes).0
    }
}

/// ISO 8859-1, in which any bytes are valid.
pub fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    mem::decode_latin1(bytes)
}

fn letters(name: &str) -> String {
    let name = name.chars().filter(char::is_ascii_alphanumeric);
    name.map(|letter| letter.to_ascii_lowercase()).collect()
}

fn is_refused(letters: &str) -> bool {
    REFUSED_CODECS.contains(&letters.trim_end_matches("codec"))
}

/// The text in UTF-32; `None` if it is not valid, or has no mark where it needs one.
fn utf_32(bytes: &[u8], order: Utf32) -> Option<String> {
    let (bytes, is_little) = match order {
        Utf32::LittleEndian => (bytes, true),
        Utf32::BigEndian => (bytes, false),
        Utf32::Marked => match bytes.strip_prefix(b"\xff\xfe\0\0") {
            Some(rest) => (rest, true),
            None => (bytes.strip_prefix(b"\0\0\xfe\xff")?, false),
        },
    };
    let (units, rest) = bytes.as_chunks::<4>();
    let number = |unit: &[u8; 4]| match is_little {
        true => u32::from_le_bytes(*unit),
        false => u32::from_be_bytes(*unit),
    };
    let text = units.iter().map(|unit| char::from_u32(number(unit)));
    text.collect::<Option<String>>().filter(|_| rest.is_empty())
}

fn utf_16(letters: &str) -> Option<&'static Encoding> {
    let label = match letters {
        "utf16le" => "utf-16le",
        "utf16be" => "utf-16be",
        _ => return None,
    };
    Encoding::for_label(label.as_bytes())
}

fn strictly<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Option<Cow<'a, str>> {
    encoding.decode_without_bom_handling_and_without_replacement(bytes)
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_python() {
        for (name, bytes, text) in [
            ("utf-8", &b"\xc3\xa9"[..], "é"),
            ("UTF8", b"\xc3\xa9", "é"),
            ("latin-1", b"\xe9\x80", "é\u{80}"),
            ("ISO_8859-1", b"\xe9", "é"),
            ("cp1252", b"\x80", "€"),
            ("windows-1251", b"\xff", "я"),
            ("koi8_r", b"\xd1", "я"),
            ("shift_jis", b"\x93\xfa", "日"),
            ("utf-16", b"\xff\xfea\0", "a"),
            ("utf-16", b"\xfe\xff\0a", "a"),
            ("utf_16_le", b"a\0", "a"),
            ("utf-16-be", b"\0a", "a"),
            ("utf-32", b"\xff\xfe\0\0a\0\0\0", "a"),
            ("UTF32", b"\0\0\xfe\xff\0\0\0\xe9", "é"),
            ("utf_32_le", b"\xe9\0\0\0", "é"),
            ("utf-32-be", b"\0\x01\xf6\0", "\u{1f600}"),
            ("utf-8-sig", b"\xef\xbb\xbfa", "a"),
            ("utf-8", b"\xef\xbb\xbfa", "\u{feff}a"),
            ("no-such-charset", b"\xc3\xa9", "é"),
        ] {
            let charset = Charset::named(name).unwrap();
            assert_eq!(charset.decode(bytes).as_deref(), Some(text), "{name}");
            assert_eq!(charset.decode_lossy(bytes), text, "{name}");
        }
        for codec in ["bz2", "zlib_codec", "ROT-13", "base64", "undefined"] {
            assert_eq!(Charset::named(codec), None, "{codec}");
        }
    }

    #[test]
    fn bytes_that_are_not_valid_are_refused_or_replaced() {
        for (name, bytes, lossy) in [
            ("ascii", &b"a\xe9"[..], "a\u{fffd}"),
            ("utf-8", b"a\xff", "a\u{fffd}"),
            ("utf-16", b"a\0", "a"),
            ("utf-32", b"a\0\0\0", "a"),
            ("utf-32", b"a\0", "\u{fffd}"),
            ("utf-32-le", b"\0\0\x11\0", "\u{fffd}"),
        ] {
            let charset = Charset::named(name).unwrap();
            assert_eq!(charset.decode(bytes), None, "{name}");
            assert_eq!(charset.decode_lossy(bytes), lossy, "{name}");
        }
    }

    #[test]
    fn a_whole_text_in_utf_16_needs_no_mark() {
        let charset = Charset::named("utf-16").unwrap();
        for (bytes, text) in [
            (&b"a\0"[..], Some("a")),
            (b"\xff\xfea\0", Some("a")),
            (b"\xfe\xff\0a", Some("a")),
            (b"a=b", None),
        ] {
            assert_eq!(charset.decode_whole(bytes).as_deref(), text, "{bytes:?}");
        }
    }
}
