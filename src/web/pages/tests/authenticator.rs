//! The pages of the second factor.

use super::*;

const CODE: &str = "0123-4567-89ab-cdef-0123-4567-89ab";

/// Each page in each of its states.
pub(super) fn every_page(nav: Nav<'_>) -> Vec<String> {
    let errors = [Vec::new(), vec!["This code is not right.".to_owned()]];
    let mut pages = vec![recovery_codes(nav)];
    for errors in &errors {
        for recovery in [false, true] {
            pages.push(login_code(nav, recovery, errors));
        }
        pages.push(set_up(nav, errors));
        for number in [0, 1, 10] {
            let forms = AuthenticatorForms {
                recovery_codes_errors: errors.clone(),
                remove_errors: Vec::new(),
            };
            pages.push(factor(nav, number, &forms));
        }
        let forms = AuthenticatorForms {
            recovery_codes_errors: Vec::new(),
            remove_errors: errors.clone(),
        };
        pages.push(factor(nav, 10, &forms));
    }
    pages
}

fn login_code(nav: Nav<'_>, recovery: bool, errors: &[String]) -> String {
    let page = LoginCodePage {
        page: page(nav),
        next: "/account?a=1&b=2",
        recovery,
        errors,
        other_url: "/login/code?recovery=1&next=%2Faccount",
        restart_url: "/login?next=%2Faccount",
    };
    page.render().unwrap()
}

fn set_up(nav: Nav<'_>, errors: &[String]) -> String {
    let uri = "otpauth://totp/example.com:ada%40example.com?secret=AAAA&issuer=example.com";
    let qr_code = QrCode::new(uri);
    let page = AuthenticatorSetupPage {
        page: page(nav),
        qr_code: qr_code.as_ref(),
        uri,
        secret: "AAAA BBBB",
        setup: "sealed",
        errors,
    };
    page.render().unwrap()
}

fn factor(nav: Nav<'_>, recovery_codes: i64, forms: &AuthenticatorForms) -> String {
    let page = AuthenticatorPage {
        page: page(nav),
        created_at: Utc.with_ymd_and_hms(2026, 11, 21, 19, 10, 9).unwrap(),
        recovery_codes,
        forms,
    };
    page.render().unwrap()
}

fn recovery_codes(nav: Nav<'_>) -> String {
    let codes = [CODE.to_owned()];
    let page = RecoveryCodesPage {
        page: page(nav),
        codes: &codes,
    };
    page.render().unwrap()
}

#[test]
fn the_log_in_form_takes_either_code_and_keeps_next() {
    let html = login_code(Nav::Hidden, false, &[]);
    for part in [
        r#"autocomplete="one-time-code""#,
        r#"inputmode="numeric""#,
        r#"name="next" value="/account?a=1&#38;b=2""#,
        "Use a recovery code</a>",
        r#"href="/login?next=%2Faccount""#,
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let html = login_code(Nav::Hidden, true, &[]);
    assert!(html.contains(r#"name="recovery" value="1""#), "{html}");
    assert!(!html.contains("inputmode"), "{html}");
}

#[test]
fn an_error_is_in_the_title_and_belongs_to_its_field() {
    let errors = ["This code is not right.".to_owned()];
    let forms = AuthenticatorForms {
        remove_errors: errors.to_vec(),
        ..AuthenticatorForms::default()
    };
    for html in [
        login_code(Nav::Hidden, false, &errors),
        login_code(Nav::Hidden, true, &errors),
        set_up(Nav::SignedIn(ADA), &errors),
        factor(Nav::SignedIn(ADA), 3, &forms),
    ] {
        assert!(html.contains("<title>Error: "), "{html}");
        assert_eq!(html.matches("aria-invalid").count(), 1, "{html}");
        assert_eq!(html.matches(" autofocus").count(), 1, "{html}");
        let id = ["code-error", "remove-code-error"];
        let described = |id: &&str| html.contains(&format!(r#"aria-describedby="{id}"#));
        assert!(id.iter().any(described), "{html}");
    }
}

#[test]
fn the_ids_of_a_page_are_unique() {
    for html in every_page(Nav::SignedIn(ADA)) {
        let ids: Vec<_> = html
            .split(r#" id=""#)
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        for (number, id) in ids.iter().enumerate() {
            assert!(!ids[..number].contains(id), "{id}: {html}");
        }
    }
}

#[test]
fn the_set_up_has_the_address_as_a_link_and_as_a_qr_code() {
    let html = set_up(Nav::SignedIn(ADA), &[]);
    let link =
        r#"href="otpauth://totp/example.com:ada%40example.com?secret=AAAA&#38;issuer=example.com""#;
    assert!(html.contains(link), "{html}");
    assert!(
        html.contains(r#"role="img""#) && html.contains("AAAA BBBB"),
        "{html}"
    );
}

#[test]
fn the_account_page_offers_the_factor_or_shows_it() {
    let section = |authenticator| {
        let page = AccountPage {
            authenticator,
            ..account(ADA, &[])
        };
        page.render().unwrap()
    };
    assert!(!section(AuthenticatorSection::Hidden).contains("Authenticator app"));
    let off = section(AuthenticatorSection::Off);
    assert!(off.contains("Set up an authenticator app</a>"), "{off}");
    let on = section(AuthenticatorSection::On { recovery_codes: 3 });
    assert!(on.contains(">On</span>"), "{on}");
    let none = section(AuthenticatorSection::On { recovery_codes: 0 });
    assert!(none.contains("No recovery codes left"), "{none}");
}
