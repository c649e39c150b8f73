//! The ways to sign in without WorkOS, and whether an account may still use them.

use diesel::dsl::exists;
use diesel::prelude::*;

use super::credentials::may_use_password;
use super::user::User;
use crate::db::Conn;
use crate::db::schema::identities;
use crate::settings::{PasswordLogin, Settings};

/// How the database names [`SignInMethod::Password`].
const PASSWORD: &str = "password";

/// A way to sign in without WorkOS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInMethod {
    /// With a password that is stored here.
    Password,
    /// With Google or Okta.
    Provider {
        /// The provider's issuer.
        issuer: String,
        /// The user's id there; `None` in tokens of an earlier version.
        subject: Option<String>,
    },
}

impl SignInMethod {
    /// The columns in which a refresh token's row stores the method.
    pub fn columns(self) -> (String, Option<String>) {
        match self {
            Self::Password => (PASSWORD.to_owned(), None),
            Self::Provider { issuer, subject } => (issuer, subject),
        }
    }

    /// Reads the method from these columns.
    pub fn from_columns(method: String, subject: Option<String>) -> Self {
        match method.as_str() {
            PASSWORD => Self::Password,
            _ => Self::Provider {
                issuer: method,
                subject,
            },
        }
    }
}

/// The sign-in methods that the settings allow.
#[derive(Clone, Debug)]
pub struct AllowedSignInMethods {
    password_login: PasswordLogin,
    /// The issuers of the providers that are set up.
    issuers: Vec<String>,
}

impl AllowedSignInMethods {
    /// Reads the settings.
    pub fn new(settings: &Settings) -> Self {
        let providers = [&settings.oidc.google, &settings.oidc.okta];
        let providers = providers.into_iter().flatten();
        Self {
            password_login: settings.password_login,
            issuers: providers.map(|provider| provider.issuer.clone()).collect(),
        }
    }

    /// Whether this account may sign in with a password.
    pub fn allow_password(&self, user: &User) -> bool {
        may_use_password(user, self.password_login)
    }

    /// Whether this account may sign in by this method: the password is allowed for it, or the provider
    /// is set up and the account is linked to the identity there with which the user signed in.
    pub fn allow(&self, conn: &mut Conn, user: &User, method: &SignInMethod) -> QueryResult<bool> {
        let (issuer, subject) = match method {
            SignInMethod::Password => return Ok(self.allow_password(user)),
            SignInMethod::Provider { issuer, subject } => (issuer, subject),
        };
        if !self.issuers.contains(issuer) {
            return Ok(false);
        }
        let linked = identities::table
            .filter(identities::issuer.eq(issuer))
            .filter(identities::user_id.eq(user.id));
        match subject {
            Some(subject) => {
                let linked = linked.filter(identities::subject.eq(subject));
                diesel::select(exists(linked)).get_result(conn)
            }
            None => diesel::select(exists(linked)).get_result(conn),
        }
    }
}
