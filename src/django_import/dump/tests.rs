use std::cell::Cell;
use std::io::{Read, Write as _};
use std::rc::Rc;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::objects::ObjectReader;
use super::*;

const USER: &str = r#"{"model":"auth.user","pk":7,"fields":{"email":"ada@example.com","password":"!","groups":[]}}"#;

/// The error of a dump, or the models and keys of its objects.
fn objects(dump: &[u8]) -> Result<Vec<String>, String> {
    let mut seen = Vec::new();
    let mut take = |object: DumpObject| {
        seen.push(format!("{} {}", object.model, object.key));
        Ok(())
    };
    ObjectReader::new(&|_| true, &mut take).read(dump)?;
    Ok(seen)
}

fn loaded(dump: &[u8], table: &str) -> Result<ForeignDatabase, String> {
    let mut tables = DumpTables::create(table).unwrap();
    read(dump, &mut tables)?;
    Ok(tables.into_source().unwrap())
}

#[test]
fn both_formats_are_read() {
    let two = [
        r#"{"model":"a.B","pk":1,"fields":{}}"#,
        r#"{"fields":{},"model":"a.b","pk":"x"}"#,
    ];
    for dump in [
        format!("[{}, {}]", two[0], two[1]),
        format!(" \n[\n{},\n{}\n]\n", two[0], two[1]),
        format!("\u{feff}[{},{}]", two[0], two[1]),
        two.join("\n"),
        format!("\n{}\n\n{}\n", two[0], two[1]),
    ] {
        let found = objects(dump.as_bytes());
        assert_eq!(found.unwrap(), ["a.b 1", "a.b \"x\""], "{dump}");
    }
    assert_eq!(objects(b"[]").unwrap(), [""; 0]);
}

#[test]
fn an_error_says_what_is_wrong_and_where() {
    let utf_16: Vec<u8> = "[]".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf_16 = [&b"\xff\xfe"[..], &utf_16].concat();
    for (dump, parts) in [
        (&b""[..], &["the dump is empty"][..]),
        (b" \n", &["the dump is empty"]),
        (b"Loading .env\n[]", &["\"Loading .env\"", "--output"]),
        (b"<?xml version", &["<?xml", "--format json"]),
        (
            b"- model: auth.user",
            &["- model: auth.user", "--format json"],
        ),
        (&utf_16, &["not UTF-8", "--output"]),
        (
            b"[{\"model\":\"a.b\",\"pk\":1,\"fields\":{\"a\":\"\xe9\"}}]",
            &["not UTF-8", "line 1"],
        ),
        (
            b"[\n{\"model\":\"a.b\",\n\"pk\":1",
            &["breaks off", "line 3"],
        ),
        (b"[", &["breaks off"]),
        (
            b"[{\"model\":\"a.b\",\"pk\":1,\"fields\":{}}",
            &["breaks off", "line 1"],
        ),
        (
            b"{\"model\":\"a.b\",\"pk\":1,\"fields\":{}}\n{\"mo",
            &["breaks off", "line 2"],
        ),
        (
            b"[{\"model\":\"a.b\" \"pk\":1}]",
            &["not valid JSON", "line 1 column 17"],
        ),
        (b"[\n\n1]", &["`model`, `pk` and `fields`", "line 3"]),
        (b"[{\"id\":1}]", &["no \"id\"", "line 1"]),
        (b"[{\"pk\":1}]", &["has `model` and `fields`", "line 1"]),
        (b"[{\"model\":\"a.b\",\"fields\":[]}]", &["map", "line 1"]),
        (b"[]\n[]", &["another dump", "line 2"]),
        (
            b"[{\"model\":\"a.b\",\"pk\":1,\"fields\":{}}]\nDone",
            &["another text", "line 2"],
        ),
    ] {
        let error = objects(dump).unwrap_err();
        for part in parts {
            assert!(error.contains(part), "{error:?} has no {part:?}");
        }
    }
}

