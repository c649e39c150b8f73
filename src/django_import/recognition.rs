//! A table of names of columns and tables, most of them of public Django projects, and what an import makes of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::options::{ImportOptions, ImportSource};
use super::source::DjangoUserTable;
use crate::clock::Clock;
use crate::db::source::{ForeignDatabase, ScratchColumn, ScratchDatabase, ScratchValue};
use crate::settings::{LoginField, PasswordLogin};

/// What eight accounts have in a column; an empty text is no value.
const FLAGS: [&str; 8] = ["0", "1", "0", "1", "0", "1", "0", "1"];
const TIMES: [&str; 8] = [
    "",
    "2025-01-01 10:00:01",
    "",
    "2025-02-01 10:00:02",
    "",
    "2025-03-01 10:00:03",
    "",
    "2025-04-01 10:00:04",
];
const FUTURE: [&str; 8] = [
    "2025-01-01",
    "2099-01-01",
    "2025-01-02",
    "2099-01-02",
    "2025-01-03",
    "2099-01-03",
    "2025-01-04",
    "2099-01-04",
];
const SECRETS: [&str; 8] = [
    "",
    "JBSWY3DPEHPK3PXP",
    "",
    "GEZDGNBVGY3TQOJQ",
    "",
    "KRSXG5CTMVRXEZLU",
    "",
    "MFRGGZDFMZTWQ2LK",
];
const CODES: [&str; 8] = [
    "[]",
    r#"["1a2b3c4d", "2b3c4d5e", "3c4d5e6f", "4d5e6f7a"]"#,
    "[]",
    "",
    "",
    "",
    "",
    "",
];
const STATUS: [&str; 8] = [
    "active",
    "active",
    "active",
    "suspended",
    "active",
    "suspended",
    "active",
    "active",
];
const SETTING: [&str; 8] = [
    "enabled", "disabled", "enabled", "disabled", "enabled", "enabled", "enabled", "enabled",
];
const PLACES: [&str; 8] = ["CA", "NY", "CA", "NY", "TX", "CA", "NY", "TX"];
const KINDS: [&str; 8] = ["a", "b", "a", "b", "a", "b", "a", "b"];
const METHODS: [&str; 8] = [
    "password", "totp", "password", "totp", "password", "totp", "password", "totp",
];
const TEXTS: [&str; 8] = ["x1", "y2", "z3", "p4", "q5", "r6", "s7", "t8"];

const EPOCHS: [&str; 8] = [
    "0",
    "1735689601",
    "0",
    "1735689602",
    "0",
    "1735689603",
    "0",
    "1735689604",
];
const DAYS: [&str; 8] = [
    "", "20250131", "", "20250201", "", "20250202", "", "20250203",
];

/// What an import does with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It counts the accounts that have a second factor by it.
    Factor,
    /// It lists it among the columns beside second factors.
    Beside,
    /// It stops with a question.
    Asked,
    /// It lists it among the columns that close nothing.
    Listed,
    /// It says nothing.
    Ignored,
}

use Outcome::{Asked, Beside, Factor, Ignored, Listed};

const CHECKS: [&str; 8] = [
    "approved",
    "rejected",
    "approved",
    "expired",
    "approved",
    "rejected",
    "cancelled",
    "approved",
];

