//! Recovery codes: each replaces the code of an authenticator app once.

use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;

use super::groups::in_groups;
use crate::db::schema::recovery_codes;
use crate::db::{Conn, insert_all};
use crate::hex::hex;
use crate::ids::UserId;
use crate::random::{RandomnessError, random_bytes};

/// The number of codes that are made at once.
const CODES: usize = 10;
/// The random bytes of a code. With 112 bits, a plain hash of it cannot be reversed by guessing.
const CODE_BYTES: usize = 14;

/// New recovery codes. They are shown once, and stored as hashes.
pub struct RecoveryCodes([[u8; CODE_BYTES]; CODES]);

#[derive(Insertable)]
#[diesel(table_name = recovery_codes)]
struct NewRecoveryCode {
    user_id: UserId,
    code_hash: Vec<u8>,
}

impl RecoveryCodes {
    /// Generates the codes.
    pub fn generate() -> Result<Self, RandomnessError> {
        let mut codes = [[0; CODE_BYTES]; CODES];
        for code in &mut codes {
            *code = random_bytes()?;
        }
        Ok(Self(codes))
    }

    /// The codes as users write them down.
    pub fn in_groups(&self) -> Vec<String> {
        let codes = self.0.iter();
        codes.map(|code| in_groups(&hex(code), "-")).collect()
    }

    /// Stores the codes in place of the account's earlier ones.
    pub(super) fn replace(&self, conn: &mut Conn, user_id: UserId) -> QueryResult<()> {
        delete_all(conn, user_id)?;
        let codes = self.0.iter().map(|code| NewRecoveryCode {
            user_id,
            code_hash: hash(&hex(code)),
        });
        let codes: Vec<_> = codes.collect();
        insert_all!(conn, recovery_codes::table, &codes)?;
        Ok(())
    }
}

/// Whether a text without separators has the form of a recovery code.
pub(super) fn is_recovery_code(code: &str) -> bool {
    code.len() == CODE_BYTES * 2 && code.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Uses up a code; `false` if the account does not have it. Of two concurrent uses one succeeds.
pub(super) fn use_up(conn: &mut Conn, user_id: UserId, code: &str) -> QueryResult<bool> {
    let code = recovery_codes::table.find((user_id, hash(&code.to_ascii_lowercase())));
    Ok(diesel::delete(code).execute(conn)? > 0)
}

/// The number of unused codes.
pub(super) fn count(conn: &mut Conn, user_id: UserId) -> QueryResult<i64> {
    let codes = recovery_codes::table.filter(recovery_codes::user_id.eq(user_id));
    codes.count().get_result(conn)
}

/// Deletes the codes of an account, and returns how many there were.
pub(super) fn delete_all(conn: &mut Conn, user_id: UserId) -> QueryResult<usize> {
    let codes = recovery_codes::table.filter(recovery_codes::user_id.eq(user_id));
    diesel::delete(codes).execute(conn)
}

fn hash(code: &str) -> Vec<u8> {
    digest(&SHA256, code.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_different_codes_are_generated() {
        let codes = RecoveryCodes::generate().unwrap().in_groups();
        assert_eq!(codes.len(), 10);
        for (number, code) in codes.iter().enumerate() {
            assert_eq!(code.len(), 34, "{code}");
            assert!(is_recovery_code(&code.replace('-', "")), "{code}");
            assert!(!codes[..number].contains(code), "{code}");
        }
        for other in ["", "123456", &"g".repeat(28), &"0".repeat(29)] {
            assert!(!is_recovery_code(other), "{other}");
        }
    }
}
