use super::*;
use crate::settings::Source;

const KEY: &str = "a-key-for-tests-only-with-more-than-fifty-characters-in-it";

fn read(extra: &[(&str, &str)]) -> Settings {
    let base = [
        ("WORKOS_API_KEY", "sk_live_1"),
        ("WORKOS_CLIENT_ID", "client_1"),
        ("SECRET_KEY", KEY),
    ];
    Settings::read(&Source::from_pairs(
        base.into_iter().chain(extra.iter().copied()),
    ))
    .unwrap()
}

fn ids(issues: &[CheckMessage]) -> Vec<&'static str> {
    issues.iter().map(|message| message.id).collect()
}

#[test]
fn valid_settings_have_no_findings() {
    assert_eq!(ids(&settings(&read(&[]))), [""; 0]);
    let sound = [
        ("PUBLIC_URL", "https://app.example.com"),
        ("TRUSTED_PROXIES", "10.0.0.1"),
    ];
    assert_eq!(ids(&deployment(&read(&sound))), ["workos.I001"]);
    assert_eq!(
        CheckReport::new(Vec::new(), &[]).to_string(),
        "System check identified no issues (0 silenced)."
    );
}

#[test]
fn a_redirect_uri_must_be_on_public_url() {
    let uri = [(
        "WORKOS_REDIRECT_URI",
        "https://elsewhere.example/auth/callback",
    )];
    assert_eq!(ids(&settings(&read(&uri))), ["workos.E001"]);
    let uri = [("WORKOS_REDIRECT_URI", "http://localhost:8000/callback")];
    assert_eq!(ids(&settings(&read(&uri))), ["workos.W001"]);
}

#[test]
fn okta_needs_a_redirect_uri() {
    let id = ("OKTA_CLIENT_ID", "made-up");
    let issuer = ("OKTA_ISSUER", "https://acme.okta.com");
    assert_eq!(ids(&settings(&read(&[id, issuer]))), ["oidc.W001"]);
    let uri = ("OKTA_REDIRECT_URIS", "https://app.example.com/in");
    assert_eq!(ids(&settings(&read(&[id, issuer, uri]))), [""; 0]);
}

#[test]
fn a_cookie_with_the_host_prefix_needs_https() {
    assert_eq!(
        ids(&settings(&read(&[(
            "SESSION_COOKIE_NAME",
            "__Host-sessionid"
        )]))),
        ["session.E001"]
    );
}

#[test]
fn each_deployment_warning_is_found() {
    let issues = deployment(&read(&[
        ("SECRET_KEY", "another-short-key-of-at-least-32-bytes"),
        (
            "SECRET_KEY_FALLBACKS",
            "short-but-at-least-thirty-two-bytes",
        ),
        ("ALLOWED_HOSTS", "*"),
    ]));
    let expected = [
        "security.W008",
        "security.W009",
        "security.W025",
        "security.W020",
        "workos.I001",
    ];
    assert_eq!(ids(&issues), expected);
    let issues = deployment(&read(&[
        ("PUBLIC_URL", "https://app.example.com"),
        ("WORKOS_API_KEY", "sk_test_1"),
    ]));
    assert_eq!(ids(&issues), ["workos.W003", "proxy.W001", "workos.I001"]);
    for (name, value, id) in [
        ("TRUSTED_PROXIES", "10.0.0.1,0.0.0.0/0", "proxy.W002"),
        ("TRUSTED_PROXIES", "::/0", "proxy.W002"),
        ("THROTTLE_LOGIN", "off", "api.W003"),
        ("WORKOS_WEBHOOK_SECRET", "changeme", "workos.W004"),
        ("ACCESS_TOKEN_LIFETIME", "86401", "tokens.W003"),
        ("LEEWAY", "301", "tokens.W005"),
        ("SESSION_STALE_GRACE", "86401", "session.W001"),
    ] {
        let found = ids(&deployment(&read(&[(name, value)])));
        assert_eq!(found, ["security.W008", id, "workos.I001"]);
    }
    #[cfg(feature = "postgres")]
    {
        let database = |url| ids(&deployment(&read(&[("DATABASE_URL", url)])));
        let found = database("postgres://u:p@db.example.com/v");
        assert_eq!(found, ["security.W008", "database.W005", "workos.I001"]);
        let found = database("postgres://u:p@db.example.com/v?sslmode=verify-full");
        assert_eq!(found, ["security.W008", "workos.I001"]);
    }
    let day = ("ACCESS_TOKEN_LIFETIME", "86400");
    let found = ids(&deployment(&read(&[day])));
    assert_eq!(found, ["security.W008", "workos.I001"]);
}

#[test]
fn origins_without_https_are_found_if_the_site_has_it() {
    let found = |url, origins| {
        let pairs = [("PUBLIC_URL", url), ("CORS_ALLOWED_ORIGINS", origins)];
        ids(&deployment(&read(&pairs))).contains(&"cors.W001")
    };
    let https = "https://app.example.com";
    assert!(found(
        https,
        "https://spa.example.com,http://spa.example.com"
    ));
    assert!(found(https, "http://192.0.2.1:8080"));
    assert!(!found(https, "https://spa.example.com"));
    assert!(!found(https, "http://localhost:5173,http://127.0.0.1:3000"));
    assert!(!found("http://app.example.com", "http://spa.example.com"));
}

