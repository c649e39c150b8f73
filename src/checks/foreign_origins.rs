//! Finds patterns of origins that match sites which anybody can register.
//!
//! Examples of what a pattern matches are made from its syntax. A pattern is too wide if it leaves open a part of an
//! example's registrable domain: the public suffix and the label before it.

use psl::Psl;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};
use url::{Host, Url};

use crate::settings::CorsSettings;

/// The most examples of one pattern.
const MOST_EXAMPLES: usize = 2_000;
/// A class with this many characters or fewer is a list of names that somebody has chosen.
const FEW_CHARACTERS: usize = 4;
/// What a repeated class may match: parts of a name, names of several labels, and the beginning of an origin.
const FILLERS: [&str; 10] = [
    "",
    "q",
    "7",
    "com",
    ".q",
    "q.com",
    ".q.com",
    "https://",
    "https://q",
    "https://q.com",
];

/// The characters of an example, each with whether the pattern leaves it open.
type Example = Vec<(char, bool)>;

/// Whether an expression of the settings matches origins that anybody can register.
pub(super) fn are_allowed(cors: &CorsSettings) -> bool {
    cors.patterns().any(|pattern| {
        let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
        let parsed = parser.parse(pattern);
        parsed.is_ok_and(|hir| {
            let mut examples = examples(&hir).into_iter();
            examples.any(|example| is_registrable(&example) && cors.allows(&text(&example)))
        })
    })
}

fn text(example: &Example) -> String {
    example.iter().map(|(character, _)| character).collect()
}

/// Whether the pattern leaves open a part of the registrable domain.
fn is_registrable(example: &Example) -> bool {
    let text = text(example);
    let url = Url::parse(&text).ok();
    let Some(Host::Domain(host)) = url.as_ref().and_then(Url::host) else {
        return false;
    };
    let Some(domain) = psl::domain(host.as_bytes()).filter(|one| one.suffix().is_known()) else {
        return false;
    };
    let Some(host_at) = text.find(host) else {
        return false;
    };
    let end = host_at + host.len();
    let start = end - domain.as_bytes().len();
    let open = example.get(start..end).unwrap_or_default();
    open.iter().any(|(_, is_open)| *is_open)
}

fn examples(hir: &Hir) -> Vec<Example> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![Vec::new()],
        HirKind::Literal(literal) => {
            let text = String::from_utf8_lossy(&literal.0);
            vec![text.chars().map(|character| (character, false)).collect()]
        }
        HirKind::Class(class) => class_examples(class),
        HirKind::Repetition(repetition) => repeated(repetition),
        HirKind::Capture(capture) => examples(&capture.sub),
        HirKind::Concat(parts) => joined(parts.iter()),
        HirKind::Alternation(choices) => {
            let all = choices.iter().flat_map(examples);
            all.take(MOST_EXAMPLES).collect()
        }
    }
}

/// Each example of a part followed by each of the next part.
fn joined<'a>(parts: impl Iterator<Item = &'a Hir>) -> Vec<Example> {
    parts.fold(vec![Vec::new()], |fronts, part| {
        let ends = examples(part);
        let pairs = fronts
            .iter()
            .flat_map(|front| ends.iter().map(move |end| [front.as_slice(), end].concat()));
        pairs.take(MOST_EXAMPLES).collect()
    })
}

fn repeated(repetition: &Repetition) -> Vec<Example> {
    let (least, most) = (repetition.min, repetition.max.unwrap_or(u32::MAX));
    if let HirKind::Class(class) = repetition.sub.kind() {
        let allowed = |text: &&str| {
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            (least..=most).contains(&length) && text.chars().all(|one| contains(class, one))
        };
        let fillers = FILLERS.iter().copied().filter(allowed);
        let filled = fillers.map(|text| text.chars().map(|one| (one, one != '.')).collect());
        let one = class_examples(class).into_iter().next().unwrap_or_default();
        let shortest = one.repeat(usize::try_from(least).unwrap_or_default().min(64));
        return filled.chain([shortest]).collect();
    }
    let counts = [least, least.saturating_add(1).min(most)];
    let times = |count: u32| {
        let count = usize::try_from(count).unwrap_or_default().min(64);
        joined(std::iter::repeat_n(repetition.sub.as_ref(), count))
    };
    counts
        .into_iter()
        .flat_map(times)
        .take(MOST_EXAMPLES)
        .collect()
}

