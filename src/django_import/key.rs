//! Keys of Django's user table, and the accounts that were imported from them.

use std::collections::HashMap;

use diesel::prelude::*;

use super::decode::{self, RawCell};
use super::report::{CountLabel, RefusalReason};
use crate::accounts::UserKey;
use crate::db::Conn;
use crate::db::schema::{django_imports, users};
use crate::db::source::Column;
use crate::ids::UserId;

/// The highest id that is imported. JavaScript cannot represent an integer above 2⁵³ exactly, and
/// new ids are assigned above this one.
pub(super) const HIGHEST_KEY: i64 = (1 << 53) - 1_000_000_000;
/// The longest text that is imported as a key.
const MAX_TEXT: usize = 255;
/// The report's remark on keys that Django may write into tokens in another form.
pub(super) const WITHOUT_HYPHENS: CountLabel = (
    "keys of 32 hexadecimal digits without hyphens: if the field is a UUIDField, Django's tokens carry hyphens, and do not find these accounts; import a view whose keys have hyphens",
    "key of 32 hexadecimal digits without hyphens: if the field is a UUIDField, Django's tokens carry hyphens, and do not find this account; import a view whose keys have hyphens",
);
/// The hexadecimal digits of a UUID, and the places before which Django writes a hyphen.
const UUID_DIGITS: usize = 32;
const UUID_HYPHENS: [usize; 4] = [8, 12, 16, 20];

/// What a column with users' keys holds: the key column, or a column of another table that refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyColumn {
    /// Integers.
    Integer,
    /// UUIDs as 32 digits, as Django stores them in databases that have no such type.
    UuidDigits,
    /// Texts, or UUIDs in their usual form.
    Text,
}

impl KeyColumn {
    /// By the column's declared type.
    pub(super) fn of(column: &Column) -> Self {
        match column.sql_type.as_str() {
            "char(32)" => Self::UuidDigits,
            declared if declared.contains("int") => Self::Integer,
            _ => Self::Text,
        }
    }

