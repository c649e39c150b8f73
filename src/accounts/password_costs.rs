//! Finds the dearest password hashes of the user table, and measures them for the
//! [`Hasher`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;

use super::passwords::{self, Hasher, PasswordScheme};
use crate::db::schema::users;
use crate::db::{Conn, Database, DbError};

/// Rows that are read at once, so that a large table is not held in memory as a whole.
const PAGE: i64 = 2_000;
/// How often the table is read. `import-django` runs in another process.
const INTERVAL: Duration = Duration::from_secs(600);

/// A stored hash of the greatest work for each scheme. Hashes with the current parameters are left
/// out, and rows without a password.
pub fn dearest_hashes(conn: &mut Conn) -> QueryResult<Vec<String>> {
    let current = format!("{}%", passwords::current_prefix());
    let mut dearest: BTreeMap<PasswordScheme, (u64, String)> = BTreeMap::new();
    let mut last_id = i64::MIN;
    loop {
        let page: Vec<(i64, String)> = users::table
            .filter(users::id.gt(last_id))
            .filter(users::password.not_like("!%"))
            .filter(users::password.not_like(&current))
            .order(users::id)
            .limit(PAGE)
            .select((users::id, users::password))
            .load(conn)?;
        let Some((id, _)) = page.last() else {
            return Ok(dearest.into_values().map(|(_, stored)| stored).collect());
        };
        last_id = *id;
        for (_, stored) in page {
            let Some((scheme, work)) = passwords::work(&stored) else {
                continue;
            };
            if dearest.get(&scheme).is_none_or(|(most, _)| work > *most) {
                dearest.insert(scheme, (work, stored));
            }
        }
    }
}

/// Measures the dearest hashes of the table, so that every failed comparison occupies a
/// hashing thread for longer than each of them takes. Blocks for as long as they take.
pub fn measure_password_costs(database: &Database, hasher: &Hasher) -> Result<(), DbError> {
    let stored = database.read_blocking(|conn| dearest_hashes(conn).map_err(DbError::from))?;
    hasher.measure(stored.iter().map(|stored| {
        move || {
            passwords::verify_longest(stored);
        }
    }));
    Ok(())
}

/// Measures every ten minutes, for as long as this future is awaited.
pub async fn measure_password_costs_periodically(database: &Database, hasher: &Arc<Hasher>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let (database, hasher) = (database.clone(), Arc::clone(hasher));
        let measure = move || measure_password_costs(&database, &hasher);
        match tokio::task::spawn_blocking(measure).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log::warn!("failed to read the stored password hashes: {error}"),
            Err(error) => log::warn!("failed to measure the stored password hashes: {error}"),
        }
    }
}
