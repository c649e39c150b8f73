//! The key by which tokens and clients of the API name an account.

use std::fmt;

use serde::Serialize;

use crate::ids::UserId;

/// The highest id of an account: JavaScript represents no integer above it exactly.
const HIGHEST_ID: i64 = (1 << 53) - 1;

/// The key by which tokens and clients of the API name an account, so that those of a Django project notice no
/// difference. A text is never also the id of an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum UserKey {
    /// The account's id, which is Django's key too if the account was imported.
    Id(UserId),
    /// Django's key, if that is no integer; see [`User::django_id`](super::User::django_id).
    Text(String),
}

impl UserKey {
    /// Reads a key as tokens write it. Only the usual spelling of an id is one: Django may have the key `007`.
    pub fn parse(text: &str) -> Self {
        match text.parse() {
            Ok(id) if (1..=HIGHEST_ID).contains(&id) && id.to_string() == text => {
                Self::Id(UserId::from(id))
            }
            _ => Self::Text(text.to_owned()),
        }
    }

    /// The account's id, if it is the key.
    pub fn id(&self) -> Option<UserId> {
        match self {
            Self::Id(id) => Some(*id),
            Self::Text(_) => None,
        }
    }

    /// Django's key, if it is no integer.
    pub fn django_id(&self) -> Option<&str> {
        match self {
            Self::Id(_) => None,
            Self::Text(text) => Some(text),
        }
    }
}

impl fmt::Display for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_usual_spelling_of_an_id_is_one() {
        for id in ["1", "7", "9007199254740991"] {
            let key = UserKey::parse(id);
            assert_eq!((key.django_id(), key.to_string().as_str()), (None, id));
        }
        for text in [
            "",
            "0",
            "-7",
            "+7",
            "007",
            " 7",
            "7.0",
            "9007199254740992",
            "99999999999999999999",
            "0b5c2d3e-0000-4000-8000-00000000000a",
            "ada",
            "null",
        ] {
            assert_eq!(UserKey::parse(text), UserKey::Text(text.to_owned()));
        }
    }
}
