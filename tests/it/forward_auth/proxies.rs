//! The examples of docs/forward-auth.md in real proxies, in front of the example application.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::COOKIE;
use reqwest::{Method, Response, StatusCode};
use tempfile::TempDir;

use super::{OLIVE, header};
use crate::support::app::{SECRET_KEY, TestApp, TestAppBuilder, Visitor, location, set_cookies};
use crate::support::peer::Peer;
use crate::support::readings::becomes_true;
use crate::support::site::free_port;

/// A proxy, and the application behind it.
struct Site {
    app: TestApp,
    proxy: Visitor,
    _peers: [Peer; 2],
    _folder: TempDir,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProxyKind {
    Nginx,
    Caddy,
}

const BOTH: [ProxyKind; 2] = [ProxyKind::Nginx, ProxyKind::Caddy];

/// The first block of code in this language in the document.
fn example(language: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/forward-auth.md");
    let document = fs::read_to_string(path).unwrap();
    let begin = document.find(&format!("```{language}\n")).unwrap();
    let block = &document[begin + language.len() + 4..];
    block[..block.find("```").unwrap()].to_owned()
}

/// nginx is outside of a user's PATH on Debian.
fn program(name: &str) -> PathBuf {
    let at_debian = Path::new("/usr/sbin").join(name);
    match at_debian.exists() {
        true => at_debian,
        false => PathBuf::from(name),
    }
}

impl Site {
    async fn start(kind: ProxyKind, builder: TestAppBuilder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, application_port) = (free_port(), free_port());
        let public_url = format!("http://localhost:{port}");
        let app = builder.setting("PUBLIC_URL", &public_url).start();
        let own_port = app.url.rsplit(':').next().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/forward-auth/app.py");
        let key = format!("SECRET_KEY={SECRET_KEY}");
        let application_port_text = application_port.to_string();
        let arguments = [
            &key,
            "python3",
            script.to_str().unwrap(),
            &application_port_text,
        ];
        let application = Peer::start("application", Path::new("env"), &arguments, folder.path());
        let with_ports = |text: String| {
            text.replace("127.0.0.1:8000", &format!("127.0.0.1:{own_port}"))
                .replace("127.0.0.1:3000", &format!("127.0.0.1:{application_port}"))
        };
        let path = folder.path().join("proxy.conf");
        let proxy = match kind {
            ProxyKind::Nginx => {
                let example = with_ports(example("nginx"));
                let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                    .iter()
                    .map(|name| format!("{name}_temp_path {name};"))
                    .collect();
                let text = format!(
                    "daemon off; pid nginx.pid; error_log stderr; events {{}}\nhttp {{ access_log off; {temporary}\nserver {{ listen 127.0.0.1:{port};\n{example}\n}} }}"
                );
                fs::write(&path, text).unwrap();
                let prefix = folder.path().to_str().unwrap();
                let arguments = ["-p", prefix, "-e", "stderr", "-c", path.to_str().unwrap()];
                Peer::start("nginx", &program("nginx"), &arguments, folder.path())
            }
            ProxyKind::Caddy => {
                let example = with_ports(example("caddyfile"));
                let text = format!(
                    "{{\n\tadmin off\n\tauto_https off\n}}\nhttp://localhost:{port} {{\n\tbind 127.0.0.1\n{example}\n}}\n"
                );
                fs::write(&path, text).unwrap();
                let arguments = [
                    "run",
                    "--adapter",
                    "caddyfile",
                    "--config",
                    path.to_str().unwrap(),
                ];
                Peer::start("caddy", Path::new("caddy"), &arguments, folder.path())
            }
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
            proxy: Visitor::new(&public_url),
            _peers: [proxy, application],
            _folder: folder,
        }
    }

    async fn get(&self, cookies: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.proxy.request(Method::GET, "/reports?year=2026");
        request = request.header(COOKIE, cookies);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }
}

const PAGE: (&str, &str) = ("accept", "text/html");

