//! A session follows WorkOS for as long as it lives. A request whose cookie is past `renew_after`, or has
//! not followed the session's latest mark, looks at the session's row; when WorkOS's word for it is about
//! to end, one request asks for it anew.
//!
//! `rules` decides, `flights` has this process look once at a time, `held` renews and `workos` asks;
//! `switch` is a renewal into another organisation, `unwritten` what the database did not take.
//! Of several processes one asks: the row is the lock, see [`SessionRow::take_lease`]. No transaction
//! waits for WorkOS.

mod flights;
mod held;
mod rules;
mod switch;
mod unwritten;
mod workos;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::accounts::User;
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::error::{Error, InternalError};
use crate::sealing::SealError;
use crate::sessions::{SessionRow, SessionState};
use crate::sign_out::end_session;
use crate::state::AppState;
use crate::workos::ClientDevice;
pub use flights::Renewals;
use flights::{Flight, Progress};
use held::Held;
use rules::Step;
pub use rules::{LOCAL, confirmed_until, due};
pub use switch::{Switched, switch};
use unwritten::write;

/// How often a row is read that another process is renewing.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Nobody waits longer for it: a little more than a lease, since a holder that died is replaced.
const LONGEST_WAIT: Duration = Duration::from_secs(25);

/// A request that wants to know how its session stands.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The session.
    pub session_id: String,
    /// The organisation that its cookie names.
    pub organization_id: Option<String>,
    /// The one to go on in, where that is another.
    pub switch_to: Option<String>,
    /// What the person uses, for WorkOS's Radar.
    pub device: ClientDevice,
    /// How often the server itself has asked again for an answer that was lost; 0 for a request.
    pub follow_ups: u32,
}

/// How a session stands.
#[derive(Clone, Debug)]
pub enum Stands {
    /// It is good, and this is the latest of it.
    Good(Arc<Fresh>),
    /// It is good, and somebody else is renewing it.
    AsItIs,
    /// WorkOS has just refused to carry it on.
    Refused,
    /// It had ended before.
    Over,
}

/// Why nobody can tell how a session stands; shared by all who wait for it.
#[derive(Clone, Debug)]
enum Trouble {
    /// WorkOS has not been reached for too long; it is asked again after this time.
    Outage(Duration),
    Database(String),
    Internal(String),
}

type Outcome = Result<Stands, Trouble>;

/// What the row says of a session.
#[derive(Debug)]
pub struct Fresh {
    user: User,
    organization_id: Option<String>,
    role: Option<String>,
    renew_after: Timestamp,
    generation: i32,
}

impl Fresh {
    /// The cookie's state, brought up to date.
    #[must_use]
    pub fn applied_to(&self, state: SessionState) -> SessionState {
        let user = self.user.clone();
        SessionState {
            workos_user_id: user.workos_user_id,
            email: user.email,
            email_verified: user.email_verified,
            first_name: user.first_name,
            last_name: user.last_name,
            picture_url: user.picture_url,
            organization_id: self.organization_id.clone(),
            role: self.role.clone(),
            renew_after: self.renew_after,
            generation: self.generation,
            ..state
        }
    }
}

/// Looks at a session, renews it where it is due, and tells how it stands. A client that goes away
/// stops nothing: what WorkOS has given would be lost.
pub async fn look(app: &Arc<AppState>, ask: Ask) -> Result<Stands, Error> {
    if let Some(fresh) = app.renewals.unwritten.find(&ask.session_id) {
        // WorkOS must not be shown the token of the row, which is used up.
        return match app.clock.now() < fresh.renew_after {
            true => Ok(Stands::Good(fresh)),
            false => Err(Trouble::Database("a renewal is not written yet".to_owned()).into()),
        };
    }
    let (mut seen, flight) = flights::join(app, &ask.session_id);
    let begun = flight.is_some();
    if let Some(flight) = flight {
        tokio::spawn(async move {
            let outcome = fly(&flight, &ask).await;
            flight.lands(outcome);
        });
    }
    let settled = seen.wait_for(|progress| match progress {
        Progress::Looking => false,
        // Whoever began it brings the new cookie home; the others need not wait.
        Progress::Asking { holds } => *holds && !begun,
        Progress::Landed(_) => true,
    });
    match settled.await.as_deref() {
        Ok(Progress::Landed(outcome)) => outcome.clone().map_err(Error::from),
        Ok(Progress::Looking | Progress::Asking { .. }) => Ok(Stands::AsItIs),
        Err(_) => Err(InternalError::new("renew a session", "the task ended early").into()),
    }
}

