//! The encryption keys, derived from `SECRET_KEY`: each purpose has its own key.

use actix_web::cookie::Key;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use crate::sealing::{SealError, SealingKey};
use crate::settings::Settings;

/// The keys that are derived from one value of `SECRET_KEY`.
struct DerivedKeys {
    session: Key,
    login_attempt: Key,
    known_browser: Key,
    row: SealingKey,
    pending: SealingKey,
}

/// The keys in use: the newest, which seals, and the older ones, which only open.
pub struct Keys {
    newest: DerivedKeys,
    older: Vec<DerivedKeys>,
}

/// A decrypted value of a row.
#[derive(Debug, PartialEq, Eq)]
pub struct OpenedRow {
    /// The plain text.
    pub plain: Vec<u8>,
    /// Whether an older key sealed it, so that it should be sealed again.
    pub stale: bool,
}

impl Keys {
    /// Derives the keys from `SECRET_KEY` and `SECRET_KEY_FALLBACKS`.
    pub fn derive(settings: &Settings) -> Self {
        let older = settings
            .secret_key_fallbacks
            .iter()
            .map(DerivedKeys::from_secret)
            .collect();
        Self {
            newest: DerivedKeys::from_secret(&settings.secret_key),
            older,
        }
    }

    /// Whether there are keys of `SECRET_KEY_FALLBACKS`.
    pub fn has_fallbacks(&self) -> bool {
        !self.older.is_empty()
    }

    /// The key of session cookies.
    pub fn session(&self) -> &Key {
        &self.newest.session
    }

    /// The older keys of session cookies.
    pub fn session_fallbacks(&self) -> impl Iterator<Item = &Key> {
        self.older.iter().map(|derived| &derived.session)
    }

    /// The keys of login attempts' cookies, the newest first.
    pub fn login_attempt(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.newest)
            .chain(&self.older)
            .map(|derived| &derived.login_attempt)
    }

    /// The keys of the cookies of known browsers, the newest first.
    pub fn known_browser(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.newest)
            .chain(&self.older)
            .map(|derived| &derived.known_browser)
    }

    /// Encrypts a value for a row. The value is bound to `place` (the table and the row's id), so that it
    /// does not open in another row.
    pub fn seal_row(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        self.newest.row.seal(place, plain)
    }

    /// Encrypts a pending sign-in for a client of the API, as URL-safe text.
    pub fn seal_pending(&self, plain: &[u8]) -> Result<String, SealError> {
        self.seal_text("", plain)
    }

    /// Decrypts a value of [`seal_pending`](Self::seal_pending); `None` if no key opens it.
    pub fn open_pending(&self, sealed: &str) -> Option<Vec<u8>> {
        self.open_text("", sealed)
    }

    /// Encrypts a value that a client keeps for this `purpose` only, as URL-safe text.
    pub fn seal_text(&self, purpose: &str, plain: &[u8]) -> Result<String, SealError> {
        let sealed = self.newest.pending.seal(purpose, plain)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Decrypts a value of [`seal_text`](Self::seal_text) for the same `purpose`; `None` if no key opens
    /// it.
    pub fn open_text(&self, purpose: &str, sealed: &str) -> Option<Vec<u8>> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let mut keys = std::iter::once(&self.newest).chain(&self.older);
        keys.find_map(|derived| derived.pending.open(purpose, &sealed))
    }

    /// Decrypts a value of [`seal_row`](Self::seal_row) for the same `place`; `None` if no key opens it.
    pub fn open_row(&self, place: &str, sealed: &[u8]) -> Option<OpenedRow> {
        let open = |derived: &DerivedKeys| derived.row.open(place, sealed);
        match open(&self.newest) {
            Some(plain) => Some(OpenedRow {
                plain,
                stale: false,
            }),
            None => self
                .older
                .iter()
                .find_map(open)
                .map(|plain| OpenedRow { plain, stale: true }),
        }
    }
}

impl DerivedKeys {
    fn from_secret(secret: &SecretString) -> Self {
        let secret = secret.expose_secret().as_bytes();
        let row: [u8; 32] = expand(secret, b"vestibule: rows, version 1");
        let pending: [u8; 32] = expand(secret, b"vestibule: unfinished sign-in, version 1");
        Self {
            session: Key::from(&expand::<64>(
                secret,
                b"vestibule: session cookie, version 1",
            )),
            login_attempt: Key::from(&expand::<64>(
                secret,
                b"vestibule: login attempt, version 1",
            )),
            known_browser: Key::from(&expand::<64>(
                secret,
                b"vestibule: known browser, version 1",
            )),
            row: SealingKey::new(&row),
            pending: SealingKey::new(&pending),
        }
    }
}

