//! Tests of addresses in several spellings: whoever proves one address gets into no account of another.

use super::*;

fn verified(email: &str) -> WorkosProfile {
    WorkosProfile {
        workos_user_id: "user_other".to_owned(),
        email: email.to_owned(),
        ..ada()
    }
}

#[test]
fn another_spelling_of_an_address_links_its_account() {
    for (stored, proved) in [
        ("zo\u{eb}@example.com", "Zoe\u{308}@Example.com"),
        ("Zoe\u{308}@example.com", "ZO\u{cb}@example.com"),
        ("ada@m\u{fc}nchen.de", "ADA@xn--mnchen-3ya.DE"),
        ("ada@xn--mnchen-3ya.de", "ada@mu\u{308}nchen.de"),
    ] {
        let target = ProvisionTarget::new();
        let account = target.row(stored, true, None);
        let user = target.sign_in(&verified(proved)).unwrap();
        assert_eq!(user.id, account.id, "{stored} {proved}");
    }
}

#[test]
fn a_similar_address_of_another_mailbox_links_nothing() {
    for (stored, proved) in [
        ("stra\u{df}e@example.com", "strasse@example.com"),
        ("strasse@example.com", "STRA\u{1e9e}E@example.com"),
        ("mist@example.com", "mi\u{17f}t@example.com"),
        ("ida@example.com", "\u{130}da@example.com"),
        ("ida@example.com", "I\u{307}da@example.com"),
        ("ida@example.com", "\u{131}da@example.com"),
        ("kelvin@example.com", "\u{212a}elvin@example.com"),
        ("ada@kelvin.com", "ada@\u{212a}elvin.com"),
        ("ada@example.com", "\u{ff41}da@example.com"),
        ("ada@example.com", "ada@\u{ff45}xample.com"),
        ("ada@example.com", "ada@ex\u{ad}ample.com"),
        ("ada@strasse.de", "ada@stra\u{df}e.de"),
        ("fin@example.com", "\u{fb01}n@example.com"),
    ] {
        let target = ProvisionTarget::new();
        let account = target.row(stored, true, None);
        match target.sign_in(&verified(proved)) {
            Ok(user) => assert_ne!(user.id, account.id, "{stored} {proved}"),
            Err(ProvisionError::UnusableProfile { .. }) => {}
            Err(error) => panic!("{stored} {proved}: {error}"),
        }
        assert_eq!(target.user(account.id), account, "{stored} {proved}");
    }
}

/// Two accounts of an earlier version, whose addresses are two spellings of one. Each of them is still
/// reached by its own spelling, and the proof of one gives no access to the other.
#[test]
fn accounts_of_an_earlier_version_are_not_merged() {
    let target = ProvisionTarget::new();
    let [first, second] = ["zoe\u{308}@example.com", "zo\u{eb}@example.com"]
        .map(|email| target.row_of_earlier_version(email));
    let user = target.sign_in(&verified(&first.email)).unwrap();
    assert_eq!(user.id, first.id);
    assert_eq!(user.email_key, first.email_key);
    let profile = WorkosProfile {
        workos_user_id: "user_second".to_owned(),
        ..verified(&second.email)
    };
    assert_eq!(target.sign_in(&profile).unwrap().id, second.id);
    let rewritten = crate::accounts::rewrite_email_keys(&target.database).unwrap();
    assert_eq!(
        (rewritten.rewritten, rewritten.conflicts),
        (0, vec![first.id])
    );
    assert_eq!(
        target.sign_in(&verified(&first.email)).unwrap().id,
        first.id
    );
}
