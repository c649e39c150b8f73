//! The organisations that somebody belongs to.

use std::time::Duration;

use reqwest::Url;
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{Client, Repeat};
use crate::workos::error::WorkosError;
use crate::workos::step::Organization;

/// All pages together: a page that shows the list must not wait for long.
const WITHIN: Duration = Duration::from_secs(3);
/// The most organisations that are shown, which is one page of WorkOS's where they are that many.
const MOST: usize = 100;

#[derive(Deserialize)]
struct Page {
    data: Vec<Membership>,
    #[serde(default)]
    list_metadata: Cursors,
}

#[derive(Default, Deserialize)]
struct Cursors {
    after: Option<String>,
}

#[derive(Deserialize)]
struct Membership {
    organization_id: String,
    organization_name: Option<String>,
}

impl Client {
    /// The organisations of which this user is an active member, 100 at the most. Fails after three
    /// seconds as an outage.
    pub async fn organizations_of(&self, user_id: &str) -> Result<Vec<Organization>, WorkosError> {
        let pages = tokio::time::timeout(WITHIN, self.pages_of(user_id));
        let late = |_| WorkosError::unavailable(format!("no memberships within {WITHIN:?}"));
        pages.await.unwrap_or_else(|elapsed| Err(late(elapsed)))
    }

    async fn pages_of(&self, user_id: &str) -> Result<Vec<Organization>, WorkosError> {
        let mut organizations = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.page_of(user_id, after.as_deref()).await?;
            let empty = page.data.is_empty();
            organizations.extend(page.data.into_iter().map(|one| Organization {
                id: one.organization_id,
                name: one.organization_name.unwrap_or_default(),
            }));
            after = page.list_metadata.after.filter(|_| !empty);
            if after.is_none() || organizations.len() >= MOST {
                organizations.truncate(MOST);
                return Ok(organizations);
            }
        }
    }

    async fn page_of(&self, user_id: &str, after: Option<&str>) -> Result<Page, WorkosError> {
        let unreadable = |error: String| WorkosError::unavailable(format!("memberships: {error}"));
        let url = format!("{}/user_management/organization_memberships", self.base_url);
        let mut url = Url::parse(&url).map_err(|error| unreadable(error.to_string()))?;
        url.query_pairs_mut()
            .append_pair("user_id", user_id)
            .append_pair("statuses", "active")
            .append_pair("limit", "100")
            .extend_pairs(after.map(|cursor| ("after", cursor)));
        let request = self.http.get(url).bearer_auth(self.api_key.expose_secret());
        let answer = self.send(request, Repeat::IfUnsent).await?;
        serde_json::from_slice(&answer).map_err(|error| unreadable(error.to_string()))
    }
}
