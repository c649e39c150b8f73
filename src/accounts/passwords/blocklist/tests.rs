use std::fs;

use super::*;

/// The SHA-1 hash of a password, as a line of the file.
fn hash(password: &str) -> String {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    crate::hex::hex(hash.as_ref()).to_uppercase()
}

fn open(content: &[u8]) -> Result<PasswordBlocklist, BlocklistError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocklist.txt");
    fs::write(&path, content).unwrap();
    // The file stays readable after it is deleted.
    PasswordBlocklist::open(&path)
}

fn sorted(passwords: &[String]) -> Vec<String> {
    let mut hashes: Vec<_> = passwords.iter().map(|one| hash(one)).collect();
    hashes.sort();
    hashes
}

#[test]
fn the_published_hash_of_a_password_is_found() {
    let list = open(b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:10434004\r\n").unwrap();
    assert!(list.contains("password").unwrap());
    assert!(!list.contains("Password").unwrap());
}

#[test]
fn every_listed_password_is_found_and_no_other_in_each_form_of_the_file() {
    for count in [1, 2, 3, 10, 1_000] {
        let passwords: Vec<_> = (0..count).map(|n| format!("made-up-{n}")).collect();
        let hashes = sorted(&passwords);
        let with_counts: Vec<_> = hashes
            .iter()
            .enumerate()
            .map(|(n, hash)| format!("{hash}:{}", n * n * n))
            .collect();
        for content in [
            hashes.join("\n"),
            hashes.join("\n").to_lowercase() + "\n",
            with_counts.join("\n") + "\n",
            with_counts.join("\r\n") + "\r\n",
            with_counts.join("\r\n") + "\r\n\r\n",
        ] {
            let list = open(content.as_bytes()).unwrap();
            for password in &passwords {
                assert!(list.contains(password).unwrap(), "{count} {password}");
            }
            for number in count..count + 200 {
                assert!(!list.contains(&format!("made-up-{number}")).unwrap());
            }
        }
    }
}

#[test]
fn a_file_that_cannot_be_searched_is_refused() {
    let line = hash("made-up");
    let hashes = sorted(&(0..100).map(|n| format!("made-up-{n}")).collect::<Vec<_>>());
    let reversed: Vec<_> = hashes.iter().rev().map(String::as_str).collect();
    let nothing = open(b"").unwrap_err();
    assert!(matches!(nothing, BlocklistError::Empty), "{nothing}");
    assert!(matches!(
        open(b"\n\r\n").unwrap_err(),
        BlocklistError::Empty
    ));
    let unsorted = open(reversed.join("\n").as_bytes()).unwrap_err();
    assert!(matches!(unsorted, BlocklistError::Order(_)), "{unsorted}");
    for content in [
        "password\nletmein\n".to_owned(),
        format!("{line}:many"),
        format!("{line};5"),
        line[..32].to_owned(),
        format!("{line}{line}"),
        format!("{}\n", "A".repeat(5_000)),
        format!("{line}\n\n{line}"),
    ] {
        let error = open(content.as_bytes()).unwrap_err();
        assert!(
            matches!(error, BlocklistError::Format(_)),
            "{content}: {error}"
        );
    }
    let missing = PasswordBlocklist::open(Path::new("no/such/file")).unwrap_err();
    assert!(
        matches!(missing, BlocklistError::Unreadable(_)),
        "{missing}"
    );
    let folder = tempfile::tempdir().unwrap();
    PasswordBlocklist::open(folder.path()).unwrap_err();
}
