//! Time-based one-time passwords (RFC 6238), as authenticator apps show them: SHA-1, six digits, a new
//! code every thirty seconds.

use totp_rs::{Builder, Secret, SecretParseError, Totp, TotpError};
use url::form_urlencoded::byte_serialize;

use super::groups::in_groups;
use crate::clock::Timestamp;
use crate::random::{RandomnessError, random_bytes};

/// 160 bits, RFC 4226's recommendation.
const SECRET_BYTES: usize = 20;

/// The secret that an authenticator app and this server share.
#[derive(Clone)]
pub struct TotpSecret(Totp);

impl TotpSecret {
    /// Generates a secret.
    pub fn generate() -> Result<Self, TotpSecretError> {
        Self::from_bytes(&random_bytes::<SECRET_BYTES>()?)
    }

    /// The secret with these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TotpSecretError> {
        let totp = Builder::new().with_secret(Secret::from(bytes)).build()?;
        Ok(Self(totp))
    }

    /// The secret as authenticator apps show it, in base32.
    pub fn from_base32(text: &str) -> Result<Self, TotpSecretError> {
        let secret = Secret::try_from_base32(text.trim_end_matches('=').to_ascii_uppercase())?;
        Self::from_bytes(secret.as_bytes())
    }

    /// The secret's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.secret().as_bytes()
    }

    /// The secret as users type it, in groups of four characters.
    pub fn in_groups(&self) -> String {
        in_groups(&self.0.secret().to_base32(), " ")
    }

    /// The address that authenticator apps read from a QR code.
    pub fn uri(&self, issuer: &str, account: &str) -> String {
        // Authenticator apps show a `+` as it is, so a space is `%20`.
        let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let [issuer, account] = [issuer, account].map(|text| encode(text).replace('+', "%20"));
        let secret = self.0.secret().to_base32();
        format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}")
    }

    /// The code that an authenticator app shows at this time.
    pub fn code(&self, now: Timestamp) -> String {
        self.0.generate(unix_seconds(now)).to_string()
    }

    /// The time step of a code; `None` if it is the code of neither the current step, the one before
    /// nor the one after.
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<i64> {
        let step = self.0.check(code, unix_seconds(now))?;
        i64::try_from(step).ok()
    }
}

/// A negative time is before 1970, when there were no authenticator apps.
fn unix_seconds(now: Timestamp) -> u64 {
    u64::try_from(now.seconds()).unwrap_or_default()
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum TotpSecretError {
    /// The system's random number generator failed.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
    /// The bytes are no secret.
    #[error("not the secret of an authenticator app: {0}")]
    Invalid(#[from] TotpError),
    /// The text is no base32.
    #[error("not the secret of an authenticator app: {0}")]
    NotBase32(#[from] SecretParseError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    /// The test vectors of RFC 6238, appendix B, with the last six of their eight digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890").unwrap();
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.code(at(seconds)), code, "{seconds}");
            assert_eq!(secret.step_of(code, at(seconds)), Some(seconds / 30));
        }
    }

    #[test]
    fn a_code_is_valid_one_step_before_and_after_its_own() {
        let secret = TotpSecret::generate().unwrap();
        let now = 1_800_000_000;
        let code = secret.code(at(now));
        for (difference, valid) in [
            (-60, false),
            (-30, true),
            (30, true),
            (59, true),
            (60, false),
        ] {
            let step = secret.step_of(&code, at(now + difference));
            assert_eq!(step, valid.then_some(now / 30), "{difference}");
        }
        for other in ["", "+12345", "12345", "1234567", "abcdef", "١٢٣٤٥٦"] {
            assert_eq!(secret.step_of(other, at(now)), None, "{other}");
        }
    }

    #[test]
    fn the_uri_is_escaped_and_the_secret_is_in_groups() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890").unwrap();
        assert_eq!(
            secret.uri("My site:1", "ada+1@example.com"),
            "otpauth://totp/My%20site%3A1:ada%2B1%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=My%20site%3A1"
        );
        assert_eq!(
            secret.in_groups(),
            "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"
        );
        assert!(TotpSecret::from_bytes(b"short").is_err());
    }
}
