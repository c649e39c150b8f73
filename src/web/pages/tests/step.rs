//! The pages of a sign-in that WorkOS has not finished.

use super::*;

fn step(nav: Nav<'_>, ask: Ask<'_>, errors: &[String]) -> String {
    Step {
        page: page(nav),
        action: "/auth/step?id=0123456789abcdef",
        asked_at: "1700000000000000",
        ask,
        errors,
        afresh_url: "/auth/login?next=%2Faccount",
        another_url: "/auth/login?max_age=0&next=%2Faccount",
    }
    .render()
    .unwrap()
}

const CHOICES: [Choice<'_>; 2] = [
    Choice {
        id: "org_1",
        name: "Orchards & Sons",
        checked: false,
        focused: false,
    },
    Choice {
        id: "org_2",
        name: "Tandem Cycles",
        checked: true,
        focused: true,
    },
];

pub(super) fn every_step(nav: Nav<'_>) -> Vec<String> {
    let asks = [
        Ask::Organization(&CHOICES),
        Ask::Email(Some("ada@example.com")),
        Ask::Email(None),
        Ask::Totp,
    ];
    let wrong = ["Wrong.".to_owned()];
    let elsewhere = Elsewhere {
        page: page(nav),
        heading: "Single sign-on",
        message: "Your organisation wants it.",
        action: Action {
            label: "Continue",
            url: "/auth/login?connection_id=conn_1",
        },
        another_url: "/auth/login?max_age=0",
    };
    let steps = asks
        .into_iter()
        .flat_map(|ask| [step(nav, ask, &[]), step(nav, ask, &wrong)]);
    steps.chain([elsewhere.render().unwrap()]).collect()
}

#[test]
fn the_organisations_are_radio_buttons_of_one_group() {
    let html = step(Nav::Hidden, Ask::Organization(&CHOICES), &[]);
    assert_eq!(
        html.matches(r#"type="radio" name="organization_id""#)
            .count(),
        2
    );
    assert!(
        html.contains(r#"value="org_2" required checked>Tandem Cycles</label>"#),
        "{html}"
    );
    assert!(html.contains(">Orchards &#38; Sons</label>"), "{html}");
    assert!(!html.contains("aria-invalid"), "{html}");
    assert!(!html.contains(r#"name="code""#), "{html}");
}

#[test]
fn what_is_wrong_describes_what_was_asked_for() {
    let wrong = ["Choose one.".to_owned()];
    let html = step(Nav::Hidden, Ask::Organization(&CHOICES), &wrong);
    assert!(
        html.contains(r#"<fieldset aria-describedby="organization_id-error">"#),
        "{html}"
    );
    assert!(
        html.contains(r#"id="organization_id-error" role="alert""#),
        "{html}"
    );
    let html = step(Nav::Hidden, Ask::Totp, &wrong);
    assert!(
        html.contains(r#"aria-describedby="code-error code-hint""#),
        "{html}"
    );
    assert!(
        html.contains("<title>Error: Enter your code · Vestibule</title>"),
        "{html}"
    );
}

#[test]
fn a_code_that_does_not_come_can_be_sent_anew() {
    let html = step(Nav::Hidden, Ask::Email(Some("ada@example.com")), &[]);
    assert!(
        html.contains(r#"href="/auth/login?next=%2Faccount">Have a new code sent</a>"#),
        "{html}"
    );
    assert!(html.contains("<strong>ada@example.com</strong>"), "{html}");
}
