//! A new, empty database for each test, removed when the test ends.
//!
//! If `TEST_DATABASE_URL` is unset, it is a SQLite file in a temporary folder. If it is the
//! `postgres://…` URL of a role that may create databases, it is a PostgreSQL database (feature
//! `postgres`).

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::OnceLock;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use tempfile::TempDir;
use vestibule::db::Database;
use vestibule::settings::{DatabaseSettings, Source};

/// The database of one test. Keep it while the app under test runs.
pub(crate) struct TestDatabase {
    url: String,
    backend: Backend,
}

enum Backend {
    Sqlite { _folder: TempDir },
    Postgres { scratch: postgres::ScratchDatabase },
}

impl TestDatabase {
    /// Makes a database without tables, on the backend that `TEST_DATABASE_URL` selects.
    pub(crate) fn new() -> Self {
        match std::env::var("TEST_DATABASE_URL") {
            Ok(admin) => Self::on_postgres(&admin),
            Err(_) => Self::sqlite(),
        }
    }

    /// Whether `TEST_DATABASE_URL` selects PostgreSQL.
    pub(crate) fn is_postgres_run() -> bool {
        std::env::var_os("TEST_DATABASE_URL").is_some()
    }

    /// Makes a database with all migrations applied. It is a copy of a template that is migrated once
    /// per process.
    pub(crate) fn migrated() -> Self {
        match std::env::var("TEST_DATABASE_URL") {
            Ok(admin) => Self::migrated_on_postgres(&admin),
            Err(_) => Self::migrated_sqlite(),
        }
    }

    /// Makes a SQLite file with all migrations applied, whatever `TEST_DATABASE_URL` is.
    pub(crate) fn migrated_sqlite() -> Self {
        static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
        let template = TEMPLATE.get_or_init(|| {
            let database = Self::sqlite();
            migrate(&database.url);
            let copy = database.sqlite_path().with_extension("template");
            SqliteConnection::establish(&database.sqlite_path().to_string_lossy())
                .expect("a SQLite file")
                .batch_execute(&format!("VACUUM INTO '{}'", copy.display()))
                .expect("a copy of the file");
            std::fs::read(copy).expect("the copy")
        });
        Self::sqlite_copy(template)
    }

    /// Makes a SQLite file with this content.
    pub(crate) fn sqlite_copy(content: &[u8]) -> Self {
        let database = Self::sqlite();
        let mut file = std::fs::OpenOptions::new();
        // `check` warns of files that others may read.
        file.write(true).create_new(true).mode(0o600);
        let mut file = file.open(database.sqlite_path()).expect("a SQLite file");
        file.write_all(content).expect("a SQLite file");
        database
    }

    /// The path of the SQLite file.
    pub(crate) fn sqlite_path(&self) -> &Path {
        Path::new(self.url.strip_prefix("sqlite:").expect("a SQLite URL"))
    }

    /// Makes a SQLite file, whatever `TEST_DATABASE_URL` is.
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("test.sqlite3").display());
        Self {
            url,
            backend: Backend::Sqlite { _folder: folder },
        }
    }

    fn on_postgres(admin: &str) -> Self {
        let scratch = postgres::ScratchDatabase::create(admin);
        Self {
            url: scratch.url(),
            backend: Backend::Postgres { scratch },
        }
    }

    fn migrated_on_postgres(admin: &str) -> Self {
        let scratch = postgres::ScratchDatabase::create_migrated(admin);
        Self {
            url: scratch.url(),
            backend: Backend::Postgres { scratch },
        }
    }

    /// Makes a copy of a template on PostgreSQL.
    pub(crate) fn copy_of_template(admin: &str, template: &str) -> Self {
        let scratch = postgres::ScratchDatabase::create_from(admin, template);
        Self {
            url: scratch.url(),
            backend: Backend::Postgres { scratch },
        }
    }

    /// Makes a copy of the present state, a backup. The app under test may be running; on PostgreSQL its
    /// connections are closed.
    pub(crate) fn backup(&self) -> Self {
        match &self.backend {
            Backend::Postgres { scratch } => {
                let scratch = scratch.copy();
                Self {
                    url: scratch.url(),
                    backend: Backend::Postgres { scratch },
                }
            }
            Backend::Sqlite { .. } => {
                let file = self.sqlite_path().with_extension("backup");
                SqliteConnection::establish(&self.sqlite_path().to_string_lossy())
                    .expect("a SQLite file")
                    .batch_execute(&format!("VACUUM INTO '{}'", file.display()))
                    .expect("a copy of the file");
                Self::sqlite_copy(&std::fs::read(file).expect("the copy"))
            }
        }
    }

    /// The value for `DATABASE_URL`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

fn migrate(url: &str) {
    let source = Source::from_pairs([("DATABASE_URL", url)]);
    let settings = DatabaseSettings::from_source(&source).expect("settings");
    let database = Database::open_or_create(&settings).expect("a database");
    let mut migrations = database.migrations().expect("a connection");
    while migrations.apply_next().expect("a migration").is_some() {}
}

pub(crate) mod postgres {
    //! PostgreSQL databases.

    use std::net::{SocketAddr, ToSocketAddrs as _};
    use std::path::Path;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use diesel::connection::SimpleConnection as _;
    use diesel::prelude::*;
    use diesel::sql_types::Text;
    use url::Url;

