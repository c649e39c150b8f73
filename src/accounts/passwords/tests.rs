use super::*;

const PASSWORD: &str = "Correct-horse-9";

/// Hashes of [`PASSWORD`] that are published with the contract.
const PUBLISHED: [&str; 4] = [
    "pbkdf2_sha256$260000$seasalt2seasalt2seasalt$Eieg3MnpMY7C8JSCJjQwVxuhJ24men+HK2urK/0zaxY=",
    "pbkdf2_sha256$1$seasalt$Ic/q6O7anGS3lBPjJO/afdYW6a5xuGPSQ7iD5xoe4Uk=",
    "argon2$argon2id$v=19$m=102400,t=2,p=8$c2Vhc2FsdDJzZWFzYWx0MnNlYXNhbA$l8tdAcxrs/9Mdvym8eDyo94DhqMI2oTidSr8EIf7w4g",
    "bcrypt_sha256$$2b$12$abcdefghijklmnopqrstuuOtpIlRD.AVjVtoIZaQgsFAj6fS/sgBK",
];

/// Hashes of [`PASSWORD`] with cheap parameters, made by Django 5.2.19's hashers (the last four by
/// argon2-cffi).
const CHEAP: [&str; 11] = [
    "pbkdf2_sha256$1000$Salz-ü$w03QwMdjUpqGN/pSHjbccBFQodXJx/EeRiTTORMltQM=",
    "pbkdf2_sha1$1000$seasalt$kEK2ogLYeTy8TzVNTyF8BK1Zsoc=",
    "pbkdf2_wrapped_sha1$1000$seasalt$xNONSFrO+0D5xdqd9M7R5+df+Hz1X6aevkC6irxVtqY=",
    "pbkdf2_wrapped_md5$1000$seasalt$sgxTwgvubvCB7RA3kgfUJw/Vr4w2CZ/4XXZY//D8qNI=",
    "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuQaffA7IYMELBl5eAPyIGgTwEirYbt/q",
    "bcrypt$$2b$04$abcdefghijklmnopqrstuuyZuPnD.u7L3fcm9FHm7XjD4EiTJCDlu",
    "scrypt$1024$seasalt$8$5$7ZZPLpEDJ6KEasRTh3GpWmXxjXnKkpauiVs48TAFy49GP4LgxwsYG+TYbHCHL7iGKVRgzPcFzKM6jBElKiemIA==",
    "argon2$argon2id$v=19$m=512,t=2,p=2$c2Vhc2FsdDJzZWFzYWx0Mg$aAkaWhEHkiFLGOqTMA0BSw",
    "argon2$argon2i$v=19$m=512,t=2,p=2$c2Vhc2FsdDJzZWFzYWx0Mg$iG3C9pj9g8Zy/LaYc6GUVg",
    "argon2$argon2d$v=19$m=512,t=2,p=2$c2Vhc2FsdDJzZWFzYWx0Mg$2i2EGM14jUewy/sg2AnUdw",
    "argon2$argon2id$v=16$m=512,t=2,p=2$c2Vhc2FsdDJzZWFzYWx0Mg$z38rYud9gMjEuu3iNojpeQ",
];

/// Whether the character at `at` is the `b` of bcrypt's version `2b`. Django accepts `2a` and `2y`
/// there for the same hash.
fn is_bcrypt_version(stored: &str, at: usize) -> bool {
    stored.find("$2b$").is_some_and(|start| at == start + 2)
}

fn with_char(stored: &str, at: usize, char: char) -> String {
    let mut changed: Vec<char> = stored.chars().collect();
    changed[at] = char;
    changed.into_iter().collect()
}

#[test]
fn published_hashes_verify_and_other_passwords_do_not() {
    for stored in PUBLISHED.into_iter().chain(CHEAP) {
        assert!(verify(PASSWORD, stored), "{stored}");
        for wrong in ["Correct-horse-8", "correct-horse-9", "Correct-horse-9 ", ""] {
            assert!(!verify(wrong, stored), "{wrong} {stored}");
        }
    }
}

/// Flips one bit of a character, the smallest possible change.
fn assert_does_not_verify_if_flipped(stored: &str, at: usize) {
    let char = stored.chars().nth(at).unwrap();
    let neighbour = char::from_u32(u32::from(char) ^ 1).unwrap();
    let changed = with_char(stored, at, neighbour);
    assert!(!verify(PASSWORD, &changed), "{at} in {stored}");
}

#[test]
fn a_hash_with_any_one_character_flipped_does_not_verify() {
    for stored in CHEAP {
        for at in 0..stored.chars().count() {
            assert_does_not_verify_if_flipped(stored, at);
        }
    }
}

