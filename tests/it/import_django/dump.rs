//! `--from dump.json`: dumps that a real Django has written, and broken ones.

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use vestibule::clock::Timestamp;

use crate::support::django::{Django, ImportTarget, counts};
use crate::support::program::ProgramOutput;
use crate::support::real_django::{RealDjango, dumpdata};

const USER: &str = r#"{"model":"auth.user","pk":7,"fields":{"email":"ada@example.com","password":"!","is_active":true}}"#;

/// Writes a dump, and returns its path.
fn write(folder: &Path, name: &str, dump: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, dump).expect("a file");
    path.to_str().expect("text").to_owned()
}

fn import(target: &ImportTarget, path: &str, options: &[&str]) -> ProgramOutput {
    target.program(path, options).run().exits_with(0)
}

/// What an import has written. A dump has times without microseconds.
fn content(target: &ImportTarget) -> (Vec<String>, Vec<String>) {
    let milliseconds = |time: Timestamp| time.utc().timestamp_millis();
    let users = target.users().into_iter().map(|user| {
        let times = (
            milliseconds(user.date_joined),
            user.last_login.map(milliseconds),
        );
        let flags = (
            user.is_active,
            user.is_staff,
            user.is_superuser,
            user.imported,
        );
        let names = (user.first_name, user.last_name);
        format!(
            "{} {} {} {names:?} {flags:?} {times:?}",
            user.id, user.email, user.password
        )
    });
    let tokens = target.tokens().into_iter().map(|token| {
        let times = [Some(token.expires_at), token.revoked_at].map(|time| time.map(milliseconds));
        format!("{} {:?} {times:?}", token.jti, token.user_id)
    });
    // Accounts without a password get a random one that never matches.
    let users = users.map(|user| match user.split_once(" !") {
        Some((start, rest)) => format!("{start} !{}", &rest[rest.find(' ').unwrap_or(0)..]),
        None => user,
    });
    (users.collect(), tokens.collect())
}

#[test]
fn a_dump_of_a_real_django_imports_what_its_database_does() {
    let (django, made) = RealDjango::on_sqlite();
    let direct = ImportTarget::new();
    import(&direct, django.url(), &[]);
    let expected = content(&direct);
    assert_eq!(
        (expected.0.len(), expected.1.len()),
        (made.users.len(), made.blacklisted.len())
    );
    let folder = tempfile::tempdir().unwrap();
    let json = dumpdata(&django, &[]);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&json).unwrap();
    let dumps = [
        ("indented.json", dumpdata(&django, &["--indent", "2"])),
        ("dump.jsonl", dumpdata(&django, &["--format", "jsonl"])),
        ("dump.json.gz", gzip.finish().unwrap()),
        ("dump.json", json),
    ];
    for (name, dump) in dumps {
        let path = write(folder.path(), name, &dump);
        let target = ImportTarget::new();
        let output = import(&target, &path, &[]);
        assert_eq!(content(&target), expected, "{name}: {output:#?}");
        let again = import(&target, &path, &[]);
        assert_eq!(
            counts(&again, 0),
            [0, 0, count(expected.0.len()), 0],
            "{name}: {again:#?}"
        );
    }
    // A project may begin with one and go on with the other.
    let path = folder.path().join("dump.json");
    let later = import(&direct, path.to_str().unwrap(), &[]);
    assert_eq!(
        counts(&later, 0),
        [0, 0, count(expected.0.len()), 0],
        "{later:#?}"
    );
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap()
}

/// What an import has written of a table without times.
fn accounts(target: &ImportTarget) -> Vec<(String, String, bool)> {
    let users = target.users().into_iter();
    users
        .map(|user| (user.email, user.password, user.is_active))
        .collect()
}