const COLUMNS: [(&str, [&str; 8], Outcome); 29] = [
    (
        "otp_secret totp_secret two_factor_secret twofa_secret two_fa_secret tfa_secret mfa_secret otp_base32 \
         otp_auth_url google_auth_secret ga_secret gauth_key googleauth_secret auth_app_secret step_up_secret totp_key \
         otp_secrete secreto_totp authenticator_secret twoFactorSecret TOTPSecret two_factor_temp_secret u2f_key \
         hardware_key recovery_code recovery_codes backup_codes backup_tokens scratch_codes emergency_codes mfa_code \
         two_factor_code otp otp_code yubikey_id authy_id duo_username webauthn_id webAuthnKey passkey_id security_key \
         doble_factor_secreto one_time_password_key onetime_password oath_seed",
        TEXTS,
        Factor,
    ),
    (
        "two_factor_enabled is_two_factor_enabled two_fa_enabled is_two_fa_enabled is_2fa_enabled is2FAEnabled \
         enable_2fa use_2fa has_2fa require_2fa is_2fa_required enabled_2FA verified_2fa is_twofa is_2fa 2fa_on \
         sms_2fa_enabled email_2fa_enabled email_otp_enabled otp_sms_enabled otp_enabled otp_verified otp_login_enabled \
         totp_verification_enabled mfa_required mfa_sms mfa_email_enabled is_totp is_mfa_enabled google_auth_enabled \
         require_google_auth security_key_enabled two_step_verification 2step_enabled second_step_enabled \
         sms_auth_enabled has_passkey duo_enabled dual_auth strong_auth sca_enabled isTwoFactorEnabled twoFAEnabled \
         tfa_active",
        FLAGS,
        Factor,
    ),
    (
        "two_fa_method mfa_method two_factor_method two_factor_type preferred_2fa",
        METHODS,
        Factor,
    ),
    (
        "mfa_enabled_at totp_confirmed_at two_factor_since two_factor_setup_at",
        TIMES,
        Factor,
    ),
    // The values say what the names do not.
    ("secret secret_key shared_key pin_key x", SECRETS, Factor),
    ("codes spare_keys x", CODES, Factor),
    (
        "otp_created_at otp_expires_at otp_expiry two_factor_expires two_factor_deadline mfa_last_used \
         otp_sent_at two_factor_auth_code_requested last_otp_at email_otp_created_at",
        TIMES,
        Beside,
    ),
    (
        "otp_attempts otp_counter mfa_version mfa_disabled skip_2fa totp_signup two_factor_dismissed",
        FLAGS,
        Beside,
    ),
    (
        "email_otp phone_otp email_otp_code sms_otp login_code google_auth_id google_auth",
        TEXTS,
        Beside,
    ),
    ("verification_method login_method", METHODS, Beside),
    ("app_secret hidden_seed client_secret", TEXTS, Beside),
    // Closed accounts.
    (
        "is_deleted deleted is_del del_flag del_yn delflag nologin isDeleted is_dlt soft_deleted deleteFlag is_banned isBan banned is_blocked \
         is_suspended is_deactivated is_shadow_banned is_locked is_locked_out is_archived is_disabled disabled is_dead \
         is_fired fired laid_off on_hold is_on_hold dead gone is_former is_ex_employee is_deprovisioned kicked \
         is_kicked no_login deny_login prevent_login login_disabled is_blacklisted dropped_out is_terminated gesperrt \
         bloqueado pending_approval needs_activation enabled approved is_approved active is_enabled activo aktiv \
         can_login can_sign_in login_allowed is_allowed allowed is_alive has_access not_deleted activeFlag act_flag_active \
         is_resigned is_retired key_disabled trashed in_trash is_trashed void",
        FLAGS,
        Asked,
    ),
    (
        "deleted_at deletedAt deactivated_at suspended_at fired_at fired_on exit_date last_working_day last_day \
         last_day_of_work not_after deprovisioned_at left_on date_left leaving_date date_of_leaving on_hold_since \
         laid_off_on kicked_at forgotten_at tombstoned_at sacked_on relieved_on relieving_date died_at date_of_death \
         churned_at termination_date contract_end contract_end_date employment_end_date end_date expires_at valid_until \
         valid_thru access_ends access_stopped_at stopped_at ban_end banned_until bannedtill lock_expiry locked_till \
         unlock_at unbanned_at reactivation_date block_end_date banExpiration lockout_until cooldown_until \
         suspended_till resignation_date offboarded_at deregistered_at separation_date secession_date discharged_on closed_on purge_at wiped_at fecha_baja",
        TIMES,
        Asked,
    ),
    (
        "reasonBan ban_reason lock_reason suspension_reason deleted_by exit_reason",
        TEXTS,
        Asked,
    ),
    (
        "status account_status user_state status_id accountStatus state_key membership_status approval_status estado \
         estatus statut",
        KINDS,
        Asked,
    ),
    // A value says what the name does not, or denies.
    (
        "customer_status worker_status employment_status account_mode user_mode login_mode caller_state link_state \
         phone_status customer_type version_status device_state phase x email_status state tier",
        STATUS,
        Asked,
    ),
    (
        "valid_from active_from access_from starts_on",
        FUTURE,
        Asked,
    ),
    // About something else.
    ("state estado", PLACES, Listed),
    (
        "subscription_status kyc_status onboarding_status payment_status document_status verification_state",
        CHECKS,
        Listed,
    ),
    ("review_status", CHECKS, Asked),
    (
        "notifications email_status sms_notifications newsletter",
        SETTING,
        Listed,
    ),
    (
        "premium_until subscription_until trial_until plan_expires_at subscription_ends_at card_expiry passport_expiry \
         password_expires_at password_changed_at token_revoked_at email_verified_at last_seen birthday valid_from \
         hidden_at sunset_at terms_accepted_at x deleted_email_at",
        TIMES,
        Listed,
    ),
    ("premium_until x", FUTURE, Listed),
    (
        "left_handed leave_balance ads_removed spam_score is_valid valid hidden is_hidden muted flagged is_visible is_live is_current password_disabled email_blocked \
         email_disabled device_blocked phone_banned account_url_disabled blocked_by_device is_verified \
         email_verified newsletter is_premium sms_enabled terms_accepted in_use use_yn",
        FLAGS,
        Listed,
    ),
    ("seen_ts out_dt met_on", EPOCHS, Listed),
    ("seen_ts out_dt met_on", DAYS, Listed),
    ("gender customer_status work_mode theme", KINDS, Listed),
    (
        "bio nickname phone_number api_key activation_key referral_code stripe_customer_id google_id avatar",
        TEXTS,
        Ignored,
    ),
    ("password_reset_token session_key", TEXTS, Ignored),
];

