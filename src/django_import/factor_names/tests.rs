use super::*;

#[test]
fn names_of_other_things_are_none_of_factors() {
    for name in "password footprint email_verified security_question google_id oauth_uid is_author blogauthor \
         second_name two_letters recovery_email backup_email stepson step_count mode_of_travel auth_provider \
         gauge authored_at health hotplate promo_code"
        .split_whitespace()
    {
        assert_eq!(FactorColumn::of(name), None, "{name}");
    }
}
