//! Merges a changed row of Django's into the account that was imported from it.

use diesel::AsChangeset;

use super::ledger::{ImportRecord, merged_flag, profile_digest};
use super::password::DjangoPassword;
use super::row::{CheckedEmail, DjangoUser};
use crate::accounts::import_ledger::password_digest;
use crate::accounts::{User, key_without_email, passwords};
use crate::clock::Timestamp;
use crate::db::schema::users;

/// Changes to an account. `None` leaves a column as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, AsChangeset)]
#[diesel(table_name = users)]
pub(super) struct UserChanges {
    pub(super) email: Option<String>,
    pub(super) email_key: Option<String>,
    pub(super) email_verified: Option<bool>,
    pub(super) username: Option<String>,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) password: Option<String>,
    pub(super) workos_user_id: Option<String>,
    pub(super) is_active: Option<bool>,
    pub(super) is_staff: Option<bool>,
    pub(super) is_superuser: Option<bool>,
    pub(super) date_joined: Option<Timestamp>,
    pub(super) last_login: Option<Timestamp>,
}

/// Changes to an account, and its record after them.
#[derive(Clone, Debug)]
pub(super) struct UserMerge {
    pub(super) changes: UserChanges,
    pub(super) record: ImportRecord,
    /// Whether the password's new hash is probably one of the same password.
    pub(super) rehashed: bool,
    /// Whether Django's password replaces one that was set here, because the import verifies the email.
    pub(super) replaces_password: bool,
}

impl UserMerge {
    /// Takes over every value that changed in Django since the last import and was not changed
    /// here. `password`: what is imported of the row's, and an unusable one for a row without one. With
    /// `emails_verified`, Django's emails count as verified.
    pub(super) fn new(
        user: &User,
        record: ImportRecord,
        row: &DjangoUser,
        password: (&DjangoPassword, &str),
        emails_verified: bool,
    ) -> Self {
        let mut merge = Self {
            changes: UserChanges::default(),
            record,
            rehashed: false,
            replaces_password: false,
        };
        merge.password(user, row, password);
        merge.profile(user, row, emails_verified);
        merge.workos_user_id(user, row);
        // Nothing here changes a username, so Django's counts.
        if row.username != user.username {
            merge.changes.username.clone_from(&row.username);
        }
        merge.flags(user, row);
        if !merge.record.knows_joining_of(user) {
            merge.changes.date_joined = row.date_joined;
        }
        if row.last_login > user.last_login {
            merge.changes.last_login = row.last_login;
        }
        merge
    }

    /// Closes the account and changes nothing else. `record`: the account's record, in which it is open.
    pub(super) fn closing(mut record: ImportRecord) -> Self {
        record.is_active = false;
        Self {
            changes: UserChanges {
                is_active: Some(false),
                ..UserChanges::default()
            },
            record,
            rehashed: false,
            replaces_password: false,
        }
    }

    /// Adds what follows from the other changes. If the import verifies the email, a password that was
    /// set here before is replaced by Django's: the account may have been registered by another person. An account
    /// without an email cannot have been registered with that of another person.
    pub(super) fn complete(
        mut self,
        user: &User,
        (password, unusable): (&DjangoPassword, &str),
    ) -> Self {
        if self.verifies_email(user)
            && self.changes.password.is_none()
            && !self.record.matches_password_of(user)
        {
            self.replaces_password = passwords::is_usable(&user.password);
            let password = password.stored.as_deref().unwrap_or(unusable);
            self.record.password_digest = password_digest(password);
            self.record.password_here = password_digest(password);
            self.changes.password = Some(password.to_owned());
        }
        self
    }

    /// Whether the changes require that the account's sessions and tokens end.
    pub(super) fn ends_sessions(&self, user: &User) -> bool {
        (self.changes.password.is_some() && !self.rehashed)
            || self.changes.is_active == Some(false)
            || self.verifies_email(user)
    }

    /// Whether the account had an email that was not verified, and has a verified one after the changes.
    pub(super) fn verifies_email(&self, user: &User) -> bool {
        self.changes.email_verified == Some(true) && has_unverified_email(user)
    }

    /// Removes email and names from the changes, since another account has the email.
    pub(super) fn without_profile(&mut self, record: &ImportRecord) {
        self.changes.email = None;
        self.changes.email_key = None;
        self.changes.email_verified = None;
        self.changes.first_name = None;
        self.changes.last_name = None;
        self.record
            .profile_digest
            .clone_from(&record.profile_digest);
    }

    /// Leaves the account without an email, because another account has taken its earlier one.
    pub(super) fn without_email(&mut self, user: &User) {
        self.changes.email = Some(String::new());
        self.changes.email_key = Some(key_without_email(user.id));
        self.record.profile_digest = profile_digest("", &user.first_name, &user.last_name);
    }

