use secrecy::ExposeSecret;

use super::*;

const KEY: &str = "a-key-for-tests-only-with-more-than-fifty-characters-in-it";

fn pairs() -> Vec<(&'static str, &'static str)> {
    vec![
        ("WORKOS_API_KEY", "sk_test_1"),
        ("WORKOS_CLIENT_ID", "client_1"),
        ("SECRET_KEY", KEY),
    ]
}

fn read(extra: &[(&'static str, &'static str)]) -> Result<Settings, SettingsError> {
    Settings::read(&Source::from_pairs(
        pairs().into_iter().chain(extra.iter().copied()),
    ))
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let settings = read(&[]).unwrap();
    assert_eq!(settings.workos.api_base_url, "https://api.workos.com");
    assert_eq!(
        settings.workos.redirect_uri,
        "http://localhost:8000/auth/callback"
    );
    assert_eq!(
        settings.workos.logout_return_to.as_deref(),
        Some("http://localhost:8000/")
    );
    assert!(
        matches!(&settings.database.url, DatabaseUrl::Sqlite(p) if p.as_os_str() == "vestibule.sqlite3")
    );
    assert_eq!(settings.database.pool_size, 10);
    assert_eq!(settings.bind.to_string(), "127.0.0.1:8000");
    assert_eq!(settings.public_url.as_str(), "http://localhost:8000");
    assert_eq!(settings.session_cookie_name, "sessionid");
    assert_eq!(settings.session_cookie_age, TimeDelta::seconds(1_209_600));
    assert_eq!(settings.session_stale_grace, TimeDelta::seconds(3_600));
    assert_eq!(
        settings.workos.jwt_issuers,
        [
            "https://api.workos.com",
            "https://api.workos.com/user_management/client_1"
        ]
    );
    assert_eq!(settings.login_redirect_url, "/");
    assert!(settings.secret_key_fallbacks.is_empty() && settings.trusted_proxies.is_empty());
    assert_eq!(settings.log.format, LogFormat::Text);
    assert_eq!(settings.api.auth_cookie_name, None);
    assert!(!settings.api.auth_cookie_refresh);
    assert_eq!(settings.api.logout_to_signin, "/signin");
    assert_eq!(settings.api.logout_to_login, "/login");
    let rate = |rate: Option<Rate>| rate.map(|rate| (rate.requests.get(), rate.period.as_secs()));
    assert_eq!(rate(settings.api.throttle_login), Some((10, 60)));
    assert_eq!(rate(settings.api.throttle_refresh), Some((60, 60)));
    assert!(
        settings
            .allowed_hosts
            .iter()
            .any(|host| host.allows("127.0.0.1"))
    );
}

