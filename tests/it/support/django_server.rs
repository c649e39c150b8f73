//! Runs a real Django server: `script/peers/django` on a free port.

use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::app::{SECRET_KEY, Visitor};
use super::django::Django;
use super::peer::Peer;
use super::site::free_port;

/// A running Django server. It is stopped when this is dropped.
pub(crate) struct DjangoServer {
    url: String,
    _peer: Peer,
    _folder: TempDir,
}

impl DjangoServer {
    /// Serves this database with the tests' `SECRET_KEY`.
    pub(crate) async fn start(django: &Django, rotate: bool) -> Self {
        Self::start_with(django, rotate, "LOGIN_FIELD=email").await
    }

    /// The same with a further variable of the project's settings.
    pub(crate) async fn start_with(django: &Django, rotate: bool, variable: &str) -> Self {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("script/peers/django");
        let python = project.join(".venv/bin/python");
        let manage = project.join("manage.py");
        let port = free_port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let arguments = [
            format!("SECRET_KEY={SECRET_KEY}"),
            format!("DATABASE_URL={}", django.url()),
            format!("ROTATE={}", u8::from(rotate)),
            "CHEAP_HASHES=1".to_owned(),
            variable.to_owned(),
            "PYTHONDONTWRITEBYTECODE=1".to_owned(),
            python.display().to_string(),
            "-u".to_owned(),
            manage.display().to_string(),
            "runserver".to_owned(),
            "--noreload".to_owned(),
            format!("127.0.0.1:{port}"),
        ];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut peer = Peer::start("django", Path::new("env"), &arguments, folder.path());
        let starts = |line: &str| {
            line.starts_with("Starting development server")
                .then_some(())
        };
        peer.wait_for(starts).await;
        // Django prints the line shortly before it listens.
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self {
            url: format!("http://127.0.0.1:{port}"),
            _peer: peer,
            _folder: folder,
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A client without cookies.
    pub(crate) fn visitor(&self) -> Visitor {
        Visitor::new(&self.url)
    }
}
