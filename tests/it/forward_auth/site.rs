//! An application behind a real proxy with the example of docs/forward-auth.md.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use reqwest::header::COOKIE;
use reqwest::{Method, Response};
use tempfile::TempDir;

use crate::support::app::{TestApp, TestAppBuilder, Visitor};
use crate::support::peer::Peer;
use crate::support::readings::becomes_true;
use crate::support::site::free_port;
use crate::support::tokens::write_private_key;

/// The application of the document.
pub(super) const EXAMPLE: &str = "examples/forward-auth/app.py";
/// Answers the headers that an application reads.
const ECHO: &str = "tests/it/forward_auth/echo.py";
/// The audience of the application.
pub(super) const AUDIENCE: &str = "reports";

/// A proxy, and the application behind it.
pub(super) struct ProxiedSite {
    pub(super) app: TestApp,
    pub(super) proxy: Visitor,
    pub(super) url: String,
    _peers: [Peer; 2],
    _folder: TempDir,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProxyKind {
    Nginx,
    Caddy,
}

pub(super) const BOTH: [ProxyKind; 2] = [ProxyKind::Nginx, ProxyKind::Caddy];

/// A path in the repository.
pub(super) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The blocks of code in this language in the document.
pub(super) fn examples(language: &str) -> Vec<String> {
    let document = fs::read_to_string(repository("docs/forward-auth.md")).unwrap();
    let fence = format!("```{language}\n");
    let blocks = document.split(&fence).skip(1);
    let blocks = blocks.map(|rest| rest[..rest.find("```").unwrap()].to_owned());
    blocks.collect()
}

/// nginx is outside of a user's PATH on Debian.
fn program(name: &str) -> PathBuf {
    let at_debian = Path::new("/usr/sbin").join(name);
    match at_debian.exists() {
        true => at_debian,
        false => PathBuf::from(name),
    }
}

/// Starts an application of the repository on this port.
pub(super) fn start_application(script: &str, port: u16, jwks_url: &str, folder: &Path) -> Peer {
    let script = repository(script);
    let arguments = [
        &format!("JWKS_URL={jwks_url}"),
        &format!("FORWARD_AUTH_AUDIENCE={AUDIENCE}"),
        "python3",
        script.to_str().unwrap(),
        &port.to_string(),
    ];
    Peer::start("application", Path::new("env"), &arguments, folder)
}

impl ProxiedSite {
    /// Starts the application of the document behind the proxy.
    pub(super) async fn start(kind: ProxyKind, builder: TestAppBuilder) -> Self {
        Self::start_with(kind, "localhost", builder, EXAMPLE, |example| example).await
    }

    /// The same with a proxy that lets only users pass who have the rights of this query.
    pub(super) async fn requiring(kind: ProxyKind, query: &str, builder: TestAppBuilder) -> Self {
        let change = |example: String| {
            let line = match kind {
                ProxyKind::Nginx => ("/auth/verify;", format!("/auth/verify?{query};")),
                ProxyKind::Caddy => ("/auth/verify?\n", format!("/auth/verify?{query}\n")),
            };
            assert!(example.contains(line.0), "{example}");
            example.replace(line.0, &line.1)
        };
        Self::start_with(kind, "localhost", builder, EXAMPLE, change).await
    }

    /// The same with vestibule on this host, for applications on other hosts.
    pub(super) async fn on_host(kind: ProxyKind, host: &str, builder: TestAppBuilder) -> Self {
        let change = |example: String| {
            let (path, url) = (
                "proxy_set_header X-Original-URI $request_uri;",
                "proxy_set_header X-Original-URL $scheme://$http_host$request_uri;",
            );
            assert!(kind == ProxyKind::Caddy || example.contains(path));
            example.replace(path, url)
        };
        Self::start_with(kind, host, builder, EXAMPLE, change).await
    }

    /// Starts an application that answers the headers which it reads. `change` changes the proxy's example.
    pub(super) async fn with_echo(kind: ProxyKind, change: impl Fn(String) -> String) -> Self {
        Self::start_with(kind, "localhost", TestApp::builder(), ECHO, change).await
    }

    async fn start_with(
        kind: ProxyKind,
        host: &str,
        builder: TestAppBuilder,
        script: &str,
        change: impl Fn(String) -> String,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, application_port) = (free_port(), free_port());
        let url = format!("http://{host}:{port}");
        let app = builder
            .setting("PUBLIC_URL", &url)
            .setting("JWT_ALGORITHM", "RS256")
            .setting(
                "JWT_SIGNING_KEY",
                &write_private_key(folder.path(), "RS256"),
            )
            .setting("FORWARD_AUTH_AUDIENCE", AUDIENCE)
            .setting("TOKEN_CLAIMS", "org_id,role,permissions,name")
            .start();
        let jwks_url = format!("http://localhost:{port}/.well-known/jwks.json");
        let application = start_application(script, application_port, &jwks_url, folder.path());
        let own_port = app.url.rsplit(':').next().unwrap();
        let with_ports = |text: &str| {
            change(text.to_owned())
                .replace("127.0.0.1:8000", &format!("127.0.0.1:{own_port}"))
                .replace("127.0.0.1:3000", &format!("127.0.0.1:{application_port}"))
        };
        let proxy = match kind {
            ProxyKind::Nginx => start_nginx(port, &with_ports(&examples("nginx")[0]), &folder),
            ProxyKind::Caddy => start_caddy(port, &with_ports(&examples("caddyfile")[0]), &folder),
        };
        let listen = async || {
            let ports = [port, application_port];
            ports
                .iter()
                .all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
        };
        assert!(becomes_true(listen).await, "{kind:?}: {}", proxy.output());
        Self {
            app,
            proxy: Visitor::new(&url),
            url,
            _peers: [proxy, application],
            _folder: folder,
        }
    }

    pub(super) async fn get(&self, cookies: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.proxy.request(Method::GET, "/reports?year=2026");
        request = request.header(COOKIE, cookies);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }
}

fn start_nginx(port: u16, example: &str, folder: &TempDir) -> Peer {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {name};"))
        .collect();
    let text = format!(
        "daemon off; pid nginx.pid; error_log stderr; events {{}}\nhttp {{ access_log off; {temporary}\nserver {{ listen 127.0.0.1:{port};\n{example}\n}} }}"
    );
    let path = folder.path().join("nginx.conf");
    fs::write(&path, text).unwrap();
    let prefix = folder.path().to_str().unwrap();
    let arguments = ["-p", prefix, "-e", "stderr", "-c", path.to_str().unwrap()];
    Peer::start("nginx", &program("nginx"), &arguments, folder.path())
}

fn start_caddy(port: u16, example: &str, folder: &TempDir) -> Peer {
    let text = format!(
        "{{\n\tadmin off\n\tauto_https off\n}}\nhttp://:{port} {{\n\tbind 127.0.0.1\n{example}\n}}\n"
    );
    let path = folder.path().join("Caddyfile");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let arguments = ["run", "--adapter", "caddyfile", "--config", path];
    Peer::start("caddy", Path::new("caddy"), &arguments, folder.path())
}