async fn fly(flight: &Flight, ask: &Ask) -> Outcome {
    let app = flight.app();
    let grace = app.settings.session_stale_grace;
    let began = Instant::now();
    while began.elapsed() < LONGEST_WAIT {
        let now = app.clock.now();
        let Some((row, user)) = find(app, &ask.session_id, now).await? else {
            return end(app, &ask.session_id, now).await;
        };
        let holds = rules::holds(&row, now, grace);
        match rules::step(&row, now, grace) {
            Step::GoOn { look_again } => return Ok(good(ask, row, user, look_again)),
            Step::Outage { until } => return Err(Trouble::Outage(between(now, until))),
            Step::Renew => {
                if let Some(held) = Held::take(app, ask, user, now).await? {
                    flight.asks(holds);
                    if let Some(stands) = held.renew().await? {
                        return Ok(stands);
                    }
                }
            }
            Step::Wait if holds => return Ok(Stands::AsItIs),
            Step::Wait => {}
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(Trouble::Outage(Duration::ZERO))
}

/// Whether a session that has just begun, and its account, are still open.
pub async fn is_open(app: &AppState, state: &SessionState) -> Result<bool, DbError> {
    let found = find(app, &state.session_id, app.clock.now()).await?;
    Ok(found.is_some())
}

/// The session and its account, while both are open.
async fn find(
    app: &AppState,
    id: &str,
    now: Timestamp,
) -> Result<Option<(SessionRow, User)>, DbError> {
    let id = id.to_owned();
    app.database
        .read(move |conn| {
            let row = SessionRow::by_id(conn, &id)?;
            let Some(row) = row.filter(|row| row.revoked_at.is_none() && now < row.expires_at)
            else {
                return Ok(None);
            };
            let user = User::by_id(conn, row.user_id)?.filter(|user| user.is_active);
            Ok::<_, DbError>(user.map(|user| (row, user)))
        })
        .await
}

fn good(ask: &Ask, row: SessionRow, user: User, renew_after: Timestamp) -> Stands {
    let organization_id = workos::organization(ask, &row).map(str::to_owned);
    Stands::Good(Arc::new(Fresh {
        user,
        organization_id,
        role: row.role,
        renew_after,
        generation: row.generation,
    }))
}

fn between(now: Timestamp, then: Timestamp) -> Duration {
    (then.utc() - now.utc()).to_std().unwrap_or_default()
}

/// Ends a session whose row is gone, ended or past its end, or whose account is closed or gone.
async fn end(app: &AppState, id: &str, now: Timestamp) -> Outcome {
    let row_id = id.to_owned();
    let row = write(
        app,
        Arc::new(move |conn: &mut Conn| end_session(conn, &row_id, now).map_err(DbError::from)),
    )
    .await?;
    let longest = now.plus(app.settings.session_cookie_age);
    let until = row.map_or(longest, |row| row.expires_at);
    app.revocations.add_revoked(id, until);
    Ok(Stands::Over)
}

impl From<DbError> for Trouble {
    fn from(error: DbError) -> Self {
        Self::Database(error.to_string())
    }
}

impl From<SealError> for Trouble {
    fn from(error: SealError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Outage(retry_after) => Self::SessionUnconfirmed { retry_after },
            Trouble::Database(reason) => DbError::Unavailable(reason).into(),
            Trouble::Internal(reason) => InternalError::new("renew a session", reason).into(),
        }
    }
}
