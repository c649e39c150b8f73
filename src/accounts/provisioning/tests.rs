//! Tests of provisioning.

mod email;
mod further;
mod linking;
mod spelling;

use diesel::prelude::*;

use super::*;
use crate::db::Database;
use crate::db::tests::write_once;

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
        let (folder, database) = crate::db::tests::database();
        Self {
            _folder: folder,
            database,
        }
    }

    fn sign_in(&self, profile: &WorkosProfile) -> Result<User, ProvisionError> {
        self.database
            .write_blocking(|conn| provision(conn, profile, &ClientDevice::default(), at(10)))
    }

    fn run<T>(&self, queries: impl FnOnce(&mut Conn) -> QueryResult<T>) -> T {
        write_once(&self.database, queries)
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
                username: None,
            }
            .insert(conn)
        })
    }

    /// An account with the email key of an earlier version.
    fn row_of_earlier_version(&self, email: &str) -> User {
        let user = NewUser {
            email_key: email.to_lowercase(),
            ..NewUser::unlinked(email.to_owned(), "argon2$old".to_owned(), at(0))
        };
        self.run(|conn| user.insert(conn))
    }

    fn user(&self, id: UserId) -> User {
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
    let write = |conn: &mut Conn| {
        older.apply_changes(conn, stale.clone(), &ClientDevice::default(), at(10))
    };
    let (user, _) = target.database.write_blocking(write).unwrap().unwrap();
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
    let ids: Vec<UserId> = std::thread::scope(|scope| {
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
