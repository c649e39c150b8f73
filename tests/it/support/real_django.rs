//! Databases that a real Django (`script/peers/django`) has written.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde::Deserialize;

use super::database::TestDatabase;
use super::django::Django;
use super::program::Program;

/// What a real Django has written.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RealDjango {
    pub(crate) users: Vec<RealUser>,
    pub(crate) blacklisted: Vec<RealToken>,
    /// Ids of refresh tokens that are not blacklisted.
    pub(crate) good: Vec<String>,
    /// The tokens themselves.
    pub(crate) tokens: Vec<String>,
    pub(crate) people: RealPeople,
}

/// The users of a real Django in tables of its applications.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RealPeople {
    /// With UUIDs as keys.
    pub(crate) customers: Vec<KeyedUser>,
    /// With texts as keys.
    pub(crate) authors: Vec<KeyedUser>,
}

/// A user of a real Django whose key is no integer, with tokens of simplejwt.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct KeyedUser {
    pub(crate) key: String,
    pub(crate) email: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// A user of a real Django, with the password in plain text.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RealUser {
    pub(crate) id: i64,
    pub(crate) email: String,
    pub(crate) password: Option<String>,
    pub(crate) hash: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) is_active: bool,
    pub(crate) is_staff: bool,
    pub(crate) is_superuser: bool,
    pub(crate) date_joined: String,
    pub(crate) last_login: Option<String>,
}

/// A blacklisted token of a real Django.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RealToken {
    pub(crate) jti: String,
    pub(crate) user_id: i64,
    pub(crate) expires_at: String,
    pub(crate) revoked_at: String,
}

impl RealDjango {
    /// A database that a real Django made, on the backend of this run, and what is in it. One Django
    /// process makes the database of a run; each test gets a copy.
    pub(crate) fn on_this_runs_backend() -> (Django, Self) {
        if !TestDatabase::is_postgres_run() {
            return Self::on_sqlite();
        }
        static MADE: OnceLock<RealDjango> = OnceLock::new();
        let database = TestDatabase::filled_on_postgres(|url| {
            MADE.get_or_init(|| fill(url, false));
        });
        let made = MADE.get().expect("the template is filled").clone();
        (Django::without_tables(database), made)
    }

    /// The same on SQLite, whatever the backend of this run is.
    pub(crate) fn on_sqlite() -> (Django, Self) {
        static MADE: OnceLock<(Vec<u8>, RealDjango)> = OnceLock::new();
        let (content, made) = MADE.get_or_init(|| {
            let database = TestDatabase::sqlite();
            // Once is enough: the hashers do not depend on the database.
            let made = fill(database.url(), !TestDatabase::is_postgres_run());
            let content = std::fs::read(database.sqlite_path()).expect("Django's file");
            (content, made)
        });
        let database = TestDatabase::sqlite_copy(content);
        (Django::without_tables(database), made.clone())
    }
}

/// A real Django on SQLite, and a migrated database of vestibule with its users, for comparisons of the two.
/// Users with dear hashes are left out: every refusal of a password takes as long as the dearest hash.
pub(crate) fn django_and_vestibule() -> (Django, RealDjango, TestDatabase) {
    let (django, mut made) = RealDjango::on_sqlite();
    let dear = ["default.", "argon2", "scrypt"];
    for start in dear {
        django.run(&format!(
            "DELETE FROM auth_user WHERE email LIKE '{start}%'"
        ));
    }
    let is_dear = |email: &str| dear.iter().any(|start| email.starts_with(start));
    made.users.retain(|user| !is_dear(&user.email));
    let ours = TestDatabase::migrated_sqlite();
    let import = Program::new(&["import-django", "--from", django.url()]);
    import.env("DATABASE_URL", ours.url()).run().exits_with(0);
    (django, made, ours)
}

/// What `manage.py dumpdata` of a real Django writes of this database, with these options.
pub(crate) fn dumpdata(django: &Django, options: &[&str]) -> Vec<u8> {
    let output = python(django.url())
        .args(["manage.py", "dumpdata"])
        .args(options)
        .output();
    successful(output)
}

/// What a real Django with django-allauth and django-otp has written.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RealAllauth {
    /// The secrets of authenticator apps in base32, by the user's email.
    pub(crate) secrets: BTreeMap<String, String>,
}

impl RealAllauth {
    /// A database that a real Django made with `make_allauth.py`, on the backend of this run.
    pub(crate) fn on_this_runs_backend() -> (Django, Self) {
        let database = TestDatabase::new();
        let output = python(database.url()).arg("make_allauth.py").output();
        let made = serde_json::from_slice(&successful(output)).expect("JSON of what was made");
        (Django::without_tables(database), made)
    }
}

/// Lets a real Django migrate this database and fill it. Its password hashes have cheap parameters; with
/// `default_hashes`, further users have hashes with the parameters that Django has by default.
fn fill(url: &str, default_hashes: bool) -> RealDjango {
    let output = python(url)
        .arg("make_users.py")
        .env("DEFAULT_HASHES", if default_hashes { "1" } else { "0" })
        .output();
    serde_json::from_slice(&successful(output)).expect("JSON of what was made")
}

/// Django's Python, in its project and with its settings.
fn python(url: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("script/peers/django");
    let python = folder.join(".venv/bin/python");
    assert!(
        python.exists(),
        "no {}: run `script/test tools`",
        python.display()
    );
    let mut command = Command::new(python);
    command
        .current_dir(&folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SECRET_KEY", super::app::SECRET_KEY)
        .env("DATABASE_URL", url)
        .env("CHEAP_HASHES", "1");
    command
}

fn successful(output: std::io::Result<Output>) -> Vec<u8> {
    let output = output.expect("Python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "Django failed: {said}");
    output.stdout
}
