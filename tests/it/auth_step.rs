//! `/auth/step`: sign-ins for which WorkOS requires another step.

mod after_log_out;
mod codes;
mod elsewhere;
mod endings;
mod invitations;
mod organizations;
mod planted;
mod secrecy;
mod tabs;
mod twice;

use authkit_emulator::{RecordedRequest, Seed, SeedMembership, SeedOrganization};
use reqwest::{Response, StatusCode};

use crate::support::app::{TestApp, Visitor, location};
use crate::support::steps::{AUTHENTICATE, login_with_next};

const UNA: &str = "una@example.com";
const MAX: &str = "max@example.com";
const TWYLA: &str = "twyla@example.com";
const CODE: &str = "123456";

/// Signs in until WorkOS requires another step. Returns the address of the form.
async fn stopped(visitor: &Visitor, email: &str, next: &str) -> String {
    let authorize = visitor.start_login(&login_with_next(next)).await;
    let callback = visitor.authorize(&authorize, email).await;
    let response = visitor.get(callback.as_str()).await;
    assert_eq!(response.status(), StatusCode::FOUND, "{email} is stopped");
    let step = location(&response);
    assert!(step.starts_with("/auth/step?id="), "{step}");
    step
}

/// Asserts that the form is shown again with this error.
async fn form_again(response: Response, says: &str) -> String {
    assert_eq!(response.status(), StatusCode::OK);
    let page = response.text().await.unwrap();
    assert!(page.contains(says), "{says}: {page}");
    assert!(page.contains("<title>Error: "), "{page}");
    assert!(page.contains(r#"role="alert""#), "{page}");
    assert!(page.contains(r#"aria-invalid="true""#), "{page}");
    page
}

/// Asserts that the response signed the user in and redirects here.
fn led_to(response: &Response, target: &str) {
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(location(response), target);
}

/// The token requests whose grant type ends with this text.
fn grants(app: &TestApp, grant: &str) -> Vec<RecordedRequest> {
    let mut all = app.workos().requests();
    all.retain(|one| {
        one.path == AUTHENTICATE && one.grant_type().is_some_and(|g| g.ends_with(grant))
    });
    all
}

/// The usual users, with Twyla in this many additional organisations.
pub(crate) fn with_organizations(more: usize) -> Seed {
    let mut seed = Seed::default();
    seed.organizations.extend((0..more).map(|number| {
        let mut organization = SeedOrganization::default();
        organization.name = format!("Made-up Society Number {number:03} of Example Orchards");
        organization.memberships = vec![SeedMembership {
            email: Some(TWYLA.to_owned()),
            role: Some("member".to_owned()),
            ..SeedMembership::default()
        }];
        organization
    }));
    seed
}
