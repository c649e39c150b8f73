use std::num::NonZeroU32;

use super::bounded_map::BoundedMap;
use super::*;
use crate::settings::Rate;

fn rate(requests: u32) -> Rate {
    Rate {
        requests: NonZeroU32::new(requests).unwrap(),
        period: Duration::from_secs(60),
    }
}

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn client(n: u32) -> LimitKey {
    network_keys(IpAddr::from(n.to_be_bytes()), "")[0]
}

/// Counts a request in a window unless its limit is reached, as [`Throttle::count`] does.
fn count_in(window: &SlidingWindow, key: LimitKey, now: Duration) -> Option<u64> {
    let wait = wait(window.check(key, now));
    if wait.is_none() {
        window.count(key, now);
    }
    wait
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
    let count = |milliseconds| count_in(&window, client(1), at(milliseconds));
    assert_eq!(count(0), None);
    assert_eq!(count(10_000), None);
    assert_eq!(count(10_000), None);
    assert_eq!(count(10_000), Some(50), "until the first is a minute old");
    assert_eq!(
        count_in(&window, client(2), at(10_000)),
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
        assert_eq!(count_in(&window, client(1), at(5)), None);
    }
    assert_eq!(count_in(&window, client(1), at(6)), Some(60));
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
    failures.forget(client(1), at(300_000));
    assert_eq!(check(300_000), None);
}

#[test]
fn a_larger_network_has_a_higher_limit_that_expires_faster() {
    let failures = WrongPasswords::new(rate(2));
    let key = LimitKey {
        factor: 4,
        ..client(1)
    };
    for _ in 0..8 {
        assert_eq!(wait(failures.check(key, at(0))), None);
        failures.count(key, at(0));
    }
    assert_eq!(wait(failures.check(key, at(0))), Some(75));
    let window = SlidingWindow::new(rate(2));
    for _ in 0..8 {
        assert_eq!(count_in(&window, key, at(0)), None);
    }
    assert_eq!(count_in(&window, key, at(0)), Some(60));
}

/// A throttle of two sign-ins a minute.
fn throttle() -> Throttle {
    Throttle {
        clock: Clock::standing_at(crate::clock::Timestamp::from_seconds(1).unwrap()),
        sign_ins: Some(Arc::new(FailureLimit::new(rate(2)))),
        wrong_passwords: Some(WrongPasswords::new(rate(2))),
        refreshes: Some(Arc::new(FailureLimit::new(rate(2)))),
        organization_switches: None,
        account_rows: None,
        session_tokens: None,
        rotations: None,
        verifications: None,
        old_passwords: OldPasswords::new(),
        counting: Mutex::new(()),
    }
}

/// How many requests are allowed from these addresses together.
fn allowed(addresses: impl Iterator<Item = String>, ask: impl Fn(IpAddr) -> bool) -> usize {
    addresses.filter(|ip| ask(ip.parse().unwrap())).count()
}

#[test]
fn all_networks_of_an_address_are_counted() {
    let v6 = |subnets: u32| (0..subnets).map(|subnet| format!("2001:db8:0:{subnet:x}::1"));
    let v4 = |hosts: u32| (0..hosts).map(|host| format!("192.0.2.{host}"));
    let wrong = |throttle: &Throttle, ip: IpAddr| {
        let attempt = throttle.begin_password(&PasswordSource::Address(ip), "ada@example.com");
        attempt.map(|attempt| attempt.finish(true)).is_ok()
    };
    // A /56 has 256 networks, a /48 has 65,536.
    let throttle = throttle();
    assert_eq!(allowed(v6(256), |ip| throttle.count_sign_in(ip).is_ok()), 8);
    assert_eq!(allowed(v6(256), |ip| throttle.count_refresh(ip).is_ok()), 8);
    assert_eq!(allowed(v6(256), |ip| wrong(&throttle, ip)), 8);
    let throttle = self::throttle();
    assert_eq!(
        allowed(v6(4_096), |ip| throttle.count_sign_in(ip).is_ok()),
        32
    );
    assert_eq!(allowed(v6(4_096), |ip| wrong(&throttle, ip)), 32);
    assert_eq!(
        allowed(v4(256), |ip| throttle.count_sign_in(ip).is_ok()),
        32
    );
    assert_eq!(allowed(v4(256), |ip| wrong(&throttle, ip)), 32);
    let other = "2001:db8:1::1".parse().unwrap();
    assert!(throttle.count_sign_in(other).is_ok(), "another network");
    assert!(wrong(&throttle, other));
}

