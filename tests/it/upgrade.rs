//! A database written by the version before the migrations of 2026-11-28, its cookies and its tokens:
//! after `migrate`, the sessions, tokens and pending sign-ins in it still work.
//!
//! `upgrade/sqlite.sql` and `upgrade/postgres.sql` are dumps of the databases of two test applications
//! of commit 4c66351, with that version's schema. The JSON file beside each dump holds the cookies and
//! tokens that the same application issued, under the tests' `SECRET_KEY`, and the time on its clock.

mod pending;
mod sessions;
mod tables;
mod tokens;

use chrono::DateTime;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use vestibule::clock::{Clock, Timestamp};
use vestibule::db::Database;
use vestibule::settings::{DatabaseSettings, Source};

use crate::support::api::ApiResponse;
use crate::support::app::{TestApp, Visitor};
use crate::support::database::TestDatabase;
use crate::support::django::execute;
use crate::webhooks::SECRET;

/// The current version on the database of the previous one.
struct Upgraded {
    app: TestApp,
    /// What the previous version issued.
    issued: Value,
}

impl Upgraded {
    fn start() -> Self {
        let database = TestDatabase::new();
        let (dump, issued) = if database.url().starts_with("postgres") {
            (
                include_str!("upgrade/postgres.sql"),
                include_str!("upgrade/postgres.json"),
            )
        } else {
            (
                include_str!("upgrade/sqlite.sql"),
                include_str!("upgrade/sqlite.json"),
            )
        };
        execute(database.url(), dump);
        let issued: Value = serde_json::from_str(issued).unwrap();
        Self {
            app: Self::app_on(database, &issued),
            issued,
        }
    }

    /// The current version on this database, at the time when the cookies and tokens were issued.
    fn app_on(database: TestDatabase, issued: &Value) -> TestApp {
        let now = DateTime::parse_from_rfc3339(issued["now"].as_str().unwrap()).unwrap();
        // Starting the application applies the migrations.
        TestApp::builder()
            .database(database)
            .clock(Clock::standing_at(Timestamp::from(now.to_utc())))
            .setting("WORKOS_WEBHOOK_SECRET", SECRET)
            .setting("ROTATE_REFRESH_TOKENS", "true")
            .start()
    }

    /// Stops the application, which does not know the earlier schemas, and reverts the new migrations.
    fn revert(self) -> (TestDatabase, Database, Value) {
        let database = self.app.stop();
        tables::revert_new_migrations(database.url());
        let settings = Source::from_pairs([("DATABASE_URL", database.url())]);
        let settings = DatabaseSettings::from_source(&settings).unwrap();
        let opened = Database::open(&settings).unwrap();
        (database, opened, self.issued)
    }

    /// A value that the previous version issued, such as `/cookies/ada`.
    #[track_caller]
    fn issued(&self, pointer: &str) -> &str {
        let value = self.issued.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("the fixture has no {pointer}"))
    }

    /// GET with the cookies of this browser.
    async fn get(&self, browser: &str, target: &str) -> Response {
        let cookies = self.issued(&format!("/cookies/{browser}"));
        self.app.visitor().get_with_cookies(target, cookies).await
    }

    /// POST with the cookies of this browser.
    async fn post(&self, browser: &str, target: &str, fields: &[(&str, &str)]) -> Response {
        let cookies = self.issued(&format!("/cookies/{browser}"));
        let request = self.app.visitor().request(Method::POST, target);
        let request = request.header("cookie", cookies).form(fields);
        request.send().await.unwrap()
    }

    async fn is_signed_in(&self, browser: &str) -> bool {
        self.get(browser, "/account").await.status() == StatusCode::OK
    }

    fn access(&self, holder: &str) -> &str {
        self.issued(&format!("/tokens/{holder}/access"))
    }

    fn refresh(&self, holder: &str) -> &str {
        self.issued(&format!("/tokens/{holder}/refresh"))
    }

    async fn exchange_refresh(&self, token: &str) -> ApiResponse {
        let body = json!({ "refresh": token });
        Visitor::new(&self.app.url)
            .post_json("/api/token/refresh", &body)
            .await
    }
}