    use super::super::forwarder::Forwarder;
    use super::{TestDatabase, migrate};

    /// A template's name begins with this prefix and the id of the process that made it.
    const TEMPLATE_PREFIX: &str = "vestibule_template_";

    /// Makes the databases' names unique within this process.
    static NUMBER: AtomicU32 = AtomicU32::new(0);

    /// A database that is deleted when this is dropped.
    pub(super) struct ScratchDatabase {
        admin: Url,
        name: String,
    }

    impl ScratchDatabase {
        pub(super) fn create(admin: &str) -> Self {
            Self::create_from(admin, "template1")
        }

        /// Copies the migrated template, which the first call makes.
        pub(super) fn create_migrated(admin: &str) -> Self {
            static TEMPLATE: OnceLock<String> = OnceLock::new();
            let template = TEMPLATE.get_or_init(|| make_template(admin, "migrated", migrate));
            Self::create_from(admin, template)
        }

        pub(super) fn create_from(admin: &str, template: &str) -> Self {
            let admin = Url::parse(admin).expect("TEST_DATABASE_URL is a URL");
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("vestibule_test_{}_{number}", std::process::id());
            create_database(&admin, &name, template);
            Self { admin, name }
        }

        /// Copies this database. Only one without connections can be copied.
        pub(super) fn copy(&self) -> Self {
            let admin = self.admin.as_str();
            let name = &self.name;
            execute(
                &self.admin,
                &format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"),
            );
            execute(
                &self.admin,
                &format!(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'"
                ),
            );
            let copy = Self::create_from(admin, name);
            execute(
                &self.admin,
                &format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true"),
            );
            copy
        }

        pub(super) fn url(&self) -> String {
            let mut url = self.admin.clone();
            url.set_path(&self.name);
            url.into()
        }
    }

    impl Drop for ScratchDatabase {
        fn drop(&mut self) {
            // FORCE closes connections that a pool of the app under test still holds.
            execute(
                &self.admin,
                &format!("DROP DATABASE {} WITH (FORCE)", self.name),
            );
        }
    }

    fn create_database(admin: &Url, name: &str, template: &str) {
        // Process ids are reused: a killed run may have left a database of this name behind.
        execute(
            admin,
            &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        );
        execute(
            admin,
            &format!("CREATE DATABASE {name} TEMPLATE {template}"),
        );
    }

    /// Makes a template of this process and returns its full name. Nothing runs at a process's end, so it is left
    /// behind for the next run, which deletes the templates of processes that have ended.
    pub(crate) fn make_template(admin: &str, name: &str, fill: impl FnOnce(&str)) -> String {
        let mut url = Url::parse(admin).expect("TEST_DATABASE_URL is a URL");
        let name = format!("{TEMPLATE_PREFIX}{}_{name}", std::process::id());
        drop_old_templates(&url);
        create_database(&url, &name, "template1");
        let admin = url.clone();
        url.set_path(&name);
        fill(url.as_str());
        // A database with connections cannot be copied, and the pool may close its own late.
        execute(
            &admin,
            &format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"),
        );
        execute(
            &admin,
            &format!(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'"
            ),
        );
        name
    }

    fn drop_old_templates(admin: &Url) {
        #[derive(QueryableByName)]
        struct Template {
            #[diesel(sql_type = Text)]
            name: String,
        }
        let mut connection =
            PgConnection::establish(admin.as_str()).expect("TEST_DATABASE_URL is reachable");
        let query = format!(
            "SELECT datname::text AS name FROM pg_database WHERE starts_with(datname, '{TEMPLATE_PREFIX}')"
        );
        let templates: Vec<Template> = diesel::sql_query(query)
            .load(&mut connection)
            .expect("the databases can be listed");
        for Template { name } in templates {
            let process = &name[TEMPLATE_PREFIX.len()..];
            let process = process.split('_').next().unwrap_or(process);
            if !Path::new("/proc").join(process).exists() {
                execute(
                    admin,
                    &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                );
            }
        }
    }

    fn execute(admin: &Url, statement: &str) {
        PgConnection::establish(admin.as_str())
            .expect("TEST_DATABASE_URL is reachable")
            .batch_execute(statement)
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    impl TestDatabase {
        /// A forwarder to this PostgreSQL database and the URL that goes through it. `None` on SQLite,
        /// which has no connection to cut.
        pub(crate) fn behind_forwarder(&self) -> Option<(Forwarder, String)> {
            let mut url = Url::parse(self.url()).expect("a URL");
            if url.scheme() == "sqlite" {
                return None;
            }
            let forwarder = Forwarder::start(address_of(&url));
            url.set_ip_host(forwarder.address().ip())
                .expect("a host that can be set");
            url.set_port(Some(forwarder.address().port()))
                .expect("a port that can be set");
            Some((forwarder, url.into()))
        }
    }

    fn address_of(url: &Url) -> SocketAddr {
        let host = url.host_str().expect("TEST_DATABASE_URL names a host");
        (host.trim_matches(['[', ']']), url.port().unwrap_or(5432))
            .to_socket_addrs()
            .ok()
            .and_then(|mut addresses| addresses.next())
            .expect("the host of TEST_DATABASE_URL has an address")
    }
}