#[test]
fn the_networks_of_providers_have_limits() {
    let ipv6_40 = |number: u32| format!("2001:db8:{:x}:{:x}::1", number % 256, number / 256);
    let ipv6_32 = |number: u32| format!("2001:db8:{number:x}::1");
    let ipv4_16 = |number: u32| format!("203.0.{}.{}", number % 256, number / 256);
    let networks: [(&dyn Fn(u32) -> String, usize); 3] =
        [(&ipv6_40, 128), (&ipv6_32, 512), (&ipv4_16, 128)];
    for (address, most) in networks {
        let throttle = throttle();
        let addresses = || (0..2_048).map(address);
        let signs_in = |ip| throttle.count_sign_in(ip).is_ok();
        assert_eq!(allowed(addresses(), signs_in), most);
        let refreshes = |ip| throttle.count_refresh(ip).is_ok();
        assert_eq!(allowed(addresses(), refreshes), most);
        let other = "2001:db9::1".parse().unwrap();
        assert!(throttle.count_sign_in(other).is_ok(), "another network");
    }
}

#[test]
fn a_password_counts_as_wrong_until_it_is_known_to_be_right() {
    let throttle = throttle();
    let here = PasswordSource::Address("192.0.2.1".parse().unwrap());
    let known = known_browser("ada@example.com", "one");
    for source in [here, known] {
        let begin = || throttle.begin_password(&source, "Ada@example.com");
        let (first, second) = (begin().unwrap(), begin().unwrap());
        assert!(begin().is_err(), "two are being compared");
        first.finish(false);
        drop(second);
        begin().unwrap().finish(true);
        assert!(begin().is_err(), "one client went away, one was wrong");
    }
}

fn known_browser(account: &str, browser: &str) -> PasswordSource {
    PasswordSource::KnownBrowser {
        account: account.to_owned(),
        browser: browser.to_owned(),
    }
}

#[test]
fn each_account_has_limits_of_its_own_in_each_known_browser() {
    let throttle = throttle();
    let count = |account, browser| throttle.count_known_browser(&known_browser(account, browser));
    for _ in 0..2 {
        count("ada@example.com", "one").unwrap();
    }
    assert!(count("ada@example.com", "one").is_err());
    count("ada@example.com", "two").unwrap();
    count("olive@example.com", "one").unwrap();
    throttle
        .count_sign_in("192.0.2.1".parse().unwrap())
        .unwrap();
}

/// Somebody who collects cookies of an account has no more guesses for each.
#[test]
fn all_known_browsers_of_an_account_have_a_wide_limit_together() {
    let throttle = throttle();
    let source = |account, number: u32| known_browser(account, &number.to_string());
    let guesses = |account| {
        let begun = |number: &u32| {
            let attempt = throttle.begin_password(&source(account, *number), "");
            attempt.map(|attempt| attempt.finish(true)).is_ok()
        };
        (0..100).filter(begun).count()
    };
    assert_eq!(guesses("1"), 20);
    assert_eq!(guesses("2"), 20, "another account");
    let signs_in = |number: &u32| throttle.count_known_browser(&source("1", *number)).is_ok();
    assert_eq!((0..100).filter(signs_in).count(), 20);
    // Strangers reach none of these limits, and are in no way helped by them.
    let stranger = PasswordSource::Address("192.0.2.1".parse().unwrap());
    assert!(
        throttle
            .begin_password(&stranger, "ada@example.com")
            .is_ok()
    );
}

#[test]
fn successful_requests_have_a_wide_limit_of_their_own() {
    let throttle = throttle();
    let here = "192.0.2.1".parse().unwrap();
    let count = || throttle.count_sign_in(here);
    for _ in 0..39 {
        count().unwrap().unwrap().succeeded();
    }
    let pending = count().unwrap();
    drop(count().unwrap());
    assert!(count().is_err(), "one is running, one has failed");
    pending.unwrap().succeeded();
    assert!(count().is_err(), "forty have succeeded");
    let neighbour = "192.0.2.2".parse().unwrap();
    assert!(throttle.count_sign_in(neighbour).is_ok());
}

#[test]
fn expired_keys_are_removed_and_the_number_of_keys_is_bounded() {
    let map = BoundedMap::<Duration>::new();
    for n in 0..5_000 {
        let now = Duration::from_secs(n.into());
        map.update(client(n).hash, now, |_| ((), now + at(1)));
    }
    assert!(map.len() <= 1_024, "{}", map.len());
    for n in 0..150_000 {
        let now = Duration::from_secs(5_000);
        map.update(client(n).hash, now, |_| ((), now * 2));
    }
    assert!(map.len() <= 100_000, "{}", map.len());
}

#[test]
fn an_ipv6_network_and_an_ipv4_address_are_one_client() {
    let seen = |ip: &str, email| network_keys(ip.parse().unwrap(), email)[0].hash;
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