#[test]
fn another_user_model_is_named_by_its_model_or_its_table() {
    let (django, _) = RealDjango::on_sqlite();
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "dump.json", &dumpdata(&django, &[]));
    let closed = [
        "--closed-column",
        "is_banned",
        "--closed-column",
        "deleted_at",
    ];
    let direct = ImportTarget::new();
    import(
        &direct,
        django.url(),
        &[&["--table", "people_reader"], &closed[..]].concat(),
    );
    for table in ["people_reader", "people.Reader", "people.reader"] {
        let target = ImportTarget::new();
        import(&target, &path, &[&["--table", table], &closed[..]].concat());
        assert_eq!(accounts(&target), accounts(&direct), "{table}");
    }
    let target = ImportTarget::new();
    let refused = target
        .program(&path, &["--table", "people.writer"])
        .run()
        .exits_with(1);
    for part in ["\"people_writer\"", "people_reader", "people_member"] {
        assert!(refused.stderr.contains(part), "no {part} in {refused:#?}");
    }
    assert!(
        !refused.stderr.contains("people_subscriber"),
        "it has no email: {refused:#?}"
    );
}

#[test]
fn natural_keys_are_refused_with_what_to_do() {
    let (django, _) = RealDjango::on_sqlite();
    let folder = tempfile::tempdir().unwrap();
    for option in ["--natural-primary", "--natural-foreign"] {
        let path = write(folder.path(), "dump.json", &dumpdata(&django, &[option]));
        assert_refused(&path, &[option, "line 1"]);
    }
    let path = write(
        folder.path(),
        "dump.json",
        &dumpdata(&django, &["auth", "--natural-foreign"]),
    );
    let target = ImportTarget::new();
    import(&target, &path, &[]);
    assert!(!target.users().is_empty());
}

#[track_caller]
fn assert_refused(path: &str, parts: &[&str]) {
    let target = ImportTarget::new();
    let output = target.program(path, &[]).run().exits_with(1);
    for part in [&[path, "--from: "], parts].concat() {
        assert!(output.stderr.contains(part), "no {part:?} in {output:#?}");
    }
    assert_eq!(content(&target), (vec![], vec![]));
}

#[test]
fn a_broken_dump_imports_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dump = |text: &str| write(folder.path(), "dump.json", text.as_bytes());
    assert_refused(
        &dump(&format!("[{USER},\n{{\"model\"")),
        &["breaks off", "line 2"],
    );
    assert_refused(
        &dump(&format!("[{USER},\n{USER}]")),
        &["a second auth.user", "line 2"],
    );
    assert_refused(
        &dump(&format!("[{USER}]\n[{USER}]")),
        &["another dump", "line 2"],
    );
    assert_refused(
        &dump(&format!("{USER}\nnonsense")),
        &["not valid JSON", "line 2"],
    );
    assert_refused(&dump(""), &["empty"]);
    let utf_16: Vec<u8> = format!("[{USER}]")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let path = write(
        folder.path(),
        "dump.json",
        &[b"\xff\xfe".to_vec(), utf_16].concat(),
    );
    assert_refused(&path, &["not UTF-8", "--output"]);
    let path = write(folder.path(), "dump.json.gz", b"\x1f\x8b broken");
    assert_refused(&path, &["cannot be read to its end"]);
    let missing = folder.path().join("missing.jsonl");
    assert_refused(missing.to_str().unwrap(), &["No such file"]);
}

#[test]
fn a_dry_run_of_a_dump_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "dump.jsonl", USER.as_bytes());
    let target = ImportTarget::new();
    let output = import(&target, &path, &["--dry-run"]);
    assert_eq!(counts(&output, 0), [1, 0, 0, 0]);
    assert!(
        output
            .stdout
            .contains(&format!("Users, from auth_user of {path}")),
        "{output:#?}"
    );
    assert!(target.users().is_empty());
    import(&target, &path, &[]);
    assert_eq!(target.user(7).email, "ada@example.com");
    // The options of databases hold for dumps too.
    let django = Django::new();
    assert!(
        target
            .program(django.url(), &[])
            .run()
            .exits_with(0)
            .stdout
            .contains("taken")
    );
}

