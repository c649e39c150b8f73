//! What the pages show about the user, the impersonator and the organisation.

use reqwest::Method;

use crate::support::app::TestApp;

#[tokio::test]
async fn every_page_of_an_impersonated_session_has_a_banner() {
    let app = TestApp::start();
    let support = app.signed_in("imogen@example.com").await;
    let asks = support
        .request(Method::GET, "/auth/logout")
        .header("Sec-Fetch-Site", "cross-site")
        .send()
        .await
        .unwrap();
    let asks = asks.text().await.unwrap();
    let home = support.page("/").await;
    let account = support.page("/account").await;
    for page in [&home, &account, &asks] {
        assert!(page.contains("Impersonated session."), "{page}");
        assert!(
            page.contains("support@example.com is signed in as imogen@example.com"),
            "{page}"
        );
        assert!(page.contains("Looking into a support ticket"), "{page}");
    }
    assert!(account.contains("Impersonated by"), "{account}");
    assert!(account.contains("Impersonation"), "{account}");
}

#[tokio::test]
async fn an_ordinary_session_has_no_banner() {
    let app = TestApp::start();
    let ada = app.signed_in("ada@example.com").await;
    for path in ["/", "/account"] {
        let page = ada.page(path).await;
        assert!(!page.contains("Impersonat"), "{page}");
    }
    let account = ada.page("/account").await;
    assert!(account.contains("Signed in with</dt><dd>Password"));
    assert!(account.contains("Verified"), "{account}");
}

#[tokio::test]
async fn a_member_sees_the_organisation_and_the_role() {
    let app = TestApp::start();
    let olive = app.signed_in("olive@example.com").await;
    let account = olive.page("/account").await;
    assert!(account.contains("<code>org_"), "{account}");
    assert!(account.contains(r#"<span class="badge">admin</span>"#));
    let ada = app.signed_in("ada@example.com").await;
    let account = ada.page("/account").await;
    assert!(!account.contains("<code>org_"), "{account}");
    assert!(!account.contains("admin"), "{account}");
}

#[tokio::test]
async fn a_chosen_organisation_is_requested_and_shown() {
    let app = TestApp::start();
    let olive = app.signed_in("olive@example.com").await;
    let account = olive.page("/account").await;
    let at = account.find("<code>org_").unwrap() + "<code>".len();
    let id = account[at..].split('<').next().unwrap();
    let twyla = app.visitor();
    let authorize = twyla
        .start_login(&format!("/auth/login?organization_id={id}"))
        .await;
    let callback = twyla.authorize(&authorize, "twyla@example.com").await;
    twyla.get(callback.as_str()).await;
    let account = twyla.page("/account").await;
    assert!(account.contains(&format!("<code>{id}</code>")), "{account}");
}

#[tokio::test]
async fn names_are_escaped() {
    let app = TestApp::start();
    let mut user = app.workos().user("ada@example.com").unwrap();
    user.first_name = Some("<script>alert(1)</script>".to_owned());
    app.workos().put_user(user);
    let ada = app.signed_in("ada@example.com").await;
    for path in ["/", "/account"] {
        let page = ada.page(path).await;
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&#60;script&#62;"), "{page}");
    }
}
