//! Which tokens count as issued here.

use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::{NOW, SECRET, claims, hs256, now, settings, signed};
use crate::clock::Timestamp;
use crate::settings::JwtAlgorithm;
use crate::tokens::{TokenClaims, Tokens};

fn read(payload: &Map<String, Value>) -> TokenClaims {
    let token = signed(&payload.clone().into());
    hs256().read(&token, None, now()).unwrap()
}

/// Django's serializers may add claims of these names.
#[test]
fn own_claims_mean_nothing_in_a_token_of_another_program() {
    let ours = hs256().sign(claims()).unwrap();
    let payload = hs256().keys().open(&ours).unwrap();
    assert_eq!(read(&payload), claims(), "simplejwt copies all claims");
    let changes = [
        ("vestibule", json!(null)),
        ("vestibule", json!("")),
        ("vestibule", json!("AAAAAAAAAAAAAAAAAAAAAA")),
        ("vestibule", json!(["AAAAAAAAAAAAAAAAAAAAAA"])),
        ("ver", json!(4)),
        ("ver", json!("3")),
        ("sid", json!("session_2")),
        ("sid", json!("a\0b")),
        ("act", json!({ "sub": "ada@example.com" })),
        ("act", json!("root@example.com")),
        ("user_id", json!("8")),
        ("user_id", json!(7)),
    ];
    for (name, value) in changes {
        let mut changed = payload.clone();
        changed.insert(name.to_owned(), value.clone());
        let theirs = read(&changed);
        let own = (theirs.ver, theirs.sid, theirs.act);
        assert_eq!(own, (None, None, None), "{name} {value}");
        for name in ["vestibule", "ver", "sid", "act"] {
            assert_eq!(
                theirs.other.get(name),
                changed.get(name),
                "kept as Django's"
            );
        }
    }
    for name in ["vestibule", "ver", "sid", "act", "user_id"] {
        let mut changed = payload.clone();
        changed.remove(name);
        assert_eq!(read(&changed).ver, None, "without {name}");
    }
    // Without tokens of an earlier version, every token needs the claim, whatever its age.
    let mut changed = payload;
    changed.remove("vestibule");
    changed.insert("iat".to_owned(), json!(-1));
    assert_eq!(read(&changed).ver, None);
}

#[test]
fn new_ids_and_times_leave_a_token_ours() {
    let ours = hs256().sign(claims()).unwrap();
    let mut payload = hs256().keys().open(&ours).unwrap();
    for (name, value) in [
        ("jti", json!("f".repeat(32))),
        ("exp", json!(NOW + 1)),
        ("iat", json!(NOW - 1)),
        ("token_type", json!("access")),
        ("team", json!("red")),
    ] {
        payload.insert(name.to_owned(), value);
        assert_eq!(read(&payload).ver, Some(3), "{name}");
    }
}

/// A successor of Django's token, whose claims of these names are replaced.
#[test]
fn no_claim_is_written_twice() {
    let other = json!({ "ver": "theirs", "sid": 5, "act": null, "vestibule": 1, "team": "red" });
    let theirs = TokenClaims {
        sid: None,
        act: None,
        other: serde_json::from_value(other).unwrap(),
        ..claims()
    };
    let token = hs256().sign(theirs.clone()).unwrap();
    let read = hs256().read(&token, None, now()).unwrap();
    assert_eq!((read.ver, read.sid, read.act), (Some(3), None, None));
    assert_eq!(json!(read.other), json!({ "team": "red" }));
    // A token of nobody in particular stays Django's.
    let copied = TokenClaims {
        ver: None,
        ..theirs
    };
    let token = hs256().sign(copied.clone()).unwrap();
    assert_eq!(hs256().read(&token, None, now()), Ok(copied));
}

#[test]
fn unbound_tokens_of_an_earlier_version_are_recognized_by_their_time() {
    let mut payload = serde_json::to_value(claims()).unwrap();
    let read = |payload: &Value, end: Option<i64>| {
        let end = end.and_then(Timestamp::from_seconds);
        let tokens = hs256().accepting_unbound_before(end);
        tokens.read(&signed(payload), None, now()).unwrap().ver
    };
    assert_eq!(read(&payload, None), None);
    assert_eq!(read(&payload, Some(NOW + 1)), Some(3));
    assert_eq!(read(&payload, Some(NOW)), None, "issued at that time");
    payload["vestibule"] = json!("AAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(read(&payload, Some(NOW + 1)), None, "a wrong MAC");
    let fields = payload.as_object_mut().unwrap();
    fields.remove("vestibule");
    fields.remove("iat");
    assert_eq!(read(&payload, Some(NOW + 1)), None, "no time");
}

#[test]
fn a_fallback_key_recognizes_what_it_has_bound() {
    let token = hs256().sign(claims()).unwrap();
    let newest = SecretString::from("another-key-of-the-tests-that-is-long-enough-for-this");
    let mut settings = settings(JwtAlgorithm::Hs256, SECRET);
    settings.binding_secrets.insert(0, newest);
    let both = Tokens::new(&settings).unwrap();
    assert_eq!(both.read(&token, None, now()), Ok(claims()));
    let newer = both.sign(claims()).unwrap();
    assert_eq!(hs256().read(&newer, None, now()).unwrap().ver, None);
}
