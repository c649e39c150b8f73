//! The pages of a sign-in that needs another step.

use super::*;

fn step(nav: Nav<'_>, ask: StepPrompt<'_>, errors: &[String]) -> String {
    StepPage {
        page: page(nav),
        action: "/auth/step?id=0123456789abcdef",
        asked_at: "1700000000000000",
        prompt: ask,
        errors,
        restart_url: "/auth/login?next=%2Faccount",
        another_url: "/auth/login?max_age=0&next=%2Faccount",
    }
    .render()
    .unwrap()
}

const CHOICES: [OrganizationChoice<'_>; 2] = [
    OrganizationChoice {
        id: "org_1",
        name: "Orchards & Sons",
        checked: false,
        focused: false,
    },
    OrganizationChoice {
        id: "org_2",
        name: "Tandem Cycles",
        checked: true,
        focused: true,
    },
];

pub(super) fn every_step(nav: Nav<'_>) -> Vec<String> {
    let asks = [
        StepPrompt::Organization(&CHOICES),
        StepPrompt::Email(Some("ada@example.com")),
        StepPrompt::Email(None),
        StepPrompt::Totp,
    ];
    let wrong = ["Wrong.".to_owned()];
    let hosted = ContinueAtWorkosPage {
        page: page(nav),
        heading: "Single sign-on",
        message: "Your organisation wants it.",
        action: ActionLink {
            label: "Continue",
            url: "/auth/login?connection_id=conn_1",
        },
        another_url: "/auth/login?max_age=0",
    };
    let steps = asks
        .into_iter()
        .flat_map(|ask| [step(nav, ask, &[]), step(nav, ask, &wrong)]);
    steps.chain([hosted.render().unwrap()]).collect()
}

#[test]
fn the_organisations_are_radio_buttons_of_one_group() {
    let html = step(Nav::Hidden, StepPrompt::Organization(&CHOICES), &[]);
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
fn an_error_describes_the_field_of_the_answer() {
    let wrong = ["Choose one.".to_owned()];
    let html = step(Nav::Hidden, StepPrompt::Organization(&CHOICES), &wrong);
    assert!(
        html.contains(r#"<fieldset aria-describedby="organization_id-error">"#),
        "{html}"
    );
    assert!(
        html.contains(r#"id="organization_id-error" role="alert""#),
        "{html}"
    );
    let html = step(Nav::Hidden, StepPrompt::Totp, &wrong);
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
fn a_new_code_can_be_requested() {
    let html = step(Nav::Hidden, StepPrompt::Email(Some("ada@example.com")), &[]);
    assert!(
        html.contains(r#"href="/auth/login?next=%2Faccount">get a new code</a>"#),
        "{html}"
    );
    assert!(html.contains("<strong>ada@example.com</strong>"), "{html}");
}
