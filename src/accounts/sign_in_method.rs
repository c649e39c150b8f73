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
    /// With Google or Okta; the value is the provider's issuer.
    Provider(String),
}

impl From<SignInMethod> for String {
    fn from(method: SignInMethod) -> Self {
        match method {
            SignInMethod::Password => PASSWORD.to_owned(),
            SignInMethod::Provider(issuer) => issuer,
        }
    }
}

impl From<String> for SignInMethod {
    fn from(text: String) -> Self {
        match text.as_str() {
            PASSWORD => Self::Password,
            _ => Self::Provider(text),
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
    /// is set up and the account is linked to an identity there.
    pub fn allow(&self, conn: &mut Conn, user: &User, method: &SignInMethod) -> QueryResult<bool> {
        let issuer = match method {
            SignInMethod::Password => return Ok(self.allow_password(user)),
            SignInMethod::Provider(issuer) => issuer,
        };
        if !self.issuers.contains(issuer) {
            return Ok(false);
        }
        let linked = identities::table
            .filter(identities::issuer.eq(issuer))
            .filter(identities::user_id.eq(user.id));
        diesel::select(exists(linked)).get_result(conn)
    }
}
