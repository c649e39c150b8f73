//! Tests of addresses that change hands, and of addresses that become verified.

use diesel::prelude::*;

use super::*;

pub(super) fn profile(id: &str, email: &str, seconds: i64) -> WorkosProfile {
    WorkosProfile {
        workos_user_id: id.to_owned(),
        email: email.to_owned(),
        updated_at: at(seconds),
        ..ada()
    }
}

pub(super) fn unverified(profile: WorkosProfile) -> WorkosProfile {
    WorkosProfile {
        email_verified: false,
        ..profile
    }
}

/// The keys of two accounts after their users have swapped addresses and signed in in this order.
fn swapped(steps: &[(&str, &str, i64)]) -> (ProvisionTarget, User, User) {
    let target = ProvisionTarget::new();
    let ada = target.sign_in(&profile("user_ada", "a@example.com", 0));
    let olive = target.sign_in(&profile("user_olive", "o@example.com", 0));
    for (id, email, seconds) in steps {
        target.sign_in(&profile(id, email, *seconds)).unwrap();
    }
    let (ada, olive) = (target.user(ada.unwrap().id), target.user(olive.unwrap().id));
    (target, ada, olive)
}

#[test]
fn a_swap_ends_right_in_every_order() {
    // Ada parks at t@example.com at 1, Olive takes Ada's address at 2, Ada takes Olive's at 3.
    let profiles = [
        ("user_ada", "t@example.com", 1),
        ("user_olive", "a@example.com", 2),
        ("user_ada", "o@example.com", 3),
    ];
    for order in [
        vec![0, 1, 2],
        vec![0, 2, 1],
        vec![1, 0, 2],
        vec![1, 2, 0],
        vec![2, 0, 1],
        vec![2, 1, 0],
        vec![1, 2],
        vec![2, 1],
    ] {
        let steps: Vec<_> = order.iter().map(|index| profiles[*index]).collect();
        let (_target, ada, olive) = swapped(&steps);
        assert_eq!(ada.email_key, "o@example.com", "{order:?}");
        assert_eq!(olive.email_key, "a@example.com", "{order:?}");
        assert!(ada.email_verified && olive.email_verified, "{order:?}");
        assert_eq!(
            (ada.token_version % 65_536, olive.token_version % 65_536),
            (0, 0),
            "{order:?}"
        );
    }
}

#[test]
fn the_account_that_lost_its_address_has_none_until_its_user_signs_in() {
    let (target, ada, olive) = swapped(&[("user_ada", "O@example.com", 5)]);
    assert_eq!(ada.email, "O@example.com");
    assert_eq!(olive.email, "");
    for text in [olive.email_key.as_str(), "", "o@example.com"] {
        let found = target.run(|conn| User::by_email(conn, text));
        assert_ne!(found.map(|user| user.id), Some(olive.id), "{text:?}");
    }
    // An outdated profile does not take the address back.
    let late = target.sign_in(&profile("user_olive", "o@example.com", 0));
    assert_eq!((late.unwrap().id, target.user(ada.id)), (olive.id, ada));
    target
        .sign_in(&profile("user_olive", "olive@example.com", 4))
        .unwrap();
    assert_eq!(target.user(olive.id).email, "olive@example.com");
}

/// Versions before this one stored the time of a change whose address they could not write.
#[test]
fn an_address_that_an_earlier_version_dropped_is_written() {
    let (target, ada, _olive) = swapped(&[]);
    target.run(|conn| {
        diesel::update(users::table.find(ada.id))
            .set(users::workos_updated_at.eq(at(5)))
            .execute(conn)
    });
    let written = target.sign_in(&profile("user_ada", "new@example.com", 5));
    assert_eq!(written.unwrap().email, "new@example.com");
}

