//! The browser session: the cookie says who, the row keeps what must not be lost.

mod device;
mod ended;
mod lease;
mod marks;
mod open;
mod revocations;
mod row;
mod state;

pub use device::{device_in_words, kept_user_agent};
pub use ended::forget_ended;
pub use lease::{Confirmation, Setback};
pub use marks::Mark;
pub use open::{Beginning, OpenSession};
pub use revocations::{Revocations, Standing};
pub use row::{NewSession, SessionRow};
pub use state::{BrowserSession, CarriedOn, Impersonator, SessionState};
