//! Addresses of ours that more than one room writes.

/// The log-in's address, with the way back in it.
pub fn login_url(next: &str) -> String {
    if next.is_empty() || next == "/" {
        return "/auth/login".to_owned();
    }
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("next", next)
        .finish();
    format!("/auth/login?{query}")
}