/// A key of 32 bytes for this purpose, derived from a value of `SECRET_KEY`.
pub(crate) fn derive_key(secret: &SecretString, purpose: &[u8]) -> [u8; 32] {
    expand(secret.expose_secret().as_bytes(), purpose)
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA-256 (RFC 5869) without a salt, because `SECRET_KEY` is long and random.
#[expect(
    clippy::expect_used,
    reason = "HKDF-SHA-256 expands to at most 255 × 32 bytes, and 64 are the most that are requested"
)]
fn expand<const N: usize>(secret: &[u8], purpose: &[u8]) -> [u8; N] {
    let mut key = [0; N];
    Salt::new(HKDF_SHA256, &[])
        .extract(secret)
        .expand(&[purpose], Length(N))
        .and_then(|okm| okm.fill(&mut key))
        .expect("the length is within HKDF's bound");
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Source;

    fn keys(secret: &str, fallbacks: &str) -> Keys {
        let settings = Settings::read(&Source::from_pairs([
            ("WORKOS_API_KEY", "sk_1"),
            ("WORKOS_CLIENT_ID", "client_1"),
            ("SECRET_KEY", secret),
            ("SECRET_KEY_FALLBACKS", fallbacks),
        ]));
        Keys::derive(&settings.unwrap())
    }

    const OLD: &str = "the-older-key-for-tests-with-more-than-fifty-characters";
    const NEW: &str = "the-newer-key-for-tests-with-more-than-fifty-characters";

    #[test]
    fn a_sealed_value_opens_only_with_its_key_and_in_its_row() {
        let keys = keys(NEW, "");
        let sealed = keys.seal_row("sessions:1", b"token").unwrap();
        assert!(!sealed.windows(5).any(|window| window == b"token"));
        let opened = keys.open_row("sessions:1", &sealed).unwrap();
        assert_eq!(
            opened,
            OpenedRow {
                plain: b"token".to_vec(),
                stale: false
            }
        );
        assert_eq!(keys.open_row("sessions:2", &sealed), None);
        assert_eq!(keys.open_row("sessions:1", &sealed[1..]), None);
        assert_eq!(keys.open_row("sessions:1", b""), None);
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(keys.open_row("sessions:1", &altered), None, "byte {at}");
        }
    }

    #[test]
    fn sealing_a_value_twice_gives_different_results() {
        let keys = keys(NEW, "");
        assert_ne!(
            keys.seal_row("p", b"x").unwrap(),
            keys.seal_row("p", b"x").unwrap()
        );
    }

    #[test]
    fn a_value_that_an_older_key_sealed_is_stale() {
        let sealed = keys(OLD, "").seal_row("p", b"x").unwrap();
        assert!(keys(NEW, OLD).open_row("p", &sealed).unwrap().stale);
        assert_eq!(keys(NEW, "").open_row("p", &sealed), None);
    }

    #[test]
    fn a_pending_sign_in_does_not_open_as_a_row() {
        let keys = keys(NEW, "");
        let sealed = keys.seal_pending(b"token").unwrap();
        assert_eq!(keys.open_pending(&sealed).unwrap(), b"token");
        let row = URL_SAFE_NO_PAD.encode(keys.seal_row("", b"token").unwrap());
        for other in [&row, "", "made-up", "é", &sealed[..sealed.len() - 1]] {
            assert_eq!(keys.open_pending(other), None, "{other}");
        }
        let other = keys.seal_text("made up", b"token").unwrap();
        assert_eq!(keys.open_text("made up", &other).unwrap(), b"token");
        assert_eq!(keys.open_pending(&other), None, "another purpose");
        let older = self::keys(OLD, "").seal_pending(b"x").unwrap();
        assert_eq!(self::keys(NEW, OLD).open_pending(&older).unwrap(), b"x");
        assert_eq!(keys.open_pending(&older), None);
    }

    #[test]
    fn every_purpose_has_its_own_key() {
        let keys = keys(NEW, "");
        assert_ne!(
            keys.session().encryption(),
            keys.login_attempt().next().unwrap().encryption()
        );
    }
}
