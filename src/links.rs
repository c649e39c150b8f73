//! Addresses of ours that more than one room writes.

use url::form_urlencoded::Serializer;

/// The log-in's address, with the way back in it.
pub fn login_url(next: &str) -> String {
    with_next(Serializer::new(String::new()), next)
}

/// The same for somebody else: WorkOS is to ask anew, instead of remembering whom it let in last.
pub fn login_as_another_url(next: &str) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("max_age", "0");
    with_next(query, next)
}

fn with_next(mut query: Serializer<'_, String>, next: &str) -> String {
    if !next.is_empty() && next != "/" {
        query.append_pair("next", next);
    }
    match query.finish().as_str() {
        "" => "/auth/login".to_owned(),
        query => format!("/auth/login?{query}"),
    }
}
