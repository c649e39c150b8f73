//! The list of sessions on the account page.

use super::*;
use crate::sessions::SessionOrigin;

fn listed(id: &str, current: bool, device: &str, began: SessionOrigin) -> ListedSession {
    ListedSession {
        id: id.into(),
        current,
        device: device.to_owned(),
        ip_address: (!current).then(|| "192.0.2.7".to_owned()),
        began_at: Utc.with_ymd_and_hms(2026, 11, 20, 7, 5, 0).unwrap(),
        began,
        impersonator: None,
    }
}

fn sessions(own: bool, more: bool) -> SessionList {
    SessionList {
        list: vec![
            listed(
                "one",
                true,
                "Firefox on Windows",
                SessionOrigin::WorkosSignIn,
            ),
            listed(
                "two",
                false,
                "Safari on iPhone",
                SessionOrigin::PasswordSignIn,
            ),
            listed(
                "three",
                false,
                "Unknown device",
                SessionOrigin::CodeExchange,
            ),
        ],
        more,
        own,
    }
}

fn shown(sessions: &SessionList) -> String {
    AccountPage {
        sessions: Some(sessions),
        ..account(ADA, &[])
    }
    .render()
    .unwrap()
}

pub(super) fn every_list() -> Vec<String> {
    vec![shown(&sessions(true, true)), shown(&sessions(false, false))]
}

#[test]
fn each_session_shows_device_address_time_and_method_and_has_a_button() {
    let html = shown(&sessions(true, false));
    for expected in [
        "Firefox on Windows</strong> <span class=\"badge success\">This browser</span>",
        "Safari on iPhone</strong></p>",
        "Password of this site, from 192.0.2.7<br>",
        "WorkOS, in an application that uses tokens, from 192.0.2.7<br>",
        r#"<time datetime="2026-11-20T07:05:00Z">20 November 2026, 07:05 UTC</time>"#,
        r#"name="session_id" value="two""#,
        r#"name="all" value="1""#,
    ] {
        assert!(html.contains(expected), "{expected} missing in {html}");
    }
    assert_eq!(html.matches(">Log out there</button>").count(), 2);
    assert_eq!(html.matches(">Log out here</button>").count(), 1);
    assert!(!html.contains("Only the newest"), "{html}");
    assert!(shown(&sessions(true, true)).contains("Only the newest"));
}

#[test]
fn an_impersonated_session_names_the_impersonator() {
    let mut sessions = sessions(true, false);
    sessions.list[1].impersonator = Some("<support>@example.com".to_owned());
    let html = shown(&sessions);
    let expected = "Impersonated by &#60;support&#62;@example.com, from 192.0.2.7<br>";
    assert!(html.contains(expected), "{html}");
    assert!(!html.contains("Password of this site"), "{html}");
}

#[test]
fn an_impersonator_has_one_button() {
    let html = shown(&sessions(false, false));
    assert!(html.contains("Safari on iPhone"), "{html}");
    assert!(!html.contains("Log out there") && !html.contains("Log out everywhere"));
    assert!(html.contains("Log out here"), "{html}");
}

#[test]
fn a_device_is_escaped() {
    let mut sessions = sessions(true, false);
    sessions.list[1].device = "<script>".to_owned();
    sessions.list[1].ip_address = Some("<script>".to_owned());
    assert!(!shown(&sessions).contains("<script>"));
}
