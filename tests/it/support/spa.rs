//! The JSON API, as single-page apps call it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use vestibule::accounts::User;
use vestibule::db::schema::refresh_tokens;
use vestibule::tokens::RefreshTokenRow;

use super::app::{TestApp, Visitor};

/// The password of every account that [`TestApp::stranger_to_workos`] makes.
pub(crate) const PASSWORD: &str = "made-up-Horse-9";

/// An answer of the API, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// Reads an answer; every answer of the API is JSON.
    pub(crate) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let kind = headers.get(CONTENT_TYPE).expect("a type");
        assert_eq!(kind, "application/json", "{status}");
        let body = response.json().await.expect("JSON");
        Self {
            status,
            headers,
            body,
        }
    }

    /// One header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().expect("text"))
    }

    /// The `Set-Cookie` line of this cookie.
    pub(crate) fn set_cookie(&self, name: &str) -> Option<&str> {
        let lines = self.headers.get_all("set-cookie").iter();
        let mut lines = lines.map(|line| line.to_str().expect("text"));
        lines.find(|line| line.split('=').next() == Some(name))
    }

    /// A text of the body.
    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> String {
        let text = self.body[name].as_str();
        text.unwrap_or_else(|| panic!("{name} in {}", self.body))
            .to_owned()
    }
}

impl Visitor {
    /// POST with JSON.
    pub(crate) async fn call(&self, path: &str, body: &Value) -> Answer {
        self.call_with(path, body, &[]).await
    }

    /// POST with JSON and these headers.
    pub(crate) async fn call_with(
        &self,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.request(Method::POST, path).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// `GET /api/users/me` with this header, or without.
    pub(crate) async fn who_am_i(&self, token: Option<&str>) -> Answer {
        let mut request = self.request(Method::GET, "/api/users/me");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        Answer::of(request.send().await.expect("an answer")).await
    }
}

impl TestApp {
    /// Makes an account with a password, which WorkOS knows nothing of.
    pub(crate) fn stranger_to_workos(&self, email: &str) -> User {
        self.with_password_user(email, PASSWORD)
    }

    /// Every refresh token, the oldest first.
    pub(crate) fn refresh_tokens(&self) -> Vec<RefreshTokenRow> {
        self.rows(|conn| {
            let all = refresh_tokens::table.order(refresh_tokens::issued_at);
            all.select(RefreshTokenRow::as_select()).load(conn)
        })
    }

    /// Has every session be one that WorkOS knows nothing of, as a password begins.
    pub(crate) fn forget_workos_sessions(&self) {
        use vestibule::db::schema::sessions;
        let none: Option<String> = None;
        self.change(|conn| {
            diesel::update(sessions::table)
                .set((
                    sessions::workos_sid.eq(none.clone()),
                    sessions::login_attempt.eq(none),
                ))
                .execute(conn)
        });
    }
}

/// What a token says.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a payload");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64");
    serde_json::from_slice(&payload).expect("JSON")
}