#[test]
fn the_claims_of_access_tokens_are_chosen_by_name() {
    let names = |extra: &[_]| {
        let claims = read(extra).unwrap().tokens.application_claims;
        claims
            .into_iter()
            .map(|claim| claim.name().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["org_id", "role", "permissions"]);
    assert_eq!(names(&[("TOKEN_CLAIMS", " ")]), [""; 0]);
    let all = "org_id, role,roles,permissions,entitlements,feature_flags,email,name,groups";
    assert_eq!(
        names(&[("TOKEN_CLAIMS", all)]),
        ApplicationClaim::ALL.map(|claim| claim.name().to_owned())
    );
    let own = [
        ("WORKOS_CLAIMS", "plan,urn:app:seats"),
        ("TOKEN_CLAIMS", "plan,role"),
    ];
    assert_eq!(names(&own), ["plan", "role"]);
    assert_eq!(read(&own).unwrap().workos.claims, ["plan", "urn:app:seats"]);
    for taken in ["org_id", "permissions", "email", "ver", "sub"] {
        let errors = read(&[("WORKOS_CLAIMS", taken)]).unwrap_err().invalid;
        assert!(
            errors[0].to_string().starts_with("WORKOS_CLAIMS: "),
            "{errors:?}"
        );
    }
    for (value, wrong) in [
        ("role,Role", "Role"),
        ("org_id role", "org_id role"),
        ("user_id,role", "user_id"),
    ] {
        let errors = read(&[("TOKEN_CLAIMS", value)]).unwrap_err().invalid;
        assert_eq!(errors.len(), 1, "{errors:?}");
        let error = errors[0].to_string();
        assert!(
            error.starts_with("TOKEN_CLAIMS: ") && error.contains(wrong),
            "{error}"
        );
        for claim in ApplicationClaim::ALL {
            assert!(error.contains(claim.name()), "{error}");
        }
    }
}

#[test]
fn public_url_has_the_port_of_bind_and_is_the_default_of_other_settings() {
    let settings = read(&[("BIND", "0.0.0.0:9000")]).unwrap();
    assert_eq!(settings.public_url.as_str(), "http://localhost:9000");
    let settings = read(&[("PUBLIC_URL", "https://app.example.com/")]).unwrap();
    assert_eq!(
        settings.workos.redirect_uri,
        "https://app.example.com/auth/callback"
    );
    assert!(
        !settings
            .allowed_hosts
            .iter()
            .any(|host| host.allows("localhost"))
    );
}

#[test]
fn an_empty_logout_return_to_is_not_sent() {
    assert_eq!(
        read(&[("WORKOS_LOGOUT_RETURN_TO", "")])
            .unwrap()
            .workos
            .logout_return_to,
        None
    );
}

#[test]
fn lists_are_separated_by_commas() {
    let other = "another-key-for-tests-only-with-fifty-characters-in-it!";
    let both: &'static str = format!("{KEY}, {other},").leak();
    let settings = read(&[
        ("SECRET_KEY_FALLBACKS", both),
        ("TRUSTED_PROXIES", "10.0.0.0/8,::1"),
    ])
    .unwrap();
    assert_eq!(settings.secret_key_fallbacks[1].expose_secret(), other);
    assert_eq!(settings.trusted_proxies.len(), 2);
}

#[test]
fn an_audience_is_no_list_of_python() {
    for (value, count) in [
        ("['web', 'app']", 2),
        ("[\"web\"]", 1),
        ("'web'", 1),
        ("('web',)", 2),
        ("web, app]", 1),
    ] {
        let errors = read(&[("JWT_AUDIENCE", value)]).unwrap_err().invalid;
        assert_eq!(errors.len(), count, "{value}: {errors:?}");
        let error = errors[0].to_string();
        let told = error.starts_with("JWT_AUDIENCE: ") && error.contains("without brackets");
        assert!(told, "{error}");
    }
    let settings = read(&[("JWT_AUDIENCE", "web, https://app.example.com/a?b=c")]).unwrap();
    let audiences = ["web", "https://app.example.com/a?b=c"];
    assert_eq!(settings.tokens.audiences, audiences);
}

#[test]
fn an_error_names_the_setting_its_value_and_what_to_set() {
    for (name, value) in [
        ("WORKOS_CLIENT_ID", "project_1"),
        ("WORKOS_API_BASE_URL", "api.workos.com"),
        ("WORKOS_REDIRECT_URI", "/auth/callback"),
        ("WORKOS_LOGOUT_RETURN_TO", "ftp://x"),
        ("DATABASE_URL", "mysql://h/d"),
        ("DATABASE_POOL_SIZE", "ten"),
        ("DATABASE_POOL_SIZE", "0"),
        ("BIND", "8000"),
        ("PUBLIC_URL", "app.example.com"),
        ("PUBLIC_URL", "https://app.example.com/path"),
        ("ALLOWED_HOSTS", "https://app.example.com"),
        ("SESSION_COOKIE_NAME", "session id"),
        ("SESSION_COOKIE_AGE", "-1"),
        ("SESSION_COOKIE_AGE", "99999999999"),
        ("SESSION_STALE_GRACE", "-1"),
        ("WORKOS_JWT_ISSUERS", "api.workos.com"),
        ("LOGIN_REDIRECT_URL", "//evil.example"),
        ("CORS_ALLOWED_ORIGINS", "*"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
        ("RUST_LOG", "vestibule=loud"),
        ("RUST_LOG", "loud"),
        ("LOG_FORMAT", "xml"),
        ("AUTH_COOKIE_NAME", "tofu web"),
        ("AUTH_COOKIE_REFRESH", "perhaps"),
        ("LOGOUT_TO_SIGNIN", "//evil.example"),
        ("LOGOUT_TO_LOGIN", "login"),
        ("THROTTLE_LOGIN", "10/week"),
        ("THROTTLE_REFRESH", "0/min"),
        ("API_DOCS", "yes"),
    ] {
        let errors = read(&[(name, value)]).unwrap_err().invalid;
        assert_eq!(errors.len(), 1, "{name}={value}: {errors:?}");
        assert_eq!(errors[0].name, name);
        let shown = value.split(':').next().unwrap();
        assert!(errors[0].problem.contains(shown), "{}", errors[0]);
        assert!(errors[0].hint.starts_with("set it to "), "{}", errors[0]);
    }
}

#[test]
fn secrets_are_never_shown() {
    for (name, value) in [
        ("WORKOS_API_KEY", "pk_hidden"),
        ("SECRET_KEY", "hidden"),
        ("SECRET_KEY_FALLBACKS", "hidden"),
        ("DATABASE_URL", "mysql://user:hidden@host/d"),
    ] {
        let error = read(&[(name, value)]).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
        assert!(!error.contains("hidden"), "{error}");
    }
    let shown = format!("{:?}", read(&[]).unwrap());
    assert!(
        !shown.contains(KEY) && !shown.contains("sk_test_1"),
        "{shown}"
    );
}

#[test]
fn all_errors_are_returned_at_once() {
    let errors = Settings::read(&Source::from_pairs([("BIND", "x")]))
        .unwrap_err()
        .invalid;
    let names: Vec<_> = errors.iter().map(|error| error.name).collect();
    assert_eq!(
        names,
        ["BIND", "WORKOS_API_KEY", "WORKOS_CLIENT_ID", "SECRET_KEY"]
    );
}

#[test]
fn public_url_is_the_default_unless_it_is_set() {
    assert!(read(&[]).unwrap().public_url_is_default);
    assert!(read(&[("PUBLIC_URL", " ")]).unwrap().public_url_is_default);
    let same = [("PUBLIC_URL", "http://localhost:8000")];
    assert!(!read(&same).unwrap().public_url_is_default);
}

#[test]
fn a_misspelt_setting_is_found_by_every_reading() {
    let misspelt = ("DATABSE_URL", "sqlite:other.sqlite3");
    let superuser = ("DJANGO_SUPERUSER_PASWORD", "x");
    let settings = read(&[misspelt, superuser]).unwrap();
    let found: Vec<_> = settings.misspelt.iter().map(|found| found.meant).collect();
    assert_eq!(found, ["DATABASE_URL", "DJANGO_SUPERUSER_PASSWORD"]);
    // The setting that is missing is named, and so is the variable that was probably meant to be it.
    let error = Settings::read(&Source::from_pairs([("SECRETKEY", KEY)])).unwrap_err();
    assert_eq!(error.invalid.len(), 3);
    assert_eq!(error.misspelt.len(), 1);
    assert!(!error.misspelt[0].to_string().contains(KEY));
}

#[test]
fn no_setting_is_a_misspelling_of_another() {
    let nothing = Source::default();
    let mut reader = Reader::new(&nothing);
    drop(Settings::with_reader(&mut reader));
    for name in reader.into_names() {
        let one = Source::from_pairs([(name, "x")]);
        assert_eq!(Settings::misspelt_in(&one), [], "{name}");
    }
}

#[test]
fn a_setting_of_django_is_no_setting_here_and_no_misspelling() {
    let nothing = Source::default();
    let mut reader = Reader::new(&nothing);
    drop(Settings::with_reader(&mut reader));
    let known = reader.into_names();
    let names: Vec<_> = django_names::names().collect();
    assert!(names.is_sorted(), "{names:?}");
    for name in names {
        assert!(!known.contains(&name), "{name}");
        let one = Source::from_pairs([(name, "x")]);
        assert_eq!(Settings::misspelt_in(&one), [], "{name}");
        assert!(django_names::find(&[]).is_empty());
        let found = django_names::find(&[name.to_owned()]);
        assert_eq!(found.len(), 1, "{name}");
    }
}

#[test]
fn a_key_file_that_does_not_exist_is_named() {
    let settings = [
        ("JWT_ALGORITHM", "RS256"),
        ("JWT_SIGNING_KEY", "keys/missing.pem"),
        ("JWT_VERIFYING_KEYS", "keys/older.pem"),
    ];
    let error = read(&settings).unwrap_err().to_string();
    for line in [
        "JWT_SIGNING_KEY: the file `keys/missing.pem` does not exist; set it to the path of a PEM file with the private key",
        "JWT_VERIFYING_KEYS: the file `keys/older.pem` does not exist; set it to paths of PEM files between commas",
    ] {
        assert!(error.lines().any(|found| found == line), "{error}");
    }
}

#[test]
fn hosts_and_domains_are_names() {
    let domain = |value| read(&[("SESSION_COOKIE_DOMAIN", value)]);
    for value in ["example.com", ".Example.com"] {
        let read = domain(value).unwrap().session_cookie_domain;
        assert_eq!(read.as_deref(), Some("example.com"));
    }
    assert_eq!(domain("").unwrap().session_cookie_domain, None);
    for bad in [
        "192.0.2.7",
        "[::1]",
        "https://example.com",
        "example.com:443",
        "*.example.com",
        "*",
        "a b",
        "bücher.example",
        "example.com; Secure",
        "user@example.com",
    ] {
        assert!(domain(bad).is_err(), "{bad}");
        if !bad.starts_with(['1', '[']) {
            assert!(read(&[("LOGIN_REDIRECT_HOSTS", bad)]).is_err(), "{bad}");
        }
    }
    for bad in [
        "/auth/callback",
        "ftp://b.example.com/auth/callback",
        "https://u@b.example.com/auth/callback",
    ] {
        assert!(read(&[("WORKOS_REDIRECT_URIS", bad)]).is_err(), "{bad}");
    }
}
