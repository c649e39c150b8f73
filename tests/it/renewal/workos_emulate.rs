//! Log-in, renewal and log-out with WorkOS's own emulator, which gives out a new `sid` at each renewal,
//! repeats no responses, and issues tokens for one hour.

use chrono::TimeDelta;
use serde_json::json;

use crate::support::app::{TestApp, location};
use crate::support::workos_emulate::{CLIENT_ID, WorkosEmulate};

#[tokio::test]
async fn a_session_is_renewed_and_signed_out_under_its_latest_sid() {
    let seed = json!({ "users": [{ "email": "ada@example.com", "email_verified": true }] });
    let workos = WorkosEmulate::start(&seed).await;
    let app = TestApp::builder()
        .workos(workos.url(), workos.api_key(), CLIENT_ID)
        .start();
    let ada = app.visitor();
    let authorize = ada.start_login("/auth/login").await;
    let callback = ada.start_login(authorize.as_str()).await;
    ada.get(callback.as_str()).await;
    assert!(ada.is_signed_in().await);
    let mut known = app.only_session();
    for _ in 0..3 {
        app.clock.advance(TimeDelta::minutes(61));
        assert!(ada.is_signed_in().await);
        let row = app.only_session();
        assert_eq!((row.revoked_at, row.renewal_failures), (None, 0));
        assert_ne!(row.workos_sid, known.workos_sid);
        assert!(row.workos_refresh_token != known.workos_refresh_token);
        known = row;
    }
    let logout = location(&ada.post("/auth/logout").await);
    let sid = known.workos_sid.unwrap().to_string();
    assert!(logout.contains(&format!("session_id={sid}")), "{logout}");
    let back = ada.get(&logout).await;
    assert_eq!(location(&back), format!("{}/", app.url));
    assert!(!ada.is_signed_in().await);
}
