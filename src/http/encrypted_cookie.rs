//! Cookies whose value is JSON that this server has encrypted.

use actix_web::cookie::{Cookie, CookieJar, Key};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Encrypts `content` with the first of the keys, the newest. The caller sets the cookie's attributes.
pub fn encrypt<'k>(
    name: &str,
    content: &impl Serialize,
    mut keys: impl Iterator<Item = &'k Key>,
) -> Option<Cookie<'static>> {
    let text = serde_json::to_string(content).ok()?;
    let mut jar = CookieJar::new();
    jar.private_mut(keys.next()?)
        .add(Cookie::new(name.to_owned(), text));
    jar.get(name).cloned()
}

/// Decrypts a cookie with whichever of the keys encrypted it. `None`: none of them did, or the content
/// is not a `T`.
pub fn decrypt<'k, T: DeserializeOwned>(
    cookie: &Cookie<'static>,
    mut keys: impl Iterator<Item = &'k Key>,
) -> Option<T> {
    let jar = CookieJar::new();
    let decrypted = keys.find_map(|key| jar.private(key).decrypt(cookie.clone()))?;
    serde_json::from_str(decrypted.value()).ok()
}
