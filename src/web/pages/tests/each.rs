//! What each page shows.

use super::*;

#[test]
fn home_greets_whoever_is_signed_in() {
    let html = home(Nav::SignedIn(ADA));
    assert!(
        html.contains("<h1>Welcome, ada@example.com!</h1>"),
        "{html}"
    );
    assert!(html.contains("Ada Example"));
    assert!(html.contains(r#"href="/account""#));
    assert!(html.contains(r#"<a href="/auth/logout">Log out</a>"#));
    assert!(!html.contains("Log in"));
}

#[test]
fn home_shows_the_way_in_when_signed_out() {
    let html = home(Nav::SignedOut);
    assert!(html.contains(r#"href="/auth/login">Log in</a>"#), "{html}");
    assert!(
        html.contains(r#"href="/auth/login?screen_hint=sign-up">Sign up</a>"#),
        "{html}"
    );
    assert_eq!(
        html.matches("Log in</a>").count(),
        1,
        "one log-in link is enough"
    );
    assert!(!html.contains("Welcome,") && !html.contains("Log out"));
}

#[test]
fn home_carries_the_return_address_in_both_links() {
    let login_url = "/auth/login?next=%2Faccount%3Fa%3D1";
    let html = Home {
        page: page(Nav::SignedOut),
        login_url,
        password_login_url: None,
    }
    .render()
    .unwrap();
    assert!(
        html.contains(r#"href="/auth/login?next=%2Faccount%3Fa%3D1">Log in</a>"#),
        "{html}"
    );
    assert!(
        html.contains(r#"href="/auth/login?next=%2Faccount%3Fa%3D1&#38;screen_hint=sign-up">"#),
        "{html}"
    );
}

#[test]
fn a_name_falls_back_to_the_e_mail() {
    let named = |first_name, last_name| Visitor {
        first_name,
        last_name,
        ..ADA
    };
    assert_eq!(named("Ada", "Example").name(), "Ada Example");
    assert_eq!(named("Ada", " ").name(), "Ada");
    assert_eq!(named("", "Example").name(), "Example");
    assert_eq!(named("", "").name(), "ada@example.com");
    assert!(!named(" ", "").has_name());
}

#[test]
fn initials_stand_in_for_a_missing_picture() {
    let initials = |first_name, last_name| {
        Visitor {
            first_name,
            last_name,
            ..ADA
        }
        .initials()
    };
    assert_eq!(initials("ada", "example"), "AE");
    assert_eq!(initials("  élise", ""), "É");
    assert_eq!(initials("", ""), "A");
    assert_eq!(
        Visitor {
            email: "@",
            first_name: "",
            last_name: "",
            ..ADA
        }
        .initials(),
        ""
    );

    let html = home(Nav::SignedIn(Visitor {
        picture_url: None,
        ..ADA
    }));
    assert!(
        html.contains(">AE</span>") && !html.contains("images.example"),
        "{html}"
    );
    let html = home(Nav::SignedIn(ADA));
    assert!(
        html.contains(r#"<img src="https://images.example/ada.png" alt="""#),
        "{html}"
    );
}

#[test]
fn a_picture_that_no_browser_could_load_is_left_out() {
    for url in [
        "data:image/png;base64,AA",
        "javascript:alert(1)",
        "",
        "ada.png",
    ] {
        assert_eq!(
            Visitor {
                picture_url: Some(url),
                ..ADA
            }
            .picture(),
            None,
            "{url}"
        );
    }
}

#[test]
fn account_tells_who_and_how() {
    let roles = ["admin".to_owned()];
    let html = account(ADA, &roles).render().unwrap();
    let told = [
        "Ada Example",
        "ada@example.com",
        ">Verified<",
        "user_01EXAMPLE",
        "org_01EXAMPLE",
        "admin",
        ">Google<",
        ">7<",
    ];
    for told in told {
        assert!(html.contains(told), "{told} missing in {html}");
    }
    let time = r#"<time datetime="2026-11-21T19:10:09Z">21 November 2026, 19:10 UTC</time>"#;
    assert!(html.contains(time), "{html}");
    assert!(html.contains(r#"<time datetime="2026-12-05T19:10:09Z">5 December 2026, 19:10 UTC"#));
}

#[test]
fn account_without_organisation_role_or_verified_address_says_so() {
    let bare = Account {
        email_verified: false,
        workos_user_id: None,
        organization_id: None,
        authentication_method: None,
        ..account(ADA, &[])
    };
    let html = bare.render().unwrap();
    assert!(html.contains("Not verified"), "{html}");
    assert!(
        !html.contains("WorkOS user id") && !html.contains("Signed in with"),
        "{html}"
    );
    assert_eq!(html.matches("<dd>None</dd>").count(), 2, "{html}");
}

#[test]
fn an_authentication_method_is_said_in_words() {
    assert_eq!(method_in_words("GoogleOAuth"), "Google");
    assert_eq!(method_in_words("SSO"), "Single sign-on");
    assert_eq!(method_in_words("NewKind"), "NewKind");
    assert_eq!(method_in_words("OAuth"), "OAuth");
}

#[test]
fn an_error_says_what_happened_and_leads_on() {
    let html = unavailable(Nav::Hidden).render().unwrap();
    assert!(
        html.contains("Sign-in is not available just now</h1>"),
        "{html}"
    );
    assert!(
        html.contains("503") && html.contains("Request id: <code>0f3a9c</code>"),
        "{html}"
    );
    assert!(
        html.contains(r#"href="/auth/login">Try again</a>"#),
        "{html}"
    );
    assert!(!html.contains("<nav"), "{html}");

    let bare = ErrorPage {
        request_id: None,
        action: None,
        ..unavailable(Nav::Hidden)
    };
    let html = bare.render().unwrap();
    assert!(
        html.contains(r#"href="/">Go home</a>"#) && !html.contains("Request id"),
        "{html}"
    );
}

#[test]
fn logging_out_is_confirmed_by_a_post() {
    let html = LogoutConfirm {
        page: page(Nav::Hidden),
    }
    .render()
    .unwrap();
    assert!(
        html.contains(r#"method="post" action="/auth/logout""#),
        "{html}"
    );
    assert!(html.contains(r#"type="submit">Log out</button>"#), "{html}");
    assert!(html.contains(r#"href="/">Stay signed in</a>"#), "{html}");
}
