//! Many concurrent wrong passwords.

use futures_util::future::{join, join_all};
use reqwest::StatusCode;

use super::{EMAIL, PASSWORD, REFUSED, assert_logs_in};
use crate::support::app::TestApp;
use crate::support::steps::retry_after;

#[tokio::test]
async fn two_hundred_concurrent_wrong_passwords_are_refused_or_get_503_and_pages_are_still_served()
{
    let app = TestApp::builder().hashing_threads(1).start();
    app.add_user_with_password(EMAIL, PASSWORD);
    let attempts = (0..200).map(|number| {
        let visitor = app.visitor();
        async move {
            let response = visitor.log_in(EMAIL, &format!("wrong {number}")).await;
            let (status, wait) = (response.status(), retry_after(response.headers()));
            let page = response.text().await.unwrap();
            match status {
                StatusCode::OK => assert!(page.contains(REFUSED), "{page}"),
                StatusCode::SERVICE_UNAVAILABLE => {
                    assert!(wait.is_some_and(|seconds| seconds > 0));
                    assert!(page.contains(r#"href="/login">Try again</a>"#), "{page}");
                }
                other => panic!("{other}: {page}"),
            }
            status
        }
    });
    let looks = async {
        let visitor = app.visitor();
        for _ in 0..20 {
            assert_eq!(visitor.get("/").await.status(), StatusCode::OK);
        }
    };
    let (statuses, ()) = join(join_all(attempts), looks).await;
    for status in [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE] {
        assert!(statuses.contains(&status), "{status}");
    }
    assert!(app.sessions().is_empty());
    assert_logs_in(&app.visitor(), EMAIL, PASSWORD).await;
}
