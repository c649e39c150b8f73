//! The cases: one request each, or several that build on each other.

use super::bodies::with_fields;
use super::credentials::People;
use super::headers::{accept, authorization, ignored_authorization, unrelated};
use super::random::Random;
use super::request::{GeneratedRequest, OTHER_ACCESS, OTHER_REFRESH, OWN_ACCESS, OWN_REFRESH};
use super::tokens::TokenForge;
use super::values::{self, Field};
use crate::support::real_django::RealDjango;

const ME: &str = "/api/users/me";
const LOGOUT: &str = "/api/auth/logout";
const TOKEN: &str = "/api/token";
/// The routes that take a token, each with the name of its field and the usual kind.
const TOKEN_ROUTES: [(&str, &str, &str); 3] = [
    ("/api/token/refresh", "refresh", "refresh"),
    ("/api/token/verify", "token", "access"),
    ("/api/token/blacklist", "refresh", "refresh"),
];
const METHODS: &[&str] = &[
    "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "LINK",
];

/// Makes the requests of one case.
pub(super) struct CaseGenerator {
    random: Random,
    people: People,
    now: i64,
}

impl CaseGenerator {
    pub(super) fn new(random: Random, made: &RealDjango, now: i64) -> Self {
        Self {
            random,
            people: People::new(made),
            now,
        }
    }

    pub(super) fn steps(mut self) -> Vec<GeneratedRequest> {
        match self.random.below(100) {
            0..=24 => vec![self.obtain()],
            25..=54 => vec![self.with_token()],
            55..=76 => vec![self.me()],
            77..=81 => vec![self.log_out()],
            82..=89 => vec![self.other_method()],
            90..=92 => vec![self.other_path()],
            93..=97 => self.life_of_a_forged_token(),
            _ => self.life_of_a_sign_in(),
        }
    }

    fn forged(&mut self, kind: &str) -> String {
        TokenForge::new(&self.people, self.now).token(&mut self.random, kind)
    }

    fn good(&mut self, kind: &str) -> String {
        TokenForge::new(&self.people, self.now).good(&mut self.random, kind)
    }

    /// The path with or without its slash, and sometimes with a query.
    fn target(&mut self, path: &str) -> String {
        let slash = self.random.pick(&["", "/"]);
        let query = match self.random.below(16) {
            0 => self.random.pick(&[
                "?x=1",
                "?",
                "?format=json",
                "?token=x&refresh=y",
                "?%zz",
                "?email=a&email=b",
            ]),
            _ => "",
        };
        format!("{path}{slash}{query}")
    }

    fn post(&mut self, path: &str, fields: Vec<Field>) -> GeneratedRequest {
        let request = GeneratedRequest::new("POST", self.target(path));
        let request = accept(&mut self.random, request);
        let request = unrelated(&mut self.random, request);
        let request = ignored_authorization(&mut self.random, request);
        with_fields(&mut self.random, request, fields)
    }

    fn obtain(&mut self) -> GeneratedRequest {
        let (email, password) = self.people.credentials(&mut self.random);
        let fields = values::credentials(&mut self.random, email, password);
        self.post(TOKEN, fields)
    }

    fn with_token(&mut self) -> GeneratedRequest {
        let (path, name, kind) = self.random.pick(&TOKEN_ROUTES);
        let kind = match self.random.below(6) {
            0 => self.random.pick(&["access", "refresh"]),
            _ => kind,
        };
        let token = self.forged(kind);
        let field = match self.random.one_in(4) {
            true => values::field(&mut self.random, name, &token),
            false => Some(Field::text(name, &token)),
        };
        GeneratedRequest {
            token: Some(token),
            ..self.post(path, field.into_iter().collect())
        }
    }

    fn me(&mut self) -> GeneratedRequest {
        let kind = if self.random.one_in(8) {
            "refresh"
        } else {
            "access"
        };
        let token = self.forged(kind);
        let token = token.replace(['\r', '\n', '\0'], "");
        let method = if self.random.one_in(12) {
            "HEAD"
        } else {
            "GET"
        };
        let mut request = GeneratedRequest::new(method, self.target(ME));
        request.token = Some(token.clone());
        let request = accept(&mut self.random, request);
        let request = unrelated(&mut self.random, request);
        match authorization(&mut self.random, &token) {
            Some(value) => request.header("Authorization", value),
            None => request,
        }
    }