    /// The key in a cell, as Django writes it into tokens.
    pub(super) fn read(self, cell: RawCell) -> Result<UserKey, RefusalReason> {
        let text = match decode::text(cell) {
            Ok(text) => text.unwrap_or_default(),
            Err(_) if self == Self::Integer => return Err(RefusalReason::KeyNotInteger),
            Err(reason) => return Err(reason),
        };
        let text = match self {
            Self::UuidDigits => hyphenated(&text).unwrap_or(text),
            Self::Integer | Self::Text => text,
        };
        match (UserKey::parse(&text), self) {
            (UserKey::Id(id), _) if i64::from(id) > HIGHEST_KEY => {
                Err(RefusalReason::KeyOutOfRange)
            }
            (UserKey::Text(text), Self::Integer) => Err(match is_integer(&text) {
                true => RefusalReason::KeyOutOfRange,
                false => RefusalReason::KeyNotInteger,
            }),
            (UserKey::Text(text), _) if text.is_empty() => Err(RefusalReason::NoKey),
            (UserKey::Text(text), _) if text.len() > MAX_TEXT => Err(RefusalReason::KeyOutOfRange),
            (key, _) => Ok(key),
        }
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the text may be a UUID whose hyphens are missing.
pub(super) fn is_uuid_without_hyphens(digits: &str) -> bool {
    digits.len() == UUID_DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether the text is a UUID in its usual form.
pub(super) fn is_uuid(text: &str) -> bool {
    let digits = text.replace('-', "");
    hyphenated(&digits).is_some_and(|uuid| uuid.eq_ignore_ascii_case(text))
}

/// The usual form of a UUID of 32 hexadecimal digits.
fn hyphenated(digits: &str) -> Option<String> {
    if !is_uuid_without_hyphens(digits) {
        return None;
    }
    let mut uuid = digits.to_ascii_lowercase();
    for place in UUID_HYPHENS.into_iter().rev() {
        uuid.insert(place, '-');
    }
    Some(uuid)
}

/// The accounts that were imported from this table's users with these keys. Another account may have the id by
/// chance.
pub(super) fn imported_accounts<'a>(
    conn: &mut Conn,
    keys: impl Iterator<Item = &'a UserKey> + Clone,
    source_table: &str,
) -> QueryResult<HashMap<UserKey, UserId>> {
    let ids = keys.clone().filter_map(UserKey::id);
    let known = django_imports::source_table;
    let imported = users::table
        .inner_join(django_imports::table.on(django_imports::user_id.eq(users::id)))
        .filter(known.is_null().or(known.eq(source_table)));
    let with_id: Vec<UserId> = imported
        .filter(users::id.eq_any(ids.collect::<Vec<_>>()))
        .filter(users::django_id.is_null())
        .select(users::id)
        .load(conn)?;
    let texts: Vec<&str> = keys.filter_map(UserKey::django_id).collect();
    let with_text: Vec<(Option<String>, UserId)> = imported
        .filter(users::django_id.eq_any(texts))
        .select((users::django_id, users::id))
        .load(conn)?;
    let with_id = with_id.into_iter().map(|id| (UserKey::Id(id), id));
    let with_text = with_text
        .into_iter()
        .filter_map(|(text, id)| Some((UserKey::Text(text?), id)));
    Ok(with_id.chain(with_text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(column: KeyColumn, text: &str) -> Result<UserKey, RefusalReason> {
        column.read(Some(text.as_bytes().to_vec()))
    }

    #[test]
    fn the_type_of_a_column_says_what_it_holds() {
        let of = |declared: &str| {
            KeyColumn::of(&Column {
                name: "id".to_owned(),
                is_key: true,
                sql_type: declared.to_owned(),
            })
        };
        for (declared, expected) in [
            ("integer", KeyColumn::Integer),
            ("bigint", KeyColumn::Integer),
            ("char(32)", KeyColumn::UuidDigits),
            ("uuid", KeyColumn::Text),
            ("varchar(32)", KeyColumn::Text),
            ("character varying", KeyColumn::Text),
            ("", KeyColumn::Text),
        ] {
            assert_eq!(of(declared), expected, "{declared}");
        }
    }

    #[test]
    fn only_positive_integers_are_keys_in_a_column_of_integers() {
        assert_eq!(read(KeyColumn::Integer, "7"), Ok(UserKey::Id(7.into())));
        for (key, expected) in [
            ("", RefusalReason::KeyNotInteger),
            ("7.0", RefusalReason::KeyNotInteger),
            ("0b5c2d3e", RefusalReason::KeyNotInteger),
            ("+7", RefusalReason::KeyNotInteger),
            ("7\0", RefusalReason::KeyNotInteger),
            ("0", RefusalReason::KeyOutOfRange),
            ("-7", RefusalReason::KeyOutOfRange),
            ("9007199254740991", RefusalReason::KeyOutOfRange),
            ("9223372036854775807", RefusalReason::KeyOutOfRange),
            ("99999999999999999999", RefusalReason::KeyOutOfRange),
        ] {
            assert_eq!(read(KeyColumn::Integer, key), Err(expected), "{key}");
        }
        assert_eq!(
            KeyColumn::Integer.read(None),
            Err(RefusalReason::KeyNotInteger)
        );
    }

    #[test]
    fn other_texts_are_keys_as_django_writes_them_into_tokens() {
        let digits = "0B5C2D3E000040008000000000000007";
        let uuid = "0b5c2d3e-0000-4000-8000-000000000007";
        for (column, text, key) in [
            (KeyColumn::Text, "ada", "ada"),
            (KeyColumn::Text, "007", "007"),
            (
                KeyColumn::Text,
                "9223372036854775807",
                "9223372036854775807",
            ),
            (KeyColumn::Text, uuid, uuid),
            (KeyColumn::Text, digits, digits),
            (KeyColumn::UuidDigits, digits, uuid),
            (KeyColumn::UuidDigits, uuid, uuid),
            (
                KeyColumn::UuidDigits,
                "00000000000000000000000000000007",
                "00000000-0000-0000-0000-000000000007",
            ),
        ] {
            assert_eq!(read(column, text), Ok(UserKey::Text(key.to_owned())));
        }
        // An integer is an id in every column.
        assert_eq!(read(KeyColumn::Text, "7"), Ok(UserKey::Id(7.into())));
        let long = "a".repeat(256);
        for (text, reason) in [
            ("", RefusalReason::NoKey),
            ("a\0b", RefusalReason::Nul),
            (&long, RefusalReason::KeyOutOfRange),
            // A new account here may get this id.
            ("9007199254740991", RefusalReason::KeyOutOfRange),
        ] {
            assert_eq!(read(KeyColumn::Text, text), Err(reason));
        }
    }
}
