//! Names of columns of second factors, and the words that name one. An account whose factor is not recognised signs in with its password
//! alone, so a name counts unless it clearly belongs to something beside a factor, and such a name is still listed.

use super::words::words;

/// Parts of words of names. They cover django-otp and its plugins, django-two-factor-auth, django-allauth, django-mfa,
/// django-mfa2, django-mfa3, django-trench, django-multifactor, kagi, django-fido, django-lokdown, django-secure-auth,
/// and what projects make themselves.
const PARTS: [&str; 34] = [
    "2fa",
    "2factor",
    "2step",
    "authapp",
    "authenticatorapp",
    "authy",
    "backupcode",
    "duosecurity",
    "emaildevice",
    "fido2",
    "googleauth",
    "hardwarekey",
    "hotpdevice",
    "loginverification",
    "mfa",
    "multifactor",
    "onetimecode",
    "onetimepass",
    "passkey",
    "phonedevice",
    "recoverycode",
    "scratchcode",
    "secondfactor",
    "secureauth",
    "securitykey",
    "smsdevice",
    "stepup",
    "totp",
    "twofa",
    "twofactor",
    "twostep",
    "u2f",
    "webauthn",
    "yubi",
];
/// Parts that a name may also have across its words, such as `is2FAEnabled` and `one_time_password`.
const ACROSS_WORDS: [&str; 6] = [
    "2fa",
    "2factor",
    "2step",
    "onetimecode",
    "onetimepass",
    "u2f",
];
/// Words of names, or their beginnings and ends.
const WORDS: [&str; 3] = ["fido", "otp", "tfa"];
/// Whole words of names.
const WHOLE_WORDS: [&str; 7] = [
    "2sv",
    "authenticator",
    "authenticators",
    "duo",
    "gauth",
    "oath",
    "sca",
];
/// Words that name a factor together: one of the first list, and then one of the second one.
const PAIRS: [(&[&str], &[&str]); 13] = [
    (
        &["2", "dual", "multi", "second", "two"],
        &["auth", "fa", "factor", "factors", "stage", "step"],
    ),
    (
        &["backup", "emergency", "recovery", "rescue", "scratch"],
        &["code", "codes"],
    ),
    (
        &["backup", "emergency", "scratch", "static"],
        &["token", "tokens"],
    ),
    (&["hardware", "security"], &["key", "keys"]),
    (&["hardware", "soft", "software"], &["token", "tokens"]),
    (&["auth", "authentication"], &["app"]),
    (&["ga"], &["code", "enabled", "key", "secret"]),
    (&["pass"], &["keys"]),
    (&["sms", "strong"], &["auth", "authentication"]),
    (&["step"], &["up", "verification"]),
    (&["web"], &["authn"]),
    (
        &["deux", "doble", "dois", "dos", "duplo", "zwei"],
        &[
            "facteurs", "factor", "factores", "faktor", "fator", "fatores", "pasos",
        ],
    ),
    (&["zweifaktor", "zweiter"], &["auth", "faktor"]),
];
/// Words beside `google_auth` of a name that is about the app of Google's, and not about a sign-in through Google.
const OF_GOOGLES_APP: [&str; 15] = [
    "active",
    "base32",
    "code",
    "confirmed",
    "enabled",
    "key",
    "on",
    "qr",
    "require",
    "required",
    "secret",
    "seed",
    "setup",
    "url",
    "verified",
];
/// Words of columns that only belong to factors: counters, times of codes, and flags of accounts that need none.
const BESIDE_COLUMNS: [&str; 41] = [
    "attempt",
    "attempts",
    "bypass",
    "cooldown",
    "count",
    "counter",
    "created",
    "deadline",
    "disable",
    "disabled",
    "dismissed",
    "exempt",
    "exempted",
    "expiration",
    "expire",
    "expired",
    "expires",
    "expiry",
    "fail",
    "failed",
    "failures",
    "grace",
    "last",
    "lock",
    "locked",
    "optional",
    "prompt",
    "prompted",
    "reminder",
    "requested",
    "resend",
    "reset",
    "retries",
    "sent",
    "signup",
    "skip",
    "skipped",
    "timeout",
    "tries",
    "used",
    "version",
];
/// Words of a column with a code that confirms an address, if it has no others.
const OF_ADDRESSES: [&str; 11] = [
    "address",
    "code",
    "confirmation",
    "email",
    "mail",
    "mobile",
    "otp",
    "phone",
    "sms",
    "verification",
    "whatsapp",
];
/// Those of them that name the address.
const ADDRESSES: [&str; 6] = ["email", "mail", "mobile", "phone", "sms", "whatsapp"];

