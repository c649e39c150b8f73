//! Sessions that ended here are revoked at WorkOS although the server stops before WorkOS answers.

use std::collections::BTreeSet;

use authkit_emulator::{Effect, Fault};
use futures_util::future::join_all;
use reqwest::StatusCode;

use super::{ADA, REVOKE_AT_WORKOS, eventually, sign_out_everywhere};
use crate::support::site::Site;

#[tokio::test]
async fn a_server_that_starts_again_revokes_what_it_had_not_revoked() {
    for signal in ["TERM", "KILL"] {
        let site = Site::start(&[]);
        let visitors: Vec<_> = (0..12).map(|_| site.visitor()).collect();
        join_all(visitors.iter().map(|visitor| visitor.sign_in(ADA))).await;
        let silent = Fault::once(REVOKE_AT_WORKOS, Effect::NoAnswer);
        site.workos.control().inject(silent.times(u32::MAX));
        let response = sign_out_everywhere(&visitors[0]).await;
        assert_eq!(response.status(), StatusCode::FOUND);
        let (workos, database) = site.end(signal);
        workos.control().clear_faults();
        workos.control().clear_requests();
        let base_url = workos.base_url();
        let _again = Site::on(database, &[("WORKOS_API_BASE_URL", &base_url)]);
        // WorkOS's log-out ends the session of the browser that logged out everywhere.
        let revoked = async || {
            let requests = workos.control().requests().into_iter();
            let sent = requests.filter(|request| request.path == REVOKE_AT_WORKOS);
            let sids: BTreeSet<_> = sent.map(|one| one.body["session_id"].to_string()).collect();
            sids.len() == 11
        };
        eventually(revoked).await;
        let user = workos.control().user(ADA).expect("Ada").id;
        eventually(async || workos.control().sessions_of(&user).len() == 1).await;
    }
}
