//! `vestibule import-django`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use secrecy::{ExposeSecret, SecretString};

use super::error::CommandError;
use super::output::print_line;
use super::source::load_source;
use crate::accounts::passwords::allow_argon2_memory;
use crate::clock::Clock;
use crate::django_import::{ImportError, ImportOptions, ImportProgress, ImportSource, import};
use crate::keys::Keys;
use crate::settings::{
    DatabaseSettings, DatabaseUrl, LoginField, PasswordLogin, Settings, argon2_max_memory,
    parse_issuer, provider_issuers,
};

/// Rows of one transaction: enough that its commit costs little, few enough that its one `INSERT`
/// stays below the databases' limits on parameters.
const BATCH: usize = 1000;

/// The arguments of `import-django`.
#[derive(Debug, clap::Args)]
pub(super) struct ImportDjangoArguments {
    /// Django's database: sqlite:PATH, postgres://USER@HOST/DATABASE, or for any other one the path of a dump
    /// of `manage.py dumpdata --all`: FILE.json or FILE.jsonl, also with .gz. Without --all, rows are missing that
    /// the model's default manager hides.
    #[arg(long, value_name = "URL", value_parser = super::parse_secret)]
    from: SecretString,
    /// The table of the users; on PostgreSQL also SCHEMA.TABLE, for a dump also APP.MODEL.
    #[arg(long, value_name = "TABLE", default_value = "auth_user")]
    table: String,
    /// The table that the view of --table is built on, and to which foreign keys refer: second factors, further
    /// addresses, identities and groups are read through it.
    #[arg(long, value_name = "TABLE")]
    view_of: Option<String>,
    /// The name of the table at earlier imports, if it was renamed since, as the report prints it. Without it, rows of
    /// another table never change the accounts.
    #[arg(long, value_name = "TABLE")]
    renamed_from: Option<String>,
    /// The column of a field, if its name is not Django's: --column email=mail. May be repeated.
    #[arg(long, value_name = "FIELD=COLUMN", value_parser = parse_pair)]
    column: Vec<(String, String)>,
    /// A further column that is true, or holds a time, for accounts that may sign in; with a value, such as
    /// status=active, one that has this value. May be repeated, also for further values.
    #[arg(long, value_name = "COLUMN[=VALUE]")]
    active_column: Vec<String>,
    /// A column that is true, or holds a time, for accounts that may not sign in, such as
    /// deleted_at; with a value, such as status=banned, one that has this value for them. May be repeated, also for further
    /// values.
    #[arg(long, value_name = "COLUMN[=VALUE]")]
    closed_column: Vec<String>,
    /// A column with the time until which an account may sign in, such as expires_at. An account without a time
    /// has no end. May be repeated.
    #[arg(long, value_name = "COLUMN")]
    active_until_column: Vec<String>,
    /// A column with the time until which an account may not sign in, such as banned_until. An account without a
    /// time may. May be repeated.
    #[arg(long, value_name = "COLUMN")]
    closed_until_column: Vec<String>,
    /// No column besides is_active and those of the four options above closes an account.
    #[arg(long)]
    all_active: bool,
    /// The column with the ids of WorkOS users, if the project stored them. Unless PASSWORD_LOGIN is all, these accounts
    /// do not sign in with their passwords from then on.
    #[arg(long, value_name = "COLUMN")]
    workos_id_column: Option<String>,
    /// Marks every email as verified, for projects that verified each address before the first
    /// sign-in.
    #[arg(long)]
    emails_verified: bool,
    /// Imports MD5, SHA-1 and SHA-crypt hashes too; each is accepted once and then replaced. Without
    /// it, their accounts have no password here.
    #[arg(long)]
    legacy_hashers: bool,
    /// The issuer of a provider of django-allauth: --issuer okta=https://example.okta.com. Google's is
    /// known, and Okta's if OKTA_ISSUER is set. May be repeated, with another issuer each time.
    #[arg(long, value_name = "PROVIDER=URL", value_parser = parse_provider)]
    issuer: Vec<(String, String)>,
    /// Imports authenticator apps of django-allauth and django-otp as second factors. Accounts with
    /// another second factor have no password here. Needs SECRET_KEY.
    #[arg(long)]
    require_totp: bool,
    /// A table that refers to the user table, or a column of the user table or, as TABLE.COLUMN, of a profile, that holds
    /// second factors although neither its name nor its values look so. May be repeated. Later imports remember the name.
    #[arg(long, value_name = "NAME")]
    factor: Vec<String>,
    /// A table or column that holds no second factors although its name or its values look so, or because of which an
    /// earlier import has withheld passwords. May be repeated. Later imports remember the name.
    #[arg(long, value_name = "NAME")]
    no_factor: Vec<String>,
    /// Names every account that the report is about, also where there are more than ten.
    #[arg(long)]
    verbose: bool,
    /// Writes nothing, and prints what would be done.
    #[arg(long)]
    dry_run: bool,
}

