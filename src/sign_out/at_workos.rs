//! Revokes sessions at WorkOS that have ended here.

use std::collections::BTreeSet;

use crate::ids::WorkosSid;
use crate::workos::{WorkosClient, WorkosError};

/// Sessions that WorkOS was not made to revoke.
#[derive(Debug, thiserror::Error)]
#[error("{left} of {all} sessions were not revoked at WorkOS: {error}")]
pub struct NotRevokedAtWorkos {
    /// The number of sessions that were not revoked.
    pub left: usize,
    /// The number of sessions that were to be revoked.
    pub all: usize,
    /// Why.
    #[source]
    pub error: WorkosError,
}

/// Revokes these sessions at WorkOS, one after the other, until WorkOS cannot be reached.
pub async fn revoke_sessions_at_workos(
    workos: &WorkosClient,
    sids: &BTreeSet<WorkosSid>,
) -> Result<(), NotRevokedAtWorkos> {
    for (done, sid) in sids.iter().enumerate() {
        match workos.revoke_session(sid).await {
            Ok(()) => {}
            // The session has already ended at WorkOS.
            Err(error @ WorkosError::Refused { .. }) if !error.is_misconfiguration() => {
                log::info!("WorkOS did not revoke session {sid}: {error}");
            }
            // The remaining calls would fail too, and each takes seconds to do so.
            Err(error) => {
                let (left, all) = (sids.len() - done, sids.len());
                return Err(NotRevokedAtWorkos { left, all, error });
            }
        }
    }
    Ok(())
}

/// Revokes sessions at WorkOS that have ended here.
pub fn revoke_in_background(workos: WorkosClient, sids: BTreeSet<WorkosSid>) {
    if sids.is_empty() {
        return;
    }
    tokio::spawn(async move {
        if let Err(failure) = revoke_sessions_at_workos(&workos, &sids).await {
            log::warn!("not all sessions that ended here ended at WorkOS: {failure}");
        }
    });
}
