//! Second factors of django-allauth (`mfa_authenticator`) and of django-otp (`otp_totp_totpdevice`).

use std::collections::BTreeSet;
use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use super::decode::JsonRow;
use crate::accounts::second_factor::TotpSecret;
use crate::hex::hex;

/// The second factor that an account has in Django.
#[derive(Clone, Debug, Default)]
pub(super) enum DjangoFactor {
    /// None.
    #[default]
    Missing,
    /// An authenticator app that works here too.
    Totp(DjangoTotp),
    /// Something else: a security key, codes by SMS, an app with other parameters, or a secret that
    /// cannot be read. With the tables that hold it.
    Other(BTreeSet<String>),
}

/// A table of authenticator apps that work here too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AppTable {
    /// django-allauth's.
    Authenticators,
    /// django-otp's.
    TotpDevices,
}

impl AppTable {
    pub(super) const ALL: [Self; 2] = [Self::Authenticators, Self::TotpDevices];

    /// The table's name in Django.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Authenticators => "mfa_authenticator",
            Self::TotpDevices => "otp_totp_totpdevice",
        }
    }
}

/// An authenticator app.
#[derive(Clone)]
pub(super) struct DjangoTotp {
    pub(super) table: AppTable,
    pub(super) secret: TotpSecret,
    /// The time step of the last code that was used in Django, as far as it is stored.
    pub(super) last_step: i64,
    /// Whether the account has another factor or recovery codes too, which are not imported.
    pub(super) has_more: bool,
}

/// The record of an imported app: the SHA-256 of its secret, and the table that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RecordedApp {
    digest: String,
    /// `None` if an earlier version has recorded it.
    pub(super) table: Option<AppTable>,
}

impl RecordedApp {
    pub(super) fn of(app: &DjangoTotp) -> Self {
        Self {
            digest: secret_digest(&app.secret),
            table: Some(app.table),
        }
    }

    pub(super) fn parse(value: &str) -> Self {
        let (digest, table) = value.split_once(' ').unwrap_or((value, ""));
        Self {
            digest: digest.to_owned(),
            table: AppTable::ALL
                .into_iter()
                .find(|known| known.name() == table),
        }
    }

    /// Whether the app has this secret.
    pub(super) fn is_of(&self, secret: &TotpSecret) -> bool {
        self.digest == secret_digest(secret)
    }
}

impl fmt::Display for RecordedApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digest)?;
        match self.table {
            Some(table) => write!(f, " {}", table.name()),
            None => Ok(()),
        }
    }
}

/// The SHA-256 of a secret of at least 128 bits, which cannot be guessed from it.
fn secret_digest(secret: &TotpSecret) -> String {
    hex(digest(&SHA256, secret.as_bytes()).as_ref())
}

/// Does not show the secret.
impl fmt::Debug for DjangoTotp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DjangoTotp").finish_non_exhaustive()
    }
}

impl DjangoFactor {
    /// Reads the rows of an account: `type` and `data` of allauth's authenticators; `id`, `confirmed`,
    /// `key`, `step`, `t0`, `digits`, `drift` and `last_t` of django-otp's devices; and the other tables in which
    /// the account has factors.
    pub(super) fn new(
        authenticators: &[JsonRow],
        mut devices: Vec<JsonRow>,
        others: BTreeSet<String>,
    ) -> Self {
        devices.retain(|device| device.get(1).is_some_and(is_true));
        devices.sort_by_key(|device| integer(device, 0));
        let factors = authenticators.len() + devices.len() + others.len();
        let mut tables = others;
        for (table, rows) in [
            (AppTable::Authenticators, authenticators),
            (AppTable::TotpDevices, &devices),
        ] {
            if !rows.is_empty() {
                tables.insert(table.name().to_owned());
            }
        }
        let apps = authenticators.iter().filter_map(authenticator);
        let apps = apps.map(|app| (AppTable::Authenticators, app));
        let devices = devices.iter().filter_map(device);
        let mut usable = apps.chain(devices.map(|app| (AppTable::TotpDevices, app)));
        match usable.next() {
            Some((table, (secret, last_step))) => Self::Totp(DjangoTotp {
                table,
                secret,
                last_step,
                has_more: factors > 1,
            }),
            None if factors > 0 => Self::Other(tables),
            None => Self::Missing,
        }
    }
}

