//! The browser session: the cookie says who, the row keeps what must not be lost.

mod ended;
mod lease;
mod revocations;
mod row;
mod state;

pub use ended::forget_ended;
pub use lease::{Confirmation, Setback};
pub use revocations::{Revocations, Standing};
pub use row::{NewSession, SessionRow};
pub use state::{BrowserSession, Impersonator, SessionState};