#[test]
fn a_local_account_keeps_its_verified_address_and_the_old_one_is_given_up() {
    let target = ProvisionTarget::new();
    let id = target.sign_in(&ada()).unwrap().id;
    let local = target.row("taken@example.com", true, None);
    let changed = WorkosProfile {
        last_name: Some("Changed".to_owned()),
        ..profile("user_ada", "TAKEN@example.com", 5)
    };
    let user = target.sign_in(&changed).unwrap();
    assert_eq!((user.id, user.email.as_str()), (id, ""));
    assert_eq!(user.last_name, "Changed");
    assert_eq!(target.user(local.id), local);
    // Whoever has the old address now gets an account of their own.
    let new = profile("user_new", "ada@example.com", 6);
    assert_ne!(target.sign_in(&new).unwrap().id, id);
    // As soon as the local account has another address, the same profile is written.
    target.run(|conn| {
        diesel::update(users::table.find(local.id))
            .set((users::email.eq("x@y"), users::email_key.eq("x@y")))
            .execute(conn)
    });
    assert_eq!(target.sign_in(&changed).unwrap().email, "TAKEN@example.com");
}

#[test]
fn a_local_account_loses_an_address_that_it_never_verified() {
    let target = ProvisionTarget::new();
    let id = target.sign_in(&ada()).unwrap().id;
    let local = target.row("new@example.com", false, None);
    target
        .sign_in(&unverified(profile("user_ada", "new@example.com", 4)))
        .unwrap();
    assert_eq!(target.user(local.id).email, "new@example.com");
    assert_eq!(target.user(id).email, "");
    target
        .sign_in(&profile("user_ada", "new@example.com", 5))
        .unwrap();
    let local = target.user(local.id);
    assert_eq!(
        (local.email.as_str(), local.token_version % 65_536),
        ("", 1)
    );
    assert!(local.password.starts_with('!'));
    let ada = target.user(id);
    assert_eq!(ada.email, "new@example.com");
    assert_eq!(
        ada.token_version % 65_536,
        1,
        "it had the address unverified before"
    );
}

/// An account that WorkOS has linked has its email from an import, not from WorkOS.
#[test]
fn an_imported_address_gives_way_to_workos() {
    let target = ProvisionTarget::new();
    let id = target.sign_in(&ada()).unwrap().id;
    let imported = target.row("o@example.com", true, Some("user_olive"));
    target
        .sign_in(&profile("user_ada", "o@example.com", 5))
        .unwrap();
    assert_eq!(target.user(id).email, "o@example.com");
    assert_eq!(target.user(imported.id).email, "");
}

#[test]
fn verifying_the_address_of_a_linked_account_revokes_its_credentials() {
    let target = ProvisionTarget::new();
    let id = target.sign_in(&unverified(ada())).unwrap().id;
    target.run(|conn| {
        diesel::update(users::table.find(id))
            .set(users::password.eq("argon2$old"))
            .execute(conn)
    });
    // At the same time or later; once.
    for seconds in [0, 0, 1] {
        let verified = profile("user_ada", "Ada@Example.com", seconds);
        let user = target.sign_in(&verified).unwrap();
        assert_eq!((user.id, user.token_version % 65_536), (id, 1), "{seconds}");
        assert!(user.email_verified && user.password.starts_with('!'));
    }
}

#[test]
fn a_verified_account_keeps_its_credentials_when_its_address_changes() {
    let target = ProvisionTarget::new();
    let id = target.sign_in(&ada()).unwrap().id;
    let changed = profile("user_ada", "new@example.com", 5);
    assert_eq!(target.sign_in(&changed).unwrap().token_version % 65_536, 0);
    // The new address is not verified at first.
    let other = unverified(profile("user_ada", "other@example.com", 6));
    assert!(!target.sign_in(&other).unwrap().email_verified);
    let verified = profile("user_ada", "other@example.com", 7);
    let user = target.sign_in(&verified).unwrap();
    assert_eq!((user.id, user.token_version % 65_536), (id, 1));
}

#[test]
fn an_update_says_whether_it_ended_the_sessions() {
    let target = ProvisionTarget::new();
    let user = target.sign_in(&unverified(ada())).unwrap();
    let update = |user: &User, seconds| {
        let profile = profile("user_ada", "Ada@Example.com", seconds);
        let nobody = ClientDevice::default();
        let update =
            |conn: &mut Conn| update_from_workos(conn, user.clone(), &profile, &nobody, at(10));
        target.database.write_blocking(update).unwrap()
    };
    assert_eq!(update(&user, 1), None);
    assert_eq!(update(&user, 2).unwrap().token_version % 65_536, 1);
}