/// allauth keeps the secret in base32, unless the project's adapter encrypts it.
fn authenticator(row: &JsonRow) -> Option<(TotpSecret, i64)> {
    let [Some(kind), Some(data)] = row.as_slice() else {
        return None;
    };
    if kind != "totp" {
        return None;
    }
    let data: Value = serde_json::from_str(data).ok()?;
    let secret = data.get("secret")?.as_str()?;
    Some((TotpSecret::from_base32(secret).ok()?, 0))
}

/// Codes are accepted one step before and after their time, so that a drift of one step is harmless.
fn device(row: &JsonRow) -> Option<(TotpSecret, i64)> {
    let usable = integer(row, 3) == Some(30)
        && integer(row, 4) == Some(0)
        && integer(row, 5) == Some(6)
        && integer(row, 6).is_some_and(|drift| drift.abs() <= 1);
    let secret = bytes(row.get(2)?.as_deref()?)?;
    let secret = TotpSecret::from_bytes(&secret).ok().filter(|_| usable)?;
    Some((secret, integer(row, 7)?.max(0)))
}

fn integer(row: &JsonRow, at: usize) -> Option<i64> {
    row.get(at)?.as_deref()?.parse().ok()
}

fn is_true(cell: &Option<String>) -> bool {
    matches!(cell.as_deref(), Some("1" | "true"))
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let all_hex =
        digits.len().is_multiple_of(2) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    all_hex.then(|| pairs.map(byte).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    const HEX: &str = "3132333435363738393031323334353637383930";

    fn row(cells: &[&str]) -> JsonRow {
        cells.iter().map(|cell| Some((*cell).to_owned())).collect()
    }

    fn allauth(kind: &str, data: &str) -> JsonRow {
        row(&[kind, data])
    }

    fn otp(changed: usize, cell: &str) -> JsonRow {
        let mut cells = ["1", "1", HEX, "30", "0", "6", "0", "57"];
        cells[changed] = cell;
        row(&cells)
    }

    fn totp(factor: &DjangoFactor) -> &DjangoTotp {
        match factor {
            DjangoFactor::Totp(totp) => totp,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn secrets_of_both_packages_are_read() {
        let secret = format!(r#"{{"secret": "{BASE32}"}}"#);
        let factor = DjangoFactor::new(&[allauth("totp", &secret)], vec![], BTreeSet::new());
        let app = totp(&factor);
        assert_eq!(app.secret.as_bytes(), b"12345678901234567890");
        assert_eq!((app.last_step, app.has_more), (0, false));
        let factor = DjangoFactor::new(&[], vec![otp(0, "9"), otp(0, "10")], BTreeSet::new());
        let app = totp(&factor);
        assert_eq!(app.secret.as_bytes(), b"12345678901234567890");
        assert_eq!((app.last_step, app.has_more), (57, true));
        let recorded = RecordedApp::of(app);
        assert_eq!(recorded.table, Some(AppTable::TotpDevices));
        assert_eq!(RecordedApp::parse(&recorded.to_string()), recorded);
        assert_eq!(RecordedApp::parse("ab").table, None);
        assert!(!format!("{factor:?}").contains("123"));
        let codes = allauth("recovery_codes", r#"{"seed": "00", "used_mask": 0}"#);
        let factor = DjangoFactor::new(&[codes, allauth("totp", &secret)], vec![], BTreeSet::new());
        assert!(totp(&factor).has_more);
    }

    #[test]
    fn other_factors_are_not_usable() {
        let of_allauth =
            |kind, data| DjangoFactor::new(&[allauth(kind, data)], vec![], BTreeSet::new());
        for factor in [
            of_allauth("webauthn", "{}"),
            of_allauth("totp", "{}"),
            of_allauth("totp", r#"{"secret": "gAAAAABm_encrypted-"}"#),
            of_allauth("totp", r#"{"secret": "GEZDGNBV"}"#),
            DjangoFactor::new(
                &[],
                vec![],
                BTreeSet::from(["otp_hotp_hotpdevice".to_owned()]),
            ),
        ] {
            assert!(matches!(factor, DjangoFactor::Other(_)), "{factor:?}");
        }
        for (at, cell) in [
            (2, "31"),
            (2, "+1"),
            (2, "é"),
            (3, "60"),
            (4, "7"),
            (5, "8"),
            (6, "2"),
            (6, "-2"),
        ] {
            let factor = DjangoFactor::new(&[], vec![otp(at, cell)], BTreeSet::new());
            assert!(matches!(factor, DjangoFactor::Other(_)), "{at} {cell}");
        }
        let unconfirmed = DjangoFactor::new(&[], vec![otp(1, "0")], BTreeSet::new());
        assert!(matches!(unconfirmed, DjangoFactor::Missing));
    }
}
