use chrono::TimeDelta;
use diesel::prelude::*;

use super::*;
use crate::db::Database;
use crate::sessions::{NewSession, SessionRow};
use crate::settings::{DatabaseSettings, DatabaseUrl};

struct ProvisionTarget {
    _folder: tempfile::TempDir,
    database: Database,
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_000_000 + seconds).unwrap()
}

fn ada() -> WorkosProfile {
    WorkosProfile {
        workos_user_id: "user_ada".to_owned(),
        email: "Ada@Example.com".to_owned(),
        email_verified: true,
        first_name: Some("Ada".to_owned()),
        last_name: Some("Example".to_owned()),
        picture_url: None,
        updated_at: at(0),
    }
}

impl ProvisionTarget {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("test.sqlite3"));
        let database = Database::open_or_create(&DatabaseSettings { url, pool_size: 1 }).unwrap();
        let mut migrations = database.migrations().unwrap();
        while migrations.apply_next().unwrap().is_some() {}
        drop(migrations);
        Self {
            _folder: folder,
            database,
        }
    }

    fn sign_in(&self, profile: &WorkosProfile) -> Result<User, ProvisionError> {
        self.database
            .write_blocking(|conn| provision(conn, profile, at(10)))
    }

    fn run<T>(&self, queries: impl FnOnce(&mut Conn) -> QueryResult<T>) -> T {
        self.database
            .write_blocking(|conn| Ok::<_, DbError>(queries(conn)?))
            .unwrap()
    }

    /// An account as Django or an earlier sign-in created it.
    fn row(&self, email: &str, verified: bool, linked: Option<&str>) -> User {
        self.run(|conn| {
            NewUser {
                email: email.to_owned(),
                email_key: email_key(email),
                email_verified: verified,
                first_name: "Old".to_owned(),
                last_name: String::new(),
                password: "argon2$old".to_owned(),
                workos_user_id: linked.map(str::to_owned),
                workos_updated_at: None,
                picture_url: None,
                date_joined: at(0),
            }
            .insert(conn)
        })
    }

    fn user(&self, id: i64) -> User {
        self.run(|conn| User::by_id(conn, id)).unwrap()
    }
}

#[test]
fn an_unknown_user_gets_an_account_without_a_usable_password() {
    let target = ProvisionTarget::new();
    let user = target.sign_in(&ada()).unwrap();
    assert_eq!(
        (user.email.as_str(), user.email_key.as_str()),
        ("Ada@Example.com", "ada@example.com")
    );
    assert!(user.password.starts_with('!') && user.password.len() == 41);
    assert!(user.is_active && !user.is_staff && !user.is_superuser && !user.imported);
    assert_eq!(target.sign_in(&ada()).unwrap().id, user.id);
}

#[test]
fn newer_profiles_are_written_and_older_ones_are_not() {
    let target = ProvisionTarget::new();
    let id = target.sign_in(&ada()).unwrap().id;
    let newer = WorkosProfile {
        email: "ada@new.example".to_owned(),
        first_name: Some("Augusta".to_owned()),
        picture_url: Some("https://p.example/a.png".to_owned()),
        updated_at: at(5),
        ..ada()
    };
    target.sign_in(&newer).unwrap();
    target
        .sign_in(&WorkosProfile {
            first_name: Some("Late".to_owned()),
            updated_at: at(4),
            ..ada()
        })
        .unwrap();
    let user = target.user(id);
    assert_eq!(user.email_key, "ada@new.example");
    assert_eq!(user.first_name, "Augusta");
    assert_eq!(user.picture_url.as_deref(), Some("https://p.example/a.png"));
    assert_eq!(user.workos_updated_at, Some(at(5)));
}

/// One of two simultaneous callbacks read the row before the other wrote it.
#[test]
fn an_older_profile_does_not_overwrite_a_newer_one_written_concurrently() {
    let target = ProvisionTarget::new();
    let stale = target.sign_in(&ada()).unwrap();
    let newer = WorkosProfile {
        first_name: Some("Augusta".to_owned()),
        updated_at: at(5),
        ..ada()
    };
    target.sign_in(&newer).unwrap();
    let older = WorkosProfile {
        first_name: Some("Late".to_owned()),
        updated_at: at(4),
        ..ada()
    };
    let write = |conn: &mut Conn| older.apply_changes(conn, stale.clone());
    let user = target.database.write_blocking(write).unwrap();
    assert_eq!(user.first_name, "Augusta");
}

#[test]
fn names_unknown_to_workos_are_kept() {
    let target = ProvisionTarget::new();
    let id = target.sign_in(&ada()).unwrap().id;
    target
        .sign_in(&WorkosProfile {
            first_name: None,
            updated_at: at(5),
            ..ada()
        })
        .unwrap();
    assert_eq!(target.user(id).first_name, "Ada");
}

#[test]
fn an_account_keeps_its_email_if_the_new_one_is_taken() {
    let target = ProvisionTarget::new();
    let id = target.sign_in(&ada()).unwrap().id;
    target.row("taken@example.com", true, None);
    let changed = WorkosProfile {
        email: "TAKEN@example.com".to_owned(),
        last_name: Some("Changed".to_owned()),
        updated_at: at(5),
        ..ada()
    };
    let user = target.sign_in(&changed).unwrap();
    assert_eq!((user.id, user.email.as_str()), (id, "Ada@Example.com"));
    assert_eq!(user.last_name, "Changed");
}

