//! The second factor at `/api/token`.

use serde_json::json;

use super::builder::text;
use super::responses::example;
use super::sign_in_steps::{PENDING, TOKEN};
use super::{AlternativeBody, BodyShape, Operation};
use crate::api::ApiError;
use crate::api::exchange::next_step;
use crate::api::token_code;

/// The body that follows the 403.
const CODE: &[AlternativeBody] = &[AlternativeBody {
    name: token_code::CODE_REQUIRED,
    summary: "The code of an authenticator app, or a recovery code",
    fields: &[
        TOKEN,
        text(
            "code",
            "The code that the authenticator app shows, or a recovery code.",
            "123456",
        ),
    ],
}];

/// Adds the body with a code, and the responses of accounts that have an authenticator app.
pub(super) fn with_code(mut operation: Operation) -> Operation {
    operation.alternatives = CODE;
    for response in &mut operation.responses {
        match response.status {
            400 => response.examples.extend(
                [
                    (
                        token_code::WRONG,
                        "The code is wrong",
                        token_code::wrong_code(),
                    ),
                    (
                        token_code::USED,
                        "The code was used before",
                        token_code::used_code(),
                    ),
                    (
                        token_code::SECRET_LOST,
                        "Only recovery codes can be checked",
                        token_code::secret_lost(),
                    ),
                    (
                        next_step::INVALID,
                        "The token has expired, or the account has changed",
                        next_step::expired(),
                    ),
                ]
                .map(|(name, summary, error): (_, _, ApiError)| {
                    example(name, summary, error.example())
                }),
            ),
            403 => {
                response.when =
                    "The account has an authenticator app; or the request is from another site";
                response.body = BodyShape::Json("Forbidden");
                response.general = false;
                let body = token_code::code_required_json(PENDING.to_owned());
                let required = example(
                    token_code::CODE_REQUIRED,
                    "The code of an authenticator app is required",
                    json!(body),
                );
                response.examples.insert(0, required);
            }
            _ => {}
        }
    }
    operation
}
