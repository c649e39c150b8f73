//! A fresh, empty database for one test, gone when the test ends.
//!
//! `TEST_DATABASE_URL` unset: a SQLite file in a temporary folder. Set to the `postgres://…` URL of
//! a role that may create databases: a PostgreSQL database of its own (feature `postgres`).

use tempfile::TempDir;

/// One test's database. Hold it for as long as the app under test runs.
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
        _scratch: postgres::Scratch,
    },
}

impl TestDatabase {
    /// Makes a database on the backend that this run of the tests is for. It has no tables yet.
    pub(crate) fn new() -> Self {
        match std::env::var("TEST_DATABASE_URL") {
            Ok(admin) => Self::on_postgres(&admin),
            Err(_) => Self::sqlite(),
        }
    }

    /// A SQLite file, whatever this run is for.
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
        let scratch = postgres::Scratch::create(admin);
        Self {
            url: scratch.url(),
            _backend: Backend::Postgres { _scratch: scratch },
        }
    }

    #[cfg(not(feature = "postgres"))]
    fn on_postgres(_admin: &str) -> Self {
        panic!("TEST_DATABASE_URL is set: run the tests with `--features postgres`, or unset it")
    }

    /// What `DATABASE_URL` is to be.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

#[cfg(feature = "postgres")]
pub(crate) mod postgres {
    //! The PostgreSQL half.

    use std::net::{SocketAddr, ToSocketAddrs as _};
    use std::sync::atomic::{AtomicU32, Ordering};

    use diesel::connection::SimpleConnection as _;
    use diesel::{Connection as _, PgConnection};
    use url::Url;

    use super::super::forwarder::Forwarder;
    use super::TestDatabase;

    /// Makes the names unique among the tests of one process.
    static NUMBER: AtomicU32 = AtomicU32::new(0);

    /// A database that is dropped with this.
    pub(super) struct Scratch {
        admin: Url,
        name: String,
    }

    impl Scratch {
        pub(super) fn create(admin: &str) -> Self {
            let admin = Url::parse(admin).expect("TEST_DATABASE_URL is a URL");
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("vestibule_test_{}_{number}", std::process::id());
            // Process ids come again: a run that was killed may have left this name behind.
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

    impl Drop for Scratch {
        fn drop(&mut self) {
            // FORCE ends the connections that a pool of the app under test still holds.
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
        /// A forwarder before this PostgreSQL database, and the URL that leads through it; `None`
        /// on SQLite, which has no connection that could be cut.
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
