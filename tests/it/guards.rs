//! Guards in the signatures of handlers: an application with the page of docs/pages.md, and a route for each guard.

#[expect(unreachable_pub, reason = "it is the code of the document")]
mod reports;

use std::fs;
use std::path::Path;

use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use vestibule::error_pages::error_pages;
use vestibule::http::require::{Recent, Require, Right, Rights, Staff, Superuser};
use vestibule::middleware::session_middleware;
use vestibule::state::AppState;

use crate::support::app::{TestApp, Visitor};

const OLIVE: &str = "olive@example.com";
const ADA: &str = "ada@example.com";

struct AdminWhoWrites;

impl Rights for AdminWhoWrites {
    const ALL: &[Right] = &[Right::Role("admin"), Right::Permission("posts:write")];
}

async fn guarded<R>(user: Require<R>) -> String {
    user.0.state.email
}

/// Status, `Location` and body of a response.
type Answer = (u16, String, String);

/// An application of somebody else with the sessions of `app`.
struct Guarded<'a> {
    app: &'a TestApp,
    state: web::Data<AppState>,
}

impl<'a> Guarded<'a> {
    fn new(app: &'a TestApp) -> Self {
        let parts = (
            app.settings.clone(),
            app.database.clone(),
            app.clock.clone(),
        );
        let state = AppState::builder(parts.0, parts.1, parts.2).build();
        Self {
            app,
            state: web::Data::new(state.unwrap()),
        }
    }

