//! A session whose lease this process holds: WorkOS is asked, and what it said is noted. A change is made
//! only where the lease is still held or, for what WorkOS has given, where the row still has the token that
//! it was given for; else nothing is changed, and whoever looks reads the row again.

use std::sync::Arc;
use std::time::Duration;

use diesel::QueryResult;
use secrecy::ExposeSecret;

use super::rules::{self, LEASE, Step, confirmed_until, due};
use super::unwritten::{self, Change, write};
use super::workos::{self, Reply};
use super::{Ask, Fresh, LOOK_EVERY, Stands, Trouble, between, good, look};
use crate::accounts::{User, WorkosProfile, update_from_workos};
use crate::clock::Timestamp;
use crate::db::{Conn, DbError};
use crate::random::random_fraction;
use crate::sealing::SealError;
use crate::sessions::{Confirmation, SessionRow, Setback};
use crate::sign_out::end_session;
use crate::state::AppState;
use crate::tokens::RefreshTokenRow;
use crate::workos::{Authentication, WorkosError};

/// How often a lost answer is asked for again though no request wants it: with the pauses between, as
/// long as WorkOS gives it again.
const FOLLOW_UPS: u32 = 2;

/// The session, its account, and the lease.
pub(super) struct Held<'a> {
    pub(super) app: &'a Arc<AppState>,
    pub(super) ask: &'a Ask,
    pub(super) row: SessionRow,
    pub(super) user: User,
    pub(super) lease: Timestamp,
}

impl<'a> Held<'a> {
    /// Takes the lease; `None` when somebody else was quicker.
    pub(super) async fn take(
        app: &'a Arc<AppState>,
        ask: &'a Ask,
        user: User,
        now: Timestamp,
    ) -> Result<Option<Self>, DbError> {
        Self::take_by(app, ask, user, now, SessionRow::take_lease).await
    }

    /// The same for a session that is not due yet.
    pub(super) async fn take_early(
        app: &'a Arc<AppState>,
        ask: &'a Ask,
        user: User,
        now: Timestamp,
    ) -> Result<Option<Self>, DbError> {
        Self::take_by(app, ask, user, now, SessionRow::take_lease_early).await
    }

    async fn take_by(
        app: &'a Arc<AppState>,
        ask: &'a Ask,
        user: User,
        now: Timestamp,
        take: fn(&mut Conn, &str, Timestamp, Timestamp) -> QueryResult<bool>,
    ) -> Result<Option<Self>, DbError> {
        let (id, lease) = (ask.session_id.clone(), now.plus(LEASE));
        let row = app.database.write(move |conn| {
            if !take(conn, &id, now, lease)? {
                return Ok(None);
            }
            // Read again: another holder may have come and gone since.
            Ok::<_, DbError>(SessionRow::by_id(conn, &id)?)
        });
        let held = row.await?.map(|row| Self {
            app,
            ask,
            row,
            user,
            lease,
        });
        Ok(held)
    }

    /// Asks WorkOS and notes what it said; `None`: the lease was lost meanwhile.
    pub(super) async fn renew(self) -> Result<Option<Stands>, Trouble> {
        match workos::ask(self.app, self.ask, &self.row, &self.user).await {
            Reply::Confirmed(authentication) => self.confirm(*authentication).await,
            Reply::Unproven(authentication, error) => {
                // Kept all the same, since the old one is used up: it came from WorkOS over TLS.
                let token = self.seal(&authentication)?;
                self.set_back(Some(token), &error).await
            }
            Reply::Away(error) => self.set_back(None, &error).await,
            Reply::Declined(error) => self.end(&error.to_string()).await,
            Reply::Refused(why) => self.end(&why).await,
        }
    }

    pub(super) fn seal(&self, authentication: &Authentication) -> Result<Vec<u8>, SealError> {
        let token = authentication.refresh_token.expose_secret().as_bytes();
        let place = format!("sessions:{}", self.row.id);
        self.app.keys.seal_row(&place, token)
    }

    fn confirmation(&self, authentication: Authentication) -> Result<Confirmation, SealError> {
        let now = self.app.clock.now();
        let expires_at = authentication.access_token_expires_at.map(Timestamp::from);
        let until = confirmed_until(expires_at, now);
        let asked_for = workos::organization(self.ask, &self.row).map(str::to_owned);
        Ok(Confirmation {
            workos_refresh_token: Some(self.seal(&authentication)?),
            workos_sid: authentication.sid.or(self.row.workos_sid.clone()),
            // An answer that names none has not left the one that was asked for.
            organization_id: authentication.organization_id.or(asked_for),
            role: authentication.role,
            confirmed_until: Some(until),
            renew_after: Some(due(until, now)),
            renewal_failures: 0,
        })
    }

