//! Invitations to organisations: the seed's, accepted by signing in with their token.

use crate::directory::Directory;
use crate::handle::DemoInvitation;
use crate::ids;
use crate::model::Member;
use crate::seed::Seed;

/// An invitation, accepted or not.
#[derive(Debug, Clone)]
pub(crate) struct Invitation {
    token: String,
    email: String,
    organization_id: String,
    role: String,
    permissions: Vec<String>,
    accepted: bool,
}

/// For whom an invitation is.
#[derive(Debug)]
pub(crate) struct Invited {
    pub(crate) email: String,
    /// Nobody has an account with that address yet.
    pub(crate) is_new: bool,
}

impl Directory {
    pub(crate) fn add_invitations(&mut self, seed: &Seed) -> Result<(), String> {
        for (index, one) in seed.invitations.iter().enumerate() {
            let place = format!("invitations[{index}]");
            let organization = self.organizations.iter().find(|known| {
                match (&one.organization_id, &one.organization) {
                    (Some(id), None) => known.id == *id,
                    (None, Some(name)) => known.name == *name,
                    _ => false,
                }
            });
            let organization = organization.ok_or_else(|| {
                format!(
                    "{place} wants the organization_id or the organization of one in organizations"
                )
            })?;
            let role = one.role_slug.as_deref();
            let (role, permissions) = Self::role(seed, role, &format!("{place}.role_slug"))?;
            let token = one.token.clone();
            self.invitations.push(Invitation {
                token: token.unwrap_or_else(|| ids::derived("invitation", &one.email)),
                email: one.email.clone(),
                organization_id: organization.id.clone(),
                role,
                permissions,
                accepted: false,
            });
        }
        Ok(())
    }

    /// For whom the open invitation with this token is.
    pub(crate) fn invited(&self, token: &str) -> Option<Invited> {
        let open = |one: &&Invitation| one.token == token && !one.accepted;
        let invitation = self.invitations.iter().find(open)?;
        Some(Invited {
            email: invitation.email.clone(),
            is_new: self.by_email(&invitation.email).is_none(),
        })
    }

    /// The organisation that an invitation is to, accepted or not.
    pub(crate) fn invited_to(&self, token: &str) -> Option<String> {
        let mut invitations = self.invitations.iter();
        let invitation = invitations.find(|one| one.token == token);
        invitation.map(|one| one.organization_id.clone())
    }

    /// Makes the person a member; false where the invitation is another's. Whoever has the token has
    /// read the mail that it came by, so the address is theirs.
    pub(crate) fn accept(&mut self, token: &str, email: &str) -> bool {
        let mut invitations = self.invitations.iter_mut();
        let theirs =
            |one: &&mut Invitation| one.token == token && one.email.eq_ignore_ascii_case(email);
        let Some(invitation) = invitations.find(theirs) else {
            return false;
        };
        invitation.accepted = true;
        let invitation = invitation.clone();
        let mut users = self.users.iter_mut();
        let Some(user) = users.find(|user| user.email.eq_ignore_ascii_case(email)) else {
            return false;
        };
        user.email_verified = true;
        let user_id = user.id.clone();
        let mut organizations = self.organizations.iter_mut();
        let organization = organizations.find(|one| one.id == invitation.organization_id);
        if let Some(organization) = organization.filter(|one| one.member(&user_id).is_none()) {
            organization.members.push(Member {
                user_id,
                role: invitation.role,
                permissions: invitation.permissions,
            });
        }
        true
    }

    pub(crate) fn open_invitations(&self) -> Vec<DemoInvitation> {
        let open = self.invitations.iter().filter(|one| !one.accepted);
        open.map(|one| DemoInvitation {
            email: one.email.clone(),
            token: one.token.clone(),
            organization: self
                .organization(&one.organization_id)
                .map(|organization| organization.name.clone())
                .unwrap_or_default(),
        })
        .collect()
    }
}
