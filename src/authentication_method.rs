//! How a user signed in: WorkOS's `authentication_method`, or a password of this server.

use serde::{Deserialize, Serialize};

macro_rules! authentication_methods {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $words:literal;)+) => {
        /// How a user signed in. The set is open: a value that is not known here is kept as received.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum AuthenticationMethod {
            $($(#[$doc])* $name,)+
            /// Another method of WorkOS, such as `GoogleOAuth`.
            Other(String),
        }

        impl From<String> for AuthenticationMethod {
            fn from(value: String) -> Self {
                match value.as_str() {
                    $($value => Self::$name,)+
                    _ => Self::Other(value),
                }
            }
        }

        impl From<AuthenticationMethod> for String {
            fn from(method: AuthenticationMethod) -> Self {
                method.as_str().to_owned()
            }
        }

        impl AuthenticationMethod {
            /// The value as it is serialized.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $value,)+
                    Self::Other(value) => value,
                }
            }

            /// The method in words. Another method of WorkOS is shown as received, without the suffix
            /// `OAuth` that all providers share.
            pub fn in_words(&self) -> &str {
                match self {
                    $(Self::$name => $words,)+
                    Self::Other(value) => {
                        let name = value.strip_suffix("OAuth");
                        name.filter(|name| !name.is_empty()).unwrap_or(value)
                    }
                }
            }
        }
    };
}

authentication_methods! {
    /// A password of this server. The methods of WorkOS begin with a capital letter.
    LocalPassword = "local_password", "Password of this site";
    /// A password at WorkOS.
    Password = "Password", "Password";
    /// An identity provider of the user's organisation.
    SingleSignOn = "SSO", "Single sign-on";
    /// A code that WorkOS sent by email.
    MagicAuth = "MagicAuth", "Code by email";
    /// A passkey.
    Passkey = "Passkey", "Passkey";
    /// An administrator who acts as the user.
    Impersonation = "Impersonation", "Impersonation";
    /// A session that was migrated to WorkOS.
    MigratedSession = "MigratedSession", "Migrated session";
    /// An authentication outside of WorkOS.
    ExternalAuth = "ExternalAuth", "External sign-in";
    /// Another application's authentication.
    CrossAppAuth = "CrossAppAuth", "Another application";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(value: &str) -> AuthenticationMethod {
        value.to_owned().into()
    }

    #[test]
    fn an_authentication_method_is_translated_into_words() {
        assert_eq!(method("GoogleOAuth").in_words(), "Google");
        assert_eq!(method("SSO").in_words(), "Single sign-on");
        assert_eq!(method("NewKind").in_words(), "NewKind");
        assert_eq!(method("OAuth").in_words(), "OAuth");
    }

    #[test]
    fn a_method_is_serialized_as_received() {
        for value in ["local_password", "SSO", "GoogleOAuth", "", "NewKind"] {
            let json = serde_json::to_value(method(value)).unwrap();
            assert_eq!(json, value);
            let again: AuthenticationMethod = serde_json::from_value(json).unwrap();
            assert_eq!(again, method(value));
        }
    }
}
