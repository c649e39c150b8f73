//! A small blocklist of breached passwords, in the format of Have I Been Pwned.

/// The listed password. It passes Django's validators.
pub(crate) const BREACHED: &str = "Sunny-harbour-31";

/// SHA-1 hashes and counts, sorted by hash; the middle one is that of [`BREACHED`].
pub(crate) fn content() -> String {
    [
        "0000000CAEF405439D57847A8657218C618160B2:15",
        "E5A04D87E9F336723E7EEA271D82EBA7CCF84D42:7",
        "FFFFFFFEE791CBAC0F6305CAF0CEE06BBE131160:2",
    ]
    .join("\r\n")
}