#[tokio::test]
async fn the_application_learns_who_the_user_is_and_clients_cannot_say_so() {
    for kind in BOTH {
        let site = Site::start(kind, TestApp::builder()).await;
        site.app.workos().set_permissions("admin", &["posts:read"]);
        site.proxy.sign_in(OLIVE).await;
        let cookies = site.proxy.cookies("/");
        let page = site.get(&cookies, &[PAGE]).await;
        assert_eq!(page.status(), StatusCode::OK, "{kind:?}");
        let page = page.text().await.unwrap();
        for shown in ["Hello, Olive", "<dd>admin</dd>", "<dd>posts:read</dd>"] {
            assert!(page.contains(shown), "{kind:?}: {shown}: {page}");
        }
        let forged = [("X-Auth-Name", "Mallory"), ("X-Auth-Token", "a.b.c")];
        let page = site.get(&cookies, &forged).await.text().await.unwrap();
        assert!(page.contains("Hello, Olive"), "{kind:?}: {page}");
        // Not signed in: a page, a script, and a client that claims to be somebody.
        let answer = site.get("", &[PAGE]).await;
        assert_eq!(answer.status(), StatusCode::FOUND, "{kind:?}");
        let next = "/auth/login?next=%2Freports%3Fyear%3D2026";
        assert!(location(&answer).ends_with(next), "{}", location(&answer));
        for headers in [&[][..], &forged] {
            let answer = site.get("", headers).await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{kind:?}");
        }
        // vestibule's own pages pass through.
        let account = site.proxy.get_with_cookies("/account", &cookies).await;
        assert_eq!(account.status(), StatusCode::OK, "{kind:?}");
        let logged_out = site.proxy.post("/auth/logout").await;
        let status = logged_out.status();
        let body = logged_out.text().await.unwrap();
        assert_eq!(status, StatusCode::FOUND, "{kind:?}: {body}");
        let answer = site.get(&cookies, &[]).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{kind:?}");
    }
}

#[tokio::test]
async fn a_session_is_renewed_behind_the_proxy() {
    for kind in BOTH {
        let builder = TestApp::builder().setting("SESSION_STALE_GRACE", "60");
        let site = Site::start(kind, builder).await;
        let app = &site.app;
        app.workos()
            .set_access_token_lifetime(Duration::from_secs(20));
        site.proxy.sign_in(OLIVE).await;
        let cookies = site.proxy.cookies("/");
        assert_eq!(site.get(&cookies, &[]).await.status(), StatusCode::OK);
        app.workos().set_permissions("admin", &["posts:write"]);
        app.advance(20);
        let answer = site.get(&cookies, &[]).await;
        assert_eq!(answer.status(), StatusCode::OK, "{kind:?}");
        let is_renewed = set_cookies(&answer)
            .iter()
            .any(|line| line.starts_with("sessionid="));
        assert_eq!(is_renewed, kind == ProxyKind::Nginx, "{kind:?}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("posts:write"), "{kind:?}: {page}");
        assert_eq!(app.renewals(), 1, "{kind:?}");
        // The old cookie is accepted, without asking WorkOS again.
        assert_eq!(site.get(&cookies, &[]).await.status(), StatusCode::OK);
        assert_eq!(app.renewals(), 1, "{kind:?}");
        // WorkOS away: as before within the grace, then 503.
        app.make_workos_unavailable();
        app.advance(20);
        assert_eq!(site.get(&cookies, &[]).await.status(), StatusCode::OK);
        app.advance(80);
        let answer = site.get(&cookies, &[]).await;
        let expected = match kind {
            // nginx gives 500 for whatever is not 2xx, 401 or 403.
            ProxyKind::Nginx => StatusCode::INTERNAL_SERVER_ERROR,
            ProxyKind::Caddy => StatusCode::SERVICE_UNAVAILABLE,
        };
        assert_eq!(answer.status(), expected, "{kind:?}");
        assert_eq!(header(&answer, "x-auth-token"), "");
    }
}
