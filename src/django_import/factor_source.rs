//! Whether a source shows the second factors of its accounts.

use super::error::ImportError;
use super::options::{ImportOptions, ImportSource};
use super::related::RelatedTables;

/// What the report says if the source may lack tables of second factors. It is an error with
/// `--require-totp` if it has none: every account would be imported as one without a second factor.
pub(super) fn factor_remark(
    options: &ImportOptions,
    related: &RelatedTables,
    is_view: bool,
) -> Result<Option<String>, ImportError> {
    let table = options.table.escape_debug();
    let has_factors = !related.factors().tables().is_empty();
    let is_dump = matches!(options.from, ImportSource::Dump(_));
    if options.require_totp && (is_view || !has_factors) {
        let problem = match (is_view, is_dump) {
            (true, _) => format!(
                "{table} is a view, which does not show which accounts have a second factor: name the table that it is \
                 built on with --view-of"
            ),
            (false, true) => "the dump has no second factors: name their application in `manage.py dumpdata` too \
                 (mfa for django-allauth, otp_totp and the other applications of django-otp)"
                .to_owned(),
            (false, false) => format!(
                "no table of second factors refers to {table}: name the table of the accounts that have them"
            ),
        };
        return Err(ImportError::Impossible(format!(
            "--require-totp: {problem}. If no account has a second factor, leave the option out"
        )));
    }
    if options.require_totp {
        let asked = "a code is asked for after a password, and not after a sign-in through Google, Okta or WorkOS: \
             require a second factor there too";
        return Ok(Some(match is_dump {
            true => {
                format!("{asked}. Those of applications that are not in the dump are not known")
            }
            false => asked.to_owned(),
        }));
    }
    Ok(match (is_view, is_dump) {
        (true, _) => Some(format!(
            "not known, because {table} is a view. If accounts have one, a password alone lets them in here: \
             name the table that it is built on with --view-of"
        )),
        (false, true) => Some(match has_factors {
            true => "those of applications that are not in the dump are not known".to_owned(),
            false => "not known, because the dump has none. If accounts have one, a password alone lets them in \
                 here: name the application in `manage.py dumpdata` too"
                .to_owned(),
        }),
        (false, false) => None,
    })
}
