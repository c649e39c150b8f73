use super::*;

#[test]
fn each_reason_has_its_count_and_a_bounded_list() {
    let mut tally = ImportTally::default();
    for id in 1..=3 {
        let mut batch = ImportTally {
            inserted: 10,
            ..ImportTally::default()
        };
        for part in 0..3 {
            batch.refuse(
                RefusedRow::new(id * 10 + part, RefusalReason::EmailTaken)
                    .conflicting_with(7.into()),
            );
        }
        batch.refuse(RefusedRow::new(id, RefusalReason::Nul));
        batch.note(("texts are long", "text is long"), id);
        tally.add(batch);
    }
    tally.note(("texts are short", "text is short"), 7);
    assert_eq!((tally.inserted, tally.refused()), (30, 12));
    let report = ImportReport {
        users: tally,
        tokens: None,
        not_imported: BTreeMap::new(),
        second_factors: None,
        factor_options: None,
        closed_accounts: Vec::new(),
        source: SourceNotes::default(),
        names_all: false,
        heading: "x:".to_owned(),
    };
    let text = report.to_string();
    assert!(text.contains("9 emails belong to another account: 10 (by 7), 11 (by 7), 12 (by 7), 20 (by 7), 21 (by 7), …"), "{text}");
    assert!(
        text.contains("3 texts with a NUL character: 1, 2, 3"),
        "{text}"
    );
    assert!(!text.contains("1, 2, 3, …"), "{text}");
    assert!(text.contains("3 texts are long: 1, 2, 3"), "{text}");
    assert!(text.contains("1 text is short: 7"), "{text}");
}
