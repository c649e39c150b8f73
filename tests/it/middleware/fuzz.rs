//! For any query, the app answers without a 500 and redirects to no other site.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use url::{Url, form_urlencoded};

use crate::support::app::TestApp;
use crate::support::raw::{Connection, RawResponse};

/// Values that a URL parser may read as another host.
fn value() -> impl Strategy<Value = String> {
    let parts = prop_oneof![
        Just("/"),
        Just("\\"),
        Just("//"),
        Just(":"),
        Just("@"),
        Just("."),
        Just(".."),
        Just("?"),
        Just("#"),
        Just("%2f"),
        Just("%5c"),
        Just("%00"),
        Just(" "),
        Just("\t"),
        Just("\r\n"),
        Just("evil.example"),
        Just("http"),
        Just("https:"),
        Just("javascript:"),
        Just("localhost"),
        Just("\u{feff}"),
        Just("\u{3002}"),
        Just("\u{ff0f}"),
        Just("a"),
        Just("é"),
    ];
    prop_oneof![
        proptest::collection::vec(parts, 0..8).prop_map(|parts| parts.concat()),
        any::<String>(),
    ]
}

struct Client<'a> {
    app: &'a TestApp,
    connection: Connection,
}

impl Client<'_> {
    fn get(&mut self, target: &str) -> RawResponse {
        let host = self.app.url.trim_start_matches("http://");
        let host = format!("Host: {host}");
        if self.connection.request("GET", target, &[&host])
            && let Some(answer) = self.connection.answer()
        {
            return answer;
        }
        // A rejected request closes the connection; the next request opens a new one.
        self.connection = Connection::open(&self.app.url);
        self.connection.request("GET", target, &[&host]);
        self.connection.answer().expect("an answer")
    }
}

fn run(cases: u32, test: impl Fn(&mut Client<'_>, String, String) -> Result<(), TestCaseError>) {
    let app = TestApp::start();
    let client = std::cell::RefCell::new(Client {
        app: &app,
        connection: Connection::open(&app.url),
    });
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&(value(), value()), |(name, value)| {
            test(&mut client.borrow_mut(), name, value)
        })
        .unwrap();
}

#[test]
fn no_next_redirects_a_sign_in_to_another_site() {
    run(300, |client, _, next| {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("next", &next)
            .finish();
        let answer = client.get(&format!("/auth/login?{query}"));
        prop_assert_eq!(answer.status, 302);
        let location = answer.header("location").unwrap();
        let workos = client.app.emulator.base_url();
        let authorize = format!("{workos}/user_management/authorize?");
        prop_assert!(location.starts_with(&authorize), "{}", location);
        let moved = client.get(&format!("/signin?{query}"));
        prop_assert_eq!(
            moved.header("location").unwrap(),
            format!("/auth/login?{query}")
        );
        Ok(())
    });
}

#[test]
fn a_page_that_needs_a_session_redirects_to_the_log_in_of_this_site() {
    run(300, |client, name, value| {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair(&name, &value)
            .finish();
        let answer = client.get(&format!("/account?{query}"));
        prop_assert_eq!(answer.status, 302);
        let base = Url::parse(&client.app.url).unwrap();
        let target = base.join(answer.header("location").unwrap()).unwrap();
        prop_assert_eq!(target.origin(), base.origin());
        prop_assert_eq!(target.path(), "/auth/login");
        let next = target
            .query_pairs()
            .find(|(name, _)| name == "next")
            .unwrap()
            .1;
        prop_assert_eq!(next, format!("/account?{query}"));
        Ok(())
    });
}

#[test]
fn no_query_and_no_path_causes_a_500() {
    run(300, |client, name, value| {
        let raw: String = format!("{name}={value}")
            .chars()
            .filter(|c| !c.is_whitespace() && !c.is_control() && *c != '#')
            .collect();
        for path in [
            "/",
            "/auth/login",
            "/auth/callback",
            "/auth/logout",
            "/signin",
            "/static/style.css",
        ] {
            let answer = client.get(&format!("{path}?{raw}"));
            prop_assert!(
                answer.status < 500,
                "{} for {}?{}",
                answer.status,
                path,
                raw
            );
        }
        let answer = client.get(&format!("/{raw}"));
        prop_assert!(answer.status < 500);
        Ok(())
    });
}
