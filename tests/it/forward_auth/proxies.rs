//! The examples of docs/forward-auth.md in real proxies.

use std::time::Duration;

use reqwest::header::SET_COOKIE;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::site::{BOTH, ProxiedSite, ProxyKind, examples};
use super::{OLIVE, header};
use crate::organization::{ORCHARDS, TANDEM, TWYLA, switch};
use crate::support::api::PASSWORD;
use crate::support::app::{TestApp, location};
use crate::support::client::HOSTS;
use crate::support::raw;

const PAGE: (&str, &str) = ("accept", "text/html");

/// Signs Twyla, who is in two organisations, in to this one.
async fn sign_in_to(site: &ProxiedSite, organization: &str) {
    let id = site.app.organization(organization);
    let target = format!("/auth/login?provider=authkit&organization_id={id}");
    let authorize = site.proxy.start_login(&target).await;
    let callback = site.proxy.authorize(&authorize, TWYLA).await;
    let answer = site.proxy.get(callback.as_str()).await;
    assert_eq!(answer.status(), StatusCode::FOUND);
}

/// What the proxy answers if vestibule answers 503: nginx has 500 for whatever is not 2xx, 401 or 403.
fn unavailable(kind: ProxyKind) -> StatusCode {
    match kind {
        ProxyKind::Nginx => StatusCode::INTERNAL_SERVER_ERROR,
        ProxyKind::Caddy => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[tokio::test]
async fn the_application_learns_who_the_user_is_and_clients_cannot_say_so() {
    for kind in BOTH {
        let site = ProxiedSite::start(kind, TestApp::builder()).await;
        site.app.workos().set_permissions("admin", &["posts:read"]);
        sign_in_to(&site, ORCHARDS).await;
        let cookies = site.proxy.cookies("/");
        let page = site.get(&cookies, &[PAGE]).await;
        assert_eq!(page.status(), StatusCode::OK, "{kind:?}");
        let page = page.text().await.unwrap();
        for shown in ["Hello, Twyla", "<dd>admin</dd>", "<dd>posts:read</dd>"] {
            assert!(page.contains(shown), "{kind:?}: {shown}: {page}");
        }
        let forged = [("X-Auth-Name", "Mallory"), ("X-Auth-Token", "a.b.c")];
        let page = site.get(&cookies, &forged).await.text().await.unwrap();
        assert!(page.contains("Hello, Twyla"), "{kind:?}: {page}");
        // Not signed in: a page, a script, and a client that claims to be somebody.
        for headers in [PAGE, ("accept", "application/xml, TEXT/HTML;q=0.9")] {
            let answer = site.get("", &[headers]).await;
            assert_eq!(answer.status(), StatusCode::FOUND, "{kind:?}");
            let next = "/auth/login?next=%2Freports%3Fyear%3D2026";
            assert!(location(&answer).ends_with(next), "{}", location(&answer));
        }
        for headers in [&[][..], &forged] {
            let answer = site.get("", headers).await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{kind:?}");
        }
        // vestibule's own pages pass through, and so does a switch of the organisation.
        let account = site.proxy.get_with_cookies("/account", &cookies).await;
        assert_eq!(account.status(), StatusCode::OK, "{kind:?}");
        let switched = switch(&site.app, &site.proxy, TANDEM).await;
        assert_eq!(switched.status(), StatusCode::FOUND, "{kind:?}");
        for cookies in [&cookies, &site.proxy.cookies("/")] {
            let page = site.get(cookies, &[PAGE]).await.text().await.unwrap();
            assert!(page.contains("<dd>member</dd>"), "{kind:?}: {page}");
            assert!(!page.contains("posts:read"), "{kind:?}: {page}");
        }
        let logged_out = site.proxy.post("/auth/logout").await;
        let status = logged_out.status();
        let body = logged_out.text().await.unwrap();
        assert_eq!(status, StatusCode::FOUND, "{kind:?}: {body}");
        let answer = site.get(&cookies, &[]).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{kind:?}");
    }
}

#[tokio::test]
async fn a_sign_in_returns_to_an_application_on_another_host() {
    for kind in BOTH {
        let builder = TestApp::builder()
            .setting("SESSION_COOKIE_DOMAIN", "site.localhost")
            .setting("LOGIN_REDIRECT_HOSTS", HOSTS[1])
            .setting("TRUSTED_PROXIES", "127.0.0.1");
        let site = ProxiedSite::on_host(kind, HOSTS[0], builder).await;
        let page = site.url.replace(HOSTS[0], HOSTS[1]) + "/reports?year=2026";
        let open = site.proxy.request(Method::GET, &page);
        let answer = open.header(PAGE.0, PAGE.1).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FOUND, "{kind:?}");
        let sign_in = location(&answer);
        let begins = format!("{}/auth/login?next=", site.url);
        assert!(sign_in.starts_with(&begins), "{kind:?}: {sign_in}");
        let authorize = site.proxy.start_login(&sign_in).await;
        let callback = site.proxy.authorize(&authorize, OLIVE).await;
        let answer = site.proxy.get(callback.as_str()).await;
        assert_eq!(location(&answer), page, "{kind:?}");
        let text = site.proxy.page(&page).await;
        assert!(text.contains("Hello, Olive"), "{kind:?}: {text}");
    }
}

#[tokio::test]
async fn a_session_is_renewed_behind_the_proxy() {
    for kind in BOTH {
        let builder = TestApp::builder().setting("SESSION_STALE_GRACE", "60");
        let required = "permission=posts:read";
        let site = ProxiedSite::requiring(kind, required, builder).await;
        let app = &site.app;
        app.workos()
            .set_access_token_lifetime(Duration::from_secs(20));
        app.workos().set_permissions("admin", &["posts:read"]);
        site.proxy.sign_in(OLIVE).await;
        let cookies = site.proxy.cookies("/");
        assert_eq!(site.get(&cookies, &[]).await.status(), StatusCode::OK);
        let both = ["posts:read", "posts:write"];
        app.workos().set_permissions("admin", &both);
        app.advance(20);
        let answer = site.get(&cookies, &[]).await;
        assert_eq!(answer.status(), StatusCode::OK, "{kind:?}");
        // The answer may be one that a shared cache keeps.
        assert_eq!(answer.headers().get(SET_COOKIE), None, "{kind:?}");
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
        assert_eq!(answer.status(), unavailable(kind), "{kind:?}");
        assert_eq!(header(&answer, "x-auth-token"), "");
        app.restore_workos();
        assert_loss_of_permission_and_session(kind, &site).await;
        assert_database_outage(kind, &site).await;
    }
}

/// The proxy requires `posts:read`. The answer is vestibule's behind Caddy, and nginx's own behind nginx.
async fn assert_loss_of_permission_and_session(kind: ProxyKind, site: &ProxiedSite) {
    let app = &site.app;
    site.proxy.sign_in(OLIVE).await;
    let cookies = site.proxy.cookies("/");
    assert_eq!(site.get(&cookies, &[]).await.status(), StatusCode::OK);
    app.workos().set_permissions("admin", &["posts:write"]);
    app.advance(20);
    let script = ("accept", "application/json");
    for (headers, body) in [(PAGE, "the permission"), (script, "permission_denied")] {
        let answer = site.get(&cookies, &[headers]).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{kind:?}");
        let text = answer.text().await.unwrap();
        let of_vestibule = text.contains(body) && text.contains("posts:read");
        assert_eq!(of_vestibule, kind == ProxyKind::Caddy, "{kind:?}: {text}");
        assert!(!text.contains("Hello"), "{kind:?}: {text}");
    }
    app.workos().set_permissions("admin", &["posts:read"]);
    app.advance(20);
    assert_eq!(site.get(&cookies, &[]).await.status(), StatusCode::OK);
    for session in app.sessions() {
        app.workos().revoke_session(&session.workos_sid.unwrap());
    }
    app.advance(20);
    let answer = site.get(&cookies, &[]).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{kind:?}");
    let answer = site.get(&cookies, &[PAGE]).await;
    assert_eq!(answer.status(), StatusCode::FOUND, "{kind:?}");
}

/// Facts in memory are used until the session is due. Who has no session is told so also then.
async fn assert_database_outage(kind: ProxyKind, site: &ProxiedSite) {
    site.proxy.sign_in(OLIVE).await;
    let cookies = site.proxy.cookies("/");
    assert_eq!(site.get(&cookies, &[]).await.status(), StatusCode::OK);
    site.app.hide_session_tables();
    assert_eq!(site.get(&cookies, &[]).await.status(), StatusCode::OK);
    site.app.advance(20);
    let answer = site.get(&cookies, &[PAGE]).await;
    assert_eq!(answer.status(), unavailable(kind), "{kind:?}");
    let answer = site.get("", &[]).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{kind:?}");
}

/// What the application reads of a request with these header lines.
fn read_by_application(site: &ProxiedSite, lines: &str) -> Value {
    let host = site.url.strip_prefix("http://").unwrap();
    let request = format!("GET /reports?year=2026 HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n");
    let answer = raw::ask(&site.url, request.as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn no_spelling_of_a_header_reaches_the_application() {
    for kind in BOTH {
        let site = ProxiedSite::with_echo(kind, |example| example).await;
        // Without a role, so that the answer has empty headers.
        let user = site.app.add_password_user("ada@example.com");
        site.proxy.log_in(&user.email, PASSWORD).await;
        let cookie = format!(
            "Cookie: {}\r\nConnection: close\r\n",
            site.proxy.cookies("/")
        );
        let about_user = |lines: &str| {
            let mut read = read_by_application(&site, lines);
            let read = read.as_object_mut().unwrap();
            // Each request has its own token.
            assert!(
                read.remove("HTTP_X_AUTH_TOKEN")
                    .is_some_and(|token| token != "")
            );
            read.retain(|name, _| name.starts_with("HTTP_X_AUTH"));
            Value::from(read.clone())
        };
        let genuine = about_user(&cookie);
        assert_eq!(genuine["HTTP_X_AUTH_USER_ID"], user.id.to_string());
        let forged = "X-Auth-Role: admin\r\nX_Auth_Role: admin\r\nX-Auth_Role: admin\r\nx_auth-role: admin\r\n\
            X_Auth-User-Id: 1\r\nX-Auth_User_Id: 1\r\nX-Auth-User_Id: 1\r\nX-Auth_Email: boss@example.com\r\n\
            X-AUTH_PERMISSIONS: posts:write\r\nX_AUTH-ORGANIZATION: org_other\r\nX_Auth-Token: a.b.c\r\n";
        assert_eq!(
            about_user(&format!("{cookie}{forged}")),
            genuine,
            "{kind:?}"
        );
        // A proxy removes the headers that the client names here.
        let named = "Connection: x-auth-user-id, X-Auth-Email,X-Auth-Role, X-Auth-Permissions, X-Auth-Token\r\n";
        let both = format!("{cookie}{named}{forged}");
        assert_eq!(about_user(&both), genuine, "{kind:?}");
    }
}

/// The cookies of vestibule, and one of the application.
fn with_all_cookies(session: &str) -> String {
    format!(
        "Cookie: theme=dark; {session}; tofu-web=a.b.c; vestibule_step_0123456789abcdef=x; \
         __Host-vestibule_login_0123456789abcdef=x; vestibule_notice=x\r\nAuthorization: Basic eDp5\r\n\
         Connection: close\r\n"
    )
}

#[tokio::test]
async fn the_application_gets_no_credentials() {
    for kind in BOTH {
        let site = ProxiedSite::with_echo(kind, |example| example).await;
        site.proxy.sign_in(OLIVE).await;
        let read = read_by_application(&site, &with_all_cookies(&site.proxy.cookies("/")));
        for name in ["HTTP_COOKIE", "HTTP_AUTHORIZATION"] {
            assert_eq!(read.get(name), None, "{kind:?}: {read}");
        }
    }
}

#[tokio::test]
async fn the_application_can_get_its_own_cookies() {
    for kind in BOTH {
        let change = |example: String| {
            let (without, with) = match kind {
                ProxyKind::Nginx => (
                    "proxy_set_header Cookie \"\";",
                    "proxy_set_header Cookie \"theme=$cookie_theme; lang=$cookie_lang\";"
                        .to_owned(),
                ),
                ProxyKind::Caddy => ("request_header -Cookie", examples("caddyfile").remove(1)),
            };
            assert!(example.contains(without), "{example}");
            // nginx's is a comment of the example.
            assert!(
                kind == ProxyKind::Caddy || example.contains(&with),
                "{example}"
            );
            example.replace(without, &with)
        };
        let site = ProxiedSite::with_echo(kind, change).await;
        site.proxy.sign_in(OLIVE).await;
        let read = read_by_application(&site, &with_all_cookies(&site.proxy.cookies("/")));
        let cookies = read["HTTP_COOKIE"].as_str().unwrap();
        let mut names = cookies
            .split(';')
            .filter_map(|one| one.trim().split_once('='));
        assert_eq!(names.next(), Some(("theme", "dark")), "{kind:?}");
        assert!(names.all(|(name, _)| name == "lang"), "{kind:?}: {cookies}");
    }
}
