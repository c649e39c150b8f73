//! Another organisation for a session: a renewal that names it, under the same lease. Where WorkOS
//! does not do it, the session stays as it was.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::held::Held;
use super::unwritten::write;
use super::workos::{self, Reply};
use super::{Ask, Fresh, LOOK_EVERY, Stands, Trouble, end, find};
use crate::db::{Conn, DbError};
use crate::error::{Error, InternalError};
use crate::sessions::SessionRow;
use crate::state::AppState;
use crate::workos::WorkosError;

/// How long a renewal that is going on is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// When to try again, where WorkOS did not say.
const A_MOMENT: Duration = Duration::from_secs(2);
/// How WorkOS says that a session is over, whatever the organisation.
const OVER: &str = "invalid_grant";

/// What became of it.
#[derive(Clone, Debug)]
pub enum Switched {
    /// The session is in the organisation.
    Done(Arc<Fresh>),
    /// The session is over.
    Over,
    /// The session began with a password of this site, of which WorkOS knows nothing.
    Local,
    /// WorkOS does not do it: the way on is in the error, or there is none.
    Refused(WorkosError),
    /// WorkOS is away, or a renewal is going on; it may work after this time.
    NotNow(Duration),
}

/// Takes a session into the organisation `ask.switch_to`. A client that goes away stops nothing: what
/// WorkOS has given would be lost.
pub async fn switch(app: &Arc<AppState>, ask: Ask) -> Result<Switched, Error> {
    let app = Arc::clone(app);
    let switching = tokio::spawn(async move { once_free(&app, &ask).await });
    match switching.await {
        Ok(outcome) => outcome.map_err(Error::from),
        Err(_) => Err(InternalError::new("switch the organisation", "the task ended early").into()),
    }
}

async fn once_free(app: &Arc<AppState>, ask: &Ask) -> Result<Switched, Trouble> {
    let began = Instant::now();
    loop {
        let now = app.clock.now();
        let Some((row, user)) = find(app, &ask.session_id, now).await? else {
            end(app, &ask.session_id, now).await?;
            return Ok(Switched::Over);
        };
        if row.workos_refresh_token.is_none() {
            return Ok(Switched::Local);
        }
        if app.renewals.unwritten.find(&ask.session_id).is_some() {
            return Ok(Switched::NotNow(A_MOMENT));
        }
        if let Some(held) = Held::take_early(app, ask, user, now).await?
            && let Some(switched) = held.switch().await?
        {
            return Ok(switched);
        }
        if began.elapsed() >= PATIENCE {
            return Ok(Switched::NotNow(A_MOMENT));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

impl Held<'_> {
    /// Asks WorkOS and notes what it said; `None`: the lease was lost meanwhile.
    async fn switch(self) -> Result<Option<Switched>, Trouble> {
        match workos::ask(self.app, self.ask, &self.row, &self.user).await {
            Reply::Confirmed(authentication) => {
                let wanted = self.ask.switch_to.clone();
                let stands = self.confirm(*authentication).await?;
                Ok(stands.map(|stands| into(stands, wanted.as_deref())))
            }
            Reply::Unproven(authentication, error) => {
                let token = self.seal(&authentication)?;
                self.put_off(Some(token), &error).await.map(Some)
            }
            Reply::Away(error) => self.put_off(None, &error).await.map(Some),
            Reply::Declined(error) if is_over(&error) => self.ended(&error.to_string()).await,
            Reply::Declined(error) => {
                let (id, lease) = (self.row.id.clone(), self.lease);
                write(
                    self.app,
                    Arc::new(move |conn: &mut Conn| {
                        SessionRow::release_lease(conn, &id, lease).map_err(DbError::from)
                    }),
                )
                .await?;
                Ok(Some(Switched::Refused(error)))
            }
            Reply::Refused(why) => self.ended(&why).await,
        }
    }

    async fn ended(self, why: &str) -> Result<Option<Switched>, Trouble> {
        Ok(self.end(why).await?.map(|_| Switched::Over))
    }

    /// An answer that was lost may have brought a new refresh token, which WorkOS gives again for half
    /// a minute only: so the session is marked, and its next request asks.
    async fn put_off(
        self,
        token: Option<Vec<u8>>,
        error: &WorkosError,
    ) -> Result<Switched, Trouble> {
        let (app, id) = (self.app, self.row.id.clone());
        let asked = error.retry_after();
        match self.set_back(token, error).await {
            Ok(_) | Err(Trouble::Outage(_)) => {}
            Err(trouble) => return Err(trouble),
        }
        let now = app.clock.now();
        let mark = write(
            app,
            Arc::new(move |conn: &mut Conn| {
                SessionRow::increment_generation(conn, &id, now).map_err(DbError::from)
            }),
        );
        if let Some(mark) = mark.await? {
            app.revocations.add_generation(&mark);
        }
        Ok(Switched::NotNow(asked.unwrap_or(A_MOMENT)))
    }
}

/// WorkOS may have given an answer again that an earlier renewal lost, in the organisation of then:
/// that is noted, and the next try has a new refresh token.
fn into(stands: Stands, wanted: Option<&str>) -> Switched {
    match stands {
        Stands::Good(fresh) if fresh.organization_id.as_deref() == wanted => Switched::Done(fresh),
        Stands::Good(_) | Stands::AsItIs => Switched::NotNow(A_MOMENT),
        Stands::Refused | Stands::Over => Switched::Over,
    }
}

fn is_over(error: &WorkosError) -> bool {
    matches!(error, WorkosError::Refused { code, .. } if code == OVER)
}
