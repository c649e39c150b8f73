//! The models of a dump, and the names that Django gives to their tables and columns.

use serde_json::{Map, Value};

use crate::django_import::factor_table_names::may_hold_factors;

/// The applications whose tables are read besides the user table and those of second factors: Django's groups,
/// allauth, simplejwt.
const APPLICATIONS: [&str; 5] = [
    "account",
    "auth",
    "authtoken",
    "socialaccount",
    "token_blacklist",
];
/// The foreign keys among these tables: model, field, and the model that the field refers to. The column of
/// a foreign key is called like the field and `_id`. Every field `user` refers to the user table, unless the dump has another
/// user model.
const FOREIGN_KEYS: [(&str, &str, &str); 6] = [
    (
        "account.emailconfirmation",
        "email_address",
        "account.emailaddress",
    ),
    (
        "auth.permission",
        "content_type",
        "contenttypes.contenttype",
    ),
    (
        "otp_static.statictoken",
        "device",
        "otp_static.staticdevice",
    ),
    (
        "socialaccount.socialtoken",
        "account",
        "socialaccount.socialaccount",
    ),
    (
        "socialaccount.socialtoken",
        "app",
        "socialaccount.socialapp",
    ),
    (
        "token_blacklist.blacklistedtoken",
        "token",
        "token_blacklist.outstandingtoken",
    ),
];
/// The fields of a user that are lists of keys, for each of which Django has a table.
pub(super) const LISTS: [UserList; 2] = [
    UserList {
        field: "groups",
        column: "group_id",
        target: "auth_group",
    },
    UserList {
        field: "user_permissions",
        column: "permission_id",
        target: "auth_permission",
    },
];
/// The table of Django's own user model. A project with another one as `AUTH_USER_MODEL` has none.
pub(super) const AUTH_USER: &str = "auth_user";
/// The name of a model's table, `shop_user` for `shop.User`. A name of a table stays as it is.
pub(in crate::django_import) fn table_name(model: &str) -> String {
    model.replace('.', "_").to_lowercase()
}

/// Whether the objects of a model are copied. `user_table`: the table of the users.
pub(super) fn is_wanted(model: &str, user_table: &str) -> bool {
    let application = model.split('.').next().unwrap_or_default();
    let table = table_name(model);
    APPLICATIONS.contains(&application)
        || table == user_table
        || may_hold_factors(&table, user_table)
}

/// Whether a model is a user model of Django's.
pub(super) fn is_user_model(model: &str, fields: &Map<String, Value>) -> bool {
    let has = |field: &str| fields.contains_key(field);
    table_name(model) == AUTH_USER || (has("password") && has("last_login"))
}

/// The table that a field of a model refers to.
pub(super) fn foreign_key(model: &str, field: &str) -> Option<String> {
    let mut keys = FOREIGN_KEYS.iter();
    let (.., target) = keys.find(|(one, name, _)| *one == model && *name == field)?;
    Some(table_name(target))
}

/// A field of a user that is a list of keys.
pub(super) struct UserList {
    pub(super) field: &'static str,
    /// The column for a key of the list.
    pub(super) column: &'static str,
    /// The table with these keys.
    pub(super) target: &'static str,
}

impl UserList {
    /// The table of the list, for users in this table.
    pub(super) fn table(&self, user_table: &str) -> String {
        format!("{user_table}_{}", self.field)
    }
}
