//! A browser session for a user whom WorkOS has authenticated.

use std::net::IpAddr;

use super::audit::SignInRecord;
use super::conversions::workos_outcome;
use super::new_session::{SessionDraft, confirmed_until, limited_lifetime, local_state};
use super::requirement::{SignInRequirement, auth_time};
use super::service::SignInService;
use crate::account_queue::AccountReference;
use crate::accounts::{
    ProvisionError, User, WorkosProfile, provision, sessions_of_workos_user_ended_since,
};
use crate::clock::Timestamp;
use crate::db::Conn;
use crate::error::SignInFailure;
use crate::ids::SessionId;
use crate::renewal;
use crate::sessions::{Impersonator, SessionState};
use crate::workos::{Authentication, ClientDevice, WorkosError};

/// A callback of WorkOS with a code.
pub struct WorkosCallback {
    /// The code.
    pub code: String,
    /// The PKCE verifier of the attempt.
    pub code_verifier: String,
    /// The attempt's fingerprint; one attempt creates one session.
    pub attempt: String,
    /// When the attempt began. A code that was held back must not outlive a log-out everywhere.
    pub began_at: Timestamp,
    /// What the sign-in must show.
    pub requirement: SignInRequirement,
    /// The browser's previous session, which the new one replaces.
    pub previous: Option<SessionId>,
    /// The client's device.
    pub device: ClientDevice,
    /// The client's address.
    pub client: IpAddr,
}

/// A sign-in whose user WorkOS has authenticated.
pub(super) struct AuthenticatedSignIn {
    pub(super) authentication: Authentication,
    pub(super) attempt: String,
    /// See [`NewSession::callback_proof`](crate::sessions::NewSession::callback_proof).
    pub(super) callback_proof: Option<String>,
    pub(super) requirement: SignInRequirement,
    pub(super) previous: Option<SessionId>,
    pub(super) device: ClientDevice,
    /// When the attempt began, or, if WorkOS asked a further question, when it asked the first. If all sessions of
    /// the account have ended since, the sign-in fails.
    pub(super) began_at: Timestamp,
    pub(super) now: Timestamp,
}

impl SignInService {
    /// Exchanges the callback's code and creates the session. Returns the cookie's state. Concurrent
    /// requests of one client with the same callback share one exchange, and a later one gets the session that the
    /// first has created.
    pub async fn handle_callback(
        &self,
        callback: WorkosCallback,
    ) -> Result<SessionState, SignInFailure> {
        let key = (callback.attempt.clone(), callback.proof());
        let service = self.clone();
        self.callbacks
            .run(
                key,
                async move { service.exchange_callback(callback).await },
            )
            .await
    }

    async fn exchange_callback(
        &self,
        callback: WorkosCallback,
    ) -> Result<SessionState, SignInFailure> {
        let sent = (callback.attempt.as_str(), callback.code.as_str());
        let permit = self.reserve_exchange(callback.client, Some(sent))?;
        let workos = &self.services.workos;
        let answer = workos
            .authenticate_with_code(
                &callback.code,
                Some(&callback.code_verifier),
                // The authorize URL had it.
                None,
                &callback.device,
            )
            .await;
        permit.settle(workos_outcome(&answer));
        let authentication = match answer {
            Ok(authentication) => authentication,
            Err(error) => {
                let is_used_code = matches!(
                    &error,
                    WorkosError::Refused { code, .. } if code == "invalid_grant" || code == "invalid_code"
                );
                let session = match is_used_code {
                    true => self.session_of_callback(&callback).await?,
                    false => None,
                };
                return session.ok_or(error.into());
            }
        };
        let callback_proof = Some(callback.proof());
        let WorkosCallback {
            attempt,
            began_at,
            requirement,
            previous,
            device,
            ..
        } = callback;
        self.create_session(AuthenticatedSignIn {
            authentication,
            attempt,
            callback_proof,
            requirement,
            previous,
            device,
            began_at,
            now: self.services.clock.now(),
        })
        .await
    }

    /// Creates or updates the account and inserts the session's row. Returns the cookie's state. If the sign-in is
    /// refused, WorkOS's session ends.
    pub(super) async fn create_session(
        &self,
        sign_in: AuthenticatedSignIn,
    ) -> Result<SessionState, SignInFailure> {
        let (sid, now) = (sign_in.authentication.sid.clone(), sign_in.now);
        let created = self.insert_workos_session(sign_in).await;
        if let Err(failure) = &created {
            self.end_if_refused(sid, failure, now).await;
        }
        created
    }

    async fn insert_workos_session(
        &self,
        sign_in: AuthenticatedSignIn,
    ) -> Result<SessionState, SignInFailure> {
        let AuthenticatedSignIn {
            authentication,
            attempt,
            callback_proof,
            requirement,
            previous,
            device,
            began_at,
            now,
        } = sign_in;
        let lifetime = limited_lifetime(&authentication, self.session_age);
        let record = SignInRecord::by_workos(&authentication, &device, now, self.account_rate);
        let asking = device.clone();
        let mut draft = SessionDraft::new(device, (&self.services.clock, now), lifetime)?;
        draft.keep_workos_session(
            &self.services.keys,
            &authentication,
            self.stores_access_tokens,
        )?;
        let auth_time = auth_time(&authentication, now);
        draft.auth_time = auth_time;
        draft.login_attempt = Some(attempt);
        draft.callback_proof = callback_proof;
        let confirmed_until = confirmed_until(&authentication, now);
        let profile = WorkosProfile::from(&authentication.user);
        let account = AccountReference::WorkosUser(profile.workos_user_id.clone());
        let database = account.queue(&self.services.database).await?;
        let ending = previous.clone();
        let sign_in = move |conn: &mut Conn| {
            let workos_user_id = &profile.workos_user_id;
            if sessions_of_workos_user_ended_since(conn, workos_user_id, began_at, now)? {
                return Err(SignInFailure::AttemptAlreadyUsed);
            }
            let user = provision(conn, &profile, &record.device, now)?;
            requirement.check(user.id, auth_time)?;
            // `record_login` checks again that the account is active: if it is deactivated in
            // between, the deactivation does not see this session.
            if User::record_login(conn, user.id, now)? == 0 {
                return Err(ProvisionError::Inactive { user_id: user.id }.into());
            }
            let row = draft.insert(conn, &user, ending.as_ref())?;
            let row = row.ok_or(SignInFailure::AttemptAlreadyUsed)?;
            record.write::<SignInFailure>(conn, user.id, Some(&row.id))?;
            Ok::<_, SignInFailure>((user, row))
        };
        let (user, row) = match database.write(sign_in.clone()).await {
            Err(SignInFailure::Provision(refusal))
                if self
                    .update_conflicting_account(&refusal, &asking, now)
                    .await =>
            {
                database.write(sign_in).await?
            }
            outcome => outcome?,
        };
        self.previous_has_ended(previous.as_ref(), now);
        Ok(SessionState {
            authentication_method: authentication.authentication_method,
            impersonator: authentication.impersonator.map(Impersonator::from),
            renew_after: renewal::renew_after(confirmed_until, now),
            ..local_state(user, &row, self.services.revocations.epoch())
        })
    }
}
