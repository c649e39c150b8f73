//! What an import removes from accounts whose emails it verifies, because another person may have set it up here: the
//! authenticator app, links to Google and Okta, and a password. The report names it.

use std::collections::BTreeSet;

use diesel::prelude::*;

use super::ImportPlanner;
use crate::accounts::second_factor::has_second_factor;
use crate::db::schema::{django_import_items, identities};
use crate::db::{Conn, DbError};
use crate::django_import::factor_import::keeps_factor;
use crate::django_import::item::ItemKind;
use crate::django_import::plan::BatchPlan;
use crate::django_import::report::CountLabel;
use crate::ids::UserId;

const FACTOR: CountLabel = (
    "authenticator apps that were set up here removed, because the import has verified the emails; their owners set one up again at /account/authenticator",
    "authenticator app that was set up here removed, because the import has verified the email; its owner sets one up again at /account/authenticator",
);
const PASSWORD: CountLabel = (
    "passwords that were set here replaced by Django's, because the import has verified the emails",
    "password that was set here replaced by Django's, because the import has verified the email",
);
const LINK: CountLabel = (
    "accounts whose links to Google or Okta that were made here were removed, because the import has verified the emails",
    "account whose link to Google or Okta that was made here was removed, because the import has verified the email",
);

impl ImportPlanner {
    /// Names what the plan removes, before it does.
    pub(super) fn note_removals(
        &self,
        conn: &mut Conn,
        plan: &mut BatchPlan<'_>,
    ) -> Result<(), DbError> {
        let keys = self.items.keys.as_ref();
        let mut without_app = BTreeSet::new();
        for update in &plan.changed {
            if !update.merge.verifies_email(&update.user) {
                continue;
            }
            let (id, key) = (update.user.id, update.user.key());
            if !keeps_factor(conn, keys, id)? {
                without_app.insert(id);
                if has_second_factor(conn, id)? {
                    plan.tally.name_removal(FACTOR, &key);
                }
            }
            if update.merge.replaces_password {
                plan.tally.name_removal(PASSWORD, &key);
            }
            if has_link_of_ours(conn, id)? {
                plan.tally.name_removal(LINK, &key);
            }
        }
        for accepted in &mut plan.accepted {
            accepted.loses_factor = without_app.contains(&accepted.user_id);
        }
        Ok(())
    }
}

/// Whether the account has a link that no import has made.
fn has_link_of_ours(conn: &mut Conn, user_id: UserId) -> QueryResult<bool> {
    let imported = django_import_items::table
        .filter(django_import_items::user_id.eq(user_id))
        .filter(django_import_items::kind.eq(ItemKind::Identity.name()));
    let imported: Vec<String> = imported.select(django_import_items::value).load(conn)?;
    let theirs = identities::table.filter(identities::user_id.eq(user_id));
    let theirs = theirs.select((identities::issuer, identities::subject));
    let theirs: Vec<(String, String)> = theirs.load(conn)?;
    let is_imported =
        |(issuer, subject): &(String, String)| imported.contains(&format!("{issuer} {subject}"));
    Ok(!theirs.iter().all(is_imported))
}
