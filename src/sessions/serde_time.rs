//! How the session cookie stores times.

/// Serialises a time as whole seconds since 1970, which is short.
pub(super) mod seconds {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::clock::Timestamp;

    pub(in crate::sessions) fn serialize<S: Serializer>(
        time: &Timestamp,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_i64(time.seconds())
    }

    pub(in crate::sessions) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Timestamp, D::Error> {
        Timestamp::from_seconds(i64::deserialize(from)?)
            .ok_or_else(|| D::Error::custom("the time is out of range"))
    }
}

/// The same for a time that may be missing.
pub(super) mod optional_seconds {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::clock::Timestamp;

    #[expect(clippy::ref_option, reason = "serde passes a reference")]
    pub(in crate::sessions) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => to.serialize_i64(time.seconds()),
            None => to.serialize_none(),
        }
    }

    pub(in crate::sessions) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(from)?.and_then(Timestamp::from_seconds))
    }
}
