use std::num::NonZeroU32;

use super::*;

fn rate(requests: u32) -> Rate {
    Rate {
        requests: NonZeroU32::new(requests).unwrap(),
        period: Duration::from_secs(60),
    }
}

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn client(n: u32) -> KeyHash {
    key_hash(IpAddr::from(n.to_be_bytes()), "")
}

/// The seconds that a client is told to wait.
fn wait(outcome: Result<(), Duration>) -> Option<u64> {
    match throttled(outcome) {
        Ok(()) => None,
        Err(Error::Throttled(seconds)) => Some(seconds),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_window_allows_the_rate_within_any_minute() {
    let window = SlidingWindow::new(rate(3));
    let count = |milliseconds| wait(window.count(client(1), at(milliseconds)));
    assert_eq!(count(0), None);
    assert_eq!(count(10_000), None);
    assert_eq!(count(10_000), None);
    assert_eq!(count(10_000), Some(50), "until the first is a minute old");
    assert_eq!(
        wait(window.count(client(2), at(10_000))),
        None,
        "another client"
    );
    assert_eq!(count(59_999), Some(1), "rounded up");
    assert_eq!(count(60_000), None);
    assert_eq!(count(60_001), Some(10), "rejected requests are not counted");
    for _ in 0..2 {
        assert_eq!(count(70_000), None);
    }
    assert_eq!(count(70_000), Some(50));
}

#[test]
fn the_default_rate_waits_as_long_as_django() {
    let window = SlidingWindow::new(rate(10));
    for _ in 0..10 {
        assert_eq!(wait(window.count(client(1), at(5))), None);
    }
    assert_eq!(wait(window.count(client(1), at(6))), Some(60));
}

#[test]
fn wrong_passwords_expire_one_by_one() {
    let failures = WrongPasswords::new(rate(2));
    let check = |milliseconds| wait(failures.check(client(1), at(milliseconds)));
    assert_eq!(check(0), None);
    failures.count(client(1), at(0));
    assert_eq!(check(0), None, "a check counts nothing");
    failures.count(client(1), at(0));
    assert_eq!(check(0), Some(300));
    failures.count(client(1), at(0));
    assert_eq!(check(0), Some(300), "the time to wait is bounded");
    assert_eq!(check(299_999), Some(1));
    assert_eq!(check(300_000), None);
    failures.count(client(1), at(300_000));
    assert_eq!(check(300_000), Some(300));
}

#[test]
fn expired_keys_are_removed_and_the_number_of_keys_is_bounded() {
    let map = BoundedMap::<Duration>::new();
    for n in 0..5_000 {
        let now = Duration::from_secs(n.into());
        map.update(client(n), now, |_| ((), now + at(1)));
    }
    assert!(map.len() <= 1_024, "{}", map.len());
    for n in 0..150_000 {
        let now = Duration::from_secs(5_000);
        map.update(client(n), now, |_| ((), now * 2));
    }
    assert!(map.len() <= 100_000, "{}", map.len());
}

#[test]
fn an_ipv6_network_and_an_ipv4_address_are_one_client() {
    let seen = |ip: &str, email| key_hash(ip.parse().unwrap(), email);
    assert_eq!(seen("2001:db8::1", ""), seen("2001:db8::ffff:1", ""));
    assert_ne!(seen("2001:db8::1", ""), seen("2001:db8:0:1::1", ""));
    assert_ne!(seen("192.0.2.1", ""), seen("192.0.2.2", ""));
    assert_eq!(seen("192.0.2.1", ""), seen("::ffff:192.0.2.1", ""));
    assert_eq!(
        seen("192.0.2.1", "Ada@Example.com"),
        seen("192.0.2.1", "ada@example.com")
    );
    assert_ne!(seen("192.0.2.1", "a@example.com"), seen("192.0.2.1", ""));
}
