//! A server that is killed while WorkOS answers renewals.

use authkit_emulator::{Effect, Fault, Gate};
use diesel::prelude::*;
use futures_util::future::join_all;
use vestibule::db::schema::sessions;
use vestibule::db::{Database, DbError};
use vestibule::sessions::SessionRow;
use vestibule::settings::{DatabaseSettings, Source};

use crate::support::renewal::{GRANT, eventually};
use crate::support::site::Site;
use crate::support::steps::AUTHENTICATE;

/// As many of one account as are renewed at once before WorkOS has answered one.
const RUNNING: usize = 3;
const SESSIONS: usize = 12;

fn rows(database: &Database) -> Vec<SessionRow> {
    database
        .read_blocking(|conn| {
            let all = sessions::table.select(SessionRow::as_select());
            all.order(sessions::id).load(conn).map_err(DbError::from)
        })
        .expect("the sessions")
}

/// Makes every session due, and every cookie out of date.
fn make_due(database: &Database) {
    let change = |conn: &mut vestibule::db::Conn| {
        let due = diesel::update(sessions::table).set((
            sessions::confirmed_until.eq(sessions::created_at.nullable()),
            sessions::renew_after.eq(sessions::created_at.nullable()),
        ));
        due.execute(conn)?;
        for row in sessions::table.select(sessions::id).load(conn)? {
            let now = vestibule::clock::Clock::system().now();
            SessionRow::increment_generation(conn, &row, now)?;
        }
        Ok::<_, DbError>(())
    };
    database
        .write_blocking(change)
        .expect("the sessions are due");
}

/// The server restarts within seconds, and nobody sends a request.
#[tokio::test]
async fn a_killed_server_completes_its_renewals_when_it_starts_again() {
    let site = Site::start(&[]);
    let visitors: Vec<_> = (0..SESSIONS).map(|_| site.visitor()).collect();
    let sign_ins = visitors.iter().map(|one| one.sign_in("ada@example.com"));
    join_all(sign_ins).await;
    let settings = Source::from_pairs([("DATABASE_URL".to_owned(), site.database_url())]);
    let settings = DatabaseSettings::from_source(&settings).expect("a database");
    let database = Database::open_or_create(&settings).expect("a database");
    let gate = Gate::new();
    let hold = Fault::once(AUTHENTICATE, Effect::hold(&gate)).grant_type(GRANT);
    site.workos.control().inject(hold.times(u32::MAX));
    make_due(&database);
    let before = rows(&database);
    assert_eq!(before.len(), SESSIONS);
    let requests: Vec<_> = visitors
        .iter()
        .map(|visitor| {
            let visitor = visitor.clone();
            tokio::spawn(async move {
                // The server reads the new generation within a second.
                loop {
                    let request = visitor.request(reqwest::Method::GET, "/").send();
                    if request.await.is_err() {
                        return;
                    }
                }
            })
        })
        .collect();
    gate.reached_by(RUNNING).await.unwrap();
    let (workos, test_database) = site.end("KILL");
    join_all(requests).await;
    let risked = rows(&database)
        .into_iter()
        .filter(|row| row.refresh_token_sent_at.is_some())
        .count();
    assert_eq!(risked, RUNNING, "refresh tokens were sent");
    workos.control().clear_faults();
    workos.control().clear_requests();
    gate.open();
    let again = Site::on(
        test_database,
        &[("WORKOS_API_BASE_URL", &workos.base_url())],
    );
    let has_new_token = |old: &SessionRow| {
        let rows = rows(&database);
        let row = rows.iter().find(|row| row.id == old.id).expect("its row");
        assert_eq!(row.revoked_at, None);
        row.workos_refresh_token != old.workos_refresh_token && row.renewing_until.is_none()
    };
    eventually(|| {
        let renewed = before.iter().filter(|old| has_new_token(old)).count();
        renewed >= RUNNING
    })
    .await;
    let open = rows(&database);
    assert!(open.iter().all(|row| row.refresh_token_sent_at.is_none()));
    assert_eq!(workos.control().count_grant(GRANT), RUNNING);
    for visitor in visitors {
        let page = visitor.get(&again.url).await.text().await.unwrap();
        assert!(page.contains("Welcome, "), "{page}");
    }
    assert_eq!(workos.control().count_grant(GRANT), SESSIONS);
}
