//! The columns of the events of the audit trail.

use serde_json::{Map, Value, json};

use super::event::{AuditEvent, ChangedBy, RefusedKey, RevocationReason};
use crate::ids::{SessionId, UserId};

/// The name of an accepted sign-in.
pub(super) const SIGNED_IN: &str = "signed_in";

/// The columns of an event.
pub(super) struct EventColumns {
    pub(super) name: &'static str,
    pub(super) user_id: Option<UserId>,
    pub(super) session_id: Option<SessionId>,
    /// A JSON object.
    pub(super) detail: Map<String, Value>,
}

impl AuditEvent {
    /// Whether an operator should look at a single event of this kind.
    pub(super) fn is_alarming(&self) -> bool {
        matches!(
            self,
            Self::TokenReplayed { .. } | Self::KeyRefused { .. } | Self::FailuresOmitted
        )
    }

    pub(super) fn columns(&self) -> EventColumns {
        let (name, user_id, session_id, detail) = self.parts();
        EventColumns {
            name,
            user_id,
            session_id: session_id.cloned(),
            detail: match detail {
                Value::Object(detail) => detail,
                _ => Map::new(),
            },
        }
    }

    fn parts(&self) -> (&'static str, Option<UserId>, Option<&SessionId>, Value) {
        match self {
            Self::SignedIn {
                user_id,
                session_id,
                method,
                amr,
            } => (
                SIGNED_IN,
                Some(*user_id),
                session_id.as_ref(),
                json!({ "method": method, "amr": (!amr.is_empty()).then_some(amr) }),
            ),
            Self::ImpersonationBegan {
                user_id,
                session_id,
                impersonator,
                reason,
            } => (
                "impersonation_began",
                Some(*user_id),
                session_id.as_ref(),
                json!({ "impersonator": impersonator, "reason": reason }),
            ),
            Self::SignInFailed {
                user_id,
                method,
                reason,
            } => (
                "sign_in_failed",
                *user_id,
                None,
                json!({ "method": method, "reason": reason }),
            ),
            Self::SignInRepeated {
                user_id,
                session_id,
            } => (
                "sign_in_repeated",
                Some(*user_id),
                Some(session_id),
                Value::Null,
            ),
            Self::CodeRequired { user_id } => ("code_required", Some(*user_id), None, Value::Null),
            Self::AccountCreated { user_id } => {
                ("account_created", Some(*user_id), None, Value::Null)
            }
            Self::AddressChanged {
                user_id,
                from,
                to,
                verified,
            } => (
                "address_changed",
                Some(*user_id),
                None,
                json!({ "from": from, "to": to, "verified": verified }),
            ),
            Self::SignedOut {
                user_id,
                session_id,
            } => ("signed_out", Some(*user_id), Some(session_id), Value::Null),
            Self::SessionRevoked {
                user_id,
                session_id,
                reason,
            } => (
                "session_revoked",
                Some(*user_id),
                Some(session_id),
                json!({ "reason": reason.name() }),
            ),
            Self::SessionsRevoked {
                user_id,
                reason,
                ended_sessions,
            } => (
                "sessions_revoked",
                Some(*user_id),
                None,
                json!({ "reason": reason.name(), "ended_sessions": ended_sessions }),
            ),
            Self::TokensRevoked {
                user_id,
                family,
                reason,
            } => (
                "tokens_revoked",
                *user_id,
                None,
                json!({ "family": family, "reason": reason.map(RevocationReason::name) }),
            ),
            Self::TokenReplayed {
                user_id,
                family,
                family_revoked,
            } => (
                "token_replayed",
                *user_id,
                None,
                json!({ "family": family, "family_revoked": family_revoked }),
            ),
            Self::PasswordChanged {
                user_id,
                by,
                ended_sessions,
            } => (
                "password_changed",
                Some(*user_id),
                None,
                json!({ "by": by.name(), "ended_sessions": ended_sessions }),
            ),
            Self::FactorAdded {
                user_id,
                factor,
                by,
                ended_sessions,
            } => (
                "factor_added",
                Some(*user_id),
                None,
                json!({ "factor": factor, "by": by.name(), "ended_sessions": ended_sessions }),
            ),
            Self::FactorRemoved {
                user_id,
                factor,
                by,
            } => (
                "factor_removed",
                Some(*user_id),
                None,
                json!({ "factor": factor, "by": by.name() }),
            ),
            Self::ProviderConnected {
                user_id,
                provider,
                subject,
            } => (
                "provider_connected",
                Some(*user_id),
                None,
                json!({ "provider": provider, "subject": subject }),
            ),
            Self::ProviderDisconnected {
                user_id,
                provider,
                subject,
            } => (
                "provider_disconnected",
                Some(*user_id),
                None,
                json!({ "provider": provider, "subject": subject }),
            ),
            Self::AddressRemoved {
                user_id,
                address,
                by,
            } => (
                "address_removed",
                Some(*user_id),
                None,
                json!({ "address": address, "by": by.name() }),
            ),
            Self::SuperuserCreated { user_id } => (
                "superuser_created",
                Some(*user_id),
                None,
                json!({ "by": ChangedBy::Command.name() }),
            ),
            Self::AccountClosed {
                user_id,
                by,
                ended_sessions,
            } => (
                "account_closed",
                Some(*user_id),
                None,
                json!({ "by": by.name(), "ended_sessions": ended_sessions }),
            ),
            Self::AccountOpened { user_id, by } => (
                "account_opened",
                Some(*user_id),
                None,
                json!({ "by": by.name() }),
            ),
            Self::KeyRefused { key } => ("key_refused", None, None, json!({ "key": key.name() })),
            Self::DatabaseRestored {
                data_until,
                ended_sessions,
                ended_tokens,
            } => (
                "database_restored",
                None,
                None,
                json!({
                    "data_until": data_until.to_string(),
                    "ended_sessions": ended_sessions,
                    "ended_tokens": ended_tokens,
                }),
            ),
            Self::FailuresOmitted => ("failures_omitted", None, None, Value::Null),
        }
    }
}

impl ChangedBy {
    fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Command => "command",
            Self::Workos => "workos",
            Self::Server => "server",
        }
    }
}

impl RevocationReason {
    fn name(self) -> &'static str {
        match self {
            Self::EndedByUser => "ended_by_user",
            Self::SignedOutEverywhere => "signed_out_everywhere",
            Self::Replaced => "replaced",
            Self::Command => "command",
            Self::RevokedAtWorkos => "revoked_at_workos",
            Self::NotRenewed => "not_renewed",
            Self::Idle => "idle",
            Self::WrongPasswords => "wrong_passwords",
            Self::TooManySessions => "too_many_sessions",
            Self::EmailVerified => "email_verified",
        }
    }
}

impl RefusedKey {
    fn name(self) -> &'static str {
        match self {
            Self::TokenSignature => "token_signature",
            Self::WorkosApiKey => "workos_api_key",
            Self::WebhookSignature => "webhook_signature",
        }
    }
}
