//! Every test gets a database of its own, and its connection can be interrupted.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::support::database::TestDatabase;
use crate::support::forwarder::Forwarder;

#[test]
fn two_tests_get_two_databases() {
    let (first, second) = (TestDatabase::new(), TestDatabase::new());
    assert_ne!(first.url(), second.url());
}

#[test]
fn a_sqlite_file_is_removed_after_its_test() {
    let database = TestDatabase::sqlite();
    let path = database.url().strip_prefix("sqlite:").unwrap().to_owned();
    std::fs::write(&path, "").unwrap();
    drop(database);
    assert!(!std::path::Path::new(&path).exists());
}

/// Answers each byte with the same byte, until the process ends.
fn echo_server() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut byte = [0];
                while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
            });
        }
    });
    address
}

fn echoes(stream: &mut TcpStream) -> bool {
    let mut answer = [0];
    stream.write_all(b"x").is_ok() && stream.read_exact(&mut answer).is_ok() && &answer == b"x"
}

#[test]
fn a_forwarder_can_be_cut_and_restored() {
    let forwarder = Forwarder::start(echo_server());
    let mut stream = TcpStream::connect(forwarder.address()).unwrap();
    assert!(echoes(&mut stream));

    forwarder.cut();
    assert!(!echoes(&mut stream), "an open connection ends");
    let refused = TcpStream::connect(forwarder.address()).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);

    forwarder.restore();
    assert!(echoes(
        &mut TcpStream::connect(forwarder.address()).unwrap()
    ));
}

mod postgres {
    //! These tests check something only if `TEST_DATABASE_URL` is set.

    use diesel::connection::SimpleConnection as _;
    use diesel::{Connection as _, PgConnection};

    use super::TestDatabase;

    fn on_postgres() -> Option<TestDatabase> {
        std::env::var("TEST_DATABASE_URL")
            .ok()
            .map(|_| TestDatabase::new())
    }

    #[test]
    fn a_database_is_dropped_while_connections_to_it_are_open() {
        let Some(database) = on_postgres() else {
            return;
        };
        let url = database.url().to_owned();
        let mut connection = PgConnection::establish(&url).unwrap();
        connection
            .batch_execute("CREATE TABLE seen (id bigint)")
            .unwrap();
        drop(database);
        assert!(connection.batch_execute("SELECT 1").is_err());
        assert!(PgConnection::establish(&url).is_err());
    }

    #[test]
    fn connections_to_a_database_can_be_cut_and_restored() {
        let Some(database) = on_postgres() else {
            return;
        };
        let (forwarder, url) = database.behind_forwarder().unwrap();
        let mut connection = PgConnection::establish(&url).unwrap();
        connection.batch_execute("SELECT 1").unwrap();

        forwarder.cut();
        assert!(connection.batch_execute("SELECT 1").is_err());
        assert!(PgConnection::establish(&url).is_err());

        forwarder.restore();
        PgConnection::establish(&url)
            .unwrap()
            .batch_execute("SELECT 1")
            .unwrap();
    }

    #[test]
    fn a_sqlite_database_has_no_connection_to_cut() {
        assert!(TestDatabase::sqlite().behind_forwarder().is_none());
    }
}