#[test]
fn rows_that_contradict_each_other_are_errors() {
    let user = |pk: &str, fields: &str| {
        format!(r#"{{"model":"auth.user","pk":{pk},"fields":{{{fields}}}}}"#)
    };
    let token = r#"{"model":"token_blacklist.outstandingtoken","pk":1,"fields":{"user":["ada"],"jti":"a"}}"#;
    for (second, parts) in [
        (
            USER.to_owned(),
            &["a second auth.user has the key 7", "line 2"][..],
        ),
        (
            user("8", r#""email":"b@example.com""#),
            &["the auth.user 8 has no \"password\"", "line 2"],
        ),
        (
            user("8", r#""email":"b","password":"!","more":1"#),
            &["the auth.user 8 has \"more\"", "line 2"],
        ),
        (
            user("null", r#""email":"b","password":"!""#),
            &["--natural-primary", "line 2"],
        ),
        (
            r#"{"model":"auth.user","fields":{}}"#.to_owned(),
            &["--natural-primary", "line 2"],
        ),
        (
            token.to_owned(),
            &["[\"ada\"]", "--natural-foreign", "line 2"],
        ),
        (
            r#"{"model":"auth.x","pk":1,"fields":{"a b":1}}"#.to_owned(),
            &["\"a b\"", "line 2"],
        ),
    ] {
        let error = loaded(format!("{USER}\n{second}").as_bytes(), "auth_user")
            .err()
            .unwrap();
        for part in parts {
            assert!(error.contains(part), "{error:?} has no {part:?}");
        }
    }
}

#[test]
fn an_object_is_handed_over_before_the_next_one_is_read() {
    /// Makes up a dump of four gigabytes, and counts what was read of it.
    struct Endless(Rc<Cell<usize>>);

    impl Read for Endless {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let object = format!(
                "{}\n",
                json!({ "model": "a.b", "pk": 1, "fields": { "text": "x".repeat(900) } })
            );
            let length = object.len().min(to.len());
            to[..length].copy_from_slice(&object.as_bytes()[..length]);
            self.0.set(self.0.get() + length);
            Ok(length)
        }
    }

    let (read, mut taken) = (Rc::new(Cell::new(0)), 0);
    let mut take = |_: DumpObject| {
        taken += 1;
        assert!(
            read.get() < taken * 1_000 + 2 * BUFFER,
            "{} bytes for {taken} objects",
            read.get()
        );
        match taken {
            2_000 => Err("enough".to_owned()),
            _ => Ok(()),
        }
    };
    let dump = BufReader::with_capacity(1_000, Endless(Rc::clone(&read)));
    let error = ObjectReader::new(&|_| true, &mut take)
        .read(dump)
        .unwrap_err();
    assert!(error.starts_with("enough at line 2000 "), "{error}");
}

#[test]
fn models_become_tables_with_the_names_of_django() {
    let dump = format!(
        "{USER}\n{}\n{}\n{}\n{}",
        json!({ "model": "auth.group", "pk": 3, "fields": { "name": "staff \"é\"", "permissions": [] } }),
        json!({ "model": "token_blacklist.blacklistedtoken", "pk": 1, "fields": { "token": 5, "blacklisted_at": null } }),
        json!({ "model": "account.emailaddress", "pk": 1, "fields": { "user": 7, "email": "a@b", "verified": true } }),
        json!({ "model": "shop.order", "pk": 1, "fields": { "user": 7 } }),
    );
    let mut source = loaded(dump.as_bytes(), "auth_user").unwrap();
    let mut columns = |table: &str| {
        let table = source.table(table).unwrap()?;
        let columns = source.columns(&table).unwrap().into_iter();
        Some(
            columns
                .map(|column| column.name)
                .collect::<Vec<_>>()
                .join(" "),
        )
    };
    for (table, expected) in [
        ("auth_user", Some("id email password")),
        ("auth_user_groups", Some("id user_id group_id")),
        (
            "auth_user_user_permissions",
            Some("id user_id permission_id"),
        ),
        ("auth_group", Some("id name permissions")),
        ("account_emailaddress", Some("id email user_id verified")),
        (
            "token_blacklist_blacklistedtoken",
            Some("id blacklisted_at token_id"),
        ),
        ("shop_order", None),
    ] {
        let found = columns(table);
        assert_eq!(
            found.as_deref().map(sorted),
            expected.map(sorted),
            "{table}"
        );
    }
}

fn sorted(words: &str) -> Vec<&str> {
    let mut words: Vec<&str> = words.split(' ').collect();
    words.sort_unstable();
    words
}

#[test]
fn groups_are_found_by_key_and_by_name() {
    let user = |pk: i64, groups: serde_json::Value| json!({ "model": "people.member", "pk": pk, "fields": { "email": "", "password": "", "groups": groups } });
    let group = |pk: i64, name: &str| json!({ "model": "auth.group", "pk": pk, "fields": { "name": name } });
    let dump = [
        user(1, json!([4, 3])),
        user(2, json!([["staff \"é\""], ["gone"]])),
        group(3, "staff \"é\""),
        group(4, "other"),
    ];
    let dump = serde_json::Value::from(dump.to_vec()).to_string();
    let mut source = loaded(dump.as_bytes(), "people_member").unwrap();
    let table = source.table("people_member_groups").unwrap().unwrap();
    for (key, count) in [(3, 2), (4, 1)] {
        let members = format!("(SELECT 1 FROM {table} WHERE group_id = {key})");
        assert_eq!(source.count(&members).unwrap(), count, "{key}");
    }
    assert_eq!(source.columns(&table).unwrap()[1].name, "member_id");
}

#[test]
fn compressed_dumps_are_read_and_broken_ones_refused() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(USER.as_bytes()).unwrap();
    let compressed = gzip.finish().unwrap();
    let mut source = loaded(&compressed, "auth_user").unwrap();
    assert_eq!(source.count("auth_user").unwrap(), 1);
    let error = loaded(&compressed[..compressed.len() - 12], "auth_user")
        .err()
        .unwrap();
    assert!(error.contains("cannot be read to its end"), "{error}");
}
