//! What concerns one account says nothing of WorkOS: the renewals of others go on.

use authkit_emulator::{Effect, Fault, Seed, SeedUser};
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use crate::support::app::{TestApp, Visitor};
use crate::support::renewal::{GRANT, eventually};
use crate::support::steps::AUTHENTICATE;

/// The user whose renewals fail.
const MALLORY: &str = "mallory@example.com";
/// The sessions of [`MALLORY`].
const SESSIONS: usize = 12;
/// Everybody else.
const OTHERS: [&str; 4] = [
    "ada@example.com",
    "olive@example.com",
    "pat@example.com",
    "ruth@example.com",
];

/// An app with [`SESSIONS`] of Mallory and a session of each other user, which are all due.
struct Site {
    app: TestApp,
    mallory: Vec<Visitor>,
    others: Vec<Visitor>,
}

fn seed() -> Seed {
    let mut seed = Seed::default();
    for email in ["mallory@example.com", "pat@example.com", "ruth@example.com"] {
        let name = email.split('@').next().unwrap();
        seed.users.push(SeedUser {
            email: email.to_owned(),
            password: Some(format!("{name}-demo-password")),
            email_verified: true,
            ..SeedUser::default()
        });
    }
    seed
}

impl Site {
    async fn start(grace: &str) -> Self {
        let app = TestApp::builder()
            .seed(seed())
            .setting("SESSION_STALE_GRACE", grace)
            .start();
        let mallory = join_all((0..SESSIONS).map(|_| app.signed_in(MALLORY))).await;
        let others = join_all(OTHERS.map(|email| app.signed_in(email))).await;
        app.expire_workos_tokens();
        app.workos().clear_requests();
        Self {
            app,
            mallory,
            others,
        }
    }

    /// Every renewal of Mallory gets this answer.
    fn fail_for_mallory(&self, effect: Effect) {
        let fault = Fault::once(AUTHENTICATE, effect).grant_type(GRANT);
        let fault = fault.of_user(MALLORY).times(u32::MAX);
        self.app.workos().inject(fault);
    }

    /// Mallory's sessions send a request each.
    async fn mallory_asks(&self) {
        join_all(self.mallory.iter().map(|one| one.get("/"))).await;
    }

    /// How many sessions of others WorkOS has confirmed.
    fn confirmed(&self) -> usize {
        let now = self.app.now();
        let rows = self.app.sessions();
        let rows = rows.iter().filter(|row| row.confirmed_until > Some(now));
        rows.count()
    }
}

fn answer(status: u16, retry_after: Option<&str>) -> Effect {
    Effect::Status {
        status,
        body: json!("<html>Attention required"),
        retry_after: retry_after.map(str::to_owned),
    }
}

/// Everything that WorkOS, or a firewall before it, may answer to the renewals of one account.
#[tokio::test]
async fn failures_of_one_account_do_not_stop_the_renewals_of_others() {
    let effects = [
        answer(403, None),
        answer(413, None),
        answer(429, None),
        answer(429, Some("30")),
        answer(500, None),
        Effect::DropReply,
    ];
    for effect in effects {
        let name = format!("{effect:?}");
        let site = Site::start("20").await;
        site.fail_for_mallory(effect);
        for round in 0..12 {
            site.mallory_asks().await;
            for other in &site.others {
                assert_eq!(
                    other.get("/account").await.status(),
                    StatusCode::OK,
                    "{name}"
                );
            }
            assert!(site.confirmed() >= OTHERS.len(), "{name}, round {round}");
            site.app.advance(5);
            if round % 4 == 3 {
                // All sessions are due again.
                site.app.advance(295);
            }
        }
    }
}

/// The requests that one account causes are few, however many sessions it has.
#[tokio::test]
async fn failing_sessions_of_one_account_cause_few_requests() {
    let site = Site::start("3600").await;
    site.fail_for_mallory(answer(500, None));
    for _ in 0..20 {
        site.mallory_asks().await;
        site.app.advance(3);
    }
    let asked = site.app.renewals();
    assert!(asked <= 35, "{asked} requests in a minute");
}

