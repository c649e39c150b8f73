//! What a signed-in user changes about the ways in which providers find the account: identities at Google and Okta, and
//! further addresses.

use super::service::SignInService;
use crate::account_queue::AccountReference;
use crate::accounts::account_addresses::FurtherAddress;
use crate::accounts::{ExternalIdentity, LinkError, connect_identity, disconnect_identity};
use crate::audit::{AuditEvent, ChangedBy};
use crate::clock::Timestamp;
use crate::db::DbError;
use crate::ids::SessionId;
use crate::oidc::OidcIdentity;
use crate::sessions::SessionRow;
use crate::tokens::RefreshTokenRow;
use crate::workos::ClientDevice;

impl SignInService {
    /// Connects an identity to the account of a session. Returns `false` if the session has ended.
    pub async fn connect_identity(
        &self,
        session: SessionId,
        identity: OidcIdentity,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<bool, LinkError> {
        let identity = ExternalIdentity {
            issuer: identity.issuer,
            subject: identity.subject,
            email: None,
        };
        let account = AccountReference::Session(session.clone());
        let database = account.queue(&self.services.database).await?;
        database
            .write(move |conn| {
                let Some(row) = SessionRow::lock_active(conn, &session, now)? else {
                    return Ok(false);
                };
                connect_identity(conn, &identity, row.user_id, &device, now)?;
                Ok(true)
            })
            .await
    }

    /// Disconnects the identity at a provider from the account of a session, and revokes the tokens of its
    /// sign-ins. Returns `false` if the
    /// session has ended.
    pub async fn disconnect_identity(
        &self,
        session: SessionId,
        issuer: String,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let account = AccountReference::Session(session.clone());
        let database = account.queue(&self.services.database).await?;
        database
            .write(move |conn| {
                let Some(row) = SessionRow::lock_active(conn, &session, now)? else {
                    return Ok(false);
                };
                if let Some(subject) = disconnect_identity(conn, &issuer, row.user_id)? {
                    RefreshTokenRow::revoke_sign_ins(conn, row.user_id, &issuer, now)?;
                    let disconnected = AuditEvent::ProviderDisconnected {
                        user_id: row.user_id,
                        provider: issuer,
                        subject,
                    };
                    disconnected.record(conn, &device, now)?;
                }
                Ok(true)
            })
            .await
    }

    /// Removes a further address from the account of a session; does nothing if it is none of the account's. Returns
    /// `false` if the session has ended.
    pub async fn remove_address(
        &self,
        session: SessionId,
        email_key: String,
        device: ClientDevice,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let account = AccountReference::Session(session.clone());
        let database = account.queue(&self.services.database).await?;
        database
            .write(move |conn| {
                let Some(row) = SessionRow::lock_active(conn, &session, now)? else {
                    return Ok(false);
                };
                let user_id = row.user_id;
                let address = FurtherAddress { email_key, user_id };
                if address.delete(conn)? > 0 {
                    let removed = AuditEvent::AddressRemoved {
                        user_id,
                        address: address.email_key,
                        by: ChangedBy::Owner,
                    };
                    removed.record(conn, &device, now)?;
                }
                Ok(true)
            })
            .await
    }
}