fn class_examples(class: &Class) -> Vec<Example> {
    let mut members = (0..=127_u8)
        .map(char::from)
        .filter(|one| contains(class, *one));
    if members.clone().count() <= FEW_CHARACTERS {
        let first = members.next().map(|one| (one.to_ascii_lowercase(), false));
        return vec![first.into_iter().collect()];
    }
    let mut usual = ['q', '7', '-'].into_iter();
    let usual = usual.find(|one| contains(class, *one));
    let open = usual
        .or_else(|| members.next())
        .map(|one| vec![(one, true)]);
    let dot = contains(class, '.').then(|| vec![('.', false)]);
    open.into_iter().chain(dot).collect()
}

fn contains(class: &Class, character: char) -> bool {
    match class {
        Class::Unicode(class) => {
            let mut ranges = class.iter();
            ranges.any(|range| (range.start()..=range.end()).contains(&character))
        }
        Class::Bytes(class) => {
            let mut ranges = class.iter();
            ranges
                .any(|range| (range.start()..=range.end()).any(|one| char::from(one) == character))
        }
    }
}

/// Whether this name is a public suffix, such as `com`, `co.uk` or `vercel.app`: what is below it belongs to
/// different people.
pub(super) fn is_public_suffix(name: &str) -> bool {
    let suffix = psl::List.suffix(name.as_bytes());
    suffix.is_some_and(|suffix| suffix.is_known() && suffix.as_bytes().len() == name.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Settings, Source};

    fn are_found(pattern: &str) -> bool {
        let pairs = [
            ("WORKOS_API_KEY", "sk_live_1"),
            ("WORKOS_CLIENT_ID", "client_1"),
            (
                "SECRET_KEY",
                "a-key-for-tests-only-with-more-than-fifty-characters-in-it",
            ),
            ("CORS_ALLOWED_ORIGIN_REGEXES", pattern),
        ];
        let settings = Settings::read(&Source::from_pairs(pairs)).unwrap();
        are_allowed(&settings.cors)
    }

    #[test]
    fn patterns_that_match_what_anybody_can_register_are_found() {
        for pattern in [
            ".*",
            r".*example\.com",
            r"https://.*example\.com",
            r"https://.*example.com",
            r"https://\w+example\.com",
            r"https://[a-z]+.example\.com",
            r"https://app.example\.com",
            r"https://example\.com.*",
            r"https://example\.[a-z]+",
            r"https://[^/]+",
            r"(?i)https://(www.)?example\.com",
            r"https://app\d+\.com",
            r"https://[a-z0-9-]+\.vercel\.app",
            r"https://my-application-[a-z0-9]{9,}\.vercel\.app",
            r"https://[a-z]{30,}\.co\.uk",
            r"https://(.*\.)?example\.com|https://[a-z]+\.org",
        ] {
            assert!(are_found(pattern), "{pattern}");
        }
    }

    #[test]
    fn patterns_of_own_domains_are_not_found() {
        for pattern in [
            r"https://[a-z0-9-]+\.example\.com",
            r"https://.*\.example\.com",
            r".*\.example\.com",
            r"^https://(.+\.)?example\.com$",
            r"(?i)https://[a-z]+\.example\.com",
            r"https://example\.(com|org|co\.uk)",
            r"https://(app|admin)\.example\.com(:\d+)?",
            r"https://app[12]\.example\.com",
            r"https://pr-\d{1,4}\.example\.com",
            r"https://my-application\.vercel\.app",
            r"http://localhost:\d+",
            r"http://192\.168\.\d+\.\d+",
            r"https://[a-z]+\.internal",
            "capacitor://localhost",
        ] {
            assert!(!are_found(pattern), "{pattern}");
        }
    }

    #[test]
    fn public_suffixes_are_known() {
        for name in ["com", "co.uk", "vercel.app"] {
            assert!(is_public_suffix(name), "{name}");
        }
        for name in ["example.com", "internal", "localhost", ""] {
            assert!(!is_public_suffix(name), "{name}");
        }
    }
}