    /// Notes that the session goes on.
    pub(super) async fn confirm(
        self,
        authentication: Authentication,
    ) -> Result<Option<Stands>, Trouble> {
        let profile = WorkosProfile::from(&authentication.user);
        let confirmation = self.confirmation(authentication)?;
        let now = self.app.clock.now();
        let switches = self.ask.switch_to.is_some();
        let Self { app, row, user, .. } = self;
        let id = row.id.clone();
        let unwritten = fresh(user.clone(), &confirmation, row.generation, now);
        let change: Change = Arc::new(move |conn: &mut Conn| {
            if !SessionRow::take_turn(conn, &row)? {
                return Ok(None);
            }
            SessionRow::confirm(conn, &row.id, &confirmation)?;
            let again = ask_again_if_marked(conn, &row, now)?;
            // The cookies of before name another organisation.
            let mark = match switches {
                true => SessionRow::increment_generation(conn, &row.id, now)?,
                false => None,
            };
            follow_sid(conn, &row, &confirmation)?;
            let user = update_from_workos(conn, user.clone(), &profile)?;
            // A later mark is followed by the next request.
            let marks = mark.as_ref().map_or(row.generation, |mark| mark.generation);
            let mut fresh = fresh(user, &confirmation, marks, now);
            if again {
                fresh.renew_after = now;
            }
            Ok(Some((fresh, mark)))
        });
        match write(app, Arc::clone(&change)).await {
            Ok(Some((fresh, mark))) => {
                if let Some(mark) = mark {
                    app.revocations.add_generation(&mark);
                }
                Ok(Some(Stands::Good(Arc::new(fresh))))
            }
            Ok(None) => Ok(None),
            Err(_) => {
                let fresh = Arc::new(unwritten);
                unwritten::keep(app, id, Arc::clone(&fresh), change);
                Ok(Some(Stands::Good(fresh)))
            }
        }
    }

    /// Notes that WorkOS could not be reached, and when to try again.
    pub(super) async fn set_back(
        mut self,
        token: Option<Vec<u8>>,
        error: &WorkosError,
    ) -> Result<Option<Stands>, Trouble> {
        let asked = error.retry_after();
        let now = self.app.clock.now();
        let failures = self.row.renewal_failures.saturating_add(1);
        let renew_after = now.plus(rules::pause(
            failures,
            asked,
            error.is_lost(),
            random_fraction(),
        ));
        log::warn!(
            "the session of account {} could not be renewed, {failures} in a row: {error}",
            self.user.id
        );
        self.row.renewal_failures = failures;
        self.row.renew_after = Some(renew_after);
        self.row.renewing_until = None;
        let setback = Setback {
            workos_refresh_token: token,
            renew_after,
            failures,
        };
        let (id, lease) = (self.row.id.clone(), self.lease);
        let ours = write(
            self.app,
            Arc::new(move |conn: &mut Conn| {
                let ours = SessionRow::release_lease(conn, &id, lease)?;
                if ours {
                    SessionRow::set_back(conn, &id, &setback)?;
                }
                Ok(ours)
            }),
        );
        if !ours.await? {
            return Ok(None);
        }
        if error.is_lost() && self.ask.follow_ups < FOLLOW_UPS {
            follow_up(self.app, self.ask, between(now, renew_after));
        }
        let grace = self.app.settings.session_stale_grace;
        match rules::step(&self.row, now, grace) {
            Step::GoOn { look_again } => Ok(Some(good(self.ask, self.row, self.user, look_again))),
            Step::Outage { until } => Err(Trouble::Outage(between(now, until))),
            Step::Renew | Step::Wait => Ok(None),
        }
    }

    /// Ends the session, which WorkOS does not carry on.
    pub(super) async fn end(self, why: &str) -> Result<Option<Stands>, Trouble> {
        let now = self.app.clock.now();
        let (id, lease) = (self.row.id, self.lease);
        let ended = write(
            self.app,
            Arc::new(move |conn: &mut Conn| {
                if !SessionRow::release_lease(conn, &id, lease)? {
                    return Ok(None);
                }
                end_session(conn, &id, now).map_err(DbError::from)
            }),
        );
        let Some(row) = ended.await? else {
            return Ok(None);
        };
        self.app.revocations.add_revoked(&row.id, row.expires_at);
        log::info!(
            "account {} is signed out: WorkOS does not carry its session on: {why}",
            self.user.id
        );
        Ok(Some(Stands::Refused))
    }
}

fn fresh(user: User, confirmation: &Confirmation, generation: i32, now: Timestamp) -> Fresh {
    Fresh {
        user,
        organization_id: confirmation.organization_id.clone(),
        role: confirmation.role.clone(),
        renew_after: confirmation.renew_after.unwrap_or(now),
        generation,
    }
}

/// Asks after a pause for an answer that was lost: where no request comes before WorkOS stops giving it
/// again, the session would end.
fn follow_up(app: &Arc<AppState>, ask: &Ask, pause: Duration) {
    let app = Arc::clone(app);
    let ask = Ask {
        switch_to: None,
        follow_ups: ask.follow_ups + 1,
        ..ask.clone()
    };
    tokio::spawn(async move {
        tokio::time::sleep(pause + LOOK_EVERY).await;
        if let Err(error) = look(&app, ask).await {
            log::warn!("a renewal whose answer was lost: {error}");
        }
    });
}

/// Whoever marked the session while WorkOS was being asked knew what WorkOS may not have known yet.
fn ask_again_if_marked(conn: &mut Conn, row: &SessionRow, now: Timestamp) -> QueryResult<bool> {
    let current = SessionRow::by_id(conn, &row.id)?;
    let marked = current.is_some_and(|current| current.generation != row.generation);
    if marked {
        SessionRow::discard_confirmation(conn, &row.id, now)?;
    }
    Ok(marked)
}

/// WorkOS's own emulator gives a session a new name at each renewal. What stands on the old name follows,
/// since a log-out must still find it.
fn follow_sid(conn: &mut Conn, row: &SessionRow, next: &Confirmation) -> Result<(), DbError> {
    if let (Some(old), Some(new)) = (&row.workos_sid, &next.workos_sid)
        && old != new
    {
        log::debug!("WorkOS's session {old} goes on as {new}");
        RefreshTokenRow::replace_sid(conn, old, new)?;
    }
    Ok(())
}
