//! Sends requests to both servers, each on a connection that is kept open.

use crate::support::raw::{Connection, RawResponse};

use super::answer::{Answer, Exchange};
use super::request::{GeneratedRequest, OTHER_ACCESS, OTHER_REFRESH, OWN_ACCESS, OWN_REFRESH};
use super::translation;

/// A connection to each server, and the tokens that it has issued in the current case.
pub(super) struct Lane {
    django: Side,
    vestibule: Side,
}

struct Side {
    url: String,
    connection: Option<Connection>,
    refresh: String,
    access: String,
}

impl Lane {
    pub(super) fn new(django: &str, vestibule: &str) -> Self {
        Self {
            django: Side::new(django),
            vestibule: Side::new(vestibule),
        }
    }

    /// Begins the next case.
    pub(super) fn forget_tokens(&mut self) {
        for side in [&mut self.django, &mut self.vestibule] {
            side.refresh.clear();
            side.access.clear();
        }
    }

    /// Sends a request to both servers at the same time, to Django in the form that it understands.
    pub(super) fn send(&mut self, step: &GeneratedRequest) -> Exchange {
        let Self { django, vestibule } = self;
        let (to_django, translations) = translation::for_django(step);
        let to_django = to_django.with_tokens(&tokens(django, vestibule));
        let to_vestibule = step.with_tokens(&tokens(vestibule, django));
        let (theirs, ours) = std::thread::scope(|scope| {
            let theirs = scope.spawn(|| django.answer(&to_django));
            let ours = vestibule.answer(&to_vestibule);
            (theirs.join().expect("an answer of Django"), ours)
        });
        Exchange {
            request: step.clone(),
            sent: to_vestibule,
            translations,
            theirs,
            ours,
        }
    }
}

fn tokens<'a>(own: &'a Side, other: &'a Side) -> [(&'static str, &'a str); 4] {
    [
        (OWN_REFRESH, &own.refresh),
        (OWN_ACCESS, &own.access),
        (OTHER_REFRESH, &other.refresh),
        (OTHER_ACCESS, &other.access),
    ]
}

impl Side {
    fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            connection: None,
            refresh: String::new(),
            access: String::new(),
        }
    }

    fn answer(&mut self, request: &GeneratedRequest) -> Answer {
        let bytes = request.bytes();
        let is_head = request.method == "HEAD";
        let mut connection = self
            .connection
            .take()
            .unwrap_or_else(|| Connection::open(&self.url));
        let first = ask(&mut connection, &bytes, is_head);
        let response = first.filter(|response| response.status != 408);
        let response = response.unwrap_or_else(|| {
            // The server has closed the idle connection, perhaps with a 408.
            connection = Connection::open(&self.url);
            let again = ask(&mut connection, &bytes, is_head);
            again.unwrap_or_else(|| panic!("{} does not answer to {request}", self.url))
        });
        if response.header("connection") != Some("close") {
            self.connection = Some(connection);
        }
        let answer = Answer::new(&response);
        self.refresh = answer
            .field("refresh")
            .unwrap_or_else(|| self.refresh.clone());
        self.access = answer
            .field("access")
            .unwrap_or_else(|| self.access.clone());
        answer
    }
}

fn ask(connection: &mut Connection, bytes: &[u8], is_head: bool) -> Option<RawResponse> {
    if !connection.send(bytes) {
        return None;
    }
    match is_head {
        true => connection.answer_to_head(),
        false => connection.answer(),
    }
}