    async fn ask(&self, request: TestRequest, user: &Visitor, accept: &str) -> Answer {
        let state = &self.state;
        let now = self.app.now();
        state
            .revocations
            .refresh_blocking(&state.database, now)
            .unwrap();
        let application = App::new()
            .app_data(state.clone())
            .route("/reports", web::get().to(reports::reports))
            .route("/reports/publish", web::post().to(reports::publish))
            .route("/both", web::get().to(guarded::<AdminWhoWrites>))
            .route("/staff", web::get().to(guarded::<Staff>))
            .route("/superuser", web::get().to(guarded::<Superuser>))
            .route("/recent", web::get().to(guarded::<Recent>))
            .wrap(session_middleware(&state.settings, &state.keys))
            .wrap(from_fn(error_pages));
        let service = init_service(application).await;
        let request = request
            .insert_header(("cookie", user.cookies("/")))
            .insert_header(("accept", accept))
            .peer_addr("127.0.0.1:50000".parse().unwrap());
        let response = call_service(&service, request.to_request()).await;
        let status = response.status().as_u16();
        let location = response.headers().get("location");
        let location = location.map_or("", |value| value.to_str().unwrap());
        let location = location.to_owned();
        let body = read_body(response).await;
        (status, location, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn page(&self, path: &str, user: &Visitor) -> Answer {
        self.ask(TestRequest::get().uri(path), user, "text/html")
            .await
    }

    async fn assert_passes(&self, path: &str, user: &Visitor, email: &str) {
        let answer = self.page(path, user).await;
        assert_eq!(answer, (200, String::new(), email.to_owned()), "{path}");
    }

    /// Asserts that the user is refused with a page and with JSON that say what is missing.
    async fn assert_refused(&self, path: &str, user: &Visitor, code: &str, missing: &str) {
        let (status, _, page) = self.page(path, user).await;
        assert_eq!(status, 403, "{path}: {page}");
        assert!(page.starts_with("<!doctype html>"), "{path}: {page}");
        assert!(page.contains(missing), "{path}: {page}");
        let request = TestRequest::get().uri(path);
        let (status, _, json) = self.ask(request, user, "application/json").await;
        assert_eq!(status, 403, "{path}: {json}");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["code"], code, "{path}: {json}");
        let detail = json["detail"].as_str().unwrap();
        assert!(detail.contains(missing), "{path}: {detail}");
    }
}

const DENIED: &str = "permission_denied";

#[tokio::test]
async fn permissions_and_roles_must_be_held() {
    let app = TestApp::start();
    app.workos().set_permissions("admin", &["reports:publish"]);
    let (olive, ada) = (app.signed_in(OLIVE).await, app.signed_in(ADA).await);
    let guarded = Guarded::new(&app);
    let publish = async |user: &Visitor, accept: &str| {
        let request = TestRequest::post().uri("/reports/publish");
        guarded.ask(request, user, accept).await
    };
    for (user, may_publish) in [(&olive, true), (&ada, false)] {
        let (status, _, page) = guarded.page("/reports", user).await;
        assert_eq!(status, 200, "{page}");
        assert_eq!(page.contains("who may publish"), may_publish, "{page}");
        let (status, location, answer) = publish(user, "text/html").await;
        match may_publish {
            true => assert_eq!((status, location.as_str()), (302, "/reports")),
            false => assert_eq!(status, 403),
        }
        assert_eq!(answer.contains("reports:publish"), !may_publish, "{answer}");
    }
    let (status, _, json) = publish(&ada, "application/json").await;
    assert_eq!(status, 403);
    assert!(json.contains(r#""code":"permission_denied""#), "{json}");

    // All rights of a list are needed.
    let refused = guarded.assert_refused("/both", &olive, DENIED, "posts:write");
    refused.await;
    app.workos().set_permissions("admin", &["posts:write"]);
    let olive = app.signed_in(OLIVE).await;
    guarded.assert_passes("/both", &olive, OLIVE).await;
    let refused = guarded.assert_refused("/both", &ada, DENIED, "the role");
    refused.await;
}

#[tokio::test]
async fn flags_count_as_they_are_now() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    let guarded = Guarded::new(&app);
    for (path, flag, other, missing) in [
        ("/staff", "is_staff", "is_superuser", "the right of staff"),
        (
            "/superuser",
            "is_superuser",
            "is_staff",
            "the right of superusers",
        ),
    ] {
        app.run_sql(&format!("UPDATE users SET {flag} = false, {other} = true"));
        guarded.assert_refused(path, &ada, DENIED, missing).await;
        app.run_sql(&format!("UPDATE users SET {flag} = true, {other} = false"));
        guarded.assert_passes(path, &ada, ADA).await;
    }
}

#[tokio::test]
async fn credentials_must_be_recent() {
    let app = TestApp::start();
    let ada = app.signed_in(ADA).await;
    let guarded = Guarded::new(&app);
    guarded.assert_passes("/recent", &ada, ADA).await;
    app.advance(15 * 60);
    let code = "reauthentication_required";
    let refused = guarded.assert_refused("/recent", &ada, code, "15 minutes");
    refused.await;
}

#[tokio::test]
async fn without_a_session_every_guard_leads_to_the_log_in() {
    let app = TestApp::start();
    let guarded = Guarded::new(&app);
    let stranger = app.visitor();
    for path in ["reports", "both", "staff", "superuser", "recent"] {
        let (status, location, _) = guarded.page(&format!("/{path}"), &stranger).await;
        assert_eq!(status, 302, "{path}");
        assert_eq!(location, format!("/auth/login?next=%2F{path}"));
        let request = TestRequest::get().uri(&format!("/{path}"));
        let (status, _, json) = guarded.ask(request, &stranger, "application/json").await;
        assert_eq!(status, 401, "{path}");
        let detail = r#"{"detail":"Authentication credentials were not provided."}"#;
        assert_eq!(json, detail);
    }
}

/// So that the code of the document can be compiled.
#[test]
fn the_document_shows_the_page_of_these_tests() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pages.md");
    let document = fs::read_to_string(document).unwrap();
    let block = |language: &str| {
        let (_, rest) = document.split_once(&format!("```{language}\n")).unwrap();
        rest.split_once("```").unwrap().0
    };
    // As rustfmt writes it.
    let own = format!(
        "(\n    ext = \"html\",\n    source = r#\"{}\"#\n)",
        block("html")
    );
    let shown = block("rust").replace(r#"(path = "reports.html")"#, &own);
    assert_eq!(shown, include_str!("guards/reports.rs"));
}