#[tokio::test]
async fn retry_after_of_one_account_concerns_its_sessions_only() {
    let site = Site::start("3600").await;
    site.fail_for_mallory(answer(429, Some("20")));
    site.mallory[0].get("/").await;
    assert_eq!(site.app.renewals(), 1);
    site.app.workos().clear_faults();
    for seconds in [0, 5, 14] {
        site.app.advance(seconds);
        site.mallory_asks().await;
        assert_eq!(site.app.renewals(), 1, "WorkOS asked for a pause");
    }
    site.others[0].get("/").await;
    assert_eq!(site.app.renewals(), 2);
    // A session that was not renewed is checked again after five seconds.
    site.app.advance(6);
    site.mallory_asks().await;
    let all = SESSIONS + 1;
    eventually(|| site.confirmed() == all).await;
}

/// An outage for all ends, but the sessions of one account, which are the first to ask, go on failing.
#[tokio::test]
async fn one_account_does_not_take_every_probe() {
    let site = Site::start("3600").await;
    site.app.make_workos_unavailable();
    site.mallory_asks().await;
    join_all(site.others.iter().map(|one| one.get("/"))).await;
    let asked = site.app.renewals();
    site.app.advance(5);
    site.app.workos().clear_faults();
    site.fail_for_mallory(answer(500, None));
    for _ in 0..8 {
        site.mallory_asks().await;
        join_all(site.others.iter().map(|one| one.get("/"))).await;
        site.app.advance(3);
    }
    assert_eq!(site.confirmed(), OTHERS.len(), "{asked} requests before");
}

/// Every renewal of Ada is refused by something that is not WorkOS, while others are renewed.
#[tokio::test]
async fn a_session_that_is_refused_alone_has_a_short_grace_period() {
    let app = TestApp::builder().seed(seed()).start();
    let replica = app.replica().start();
    let ada = app.signed_in(OTHERS[0]).await;
    let olive = app.signed_in(OTHERS[1]).await;
    app.expire_workos_tokens();
    let refused = Fault::once(AUTHENTICATE, answer(403, None)).of_user(OTHERS[0]);
    app.workos().inject(refused.times(u32::MAX));
    let there = Visitor::new(&replica.url);
    let cookies = ada.cookies("/");
    let status = async |app: &Visitor| {
        let page = app.get_with_cookies("/account", &cookies).await;
        page.status().as_u16()
    };
    for round in 0..5 {
        // Each of the servers asks WorkOS.
        let (first, second) = match round % 2 {
            0 => (&ada, &there),
            _ => (&there, &ada),
        };
        assert_eq!(status(first).await, 200);
        assert_eq!(status(second).await, 200);
        assert_eq!(olive.get("/account").await.status(), StatusCode::OK);
        app.advance(11);
    }
    app.advance(10);
    assert_eq!(status(&ada).await, 503);
    app.advance(9);
    // The replica has to notice that WorkOS answers others.
    assert!(there.sign_in(OTHERS[2]).await.status().is_redirection());
    app.expire_workos_tokens();
    assert!(there.is_signed_in().await);
    assert_eq!(status(&ada).await, 503);
    app.advance(9);
    assert_eq!(status(&there).await, 503);
    assert_eq!(olive.get("/account").await.status(), StatusCode::OK);
    assert_eq!(
        app.sessions()
            .iter()
            .filter(|row| row.revoked_at.is_some())
            .count(),
        0
    );
    app.workos().clear_faults();
    app.advance(31);
    assert_eq!(status(&ada).await, 200, "nobody was signed out");
}

/// A firewall that refuses everybody, or several of those who ask, is an outage.
#[tokio::test]
async fn sessions_that_are_refused_with_others_have_the_whole_grace_period() {
    for refused in [1, 4] {
        let app = TestApp::builder().seed(seed()).start();
        let users = &OTHERS[..refused];
        let visitors = join_all(users.iter().map(|email| app.signed_in(email))).await;
        let mallory = app.signed_in(MALLORY).await;
        app.expire_workos_tokens();
        for email in users {
            let fault = Fault::once(AUTHENTICATE, answer(403, None)).of_user(email);
            app.workos().inject(fault.times(u32::MAX));
        }
        for round in 0..12 {
            for visitor in &visitors {
                assert!(
                    visitor.is_signed_in().await,
                    "{refused} users, round {round}"
                );
            }
            if refused > 1 {
                // WorkOS answers some.
                assert!(mallory.is_signed_in().await);
            }
            app.advance(15);
        }
    }
}
