//! A client of the JSON API.

use diesel::prelude::*;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use vestibule::accounts::User;
use vestibule::db::schema::{sessions, users};
use vestibule::ids::UserId;

use super::app::{TestApp, TestAppBuilder, Visitor};

/// The password of every account that [`TestApp::add_password_user`] makes.
pub(crate) const PASSWORD: &str = "Correct-horse-9";

/// A response of the API with its whole body.
#[derive(Clone, Debug)]
pub(crate) struct ApiResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// The parsed body; `null` when the body is not JSON.
    pub(crate) json: Value,
}

impl ApiResponse {
    /// Sends a request and reads the response, whatever its content type.
    pub(crate) async fn of_request(request: RequestBuilder) -> Self {
        Self::read(request.send().await.expect("a response")).await
    }

    /// Reads a response and asserts that its body is JSON.
    pub(crate) async fn of_json(response: Response) -> Self {
        let response = Self::read(response).await;
        assert_eq!(
            response.header("content-type"),
            Some("application/json"),
            "{response:?}"
        );
        serde_json::from_str::<Value>(&response.body)
            .unwrap_or_else(|error| panic!("{error}: {response:?}"));
        response
    }

    async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.text().await.expect("a body");
        let json = serde_json::from_str(&body).unwrap_or_default();
        Self {
            status,
            headers,
            body,
            json,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?;
        Some(value.to_str().expect("text"))
    }

    /// The `Set-Cookie` line of this cookie.
    pub(crate) fn set_cookie(&self, name: &str) -> Option<&str> {
        let lines = self.headers.get_all("set-cookie").iter();
        let mut lines = lines.map(|line| line.to_str().expect("text"));
        lines.find(|line| line.split('=').next() == Some(name))
    }

    /// A string field of the body.
    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> String {
        let text = self.json[name].as_str();
        text.unwrap_or_else(|| panic!("no {name} in {self:?}"))
            .to_owned()
    }

    /// Asserts the status, the whole body, and the headers that every response of this status has.
    #[track_caller]
    pub(crate) fn assert_is(&self, status: u16, body: &str) {
        assert_eq!((self.status.as_u16(), self.body.as_str()), (status, body));
        self.assert_api_headers();
    }

    #[track_caller]
    pub(crate) fn assert_api_headers(&self) {
        assert_eq!(self.header("content-type"), Some("application/json"));
        let bearer = (self.status == 401).then_some("Bearer realm=\"api\"");
        assert_eq!(self.header("www-authenticate"), bearer);
    }
}

impl Visitor {
    /// Sends bytes with POST, with this content type or without one.
    pub(crate) async fn post_bytes(
        &self,
        path: &str,
        content_type: Option<&str>,
        bytes: &[u8],
    ) -> ApiResponse {
        let mut request = self.request(Method::POST, path).body(bytes.to_vec());
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        ApiResponse::of_request(request).await
    }

    /// Sends JSON with POST and asserts that the response is JSON.
    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> ApiResponse {
        self.post_json_with_headers(path, body, &[]).await
    }

    /// The same with additional headers.
    pub(crate) async fn post_json_with_headers(
        &self,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> ApiResponse {
        let mut request = self.request(Method::POST, path).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        ApiResponse::of_json(request.send().await.expect("a response")).await
    }

    /// Sends a refresh token with POST.
    pub(crate) async fn post_refresh_token(&self, path: &str, token: &str) -> ApiResponse {
        self.post_json(path, &json!({ "refresh": token })).await
    }

    /// `GET /api/users/me` without an `Authorization` header.
    pub(crate) async fn get_me(&self) -> ApiResponse {
        let request = self.request(Method::GET, "/api/users/me");
        ApiResponse::of_json(request.send().await.expect("a response")).await
    }

    /// `GET /api/users/me` with this `Authorization` header.
    pub(crate) async fn get_me_with_authorization(&self, authorization: &str) -> ApiResponse {
        let request = self.request(Method::GET, "/api/users/me");
        let request = request.header(AUTHORIZATION, authorization);
        ApiResponse::of_json(request.send().await.expect("a response")).await
    }

    /// `GET /api/users/me` with this access token.
    pub(crate) async fn get_me_with_token(&self, access: &str) -> ApiResponse {
        self.get_me_with_authorization(&format!("Bearer {access}"))
            .await
    }
}

impl TestAppBuilder {
    /// Starts the app with one account, `ada@example.com`, whose first `token_version` is that of an imported one.
    pub(crate) fn start_with_user(self) -> (TestApp, User) {
        let app = self.start();
        let user = app.add_password_user("ada@example.com");
        app.set_token_version(user.id, 0);
        let user = app.user(&user.email);
        (app, user)
    }
}

impl TestApp {
    /// Adds an account with [`PASSWORD`] that is not linked to WorkOS.
    pub(crate) fn add_password_user(&self, email: &str) -> User {
        self.add_user_with_password(email, PASSWORD)
    }

    /// Sets an account's `token_version`.
    pub(crate) fn set_token_version(&self, id: UserId, version: i64) {
        self.change(|conn| {
            diesel::update(users::table.find(id))
                .set(users::token_version.eq(version))
                .execute(conn)
        });
    }

    /// Marks an account as imported by `import-django`, which gives it the `token_version` 0.
    pub(crate) fn set_imported(&self, id: UserId) {
        self.change(|conn| {
            diesel::update(users::table.find(id))
                .set((users::imported.eq(true), users::token_version.eq(0)))
                .execute(conn)
        });
    }

    /// Removes WorkOS's identifiers from every session, as if each had begun with a password.
    pub(crate) fn detach_sessions_from_workos(&self) {
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
