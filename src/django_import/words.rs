//! The words of a column's name, and their forms.

/// What follows the beginning of a word, in its forms.
const FORMS: [&str; 36] = [
    "", "al", "ated", "ate", "ation", "d", "e", "ed", "en", "ellation", "er", "es", "ing", "ion",
    "lation", "led", "ling", "ment", "ement", "ned", "ning", "or", "out", "s", "sed", "sation",
    "sion", "ure", "y", "ve", "zation", "ze", "zed", "se", "zing", "ted",
];
/// What may precede another word in one, such as `softdelete`.
const FIRST: [&str; 16] = [
    "account", "acct", "acc", "admin", "auto", "date", "has", "is", "login", "member", "shadow",
    "soft", "user", "usr", "was", "self",
];
/// What may follow another word in one, such as `deletedat`.
const LAST: [&str; 17] = [
    "at", "by", "code", "date", "dt", "flag", "id", "key", "on", "reason", "since", "till", "time",
    "ts", "until", "user", "yn",
];

/// The words of a name in lower case: `is_deleted`, `isDeleted`, `is-deleted`, `IS_DELETED2`.
pub(super) fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let was_lower = before.is_some_and(|letter| !letter.is_uppercase());
        let next_is_lower = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        let next_is_upper = letters.get(at + 1).is_some_and(|next| next.is_uppercase());
        let begins = (letter.is_uppercase() && (was_lower || next_is_lower))
            || (letter.is_numeric() && next_is_upper);
        if !letter.is_alphanumeric() || begins {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    for word in &mut words {
        // A number tells columns apart and says nothing.
        if word.starts_with(|first: char| first.is_alphabetic()) {
            word.truncate(word.trim_end_matches(|last: char| last.is_numeric()).len());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether the word is one of these beginnings in one of its forms, perhaps together with another word.
pub(super) fn is_form_of(word: &str, beginnings: &[&str]) -> bool {
    any_part(word, &|part| {
        let mut rests = beginnings
            .iter()
            .filter_map(|start| part.strip_prefix(start));
        rests.any(|rest| FORMS.contains(&rest))
    })
}

/// Whether the word is one of these, perhaps together with another word.
pub(super) fn is_one_of(word: &str, wanted: &[&str]) -> bool {
    any_part(word, &|part| wanted.contains(&part))
}

/// Whether the condition holds for the word, or for what is left without the words that it may begin or end with.
fn any_part(word: &str, holds: &dyn Fn(&str) -> bool) -> bool {
    let ends = |part: &str| {
        let mut rests = LAST.iter().filter_map(|last| part.strip_suffix(last));
        rests.any(|rest| !rest.is_empty() && holds(rest))
    };
    if holds(word) || ends(word) {
        return true;
    }
    let mut rests = FIRST.iter().filter_map(|first| word.strip_prefix(first));
    rests.any(|rest| !rest.is_empty() && any_part(rest, holds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_divided_into_words() {
        for (name, expected) in [
            ("is_deleted", "is deleted"),
            ("isDeleted", "is deleted"),
            ("Account-Status2", "account status"),
            ("HTTPStatus", "http status"),
            ("DISABLED", "disabled"),
            ("two_factor_2fa", "two factor 2fa"),
            ("is2FAEnabled", "is 2 fa enabled"),
            ("__x__", "x"),
        ] {
            assert_eq!(words(name).join(" "), expected, "{name}");
        }
    }
}
