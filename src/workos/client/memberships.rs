//! The organisations that somebody belongs to.

use std::time::Duration;

use reqwest::Url;
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{RetryPolicy, WorkosClient};
use crate::workos::error::WorkosError;
use crate::workos::step::Organization;

/// All pages together: a page that shows the list must not wait for long.
const WITHIN: Duration = Duration::from_secs(3);
/// The most organisations that are shown: two pages of WorkOS's.
const MOST: usize = 200;

/// The organisations that somebody belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganizationList {
    /// 200 at the most.
    pub list: Vec<Organization>,
    /// There are more.
    pub cut: bool,
}

#[derive(Deserialize)]
struct MembershipPage {
    data: Vec<Membership>,
    #[serde(default)]
    list_metadata: PageCursors,
}

#[derive(Default, Deserialize)]
struct PageCursors {
    after: Option<String>,
}

#[derive(Deserialize)]
struct Membership {
    organization_id: String,
    organization_name: Option<String>,
}

impl From<Membership> for Organization {
    fn from(membership: Membership) -> Self {
        Self {
            id: membership.organization_id,
            name: membership.organization_name.unwrap_or_default(),
        }
    }
}

impl WorkosClient {
    /// The organisations of which this user is an active member, 200 at the most; `present`, if it is
    /// one of them, is always among those. Fails after three seconds as an outage.
    pub async fn organizations_of(
        &self,
        user_id: &str,
        present: Option<&str>,
    ) -> Result<OrganizationList, WorkosError> {
        let all = tokio::time::timeout(WITHIN, self.all_of(user_id, present));
        let late = |_| WorkosError::unavailable(format!("no memberships within {WITHIN:?}"));
        all.await.unwrap_or_else(|elapsed| Err(late(elapsed)))
    }

    async fn all_of(
        &self,
        user_id: &str,
        present: Option<&str>,
    ) -> Result<OrganizationList, WorkosError> {
        let mut all = self.pages_of(user_id).await?;
        if let Some(present) = present
            && all.cut
            && !all.list.iter().any(|one| one.id == present)
        {
            let own = self
                .page_of(user_id, &[("organization_id", present)])
                .await?;
            let own = own
                .data
                .into_iter()
                .find(|one| one.organization_id == present);
            if let Some(own) = own {
                all.list.pop();
                all.list.push(own.into());
            }
        }
        Ok(all)
    }

    async fn pages_of(&self, user_id: &str) -> Result<OrganizationList, WorkosError> {
        let mut list: Vec<Organization> = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let cursor = after.as_deref().map(|after| ("after", after));
            let page = self.page_of(user_id, cursor.as_slice()).await?;
            let empty = page.data.is_empty();
            list.extend(page.data.into_iter().map(Organization::from));
            after = page.list_metadata.after.filter(|_| !empty);
            if after.is_none() || list.len() >= MOST {
                let cut = after.is_some() || list.len() > MOST;
                list.truncate(MOST);
                return Ok(OrganizationList { list, cut });
            }
        }
    }

    async fn page_of(
        &self,
        user_id: &str,
        more: &[(&str, &str)],
    ) -> Result<MembershipPage, WorkosError> {
        let unreadable = |error: String| WorkosError::unavailable(format!("memberships: {error}"));
        let url = format!("{}/user_management/organization_memberships", self.base_url);
        let mut url = Url::parse(&url).map_err(|error| unreadable(error.to_string()))?;
        url.query_pairs_mut()
            .append_pair("user_id", user_id)
            .append_pair("statuses", "active")
            .append_pair("limit", "100")
            .extend_pairs(more);
        let request = self.http.get(url).bearer_auth(self.api_key.expose_secret());
        let answer = self.send(request, RetryPolicy::IfUnsent).await?;
        serde_json::from_slice(&answer).map_err(|error| unreadable(error.to_string()))
    }
}
