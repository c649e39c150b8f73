//! Parses and computes Argon2 hashes: `argon2$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, Ordering};

use argon2::{Algorithm, Block, MIN_SALT_LEN, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::fields::{MAX_LANES, MAX_MEMORY_KIB, fields, number};

/// A thread reuses up to this many blocks of 1 KiB for its next hash: enough for a hash with the
/// current parameters. If they were allocated for each hash, glibc's arenas would retain fifteen
/// times as much memory.
const REUSED_BLOCKS: usize = 32 * 1024;

thread_local! {
    static BLOCKS: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// The memory that a hash may demand, in KiB. One value for the whole process, because whether a stored
/// hash is usable must not depend on who asks.
static MEMORY_LIMIT_KIB: AtomicU32 = AtomicU32::new(MAX_MEMORY_KIB);

/// Lets Argon2 hashes demand this much memory, in MiB, if it is more than before.
pub(in crate::accounts::passwords) fn allow_argon2_memory(mib: u32) {
    MEMORY_LIMIT_KIB.fetch_max(mib.saturating_mul(1024), Ordering::Relaxed);
}

/// Memory in KiB times passes. Django's default is 204,800.
const MAX_ARGON2_WORK: u64 = 1_048_576;

/// The parameters and the salt of an Argon2 hash.
pub(in crate::accounts::passwords) struct Argon2Params {
    pub(in crate::accounts::passwords) algorithm: Algorithm,
    /// `None` if the hash does not say, as before Argon2 1.3.
    pub(in crate::accounts::passwords) version: Option<Version>,
    pub(in crate::accounts::passwords) memory_kib: u32,
    pub(in crate::accounts::passwords) passes: u32,
    pub(in crate::accounts::passwords) lanes: u32,
    pub(in crate::accounts::passwords) salt: Vec<u8>,
    /// The length of the hash in bytes.
    pub(in crate::accounts::passwords) length: usize,
}

impl Argon2Params {
    /// Parses `argon2id$v=19$m=19456,t=2,p=1$salt$hash`; the version may be missing.
    pub(super) fn parse(rest: &str) -> Option<Self> {
        Self::parse_within(rest, MEMORY_LIMIT_KIB.load(Ordering::Relaxed))
    }

    fn parse_within(rest: &str, memory_limit_kib: u32) -> Option<Self> {
        let (version, [algorithm, costs, salt, hash]) = match fields::<5>(rest) {
            Some([algorithm, version, costs, salt, hash]) => {
                (Some(version), [algorithm, costs, salt, hash])
            }
            None => (None, fields(rest)?),
        };
        let mut costs = costs.split(',');
        let mut cost =
            |name: &str, most| number(costs.next()?.strip_prefix(name)?.strip_prefix('=')?, most);
        let argon2 = Self {
            algorithm: match algorithm {
                "argon2id" => Algorithm::Argon2id,
                "argon2i" => Algorithm::Argon2i,
                "argon2d" => Algorithm::Argon2d,
                _ => return None,
            },
            version: match version {
                Some("v=19") => Some(Version::V0x13),
                Some("v=16") => Some(Version::V0x10),
                Some(_) => return None,
                None => None,
            },
            memory_kib: cost("m", memory_limit_kib)?,
            passes: cost("t", u32::MAX)?,
            lanes: cost("p", MAX_LANES)?,
            salt: STANDARD_NO_PAD.decode(salt).ok()?,
            length: STANDARD_NO_PAD.decode(hash).ok()?.len(),
        };
        let work = u64::from(argon2.memory_kib) * u64::from(argon2.passes);
        (costs.next().is_none()
            && work <= MAX_ARGON2_WORK
            && (12..=64).contains(&argon2.length)
            && argon2.salt.len() >= MIN_SALT_LEN)
            .then_some(argon2)
            .filter(|argon2| argon2.parameters().is_some())
    }

    /// The parameters as the library takes them; `None` if Argon2 does not allow them, for example less
    /// memory than its lanes need.
    fn parameters(&self) -> Option<argon2::Params> {
        let length = Some(self.length);
        argon2::Params::new(self.memory_kib, self.passes, self.lanes, length).ok()
    }

    pub(in crate::accounts::passwords) fn encode(&self, password: &str) -> Option<String> {
        let Self {
            memory_kib,
            passes,
            lanes,
            ..
        } = *self;
        let parameters = self.parameters()?;
        let version = self.version.unwrap_or(Version::V0x10);
        let mut hash = vec![0; self.length];
        let argon2 = argon2::Argon2::new(self.algorithm, version, parameters);
        let count = argon2.params().block_count();
        let mut fill = |blocks: &mut [Block]| {
            let password = password.as_bytes();
            argon2.hash_password_into_with_memory(password, &self.salt, &mut hash, blocks)
        };
        let filled = if count <= REUSED_BLOCKS {
            BLOCKS.with_borrow_mut(|reused| {
                reused.resize(count.max(reused.len()), Block::new());
                fill(&mut reused[..count])
            })
        } else {
            fill(&mut vec![Block::new(); count])
        };
        filled.ok()?;
        let version_field = match self.version {
            Some(version) => format!("v={}$", u32::from(version)),
            None => String::new(),
        };
        let (salt, hash) = (
            STANDARD_NO_PAD.encode(&self.salt),
            STANDARD_NO_PAD.encode(hash),
        );
        let algorithm = self.algorithm.as_str();
        Some(format!(
            "argon2${algorithm}${version_field}m={memory_kib},t={passes},p={lanes}${salt}${hash}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_limit_is_the_settings() {
        let quarter =
            "argon2id$v=19$m=262144,t=2,p=4$c2Vhc2FsdDJzZWFzYWx0Mg$aAkaWhEHkiFLGOqTMA0BSw";
        assert!(Argon2Params::parse_within(quarter, MAX_MEMORY_KIB).is_none());
        assert!(Argon2Params::parse_within(quarter, 256 * 1024).is_some());
        let more_work = quarter.replace("t=2", "t=5");
        assert!(Argon2Params::parse_within(&more_work, 256 * 1024).is_none());
        let more_memory = quarter.replace("262144", "262145");
        assert!(Argon2Params::parse_within(&more_memory, 256 * 1024).is_none());
    }
}
