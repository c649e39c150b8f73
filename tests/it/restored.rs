//! A backup is restored: nobody becomes somebody else, before and after `vestibule restored`, and after it nothing
//! that has ended is valid again.

mod detection;

use chrono::TimeDelta;
use reqwest::header::COOKIE;
use reqwest::{Method, StatusCode};
use serde_json::json;
use vestibule::accounts::sessions_ended_since;
use vestibule::database_epoch::RestoreMark;
use vestibule::restore::{RestoreReport, end_what_was_restored};
use vestibule::tokens::{TokenGrant, TokenPair};

use crate::support::api::PASSWORD;
use crate::support::app::{TestApp, Visitor, location};
use crate::support::readings::{becomes_true, happens_soon};

const ADA: &str = "ada@example.com";
const OLIVE: &str = "olive@example.com";
const PAT: &str = "pat@example.com";

/// What a browser and an application hold.
struct Credentials {
    cookies: String,
    tokens: TokenPair,
}

impl Credentials {
    async fn of(app: &TestApp, email: &str) -> Self {
        let visitor = app.signed_in(email).await;
        Self {
            cookies: visitor.cookies("/"),
            tokens: app.issue_tokens(&app.user(email), TokenGrant::default()),
        }
    }

    async fn account_status(&self, app: &TestApp) -> StatusCode {
        let visitor = app.visitor();
        let page = visitor.get_with_cookies("/account", &self.cookies).await;
        page.status()
    }

    /// Whether the cookie opens neither the account page nor the API.
    async fn cookie_is_refused(&self, app: &TestApp) -> bool {
        let visitor = app.visitor();
        let api = visitor
            .get_with_cookies("/api/users/me", &self.cookies)
            .await;
        api.status() == StatusCode::UNAUTHORIZED
            && self.account_status(app).await == StatusCode::FOUND
    }

    async fn assert_tokens_are_refused(&self, app: &TestApp) {
        let visitor = app.visitor();
        let me = visitor.get_me_with_token(&self.tokens.access).await;
        assert_eq!(me.status, StatusCode::UNAUTHORIZED, "{me:?}");
        let refreshed = visitor.post_refresh_token("/api/token/refresh", &self.tokens.refresh);
        let refreshed = refreshed.await;
        assert_eq!(refreshed.status, StatusCode::UNAUTHORIZED, "{refreshed:?}");
    }

    /// Sends a form that ends sessions of the user.
    async fn sign_out(&self, app: &TestApp, name: &str, value: &str) {
        let request = Visitor::new(&app.url).request(Method::POST, "/account/sessions/revoke");
        let request = request.header(COOKIE, &self.cookies).form(&[(name, value)]);
        request.send().await.unwrap();
    }
}

/// Runs `vestibule restored`.
fn run_restored(app: &TestApp) -> RestoreReport {
    end_what_was_restored(&app.database, &mut RestoreMark::open(None), app.now()).unwrap()
}

/// The app accepts requests again after its connections were closed by a backup.
async fn is_ready(app: &TestApp) {
    let ready =
        becomes_true(async || app.visitor().get("/readyz").await.status() == StatusCode::OK);
    assert!(ready.await);
}

/// A new account with a password, whose user has signed in.
async fn sign_in_pat(app: &TestApp) -> Visitor {
    app.add_user_with_password(PAT, PASSWORD);
    let visitor = app.visitor();
    assert_eq!(
        visitor.log_in(PAT, PASSWORD).await.status(),
        StatusCode::FOUND
    );
    visitor
}

#[tokio::test]
async fn credentials_from_after_the_backup_are_nobodys() {
    let original = TestApp::start();
    original.signed_in(ADA).await;
    let backup = original.backup();
    is_ready(&original).await;
    let olive = Credentials::of(&original, OLIVE).await;
    let id = original.user(OLIVE).id;

    let app = original.restored_from(backup).start();
    let pat = sign_in_pat(&app).await;
    assert_eq!(app.user(PAT).id, id, "the number is given out again");
    assert!(olive.cookie_is_refused(&app).await);
    olive.assert_tokens_are_refused(&app).await;
    olive.sign_out(&app, "all", "1").await;
    let of_pat = app.sessions().into_iter().find(|row| row.user_id == id);
    olive
        .sign_out(&app, "session_id", &of_pat.unwrap().id)
        .await;
    assert!(
        pat.is_signed_in().await,
        "it ended the session of another user"
    );
    let me = pat.get("/api/users/me").await.text().await.unwrap();
    assert!(me.contains(PAT), "{me}");

    run_restored(&app);
    let is_nobody = async || {
        let page = app.visitor().get_with_cookies("/", &olive.cookies).await;
        !page.text().await.unwrap().contains("Welcome, ")
    };
    assert!(
        happens_soon(&app, is_nobody).await,
        "a page that reads no row"
    );
    assert!(olive.cookie_is_refused(&app).await);
    olive.assert_tokens_are_refused(&app).await;
    let next = app.add_user("quinn@example.com", true);
    assert!(i64::from(next.id) > i64::from(id) + 1_000);
}

