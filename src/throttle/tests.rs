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

fn client(n: u32) -> Fingerprint {
    fingerprint(IpAddr::from(n.to_be_bytes()), "")
}

/// Seconds to wait, as a client is told.
fn told(outcome: Result<(), Duration>) -> Option<u64> {
    match allowed(outcome) {
        Ok(()) => None,
        Err(Error::Throttled(seconds)) => Some(seconds),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn so_many_within_any_minute() {
    let window = Window::new(rate(3));
    let count = |milliseconds| told(window.count(client(1), at(milliseconds)));
    assert_eq!(count(0), None);
    assert_eq!(count(10_000), None);
    assert_eq!(count(10_000), None);
    assert_eq!(count(10_000), Some(50), "until the first is a minute old");
    assert_eq!(told(window.count(client(2), at(10_000))), None, "another");
    assert_eq!(count(59_999), Some(1), "rounded up");
    assert_eq!(count(60_000), None);
    assert_eq!(count(60_001), Some(10), "refusals were not counted");
    for _ in 0..2 {
        assert_eq!(count(70_000), None);
    }
    assert_eq!(count(70_000), Some(50));
}

#[test]
fn the_default_says_what_django_says() {
    let window = Window::new(rate(10));
    for _ in 0..10 {
        assert_eq!(told(window.count(client(1), at(5))), None);
    }
    assert_eq!(told(window.count(client(1), at(6))), Some(60));
}

#[test]
fn failures_are_forgotten_one_by_one() {
    let failures = Failures::new(rate(2));
    let look = |milliseconds| told(failures.look(client(1), at(milliseconds)));
    assert_eq!(look(0), None);
    failures.note(client(1), at(0));
    assert_eq!(look(0), None, "a look counts nothing");
    failures.note(client(1), at(0));
    assert_eq!(look(0), Some(300));
    failures.note(client(1), at(0));
    assert_eq!(look(0), Some(300), "the wait has its bound");
    assert_eq!(look(299_999), Some(1));
    assert_eq!(look(300_000), None);
    failures.note(client(1), at(300_000));
    assert_eq!(look(300_000), Some(300));
}

#[test]
fn idle_keys_are_forgotten_and_busy_ones_are_bounded() {
    let memory = Memory::<Duration>::new();
    for n in 0..5_000 {
        let now = Duration::from_secs(n.into());
        memory.change(client(n), now, |_| ((), now + at(1)));
    }
    assert!(memory.len() <= 1_024, "{}", memory.len());
    for n in 0..150_000 {
        let now = Duration::from_secs(5_000);
        memory.change(client(n), now, |_| ((), now * 2));
    }
    assert!(memory.len() <= 100_000, "{}", memory.len());
}

#[test]
fn a_network_of_ipv6_is_one_client_and_an_address_of_ipv4_is_one() {
    let seen = |ip: &str, email| fingerprint(ip.parse().unwrap(), email);
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
