//! Names of tables of public Django projects and of others.

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
        assert!(may_hold_factors(name, "auth_user"), "{name}");
    }
    for name in "otp_webauthn_webauthnuserhandle django_mfa_mfaexemption multifactor_disabledfallback \
         auth_user_groups shop_order shop_footprint account_emailaddress authtoken_token shop_hotplate \
         otp_email_log users_loginattempt shop_promocode users_userkey socialaccount_socialaccount blog_author \
         account_emailconfirmation core_blogauthor shop_twofold"
        .split_whitespace()
    {
        assert!(!may_hold_factors(name, "auth_user"), "{name}");
    }
}

/// The name of an application alone is not enough.
#[test]
fn an_application_may_be_called_like_a_factor() {
    let column = |name: &str| Column {
        name: name.to_owned(),
        is_key: false,
        sql_type: String::new(),
    };
    for name in "duo_order otpbank_payment authenticator_profile oath_member softfido_article"
        .split_whitespace()
    {
        let found = FactorTableName::of(name, "users_user");
        assert_eq!(found, Some(FactorTableName::OfApplication), "{name}");
        let orders = [column("id"), column("user_id"), column("total")];
        assert!(!FactorTableName::OfApplication.holds_factors(&orders));
        for told in ["secret", "public_key", "confirmed", "otp_code", "duo_id"] {
            let columns = [column("id"), column(told)];
            assert!(
                FactorTableName::OfApplication.holds_factors(&columns),
                "{told}"
            );
        }
    }
    for name in "duo_user duo_device otpauth_device authenticator_token otp_request mfa_profile fido2_profile \
         passkeys_thing duo_totp"
        .split_whitespace()
    {
        let found = FactorTableName::of(name, "users_user");
        assert_eq!(found, Some(FactorTableName::Factors), "{name}");
    }
    // That of the user table says nothing.
    for (name, users) in [
        ("authenticator_profile", "authenticator_user"),
        ("authenticator_user_groups", "authenticator_user"),
        ("authenticator_user_user_permissions", "authenticator_user"),
        ("mfa_order", "mfa_user"),
        ("otp_user_groups", "otp_user"),
    ] {
        assert_eq!(FactorTableName::of(name, users), None, "{name}");
    }
    for (name, users) in [
        ("authenticator_totpdevice", "authenticator_user"),
        ("mfa_authenticator", "mfa_user"),
        ("otp_totp_totpdevice", "otp_user"),
    ] {
        let found = FactorTableName::of(name, users);
        assert_eq!(found, Some(FactorTableName::Factors), "{name}");
    }
}
