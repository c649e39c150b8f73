//! Browser sessions. The cookie holds who is signed in; the row holds what must survive the loss of the
//! cookie, such as WorkOS's refresh token.

mod active;
mod generation;
mod lease;
mod revocation_cache;
mod row;
mod state;
mod tombstones;
mod user_agent;

pub use active::{ActiveSession, SessionOrigin};
pub use generation::SessionGeneration;
pub use lease::{Confirmation, RenewalFailure};
pub use revocation_cache::{RevocationCache, RevocationStatus};
pub use row::{NewSession, SessionRow};
pub use state::{BrowserSession, Impersonator, SessionState, UpdatedSession};
pub use tombstones::delete_expired_tombstones;
pub use user_agent::{device_description, truncate_user_agent};
