//! Tables and columns of second factors that do not exist here, told by their names. The accounts that have one are
//! named.

use super::active::{FALSE, words};
use crate::db::source::{Column, ForeignDatabase, quote_identifier};

/// Parts of words of names. They cover django-otp and its plugins, django-two-factor-auth, django-allauth, django-mfa,
/// django-mfa2, django-mfa3, django-trench, django-multifactor, kagi, django-fido, and what projects make themselves.
const PARTS: [&str; 22] = [
    "2fa",
    "authenticator",
    "authy",
    "backupcode",
    "emaildevice",
    "hotpdevice",
    "mfa",
    "multifactor",
    "passkey",
    "phonedevice",
    "recoverycode",
    "secondfactor",
    "securitykey",
    "smsdevice",
    "totp",
    "twofactor",
    "twostep",
    "u2f",
    "webauthn",
    "yubico",
    "yubikey",
    "fido2",
];
/// Words of names, or their beginnings and ends.
const WORDS: [&str; 3] = ["fido", "otp", "tfa"];
/// Words that name a factor together.
const PAIRS: [(&str, &str); 9] = [
    ("backup", "code"),
    ("backup", "codes"),
    ("multi", "factor"),
    ("recovery", "code"),
    ("recovery", "codes"),
    ("second", "factor"),
    ("security", "key"),
    ("two", "factor"),
    ("two", "step"),
];
/// Ends of words of tables that only belong to factors: handles of accounts, which are made before the first key, and
/// records of their use.
const BESIDE: [&str; 16] = [
    "attempt",
    "attempts",
    "audit",
    "challenge",
    "challenges",
    "event",
    "events",
    "exemption",
    "fallback",
    "history",
    "log",
    "logs",
    "session",
    "sessions",
    "throttle",
    "userhandle",
];
/// Words of columns that only belong to factors, or to codes that confirm an address.
const NO_FACTOR: [&str; 26] = [
    "at",
    "attempt",
    "attempts",
    "code",
    "count",
    "counter",
    "created",
    "date",
    "email",
    "expires",
    "expiry",
    "failed",
    "last",
    "prompt",
    "prompted",
    "requested",
    "required",
    "reset",
    "sent",
    "signup",
    "sms",
    "step",
    "time",
    "tries",
    "verification",
    "version",
];
/// Columns that say whether a factor is in use.
const IN_USE: [&str; 8] = [
    "active",
    "confirmed",
    "enabled",
    "is_active",
    "is_confirmed",
    "is_enabled",
    "is_verified",
    "verified",
];
/// What a column of a factor holds for accounts without one, besides the spellings of a false flag.
const NO_VALUE: &str = "'none', 'null', 'disabled', '[]', '{}'";
/// The table of django-mfa2. It names users by their usernames and has no foreign key.
pub(super) const MFA2: &str = "mfa_user_keys";

/// Whether the rows of a table are second factors.
pub(super) fn holds_factors(table: &str) -> bool {
    let words = words(table);
    let is_beside = |word: &String| BESIDE.iter().any(|end| word.ends_with(end));
    let has_word = |wanted: &str| words.iter().any(|word| word == wanted);
    (names_factor(&words) || has_word("duo")) && !words.iter().any(is_beside)
}

/// Whether a column of the user table has a second factor, or says that there is one.
pub(super) fn is_factor_column(name: &str) -> bool {
    let words = words(name);
    let is_other = words.iter().any(|word| NO_FACTOR.contains(&word.as_str()));
    // Recovery codes are a factor, and have a word of codes.
    names_factor(&words) && !is_other
}

fn names_factor(words: &[String]) -> bool {
    let has_part = |word: &String| PARTS.iter().any(|part| word.contains(part));
    let is_word = |word: &String| {
        let mut wanted = WORDS.iter();
        wanted.any(|wanted| word.starts_with(wanted) || word.ends_with(wanted))
    };
    let is_pair = |pair: &[String]| match pair {
        [first, second] => PAIRS.contains(&(first.as_str(), second.as_str())),
        _ => false,
    };
    words.iter().any(|word| has_part(word) || is_word(word)) || words.windows(2).any(is_pair)
}

/// The condition that a column of the user table says that an account has a factor.
pub(super) fn column_is_in_use(source: &ForeignDatabase, column: &str) -> String {
    let text = source.as_text(column);
    format!("COALESCE(lower(trim({text})), '') NOT IN ('', {FALSE}, {NO_VALUE})")
}

/// The condition that a row `r` is a factor in use, for a table with these columns, after another condition.
pub(super) fn is_in_use(source: &ForeignDatabase, columns: &[Column]) -> String {
    let flags = columns
        .iter()
        .filter(|column| IN_USE.contains(&column.name.as_str()));
    let conditions = flags.map(|column| {
        let text = source.as_text(&format!("r.{}", quote_identifier(&column.name)));
        format!(" AND COALESCE(lower({text}), 'true') NOT IN ({FALSE})")
    });
    conditions.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_factors_are_told_by_their_names() {
        for name in "otp_hotp_hotpdevice two_factor_phonedevice two_factor_webauthn_webauthndevice \
             otp_webauthn_webauthncredential mfa_mfakey trench_mfamethod otp_twilio_twiliosmsdevice \
             otp_email_emaildevice otp_yubikey_remoteyubikeydevice multifactor_multifactorkey multifactor_userkey \
             mfa_userkeys django_mfa_userotp django_mfa_u2fkey passkeys_userpasskey phonenumber_phonedevice \
             deux_multifactorauth kagi_totpdevice kagi_backupcode u2f_u2fkey accounts_totpdevice accounts_twofactor \
             accounts_usertotp core_mfasecret accounts_otpsecret accounts_webauthnkey accounts_securitykey duo_user \
             authy_authyuser drf_mfa_method users_twofactorauth accounts_authenticatorapp accounts_recoverycode \
             allauth_2fa_x account_smsdevice users_userotp users_recovery_codes django_fido_authenticator"
            .split_whitespace()
            .chain([MFA2])
        {
            assert!(holds_factors(name), "{name}");
        }
        for name in "otp_webauthn_webauthnuserhandle django_mfa_mfaexemption multifactor_disabledfallback \
             auth_user_groups shop_order shop_footprint account_emailaddress authtoken_token shop_hotplate \
             otp_email_log users_loginattempt shop_promocode users_userkey"
            .split_whitespace()
        {
            assert!(!holds_factors(name), "{name}");
        }
    }

    #[test]
    fn columns_of_factors_are_told_by_their_names() {
        for name in "otp_secret totp_key mfa_enabled two_factor_enabled twoFactorEnabled authy_id is_2fa_enabled \
             tfa_secret u2f_key recovery_codes_hash webauthn_id otp_enabled has_passkey otp"
            .split_whitespace()
        {
            assert!(is_factor_column(name), "{name}");
        }
        for name in "email_otp otp_expires_at otp_created_at last_otp_step mfa_required password reset_otp is_active \
             footprint otp_attempts email_verified security_question"
            .split_whitespace()
        {
            assert!(!is_factor_column(name), "{name}");
        }
    }
}
