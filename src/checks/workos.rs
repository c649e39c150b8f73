//! Checks of the settings of WorkOS, and of the credentials by a request to WorkOS.

use std::collections::BTreeSet;

use super::report::{CheckLevel, CheckMessage, sentence};
use crate::http::site::Site;
use crate::origin::Origin;
use crate::settings::{RedirectUri, Settings};
use crate::workos::{EventStart, WorkosClient, WorkosError};

/// Checks `WORKOS_REDIRECT_URI`.
pub(super) fn redirect_uri(settings: &Settings) -> Option<CheckMessage> {
    let uri = url::Url::parse(&settings.workos.redirect_uri).ok()?;
    if Origin::of(&uri).as_ref() != Some(&settings.public_url) {
        return Some(CheckMessage::new(
            "workos.E001",
            CheckLevel::Error,
            format!(
                "WORKOS_REDIRECT_URI ({uri}) is not on PUBLIC_URL ({}), where browsers send the cookie of the sign-in.",
                settings.public_url.as_str()
            ),
            "Set PUBLIC_URL to the origin that browsers see, or WORKOS_REDIRECT_URI to a URL on it.",
        ));
    }
    (uri.path().trim_end_matches('/') != "/auth/callback").then(|| {
        CheckMessage::new(
            "workos.W001",
            CheckLevel::Warning,
            format!(
                "WORKOS_REDIRECT_URI leads to {}, not to /auth/callback.",
                uri.path()
            ),
            "Unless a proxy rewrites the path, register and set {PUBLIC_URL}/auth/callback.",
        )
    })
}

/// Checks `WORKOS_REDIRECT_URIS`.
pub(super) fn redirect_uris(settings: &Settings) -> Vec<CheckMessage> {
    let uris = &settings.workos.redirect_uris;
    let mut hosts = vec![settings.public_url.host()];
    let mut issues = Vec::new();
    for RedirectUri { uri, origin } in uris {
        let host = origin.host();
        let path = url::Url::parse(uri).map(|url| url.path().trim_end_matches('/').to_owned());
        let mut allowed = settings.allowed_hosts.iter();
        let (problem, hint) = if !origin.is_https() && !origin.is_loopback() {
            ("is without https", "Serve the host over https.")
        } else if origin.is_https() != settings.public_url.is_https() {
            (
                "has another scheme than PUBLIC_URL, which decides whether cookies are sent over https only",
                "Serve both with the same scheme.",
            )
        } else if !allowed.any(|pattern| pattern.allows(host)) {
            (
                "is on a host that ALLOWED_HOSTS does not include, so browsers get the answer 400 there",
                "Add the host to ALLOWED_HOSTS.",
            )
        } else if hosts.contains(&host) {
            (
                "is on the host of PUBLIC_URL or of another entry",
                "Keep one redirect URI for each host; that of PUBLIC_URL is WORKOS_REDIRECT_URI.",
            )
        } else if path.as_deref() != Ok("/auth/callback") {
            (
                "does not lead to /auth/callback, where sign-ins return to",
                "Register and set https://HOST/auth/callback.",
            )
        } else {
            hosts.push(host);
            continue;
        };
        issues.push(CheckMessage::new(
            "workos.E004",
            CheckLevel::Error,
            format!("{uri} in WORKOS_REDIRECT_URIS {problem}."),
            hint,
        ));
    }
    issues
}

/// Whether programs on other hosts can get WorkOS's access tokens.
pub(super) fn token_route(settings: &Settings) -> Option<CheckMessage> {
    let domain = settings.session_cookie_domain.as_ref()?;
    settings.workos.token_route.then(|| {
        CheckMessage::new(
            "workos.W006",
            CheckLevel::Warning,
            format!("Because of WORKOS_TOKEN_ROUTE and SESSION_COOKIE_DOMAIN, every host of {domain} can get WorkOS's access token of each user who visits it."),
            "Unset one of the two unless you trust all programs on all hosts of the domain. To silence this, add workos.W006 to SILENCED_SYSTEM_CHECKS.",
        )
    })
}

/// Lists the URLs that must be registered in WorkOS's dashboard. WorkOS has no API to verify them.
pub(super) fn dashboard(settings: &Settings) -> CheckMessage {
    let sites = Site::all(settings);
    let uris: Vec<_> = sites.iter().map(|site| site.redirect_uri).collect();
    let sign_in = format!("{}/auth/login", settings.public_url.as_str());
    let sign_out: Vec<_> = sites.iter().map(Site::logout_return_to).collect();
    let sign_out: BTreeSet<_> = sign_out.iter().flatten().map(String::as_str).collect();
    let sign_out: Vec<_> = sign_out.into_iter().collect();
    CheckMessage::new(
        "workos.I001",
        CheckLevel::Info,
        "These URLs must be registered in WorkOS's dashboard.",
        format!(
            "Redirect URI: {}. Sign-in endpoint: {sign_in} (invitations and impersonation need it). Sign-out redirect: {}.",
            uris.join(", "),
            match sign_out.is_empty() {
                true => "WorkOS's default".to_owned(),
                false => sign_out.join(", "),
            }
        ),
    )
}

/// Asks WorkOS whether the API key and the client id belong together, who issues its access tokens, and whether it lists
/// events if the server is to poll them.
pub async fn online(settings: &Settings) -> Vec<CheckMessage> {
    let client = WorkosClient::new(&settings.workos);
    let verified = match &client {
        Ok(client) => client.verify_credentials().await,
        Err(error) => Err(error.clone()),
    };
    match verified {
        Ok(()) => {
            let mut issues = vec![dashboard(settings)];
            if let Ok(client) = client {
                issues.extend(issuer(&client, settings).await);
                if settings.workos.events_poll.is_some() {
                    issues.extend(events(&client).await);
                }
            }
            issues
        }
        Err(error @ WorkosError::Refused { .. }) => vec![CheckMessage::new(
            "workos.E002",
            CheckLevel::Error,
            sentence(error),
            "WORKOS_API_KEY and WORKOS_CLIENT_ID must be of the same WorkOS environment.",
        )],
        Err(error @ WorkosError::Unavailable { .. }) => vec![CheckMessage::new(
            "workos.E003",
            CheckLevel::Error,
            sentence(error),
            "Check WORKOS_API_BASE_URL, and that this machine can connect to it.",
        )],
    }
}

async fn events(client: &WorkosClient) -> Option<CheckMessage> {
    let error = client.events(EventStart::Latest, 1).await.err()?;
    Some(CheckMessage::new(
        "workos.W005",
        CheckLevel::Warning,
        format!("WORKOS_EVENTS_POLL is set, and WorkOS does not list its events: {error}."),
        "Allow WORKOS_API_KEY to read events, or unset WORKOS_EVENTS_POLL.",
    ))
}

async fn issuer(client: &WorkosClient, settings: &Settings) -> Option<CheckMessage> {
    let issuer = client.unlisted_issuer().await?;
    let listed = settings.workos.jwt_issuers.join(",");
    Some(CheckMessage::new(
        "workos.E005",
        CheckLevel::Error,
        format!(
            "According to WorkOS's discovery document its access tokens have the issuer {issuer:?}, which is not in WORKOS_JWT_ISSUERS, so no session can be renewed."
        ),
        format!("Set WORKOS_JWT_ISSUERS='{listed},{issuer}'."),
    ))
}