/// The last character of each part: to try every character of these costly hashes takes a minute.
#[test]
fn a_published_hash_with_any_one_part_changed_does_not_verify() {
    for stored in PUBLISHED {
        let ends = stored.match_indices(['$', ',']).map(|(at, _)| at);
        for end in ends.chain([stored.len()]) {
            if let Some(at) = end.checked_sub(1) {
                assert_does_not_verify_if_flipped(stored, at);
            }
        }
    }
}

#[test]
fn a_hash_with_any_character_replaced_does_not_verify() {
    let others = ['A', 'z', '0', '/', '$', '=', 'ü'];
    for stored in CHEAP {
        for (at, char) in stored.chars().enumerate() {
            for other in others.iter().copied().filter(|other| *other != char) {
                if is_bcrypt_version(stored, at) && matches!(other, 'a' | 'y') {
                    continue;
                }
                assert!(
                    !verify(PASSWORD, &with_char(stored, at, other)),
                    "{at} {other} {stored}"
                );
            }
        }
    }
}

#[test]
fn a_hash_with_text_added_or_removed_does_not_verify() {
    for stored in CHEAP {
        for more in [" ", "=", "$", "A", "\n", "\0"] {
            assert!(!verify(PASSWORD, &format!("{stored}{more}")), "{stored}");
            assert!(!verify(PASSWORD, &format!("{more}{stored}")), "{stored}");
        }
        for (at, _) in stored.char_indices() {
            assert!(!verify(PASSWORD, &stored[..at]), "{at} {stored}");
        }
    }
}

#[test]
fn long_empty_and_non_ascii_passwords_verify_as_in_django() {
    let long = "pässwört ☕ long".repeat(8);
    for stored in [
        "pbkdf2_sha256$1000$Salz-ü$LvsALYic0Pg2e07f4Pc/4cXvfVDUmiKIMI1XXDMUwZg=",
        "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuGdfmixTUqfd.ySZGXKmR3YAIIkj6UKG",
        "scrypt$1024$seasalt$8$5$5RChGCgvC8dfTV84xyaAMlJsDQ/r1HCmMXHlTRRrr1dcRUemrn5v7czZmr4Fm0mV1bqPNm6cOKeLzox7mJNMWw==",
        "argon2$argon2id$v=19$m=512,t=2,p=2$c2Vhc2FsdDJzZWFzYWx0Mg$1D3tgnlIsYrekvyDFAEiRg",
    ] {
        assert!(verify(&long, stored), "{stored}");
        assert!(!verify(&long[1..].replace("ss", "s"), stored), "{stored}");
    }
    for stored in [
        "pbkdf2_sha1$1000$seasalt$dbFbGdNSsmpcbEzYDW8WUNxI63I=",
        "bcrypt$$2b$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq",
    ] {
        assert!(verify("", stored), "{stored}");
        assert!(!verify(" ", stored), "{stored}");
    }
    let spaced = "bcrypt$$2b$04$abcdefghijklmnopqrstuui2JOJy2uePbfv7KxVuG20eshAaj0lLm";
    assert!(verify(" spaced ", spaced));
    assert!(!verify("spaced", spaced));
}

#[test]
fn unusable_unknown_and_malformed_hashes_never_match_and_never_panic() {
    let unusable = unusable_password().unwrap();
    for (stored, expected) in [
        (unusable.as_str(), PasswordScheme::Unusable),
        ("!", PasswordScheme::Unusable),
        ("", PasswordScheme::Unknown),
        (PASSWORD, PasswordScheme::Unknown),
        (
            "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
            PasswordScheme::Unknown,
        ),
        ("argon2$", PasswordScheme::Unknown),
        ("argon2$argon2id$$$$", PasswordScheme::Unknown),
        ("bcrypt$", PasswordScheme::Unknown),
        ("bcrypt$$2b$04$ü", PasswordScheme::Unknown),
        (
            "bcrypt$ü2b$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq",
            PasswordScheme::Unknown,
        ),
        ("pbkdf2_sha256$0$seasalt$AAAA", PasswordScheme::Unknown),
        ("pbkdf2_sha256$-1$seasalt$AAAA", PasswordScheme::Unknown),
        ("scrypt$1000$seasalt$8$5$AAAA", PasswordScheme::Unknown),
        ("scrypt$0$seasalt$0$0$AAAA", PasswordScheme::Unknown),
        // Less memory than the lanes need, and a salt that is too short.
        (
            "argon2$argon2id$v=19$m=15,t=1,p=2$c2Vhc2FsdDJzZWFzYWx0Mg$aAkaWhEHkiFLGOqTMA0BSw",
            PasswordScheme::Unknown,
        ),
        (
            "argon2$argon2id$v=19$m=16,t=1,p=2$c2Vhc2FsdA$aAkaWhEHkiFLGOqTMA0BSw",
            PasswordScheme::Unknown,
        ),
        // Numbers that Django does not write like that.
        ("pbkdf2_sha256$+1$seasalt$AAAA", PasswordScheme::Unknown),
        ("pbkdf2_sha1$01$seasalt$AAAA", PasswordScheme::Unknown),
        ("scrypt$2$seasalt$08$1$AAAA", PasswordScheme::Unknown),
        (
            "bcrypt$$2b$+4$abcdefghijklmnopqrstuuyZuPnD.u7L3fcm9FHm7XjD4EiTJCDlu",
            PasswordScheme::Unknown,
        ),
    ] {
        assert_eq!(scheme(stored), expected, "{stored}");
        assert!(!is_usable(stored), "{stored}");
        assert!(!needs_upgrade(stored), "{stored}");
        assert!(!verify(PASSWORD, stored), "{stored}");
        assert!(!verify("", stored), "{stored}");
    }
}

