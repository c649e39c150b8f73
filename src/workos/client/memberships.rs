//! Lists the organisations of a user.

use std::time::Duration;

use reqwest::Url;
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::WorkosClient;
use super::retry::RetryPolicy;
use crate::ids::OrganizationId;
use crate::workos::error::WorkosError;
use crate::workos::next_step::Organization;

/// The time-out of all requests together. A web page that shows the list must not wait longer.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The maximum number of organisations: two pages of WorkOS's list.
const MAX_ORGANIZATIONS: usize = 200;

/// The organisations of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganizationList {
    /// At most 200 organisations.
    pub list: Vec<Organization>,
    /// Whether there are more.
    pub truncated: bool,
}

#[derive(Deserialize)]
struct MembershipPage {
    data: Vec<MembershipJson>,
    #[serde(default)]
    list_metadata: PageCursors,
}

/// The cursors of a page of a list.
#[derive(Default, Deserialize)]
pub(super) struct PageCursors {
    /// The cursor of the next page; `None` on the last one.
    pub(super) after: Option<String>,
}

#[derive(Deserialize)]
struct MembershipJson {
    organization_id: OrganizationId,
    organization_name: Option<String>,
}

impl From<MembershipJson> for Organization {
    fn from(membership: MembershipJson) -> Self {
        Self {
            id: membership.organization_id,
            name: membership.organization_name.unwrap_or_default(),
        }
    }
}

impl WorkosClient {
    /// The organisations of which the user is an active member, at most 200. If the user is a
    /// member of `current`, the list contains it. Fails with `WorkosError::Unavailable` after three
    /// seconds.
    pub async fn organizations_of(
        &self,
        user_id: &str,
        current: Option<&OrganizationId>,
    ) -> Result<OrganizationList, WorkosError> {
        self.refuse_while_failing()?;
        let all = tokio::time::timeout(TIMEOUT, self.list_with_current(user_id, current));
        let late = |_| WorkosError::unavailable(format!("no memberships within {TIMEOUT:?}"));
        all.await.unwrap_or_else(|elapsed| Err(late(elapsed)))
    }

    async fn list_with_current(
        &self,
        user_id: &str,
        current: Option<&OrganizationId>,
    ) -> Result<OrganizationList, WorkosError> {
        let mut all = self.list_pages(user_id).await?;
        if let Some(current) = current
            && all.truncated
            && !all.list.iter().any(|one| one.id == *current)
        {
            let own = self
                .fetch_page(user_id, &[("organization_id", current)])
                .await?;
            let own = own
                .data
                .into_iter()
                .find(|one| one.organization_id == *current);
            if let Some(own) = own {
                all.list.pop();
                all.list.push(own.into());
            }
        }
        Ok(all)
    }

    async fn list_pages(&self, user_id: &str) -> Result<OrganizationList, WorkosError> {
        let mut list: Vec<Organization> = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let cursor = after.as_deref().map(|after| ("after", after));
            let page = self.fetch_page(user_id, cursor.as_slice()).await?;
            let empty = page.data.is_empty();
            list.extend(page.data.into_iter().map(Organization::from));
            after = page.list_metadata.after.filter(|_| !empty);
            if after.is_none() || list.len() >= MAX_ORGANIZATIONS {
                let truncated = after.is_some() || list.len() > MAX_ORGANIZATIONS;
                list.truncate(MAX_ORGANIZATIONS);
                return Ok(OrganizationList { list, truncated });
            }
        }
    }

    async fn fetch_page(
        &self,
        user_id: &str,
        filters: &[(&str, &str)],
    ) -> Result<MembershipPage, WorkosError> {
        let unreadable = |error: String| WorkosError::unavailable(format!("memberships: {error}"));
        let url = format!("{}/user_management/organization_memberships", self.base_url);
        let mut url = Url::parse(&url).map_err(|error| unreadable(error.to_string()))?;
        url.query_pairs_mut()
            .append_pair("user_id", user_id)
            .append_pair("statuses", "active")
            .append_pair("limit", "100")
            .extend_pairs(filters);
        let request = self.http.get(url).bearer_auth(self.api_key.expose_secret());
        let read = |body: &[u8]| {
            serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))
        };
        self.sender()
            .send(request, RetryPolicy::IfUnsent, read)
            .await
    }
}
