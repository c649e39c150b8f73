//! The requests with tokens that both servers get, with the same token in each.

use reqwest::Method;
use serde_json::{Value, json};

use super::EMAIL;
use super::plain_requests::{Call, ROUTES, fields, obtain};
use crate::support::app::SECRET_KEY;
use crate::support::real_django::RealDjango;
use crate::support::tokens::{forge_token, sign_claims};

const NO_500: &str = "a malformed token is never a 500";

/// All requests, in lists that do not depend on each other. `rotate`: whether both servers rotate refresh tokens.
pub(super) fn all(made: &RealDjango, now: i64, rotate: bool) -> Vec<Vec<Call>> {
    let tokens = TokenRequests { made, now, rotate };
    let mut lists = vec![
        fields(),
        tokens.good(),
        tokens.bad(),
        tokens.accounts(),
        tokens.protected(),
    ];
    lists.extend(sign_ins());
    lists
}

/// The requests for tokens, each independent of the others.
pub(super) fn sign_ins() -> impl Iterator<Item = Vec<Call>> {
    const LISTS: usize = 4;
    let mut lists = vec![Vec::new(); LISTS];
    for (number, call) in obtain().into_iter().enumerate() {
        lists[number % LISTS].push(call);
    }
    lists.into_iter()
}

struct TokenRequests<'a> {
    made: &'a RealDjango,
    now: i64,
    rotate: bool,
}