/// Two databases that go on from the same backup, and of which neither counts as restored: an operator goes from one to
/// the other and back. Both give the same number to different people, and change the same account.
#[tokio::test]
async fn credentials_of_one_branch_are_nobodys_in_the_other() {
    let one = TestApp::start();
    one.add_user_with_password(ADA, PASSWORD);
    let backup = one.backup();
    is_ready(&one).await;
    let other = one.restored_from(backup).start();
    let mut held = Vec::new();
    for (app, email) in [(&one, OLIVE), (&other, PAT)] {
        let ada = app.visitor();
        assert_eq!(ada.log_in(ADA, PASSWORD).await.status(), StatusCode::FOUND);
        let new = app.add_user_with_password(email, PASSWORD);
        let visitor = app.visitor();
        visitor.log_in(email, PASSWORD).await;
        let tokens = app.issue_tokens(&new, TokenGrant::default());
        let cookies = visitor.cookies("/");
        held.push((Credentials { cookies, tokens }, ada.cookies("/"), new.id));
    }
    assert_eq!(held[0].2, held[1].2, "the number is given out in both");
    for (app, (foreign, of_ada, _)) in [(&other, &held[0]), (&one, &held[1])] {
        foreign.assert_tokens_are_refused(app).await;
        assert!(foreign.cookie_is_refused(app).await);
        let api = app.visitor();
        let me = api.get_with_cookies("/api/users/me", of_ada).await;
        assert_eq!(me.status(), StatusCode::UNAUTHORIZED);
        // It ends nobody's session.
        foreign.sign_out(app, "all", "1").await;
        let open = app.sessions();
        assert!(open.iter().all(|row| row.revoked_at.is_none()));
    }
}

#[tokio::test]
async fn what_has_ended_after_the_backup_is_not_valid_again() {
    let original = TestApp::start();
    let ada = Credentials::of(&original, ADA).await;
    let olive = Credentials::of(&original, OLIVE).await;
    let pat = sign_in_pat(&original).await;
    let pat = Credentials {
        cookies: pat.cookies("/"),
        tokens: original.issue_tokens(&original.user(PAT), TokenGrant::default()),
    };
    let backup = original.backup();
    is_ready(&original).await;
    for ended in [&ada, &pat] {
        let visitor = original.visitor();
        let body = json!({ "refresh": ended.tokens.refresh });
        let logged_out = visitor.post_json("/api/token/blacklist", &body).await;
        assert_eq!(logged_out.status, StatusCode::OK, "{logged_out:?}");
        let logged_out = visitor
            .post_with_cookies("/auth/logout", &ended.cookies)
            .await;
        // WorkOS's log-out.
        visitor.get(&location(&logged_out)).await;
        assert_eq!(ended.account_status(&original).await, StatusCode::FOUND);
    }

    let app = original.restored_from(backup).start();
    assert_eq!(
        ada.account_status(&app).await,
        StatusCode::OK,
        "it lives again"
    );
    let report = run_restored(&app);
    assert_eq!((report.ended_tokens, report.accounts), (3, 3));
    assert_eq!((report.ended_sessions, report.unconfirmed_sessions), (1, 2));
    let event = "FROM audit_events WHERE event = 'database_restored' AND detail LIKE '%\"ended_tokens\":3%'";
    assert_eq!(app.count_rows(event), 1);
    let renewals = original.renewals();
    assert!(happens_soon(&app, async || ada.cookie_is_refused(&app).await).await);
    assert!(pat.cookie_is_refused(&app).await);
    for each in [&ada, &olive, &pat] {
        each.assert_tokens_are_refused(&app).await;
    }
    assert_eq!(
        olive.account_status(&app).await,
        StatusCode::OK,
        "WorkOS has it"
    );
    assert_eq!(original.renewals(), renewals + 2);

    // Once more does no harm.
    let report = run_restored(&app);
    assert_eq!((report.ended_tokens, report.ended_sessions), (0, 0));
    assert_eq!(olive.account_status(&app).await, StatusCode::OK);
}

#[tokio::test]
async fn a_sign_in_that_began_before_the_restore_does_not_complete() {
    let app = TestApp::start();
    let olive = app.add_user(OLIVE, true);
    let ended_since = |since| {
        let now = app.now();
        app.rows(|conn| sessions_ended_since(conn, olive.id, since, now))
    };
    assert!(!ended_since(app.now()));
    run_restored(&app);
    assert!(ended_since(app.now()));
    assert!(!ended_since(app.now().plus(TimeDelta::seconds(1))));
}

/// The clock of the command may be behind, or that of the server that wrote the rows ahead.
#[tokio::test]
async fn no_clock_decides_what_ends() {
    let app = TestApp::start();
    sign_in_pat(&app).await;
    app.issue_tokens(&app.user(PAT), TokenGrant::default());
    let mut mark = RestoreMark::open(None);
    let earlier = app.now().plus(-TimeDelta::days(1));
    let report = end_what_was_restored(&app.database, &mut mark, earlier).unwrap();
    assert_eq!((report.ended_sessions, report.ended_tokens), (1, 1));
    assert!(app.only_session().revoked_at.is_some());
}