#[test]
fn providers_that_may_link_every_account_are_found() {
    let okta = [
        ("OKTA_CLIENT_ID", "made-up"),
        ("OKTA_ISSUER", "https://acme.okta.com"),
    ];
    let found = |more: &[(&'static str, &'static str)]| {
        let found = ids(&deployment(&read(&[&okta, more].concat())));
        let oidc = found.into_iter().filter(|id| id.starts_with("oidc"));
        oidc.collect::<Vec<_>>()
    };
    assert_eq!(found(&[]), ["oidc.W002", "oidc.W003"]);
    let nonce = ("PROVIDER_REQUIRE_NONCE", "true");
    assert_eq!(found(&[nonce]), ["oidc.W002"]);
    assert!(found(&[nonce, ("OKTA_DOMAINS", "example.com")]).is_empty());
    assert!(found(&[nonce, ("PROVIDER_LINKING", "signed-in")]).is_empty());
    let domains = ("OKTA_DOMAINS", "example.com");
    for (uri, ids) in [
        ("http://spa.example.com/okta", &["oidc.W005"][..]),
        ("http://localhost:5173/okta", &[]),
        ("https://spa.example.com/okta", &[]),
    ] {
        assert_eq!(found(&[nonce, domains, ("OKTA_REDIRECT_URIS", uri)]), ids);
    }
    for domains in ["com", "example.com,co.uk"] {
        let domains = ("OKTA_DOMAINS", domains);
        assert_eq!(found(&[nonce, domains]), ["oidc.W004"]);
    }
}

#[test]
fn a_contradictory_cookie_policy_is_found() {
    let found = |pairs: &[(&'static str, &'static str)]| ids(&settings(&read(pairs)));
    let name = ("AUTH_COOKIE_NAME", "tofu-web");
    let refresh = ("AUTH_COOKIE_REFRESH", "true");
    assert!(found(&[]).is_empty());
    assert!(found(&[name, refresh]).is_empty());
    assert_eq!(found(&[name]), ["api.W001"]);
    assert_eq!(found(&[refresh]), ["api.W002"]);
    assert_eq!(
        found(&[("AUTH_COOKIE_NAME", "sessionid"), refresh]),
        ["api.E001"]
    );
    for other in [
        "vestibule_login_x",
        "vestibule_browser",
        "__Host-vestibule_step_1",
    ] {
        let issues = found(&[("AUTH_COOKIE_NAME", other), refresh]);
        assert!(issues.contains(&"api.E001"), "{other}: {issues:?}");
    }
    let session = ("SESSION_COOKIE_NAME", "tofu-web-refresh");
    assert_eq!(found(&[name, refresh, session]), ["api.E001"]);
    let host = ("AUTH_COOKIE_NAME", "__Host-tofu");
    assert_eq!(found(&[host, refresh]), ["api.E002"]);
    let https = ("PUBLIC_URL", "https://app.example.com");
    assert!(found(&[host, refresh, https]).is_empty());
}

#[test]
fn a_report_has_djangos_format() {
    let message = CheckMessage::new("x.W001", CheckLevel::Warning, "Something.", "Do this.");
    let report = CheckReport::new(vec![message.clone(), message.clone()], &[]);
    assert_eq!(
        report.to_string(),
        "System check identified some issues:\n\nWARNINGS:\n?: (x.W001) Something.\n\tHINT: Do this.\n\n\
         System check identified 1 issue (0 silenced)."
    );
    assert!(report.reaches(CheckLevel::Warning) && !report.reaches(CheckLevel::Error));
    let silenced = CheckReport::new(vec![message], &["x.W001".to_owned(), "y.W001".to_owned()]);
    assert_eq!(
        silenced.to_string(),
        "System check identified no issues (1 silenced)."
    );
    assert!(!silenced.reaches(CheckLevel::Debug) && silenced.issues().is_empty());
}

#[test]
fn allowed_hosts_must_include_the_host_of_public_url() {
    let url = ("PUBLIC_URL", "https://app.example.com");
    let found = |hosts| ids(&settings(&read(&[url, ("ALLOWED_HOSTS", hosts)])));
    for hosts in ["www.example.com", "example.com", "10.0.0.1,www.example.com"] {
        assert_eq!(found(hosts), ["hosts.W001"], "{hosts}");
    }
    for hosts in ["", "*", ".example.com", "www.example.com,App.example.com"] {
        assert_eq!(found(hosts), [""; 0], "{hosts}");
    }
    // On this machine every loopback name is allowed in addition.
    assert_eq!(
        ids(&settings(&read(&[("ALLOWED_HOSTS", "app.example.com")]))),
        [""; 0]
    );
}

