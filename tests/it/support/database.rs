//! A new, empty database for each test, removed when the test ends.
//!
//! If `TEST_DATABASE_URL` is unset, it is a SQLite file in a temporary folder. If it is the
//! `postgres://…` URL of a role that may create databases, it is a PostgreSQL database (feature
//! `postgres`).

use tempfile::TempDir;

/// The database of one test. Keep it while the app under test runs.
pub(crate) struct TestDatabase {
    url: String,
    _backend: Backend,
}

enum Backend {
    Sqlite {
        _folder: TempDir,
    },
    #[cfg(feature = "postgres")]
    Postgres {
        _scratch: postgres::ScratchDatabase,
    },
}

impl TestDatabase {
    /// Makes a database without tables, on the backend that `TEST_DATABASE_URL` selects.
    pub(crate) fn new() -> Self {
        match std::env::var("TEST_DATABASE_URL") {
            Ok(admin) => Self::on_postgres(&admin),
            Err(_) => Self::sqlite(),
        }
    }

    /// Makes a SQLite file, whatever `TEST_DATABASE_URL` is.
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("test.sqlite3").display());
        Self {
            url,
            _backend: Backend::Sqlite { _folder: folder },
        }
    }

    #[cfg(feature = "postgres")]
    fn on_postgres(admin: &str) -> Self {
        let scratch = postgres::ScratchDatabase::create(admin);
        Self {
            url: scratch.url(),
            _backend: Backend::Postgres { _scratch: scratch },
        }
    }

    #[cfg(not(feature = "postgres"))]
    fn on_postgres(_admin: &str) -> Self {
        panic!("TEST_DATABASE_URL is set: run the tests with `--features postgres`, or unset it")
    }

    /// The value for `DATABASE_URL`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

#[cfg(feature = "postgres")]
pub(crate) mod postgres {
    //! PostgreSQL databases.

    use std::net::{SocketAddr, ToSocketAddrs as _};
    use std::sync::atomic::{AtomicU32, Ordering};

    use diesel::connection::SimpleConnection as _;
    use diesel::{Connection as _, PgConnection};
    use url::Url;

    use super::super::forwarder::Forwarder;
    use super::TestDatabase;

    /// Makes the databases' names unique within this process.
    static NUMBER: AtomicU32 = AtomicU32::new(0);

    /// A database that is deleted when this is dropped.
    pub(super) struct ScratchDatabase {
        admin: Url,
        name: String,
    }

    impl ScratchDatabase {
        pub(super) fn create(admin: &str) -> Self {
            let admin = Url::parse(admin).expect("TEST_DATABASE_URL is a URL");
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("vestibule_test_{}_{number}", std::process::id());
            // Process ids are reused: a killed run may have left a database of this name behind.
            execute(
                &admin,
                &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            );
            execute(&admin, &format!("CREATE DATABASE {name}"));
            Self { admin, name }
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
