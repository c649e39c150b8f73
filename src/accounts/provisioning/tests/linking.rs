//! Tests of linking existing accounts.

use chrono::TimeDelta;
use diesel::prelude::*;

use super::*;
use crate::sessions::{NewSession, SessionRow};

#[test]
fn a_verified_email_links_the_account_regardless_of_case() {
    let target = ProvisionTarget::new();
    let row = target.row("ADA@example.com", true, None);
    let user = target.sign_in(&ada()).unwrap();
    assert_eq!(user.id, row.id);
    assert_eq!(user.workos_user_id.as_deref(), Some("user_ada"));
    assert_eq!(
        (user.password.as_str(), user.token_version % 65_536),
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
            id: "s".into(),
            user_id: row.id,
            login_attempt: None,
            callback_proof: None,
            workos_sid: None,
            workos_refresh_token: Some(b"sealed".to_vec()),
            confirmed_until: None,
            created_at: at(0),
            auth_time: None,
            expires_at: at(0).plus(TimeDelta::days(1)),
            organization_id: None,
            workos_facts: None,
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
    let session = target
        .run(|conn| SessionRow::by_id(conn, &"s".into()))
        .unwrap();
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
fn an_account_linked_to_the_same_user_meanwhile_is_read_again() {
    let target = ProvisionTarget::new();
    for verified in [true, false] {
        let profile = WorkosProfile {
            email_verified: verified,
            ..ada()
        };
        let created = target.sign_in(&ada()).unwrap();
        let outcome = target.database.write_blocking(|conn| {
            profile.link(conn, created.clone(), &ClientDevice::default(), at(20))
        });
        assert!(matches!(outcome, Ok(None)), "{outcome:?}");
    }
}
