//! Names that are asked about, and usual ones that are not.

use super::*;

fn asks(name: &str) -> bool {
    let flags = may_be_closed(name) || may_be_active(name);
    flags || may_have_words(name) || may_have_an_end(name) || may_be_closed_until(name)
}

#[test]
fn names_of_flags_are_recognized() {
    for name in "active Enabled is_enabled is_approved approved approved_at enable is_enable is_activated \
         can_login login_allowed isActive isactive activation_date useractive active2 active_flag activeflag \
         has_access".split_whitespace() {
        assert!(may_be_active(name) && !may_be_closed(name), "{name}");
    }
    for name in "is_deleted deleted deleted_at DISABLED is_banned date_removed locked_on account_locked \
         is_account_frozen expired_at suspended_by_id is_delete is_block is_lock is_ban is_disable disable \
         is_archive is_suspend soft_deleted is_soft_deleted is_deactivate is_deactive deactive softdelete \
         is_softdeleted is_retired login_disabled is_blacklisted cancelled_at delete_at delete_time deletion_date \
         deactivation_date termination_date ban_date left_on anonymized_at anonymised_at inactive is_not_active \
         isDeleted isdeleted canceled cancellation_date leaving_date suspension_reason ended_at lockout closed \
         rejected revoked terminated trashed archived removed suspended_at lock_reason closed_on expired \
         ban_code deleted_key deletedat banreason accountLocked is-banned discarded_at is_spammer merged_into_id \
         deletedFlag shadow_banned is_locked_out pending_deletion userdisabled".split_whitespace() {
        assert!(may_be_closed(name) && !may_be_active(name), "{name}");
    }
    for name in "active_until Valid_Until account_valid_to enabled_through expires expires_at \
         expiration_date user_expires_on date_expiry end_date membership_until membership_expires \
         access_until access_expires expire_time end_at validity_to expiresAt expirydate"
        .split_whitespace()
    {
        let asks_otherwise = may_be_active(name) || may_be_closed(name);
        assert!(may_have_an_end(name) && !asks_otherwise, "{name}");
    }
    for name in
        "banned_until blocked_until locked_until suspended_till ban_until lock_until lockUntil \
         lockout_end ban_expires_at suspension_end_date blocked_to banneduntil"
            .split_whitespace()
    {
        let asks_otherwise = may_be_active(name) || may_be_closed(name) || may_have_an_end(name);
        assert!(may_be_closed_until(name) && !asks_otherwise, "{name}");
    }
    for name in "expired_at ended_on termination_date retirement_date".split_whitespace() {
        assert!(may_have_an_end(name) && may_be_closed(name), "{name}");
    }
    for name in "status State account_status user_state status_id accountStatus account_state user_status \
         state_id status_code userstatus state_key membership_status approval_status login_status stateId \
         acctstatus is_status".split_whitespace() {
        assert!(may_have_words(name), "{name}");
    }
}

/// Columns of Django, and usual ones of profiles.
#[test]
fn usual_names_are_not_asked_about() {
    let usual = "id password last_login is_superuser username first_name last_name email is_staff is_active \
         date_joined is_verified email_verified newsletter is_online dark_mode country_code date_of_birth \
         two_factor_enabled mfa_enabled totp_enabled is_2fa_enabled email_confirmed is_email_verified \
         phone_verified sms_enabled push_enabled email_notifications_enabled disable_notifications \
         marketing_opt_in marketing_enabled terms_accepted_at created_at updated_at modified last_seen \
         last_activity last_active last_ip timezone locale language avatar bio website phone_number gender \
         city zip postal_code country address_line_1 is_public nickname display_name google_id uuid slug \
         referral_code api_key activation_key activation_code activation_token confirmation_token \
         password_changed_at must_change_password password_reset_token password_expires_at token_expires_at \
         failed_login_attempts stripe_customer_id onboarding_completed points rating level is_company \
         vat_number theme marital_status online_status employment_status relationship_status onlineStatus \
         newsletter_unsubscribed email_blocked job_title department company_id plan role user_type \
         is_premium credits calendar_url has_children email_status deletion_key unlock_code \
         dark_mode_enabled status_message presence_status billing_state";
    let asked: Vec<&str> = usual
        .split_whitespace()
        .filter(|name| *name != "is_active" && asks(name))
        .collect();
    assert!(asked.is_empty(), "{asked:?}");
}

#[test]
fn other_names_are_not_asked_about() {
    for name in "estate is_valid weekend urban banner location clock endpoint friend_id calendar blockchain \
         leftover island has_accessory address_to interstate statement statistics backend closet lender \
         notes_by spender"
        .split_whitespace()
    {
        assert!(!asks(name), "{name}");
    }
}