impl TokenRequests<'_> {
    fn id(&self, email: &str) -> String {
        let mut users = self.made.users.iter();
        let user = users.find(|user| user.email == email);
        user.expect("a user of Django's").id.to_string()
    }

    /// Claims with a unique id.
    fn claims(&self, kind: &str, name: &str) -> Value {
        json!({
            "token_type": kind,
            "exp": self.now + 600,
            "iat": self.now,
            "jti": format!("{name}-{}", self.rotate),
            "user_id": self.id(EMAIL),
        })
    }

    fn with(&self, kind: &str, name: &str, value: Value) -> String {
        let mut claims = self.claims(kind, &format!("{kind}-{name}-{value}"));
        claims[name] = value;
        sign_claims(&claims)
    }

    fn without(&self, kind: &str, name: &str) -> String {
        let mut claims = self.claims(kind, &format!("{kind}-without-{name}"));
        claims.as_object_mut().expect("an object").remove(name);
        sign_claims(&claims)
    }

    /// The uses of one token, and every token that was blacklisted before the import.
    fn good(&self) -> Vec<Call> {
        let mut claims = self.claims("refresh", "good");
        claims["team"] = json!({ "name": "blue" });
        let token = sign_claims(&claims);
        let refresh = || Call::post("/api/token/refresh/", &json!({ "refresh": token }));
        let verify = || Call::post("/api/token/verify", &json!({ "token": token }));
        let end = || Call::post("/api/token/blacklist/", &json!({ "refresh": token }));
        let mut calls = vec![verify(), refresh()];
        let access = sign_claims(&self.claims("access", "good-access"));
        calls.push(Call::post("/api/token/verify", &json!({ "token": access })));
        calls.push(match self.rotate {
            true => refresh().better("a replay within half a minute gets the same pair"),
            false => refresh(),
        });
        calls.extend([verify(), end(), end(), refresh(), verify()]);
        for token in &self.made.tokens[1..] {
            calls.push(Call::post(
                "/api/token/refresh",
                &json!({ "refresh": token }),
            ));
        }
        calls
    }

    fn bad(&self) -> Vec<Call> {
        let payload = self.claims("refresh", "bad").to_string();
        let (payload, key) = (payload.as_bytes(), SECRET_KEY.as_bytes());
        let header = r#"{"alg":"HS256","typ":"JWT"}"#;
        let mut tokens = vec![
            forge_token(
                header,
                payload,
                b"another key of more than thirty-two bytes",
            ),
            forge_token(r#"{"alg":"none"}"#, payload, key),
            forge_token(r#"{"alg":"HS384"}"#, payload, key),
            forge_token(r#"{"alg":"HS256","crit":["exp"]}"#, payload, key),
            forge_token(r#"{"alg":"HS256","kid":5}"#, payload, key),
            forge_token(header, b"[]", key),
            forge_token(header, b"{", key),
            "a.b.c".to_owned(),
            "é".to_owned(),
        ];
        let now = self.now;
        for (name, value) in [
            ("exp", json!(now - 1)),
            ("exp", json!(-5)),
            ("exp", json!(true)),
            ("exp", json!("5")),
            ("exp", json!(null)),
            ("exp", json!({})),
            ("exp", json!("soon")),
            ("iat", json!(now + 500)),
            ("iat", json!("soon")),
            ("nbf", json!(now + 500)),
            ("sub", json!(7)),
            ("jti", json!(7)),
        ] {
            tokens.push(self.with("refresh", name, value));
        }
        let mut calls = Vec::new();
        for (path, field) in ROUTES {
            let post = |token: &str| Call::post(path, &json!({ field: token }));
            calls.extend(tokens.iter().map(|token| post(token)));
            for value in [json!((now + 600).to_string()), json!(1e17)] {
                calls.push(post(&self.with("refresh", "exp", value)).better(NO_500));
            }
            calls.push(post(&self.without("refresh", "exp")));
            let (no_id, no_type) = (
                post(&self.without("refresh", "jti")),
                post(&self.without("refresh", "token_type")),
            );
            if field == "token" {
                calls.extend([
                    no_id,
                    no_type.better("`verify` requires a token type"),
                    post(&self.with("refresh", "token_type", json!("sliding"))),
                ]);
            } else {
                calls.extend([no_id.better(NO_500), no_type]);
                calls.push(post(&sign_claims(&self.claims("access", "wrong-type"))));
                calls.push(post(&self.with("refresh", "token_type", json!("sliding"))));
            }
        }
        for accepted in [json!(now - 5), json!("5"), json!(true), json!(1.5)] {
            let token = self.with("refresh", "iat", accepted);
            calls.push(Call::post(
                "/api/token/refresh",
                &json!({ "refresh": token }),
            ));
        }
        calls
    }

    fn accounts(&self) -> Vec<Call> {
        let refresh =
            |token: String| Call::post("/api/token/refresh", &json!({ "refresh": token }));
        let verify = |token: String| Call::post("/api/token/verify", &json!({ "token": token }));
        let closed = || self.with("refresh", "user_id", json!(self.id("inactive@example.com")));
        let gone = || self.with("refresh", "user_id", json!("987654"));
        let nameless = || self.without("refresh", "user_id");
        let number = self.id(EMAIL).parse::<i64>().expect("a number");
        vec![
            refresh(closed()),
            verify(closed()),
            refresh(gone()).better("a deleted account gets the same answer as a deactivated one"),
            verify(gone()),
            refresh(nameless()),
            verify(nameless()),
            Call::post("/api/token/blacklist", &json!({ "refresh": closed() })),
            verify(self.with("access", "user_id", json!(number))),
        ]
    }

    fn protected(&self) -> Vec<Call> {
        let by = |token: &str| Call::me(&format!("Bearer {token}"));
        let good = sign_claims(&self.claims("access", "me"));
        let names = self.with("access", "user_id", json!(self.id("names@example.com")));
        let closed = self.with("access", "user_id", json!(self.id("inactive@example.com")));
        let mut calls = vec![
            Call {
                authorization: None,
                ..Call::me("")
            },
            Call {
                path: "/api/users/me".to_owned(),
                ..by(&good)
            },
            by(&good),
            by(&names),
            by(&closed),
            by("garbage"),
            by(&sign_claims(&self.claims("refresh", "me-refresh"))),
            by(&self.without("access", "user_id")),
            by(&self.without("access", "exp")),
            by(&self.without("access", "jti")),
            by(&self.without("access", "token_type")),
            Call {
                method: Method::POST,
                authorization: None,
                ..by("")
            },
            Call {
                method: Method::POST,
                ..by(&good)
            },
            Call {
                method: Method::DELETE,
                ..by(&good)
            },
            Call::me(&format!("bearer {good}")).better("`Bearer` in any case"),
            by(&self.with("access", "user_id", json!("x"))).better(NO_500),
            by(&self.with("access", "exp", json!((self.now + 600).to_string()))).better(NO_500),
        ];
        for header in ["Bearer", "Bearer a b", "Basic YTpi", "", "Bearer  a"] {
            calls.push(Call::me(header));
        }
        for (name, value) in [
            ("exp", json!(self.now - 1)),
            ("iat", json!(self.now + 500)),
            ("user_id", json!(null)),
            ("user_id", json!("987654")),
            ("exp", json!([])),
        ] {
            calls.push(by(&self.with("access", name, value)));
        }
        calls
    }
}