#[test]
fn a_hash_with_excessive_parameters_is_not_computed() {
    for stored in [
        // 4 GiB
        "argon2$argon2id$v=19$m=4194304,t=1,p=1$c2Vhc2FsdDJzZWFzYWx0Mg$aAkaWhEHkiFLGOqTMA0BSw",
        "argon2$argon2id$v=19$m=131072,t=9,p=1$c2Vhc2FsdDJzZWFzYWx0Mg$aAkaWhEHkiFLGOqTMA0BSw",
        "argon2$argon2id$v=19$m=8,t=4294967295,p=1$c2Vhc2FsdDJzZWFzYWx0Mg$aAkaWhEHkiFLGOqTMA0BSw",
        "argon2$argon2id$v=19$m=19456,t=2,p=4294967295$c2Vhc2FsdDJzZWFzYWx0Mg$aAkaWhEHkiFLGOqTMA0BSw",
        "pbkdf2_sha256$4294967295$seasalt$Ic/q6O7anGS3lBPjJO/afdYW6a5xuGPSQ7iD5xoe4Uk=",
        "bcrypt$$2b$31$abcdefghijklmnopqrstuuyZuPnD.u7L3fcm9FHm7XjD4EiTJCDlu",
        "scrypt$4194304$seasalt$8$1$AAAA",
        "scrypt$2$seasalt$4194304$1$AAAA",
        "scrypt$2$seasalt$65536$32$AAAA",
        "scrypt$131072$seasalt$8$1$AAAA",
        "scrypt$16384$seasalt$65$1$AAAA",
        "scrypt$131072$seasalt$8$5$AAAA",
        "scrypt$16384$seasalt$1$65$AAAA",
    ] {
        assert_eq!(scheme(stored), PasswordScheme::Unknown, "{stored}");
        assert!(!verify(PASSWORD, stored), "{stored}");
    }
    let long = format!("pbkdf2_sha256$1${}$AAAA", "s".repeat(600));
    assert_eq!(scheme(&long), PasswordScheme::Unknown);
}

#[test]
fn a_new_hash_has_the_contracts_parameters_and_fits_djangos_column() {
    let first = hash(PASSWORD).unwrap();
    assert!(
        first.starts_with("argon2$argon2id$v=19$m=19456,t=2,p=1$"),
        "{first}"
    );
    assert!(first.len() <= 128, "{}", first.len());
    assert!(verify(PASSWORD, &first));
    assert!(!verify("correct-horse-9", &first));
    assert_ne!(first, hash(PASSWORD).unwrap(), "each hash has its own salt");
    assert!(!needs_upgrade(&first));
    assert_eq!(scheme(&first), PasswordScheme::Argon2);
}

#[test]
fn weaker_hashes_are_upgraded_and_stronger_ones_are_kept() {
    let argon2 = |algorithm: &str, version: &str, costs: &str| {
        format!("argon2${algorithm}${version}{costs}$c2Vhc2FsdDJzZWFzYWx0Mg$aAkaWhEHkiFLGOqTMA0BSw")
    };
    for stored in CHEAP {
        assert!(needs_upgrade(stored), "{stored}");
    }
    for costs in ["m=19455,t=2,p=1", "m=19456,t=1,p=1", "m=64,t=16384,p=1"] {
        assert!(
            needs_upgrade(&argon2("argon2id", "v=19$", costs)),
            "{costs}"
        );
    }
    for costs in [
        "m=19456,t=2,p=1",
        "m=102400,t=2,p=8",
        "m=47104,t=1,p=1",
        "m=12288,t=4,p=1",
    ] {
        assert!(
            !needs_upgrade(&argon2("argon2id", "v=19$", costs)),
            "{costs}"
        );
        assert!(needs_upgrade(&argon2("argon2i", "v=19$", costs)), "{costs}");
        assert!(
            needs_upgrade(&argon2("argon2id", "v=16$", costs)),
            "{costs}"
        );
        assert!(needs_upgrade(&argon2("argon2id", "", costs)), "{costs}");
    }
}

