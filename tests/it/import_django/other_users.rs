//! Dumps with two user models. The fields `user` of Django's applications refer to one of them only.

use diesel::prelude::*;
use serde_json::{Value, json};
use vestibule::db::schema::{account_addresses, identities};

use super::allauth_factors::factors;
use crate::support::app::SECRET_KEY;
use crate::support::django::{ImportTarget, counts};
use crate::support::program::{Program, ProgramOutput};

fn user(model: &str, id: i64, email: &str) -> Value {
    let fields = json!({ "email": email, "password": "!", "last_login": null, "is_active": true });
    json!({ "model": model, "pk": id, "fields": fields })
}

/// What somebody with the key 1 has.
fn related() -> Vec<Value> {
    let app = json!({
        "user": 1, "name": "phone", "confirmed": true, "key": "31".repeat(20), "step": 30, "t0": 0, "digits": 6,
        "tolerance": 1, "drift": 0, "last_t": -1,
    });
    let address = json!({ "user": 1, "email": "boss@work.example", "verified": true });
    let identity = json!({ "user": 1, "provider": "google", "uid": "g-1", "extra_data": {} });
    vec![
        json!({ "model": "account.emailaddress", "pk": 1, "fields": address }),
        json!({ "model": "socialaccount.socialaccount", "pk": 1, "fields": identity }),
        json!({ "model": "otp_totp.totpdevice", "pk": 1, "fields": app }),
    ]
}

fn customers() -> Vec<Value> {
    let emails = [(1, "1@example.com"), (2, "2@example.com")];
    let users = emails.map(|(id, email)| user("shop.customer", id, email));
    users.into()
}

fn import(target: &ImportTarget, objects: &[Value], table: &str) -> ProgramOutput {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.jsonl");
    let lines: Vec<String> = objects.iter().map(Value::to_string).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    let path = path.to_str().unwrap();
    let arguments = ["import-django", "--from", path, "--table", table];
    let program = Program::with_settings(&[&arguments[..], &["--require-totp"]].concat());
    let program = program.env("DATABASE_URL", target.url());
    program.env("SECRET_KEY", SECRET_KEY).run()
}

/// The owners of further addresses, identities and authenticator apps.
fn owners(target: &ImportTarget) -> [Vec<i64>; 3] {
    let addresses = account_addresses::table.select(account_addresses::user_id);
    let links = identities::table.select(identities::user_id);
    [
        target.rows(|conn| addresses.load(conn)),
        target.rows(|conn| links.load(conn)),
        factors(target),
    ]
}

#[test]
fn what_users_of_djangos_own_model_have_is_not_given_to_others() {
    let objects = [
        related(),
        customers(),
        vec![user("auth.user", 1, "boss@example.com")],
    ]
    .concat();
    let target = ImportTarget::new();
    let output = import(&target, &objects, "shop.Customer").exits_with(0);
    assert_eq!(counts(&output, 0), [2, 0, 0, 0]);
    let line = "the dump has auth_user too, to which the fields `user` refer: what these tables have is not imported for \
                shop_customer: account_emailaddress, otp_totp_totpdevice, socialaccount_socialaccount\n";
    let report = format!("{}\n", output.stdout);
    assert!(report.contains(line), "{output:#?}");
    assert_eq!(owners(&target), [const { Vec::<i64>::new() }; 3]);
    // They are those of the users of that model.
    let target = ImportTarget::new();
    let output = import(&target, &objects, "auth.User").exits_with(0);
    assert!(!output.stdout.contains("another model"), "{output:#?}");
    assert_eq!(owners(&target), [[1], [1], [1]]);
}

#[test]
fn it_is_asked_which_of_two_models_the_fields_refer_to() {
    let staff = vec![user("staff.member", 1, "boss@example.com")];
    let objects = [customers(), related(), staff].concat();
    let target = ImportTarget::new();
    let refused = import(&target, &objects, "shop.Customer").exits_with(1);
    refused.reports_one_error(&[
        "several user models, shop_customer and staff_member",
        "account_emailaddress",
        "--exclude",
    ]);
    assert!(target.users().is_empty());
    // A field that is called like the model says whose it is, and so does a dump with one model.
    let without = objects
        .iter()
        .filter(|object| object["model"] != "staff.member");
    let without: Vec<Value> = without.cloned().collect();
    import(&target, &without, "shop.Customer").exits_with(0);
    assert_eq!(owners(&target), [[1], [1], [1]]);
    let mut named = objects;
    for object in &mut named {
        let fields = object["fields"].as_object_mut().unwrap();
        if let Some(user) = fields.remove("user") {
            fields.insert("customer".to_owned(), user);
        }
    }
    let target = ImportTarget::new();
    import(&target, &named, "shop.Customer").exits_with(0);
    assert_eq!(factors(&target), [1]);
}