    /// Removes the link to WorkOS from the changes, since another account has it.
    pub(super) fn without_workos_user_id(&mut self, record: &ImportRecord) {
        self.changes.workos_user_id = None;
        self.record
            .workos_user_id
            .clone_from(&record.workos_user_id);
    }

    fn password(
        &mut self,
        user: &User,
        row: &DjangoUser,
        (password, unusable): (&DjangoPassword, &str),
    ) {
        let new = match &password.stored {
            None if password.withheld => return,
            // Replacing one unusable password by another would end sessions for no reason.
            None if user.password.starts_with('!') => return,
            None => unusable,
            Some(password) => password,
        };
        let digest = password_digest(new);
        if digest != self.record.password_digest && self.record.matches_password_of(user) {
            self.rehashed = self.is_rehash(user, row, new);
            self.changes.password = Some(new.to_owned());
            self.record.password_here.clone_from(&digest);
            self.record.password_digest = digest;
        }
    }

    /// Whether the new hash is probably one of the same password. Django replaces a hash at a sign-in if
    /// its scheme or its parameters are not the current ones. Whether the password has changed too cannot
    /// be known. If the old hash is unknown, because a sign-in here has replaced it, a sign-in in Django
    /// since then is the probable cause. A hash that an earlier import has left out is none of a new
    /// password. A hash that no password matches is never one of the same password.
    fn is_rehash(&self, user: &User, row: &DjangoUser, new: &str) -> bool {
        if !passwords::is_usable(new) {
            return false;
        }
        if user.password.starts_with('!') && passwords::scheme(new).is_legacy() {
            return true;
        }
        if self.record.password_digest == self.record.password_here {
            let (old, new) = (passwords::work(&user.password), passwords::work(new));
            old.is_some() && new.is_some() && old != new
        } else {
            row.last_login > user.last_login
        }
    }

    fn profile(&mut self, user: &User, row: &DjangoUser, emails_verified: bool) {
        let none = CheckedEmail::none(user.id);
        let email = match &row.email {
            Ok(email) => Some(email),
            Err(_) => row.lacks_email.then_some(&none),
        };
        // With an invalid email, the account keeps its own.
        let text = email.map_or(user.email.as_str(), |email| email.text.as_str());
        let is_verified = emails_verified && !text.is_empty();
        let digest = profile_digest(text, &row.first_name, &row.last_name);
        let changed = digest != self.record.profile_digest && self.record.matches_profile_of(user);
        // WorkOS is the source of truth for a linked account.
        if changed && user.workos_user_id.is_none() {
            self.changes.first_name = Some(row.first_name.clone());
            self.changes.last_name = Some(row.last_name.clone());
            self.changes.email = email.map(|email| email.text.clone());
            self.record.profile_digest = digest;
            if let Some(email) = email.filter(|email| email.key != user.email_key) {
                self.changes.email_key = Some(email.key.clone());
                self.changes.email_verified = Some(is_verified);
            }
        }
        if email.is_some_and(|email| email.key == user.email_key) {
            let is_proved = is_verified && !user.email_verified;
            // An earlier batch has given the removed email to another account.
            let is_removed = text.is_empty() && user.email_verified;
            if is_proved || is_removed {
                self.changes.email_verified = Some(is_proved);
            }
        }
    }

    /// A link is added and never removed, since a run without `--workos-id-column` sees no links.
    fn workos_user_id(&mut self, user: &User, row: &DjangoUser) {
        let changed = row.workos_user_id != self.record.workos_user_id;
        if changed
            && row.workos_user_id.is_some()
            && user.workos_user_id == self.record.workos_user_id
        {
            self.changes.workos_user_id.clone_from(&row.workos_user_id);
            self.record.workos_user_id.clone_from(&row.workos_user_id);
        }
    }

    fn flags(&mut self, user: &User, row: &DjangoUser) {
        let merge = |django: bool, account: bool, recorded: &mut bool| {
            let change = merged_flag(django, account, *recorded);
            *recorded = change.unwrap_or(*recorded);
            change
        };
        let (changes, record) = (&mut self.changes, &mut self.record);
        changes.is_active = merge(row.is_active, user.is_active, &mut record.is_active);
        changes.is_staff = merge(row.is_staff, user.is_staff, &mut record.is_staff);
        changes.is_superuser = merge(
            row.is_superuser,
            user.is_superuser,
            &mut record.is_superuser,
        );
    }
}

/// Whether another person may have registered the account with an email that is not theirs.
pub(super) fn has_unverified_email(user: &User) -> bool {
    !user.email_verified && !user.email.is_empty()
}