/// One object of each package whose factors do not exist here, as `dumpdata` writes it.
#[test]
fn factors_of_other_packages_in_a_dump_are_named() {
    const HASH: &str = "pbkdf2_sha256$1000$Salz$w03QwMdjUpqGN/pSHjbccBFQodXJx/EeRiTTORMltQM=";
    let models = [
        "trench.mfamethod",
        "two_factor.phonedevice",
        "phonenumber.phonedevice",
        "two_factor_webauthn.webauthndevice",
        "multifactor.userkey",
        "kagi.totpdevice",
        "django_mfa.userotp",
        "django_fido.authenticator",
        "otp_webauthn.webauthncredential",
        "otp_yubikey.remoteyubikeydevice",
        "otp_twilio.twiliosmsdevice",
        "mfa.mfakey",
        "mfa.user_keys",
    ];
    let user = |id: usize, hash: &str| {
        format!(
            r#"{{"model":"auth.user","pk":{id},"fields":{{"username":"user{id}","email":"{id}@example.com","password":"{hash}","is_active":true}}}}"#
        )
    };
    let mut dump: Vec<String> = models
        .iter()
        .enumerate()
        .flat_map(|(at, model)| {
            let id = at + 1;
            let owner = match *model {
                "mfa.user_keys" => format!(r#""username":"user{id}""#),
                _ => format!(r#""user":{id}"#),
            };
            let device =
                format!(r#"{{"model":"{model}","pk":1,"fields":{{{owner},"name":"made up"}}}}"#);
            [user(id, HASH), device]
        })
        .collect();
    // An account with a factor and without a password, and one without either.
    dump.extend([user(14, "!"), user(15, "!")]);
    dump.push(
        r#"{"model":"trench.mfamethod","pk":2,"fields":{"user":14,"name":"made up"}}"#.to_owned(),
    );
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "dump.jsonl", dump.join("\n").as_bytes());
    let target = ImportTarget::new();
    let output = import(&target, &path, &["--verbose"]);
    let ids: Vec<String> = (1..=13).map(|id: i64| id.to_string()).collect();
    let named = format!("(see --require-totp):\n    {}\n", ids.join(", "));
    assert!(output.stdout.contains(&named), "{output:#?}");
}

/// Profiles of the project's own applications are read as from a database.
#[test]
fn profiles_in_a_dump_show_factors_and_what_may_close_accounts() {
    const HASH: &str = "pbkdf2_sha256$1000$Salz-u$w03QwMdjUpqGN/pSHjbccBFQodXJx/EeRiTTORMltQM=";
    let user = |id: i64| {
        format!(
            r#"{{"model":"users.user","pk":{id},"fields":{{"email":"{id}@example.com","password":"{HASH}","is_active":true}}}}"#
        )
    };
    let dump = [
        // A profile may come before its user, and belong to another application.
        r#"{"model":"people.profile","pk":10,"fields":{"user":1,"otp_secret":"ABC","is_banned":true,"bio":"x"}}"#,
        &user(1),
        &user(2),
        r#"{"model":"people.profile","pk":11,"fields":{"user":2,"otp_secret":"","is_banned":false,"bio":"y"}}"#,
        r#"{"model":"users.ban","pk":1,"fields":{"user":2,"reason":"x"}}"#,
        r#"{"model":"users.ban","pk":2,"fields":{"user":2,"reason":"y"}}"#,
        // Several rows for an account are no profile, and a text about somebody is nothing.
        r#"{"model":"shop.order","pk":1,"fields":{"user":1,"is_closed":true}}"#,
        r#"{"model":"shop.order","pk":2,"fields":{"user":1,"is_closed":false}}"#,
        r#"{"model":"shop.note","pk":1,"fields":{"user":1,"text":"x"}}"#,
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "dump.jsonl", dump.join("\n").as_bytes());
    let target = ImportTarget::new();
    let output = import(&target, &path, &["--table", "users.User"]);
    for line in [
        "(see --require-totp):\n    1\n",
        "1 people_profile.otp_secret\n",
        "people_profile.is_banned: 2 with a value\n",
        "2 users_ban\n",
        "2 people_profile\n",
    ] {
        assert!(output.stdout.contains(line), "{line} in {}", output.stdout);
    }
    for absent in ["shop_order.", "shop_note"] {
        assert!(!output.stdout.contains(absent), "{}", output.stdout);
    }
}
