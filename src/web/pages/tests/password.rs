//! The password forms.

use super::*;
use crate::settings::LoginField;

fn form<'a>(refusal: Option<&'a str>, errors: [&'a [String]; 2]) -> LoginForm<'a> {
    LoginForm {
        field: LoginField::Email,
        login_name: "ada@example.com",
        next: "/account?a=1&b=2",
        refusal,
        name_errors: errors[0],
        password_errors: errors[1],
        forgot_url: "/auth/login?login_hint=ada",
    }
}

fn login(nav: Nav<'_>, form: Option<LoginForm<'_>>) -> String {
    LoginPage {
        page: page(nav),
        form,
        workos_url: "/auth/login?next=%2Faccount",
        workos_first: false,
        continue_url: "/account",
    }
    .render()
    .unwrap()
}

fn change(wrong: Option<&PasswordChangeErrors>) -> String {
    AccountPage {
        password: wrong,
        ..account(ADA, &[])
    }
    .render()
    .unwrap()
}

fn wrong(fields: [&[&str]; 3]) -> PasswordChangeErrors {
    let [old_password, new_password1, new_password2] =
        fields.map(|errors| errors.iter().map(ToString::to_string).collect());
    PasswordChangeErrors {
        old_password,
        new_password1,
        new_password2,
    }
}

pub(super) fn every_login(nav: Nav<'_>) -> Vec<String> {
    let blank = ["Required.".to_owned()];
    vec![
        login(nav, None),
        login(nav, Some(form(None, [&[], &[]]))),
        login(nav, Some(form(Some("Wrong."), [&[], &[]]))),
        login(nav, Some(form(None, [&blank, &blank]))),
    ]
}

pub(super) fn every_change() -> Vec<String> {
    let both = wrong([&["Wrong."], &["Short."], &["Short.", "Common."]]);
    vec![
        change(Some(&PasswordChangeErrors::default())),
        change(Some(&both)),
    ]
}

/// The tag of the field with this id.
fn tag<'a>(html: &'a str, id: &str) -> &'a str {
    let at = html.find(&format!(r#"<input id="{id}""#)).unwrap();
    let tag = &html[at..];
    &tag[..=tag.find('>').unwrap()]
}

#[test]
fn the_focus_is_on_the_email_and_after_a_refusal_on_the_password() {
    let html = login(Nav::SignedOut, Some(form(None, [&[], &[]])));
    assert!(tag(&html, "email").contains(" autofocus"), "{html}");
    assert!(!tag(&html, "password").contains("autofocus"), "{html}");
    assert!(!html.contains("aria-invalid"), "{html}");

    let html = login(Nav::SignedOut, Some(form(Some("Wrong."), [&[], &[]])));
    assert!(html.contains(r#"<p class="field-error" id="refusal" role="alert">Wrong.</p>"#));
    for id in ["email", "password"] {
        let described = r#" aria-invalid="true" aria-describedby="refusal""#;
        assert!(tag(&html, id).contains(described), "{id} in {html}");
    }
    assert!(tag(&html, "email").contains(r#"value="ada@example.com""#));
    assert!(tag(&html, "password").contains(" autofocus"), "{html}");
    assert!(html.contains("<title>Error: Log in"), "{html}");
}

#[test]
fn an_empty_field_is_described_by_its_error() {
    let blank = ["Required.".to_owned()];
    let html = login(Nav::SignedOut, Some(form(None, [&[], &blank])));
    assert!(!tag(&html, "email").contains("aria-"), "{html}");
    let described = r#" aria-invalid="true" aria-describedby="password-error""#;
    assert!(tag(&html, "password").contains(described), "{html}");
    assert!(html.contains(r#"<div class="field-error" id="password-error" role="alert">"#));
    let html = login(Nav::SignedOut, Some(form(None, [&blank, &blank])));
    assert!(tag(&html, "email").contains(" autofocus"), "{html}");
    assert_eq!(html.matches(" autofocus").count(), 1, "{html}");
}

#[test]
fn only_a_signed_in_user_sees_a_link_to_continue() {
    let html = login(Nav::SignedOut, Some(form(None, [&[], &[]])));
    assert!(
        !html.contains("<nav") && !html.contains("Continue</a>, or"),
        "{html}"
    );
    let html = login(Nav::SignedIn(ADA), Some(form(None, [&[], &[]])));
    assert!(
        html.contains(r#"<a href="/account">Continue</a>"#),
        "{html}"
    );
    assert!(html.contains("Log out"), "{html}");
}

#[test]
fn a_login_without_passwords_links_to_workos_only() {
    let html = login(Nav::SignedOut, None);
    assert!(
        !html.contains("<form") && !html.contains("Forgot"),
        "{html}"
    );
    let link = r#"<a class="button" href="/auth/login?next=%2Faccount">Continue with WorkOS</a>"#;
    assert!(html.contains(link), "{html}");
}

#[test]
fn the_password_change_lists_each_error_beside_its_field() {
    let html = change(Some(&wrong([&[], &["Short."], &["Short.", "Common."]])));
    // All three are empty again, so the first has the focus and describes that nothing was changed.
    let first = tag(&html, "old_password");
    assert!(
        first.contains(r#" aria-describedby="not-changed" autofocus>"#),
        "{html}"
    );
    assert!(!first.contains("aria-invalid"), "{html}");
    let described =
        r#" aria-invalid="true" aria-describedby="new_password1-error new_password-hint""#;
    assert!(tag(&html, "new_password1").contains(described), "{html}");
    assert_eq!(html.matches(" autofocus").count(), 1, "{html}");
    assert_eq!(html.matches("<p>Short.</p>").count(), 2, "{html}");
    assert_eq!(html.matches("<p>Common.</p>").count(), 1, "{html}");
    assert!(html.contains("<title>Error: Your account"), "{html}");

    let html = change(Some(&PasswordChangeErrors::default()));
    assert!(
        !html.contains("autofocus") && !html.contains("Error:"),
        "{html}"
    );
    assert!(html.contains(r#"action="/account/password""#));
    assert!(!change(None).contains(r#"action="/account/password""#));
}

#[test]
fn entered_text_is_escaped() {
    const EVIL: &str = r#""><script>"#;
    let evil = [EVIL.to_owned()];
    let form = LoginForm {
        login_name: EVIL,
        next: EVIL,
        forgot_url: EVIL,
        ..form(Some(EVIL), [&evil, &evil])
    };
    for html in [
        login(Nav::SignedOut, Some(form)),
        change(Some(&wrong([&[EVIL], &[EVIL], &[EVIL]]))),
    ] {
        assert!(!html.contains("<script"), "{html}");
    }
}
