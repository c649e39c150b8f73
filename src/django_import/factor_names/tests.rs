use super::*;

#[test]
fn tables_of_factors_are_told_by_their_names() {
    for name in "otp_hotp_hotpdevice two_factor_phonedevice two_factor_webauthn_webauthndevice \
         otp_webauthn_webauthncredential mfa_mfakey trench_mfamethod otp_twilio_twiliosmsdevice \
         otp_email_emaildevice otp_yubikey_remoteyubikeydevice multifactor_multifactorkey multifactor_userkey \
         mfa_userkeys mfa_user_keys django_mfa_userotp django_mfa_u2fkey passkeys_userpasskey \
         phonenumber_phonedevice deux_multifactorauth kagi_totpdevice kagi_backupcode u2f_u2fkey \
         accounts_totpdevice accounts_twofactor accounts_twofa accounts_usertotp core_mfasecret accounts_otpsecret \
         accounts_webauthnkey accounts_securitykey duo_user authy_authyuser drf_mfa_method users_twofactorauth \
         accounts_authenticatorapp accounts_recoverycode allauth_2fa_x account_smsdevice users_userotp \
         users_recovery_codes django_fido_authenticator accounts_googleauth accounts_loginverification \
         lokdown_usertimebasedonetimepasswords secureauth_userauthtoken django_twofactor_userauthtoken \
         users_twofactorconfig simplemfa_authorizationgrant otp_static_staticdevice otp_static_statictoken \
         security_keys_securitykey admin_2fa_trusteddevice accounts_user2fa \
         events_totpdevice blog_totpdevice catalog_twofactor sessions_twofactor"
        .split_whitespace()
    {
        assert!(holds_factors(name), "{name}");
    }
    for name in "otp_webauthn_webauthnuserhandle django_mfa_mfaexemption multifactor_disabledfallback \
         auth_user_groups shop_order shop_footprint account_emailaddress authtoken_token shop_hotplate \
         otp_email_log users_loginattempt shop_promocode users_userkey socialaccount_socialaccount blog_author \
         account_emailconfirmation core_blogauthor shop_twofold"
        .split_whitespace()
    {
        assert!(!holds_factors(name), "{name}");
    }
}

#[test]
fn names_of_other_things_are_none_of_factors() {
    for name in "password footprint email_verified security_question google_id oauth_uid is_author blogauthor \
         second_name two_letters recovery_email backup_email stepson step_count mode_of_travel auth_provider \
         gauge authored_at health hotplate promo_code"
        .split_whitespace()
    {
        assert_eq!(FactorColumn::of(name), None, "{name}");
    }
}
