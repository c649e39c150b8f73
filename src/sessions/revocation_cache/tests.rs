use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_000_000 + seconds).unwrap()
}

/// A cache after a reading at `now` that returned these sessions and their expiry.
fn cache(revoked: &[(&str, i64)], now: i64) -> RevocationCache {
    let cache = RevocationCache::default();
    read(&cache, revoked, now);
    cache
}

fn read(cache: &RevocationCache, revoked: &[(&str, i64)], now: i64) {
    let revoked = revoked
        .iter()
        .map(|(id, expires_at)| (fingerprint(&SessionId::from(*id)), at(*expires_at)));
    let changes = RecentChanges {
        revoked: revoked.collect(),
        ..no_changes(now)
    };
    cache.add_changes(changes, Instant::now(), at(now));
}

/// The database's clock is an hour ahead.
fn no_changes(now: i64) -> RecentChanges {
    RecentChanges {
        revoked: Vec::new(),
        generations: Vec::new(),
        epoch: 7,
        read_at: at(now + 3_600),
    }
}

#[test]
fn before_the_first_reading_the_status_is_unknown() {
    let cache = RevocationCache::default();
    assert_eq!(cache.status(&"a".into()), RevocationStatus::Unknown);
    cache.add_revoked(&"a".into(), at(100));
    assert_eq!(cache.status(&"a".into()), RevocationStatus::Revoked);
}

#[test]
fn sessions_revoked_anywhere_are_revoked_and_others_are_not() {
    let cache = cache(&[("a", 100)], 0);
    cache.add_revoked(&"b".into(), at(100));
    assert_eq!(cache.status(&"a".into()), RevocationStatus::Revoked);
    assert_eq!(cache.status(&"b".into()), RevocationStatus::Revoked);
    assert_eq!(cache.status(&"c".into()), RevocationStatus::NotRevoked);
}

#[test]
fn after_a_minute_without_a_reading_the_status_is_unknown() {
    let cache = cache(&[("a", 100)], 0);
    let a_minute_ago = Instant::now().checked_sub(MAX_AGE).unwrap();
    cache.contents.write().read_at_instant = Some(a_minute_ago);
    assert_eq!(cache.status(&"a".into()), RevocationStatus::Revoked);
    assert_eq!(cache.status(&"c".into()), RevocationStatus::Unknown);
    read(&cache, &[], 1);
    assert_eq!(cache.status(&"c".into()), RevocationStatus::NotRevoked);
}

#[test]
fn a_reading_overlaps_the_previous_one() {
    let cache = RevocationCache::default();
    assert_eq!(cache.since(at(0)), None, "the first reads everything");
    read(&cache, &[], 1_000);
    let in_database = 1_000 + 3_600;
    assert_eq!(cache.since(at(1_001)), Some(at(in_database - 600)));
}

#[test]
fn after_the_clock_was_set_back_everything_is_read() {
    let cache = cache(&[], 1_000);
    assert_eq!(cache.since(at(999)), None);
}

#[test]
fn expired_entries_are_removed() {
    let cache = cache(&[("a", 100), ("b", 10_000)], 0);
    read(&cache, &[], 200);
    let contents = cache.contents.read();
    assert_eq!(contents.revoked.len(), 1);
    assert!(contents.revoked.contains_key(&fingerprint(&"b".into())));
}

#[test]
fn the_highest_generation_counts_until_the_session_expires() {
    let cache = cache(&[], 0);
    assert_eq!(cache.generation(&"a".into()), 0);
    cache.add_generation(&SessionGeneration {
        session_id: "a".into(),
        generation: 2,
        expires_at: at(100),
    });
    let changes = RecentChanges {
        generations: vec![(fingerprint(&"a".into()), 1, at(100))],
        ..no_changes(1)
    };
    cache.add_changes(changes, Instant::now(), at(1));
    assert_eq!(
        cache.generation(&"a".into()),
        2,
        "a reading does not lower it"
    );
    assert_eq!(cache.generation(&"b".into()), 0);
    read(&cache, &[], 200);
    assert!(cache.contents.read().generations.is_empty());
}