#[test]
fn a_verified_email_links_the_account_regardless_of_case() {
    let target = ProvisionTarget::new();
    let row = target.row("ADA@example.com", true, None);
    let user = target.sign_in(&ada()).unwrap();
    assert_eq!(user.id, row.id);
    assert_eq!(user.workos_user_id.as_deref(), Some("user_ada"));
    assert_eq!(
        (user.password.as_str(), user.token_version),
        ("argon2$old", 0)
    );
    assert_eq!(user.first_name, "Ada");
}

#[test]
fn an_unverified_email_does_not_link_an_account() {
    let target = ProvisionTarget::new();
    let row = target.row("ada@example.com", true, None);
    let error = target
        .sign_in(&WorkosProfile {
            email_verified: false,
            ..ada()
        })
        .unwrap_err();
    assert!(
        matches!(error, ProvisionError::EmailNotVerified { .. }),
        "{error}"
    );
    assert_eq!(target.user(row.id), row);
}

#[test]
fn linking_an_unverified_account_revokes_its_credentials() {
    let target = ProvisionTarget::new();
    let row = target.row("ada@example.com", false, None);
    target.run(|conn| {
        NewSession {
            id: "s".to_owned(),
            user_id: row.id,
            login_attempt: None,
            workos_sid: None,
            workos_refresh_token: Some(b"sealed".to_vec()),
            confirmed_until: None,
            created_at: at(0),
            expires_at: at(0).plus(TimeDelta::days(1)),
            organization_id: None,
            role: None,
            ip_address: None,
            user_agent: None,
            impersonator: None,
        }
        .insert(conn)
    });
    let user = target.sign_in(&ada()).unwrap();
    assert_eq!(user.id, row.id);
    assert!(user.password.starts_with('!') && user.email_verified);
    assert_eq!(user.token_version, row.token_version + 1);
    let session = target.run(|conn| SessionRow::by_id(conn, "s")).unwrap();
    assert_eq!(session.revoked_at, Some(at(10)));
    assert_eq!(session.workos_refresh_token, None);
}

#[test]
fn an_account_linked_to_another_workos_user_is_a_conflict() {
    let target = ProvisionTarget::new();
    let row = target.row("ada@example.com", true, Some("user_other"));
    let error = target.sign_in(&ada()).unwrap_err();
    assert!(matches!(error, ProvisionError::Conflict { .. }), "{error}");
    assert_eq!(target.user(row.id), row);
}

#[test]
fn a_deactivated_account_is_neither_signed_in_nor_linked() {
    let target = ProvisionTarget::new();
    let linked = target.sign_in(&ada()).unwrap().id;
    let unlinked = target.row("grace@example.com", true, None).id;
    target.run(|conn| {
        diesel::update(users::table)
            .set(users::is_active.eq(false))
            .execute(conn)
    });
    let grace = WorkosProfile {
        workos_user_id: "user_grace".to_owned(),
        email: "grace@example.com".to_owned(),
        ..ada()
    };
    for (profile, id) in [(ada(), linked), (grace, unlinked)] {
        let error = target.sign_in(&profile).unwrap_err();
        assert!(
            matches!(error, ProvisionError::Inactive { user_id } if user_id == id),
            "{error}"
        );
    }
    assert_eq!(target.user(unlinked).workos_user_id, None);
}

#[test]
fn a_profile_without_a_valid_email_creates_no_account() {
    let target = ProvisionTarget::new();
    for email in [
        "",
        "ada",
        "a b@example.com",
        "a\0@example.com",
        &format!("{}@example.com", "a".repeat(250)),
    ] {
        let error = target
            .sign_in(&WorkosProfile {
                email: email.to_owned(),
                ..ada()
            })
            .unwrap_err();
        assert!(
            matches!(error, ProvisionError::UnusableProfile { .. }),
            "{email:?}: {error}"
        );
    }
}

#[test]
fn a_letter_whose_lower_case_is_another_letter_matches_no_account() {
    let target = ProvisionTarget::new();
    let row = target.row("mike@example.com", true, None);
    let other_user = WorkosProfile {
        email: "mi\u{212a}e@example.com".to_owned(),
        ..ada()
    };
    let error = target.sign_in(&other_user).unwrap_err();
    assert!(
        matches!(error, ProvisionError::UnusableProfile { .. }),
        "{error}"
    );
    assert_eq!(target.user(row.id), row);
}

#[test]
fn nul_is_removed_from_names() {
    let target = ProvisionTarget::new();
    let user = target
        .sign_in(&WorkosProfile {
            first_name: Some("A\0da".to_owned()),
            ..ada()
        })
        .unwrap();
    assert_eq!(user.first_name, "Ada");
}

#[test]
fn concurrent_sign_ins_create_one_account() {
    let target = ProvisionTarget::new();
    let ids: Vec<i64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| target.sign_in(&ada()).unwrap().id))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(
        target.run(|conn| users::table.count().get_result::<i64>(conn)),
        1
    );
}

#[test]
fn an_account_linked_to_the_same_user_meanwhile_is_read_again() {
    let target = ProvisionTarget::new();
    for verified in [true, false] {
        let profile = WorkosProfile {
            email_verified: verified,
            ..ada()
        };
        let created = target.sign_in(&ada()).unwrap();
        let outcome = target
            .database
            .write_blocking(|conn| profile.link(conn, created, at(20)));
        assert!(matches!(outcome, Ok(None)), "{outcome:?}");
    }
}
