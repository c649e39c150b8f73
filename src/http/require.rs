//! Guards in a handler's signature: `Require<R>` lets only those users pass who have the right `R`.

use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::recent_session::require_recent;
use super::session_user::SessionUser;
use crate::accounts::User;
use crate::db::DbError;
use crate::error::{Error, MissingRight};
use crate::sessions::SessionFacts;
use crate::state::AppState;

/// The page to which a log-in returns whose form cannot be sent again.
const ACCOUNT_PAGE: &str = "/account";

/// What a handler can require of the signed-in user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// A permission of one of the user's roles at WorkOS.
    Permission(&'static str),
    /// A role in the session's organisation at WorkOS.
    Role(&'static str),
    /// Django's flag `is_staff`.
    Staff,
    /// Django's flag `is_superuser`.
    Superuser,
    /// Credentials that were entered in the last fifteen minutes.
    Recent,
}

/// The rights that [`Require`] checks. An application implements it for types of its own:
///
/// ```
/// use vestibule::http::require::{Right, Rights};
///
/// struct ChangePosts;
///
/// impl Rights for ChangePosts {
///     const ALL: &[Right] = &[Right::Permission("posts:write")];
/// }
/// ```
pub trait Rights {
    /// The user must have all of them.
    const ALL: &[Right];
}

/// The flag `is_staff`.
#[derive(Clone, Copy, Debug)]
pub struct Staff;

/// The flag `is_superuser`.
#[derive(Clone, Copy, Debug)]
pub struct Superuser;

/// Credentials that were entered in the last fifteen minutes.
#[derive(Clone, Copy, Debug)]
pub struct Recent;

impl Rights for Staff {
    const ALL: &[Right] = &[Right::Staff];
}

impl Rights for Superuser {
    const ALL: &[Right] = &[Right::Superuser];
}

impl Rights for Recent {
    const ALL: &[Right] = &[Right::Recent];
}

/// The signed-in user, who has the rights `R`. Otherwise the response is 403, a page or JSON that names what is
/// missing; without a session it redirects to the log-in.
pub struct Require<R>(pub SessionUser, PhantomData<R>);

impl<R: Rights + 'static> FromRequest for Require<R> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            let user = SessionUser::extract(&request).await?;
            for right in R::ALL {
                check(&request, &user, *right).await?;
            }
            Ok(Self(user, PhantomData))
        }
        .boxed_local()
    }
}

async fn check(request: &HttpRequest, user: &SessionUser, right: Right) -> Result<(), Error> {
    let missing = match right {
        Right::Permission(name) => missing_permission(&user.known.facts, name),
        Right::Role(name) => missing_role(&user.known.facts, name),
        Right::Staff => {
            let is_staff = account(request, user)
                .await?
                .is_some_and(|user| user.is_staff);
            (!is_staff).then_some(MissingRight::Staff)
        }
        Right::Superuser => {
            let account = account(request, user).await?;
            let is_superuser = account.is_some_and(|user| user.is_superuser);
            (!is_superuser).then_some(MissingRight::Superuser)
        }
        Right::Recent => {
            let app = AppState::of(request)?;
            let target = request.uri().path_and_query();
            let next = target.filter(|_| request.method().is_safe());
            let next = next.map_or(ACCOUNT_PAGE, |target| target.as_str());
            return require_recent(&user.state, next, app.clock.now());
        }
    };
    match missing {
        Some(missing) => Err(Error::NotPermitted(missing)),
        None => Ok(()),
    }
}

/// The account as it is now: a flag that was taken away counts at once.
async fn account(request: &HttpRequest, user: &SessionUser) -> Result<Option<User>, Error> {
    let app = AppState::of(request)?;
    let (session_id, id) = (user.state.session_id.clone(), user.state.user_id);
    let read = app
        .database
        .read(move |conn| User::of_session(conn, &session_id, id).map_err(DbError::from));
    Ok(read.await?.filter(|account| account.is_active))
}

/// The error if the session does not have a permission.
pub fn missing_permission(facts: &SessionFacts, name: &str) -> Option<MissingRight> {
    let has_it = facts.workos.permissions.iter().any(|one| one == name);
    (!has_it).then(|| MissingRight::Permission(name.to_owned()))
}

/// The error if the session does not have a role.
pub fn missing_role(facts: &SessionFacts, name: &str) -> Option<MissingRight> {
    let mut roles = facts.role.iter().chain(&facts.workos.roles);
    let has_it = roles.any(|one| one == name);
    (!has_it).then(|| MissingRight::Role(name.to_owned()))
}

/// The error if the session is not in an organisation.
pub fn missing_organization(facts: &SessionFacts, id: &str) -> Option<MissingRight> {
    let is_there = facts.organization_id.as_deref() == Some(id);
    (!is_there).then(|| MissingRight::Organization(id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workos_facts::WorkosFacts;

    #[test]
    fn a_right_is_held_by_exactly_its_name() {
        let facts = SessionFacts {
            organization_id: Some("org_1".into()),
            role: Some("admin".to_owned()),
            workos: WorkosFacts {
                roles: vec!["editor".to_owned()],
                permissions: vec!["posts:write".to_owned()],
                ..WorkosFacts::default()
            },
        };
        assert_eq!(missing_permission(&facts, "posts:write"), None);
        assert_eq!(missing_role(&facts, "admin"), None);
        assert_eq!(missing_role(&facts, "editor"), None);
        assert_eq!(missing_organization(&facts, "org_1"), None);
        for name in ["", "posts", "posts:*", "POSTS:WRITE", "admin"] {
            assert!(missing_permission(&facts, name).is_some(), "{name}");
        }
        let nothing = SessionFacts::default();
        assert!(missing_organization(&nothing, "").is_some());
        assert!(missing_role(&nothing, "").is_some());
    }
}