#[test]
fn listening_for_other_machines_needs_public_url() {
    let every_address = ("BIND", "0.0.0.0:9000");
    let issues = settings(&read(&[every_address]));
    assert_eq!(ids(&issues), ["hosts.W002"]);
    assert!(issues[0].message.contains("http://localhost:9000"));
    assert!(
        issues[0]
            .hint
            .contains("such as https://app.example.com or http://192.0.2.10:9000")
    );
    for url in ["http://localhost:9000", "https://app.example.com"] {
        assert_eq!(
            ids(&settings(&read(&[every_address, ("PUBLIC_URL", url)]))),
            [""; 0]
        );
    }
    assert_eq!(ids(&settings(&read(&[("BIND", "[::1]:9000")]))), [""; 0]);
}

#[test]
fn a_sentence_ends_with_one_full_stop() {
    assert_eq!(report::sentence("run it"), "Run it.");
    assert_eq!(
        report::sentence("WorkOS refused: Unauthorized."),
        "WorkOS refused: Unauthorized."
    );
    assert_eq!(report::sentence("did you mean it?"), "Did you mean it?");
}

#[test]
fn a_session_cookie_domain_must_be_one_that_browsers_accept() {
    let url = ("PUBLIC_URL", "https://app.example.com");
    for (public_url, domain, expected) in [
        ("https://app.example.com", "example.com", "session.W002"),
        ("https://app.example.com", ".example.com", "session.W002"),
        ("https://app.example.com", "app.example.com", "session.W002"),
        ("http://a.site.localhost", "site.localhost", "session.W002"),
        ("https://app.example.com", "com", "session.E003"),
        ("https://app.example.co.uk", "co.uk", "session.E003"),
        ("https://mine.vercel.app", "vercel.app", "session.E003"),
        ("http://localhost:8000", "localhost", "session.E003"),
        ("http://app.internal", "internal", "session.E003"),
        (
            "https://app.example.com",
            "other.example.com",
            "session.E003",
        ),
        ("https://app.example.com", "ple.com", "session.E003"),
        (
            "https://app.example.com",
            "www.app.example.com",
            "session.E003",
        ),
        ("https://192.0.2.7", "example.com", "session.E003"),
    ] {
        let domain = ("SESSION_COOKIE_DOMAIN", domain);
        let found = settings(&read(&[("PUBLIC_URL", public_url), domain]));
        assert_eq!(ids(&found), [expected], "{domain:?}");
    }
    let domain = ("SESSION_COOKIE_DOMAIN", "example.com");
    for name in ["__Host-sessionid", "__Secure-sessionid"] {
        let found = settings(&read(&[url, domain, ("SESSION_COOKIE_NAME", name)]));
        let is_host = name.starts_with("__Host-");
        let expected = if is_host {
            "session.E003"
        } else {
            "session.W002"
        };
        assert_eq!(ids(&found), [expected], "{name}");
    }
}

#[test]
fn login_redirect_hosts_have_no_public_suffix() {
    let of = |hosts| ids(&settings(&read(&[("LOGIN_REDIRECT_HOSTS", hosts)])));
    assert_eq!(of("app.example.com,.example.com,b.localhost"), [""; 0]);
    for hosts in [".com", "app.example.com,.co.uk", ".vercel.app"] {
        assert_eq!(of(hosts), ["hosts.E001"], "{hosts}");
    }
}

#[test]
fn each_redirect_uri_is_of_an_allowed_host_of_its_own() {
    let base = [
        ("PUBLIC_URL", "https://a.example.com"),
        ("ALLOWED_HOSTS", ".example.com,localhost"),
    ];
    let of = |uris: &'static str| {
        let pairs = [base[0], base[1], ("WORKOS_REDIRECT_URIS", uris)];
        settings(&read(&pairs))
    };
    let good = "https://b.example.com/auth/callback,https://c.example.com/auth/callback/";
    assert_eq!(ids(&of(good)), [""; 0]);
    for (uris, problem) in [
        ("https://b.example.org/auth/callback", "ALLOWED_HOSTS"),
        ("http://b.example.com/auth/callback", "without https"),
        ("http://localhost/auth/callback", "another scheme"),
        ("https://b.example.com/callback", "/auth/callback"),
        ("https://a.example.com/auth/callback", "host of PUBLIC_URL"),
        (
            "https://b.example.com/auth/callback,https://b.example.com:8443/auth/callback",
            "another entry",
        ),
    ] {
        let found = of(uris);
        assert_eq!(ids(&found), ["workos.E004"], "{uris}");
        let text = format!("{} {}", found[0].message, found[0].hint);
        assert!(text.contains(problem), "{text}");
    }
    let sites = [base[0], base[1], ("WORKOS_REDIRECT_URIS", good)];
    let listed = deployment(&read(&sites));
    let dashboard = listed.iter().find(|one| one.id == "workos.I001").unwrap();
    let text = &dashboard.hint;
    for part in [
        "https://c.example.com/auth/callback/",
        "https://b.example.com/",
    ] {
        assert!(text.contains(part), "{text}");
    }
}
