//! Checks the rows that an account has in other tables of Django's.

use diesel::sql_types::{Binary, Nullable};
use serde_json::Value;

use super::decode::{self, JsonRow, RawCell, json_rows};
use super::report::RefusalReason;
use super::second_factor::DjangoFactor;

/// The rows as they were read: each cell a JSON array of arrays, the last one the names of tables in lines.
#[derive(Clone, Debug, Default, diesel::QueryableByName)]
pub(super) struct RawRelated {
    #[diesel(sql_type = Nullable<Binary>)]
    c_addresses: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    c_identities: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    c_groups: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    c_authenticators: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    c_totp_devices: RawCell,
    #[diesel(sql_type = Nullable<Binary>)]
    c_other_devices: RawCell,
}

/// A row of django-allauth's `account_emailaddress`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DjangoAddress {
    pub(super) email: String,
    pub(super) verified: bool,
}

/// A row of django-allauth's `socialaccount_socialaccount`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DjangoIdentity {
    pub(super) provider: String,
    /// The issuer, if the stored data names one. That is what the provider's server has answered: it may claim to be
    /// any other, and only the report names it.
    pub(super) issuer: Option<String>,
    /// The `sub` of the stored ID token or user info; without one allauth's `uid`.
    pub(super) subject: String,
}

/// What an account has in other tables.
#[derive(Clone, Debug, Default)]
pub(super) struct RelatedData {
    pub(super) addresses: Vec<DjangoAddress>,
    pub(super) identities: Vec<DjangoIdentity>,
    pub(super) groups: Vec<String>,
    pub(super) factor: DjangoFactor,
}

impl RawRelated {
    /// The rows' values, or why they cannot be imported.
    pub(super) fn check(self) -> Result<RelatedData, RefusalReason> {
        let others = decode::text(self.c_other_devices)?.unwrap_or_default();
        let others = others.lines().map(str::to_owned).collect();
        let addresses = json_rows(self.c_addresses)?.into_iter().filter_map(|row| {
            let [Some(email), verified] = <[_; 2]>::try_from(row).ok()? else {
                return None;
            };
            Some(DjangoAddress {
                email,
                verified: decode::boolean(verified.map(String::into_bytes)).unwrap_or(false),
            })
        });
        let identities = json_rows(self.c_identities)?
            .into_iter()
            .filter_map(identity);
        let groups = json_rows(self.c_groups)?.into_iter();
        Ok(RelatedData {
            addresses: addresses.collect(),
            identities: identities.collect(),
            groups: groups.flatten().flatten().collect(),
            factor: DjangoFactor::new(
                &json_rows(self.c_authenticators)?,
                json_rows(self.c_totp_devices)?,
                others,
            ),
        })
    }
}

/// `sub` is the person's id in OpenID Connect. allauth can be set to use another field as `uid`.
fn identity(row: JsonRow) -> Option<DjangoIdentity> {
    let [Some(provider), Some(uid), data] = <[_; 3]>::try_from(row).ok()? else {
        return None;
    };
    let data: Value = data
        .and_then(|data| serde_json::from_str(&data).ok())
        .unwrap_or_default();
    let text = |pointer: &str| data.pointer(pointer)?.as_str().map(str::to_owned);
    let subject = ["/id_token/sub", "/userinfo/sub", "/sub"];
    let subject = subject.into_iter().find_map(text);
    let issuer = ["/id_token/iss", "/iss"].into_iter().find_map(text);
    Some(DjangoIdentity {
        provider,
        issuer: issuer.map(|issuer| issuer.trim_end_matches('/').to_owned()),
        subject: subject.unwrap_or(uid),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(provider: &str, uid: &str, data: &str) -> DjangoIdentity {
        let row = [provider, uid, data].map(|text| Some(text.to_owned()));
        identity(row.to_vec()).unwrap()
    }

    #[test]
    fn the_subject_is_the_sub_of_the_stored_data() {
        let google = parsed(
            "google",
            "123",
            r#"{"sub": "123", "email": "ada@example.com"}"#,
        );
        assert_eq!((google.subject.as_str(), google.issuer), ("123", None));
        let okta = parsed("okta", "ada@example.com", r#"{"sub": "00u1"}"#);
        assert_eq!(okta.subject, "00u1");
        let data = r#"{"userinfo": {"sub": "1"}, "id_token": {"sub": "1", "iss": "https://id.example.com/"}}"#;
        let other = parsed("acme", "ada", data);
        assert_eq!(other.issuer.as_deref(), Some("https://id.example.com"));
        assert_eq!(other.subject, "1");
        for data in ["", "[]", "{}", r#"{"sub": 7}"#] {
            assert_eq!(parsed("google", "7", data).subject, "7", "{data}");
        }
    }
}
