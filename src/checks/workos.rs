//! Checks of the settings of WorkOS, and of the credentials by a request to WorkOS.

use super::report::{CheckLevel, CheckMessage, sentence};
use crate::origin::Origin;
use crate::settings::Settings;
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

/// Lists the URLs that must be registered in WorkOS's dashboard. WorkOS has no API to verify them.
pub(super) fn dashboard(settings: &Settings) -> CheckMessage {
    let sign_in = format!("{}/auth/login", settings.public_url.as_str());
    let sign_out = settings.workos.logout_return_to.as_deref();
    CheckMessage::new(
        "workos.I001",
        CheckLevel::Info,
        "These URLs must be registered in WorkOS's dashboard.",
        format!(
            "Redirect URI: {}. Sign-in endpoint: {sign_in} (invitations and impersonation need it). Sign-out redirect: {}.",
            settings.workos.redirect_uri,
            sign_out.unwrap_or("WorkOS's default")
        ),
    )
}

/// Asks WorkOS whether the API key and the client id belong together, and whether it lists events if the server is to
/// poll them.
pub async fn online(settings: &Settings) -> Vec<CheckMessage> {
    let client = WorkosClient::new(&settings.workos);
    let verified = match &client {
        Ok(client) => client.verify_credentials().await,
        Err(error) => Err(error.clone()),
    };
    match verified {
        Ok(()) => {
            let mut issues = vec![dashboard(settings)];
            if let (Some(_), Ok(client)) = (settings.workos.events_poll, client) {
                issues.extend(events(&client).await);
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
