//! Every key of ours, derived from `SECRET_KEY`: one purpose, one key.

use actix_web::cookie::Key;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use crate::settings::Settings;

/// Random bytes in what nobody may guess: 256 bits, RFC 7636's recommendation.
const RANDOM_BYTES: usize = 32;

/// The keys that came from one value of `SECRET_KEY`.
struct Derived {
    session: Key,
    login_attempt: Key,
    row: RandomizedNonceKey,
    pending: RandomizedNonceKey,
}

/// The keys in force: the newest, which seals, and the older ones, which only open.
pub struct Keys {
    newest: Derived,
    older: Vec<Derived>,
}

/// What a sealed value held, and whether an older key opened it.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened {
    /// The plain text.
    pub plain: Vec<u8>,
    /// Sealed under a fallback key: worth sealing anew.
    pub stale: bool,
}

impl Keys {
    /// Derives the keys of `SECRET_KEY` and of `SECRET_KEY_FALLBACKS`.
    pub fn derive(settings: &Settings) -> Self {
        let older = settings
            .secret_key_fallbacks
            .iter()
            .map(Derived::from_secret)
            .collect();
        Self {
            newest: Derived::from_secret(&settings.secret_key),
            older,
        }
    }

    /// The session cookie's key.
    pub fn session(&self) -> &Key {
        &self.newest.session
    }

    /// The keys that may have sealed a session cookie earlier.
    pub fn session_fallbacks(&self) -> impl Iterator<Item = &Key> {
        self.older.iter().map(|derived| &derived.session)
    }

    /// The keys of login attempts' cookies, the newest first.
    pub fn login_attempt(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.newest)
            .chain(&self.older)
            .map(|derived| &derived.login_attempt)
    }

    /// Encrypts a value for a row. `place` (table, column and row) is bound to it, so that a sealed
    /// value that is moved elsewhere does not open there.
    pub fn seal_row(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        seal(&self.newest.row, place, plain)
    }

    /// Encrypts what a client of the API holds of an unfinished sign-in, as URL-safe text.
    pub fn seal_pending(&self, plain: &[u8]) -> Result<String, SealError> {
        let sealed = seal(&self.newest.pending, "", plain)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens what [`seal_pending`](Self::seal_pending) made; `None` when no key fits.
    pub fn open_pending(&self, sealed: &str) -> Option<Vec<u8>> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let mut keys = std::iter::once(&self.newest).chain(&self.older);
        keys.find_map(|derived| open(&derived.pending, "", &sealed))
    }

    /// Opens what [`seal_row`](Self::seal_row) made for the same `place`; `None` when no key fits.
    pub fn open_row(&self, place: &str, sealed: &[u8]) -> Option<Opened> {
        let open = |derived: &Derived| open(&derived.row, place, sealed);
        match open(&self.newest) {
            Some(plain) => Some(Opened {
                plain,
                stale: false,
            }),
            None => self
                .older
                .iter()
                .find_map(open)
                .map(|plain| Opened { plain, stale: true }),
        }
    }
}

/// Encrypts `plain`, bound to `place`: the nonce, then the text with its tag.
fn seal(key: &RandomizedNonceKey, place: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut text = plain.to_vec();
    let nonce = key
        .seal_in_place_append_tag(Aad::from(place), &mut text)
        .map_err(|_| SealError)?;
    Ok([nonce.as_ref().as_slice(), &text].concat())
}

fn open(key: &RandomizedNonceKey, place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    let plain = key.open_in_place(nonce, Aad::from(place), &mut text).ok()?;
    Some(plain.to_vec())
}

/// 256 random bits as URL-safe text, for a `state`, a PKCE verifier, an id of ours.
pub(crate) fn random_text() -> Result<String, Unspecified> {
    let mut bytes = [0; RANDOM_BYTES];
    rand::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// A number from 0 to 1 that differs from one call to the next; the middle where there is no
/// randomness, since nothing secret hangs on it.
pub(crate) fn random_fraction() -> f64 {
    let mut byte = [128];
    let filled = rand::fill(&mut byte);
    match filled {
        Ok(()) => f64::from(byte[0]) / 255.0,
        Err(Unspecified) => 0.5,
    }
}

/// The system has no randomness to give.
#[derive(Debug, thiserror::Error)]
#[error("a value could not be encrypted")]
pub struct SealError;

impl Derived {
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
            row: aes_key(&row),
            pending: aes_key(&pending),
        }
    }
}

#[expect(clippy::expect_used, reason = "the key is 32 bytes, AES-256's length")]
fn aes_key(bytes: &[u8; 32]) -> RandomizedNonceKey {
    RandomizedNonceKey::new(&AES_256_GCM, bytes).expect("32 bytes are a key")
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA-256 (RFC 5869) without salt: `SECRET_KEY` is long and random already.
#[expect(
    clippy::expect_used,
    reason = "HKDF gives up to 255 × 32 bytes, far more than are asked"
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
    fn a_row_opens_with_its_key_in_its_place_only() {
        let keys = keys(NEW, "");
        let sealed = keys.seal_row("sessions:1", b"token").unwrap();
        assert!(!sealed.windows(5).any(|window| window == b"token"));
        let opened = keys.open_row("sessions:1", &sealed).unwrap();
        assert_eq!(
            opened,
            Opened {
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
    fn the_same_value_is_never_sealed_alike_twice() {
        let keys = keys(NEW, "");
        assert_ne!(
            keys.seal_row("p", b"x").unwrap(),
            keys.seal_row("p", b"x").unwrap()
        );
    }

    #[test]
    fn an_older_key_opens_and_is_told() {
        let sealed = keys(OLD, "").seal_row("p", b"x").unwrap();
        assert!(keys(NEW, OLD).open_row("p", &sealed).unwrap().stale);
        assert_eq!(keys(NEW, "").open_row("p", &sealed), None);
    }

    #[test]
    fn an_unfinished_sign_in_opens_as_one_only() {
        let keys = keys(NEW, "");
        let sealed = keys.seal_pending(b"token").unwrap();
        assert_eq!(keys.open_pending(&sealed).unwrap(), b"token");
        let row = URL_SAFE_NO_PAD.encode(keys.seal_row("", b"token").unwrap());
        for other in [&row, "", "made-up", "é", &sealed[..sealed.len() - 1]] {
            assert_eq!(keys.open_pending(other), None, "{other}");
        }
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
