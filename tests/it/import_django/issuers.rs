//! Which of django-allauth's providers an issuer belongs to.

use diesel::prelude::*;
use vestibule::db::schema::identities;

use super::batches::GOOGLE;
use super::items::ALLAUTH;
use crate::support::django::{Django, ImportTarget};

/// Accounts 1 to 3 with identities at two servers that claim to be Google, and at Google.
fn claimed() -> Django {
    let django = Django::new();
    django.run(ALLAUTH);
    for (id, provider, data) in [
        (
            1,
            "customer-idp",
            r#"{"userinfo": {"sub": "g-2"}, "id_token": {"iss": "https://accounts.google.com", "sub": "g-2"}}"#,
        ),
        (2, "google", r#"{"sub": "g-2"}"#),
        (
            3,
            "nextcloud",
            r#"{"iss": "https://accounts.google.com", "sub": "g-3"}"#,
        ),
    ] {
        django.add(id, &format!("{id}@example.com"));
        django.run(&format!(
            "INSERT INTO socialaccount_socialaccount (id, provider, uid, extra_data, user_id) \
             VALUES ({id}, '{provider}', 'x{id}', '{data}', {id})"
        ));
    }
    django
}

fn links(target: &ImportTarget) -> Vec<(String, String, i64)> {
    target.rows(|conn| identities::table.order(identities::subject).load(conn))
}

fn owned(subject: &str, id: i64) -> Vec<(String, String, i64)> {
    vec![(GOOGLE.to_owned(), subject.to_owned(), id)]
}

#[test]
fn a_server_that_claims_to_be_google_takes_no_identity() {
    let (django, target) = (claimed(), ImportTarget::new());
    let output = target.import_with_dry_run(&django, &[]);
    let line = "2 identities at providers of which only their own data says who they are, not imported; if one is this \
                issuer, see --issuer: 1 (customer-idp: https://accounts.google.com), 3 (nextcloud: \
                https://accounts.google.com)\n";
    assert!(output.stdout.contains(line), "{output:#?}");
    assert_eq!(links(&target), owned("g-2", 2));
}

#[test]
fn two_providers_with_one_issuer_are_refused() {
    let (django, target) = (claimed(), ImportTarget::new());
    let google = "customer-idp=https://accounts.google.com/";
    let refused = |options: &[&str], parts: &[&str]| {
        let output = target.program(django.url(), options).run().exits_with(1);
        output.reports_one_error(parts);
        assert!(target.users().is_empty());
    };
    refused(
        &["--issuer", google],
        &["customer-idp and google have one issuer", GOOGLE],
    );
    refused(
        &[
            "--issuer",
            "customer-idp=https://id.example.com",
            "--issuer",
            "nextcloud=https://id.example.com",
        ],
        &["customer-idp and nextcloud have one issuer"],
    );
    // The project's provider for Google has another name, and there is none with the usual one.
    django.run("DELETE FROM socialaccount_socialaccount WHERE provider = 'google'");
    target.import(&django, &["--issuer", google]);
    assert_eq!(links(&target), owned("g-2", 1));
}
