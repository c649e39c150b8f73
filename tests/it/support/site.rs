//! `vestibule runserver` as a process with its own database, and an AuthKit emulator in this process.

use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};

use authkit_emulator::Config;

use super::app::Visitor;
use super::database::TestDatabase;
use super::program::{API_KEY, Program, RunningProgram};

/// Below the range of ephemeral ports.
const FIRST_PORT: u16 = 12_000;
const PORTS: u16 = 8_000;

/// A running server. It is killed when this is dropped.
pub(crate) struct Site {
    /// `http://localhost:PORT`. It is also the `PUBLIC_URL`.
    pub(crate) url: String,
    /// The process.
    pub(crate) program: RunningProgram,
    /// Its AuthKit emulator.
    pub(crate) workos: authkit_emulator::EmulatorHandle,
    database: Option<TestDatabase>,
}

impl Site {
    /// Starts a server with these settings in addition to the default ones.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        Self::on(TestDatabase::migrated(), settings)
    }

    /// The same with a database that has been migrated.
    pub(crate) fn on(database: TestDatabase, settings: &[(&str, &str)]) -> Self {
        Self::with_program(database, settings, |program| program)
    }

    /// The same with these options of `ulimit`, such as `-n 256`.
    pub(crate) fn with_open_files(options: &str, settings: &[(&str, &str)]) -> Self {
        Self::with_program(TestDatabase::migrated(), settings, |program| {
            program.with_open_files(options)
        })
    }

    /// The same with a program that `change` has changed.
    pub(crate) fn with_program(
        database: TestDatabase,
        settings: &[(&str, &str)],
        change: impl FnOnce(Program) -> Program,
    ) -> Self {
        let workos = authkit_emulator::start(Config {
            api_key: API_KEY.to_owned(),
            client_id: "client_made_up".to_owned(),
            ..Config::default()
        });
        let workos = workos.expect("the emulator starts");
        let port = free_port();
        let mut program = Program::with_settings(&["runserver"])
            .env("BIND", &format!("127.0.0.1:{port}"))
            .env("DATABASE_URL", database.url())
            .env("WORKOS_API_BASE_URL", &workos.base_url())
            // All tests share one client address.
            .env("THROTTLE_LOGIN", "off")
            .env("THROTTLE_REFRESH", "off");
        for (name, value) in settings {
            program = program.env(name, value);
        }
        let program = change(program).start();
        program.wait_for_output("vestibule serves");
        Self {
            url: format!("http://localhost:{port}"),
            program,
            workos,
            database: Some(database),
        }
    }

    /// The path of its SQLite file.
    pub(crate) fn database_path(&self) -> &Path {
        let database = self.database.as_ref();
        database.expect("a running server has one").sqlite_path()
    }

    /// A client without cookies.
    pub(crate) fn visitor(&self) -> Visitor {
        Visitor::new(&self.url)
    }

    /// Its `DATABASE_URL`.
    pub(crate) fn database_url(&self) -> String {
        let database = self.database.as_ref().expect("a running site has one");
        database.url().to_owned()
    }

    /// Ends its process with this signal. Returns its AuthKit emulator, which keeps running, and its database.
    pub(crate) fn end(mut self, signal: &str) -> (authkit_emulator::EmulatorHandle, TestDatabase) {
        self.program.signal(signal);
        self.program.wait();
        let database = self.database.take().expect("it is handed on once");
        (self.workos, database)
    }

    /// Its process and its database, for assertions after the server's end.
    pub(crate) fn into_parts(mut self) -> (RunningProgram, TestDatabase) {
        let database = self.database.take().expect("it is handed on once");
        (self.program, database)
    }
}

/// A free port outside the range of ephemeral ports.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % u32::from(PORTS)).unwrap_or_default();
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST_PORT + (own.wrapping_mul(7).wrapping_add(step)) % PORTS;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
