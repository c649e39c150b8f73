//! Tests of the templates: rules for every page in each of its states. They need no server.

use askama::Template;
use chrono::{TimeZone, Utc};

use super::*;
use crate::authentication_method::AuthenticationMethod;

mod authenticator;
mod each;
mod password;
mod sessions;
mod step;
mod style;

const ADA: CurrentUser<'_> = CurrentUser {
    email: "ada@example.com",
    username: "",
    first_name: "Ada",
    last_name: "Example",
    picture_url: Some("https://images.example/ada.png"),
    impersonator: None,
};

const SUPPORT: ImpersonationBanner<'_> = ImpersonationBanner {
    email: "support@example.com",
    reason: Some("Ticket 1234"),
};

fn page(nav: Nav<'_>) -> PageFrame<'_> {
    PageFrame {
        style_url: "/static/style.css?v=1",
        icon_url: "/static/favicon.svg?v=2",
        nav,
        notice: None,
    }
}

fn home(nav: Nav<'_>) -> String {
    HomePage {
        page: page(nav),
        login_url: "/auth/login",
        password_login_url: Some("/login"),
    }
    .render()
    .unwrap()
}

const PROVIDERS: [ProviderConnection; 2] = [
    ProviderConnection {
        name: "google",
        title: "Google",
        connected: true,
    },
    ProviderConnection {
        name: "okta",
        title: "Okta",
        connected: false,
    },
];

fn account<'a>(user: CurrentUser<'a>, roles: &'a [String]) -> AccountPage<'a> {
    AccountPage {
        page: page(Nav::SignedIn(user)),
        email_verified: true,
        user_id: 7.into(),
        workos_user_id: Some("user_01EXAMPLE"),
        organization_id: Some("org_01EXAMPLE"),
        organizations: OrganizationSection::default(),
        roles,
        permissions: &[],
        authentication_method: Some(&AuthenticationMethod::SingleSignOn),
        signed_in_at: Utc.with_ymd_and_hms(2026, 11, 21, 19, 10, 9).unwrap(),
        authenticated_at: Utc.with_ymd_and_hms(2026, 11, 21, 19, 10, 9).unwrap(),
        expires_at: Utc.with_ymd_and_hms(2026, 12, 5, 19, 10, 9).unwrap(),
        sessions: None,
        addresses: &[],
        providers: &PROVIDERS,
        password: None,
        log_in_again_url: None,
        authenticator: AuthenticatorSection::Hidden,
    }
}

fn unavailable(nav: Nav<'_>) -> ErrorPage<'_> {
    ErrorPage {
        page: page(nav),
        status: 503,
        heading: "Sign-in is not available just now",
        message: "The sign-in service did not answer. Wait a minute, then try again.",
        request_id: Some("0f3a9c"),
        action: Some(ActionLink {
            label: "Try again",
            url: "/auth/login",
        }),
        other: None,
    }
}

/// Every page in every state of the header.
fn every_page() -> Vec<String> {
    let impersonated = CurrentUser {
        impersonator: Some(SUPPORT),
        ..ADA
    };
    let roles = ["admin".to_owned(), "member".to_owned()];
    let addresses = ["ada@old.example".to_owned()];
    let with_addresses = AccountPage {
        addresses: &addresses,
        ..account(ADA, &roles)
    };
    let mut pages = vec![
        account(ADA, &roles).render().unwrap(),
        with_addresses.render().unwrap(),
    ];
    for nav in [
        Nav::Hidden,
        Nav::SignedOut,
        Nav::SignedIn(ADA),
        Nav::SignedIn(impersonated),
    ] {
        pages.push(home(nav));
        pages.push(unavailable(nav).render().unwrap());
        pages.push(LogoutConfirmPage { page: page(nav) }.render().unwrap());
        pages.push(replace_session(nav));
        pages.extend(password::every_login(nav));
        pages.extend(step::every_step(nav));
        pages.extend(authenticator::every_page(nav));
    }
    pages.extend(password::every_change());
    pages.extend(sessions::every_list());
    pages
}

fn replace_session(nav: Nav<'_>) -> String {
    let question = ReplaceSessionPage {
        page: page(nav),
        continue_url: "/auth/login?login_hint=%3Cb%3E&confirmed=sealed",
    };
    question.render().unwrap()
}

#[test]
fn every_text_is_escaped() {
    const EVIL: &str = r#"<script>alert("1")</script>"#;
    let user = CurrentUser {
        email: EVIL,
        username: EVIL,
        first_name: EVIL,
        last_name: EVIL,
        picture_url: Some(r#"https://images.example/"><script>"#),
        impersonator: Some(ImpersonationBanner {
            email: EVIL,
            reason: Some(EVIL),
        }),
    };
    let notice = Some(Notice {
        level: NoticeLevel::Warning,
        text: EVIL,
    });
    let roles = [EVIL.to_owned()];
    let addresses = [EVIL.to_owned()];
    let method = AuthenticationMethod::Other(EVIL.to_owned());
    let nav = Nav::SignedIn(user);
    let account = AccountPage {
        workos_user_id: Some(EVIL),
        addresses: &addresses,
        organization_id: Some(EVIL),
        authentication_method: Some(&method),
        ..account(user, &roles)
    };
    let error = ErrorPage {
        page: PageFrame {
            notice,
            ..page(nav)
        },
        heading: EVIL,
        message: EVIL,
        request_id: Some(EVIL),
        action: Some(ActionLink {
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
fn only_pages_of_an_impersonated_session_have_the_banner() {
    let impersonated = CurrentUser {
        impersonator: Some(SUPPORT),
        ..ADA
    };
    for user in [ADA, impersonated] {
        let nav = Nav::SignedIn(user);
        let pages = [
            home(nav),
            account(user, &[]).render().unwrap(),
            unavailable(nav).render().unwrap(),
            LogoutConfirmPage { page: page(nav) }.render().unwrap(),
            replace_session(nav),
        ];
        for html in pages {
            let expected = user.impersonator.is_some();
            assert_eq!(html.contains("Impersonated session."), expected, "{html}");
            assert_eq!(html.contains("support@example.com"), expected);
            assert_eq!(html.contains("Ticket 1234"), expected);
        }
    }
}

#[test]
fn a_banner_without_a_reason_omits_it() {
    let impersonator = Some(ImpersonationBanner {
        reason: None,
        ..SUPPORT
    });
    let html = home(Nav::SignedIn(CurrentUser {
        impersonator,
        ..ADA
    }));
    assert!(
        html.contains("support@example.com") && !html.contains("Reason:"),
        "{html}"
    );
}

#[test]
fn a_notice_shows_its_level_and_text() {
    for (level, class) in [
        (NoticeLevel::Info, "info"),
        (NoticeLevel::Warning, "warning"),
        (NoticeLevel::Success, "success"),
    ] {
        let notice = Some(Notice {
            level,
            text: "You cancelled the sign-in.",
        });
        let page = PageFrame {
            notice,
            ..page(Nav::SignedOut)
        };
        let html = HomePage {
            page,
            login_url: "/auth/login",
            password_login_url: None,
        }
        .render()
        .unwrap();
        let expected =
            format!(r#"<p class="notice {class}" role="status">You cancelled the sign-in.</p>"#);
        assert!(html.contains(&expected), "{html}");
    }
}
