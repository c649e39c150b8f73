//! Tests of addresses that an account has verified as further ones. A claim without a proof takes none of them.

use diesel::prelude::*;

use super::email::{profile, unverified};
use super::*;
use crate::accounts::account_addresses::FurtherAddress;
use crate::accounts::{ExternalIdentity, find_or_link};
use crate::settings::ProviderLinking;

const WORK: &str = "ada@work.example";

/// Whether an address alone may link the account that has the further address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HolderKind {
    Linkable,
    Staff,
    Linked,
}

impl ProvisionTarget {
    /// An account with a further address.
    fn holder(&self, kind: HolderKind) -> User {
        let linked = (kind == HolderKind::Linked).then_some("user_holder");
        let user = self.row("ada@example.com", true, linked);
        let address = FurtherAddress {
            email_key: WORK.to_owned(),
            user_id: user.id,
        };
        self.run(|conn| {
            FurtherAddress::insert_all(conn, &[address])?;
            diesel::update(users::table.find(user.id))
                .set(users::is_staff.eq(kind == HolderKind::Staff))
                .execute(conn)
        });
        self.user(user.id)
    }

    /// The account that has the address as a further one.
    fn holder_id(&self) -> Option<UserId> {
        let found = self.run(|conn| FurtherAddress::among(conn, &[WORK]));
        found.first().map(|address| address.user_id)
    }

    fn update(&self, id: UserId, profile: &WorkosProfile) -> User {
        let user = self.user(id);
        let nobody = ClientDevice::default();
        let update =
            |conn: &mut Conn| update_from_workos(conn, user.clone(), profile, &nobody, at(10));
        self.database.write_blocking(update).unwrap();
        self.user(id)
    }

    fn sign_in_with_okta(&self, email: &str) -> User {
        let identity = ExternalIdentity {
            issuer: "https://p.example".to_owned(),
            subject: "1".to_owned(),
            email: Some(email.to_owned()),
        };
        let nobody = ClientDevice::default();
        let signed_in = self.database.write_blocking(|conn| {
            find_or_link(
                conn,
                &identity,
                ProviderLinking::Email,
                None,
                &nobody,
                at(10),
            )
        });
        signed_in.unwrap()
    }
}

#[test]
fn a_new_user_takes_a_further_address_only_with_a_proof() {
    for kind in [HolderKind::Linkable, HolderKind::Staff, HolderKind::Linked] {
        let target = ProvisionTarget::new();
        let ada = target.holder(kind);
        let claim = unverified(profile("user_new", WORK, 0));
        for _ in 0..2 {
            let refused = target.sign_in(&claim);
            assert!(
                matches!(refused, Err(ProvisionError::EmailNotVerified { user_id, .. }) if user_id == ada.id),
                "{kind:?}"
            );
        }
        assert_eq!(target.holder_id(), Some(ada.id), "{kind:?}");
        assert_eq!(target.user(ada.id), ada, "{kind:?}");
        let proved = target.sign_in(&profile("user_new", WORK, 1)).unwrap();
        assert_eq!(proved.id == ada.id, kind == HolderKind::Linkable);
        assert_eq!((proved.email.as_str(), target.holder_id()), (WORK, None));
    }
}

#[test]
fn a_changed_address_takes_a_further_one_only_with_a_proof() {
    for kind in [HolderKind::Linkable, HolderKind::Staff, HolderKind::Linked] {
        for by_sign_in in [true, false] {
            let target = ProvisionTarget::new();
            let ada = target.holder(kind);
            let bob = target.sign_in(&profile("user_bob", "bob@example.com", 0));
            let bob = bob.unwrap().id;
            let learn = |profile: WorkosProfile| match by_sign_in {
                true => target.sign_in(&profile).unwrap(),
                false => target.update(bob, &profile),
            };
            // The same profile arrives again at each renewal.
            for seconds in [1, 1, 2] {
                let claimant = learn(unverified(profile("user_bob", WORK, seconds)));
                assert_eq!((claimant.id, claimant.email.as_str()), (bob, ""));
                assert!(!claimant.email_verified);
                assert_eq!(target.holder_id(), Some(ada.id), "{kind:?}");
            }
            if kind == HolderKind::Linkable {
                assert_eq!(target.sign_in_with_okta(WORK).id, ada.id);
            }
            let owner = learn(profile("user_bob", WORK, 3));
            let owner = target.user(owner.id);
            assert_eq!((owner.id, owner.email.as_str()), (bob, WORK), "{kind:?}");
            assert!(owner.email_verified);
            assert_eq!(target.holder_id(), None, "{kind:?}");
        }
    }
}

