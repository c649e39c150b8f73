//! Databases that a real Django (`script/peers/django`) has written.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde::Deserialize;

use super::database::TestDatabase;
use super::database::postgres::make_template;
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
    /// An account, and the hash that a sign-in in Django stores in place of the one in the database.
    pub(crate) rehashed: (i64, String),
    /// An Argon2 hash with 256 MiB of memory.
    pub(crate) large_argon2: String,
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

/// A database that one Django process fills, and what is in it. Each test gets a copy: Django takes seconds
/// to start.
struct Filled<T> {
    /// The name of its template on PostgreSQL.
    name: &'static str,
    fill: fn(&str) -> T,
    sqlite: OnceLock<(Vec<u8>, T)>,
    postgres: OnceLock<(String, T)>,
}

impl<T: Clone> Filled<T> {
    const fn new(name: &'static str, fill: fn(&str) -> T) -> Self {
        Self {
            name,
            fill,
            sqlite: OnceLock::new(),
            postgres: OnceLock::new(),
        }
    }

    fn on_this_runs_backend(&self) -> (Django, T) {
        let Ok(admin) = std::env::var("TEST_DATABASE_URL") else {
            return self.on_sqlite();
        };
        let (template, made) = self.postgres.get_or_init(|| {
            let mut made = None;
            let fill = |url: &str| made = Some((self.fill)(url));
            let template = make_template(&admin, self.name, fill);
            (template, made.expect("the template is filled"))
        });
        let database = TestDatabase::copy_of_template(&admin, template);
        (Django::without_tables(database), made.clone())
    }

    fn on_sqlite(&self) -> (Django, T) {
        let (content, made) = self.sqlite.get_or_init(|| {
            let database = TestDatabase::sqlite();
            let made = (self.fill)(database.url());
            let content = std::fs::read(database.sqlite_path()).expect("Django's file");
            (content, made)
        });
        let database = TestDatabase::sqlite_copy(content);
        (Django::without_tables(database), made.clone())
    }
}

static USERS: Filled<RealDjango> = Filled::new("users", fill_with_users);

impl RealDjango {
    /// A database that a real Django made, on the backend of this run, and what is in it.
    pub(crate) fn on_this_runs_backend() -> (Django, Self) {
        USERS.on_this_runs_backend()
    }

    /// The same on SQLite, whatever the backend of this run is.
    pub(crate) fn on_sqlite() -> (Django, Self) {
        USERS.on_sqlite()
    }
}

/// A real Django on SQLite, and a migrated database of vestibule with its users, for comparisons of the two.
/// Users with dear hashes are left out: every refusal of a password takes as long as the dearest hash. So is the one
/// whose email is compared otherwise than in Django.
pub(crate) fn django_and_vestibule() -> (Django, RealDjango, TestDatabase) {
    let (django, mut made) = RealDjango::on_sqlite();
    let dear = ["default.", "argon2", "scrypt", "Zoe"];
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

static ALLAUTH: Filled<RealAllauth> = Filled::new("allauth", fill_with_allauth);

impl RealAllauth {
    /// A database that a real Django made with `make_allauth.py`, on the backend of this run.
    pub(crate) fn on_this_runs_backend() -> (Django, Self) {
        ALLAUTH.on_this_runs_backend()
    }
}

fn fill_with_allauth(url: &str) -> RealAllauth {
    let output = python(url).arg("make_allauth.py").output();
    serde_json::from_slice(&successful(output)).expect("JSON of what was made")
}

/// Lets a real Django migrate this database and fill it. Its password hashes have cheap parameters. Once, in
/// the run on SQLite, further users have hashes with the parameters that Django has by default: the hashers
/// do not depend on the database.
fn fill_with_users(url: &str) -> RealDjango {
    let default_hashes = !TestDatabase::is_postgres_run();
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