/// What the name of a column says about second factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FactorColumn {
    /// It holds a factor, or says that there is one.
    Factor,
    /// It belongs to factors, and does not say that an account has one: a counter, the time of a code.
    Beside,
}

impl FactorColumn {
    /// What the name of a column says; `None` if it is about something else.
    pub(super) fn of(name: &str) -> Option<Self> {
        let words = words(name);
        let is_beside = match names_factor(&words) {
            true => has(&words, &BESIDE_COLUMNS) || is_code_of_address(&words),
            false if has_pair(&words, (&["google", "microsoft"], &["auth"])) => {
                !has(&words, &OF_GOOGLES_APP)
            }
            false if has_pair(&words, (&["login", "signin"], &["code", "pin"])) => true,
            false => return None,
        };
        Some(match is_beside {
            true => Self::Beside,
            false => Self::Factor,
        })
    }
}

/// Whether a column of the user table has a second factor, or says that there is one.
pub(super) fn is_factor_column(name: &str) -> bool {
    FactorColumn::of(name) == Some(FactorColumn::Factor)
}

/// Whether a value is the name of a kind of second factors, such as `totp`.
pub(super) fn is_name_of_factor(value: &str) -> bool {
    let words = words(value);
    words.len() <= 4 && names_factor(&words)
}

/// Whether a name has a word of secrets, so that a secret of every account is one of a factor.
pub(super) fn is_called_secret(name: &str) -> bool {
    let words = words(name);
    let mut secrets = ["secret", "secreto", "seed", "base32", "qr"].iter();
    secrets.any(|secret| words.iter().any(|word| word.contains(secret)))
}

/// Whether words name a second factor.
pub(super) fn names_factor(words: &[String]) -> bool {
    let has_part = |word: &String| PARTS.iter().any(|part| word.contains(part));
    let is_word = |word: &String| {
        let mut wanted = WORDS.iter();
        let is_whole = WHOLE_WORDS.contains(&word.as_str());
        is_whole || wanted.any(|wanted| word.starts_with(wanted) || word.ends_with(wanted))
    };
    let compact = words.concat();
    words.iter().any(|word| has_part(word) || is_word(word))
        || PAIRS.iter().any(|pair| has_pair(words, *pair))
        || ACROSS_WORDS.iter().any(|part| compact.contains(part))
}

/// Whether a word names a second factor, and may as well be the name of an application or a company: `duo`, `otpbank`.
pub(super) fn is_ambiguous(word: &str) -> bool {
    let is_part = |part: &&str| word.contains(*part);
    let is_beginning =
        |known: &&str| word != *known && (word.starts_with(*known) || word.ends_with(*known));
    let is_whole = WHOLE_WORDS.contains(&word) && word != "2sv";
    !PARTS.iter().any(is_part) && (is_whole || WORDS.iter().any(is_beginning))
}

/// Whether a code in the column confirms an address, such as `email_otp`.
fn is_code_of_address(words: &[String]) -> bool {
    let of_address = |word: &String| OF_ADDRESSES.contains(&word.as_str());
    has(words, &ADDRESSES) && words.iter().all(of_address)
}

fn has(words: &[String], wanted: &[&str]) -> bool {
    words.iter().any(|word| wanted.contains(&word.as_str()))
}

fn has_pair(words: &[String], (first, second): (&[&str], &[&str])) -> bool {
    words.windows(2).any(|pair| match pair {
        [one, two] => first.contains(&one.as_str()) && second.contains(&two.as_str()),
        _ => false,
    })
}

#[cfg(test)]
mod tests;
