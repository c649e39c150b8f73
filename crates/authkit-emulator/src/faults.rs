//! Faults that a test queues: failures, held or delayed responses, responses that are lost in
//! whole or in part. [`fault_injection`](crate::fault_injection) applies them to requests.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::gate::Gate;
use crate::request_log::RecordedRequest;

/// A fault for the next requests to an endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The path of the endpoint. Paths below it match too: `/sso/jwks` matches
    /// `/sso/jwks/client_emulator`.
    pub endpoint: String,
    /// If set, only requests with this `grant_type` match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_type: Option<String>,
    /// If set, only renewals of this user's sessions match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// If set, only requests match whose JSON body contains this text, as a firewall's rule does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_contains: Option<String>,
    /// How many matching requests the fault is applied to.
    #[serde(default = "one_request")]
    pub times: u32,
    /// What happens to these requests.
    pub effect: Effect,
}

fn one_request() -> u32 {
    1
}

/// What a fault does to a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// The request is not processed. The emulator answers with this response instead.
    Status {
        /// The status, 200 to 599.
        status: u16,
        /// A JSON body, or a string that is sent unchanged as HTML.
        #[serde(default)]
        body: Value,
        /// The value of the header `Retry-After`.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// The request is processed at once, and the response is sent when the test opens the gate.
    /// Only a test in the same process can use it.
    #[serde(skip_deserializing)]
    Hold {
        /// The gate that holds the response.
        #[serde(skip)]
        gate: Gate,
    },
    /// The request is processed at once, and the response is sent after a delay.
    Delay {
        /// The delay in milliseconds.
        milliseconds: u64,
    },
    /// The request is processed, and the connection is closed without a byte of the response.
    DropReply,
    /// The request is processed. Half of the response body is sent, then the connection is closed.
    HalfBody,
    /// The request is processed. The response body is sent byte by byte, so slowly that it does not end before
    /// the client gives up or the emulator stops.
    Trickle,
    /// The request is not processed. The connection stays open without a response until the client
    /// gives up or the emulator stops.
    NoAnswer,
}

impl Fault {
    /// A fault for the next request to `endpoint`.
    #[must_use]
    pub fn once(endpoint: &str, effect: Effect) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            grant_type: None,
            email: None,
            body_contains: None,
            times: 1,
            effect,
        }
    }

    /// The same fault, for the next `times` matching requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// The same fault, only for requests with this `grant_type`.
    #[must_use]
    pub fn grant_type(mut self, grant_type: &str) -> Self {
        self.grant_type = Some(grant_type.to_owned());
        self
    }

    /// The same fault, only for renewals of the sessions of the user with this email address.
    #[must_use]
    pub fn of_user(mut self, email: &str) -> Self {
        self.email = Some(email.to_owned());
        self
    }

    /// The same fault, only for requests whose JSON body contains this text.
    #[must_use]
    pub fn body_contains(mut self, text: &str) -> Self {
        self.body_contains = Some(text.to_owned());
        self
    }

    /// `renewed`: the email address of the user whose session the request renews.
    fn matches(&self, request: &RecordedRequest, renewed: Option<&str>) -> bool {
        let rest = request.path.strip_prefix(&self.endpoint);
        let same_path = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let same_grant =
            self.grant_type.is_none() || self.grant_type.as_deref() == request.grant_type();
        let same_user = self.email.is_none() || self.email.as_deref() == renewed;
        let text = self.body_contains.as_ref();
        let same_body = text.is_none_or(|text| request.body.to_string().contains(text));
        same_path && same_grant && same_user && same_body && self.times > 0
    }
}

impl Effect {
    /// A response with this status and JSON body, without `Retry-After`.
    #[must_use]
    pub fn status(status: u16, body: Value) -> Self {
        Self::Status {
            status,
            body,
            retry_after: None,
        }
    }

    /// Holds responses at `gate`.
    #[must_use]
    pub fn hold(gate: &Gate) -> Self {
        Self::Hold { gate: gate.clone() }
    }
}

/// The faults that have not been applied yet, in the order in which they were injected.
#[derive(Debug, Default)]
pub(crate) struct FaultQueue {
    faults: Mutex<Vec<Fault>>,
}

impl FaultQueue {
    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, fault: Fault) {
        self.lock().push(fault);
    }

    pub(crate) fn all(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Uses up one application of the first fault that matches the request. `renewed`: the email address of the user
    /// whose session the request renews.
    pub(crate) fn next_for(
        &self,
        request: &RecordedRequest,
        renewed: Option<&str>,
    ) -> Option<Effect> {
        let mut faults = self.lock();
        let fault = faults
            .iter_mut()
            .find(|fault| fault.matches(request, renewed))?;
        fault.times -= 1;
        let effect = fault.effect.clone();
        faults.retain(|fault| fault.times > 0);
        Some(effect)
    }
}
