use super::*;
use crate::accounts::{NewUser, ProvisionError, WorkosProfile, deactivate, provision};
use crate::db::Database;
use crate::db::tests::write_once;

const BY_EMAIL: ProviderLinking = ProviderLinking::Email;

struct LinkTarget {
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

impl LinkTarget {
    fn new() -> Self {
        let (folder, database) = crate::db::tests::database();
        Self {
            _folder: folder,
            database,
        }
    }

    fn sign_in(&self, identity: &ExternalIdentity) -> Result<User, LinkError> {
        self.database.write_blocking(|conn| {
            find_or_link(
                conn,
                identity,
                BY_EMAIL,
                None,
                &ClientDevice::default(),
                at(10),
            )
        })
    }

    /// After WorkOS has confirmed the address of the account.
    fn sign_in_confirmed(
        &self,
        identity: &ExternalIdentity,
        id: UserId,
    ) -> Result<User, LinkError> {
        let confirmed = Some(id);
        self.database.write_blocking(|conn| {
            find_or_link(
                conn,
                identity,
                BY_EMAIL,
                confirmed,
                &ClientDevice::default(),
                at(10),
            )
        })
    }

    fn run<T>(&self, queries: impl FnOnce(&mut Conn) -> QueryResult<T>) -> T {
        write_once(&self.database, queries)
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

    fn user(&self, id: UserId) -> User {
        self.run(|conn| User::by_id(conn, id)).unwrap()
    }

    fn links(&self) -> i64 {
        self.run(|conn| identities::table.count().get_result(conn))
    }
}

#[test]
fn no_account_is_created() {
    let target = LinkTarget::new();
    assert!(matches!(
        target.sign_in(&ada()),
        Err(LinkError::NotFound { .. })
    ));
    assert_eq!(
        target.run(|conn| users::table.count().get_result::<i64>(conn)),
        0
    );
    assert_eq!(target.links(), 0);
}

#[test]
fn the_email_links_once_and_later_sign_ins_use_the_subject() {
    let target = LinkTarget::new();
    let row = target.row("ada@example.com", true);
    assert_eq!(target.sign_in(&ada()).unwrap().id, row.id);
    // The email was verified already, so password and tokens stay valid.
    assert_eq!(target.user(row.id).password, "argon2$old");
    assert_eq!(target.user(row.id).token_version % 65_536, 0);
    let other = target.row("augusta@example.com", true);
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
            target.sign_in(&moved).unwrap().id,
            row.id,
            "not {}",
            other.id
        );
    }
    assert_eq!(target.links(), 1);
}

#[test]
fn the_same_subject_at_another_issuer_is_another_identity() {
    let target = LinkTarget::new();
    let row = target.row("ada@example.com", true);
    target.sign_in(&ada()).unwrap();
    let other_issuer = ExternalIdentity {
        issuer: "https://q.example".to_owned(),
        email: None,
        ..ada()
    };
    let refused = target.sign_in(&other_issuer);
    assert!(matches!(refused, Err(LinkError::EmailNotVerified { .. })));
    let verified = ExternalIdentity {
        email: ada().email,
        ..other_issuer
    };
    assert_eq!(target.sign_in(&verified).unwrap().id, row.id);
    assert_eq!(target.links(), 2);
}

#[test]
fn without_a_verified_email_the_existence_of_an_account_is_not_revealed() {
    let target = LinkTarget::new();
    target.row("ada@example.com", true);
    for email in [None, Some("no address"), Some("a\0@example.com")] {
        let unproven = ExternalIdentity {
            email: email.map(str::to_owned),
            ..ada()
        };
        let refused = target.sign_in(&unproven);
        assert!(matches!(refused, Err(LinkError::EmailNotVerified { .. })));
    }
    assert_eq!(target.links(), 0);
}

#[test]
fn a_deactivated_account_is_neither_linked_nor_signed_in() {
    let target = LinkTarget::new();
    let row = target.row("ada@example.com", true);
    target.run(|conn| deactivate(conn, row.id, at(1)));
    let refused = |target: &LinkTarget| matches!(target.sign_in(&ada()), Err(LinkError::Inactive { user_id }) if user_id == row.id);
    assert!(refused(&target));
    assert_eq!(target.links(), 0);
    target.run(|conn| crate::accounts::activate(conn, row.id));
    target.sign_in(&ada()).unwrap();
    target.run(|conn| deactivate(conn, row.id, at(2)));
    assert!(refused(&target));
}

#[test]
fn linking_an_unverified_account_removes_its_password_and_tokens() {
    let target = LinkTarget::new();
    let row = target.row("ada@example.com", false);
    let user = target.sign_in(&ada()).unwrap();
    assert_eq!(user, target.user(row.id));
    assert!(user.email_verified && user.password.starts_with('!'));
    assert_eq!(user.token_version % 65_536, 1);
    // Only once: the next sign-in finds the link.
    assert_eq!(target.sign_in(&ada()).unwrap().token_version % 65_536, 1);
}

/// If an address is reassigned, its new owner does not get the account of the previous one.
#[test]
fn an_account_is_linked_to_one_identity_at_a_provider() {
    let target = LinkTarget::new();
    let row = target.row("ada@example.com", true);
    target.sign_in(&ada()).unwrap();
    let successor = ExternalIdentity {
        subject: "2".to_owned(),
        ..ada()
    };
    let refused = target.sign_in(&successor);
    assert!(matches!(refused, Err(LinkError::Conflict { user_id, .. }) if user_id == row.id));
    assert_eq!(target.links(), 1);
}

/// The WorkOS user who registered the address without proof loses access to the account, and so
/// does an identity at another provider that was linked to it.
#[test]
fn linking_an_unverified_account_removes_its_other_links() {
    let target = LinkTarget::new();
    let row = target.row("ada@example.com", false);
    target.run(|conn| {
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
    let refused = target.sign_in(&ada());
    assert!(matches!(refused, Err(LinkError::Unconfirmed { user_id, .. }) if user_id == row.id));
    let user = target.sign_in_confirmed(&ada(), row.id).unwrap();
    assert_eq!((user.id, &user.workos_user_id), (row.id, &None));
    assert_eq!(target.links(), 1);
    let squatter = ExternalIdentity {
        subject: "squatter".to_owned(),
        ..ada()
    };
    let refused = target.sign_in(&squatter);
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
    let refused = target
        .database
        .write_blocking(|conn| provision(conn, &at_workos, &ClientDevice::default(), at(20)));
    assert!(matches!(
        refused,
        Err(ProvisionError::EmailNotVerified { .. })
    ));
}
