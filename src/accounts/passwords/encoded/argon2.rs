//! Argon2's part of a stored hash: `argon2$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.

use std::cell::RefCell;

use argon2::{Algorithm, Block, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::{MOST_LANES, MOST_MEMORY_KIB, fields, number};

/// Blocks of 1 KiB that a thread keeps from one hash to the next: those of a new hash, and some more.
/// Asked for anew each time, glibc's arenas kept fifteen times as much.
const KEPT_BLOCKS: usize = 32 * 1024;

thread_local! {
    static BLOCKS: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// Argon2: memory in KiB times passes. Django's default is 204,800.
const MOST_ARGON2_WORK: u64 = 1_048_576;
/// Argon2's part of a stored hash.
pub(in crate::accounts::passwords) struct Argon2 {
    pub(in crate::accounts::passwords) algorithm: Algorithm,
    /// `None`: not written down, as before Argon2 1.3.
    pub(in crate::accounts::passwords) version: Option<Version>,
    pub(in crate::accounts::passwords) memory_kib: u32,
    pub(in crate::accounts::passwords) passes: u32,
    pub(in crate::accounts::passwords) lanes: u32,
    pub(in crate::accounts::passwords) salt: Vec<u8>,
    /// Of the hash, in bytes.
    pub(in crate::accounts::passwords) length: usize,
}

impl Argon2 {
    /// `argon2id$v=19$m=19456,t=2,p=1$salt$hash`; the version may be missing.
    pub(super) fn parse(rest: &str) -> Option<Self> {
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
            memory_kib: cost("m", MOST_MEMORY_KIB)?,
            passes: cost("t", u32::MAX)?,
            lanes: cost("p", MOST_LANES)?,
            salt: STANDARD_NO_PAD.decode(salt).ok()?,
            length: STANDARD_NO_PAD.decode(hash).ok()?.len(),
        };
        let work = u64::from(argon2.memory_kib) * u64::from(argon2.passes);
        (costs.next().is_none() && work <= MOST_ARGON2_WORK && (12..=64).contains(&argon2.length))
            .then_some(argon2)
    }

    pub(in crate::accounts::passwords) fn encode(&self, password: &str) -> Option<String> {
        let Self {
            memory_kib,
            passes,
            lanes,
            ..
        } = *self;
        let parameters = argon2::Params::new(memory_kib, passes, lanes, Some(self.length)).ok()?;
        let version = self.version.unwrap_or(Version::V0x10);
        let mut hash = vec![0; self.length];
        let argon2 = argon2::Argon2::new(self.algorithm, version, parameters);
        let count = argon2.params().block_count();
        let mut fill = |blocks: &mut [Block]| {
            let password = password.as_bytes();
            argon2.hash_password_into_with_memory(password, &self.salt, &mut hash, blocks)
        };
        let filled = if count <= KEPT_BLOCKS {
            BLOCKS.with_borrow_mut(|kept| {
                kept.resize(count.max(kept.len()), Block::new());
                fill(&mut kept[..count])
            })
        } else {
            fill(&mut vec![Block::new(); count])
        };
        filled.ok()?;
        let written = match self.version {
            Some(version) => format!("v={}$", u32::from(version)),
            None => String::new(),
        };
        let (salt, hash) = (
            STANDARD_NO_PAD.encode(&self.salt),
            STANDARD_NO_PAD.encode(hash),
        );
        let algorithm = self.algorithm.as_str();
        Some(format!(
            "argon2${algorithm}${written}m={memory_kib},t={passes},p={lanes}${salt}${hash}"
        ))
    }
}
