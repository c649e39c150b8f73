//! Tokens for a session that is open. They end with the session.

use std::sync::Arc;

use super::service::SignInService;
use crate::account_queue::AccountReference;
use crate::accounts::User;
use crate::clock::Timestamp;
use crate::ids::SessionId;
use crate::sessions::{Impersonator, SessionRow};
use crate::tokens::{Actor, IssueError, TokenGrant, TokenPair};

impl SignInService {
    /// Issues tokens for a session, which this person impersonates. Returns `None` if the session or its account is no longer
    /// open.
    pub async fn tokens_for_session(
        &self,
        session_id: SessionId,
        impersonator: Option<Impersonator>,
        now: Timestamp,
    ) -> Result<Option<(User, TokenPair)>, IssueError> {
        let tokens = Arc::clone(&self.services.tokens);
        let account = AccountReference::Session(session_id.clone());
        let database = account.queue(&self.services.database).await?;
        let issued = database
            .write(move |conn| {
                let Some(row) = SessionRow::lock_active(conn, &session_id, now)? else {
                    return Ok::<_, IssueError>(None);
                };
                let user = User::by_id(conn, row.user_id)?.filter(|user| user.is_active);
                let Some(user) = user else { return Ok(None) };
                let grant = TokenGrant {
                    act: impersonator.map(|impersonator| Actor {
                        sub: impersonator.email,
                    }),
                    not_after: Some(row.expires_at),
                    session: Some(row.id),
                    sid: row.workos_sid,
                    sign_in_method: None,
                };
                let pair = tokens.issue(conn, &user, grant, now)?;
                Ok(Some((user, pair)))
            })
            .await?;
        if let Some((user, _)) = &issued {
            log::info!("account {} got tokens for its session", user.id);
        }
        Ok(issued)
    }
}
