use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_000_000 + seconds).unwrap()
}

fn known(ended: &[(&str, i64)], now: i64) -> Revocations {
    let revocations = Revocations::default();
    learn(&revocations, ended, now);
    revocations
}

fn learn(revocations: &Revocations, ended: &[(&str, i64)], now: i64) {
    let ended = ended.iter().map(|(id, end)| ((*id).to_owned(), at(*end)));
    let lately = Lately {
        ended: ended.collect(),
        marked: Vec::new(),
    };
    revocations.learn(lately, Instant::now(), at(now));
}

#[test]
fn before_the_first_reading_nobodys_standing_is_known() {
    let revocations = Revocations::default();
    assert_eq!(revocations.standing("a"), Standing::Unknown);
    revocations.end("a", at(100));
    assert_eq!(revocations.standing("a"), Standing::Ended);
}

#[test]
fn what_was_read_or_ended_here_is_ended_and_the_rest_is_good() {
    let revocations = known(&[("a", 100)], 0);
    revocations.end("b", at(100));
    assert_eq!(revocations.standing("a"), Standing::Ended);
    assert_eq!(revocations.standing("b"), Standing::Ended);
    assert_eq!(revocations.standing("c"), Standing::Good);
}

#[test]
fn after_a_minute_without_a_reading_nothing_is_vouched_for() {
    let revocations = known(&[("a", 100)], 0);
    let long_ago = Instant::now().checked_sub(TRUSTED_FOR).unwrap();
    revocations.known.write().unwrap().fresh_at = Some(long_ago);
    assert_eq!(revocations.standing("a"), Standing::Ended);
    assert_eq!(revocations.standing("c"), Standing::Unknown);
    learn(&revocations, &[], 1);
    assert_eq!(revocations.standing("c"), Standing::Good);
}

#[test]
fn each_reading_goes_back_behind_the_one_before_it() {
    let revocations = Revocations::default();
    assert_eq!(revocations.since(at(0)), None, "the first reads everything");
    learn(&revocations, &[], 1_000);
    assert_eq!(revocations.since(at(1_001)), Some(at(700)));
}

#[test]
fn a_clock_set_back_reads_everything_anew() {
    let revocations = known(&[], 1_000);
    assert_eq!(revocations.since(at(999)), None);
}

#[test]
fn what_would_have_ended_by_itself_is_forgotten() {
    let revocations = known(&[("a", 100), ("b", 10_000)], 0);
    learn(&revocations, &[], 200);
    let known = revocations.known.read().unwrap();
    assert_eq!(known.ended.len(), 1);
    assert!(known.ended.contains_key(&fingerprint("b")));
}

#[test]
fn the_latest_mark_counts_until_its_session_would_have_ended() {
    let revocations = known(&[], 0);
    let mark = |marks| Mark {
        session_id: "a".to_owned(),
        marks,
        expires_at: at(100),
    };
    assert_eq!(revocations.marks("a"), 0);
    revocations.mark(&mark(2));
    let late = Lately {
        marked: vec![mark(1)],
        ..Lately::default()
    };
    revocations.learn(late, Instant::now(), at(1));
    assert_eq!(revocations.marks("a"), 2, "no reading takes it back");
    assert_eq!(revocations.marks("b"), 0);
    learn(&revocations, &[], 200);
    assert!(revocations.known.read().unwrap().marks.is_empty());
}
