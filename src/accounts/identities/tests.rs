use super::*;
use crate::accounts::{NewUser, ProvisionError, WorkosProfile, deactivate, provision};
use crate::db::Database;
use crate::settings::{DatabaseSettings, DatabaseUrl};

struct House {
    _folder: tempfile::TempDir,
    database: Database,
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_000_000 + seconds).unwrap()
}

fn ada() -> ExternalIdentity {
    ExternalIdentity {
        issuer: "https://p.example".to_owned(),
        subject: "1".to_owned(),
        email: Some("Ada@Example.com".to_owned()),
    }
}

impl House {
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

    fn sign_in(&self, identity: &ExternalIdentity) -> Result<User, LinkError> {
        self.database
            .write_blocking(|conn| find_or_link(conn, identity, at(10)))
    }

    fn run<T>(&self, queries: impl FnOnce(&mut Conn) -> QueryResult<T>) -> T {
        self.database
            .write_blocking(|conn| Ok::<_, DbError>(queries(conn)?))
            .unwrap()
    }

    fn row(&self, email: &str, email_verified: bool) -> User {
        self.run(|conn| {
            NewUser {
                email_verified,
                ..NewUser::unlinked(email.to_owned(), "argon2$old".to_owned(), at(0))
            }
            .insert(conn)
        })
    }

    fn user(&self, id: i64) -> User {
        self.run(|conn| User::by_id(conn, id)).unwrap()
    }

    fn links(&self) -> i64 {
        self.run(|conn| identities::table.count().get_result(conn))
    }
}

#[test]
fn nobody_is_ever_inserted() {
    let house = House::new();
    assert!(matches!(
        house.sign_in(&ada()),
        Err(LinkError::NotFound { .. })
    ));
    assert_eq!(
        house.run(|conn| users::table.count().get_result::<i64>(conn)),
        0
    );
    assert_eq!(house.links(), 0);
}

#[test]
fn the_e_mail_links_once_and_then_the_subject_counts() {
    let house = House::new();
    let row = house.row("ada@example.com", true);
    assert_eq!(house.sign_in(&ada()).unwrap().id, row.id);
    // Nothing was unproven, so nothing ended.
    assert_eq!(house.user(row.id).password, "argon2$old");
    assert_eq!(house.user(row.id).token_version, 0);
    let other = house.row("augusta@example.com", true);
    for email in [
        None,
        Some("augusta@example.com"),
        Some("nobody@example.com"),
    ] {
        let moved = ExternalIdentity {
            email: email.map(str::to_owned),
            ..ada()
        };
        assert_eq!(
            house.sign_in(&moved).unwrap().id,
            row.id,
            "not {}",
            other.id
        );
    }
    assert_eq!(house.links(), 1);
}

#[test]
fn an_issuer_is_part_of_who_it_is() {
    let house = House::new();
    let row = house.row("ada@example.com", true);
    house.sign_in(&ada()).unwrap();
    let elsewhere = ExternalIdentity {
        issuer: "https://q.example".to_owned(),
        email: None,
        ..ada()
    };
    let refused = house.sign_in(&elsewhere);
    assert!(matches!(refused, Err(LinkError::EmailNotVerified { .. })));
    let proven = ExternalIdentity {
        email: ada().email,
        ..elsewhere
    };
    assert_eq!(house.sign_in(&proven).unwrap().id, row.id);
    assert_eq!(house.links(), 2);
}

#[test]
fn without_an_e_mail_that_counts_it_is_not_told_who_has_an_account() {
    let house = House::new();
    house.row("ada@example.com", true);
    for email in [None, Some("no address"), Some("a\0@example.com")] {
        let unproven = ExternalIdentity {
            email: email.map(str::to_owned),
            ..ada()
        };
        let refused = house.sign_in(&unproven);
        assert!(matches!(refused, Err(LinkError::EmailNotVerified { .. })));
    }
    assert_eq!(house.links(), 0);
}

#[test]
fn a_closed_account_is_neither_linked_nor_signed_in() {
    let house = House::new();
    let row = house.row("ada@example.com", true);
    house.run(|conn| deactivate(conn, row.id, at(1)));
    let refused = |house: &House| matches!(house.sign_in(&ada()), Err(LinkError::Inactive { user_id }) if user_id == row.id);
    assert!(refused(&house));
    assert_eq!(house.links(), 0);
    house.run(|conn| crate::accounts::activate(conn, row.id));
    house.sign_in(&ada()).unwrap();
    house.run(|conn| deactivate(conn, row.id, at(2)));
    assert!(refused(&house));
}

#[test]
fn a_row_that_was_never_verified_loses_its_password_and_tokens() {
    let house = House::new();
    let row = house.row("ada@example.com", false);
    let user = house.sign_in(&ada()).unwrap();
    assert_eq!(user, house.user(row.id));
    assert!(user.email_verified && user.password.starts_with('!'));
    assert_eq!(user.token_version, 1);
    // Once: the next sign-in is the owner's own.
    assert_eq!(house.sign_in(&ada()).unwrap().token_version, 1);
}

/// An address that was given to somebody new does not open the account of who had it before.
#[test]
fn an_account_is_one_person_at_a_provider() {
    let house = House::new();
    let row = house.row("ada@example.com", true);
    house.sign_in(&ada()).unwrap();
    let successor = ExternalIdentity {
        subject: "2".to_owned(),
        ..ada()
    };
    let refused = house.sign_in(&successor);
    assert!(matches!(refused, Err(LinkError::Conflict { user_id, .. }) if user_id == row.id));
    assert_eq!(house.links(), 1);
}

/// Whoever registered the address at WorkOS without proof keeps no door to the account, and neither does
/// a person of another provider's who had it linked.
#[test]
fn a_row_that_was_never_verified_loses_its_other_doors() {
    let house = House::new();
    let row = house.row("ada@example.com", false);
    house.run(|conn| {
        diesel::update(users::table.find(row.id))
            .set((
                users::workos_user_id.eq("user_squatter"),
                users::workos_updated_at.eq(at(0)),
            ))
            .execute(conn)?;
        diesel::insert_into(identities::table)
            .values((
                identities::issuer.eq("https://p.example"),
                identities::subject.eq("squatter"),
                identities::user_id.eq(row.id),
            ))
            .execute(conn)
    });
    let user = house.sign_in(&ada()).unwrap();
    assert_eq!((user.id, &user.workos_user_id), (row.id, &None));
    assert_eq!(house.links(), 1);
    let squatter = ExternalIdentity {
        subject: "squatter".to_owned(),
        ..ada()
    };
    let refused = house.sign_in(&squatter);
    assert!(matches!(refused, Err(LinkError::Conflict { .. })));
    let at_workos = WorkosProfile {
        workos_user_id: "user_squatter".to_owned(),
        email: "ada@example.com".to_owned(),
        email_verified: false,
        first_name: None,
        last_name: None,
        picture_url: None,
        updated_at: at(20),
    };
    let refused = house
        .database
        .write_blocking(|conn| provision(conn, &at_workos, at(20)));
    assert!(matches!(
        refused,
        Err(ProvisionError::EmailNotVerified { .. })
    ));
}
