//! The issuers of django-allauth's providers.
//!
//! Each issuer belongs to one provider. What a provider's server has answered about itself counts for nothing: a server of a
//! customer's may claim to be Google, and its users would get the identities that others have there.

use std::collections::BTreeMap;

use super::error::ImportError;
use super::options::ImportOptions;
use super::related::RelatedTables;
use crate::db::source::ForeignDatabase;

/// The issuers of providers by their ids: those of options, and those that are known without one. Two providers with one
/// issuer are refused.
pub(super) fn provider_issuers(
    source: &mut ForeignDatabase,
    options: &ImportOptions,
    related: &RelatedTables,
) -> Result<BTreeMap<String, String>, ImportError> {
    let mut issuers = options.issuers.clone();
    for (provider, issuer) in &options.known_issuers {
        let is_named = issuers.contains_key(provider);
        // An option may give the issuer another provider, if the project has none with the usual name.
        let is_given = issuers.values().any(|other| other == issuer);
        if !is_named && (!is_given || related.has_identities_at(source, provider)?) {
            issuers.insert(provider.clone(), issuer.clone());
        }
    }
    let mut providers = BTreeMap::new();
    for (provider, issuer) in &issuers {
        if let Some(other) = providers.insert(issuer, provider) {
            return Err(ImportError::Impossible(format!(
                "--issuer: the providers {} and {} have one issuer, {issuer}: name it for the one whose users sign in \
                 there",
                other.escape_debug(),
                provider.escape_debug(),
            )));
        }
    }
    Ok(issuers)
}
