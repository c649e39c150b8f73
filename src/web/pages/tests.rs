//! Every page is rendered here in each of its states; nothing needs a server.

use chrono::TimeZone;

use super::*;

const ADA: Visitor<'_> = Visitor {
    email: "ada@example.com",
    first_name: "Ada",
    last_name: "Example",
    picture_url: Some("https://images.example/ada.png"),
    impersonator: None,
};

const SUPPORT: Impersonator<'_> = Impersonator {
    email: "support@example.com",
    reason: Some("Ticket 1234"),
};

fn page(nav: Nav<'_>) -> Page<'_> {
    Page {
        style_url: "/static/style.css?v=1",
        icon_url: "/static/favicon.svg?v=2",
        nav,
        notice: None,
    }
}

fn home(nav: Nav<'_>) -> String {
    Home {
        page: page(nav),
        login_url: "/auth/login",
    }
    .render()
    .unwrap()
}

fn account<'a>(visitor: Visitor<'a>, roles: &'a [String]) -> Account<'a> {
    Account {
        page: page(Nav::SignedIn(visitor)),
        email_verified: true,
        user_id: 7,
        workos_user_id: Some("user_01EXAMPLE"),
        organization_id: Some("org_01EXAMPLE"),
        roles,
        authentication_method: Some("GoogleOAuth"),
        signed_in_at: Utc.with_ymd_and_hms(2026, 11, 21, 19, 10, 9).unwrap(),
        expires_at: Utc.with_ymd_and_hms(2026, 12, 5, 19, 10, 9).unwrap(),
    }
}

fn unavailable(nav: Nav<'_>) -> ErrorPage<'_> {
    ErrorPage {
        page: page(nav),
        status: 503,
        heading: "Sign-in is not available just now",
        message: "The sign-in service did not answer. Wait a minute, then try again.",
        request_id: Some("0f3a9c"),
        action: Some(Action {
            label: "Try again",
            url: "/auth/login",
        }),
    }
}

/// One rendering of every page in every state of the header.
fn every_page() -> Vec<String> {
    let impersonated = Visitor {
        impersonator: Some(SUPPORT),
        ..ADA
    };
    let roles = ["admin".to_owned(), "member".to_owned()];
    let mut pages = vec![account(ADA, &roles).render().unwrap()];
    for nav in [
        Nav::Hidden,
        Nav::SignedOut,
        Nav::SignedIn(ADA),
        Nav::SignedIn(impersonated),
    ] {
        pages.push(home(nav));
        pages.push(unavailable(nav).render().unwrap());
        pages.push(LogoutConfirm { page: page(nav) }.render().unwrap());
    }
    pages
}

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
fn text_is_escaped_wherever_it_comes_from() {
    const EVIL: &str = r#"<script>alert("1")</script>"#;
    let visitor = Visitor {
        email: EVIL,
        first_name: EVIL,
        last_name: EVIL,
        picture_url: Some(r#"https://images.example/"><script>"#),
        impersonator: Some(Impersonator {
            email: EVIL,
            reason: Some(EVIL),
        }),
    };
    let notice = Some(Notice {
        level: Level::Warning,
        text: EVIL,
    });
    let roles = [EVIL.to_owned()];
    let nav = Nav::SignedIn(visitor);
    let account = Account {
        workos_user_id: Some(EVIL),
        organization_id: Some(EVIL),
        authentication_method: Some(EVIL),
        ..account(visitor, &roles)
    };
    let error = ErrorPage {
        page: Page {
            notice,
            ..page(nav)
        },
        heading: EVIL,
        message: EVIL,
        request_id: Some(EVIL),
        action: Some(Action {
            label: EVIL,
            url: EVIL,
        }),
        ..unavailable(nav)
    };
    let pages = [
        home(nav),
        account.render().unwrap(),
        error.render().unwrap(),
    ];
    for html in pages {
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("&#60;script&#62;"), "{html}");
    }
}

#[test]
fn pages_fit_a_strict_content_security_policy() {
    for html in every_page() {
        for forbidden in [
            "<script",
            "<style",
            " style=",
            " onclick=",
            "data:",
            "javascript:",
        ] {
            assert!(!html.contains(forbidden), "{forbidden} in {html}");
        }
    }
}

#[test]
fn every_page_has_its_landmarks_and_one_heading() {
    for html in every_page() {
        assert_eq!(html.matches("<h1").count(), 1, "{html}");
        assert_eq!(html.matches("<main ").count(), 1, "{html}");
        assert!(
            html.contains(r##"<a class="skip" href="#main">"##) && html.contains(r#"id="main""#)
        );
        assert!(html.contains(r#"href="/static/style.css?v=1""#));
        assert!(html.contains(r#"href="/static/favicon.svg?v=2""#));
        assert!(!html.contains("<title> ·"), "{html}");
    }
}

#[test]
fn the_banner_is_on_every_page_of_an_impersonated_session_and_on_no_other() {
    let impersonated = Visitor {
        impersonator: Some(SUPPORT),
        ..ADA
    };
    for visitor in [ADA, impersonated] {
        let nav = Nav::SignedIn(visitor);
        let pages = [
            home(nav),
            account(visitor, &[]).render().unwrap(),
            unavailable(nav).render().unwrap(),
            LogoutConfirm { page: page(nav) }.render().unwrap(),
        ];
        for html in pages {
            let expected = visitor.impersonator.is_some();
            assert_eq!(html.contains("Impersonated session."), expected, "{html}");
            assert_eq!(html.contains("support@example.com"), expected);
            assert_eq!(html.contains("Ticket 1234"), expected);
        }
    }
}

#[test]
fn an_impersonation_without_a_reason_gives_none() {
    let impersonator = Some(Impersonator {
        reason: None,
        ..SUPPORT
    });
    let html = home(Nav::SignedIn(Visitor {
        impersonator,
        ..ADA
    }));
    assert!(
        html.contains("support@example.com") && !html.contains("Reason:"),
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
fn a_notice_has_its_level_and_text() {
    for (level, class) in [
        (Level::Info, "info"),
        (Level::Warning, "warning"),
        (Level::Success, "success"),
    ] {
        let notice = Some(Notice {
            level,
            text: "You cancelled the sign-in.",
        });
        let page = Page {
            notice,
            ..page(Nav::SignedOut)
        };
        let html = Home {
            page,
            login_url: "/auth/login",
        }
        .render()
        .unwrap();
        let expected =
            format!(r#"<p class="notice {class}" role="status">You cancelled the sign-in.</p>"#);
        assert!(html.contains(&expected), "{html}");
    }
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
