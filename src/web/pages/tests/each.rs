//! What each page shows.

use super::*;

#[test]
fn home_greets_a_signed_in_user() {
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
fn home_shows_the_log_in_links_to_a_visitor() {
    let html = home(Nav::SignedOut);
    assert!(html.contains(r#"href="/auth/login">Log in</a>"#), "{html}");
    assert!(
        html.contains(r#"href="/auth/login?screen_hint=sign-up">Sign up</a>"#),
        "{html}"
    );
    assert_eq!(
        html.matches("Log in</a>").count(),
        1,
        "there is one log-in link"
    );
    assert!(!html.contains("Welcome,") && !html.contains("Log out"));
}

#[test]
fn both_links_of_home_keep_the_return_address() {
    let login_url = "/auth/login?next=%2Faccount%3Fa%3D1";
    let html = HomePage {
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
fn a_missing_name_is_replaced_by_the_email() {
    let named = |first_name, last_name| CurrentUser {
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
fn initials_replace_a_missing_picture() {
    let initials = |first_name, last_name| {
        CurrentUser {
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
        CurrentUser {
            email: "@",
            first_name: "",
            last_name: "",
            ..ADA
        }
        .initials(),
        ""
    );

    let html = home(Nav::SignedIn(CurrentUser {
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
fn a_picture_with_an_unsupported_scheme_is_not_shown() {
    for url in [
        "data:image/png;base64,AA",
        "javascript:alert(1)",
        "",
        "ada.png",
    ] {
        assert_eq!(
            CurrentUser {
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
fn account_shows_the_user_and_the_session() {
    let roles = ["admin".to_owned()];
    let html = account(ADA, &roles).render().unwrap();
    let expected = [
        "Ada Example",
        "ada@example.com",
        ">Verified<",
        "user_01EXAMPLE",
        "org_01EXAMPLE",
        "admin",
        ">Single sign-on<",
        ">7<",
    ];
    for expected in expected {
        assert!(html.contains(expected), "{expected} missing in {html}");
    }
    let time = r#"<time datetime="2026-11-21T19:10:09Z">21 November 2026, 19:10 UTC</time>"#;
    assert!(html.contains(time), "{html}");
    assert!(html.contains(r#"<time datetime="2026-12-05T19:10:09Z">5 December 2026, 19:10 UTC"#));
}

#[test]
fn account_shows_no_section_for_what_the_user_does_not_have() {
    let bare = AccountPage {
        email_verified: false,
        workos_user_id: None,
        organization_id: None,
        authentication_method: None,
        ..account(ADA, &[])
    };
    let html = bare.render().unwrap();
    assert!(html.contains("Not verified"), "{html}");
    for absent in [
        "WorkOS user ID",
        "Signed in with",
        "Organisation",
        "Role",
        "None",
    ] {
        assert!(!html.contains(absent), "{absent} in {html}");
    }
}

#[test]
fn account_shows_no_role_where_there_is_none() {
    let html = account(ADA, &[]).render().unwrap();
    assert!(html.contains("org_01EXAMPLE"), "{html}");
    assert!(!html.contains("Role") && !html.contains("None"), "{html}");
}

#[test]
fn account_shows_the_email_of_a_user_without_a_name_once() {
    let nameless = CurrentUser {
        first_name: "",
        last_name: "",
        ..ADA
    };
    let profile = |user| {
        let html = account(user, &[]).render().unwrap();
        let at = html.find(r#"aria-label="Profile""#).unwrap();
        html[at..][..html[at..].find("</section>").unwrap()].to_owned()
    };
    assert_eq!(profile(nameless).matches("ada@example.com").count(), 1);
    assert_eq!(profile(ADA).matches("ada@example.com").count(), 1);
    assert!(profile(ADA).contains(">Ada Example</p>"));
}

#[test]
fn a_long_email_may_be_broken_before_its_domain_and_at_the_dots_of_a_long_domain() {
    let user = CurrentUser {
        email: "a.rather.long.name@example.com",
        ..ADA
    };
    let html = account(user, &[]).render().unwrap();
    assert!(
        html.contains("a.rather.long.name<wbr>@example.com"),
        "{html}"
    );
    let user = CurrentUser {
        email: "ada@a-rather-long-name.example.com",
        ..ADA
    };
    let html = account(user, &[]).render().unwrap();
    assert!(
        html.contains("ada<wbr>@a-rather-long-name<wbr>.example<wbr>.com"),
        "{html}"
    );
    let html = account(ADA, &[]).render().unwrap();
    assert!(!html.contains("<wbr>"), "{html}");
}

#[test]
fn a_session_outside_any_organisation_can_switch_to_one() {
    let choices = [OrganizationChoice {
        id: "org_1",
        name: "Orchards & Sons",
        checked: false,
        focused: true,
    }];
    let html = AccountPage {
        organization_id: None,
        organizations: OrganizationSection {
            choices: &choices,
            ..OrganizationSection::default()
        },
        ..account(ADA, &[])
    };
    let html = html.render().unwrap();
    assert!(
        html.contains("This session is not in an organisation."),
        "{html}"
    );
    assert!(html.contains(r#"action="/auth/organization""#), "{html}");
    assert!(!html.contains("Organisation ID"), "{html}");
}

#[test]
fn an_error_page_has_its_message_and_a_button() {
    let html = unavailable(Nav::Hidden).render().unwrap();
    assert!(
        html.contains("Sign-in is not available just now</h1>"),
        "{html}"
    );
    assert!(
        html.contains("503") && html.contains("Request ID: <code>0f3a9c</code>"),
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
        html.contains(r#"href="/">Go home</a>"#) && !html.contains("Request ID"),
        "{html}"
    );
}

#[test]
fn logging_out_is_confirmed_by_a_post() {
    let html = LogoutConfirmPage {
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

#[test]
fn a_session_is_replaced_by_a_link_that_is_not_the_first_choice() {
    let html = replace_session(Nav::SignedIn(ADA));
    assert!(html.contains("ada@example.com"), "{html}");
    let stay = html.find(r#"<a class="button" href="/">Stay signed in</a>"#);
    let link =
        r#"href="/auth/login?login_hint=%3Cb%3E&#38;confirmed=sealed">Continue to log in</a>"#;
    assert!(stay < html.find(link) && stay.is_some(), "{html}");
}

#[test]
fn a_provider_can_be_connected_or_disconnected() {
    let html = account(ADA, &[]).render().unwrap();
    assert!(html.contains(r#"href="/account/providers/okta/connect""#));
    assert!(html.contains(r#"method="post" action="/account/providers/google/disconnect""#));
    assert!(!html.contains("google/connect") && !html.contains("okta/disconnect"));
    let without = AccountPage {
        providers: &[],
        ..account(ADA, &[])
    };
    assert!(!without.render().unwrap().contains("Connected accounts"));
}

#[test]
fn an_account_without_an_address_says_so() {
    let nobody = CurrentUser { email: "", ..ADA };
    let html = account(nobody, &[]).render().unwrap();
    assert!(html.contains("No email address"), "{html}");
    assert!(!html.contains(">Verified<"), "{html}");
}