fn options(all_active: bool) -> ImportOptions {
    ImportOptions {
        from: ImportSource::Dump(PathBuf::from("unused.json")),
        table: "people".to_owned(),
        view_of: None,
        renamed_from: None,
        columns: BTreeMap::new(),
        active_columns: Vec::new(),
        closed_columns: Vec::new(),
        active_until_columns: Vec::new(),
        closed_until_columns: Vec::new(),
        all_active,
        workos_id_column: None,
        login_field: LoginField::Email,
        password_login: PasswordLogin::Unlinked,
        emails_verified: false,
        legacy_hashers: false,
        issuers: BTreeMap::new(),
        known_issuers: BTreeMap::new(),
        require_totp: false,
        batch: 10,
        factors: Vec::new(),
        no_factors: Vec::new(),
        dry_run: true,
    }
}

fn column(name: &str) -> ScratchColumn {
    ScratchColumn {
        name: name.to_owned(),
        references: None,
    }
}

/// Eight accounts with these values in each of the columns.
fn people(names: &[&str], values: [&str; 8]) -> ForeignDatabase {
    let mut scratch = ScratchDatabase::create().unwrap();
    let columns = ["id", "email", "password", "is_active"].iter().chain(names);
    let columns: Vec<_> = columns.map(|name| column(name)).collect();
    scratch.create_table("people", &columns).unwrap();
    for (value, key) in values.iter().zip(1..) {
        let text = |text: &str| match text {
            "" => ScratchValue::Null,
            text => ScratchValue::Text(text.to_owned()),
        };
        let email = format!("{key}@example.com");
        let mut row = vec![
            ScratchValue::Integer(key),
            text(&email),
            text("!"),
            text("1"),
        ];
        row.extend(names.iter().map(|_| text(value)));
        assert!(scratch.insert("people", row).unwrap());
    }
    scratch.into_source().unwrap()
}

/// What an import does with each of these columns, which have the same values.
fn outcomes(names: &[&str], values: [&str; 8]) -> Vec<Outcome> {
    let (mut source, now) = (people(names, values), Clock::system().now());
    let question = match DjangoUserTable::find(&mut source, &options(false), now) {
        Ok(_) => String::new(),
        Err(question) => question.to_string(),
    };
    let asked = |name: &str| {
        let mut words = question.split([' ', '.', ',', '=']);
        words.any(|word| word == name)
    };
    let table = DjangoUserTable::find(&mut source, &options(true), now).unwrap();
    let notes = table.notes();
    let is_in = |lines: &[String], name: &str| {
        lines
            .iter()
            .any(|line| line.starts_with(&format!("{name}: ")))
    };
    let outcome = |name: &&str| match name {
        name if asked(name) => Asked,
        name if notes.factors.contains_key(&format!("people.{name}")) => Factor,
        name if is_in(&notes.beside_factors, name) => Beside,
        name if is_in(&notes.unread_columns, name) => Listed,
        _ => Ignored,
    };
    names.iter().map(outcome).collect()
}

#[test]
fn columns_are_recognized_by_their_names_and_values() {
    let mut wrong = Vec::new();
    for (names, values, expected) in COLUMNS {
        let names: Vec<&str> = names.split_whitespace().collect();
        for (name, found) in names.iter().zip(outcomes(&names, values)) {
            if found != expected {
                wrong.push(format!(
                    "{name} {values:?}: {found:?}, and not {expected:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
