use super::{UserAttributes, validate};

const SIMILAR_FIRST: &str = "The password is too similar to the first name.";
const SIMILAR_LAST: &str = "The password is too similar to the last name.";
const SIMILAR_EMAIL: &str = "The password is too similar to the email address.";
const SHORT: &str = "This password is too short. It must contain at least 8 characters.";
const COMMON: &str = "This password is too common.";
const NUMERIC: &str = "This password is entirely numeric.";

/// Passwords that are in our list of common passwords, but not in Django's, which is a fifth as
/// long.
const COMMON_HERE: [&str; 2] = ["adaada", "short"];

/// Password, email, first name, last name and the expected messages.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

/// The messages of `validate_password` of Django 5.2.19, with its default validators and a user
/// model with `USERNAME_FIELD = "email"`.
#[rustfmt::skip]
const DJANGO: &[Case] = &[
    ("Correct-horse-9", "ada.quillane@example.com", "Ada", "Quillane", &[]),
    ("Correct-horse-9", "", "", "", &[]),
    ("", "", "", "", &[SHORT]),
    ("", "ada.quillane@example.com", "", "", &[SHORT]),
    ("ada.quillane@example.com", "ada.quillane@example.com", "", "", &[SIMILAR_EMAIL]),
    ("ADA.QUILLANE@EXAMPLE.COM", "ada.quillane@example.com", "", "", &[SIMILAR_EMAIL]),
    ("quillane", "ada.quillane@example.com", "", "", &[SIMILAR_EMAIL]),
    ("Quillane1", "ada.quillane@example.com", "", "", &[SIMILAR_EMAIL]),
    ("quillane12", "ada.quillane@example.com", "", "", &[SIMILAR_EMAIL]),
    ("quillane1234", "ada.quillane@example.com", "", "", &[SIMILAR_EMAIL]),
    ("quillane12345", "ada.quillane@example.com", "", "", &[SIMILAR_EMAIL]),
    ("enalliuq", "ada.quillane@example.com", "", "", &[SIMILAR_EMAIL]),
    ("example.com", "ada.quillane@example.com", "", "", &[SIMILAR_EMAIL]),
    ("exampleexample", "ada.quillane@example.com", "", "", &[]),
    ("examplecom", "ada.quillane@example.com", "", "", &[SIMILAR_EMAIL]),
    ("adaquillane", "ada.quillane@example.com", "", "", &[SIMILAR_EMAIL]),
    ("ada-quillane", "ada.quillane@example.com", "", "", &[SIMILAR_EMAIL]),
    ("quillane", "", "Ada", "Quillane", &[SIMILAR_LAST]),
    ("Quillane9", "ada.quillane@example.com", "Ada", "Quillane", &[SIMILAR_LAST]),
    ("xquillanex", "", "", "Quillane", &[SIMILAR_LAST]),
    ("xxquillanexx", "", "", "Quillane", &[SIMILAR_LAST]),
    ("xxxquillanexxx", "", "", "Quillane", &[SIMILAR_LAST]),
    ("ada12345", "", "Ada", "", &[]),
    ("ada", "", "Ada", "", &[SIMILAR_FIRST, SHORT, COMMON]),
    ("adaada", "", "Ada", "", &[SHORT]),
    ("Adaadaada", "", "Ada", "", &[]),
    ("augusta-king", "", "Augusta King", "", &[SIMILAR_FIRST]),
    ("kingaugusta", "", "Augusta King", "", &[SIMILAR_FIRST]),
    ("augusta!", "", "Augusta King", "", &[SIMILAR_FIRST]),
    ("king", "", "Augusta King", "", &[SIMILAR_FIRST, SHORT, COMMON]),
    ("jean-luc99", "", "Jean-Luc", "Picard", &[SIMILAR_FIRST]),
    ("picardjl", "", "Jean-Luc", "Picard", &[SIMILAR_LAST]),
    ("o'brien22", "", "Miles", "O'Brien", &[SIMILAR_LAST]),
    ("brien_miles", "", "Miles", "O'Brien", &[]),
    ("under_score", "under_score@example.com", "", "", &[SIMILAR_EMAIL]),
    ("score_under", "under_score@example.com", "", "", &[SIMILAR_EMAIL]),
    ("élodie-durand", "", "Élodie", "Durand", &[]),
    ("ÉLODIE77", "", "Élodie", "Durand", &[SIMILAR_FIRST]),
    ("straßenbahn", "", "", "Straßenbahn", &[SIMILAR_LAST]),
    ("STRASSENBAHN", "", "", "Straßenbahn", &[SIMILAR_LAST]),
    ("grüße-aus-köln", "", "", "Köln", &[]),
    ("ΟΔΥΣΣΕΥΣ", "", "", "Οδυσσεύς", &[SIMILAR_LAST]),
    ("дмитрий1", "", "Дмитрий", "", &[SIMILAR_FIRST]),
    ("李小龍李小龍", "", "小龍", "李", &[SHORT]),
    ("short", "", "", "", &[SHORT]),
    ("1234567", "", "", "", &[SHORT, COMMON, NUMERIC]),
    ("12345678", "", "", "", &[COMMON, NUMERIC]),
    ("password", "", "", "", &[COMMON]),
    ("PASSWORD", " ", "", "", &[COMMON]),
    ("  password  ", "", "", "", &[COMMON]),
    ("Password1", "", "", "", &[COMMON]),
    ("p@ssw0rd", "", "", "", &[COMMON]),
    ("qwertyuiop", "", "", "", &[COMMON]),
    ("1q2w3e4r5t", "", "", "", &[COMMON]),
    ("letmein", "", "", "", &[SHORT, COMMON]),
    ("iloveyou", "", "", "", &[COMMON]),
    ("trustno1", "", "", "", &[COMMON]),
    ("48151623421", "", "", "", &[NUMERIC]),
    ("3141592653589793238", "", "", "", &[NUMERIC]),
    ("314159265358979323a", "", "", "", &[]),
    ("٠١٢٣٤٥٦٧", "", "", "", &[NUMERIC]),
    ("²³¹²³¹²³", "", "", "", &[NUMERIC]),
    ("12345 678", "", "", "", &[]),
    ("-12345678", "", "", "", &[]),
    ("ééééééé", "", "", "", &[SHORT]),
    ("éééééééé", "", "", "", &[]),
    ("🐎🐎🐎🐎🐎🐎🐎", "", "", "", &[SHORT]),
    ("🐎🔋📎🧷🐎🔋📎🧷", "", "", "", &[]),
    ("aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a@example.com", "", "", &[]),
    ("aaaaaaaaaa", "a@example.com", "", "", &[COMMON]),
    ("aaaaaaaaa", "a@example.com", "", "", &[COMMON]),
    ("example.org", "ada@example.org", "Org", "Example", &[SIMILAR_LAST]),
    ("password", "password@example.com", "Password", "Password", &[SIMILAR_FIRST, COMMON]),
    ("        ", "", "", "", &[]),
    ("\u{9}password\u{1f}", "", "", "", &[COMMON]),
];

fn messages(password: &str, email: &str, first_name: &str, last_name: &str) -> Vec<String> {
    let attributes = UserAttributes {
        username: "",
        email,
        first_name,
        last_name,
    };
    validate(password, &attributes)
}

#[test]
fn messages_are_djangos_in_djangos_order() {
    let mut different = Vec::new();
    for (password, email, first, last, wanted) in DJANGO {
        let got = messages(password, email, first, last);
        let common_here = COMMON_HERE.contains(password).then_some(&COMMON);
        let wanted: Vec<_> = wanted.iter().chain(common_here).copied().collect();
        if got != wanted {
            different.push(format!(
                "{password:?} of {email:?}, {first:?}, {last:?}: {got:?}, not {wanted:?}"
            ));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn a_long_password_is_not_similar_to_a_short_name() {
    // Django does not compare texts of so different lengths either.
    let long = "a".repeat(4000);
    assert!(messages(&long, "a@example.com", "A", "").is_empty());
}

#[test]
fn a_common_password_with_capitals_is_found_unchanged() {
    assert_eq!(messages("Abenteuer", "", "", ""), [COMMON]);
}
