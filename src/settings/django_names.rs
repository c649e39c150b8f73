//! Finds settings of Django that have another name here, or none.

/// A variable that is a setting of Django or of simplejwt, and not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DjangoName {
    /// The variable.
    pub name: &'static str,
    /// What to do instead.
    pub hint: &'static str,
}

const ALWAYS_ON: &str = "It is always on here.";
const BY_HTTPS: &str = "It is on if PUBLIC_URL begins with https://.";
const COOKIES: &str = "Cookies are always HttpOnly and SameSite=Lax.";
const NO_DEBUG: &str = "There is no debug mode; RUST_LOG sets what is logged.";
const NO_SLIDING: &str = "There are no sliding tokens; use refresh tokens.";
const SET_ORIGINS: &str = "List the origins in CORS_ALLOWED_ORIGINS.";

const NAMES: [(&str, &str); 41] = [
    ("ALGORITHM", "Set JWT_ALGORITHM."),
    ("AUDIENCE", "Set JWT_AUDIENCE."),
    ("AUTH_HEADER_NAME", "It is always Authorization here."),
    (
        "AUTH_USER_MODEL",
        "Name its table with `import-django --table`.",
    ),
    ("BLACKLIST_AFTER_ROTATION", ALWAYS_ON),
    ("CHECK_REVOKE_TOKEN", ALWAYS_ON),
    ("CORS_ALLOW_ALL_ORIGINS", SET_ORIGINS),
    ("CORS_ALLOW_CREDENTIALS", ALWAYS_ON),
    (
        "CORS_ALLOW_METHODS",
        "The methods of each route are always allowed.",
    ),
    ("CORS_ORIGIN_ALLOW_ALL", SET_ORIGINS),
    ("CORS_ORIGIN_WHITELIST", SET_ORIGINS),
    (
        "CORS_URLS_REGEX",
        "Other origins may call the routes under API_PREFIX.",
    ),
    ("CSRF_COOKIE_DOMAIN", "There is no such cookie here."),
    ("CSRF_COOKIE_SECURE", "There is no such cookie here."),
    ("CSRF_TRUSTED_ORIGINS", SET_ORIGINS),
    ("DEBUG", NO_DEBUG),
    ("DJANGO_ALLOWED_HOSTS", "Set ALLOWED_HOSTS."),
    ("DJANGO_DEBUG", NO_DEBUG),
    ("DJANGO_SECRET_KEY", "Set SECRET_KEY."),
    (
        "DJANGO_SETTINGS_MODULE",
        "Set each setting in the environment or in .env.",
    ),
    ("ISSUER", "Set JWT_ISSUER."),
    ("JTI_CLAIM", "It is always jti here."),
    (
        "JWK_URL",
        "Only tokens that this site's keys have signed are accepted.",
    ),
    ("REVOKE_TOKEN_CLAIM", "It is always ver here."),
    ("SECURE_HSTS_SECONDS", BY_HTTPS),
    (
        "SECURE_PROXY_SSL_HEADER",
        "Set PUBLIC_URL, whose scheme counts, and TRUSTED_PROXIES.",
    ),
    ("SECURE_SSL_REDIRECT", "Redirect to https at the proxy."),
    ("SESSION_COOKIE_HTTPONLY", COOKIES),
    ("SESSION_COOKIE_PATH", "It is always / here."),
    ("SESSION_COOKIE_SAMESITE", COOKIES),
    ("SESSION_COOKIE_SECURE", BY_HTTPS),
    (
        "SESSION_EXPIRE_AT_BROWSER_CLOSE",
        "Set SESSION_COOKIE_AGE or SESSION_IDLE_TIMEOUT.",
    ),
    ("SIGNING_KEY", "Set JWT_SIGNING_KEY."),
    ("SLIDING_TOKEN_LIFETIME", NO_SLIDING),
    ("SLIDING_TOKEN_REFRESH_LIFETIME", NO_SLIDING),
    ("TOKEN_TYPE_CLAIM", "It is always token_type here."),
    ("UPDATE_LAST_LOGIN", ALWAYS_ON),
    ("USERNAME_FIELD", "Set LOGIN_FIELD."),
    ("USER_ID_CLAIM", "It is always user_id here."),
    (
        "USER_ID_FIELD",
        "Name the column with `import-django --column id=COLUMN`.",
    ),
    (
        "VERIFYING_KEY",
        "It follows from JWT_SIGNING_KEY; list older keys in JWT_VERIFYING_KEYS.",
    ),
];

/// Those of these variables that are settings of Django, in alphabetical order.
pub(super) fn find(names: &[String]) -> Vec<DjangoName> {
    let all = NAMES.iter().map(|&(name, hint)| DjangoName { name, hint });
    all.filter(|django| names.iter().any(|name| name == django.name))
        .collect()
}

/// The names that [`find`] knows.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(name, _)| *name)
}