#[test]
fn the_owner_signs_in_while_another_user_claims_the_address() {
    let target = ProvisionTarget::new();
    let ada = target.holder(HolderKind::Linkable);
    let bob = target.sign_in(&profile("user_bob", "bob@example.com", 0));
    let claim = unverified(profile("user_bob", WORK, 1));
    target.sign_in(&claim).unwrap();
    let owner = target.sign_in(&profile("user_ada", WORK, 2)).unwrap();
    assert_eq!((owner.id, owner.email.as_str()), (ada.id, WORK));
    // The claim still takes nothing, and the user who makes it can still sign in.
    let bob = target.user(bob.unwrap().id);
    assert_eq!(target.sign_in(&claim).unwrap(), bob);
    assert_eq!(target.user(ada.id), owner);
}

#[test]
fn an_account_may_claim_its_own_further_address() {
    let target = ProvisionTarget::new();
    let ada = target.holder(HolderKind::Linked);
    let user = target.update(ada.id, &unverified(profile("user_holder", WORK, 1)));
    assert_eq!((user.email.as_str(), user.email_verified), (WORK, false));
    assert_eq!(target.holder_id(), Some(ada.id));
    let user = target.update(ada.id, &profile("user_holder", WORK, 2));
    assert_eq!((user.email.as_str(), user.email_verified), (WORK, true));
    assert_eq!(target.holder_id(), None);
}

#[test]
fn createsuperuser_takes_the_further_address_of_another_account() {
    let target = ProvisionTarget::new();
    let ada = target.holder(HolderKind::Linkable);
    let root = NewUser::unlinked(WORK.to_owned(), "argon2$new".to_owned(), at(1));
    let root = target.run(|conn| root.insert_superuser(conn)).unwrap();
    assert!(root.is_superuser && root.email_verified);
    assert_eq!(target.holder_id(), None);
    assert_eq!(target.user(ada.id), ada);
}

/// As after an import of an account with this address.
#[test]
fn a_proof_leads_to_the_account_that_has_verified_the_address() {
    for by_workos in [true, false] {
        let target = ProvisionTarget::new();
        let ada = target.holder(HolderKind::Linkable);
        let claimant = target.row(WORK, false, None);
        assert_eq!(target.holder_id(), Some(ada.id));
        let proved = match by_workos {
            true => target.sign_in(&profile("user_ada", WORK, 1)).unwrap(),
            false => target.sign_in_with_okta(WORK),
        };
        assert_eq!(proved.id, ada.id);
        assert_eq!(proved.password, "argon2$old");
        let claimant = target.user(claimant.id);
        if by_workos {
            assert_eq!((proved.email.as_str(), target.holder_id()), (WORK, None));
            assert_eq!(claimant.email, "");
            assert!(claimant.password.starts_with('!'));
        } else {
            assert_eq!(target.holder_id(), Some(ada.id));
            assert_eq!(claimant.email, WORK);
        }
    }
}

/// The same for own addresses: WorkOS will say which address the other user has now.
#[test]
fn a_claim_takes_no_verified_own_address_of_another_linked_account() {
    let target = ProvisionTarget::new();
    let ada = target.sign_in(&profile("user_ada", WORK, 0)).unwrap();
    let bob = target.sign_in(&profile("user_bob", "bob@example.com", 0));
    let bob = bob.unwrap().id;
    let claim = unverified(profile("user_bob", WORK, 2));
    assert_eq!(target.sign_in(&claim).unwrap().email, "");
    assert_eq!(target.user(ada.id), ada);
    target
        .sign_in(&profile("user_ada", "ada@new.example", 1))
        .unwrap();
    let user = target.sign_in(&claim).unwrap();
    assert_eq!((user.id, user.email.as_str()), (bob, WORK));
    assert!(!user.email_verified);
}