#[test]
fn the_decoy_costs_as_much_as_a_new_hash_and_matches_no_password() {
    assert_eq!(scheme(&decoy()), PasswordScheme::Argon2);
    assert!(!needs_upgrade(&decoy()));
    assert!(!verify("", &decoy()));
    assert!(!verify(PASSWORD, &decoy()));
}

#[test]
fn unusable_passwords_have_djangos_form_and_are_unique() {
    let first = unusable_password().unwrap();
    assert_eq!(first.len(), 41);
    assert!(first.starts_with('!'));
    assert_ne!(first, unusable_password().unwrap());
}

/// Hashes of [`PASSWORD`] by hashers that Django has removed, made by them and by glibc's `crypt`.
const LEGACY: [(&str, &str); 8] = [
    ("md5", "md5$seasalt$e2f932ba0cd6b1ddad214732cec202d3"),
    (
        "sha1",
        "sha1$seasalt$30679c9cb5b545dd2cfbf73e19348c7f35c88bff",
    ),
    ("unsalted_md5", "e7bc2f0cd400a190e1f7022ec50c02d4"),
    ("unsalted_md5", "md5$$e7bc2f0cd400a190e1f7022ec50c02d4"),
    (
        "unsalted_sha1",
        "sha1$$1eae9d3059b569db2295ba2471843f204c1e12cb",
    ),
    (
        "crypt",
        "crypt$$$6$seasalt$LpftOtJotonEFOVlbSBycOX2jLkUMeazLa7bzHRFVs.vozScmSto1ZMH4.Nf5oo//85zfUhyz/Cl5IkyDwctp.",
    ),
    (
        "crypt",
        "crypt$$$5$seasalt$1kSF3aw994Sz5/wRaWJiUkzaW8Ag6UFGocd0jHB8ii.",
    ),
    (
        "crypt",
        "crypt$$$6$rounds=1000$seasaltseasalt12$orfqVtXDvVZdlXk0th7zE0quLI0EO97RNkjO/gzvd12yTKnD.shHoNqjZX5JPhJx4mISzSVXBPipdjc3VTTfW1",
    ),
];

#[test]
fn hashes_of_removed_hashers_verify_only_in_their_stored_form() {
    for (name, django) in LEGACY {
        assert_eq!(scheme(django), PasswordScheme::Unknown, "{django}");
        assert!(!verify(PASSWORD, django), "{django}");
        let stored = legacy_form(django).unwrap();
        assert_eq!(scheme(&stored).name(), name);
        assert!(scheme(&stored).is_legacy());
        assert!(verify(PASSWORD, &stored), "{stored}");
        assert!(needs_upgrade(&stored) && is_usable(&stored));
        assert_eq!(legacy_form(&stored), None);
        for wrong in ["Correct-horse-8", "correct-horse-9", "", &"x".repeat(2_000)] {
            assert!(!verify(wrong, &stored), "{wrong} {stored}");
        }
        for at in (0..stored.chars().count()).step_by(3) {
            assert_does_not_verify_if_flipped(&stored, at);
        }
        for more in ["=", "$", "A", "\n"] {
            assert!(!verify(PASSWORD, &format!("{stored}{more}")), "{stored}");
        }
    }
}

#[test]
fn only_well_formed_hashes_of_removed_hashers_have_a_stored_form() {
    for django in CHEAP.into_iter().chain([
        "",
        "!",
        "E7BC2F0CD400A190E1F7022EC50C02D4",
        "md5$salt$e2f932ba0cd6b1ddad214732cec202",
        "sha1$salt$e2f932ba0cd6b1ddad214732cec202d3",
        "md5$a$b$e2f932ba0cd6b1ddad214732cec202d3",
        // DES and MD5-crypt.
        "crypt$$abN/H6vKpEzPM",
        "crypt$$$1$seasalt$W0PbJuxzqCHHIHfUvqfRH/",
        "crypt$$$6$rounds=999$seasalt$LpftOtJotonEFOVlbSBycOX2jLkUMeazLa7bzHRFVs.vozScmSto1ZMH4.Nf5oo//85zfUhyz/Cl5IkyDwctp.",
        "crypt$$$6$rounds=999999999$seasalt$LpftOtJotonEFOVlbSBycOX2jLkUMeazLa7bzHRFVs.vozScmSto1ZMH4.Nf5oo//85zfUhyz/Cl5IkyDwctp.",
        "crypt$$$6$seasaltseasalt123$LpftOtJotonEFOVlbSBycOX2jLkUMeazLa7bzHRFVs.vozScmSto1ZMH4.Nf5oo//85zfUhyz/Cl5IkyDwctp.",
    ]) {
        assert_eq!(legacy_form(django), None, "{django}");
    }
}