    fn log_out(&mut self) -> GeneratedRequest {
        let token = self.forged("refresh");
        let fields = match self.random.below(3) {
            0 => vec![],
            1 => vec![Field::text("refresh", &token)],
            _ => values::field(&mut self.random, "refresh", &token)
                .into_iter()
                .collect(),
        };
        self.post(LOGOUT, fields)
    }

    fn other_method(&mut self) -> GeneratedRequest {
        let path = match self.random.below(4) {
            0 => ME,
            1 => TOKEN,
            _ => self.random.pick(&TOKEN_ROUTES).0,
        };
        let method = match (path, self.random.pick(METHODS)) {
            (ME, "GET") => "POST",
            (_, method) => method,
        };
        let mut request = GeneratedRequest::new(method, self.target(path));
        request = accept(&mut self.random, request);
        if self.random.one_in(2) {
            let token = self.good("access");
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if self.random.one_in(3) && !matches!(method, "HEAD" | "TRACE") {
            request = with_fields(&mut self.random, request, vec![Field::text("token", "x")]);
        }
        request
    }

    fn other_path(&mut self) -> GeneratedRequest {
        let path = self.random.pick(&[
            "/api/token/unknown",
            "/api/tokens",
            "/api/token//",
            "//api/token",
            "/API/token",
            "/api/users/me/x",
            "/api/users/5/",
            "/api",
            "/api/",
            "/api/token/refresh/x/",
            "/api/token/%72efresh",
            "/api/token%2Frefresh",
            "/api/token/.",
            "/api/../api/token",
            "/api/users/me.json",
            "/api/token;x",
        ]);
        let method = self.random.pick(&["GET", "POST", "PUT"]);
        let request = accept(&mut self.random, GeneratedRequest::new(method, path));
        match method {
            "GET" => request,
            _ => with_fields(&mut self.random, request, vec![]),
        }
    }

    /// Several uses of one refresh token that Django could have issued.
    fn life_of_a_forged_token(&mut self) -> Vec<GeneratedRequest> {
        let token = match self.random.one_in(3) {
            true => self.forged("refresh"),
            false => self.good("refresh"),
        };
        let mut steps = Vec::new();
        for _ in 0..2 + self.random.below(4) {
            let (path, name, _) = self.random.pick(&TOKEN_ROUTES);
            let used = match self.random.below(4) {
                // What the servers have issued for it, if they have.
                0 => self
                    .random
                    .pick(&[OWN_REFRESH, OTHER_REFRESH, OWN_ACCESS, OTHER_ACCESS]),
                _ => &token,
            };
            let mut step = self.use_of(path, name, used);
            step.token = (used == token).then(|| token.clone());
            steps.push(step);
        }
        steps.push(me_with(OWN_ACCESS));
        steps.push(me_with(OTHER_ACCESS));
        steps
    }

    /// A sign-in, and what a client does after it.
    fn life_of_a_sign_in(&mut self) -> Vec<GeneratedRequest> {
        let (email, password) = self.people.credentials(&mut self.random);
        let body = serde_json::json!({ "email": email, "password": password });
        let mut steps = vec![GeneratedRequest::json(TOKEN, body.to_string())];
        let words = [OWN_REFRESH, OTHER_REFRESH, OWN_ACCESS, OTHER_ACCESS];
        for _ in 0..2 + self.random.below(5) {
            let word = self.random.pick(&words);
            let (path, name, _) = self.random.pick(&TOKEN_ROUTES);
            steps.push(match self.random.below(4) {
                0 => me_with(word),
                _ => self.use_of(path, name, word),
            });
        }
        steps.push(me_with(OTHER_ACCESS));
        steps
    }

    fn use_of(&mut self, path: &str, name: &str, token: &str) -> GeneratedRequest {
        let target = self.target(path);
        let body = serde_json::json!({ name: token });
        GeneratedRequest::json(target, body.to_string())
    }
}

fn me_with(token: &str) -> GeneratedRequest {
    GeneratedRequest::new("GET", ME).header("Authorization", format!("Bearer {token}"))
}
