//! A set-up that has not been confirmed. The form keeps it, encrypted: nothing is stored until a code
//! shows that the app has the secret.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::accounts::second_factor::{TotpSecret, TotpSecretError};
use crate::clock::Timestamp;
use crate::error::{Error, InternalError};
use crate::ids::{SessionId, UserId};
use crate::keys::Keys;
use crate::sessions::SessionState;

/// How long the page may be open.
const LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// The purpose of the encrypted set-up.
const PURPOSE: &str = "authenticator that is being set up";

/// A secret that was shown in a session.
#[derive(Serialize, Deserialize)]
pub(super) struct PendingSetup {
    user_id: UserId,
    session_id: SessionId,
    secret: Vec<u8>,
    /// When it expires, in seconds since the Unix epoch.
    until: i64,
}

impl PendingSetup {
    /// A new secret for the user of this session.
    pub(super) fn start(user: &SessionState, now: Timestamp) -> Result<Self, Error> {
        let secret = TotpSecret::generate().map_err(unusable)?;
        Ok(Self {
            user_id: user.user_id,
            session_id: user.session_id.clone(),
            secret: secret.as_bytes().to_vec(),
            until: now.plus(LIFETIME).seconds(),
        })
    }

    /// Decrypts the form's field; `None` if it is not genuine, has expired, or is another session's.
    pub(super) fn open(
        keys: &Keys,
        sealed: &str,
        user: &SessionState,
        now: Timestamp,
    ) -> Option<Self> {
        let plain = keys.open_text(PURPOSE, sealed)?;
        let setup: Self = serde_json::from_slice(&plain).ok()?;
        let own = setup.user_id == user.user_id && setup.session_id == user.session_id;
        (own && now.seconds() < setup.until).then_some(setup)
    }

    /// Encrypts the set-up for the form.
    pub(super) fn seal(&self, keys: &Keys) -> Result<String, Error> {
        let failed = |error| InternalError::new("seal the set-up of an authenticator", error);
        let plain = serde_json::to_vec(self).map_err(|error| failed(Box::from(error)))?;
        let sealed = keys.seal_text(PURPOSE, &plain);
        Ok(sealed
            .map_err(|error| failed(Box::<dyn std::error::Error + Send + Sync>::from(error)))?)
    }

    /// The secret.
    pub(super) fn secret(&self) -> Result<TotpSecret, Error> {
        TotpSecret::from_bytes(&self.secret).map_err(unusable)
    }
}

fn unusable(error: TotpSecretError) -> Error {
    InternalError::new("make the secret of an authenticator", error).into()
}
