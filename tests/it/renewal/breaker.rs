//! WorkOS fails for many sessions: few refresh tokens are risked, nobody waits, and everybody is renewed afterwards.

use authkit_emulator::{Effect, Fault, Gate};
use chrono::TimeDelta;
use diesel::prelude::*;
use futures_util::future::join_all;
use reqwest::redirect::Policy;
use serde_json::json;
use vestibule::db::schema::sessions;
use vestibule::sessions::SessionRow;

use crate::support::app::{TestApp, Visitor};
use crate::support::client::plain_client_builder;
use crate::support::renewal::eventually;
use crate::support::steps::AUTHENTICATE;

const USERS: [&str; 2] = ["ada@example.com", "olive@example.com"];
/// The user of a site that has only one.
const ONE_USER: [&str; 1] = ["ada@example.com"];
/// The most refresh tokens that an outage may cost.
const HANDFUL: usize = 5;
/// The most rounds of requests after an outage, together two minutes by the clock.
const ROUNDS: usize = 20;

/// An app with sessions of [`USERS`] that are due.
async fn with_due_sessions(sessions: usize) -> (TestApp, Vec<String>) {
    with_due_sessions_of(&USERS, sessions).await
}

/// An app with sessions of these users in turn that are due, all confirmed until a moment ago, and the cookies of each.
async fn with_due_sessions_of(users: &[&str], sessions: usize) -> (TestApp, Vec<String>) {
    let app = TestApp::start();
    let mut cookies = Vec::new();
    while cookies.len() < sessions {
        let visitors: Vec<Visitor> = (0..10).map(|_| app.visitor()).collect();
        let emails = users.iter().cycle();
        let sign_ins = visitors
            .iter()
            .zip(emails)
            .map(|(visitor, email)| visitor.sign_in(email));
        join_all(sign_ins).await;
        cookies.extend(visitors.iter().map(|visitor| visitor.cookies("/")));
    }
    assert_eq!(app.sessions().len(), sessions);
    app.workos().clear_requests();
    app.expire_workos_tokens();
    (app, cookies)
}

/// Each session sends a request, all at once. Returns how many are signed in.
async fn count_signed_in(app: &TestApp, cookies: &[String]) -> usize {
    let client = plain_client_builder().redirect(Policy::none()).build();
    let client = client.expect("a client");
    let pages = cookies.iter().map(async |cookies| {
        let request = client.get(&app.url).header("Cookie", cookies);
        let answer = request.send().await.expect("an answer");
        answer.text().await.expect("a page").contains("Welcome, ")
    });
    join_all(pages).await.into_iter().filter(|is| *is).count()
}

async fn assert_all_signed_in(app: &TestApp, cookies: &[String]) {
    assert_eq!(count_signed_in(app, cookies).await, cookies.len());
}

fn count_rows(app: &TestApp, is_counted: impl Fn(&SessionRow) -> bool) -> usize {
    app.sessions().iter().filter(|row| is_counted(row)).count()
}

fn unanswered(app: &TestApp) -> usize {
    count_rows(app, |row| row.refresh_token_sent_at.is_some())
}

fn failures(app: &TestApp) -> i32 {
    app.sessions().iter().map(|row| row.renewal_failures).sum()
}

