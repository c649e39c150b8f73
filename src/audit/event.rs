//! The events of the audit trail.

use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};

/// An event of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AuditEvent {
    /// A user signed in, and got a session or tokens.
    SignedIn {
        /// The user.
        user_id: UserId,
        /// The new session; `None` if the user got tokens that depend on no session.
        session_id: Option<SessionId>,
        /// `local_password`, WorkOS's `authentication_method`, or the issuer of another provider.
        method: String,
        /// The authentication methods (RFC 8176), if the provider named them.
        amr: Vec<String>,
    },
    /// A member of the operator's staff began to act as a user. Recorded together with
    /// [`SignedIn`](Self::SignedIn).
    ImpersonationBegan {
        /// The impersonated user.
        user_id: UserId,
        /// The new session.
        session_id: Option<SessionId>,
        /// The impersonator's email address.
        impersonator: String,
        /// The reason that the impersonator gave.
        reason: Option<String>,
    },
    /// A sign-in was refused. Recorded by a [`FailureCounter`](super::FailureCounter).
    SignInFailed {
        /// The account, if the request named one.
        user_id: Option<UserId>,
        /// How the user tried to sign in, as in [`SignedIn`](Self::SignedIn).
        method: String,
        /// Why the sign-in was refused, in a few words. It holds nothing that the client sent.
        reason: String,
    },
    /// A client that sent the same callback or the same answer again got its session again. Counted by a
    /// [`FailureCounter`](super::FailureCounter), because it changes nothing and can be repeated.
    SignInRepeated {
        /// The user.
        user_id: UserId,
        /// The session.
        session_id: SessionId,
    },
    /// The password of an account with a second factor was right, and a code is required. Recorded by a
    /// [`FailureCounter`](super::FailureCounter): without the code it is no sign-in.
    CodeRequired {
        /// The user.
        user_id: UserId,
    },
    /// The first sign-in of a WorkOS user created an account.
    AccountCreated {
        /// The user.
        user_id: UserId,
    },
    /// The address of an account was written, or whether it is verified.
    AddressChanged {
        /// The user.
        user_id: UserId,
        /// The address before; empty if there was none.
        from: String,
        /// The address.
        to: String,
        /// Whether it is verified.
        verified: bool,
    },
    /// A user logged out.
    SignedOut {
        /// The user.
        user_id: UserId,
        /// The session that ended.
        session_id: SessionId,
    },
    /// A session was ended by something other than its own log-out.
    SessionRevoked {
        /// The session's user.
        user_id: UserId,
        /// The session.
        session_id: SessionId,
        /// Why.
        reason: RevocationReason,
    },
    /// All sessions and tokens of a user were ended.
    SessionsRevoked {
        /// The user.
        user_id: UserId,
        /// Why.
        reason: RevocationReason,
        /// How many sessions ended.
        ended_sessions: usize,
    },
    /// A family of tokens was revoked, other than by the end of its session.
    TokensRevoked {
        /// The tokens' user; `None` if the user is unknown here.
        user_id: Option<UserId>,
        /// The family's id.
        family: String,
        /// Why; `None` if the client that holds one of the tokens revoked it.
        reason: Option<RevocationReason>,
    },
    /// A refresh token that had been replaced was used again, and did not get its successor.
    TokenReplayed {
        /// The token's user; `None` if the user is unknown here.
        user_id: Option<UserId>,
        /// The family's id.
        family: String,
        /// Whether the family was revoked. It is not if the request may only have been late.
        family_revoked: bool,
    },
    /// A password was set or changed. The user's tokens ended with it.
    PasswordChanged {
        /// The user.
        user_id: UserId,
        /// Who changed it.
        by: ChangedBy,
        /// How many other sessions ended.
        ended_sessions: usize,
    },
    /// A second factor was added.
    FactorAdded {
        /// The user.
        user_id: UserId,
        /// The kind of factor: `totp` or `recovery_codes`.
        factor: &'static str,
        /// Who added it.
        by: ChangedBy,
        /// How many other sessions ended.
        ended_sessions: usize,
    },
    /// A second factor was removed or used up.
    FactorRemoved {
        /// The user.
        user_id: UserId,
        /// The kind of factor: `totp` or `recovery_code`.
        factor: &'static str,
        /// Who removed it.
        by: ChangedBy,
    },
    /// The account was linked to a user of WorkOS, Google or Okta.
    ProviderConnected {
        /// The user.
        user_id: UserId,
        /// The provider's issuer, or `workos`.
        provider: String,
        /// The user's id at the provider.
        subject: String,
    },
    /// The account's link to a user of WorkOS, Google or Okta was removed.
    ProviderDisconnected {
        /// The user.
        user_id: UserId,
        /// The provider's issuer, or `workos`.
        provider: String,
        /// The user's id at the provider.
        subject: String,
    },
    /// An address of an account was removed, so that no sign-in finds the account by it any more.
    AddressRemoved {
        /// The user.
        user_id: UserId,
        /// The address, in the form in which emails are compared.
        address: String,
        /// Who removed it.
        by: ChangedBy,
    },
    /// An operator created an account with all rights.
    SuperuserCreated {
        /// The user.
        user_id: UserId,
    },
    /// An account was deactivated.
    AccountClosed {
        /// The user.
        user_id: UserId,
        /// Who closed it.
        by: ChangedBy,
        /// How many sessions ended.
        ended_sessions: usize,
    },
    /// A deactivated account was activated again.
    AccountOpened {
        /// The user.
        user_id: UserId,
        /// Who opened it.
        by: ChangedBy,
    },
    /// A key or a signature was refused. Recorded by a [`FailureCounter`](super::FailureCounter).
    KeyRefused {
        /// Which.
        key: RefusedKey,
    },
    /// An operator ran `vestibule restored`. The sessions and tokens that ended have no events of their own.
    DatabaseRestored {
        /// Up to when the data of the backup go.
        data_until: Timestamp,
        /// How many sessions ended.
        ended_sessions: usize,
        /// How many refresh tokens ended.
        ended_tokens: usize,
    },
    /// More kinds of failure in one minute than are recorded one by one.
    FailuresOmitted,
}

/// Who made a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangedBy {
    /// The account's owner, in a signed-in session.
    Owner,
    /// An operator, with a management command.
    Command,
    /// WorkOS, with a webhook or in the answer to a sign-in or a renewal.
    Workos,
    /// The server itself, by a rule of its own.
    Server,
}

/// Why sessions were ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RevocationReason {
    /// The user ended it from another session.
    EndedByUser,
    /// The user signed out everywhere.
    SignedOutEverywhere,
    /// The same browser signed in again.
    Replaced,
    /// An operator ran `vestibule logout`.
    Command,
    /// WorkOS revoked its own session.
    RevokedAtWorkos,
    /// WorkOS refused to renew the session, or its sign-in method is no longer allowed.
    NotRenewed,
    /// The session was not used for `SESSION_IDLE_TIMEOUT`.
    Idle,
    /// Wrong passwords were entered in the session.
    WrongPasswords,
    /// The account had too many open sessions, and signed in again.
    TooManySessions,
    /// The account's email address was verified by its owner, so what was given out before ends.
    EmailVerified,
}

/// A key or a signature that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusedKey {
    /// A token whose signature none of our keys has made.
    TokenSignature,
    /// WorkOS refused `WORKOS_API_KEY` or `WORKOS_CLIENT_ID`.
    WorkosApiKey,
    /// The signature of a webhook did not match `WORKOS_WEBHOOK_SECRET`.
    WebhookSignature,
}
