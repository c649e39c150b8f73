//! Parses times as Django's databases write them.

use chrono::{NaiveDateTime, TimeDelta};

use crate::clock::Timestamp;

/// Parses `2026-11-21 19:10:09.440066`: with or without a fraction, with `T` or a space, with or
/// without an offset such as `+00`, `-03:30` or `Z`. A time without an offset is UTC, as Django
/// stores it.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let (date, clock) = text.split_once(['T', ' '])?;
    let (clock, offset) = match clock.find(['+', '-', 'Z']) {
        Some(at) => (clock.get(..at)?, offset(clock.get(at..)?)?),
        None => (clock, TimeDelta::zero()),
    };
    let whole = format!("{date} {}", clock.trim_end());
    let naive = NaiveDateTime::parse_from_str(&whole, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    let naive = naive.checked_sub_signed(offset)?;
    // The range that both databases can store.
    let year = chrono::Datelike::year(&naive);
    (1..=9999)
        .contains(&year)
        .then(|| Timestamp::from_naive(naive))
}

fn offset(text: &str) -> Option<TimeDelta> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("Z", "") => return Some(TimeDelta::zero()),
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let digits: String = digits.split(':').collect();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || ![2, 4, 6].contains(&digits.len()) {
        return None;
    }
    let part = |at: usize| {
        digits
            .get(at..at + 2)
            .map_or(Some(0), |two| two.parse().ok())
    };
    let (hours, minutes, seconds): (i64, i64, i64) = (part(0)?, part(2)?, part(4)?);
    let within = hours < 24 && minutes < 60 && seconds < 60;
    within.then(|| TimeDelta::seconds(sign * (hours * 3600 + minutes * 60 + seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_notations_of_one_time_are_parsed() {
        for text in [
            "2026-11-21 19:10:09.440066",
            "2026-11-21T19:10:09.440066",
            "2026-11-21 19:10:09.440066+00",
            "2026-11-21 19:10:09.440066 +00:00",
            "2026-11-21T19:10:09.440066Z",
            "2026-11-22 00:40:09.440066+05:30",
            "2026-11-21 15:40:09.440066-0330",
        ] {
            let moment = parse(text).map(|moment| moment.to_string());
            assert_eq!(
                moment.as_deref(),
                Some("2026-11-21T19:10:09.440066Z"),
                "{text}"
            );
        }
        let whole = parse("2026-11-21 19:10:09").map(|moment| moment.to_string());
        assert_eq!(whole.as_deref(), Some("2026-11-21T19:10:09Z"));
    }

    #[test]
    fn other_texts_are_not_times() {
        for text in [
            "",
            "yesterday",
            "2026-11-21",
            "2026-13-21 19:10:09",
            "2026-11-21 25:10:09",
            "2026-11-21 19:10:09+5",
            "2026-11-21 19:10:09+é5",
            "2026-11-21 19:10:09+25:00",
            "infinity",
            "0044-03-15 12:00:00+00 BC",
            "20260-11-21 19:10:09",
            "1763752209",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