fn print_line(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// WorkOS loses every answer for this many seconds, in which the sessions send requests. Returns how many
/// refresh tokens were spent, and how many sessions have ended.
async fn lose_answers(
    effect: Effect,
    users: &[&str],
    sessions: usize,
    seconds: usize,
) -> (usize, usize) {
    let (app, cookies) = with_due_sessions_of(users, sessions).await;
    let name = format!("{effect:?}");
    app.inject_fault(u32::MAX, effect);
    assert_all_signed_in(&app, &cookies).await;
    for step in 0..seconds / 5 {
        let failed = failures(&app);
        app.advance(5);
        // The server probes by itself.
        eventually(|| failures(&app) > failed).await;
        let begin = step * 10 % sessions;
        assert_all_signed_in(&app, &cookies[begin..begin + 10]).await;
    }
    let (asked, spent) = (app.renewals(), unanswered(&app));
    app.workos().clear_faults();
    if seconds < 25 {
        app.advance(5);
        // No request is needed for this.
        eventually(|| unanswered(&app) == 0).await;
    }
    renew_all(&app, &cookies).await;
    let lost = count_rows(&app, |row| row.revoked_at.is_some());
    print_line(&format!(
        "{name} for {seconds} s, {sessions} sessions due: {spent} refresh tokens spent, \
         {lost} sessions lost, {asked} requests to WorkOS"
    ));
    assert!(asked <= HANDFUL + seconds / 2, "{asked} requests");
    (spent, lost)
}

/// Each session sends a request every six seconds until those that are open are renewed. The server's own probes
/// take real time, which the clock of the tests does not, so that more rounds are needed on a busy machine.
async fn renew_all(app: &TestApp, cookies: &[String]) {
    let is_renewed = |row: &SessionRow| {
        row.revoked_at.is_some() || row.confirmed_until.is_some_and(|end| end > app.now())
    };
    for _ in 0..ROUNDS {
        app.advance(6);
        count_signed_in(app, cookies).await;
        if count_rows(app, is_renewed) == cookies.len() {
            break;
        }
    }
    eventually(|| count_rows(app, is_renewed) == cookies.len()).await;
    let open = count_rows(app, |row| row.revoked_at.is_none());
    assert_eq!(count_signed_in(app, cookies).await, open);
}

#[tokio::test]
async fn half_bodies_for_less_than_the_replay_window_end_no_session() {
    let (spent, lost) = lose_answers(Effect::HalfBody, &USERS, 200, 20).await;
    assert!(spent <= HANDFUL && lost == 0);
}

#[tokio::test]
async fn resets_for_less_than_the_replay_window_end_no_session() {
    let (spent, lost) = lose_answers(Effect::DropReply, &USERS, 40, 20).await;
    assert!(spent <= HANDFUL && lost == 0);
}

#[tokio::test]
async fn ninety_seconds_of_lost_answers_end_a_handful_of_sessions() {
    let (spent, lost) = lose_answers(Effect::HalfBody, &USERS, 40, 90).await;
    assert!(spent <= HANDFUL && lost <= spent);
}

#[tokio::test]
async fn lost_answers_at_a_site_with_one_user_end_a_handful_of_sessions() {
    let (spent, lost) = lose_answers(Effect::HalfBody, &ONE_USER, 40, 90).await;
    assert!(spent <= HANDFUL && lost <= spent);
}

/// The account's own limit keeps the requests few: the breaker of all accounts needs failures of several.
#[tokio::test]
async fn an_outage_at_a_site_with_one_user_causes_few_requests() {
    let (app, cookies) = with_due_sessions_of(&ONE_USER, 40).await;
    app.make_workos_unavailable();
    for _ in 0..20 {
        assert_all_signed_in(&app, &cookies).await;
        app.advance(3);
    }
    let asked = app.renewals();
    print_line(&format!(
        "503 for 60 s, one user with 40 sessions: {asked} requests to WorkOS"
    ));
    assert!(asked <= HANDFUL + 30, "{asked} requests");
    app.workos().clear_faults();
    renew_all(&app, &cookies).await;
}

/// Takes some seconds: WorkOS has to be slower than the server waits.
async fn answers_without_workos(effect: Effect, before_recovery: impl FnOnce()) {
    let (app, cookies) = with_due_sessions(40).await;
    app.inject_fault(u32::MAX, effect);
    assert_all_signed_in(&app, &cookies).await;
    assert!(app.renewals() <= HANDFUL, "{} requests", app.renewals());
    // The breaker opens when the first requests have timed out.
    let failed = || {
        app.sessions()
            .iter()
            .filter(|row| row.renewal_failures > 0)
            .count()
    };
    eventually(|| failed() >= 3).await;
    let asked = app.renewals();
    assert_all_signed_in(&app, &cookies).await;
    assert_eq!(app.renewals(), asked, "nobody waits for WorkOS");
    app.workos().clear_faults();
    before_recovery();
    renew_all(&app, &cookies).await;
    // WorkOS repeats the answer to a spent token for half a minute, which a busy machine may miss.
    let lost = cookies.len() - count_signed_in(&app, &cookies).await;
    assert!(lost <= HANDFUL, "{lost} sessions lost");
}

#[tokio::test]
async fn no_request_waits_for_a_workos_that_hangs() {
    let gate = Gate::new();
    let hold = Effect::hold(&gate);
    // The gate is opened only when all sessions have their answers.
    answers_without_workos(hold, || gate.open()).await;
}

#[tokio::test]
async fn no_request_waits_for_a_response_that_trickles() {
    answers_without_workos(Effect::Trickle, || ()).await;
}

#[tokio::test]
async fn a_long_retry_after_concerns_all_sessions_and_ends_with_the_outage() {
    let (app, cookies) = with_due_sessions(20).await;
    let busy = Effect::Status {
        status: 429,
        body: json!({}),
        retry_after: Some("3600".to_owned()),
    };
    app.inject_fault(u32::MAX, busy);
    assert_all_signed_in(&app, &cookies).await;
    let asked = app.renewals();
    assert!(asked <= HANDFUL, "{asked} requests");
    for _ in 0..5 {
        app.advance(5);
        assert_all_signed_in(&app, &cookies).await;
    }
    assert_eq!(app.renewals(), asked, "WorkOS asked for a pause");
    app.workos().clear_faults();
    app.advance(30);
    // This is the probe.
    assert_all_signed_in(&app, &cookies[..1]).await;
    eventually(|| app.renewals() > asked).await;
    renew_all(&app, &cookies).await;
}

#[tokio::test]
async fn sign_ins_are_sent_while_renewals_are_not() {
    let (app, cookies) = with_due_sessions(10).await;
    app.make_workos_unavailable();
    assert_all_signed_in(&app, &cookies).await;
    let asked = app.renewals();
    assert!(asked < cookies.len(), "{asked} requests");
    let fresh = app.signed_in(USERS[0]).await;
    assert!(fresh.is_signed_in().await);
    assert_all_signed_in(&app, &cookies).await;
    assert_eq!(app.renewals(), asked, "a sign-in alone is no probe");
    app.workos().clear_faults();
    let cookies = [cookies, vec![fresh.cookies("/")]].concat();
    renew_all(&app, &cookies).await;
}

#[tokio::test]
async fn sessions_are_renewed_a_few_at_a_time_after_an_outage() {
    let (app, cookies) = with_due_sessions(40).await;
    let gate = Gate::new();
    app.inject_fault(u32::MAX, Effect::hold(&gate));
    let waiting = {
        let (url, cookies) = (app.url.clone(), cookies.clone());
        tokio::spawn(async move {
            let client = plain_client_builder().build().expect("a client");
            let sent = cookies.iter().map(|cookies| {
                let request = client.get(&url).header("Cookie", cookies);
                request.send()
            });
            join_all(sent).await.into_iter().flatten().count()
        })
    };
    gate.reached_by(4).await.unwrap();
    let first = app.renewals();
    assert_eq!(first, 4, "the first answer is not known yet");
    gate.open();
    assert_eq!(waiting.await.unwrap(), cookies.len());
    assert_eq!(app.renewals(), cookies.len());
}

/// WorkOS's endpoint that revokes sessions.
const REVOKE: &str = "/user_management/sessions/revoke";

#[tokio::test]
async fn an_endpoint_that_fails_does_not_stop_renewals() {
    let (app, cookies) = with_due_sessions_of(&ONE_USER, 10).await;
    let revocations = || {
        let requests = app.workos().requests();
        requests.iter().filter(|one| one.path == REVOKE).count()
    };
    let broken = Fault::once(REVOKE, Effect::status(503, json!({})));
    app.workos().inject(broken.times(u32::MAX));
    app.signed_in(USERS[1]).await;
    let olive = app.signed_in(USERS[1]).await;
    let everywhere = olive
        .submit("/account/sessions/revoke", &[("all", "1")])
        .await;
    assert!(everywhere.status().is_redirection(), "{everywhere:?}");
    // A revocation is sent three times.
    eventually(|| revocations() >= 3).await;
    assert_all_signed_in(&app, &cookies).await;
    assert_eq!(app.renewals(), cookies.len());
}

#[tokio::test]
async fn the_attempts_of_one_renewal_are_one_failure() {
    let (app, cookies) = with_due_sessions_of(&ONE_USER, 10).await;
    app.inject_fault(3, Effect::DropReply);
    assert_all_signed_in(&app, &cookies[..1]).await;
    assert_eq!((app.renewals(), failures(&app)), (3, 1));
    assert_all_signed_in(&app, &cookies[1..2]).await;
    assert_eq!(app.renewals(), 4, "WorkOS is asked about the next session");
}

#[tokio::test]
async fn an_answer_to_a_sign_in_does_not_shorten_retry_after() {
    let (app, mut cookies) = with_due_sessions_of(&ONE_USER, 10).await;
    let busy = Effect::Status {
        status: 429,
        body: json!({}),
        retry_after: Some("20".to_owned()),
    };
    app.inject_fault(1, busy);
    assert_all_signed_in(&app, &cookies[..1]).await;
    assert_eq!(app.renewals(), 1);
    for seconds in [0, 5, 11] {
        app.advance(seconds);
        cookies.push(app.signed_in(USERS[0]).await.cookies("/"));
        assert_all_signed_in(&app, &cookies).await;
        assert_eq!(app.renewals(), 1, "WorkOS asked for a pause");
    }
    app.advance(5);
    renew_all(&app, &cookies).await;
}

/// The sessions that were the first to lose an answer have ended since.
#[tokio::test]
async fn ended_sessions_do_not_hide_the_one_whose_refresh_token_is_spent() {
    let (app, cookies) = with_due_sessions(20).await;
    app.inject_fault(u32::MAX, Effect::HalfBody);
    assert_all_signed_in(&app, &cookies).await;
    let spent = unanswered(&app);
    assert!((2..=HANDFUL).contains(&spent), "{spent} spent");
    let rows = app.sessions();
    let lost = rows
        .iter()
        .filter(|row| row.refresh_token_sent_at.is_some());
    let first = app.now().plus(TimeDelta::minutes(-2));
    for row in lost.skip(1) {
        app.change(|conn| SessionRow::revoke(conn, &row.id, app.now()));
        app.change(|conn| {
            let row = diesel::update(sessions::table.find(&row.id));
            row.set(sessions::refresh_token_sent_at.eq(first))
                .execute(conn)
        });
    }
    // WorkOS repeats no answer any more.
    app.advance(60);
    for _ in 0..5 {
        let failed = failures(&app);
        app.advance(6);
        eventually(|| failures(&app) > failed).await;
        assert!(count_signed_in(&app, &cookies).await >= cookies.len() - spent);
    }
    assert_eq!(unanswered(&app), spent, "no other refresh token was risked");
}

/// WorkOS limits how often one user may sign in, which everybody can reach.
#[tokio::test]
async fn busy_answers_to_sign_ins_are_no_failures() {
    let (app, cookies) = with_due_sessions(10).await;
    let busy = Effect::Status {
        status: 429,
        body: json!({}),
        retry_after: None,
    };
    let fault = Fault::once(AUTHENTICATE, busy);
    app.workos().inject(fault.times(3));
    for _ in 0..3 {
        let ada = app.visitor();
        let authorize = ada.start_login("/auth/login").await;
        let callback = ada.authorize(&authorize, USERS[0]).await;
        assert_eq!(ada.get(callback.as_str()).await.status(), 503);
    }
    assert_all_signed_in(&app, &cookies[..1]).await;
    assert_eq!(app.renewals(), 1, "renewed at once");
}
