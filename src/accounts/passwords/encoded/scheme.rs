//! The schemes of stored password hashes.

/// The scheme of a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PasswordScheme {
    /// `argon2$…`
    Argon2,
    /// `pbkdf2_sha256$…`
    Pbkdf2Sha256,
    /// `pbkdf2_sha1$…`
    Pbkdf2Sha1,
    /// `pbkdf2_wrapped_sha1$…`: PBKDF2 of a SHA-1 hash.
    Pbkdf2WrappedSha1,
    /// `pbkdf2_wrapped_md5$…`: PBKDF2 of an MD5 hash.
    Pbkdf2WrappedMd5,
    /// `bcrypt_sha256$…`
    BcryptSha256,
    /// `bcrypt$…`
    Bcrypt,
    /// `scrypt$…`
    Scrypt,
    /// `md5$salt$…`, imported with `--legacy-hashers`, as all of the following.
    Md5,
    /// `sha1$salt$…`
    Sha1,
    /// An MD5 hash alone, or `md5$$…`.
    UnsaltedMd5,
    /// `sha1$$…`
    UnsaltedSha1,
    /// `crypt$$$5$…` or `crypt$$$6$…`
    Crypt,
    /// `!…`: deliberately no password.
    Unusable,
    /// Anything else, including malformed hashes and excessive parameters. No password matches it.
    Unknown,
}

impl PasswordScheme {
    /// Django's name of the scheme.
    pub fn name(self) -> &'static str {
        match self {
            Self::Argon2 => "argon2",
            Self::Pbkdf2Sha256 => "pbkdf2_sha256",
            Self::Pbkdf2Sha1 => "pbkdf2_sha1",
            Self::Pbkdf2WrappedSha1 => "pbkdf2_wrapped_sha1",
            Self::Pbkdf2WrappedMd5 => "pbkdf2_wrapped_md5",
            Self::BcryptSha256 => "bcrypt_sha256",
            Self::Bcrypt => "bcrypt",
            Self::Scrypt => "scrypt",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::UnsaltedMd5 => "unsalted_md5",
            Self::UnsaltedSha1 => "unsalted_sha1",
            Self::Crypt => "crypt",
            Self::Unusable => "unusable",
            Self::Unknown => "unknown",
        }
    }

    /// Whether Django has removed the hasher, because its hashes are too weak.
    pub fn is_legacy(self) -> bool {
        matches!(
            self,
            Self::Md5 | Self::Sha1 | Self::UnsaltedMd5 | Self::UnsaltedSha1 | Self::Crypt
        )
    }
}