impl ImportDjangoArguments {
    fn options(
        self,
        (login_field, password_login): (LoginField, PasswordLogin),
    ) -> Result<ImportOptions, CommandError> {
        Ok(ImportOptions {
            from: parse_from(&self.from)?,
            table: self.table,
            view_of: self.view_of,
            renamed_from: self.renamed_from,
            columns: self.column.into_iter().collect(),
            active_columns: self.active_column,
            closed_columns: self.closed_column,
            active_until_columns: self.active_until_column,
            closed_until_columns: self.closed_until_column,
            all_active: self.all_active,
            workos_id_column: self.workos_id_column,
            login_field,
            password_login,
            emails_verified: self.emails_verified,
            legacy_hashers: self.legacy_hashers,
            issuers: self.issuer.into_iter().collect(),
            known_issuers: BTreeMap::new(),
            require_totp: self.require_totp,
            batch: BATCH,
            factors: self.factor,
            no_factors: self.no_factor,
            dry_run: self.dry_run,
        })
    }
}

pub(super) fn run(arguments: ImportDjangoArguments) -> Result<(), CommandError> {
    let source = load_source()?;
    let settings = DatabaseSettings::from_source(&source)?;
    let verbose = arguments.verbose;
    let login = (
        LoginField::from_source(&source)?,
        PasswordLogin::from_source(&source)?,
    );
    let mut options = arguments.options(login)?;
    allow_argon2_memory(argon2_max_memory(&source)?);
    for (provider, issuer) in provider_issuers(&source)? {
        options.known_issuers.insert(provider.to_owned(), issuer);
    }
    let keys = match options.require_totp {
        true => Some(Keys::derive(&Settings::read(&source)?)),
        false => None,
    };
    // indicatif shows nothing unless stderr is a terminal.
    let bar = ProgressBar::no_length().with_style(progress_style());
    bar.enable_steady_tick(Duration::from_millis(200));
    let report = import(
        &settings,
        &options,
        keys,
        &Clock::system(),
        &mut |step| match step {
            ImportProgress::Users(count) => bar.set_length(count),
            ImportProgress::Read(count) => bar.inc(count),
        },
    );
    bar.finish_and_clear();
    let mut report = report?;
    report.names_all = verbose;
    print_line(report)?;
    Ok(())
}

fn progress_style() -> ProgressStyle {
    let template = "{bar:30} {human_pos} of {human_len} users, {per_sec}, {eta} left";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Parses `--from`; no error shows its password.
fn parse_from(text: &SecretString) -> Result<ImportSource, CommandError> {
    const DUMPS: [&str; 4] = [".json", ".jsonl", ".json.gz", ".jsonl.gz"];
    let text = text.expose_secret();
    let has_scheme = ["sqlite:", "postgres:", "postgresql:"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    if !has_scheme && DUMPS.iter().any(|ending| text.ends_with(ending)) {
        return Ok(ImportSource::Dump(PathBuf::from(text)));
    }
    let url = DatabaseUrl::parse(text).map_err(|problem| {
        CommandError::Failed(format!(
            "--from: {problem}; set it to sqlite:PATH, postgres://USER@HOST/DATABASE or the path of a dump, \
             FILE.json"
        ))
    })?;
    Ok(ImportSource::Database(url))
}

/// Parses the value of `--issuer`.
fn parse_provider(text: &str) -> Result<(String, String), String> {
    const WANTED: &str = "expected a provider of django-allauth and its issuer's https URL (http only on this machine), such as \
         okta=https://acme.okta.com";
    let (provider, url) = text.split_once('=').ok_or(WANTED)?;
    let issuer = parse_issuer(url.trim()).ok_or(WANTED)?;
    match provider.trim() {
        "" => Err(WANTED.to_owned()),
        provider => Ok((provider.to_owned(), issuer)),
    }
}

/// Parses the value of `--column`.
fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("expected two names with = between them, such as email=mail".to_owned()),
    }
}

impl From<ImportError> for CommandError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Database(error) => Self::Database(error),
            error => Self::Failed(error.to_string()),
        }
    }
}
