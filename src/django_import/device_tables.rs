//! Tables of second factors that do not exist here. The accounts that have rows in them are named.

use super::active::FALSE;
use crate::db::source::{Column, ForeignDatabase, quote_identifier};

/// Beginnings of names: django-otp and its plugins, django-two-factor-auth, django-allauth and django-mfa3.
const PREFIXES: [&str; 4] = ["otp_", "two_factor_", "mfa_", "django_otp_"];
/// Names: django-trench, django-mfa, django-multifactor, kagi, django-fido, and the phone devices of
/// django-two-factor-auth in a dump.
const NAMES: [&str; 10] = [
    "django_fido_authenticator",
    "django_mfa_authenticator",
    "django_mfa_u2fkey",
    "django_mfa_userotp",
    "kagi_backupcode",
    "kagi_totpdevice",
    "kagi_webauthnkey",
    "multifactor_userkey",
    "phonenumber_phonedevice",
    "trench_mfamethod",
];
/// Tables with such a name that hold no factors: handles of accounts, which are made before the first key.
const NO_FACTORS: [&str; 1] = ["otp_webauthn_webauthnuserhandle"];
/// Columns that say whether a factor is in use.
const IN_USE: [&str; 3] = ["confirmed", "enabled", "is_active"];
/// The table of django-mfa2. It names users by their usernames and has no foreign key.
pub(super) const MFA2: &str = "mfa_user_keys";

/// Whether the rows of a table are second factors.
pub(super) fn holds_factors(table: &str) -> bool {
    let has_prefix = PREFIXES.iter().any(|prefix| table.starts_with(prefix));
    (has_prefix || NAMES.contains(&table)) && !NO_FACTORS.contains(&table)
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
        for name in [
            "otp_hotp_hotpdevice",
            "two_factor_phonedevice",
            "two_factor_webauthn_webauthndevice",
            "otp_webauthn_webauthncredential",
            "mfa_mfakey",
            "trench_mfamethod",
            MFA2,
        ] {
            assert!(holds_factors(name), "{name}");
        }
        for name in [
            "otp_webauthn_webauthnuserhandle",
            "django_mfa_mfaexemption",
            "multifactor_disabledfallback",
            "auth_user_groups",
            "shop_mfa_",
        ] {
            assert!(!holds_factors(name), "{name}");
        }
    }
}
