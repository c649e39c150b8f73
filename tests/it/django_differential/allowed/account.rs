//! The account whose email and password a request has.

use vestibule::accounts::email_key;

use super::Facts;
use crate::support::real_django::RealUser;

/// The open account whose email differs only in case from the one that was sent, if its password was sent with it.
pub(super) fn sent_account<'a>(facts: &Facts<'a>) -> Option<&'a RealUser> {
    let sent = &facts.exchange.sent;
    let (email, password) = (sent.field("email")?, sent.field("password")?);
    let (email, password) = (email.trim(), password.trim());
    let is_this = |user: &&RealUser| {
        user.email != email
            && email_key(&user.email) == email_key(email)
            && user.password.as_deref() == Some(password)
            && user.is_active
    };
    facts.users.iter().find(is_this)
}
