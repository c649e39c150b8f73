//! Refuses options that would open closed accounts, because they do not fit the names and values of their columns.

use super::names::NameWords;
use super::question::Meaning;
use crate::django_import::column_content::ColumnContent;
use crate::django_import::error::ImportError;

/// An option that does not fit, and why.
struct Misfit {
    /// What would open closed accounts.
    harm: String,
    right: Meaning,
}

/// Refuses the option that names a column, if it does not fit the column. `named`: the meanings that options give to
/// the column; `content`: what the column holds, if it was read.
pub(super) fn refuse_wrong_option(
    (meaning, name): (Meaning, &str),
    named: &[Meaning],
    content: Option<&ColumnContent>,
) -> Result<(), ImportError> {
    let words = NameWords::of(name);
    let misfit = match meaning {
        Meaning::Active => of_active(&words, named),
        Meaning::Closed => of_closed(&words),
        Meaning::ActiveUntil => of_active_until(&words, named),
        Meaning::ClosedUntil => of_closed_until(&words, content),
        Meaning::Words | Meaning::ClosedWords => None,
    };
    let Some(Misfit { harm, right }) = misfit else {
        return Ok(());
    };
    let (option, _) = meaning.option();
    let (right, _) = right.option();
    let name = name.escape_debug();
    Err(ImportError::Impossible(format!(
        "{option} {name}: {harm}; pass {right} {name}. If the name of {name} is misleading, import a view in which it has \
         another one"
    )))
}

fn of_active(words: &NameWords, named: &[Meaning]) -> Option<Misfit> {
    let of_time = "a time in it that has passed, or is to come, would open a closed account";
    let (harm, right) = if words.is_end_of_ban() && !named.contains(&Meaning::ClosedUntil) {
        (of_time, Meaning::ClosedUntil)
    } else if words.is_flag_of_closed() {
        (
            "its name says that it is true for closed accounts",
            Meaning::Closed,
        )
    } else if words.is_end_of_account() && !named.contains(&Meaning::ActiveUntil) {
        (of_time, Meaning::ActiveUntil)
    } else {
        return None;
    };
    Some(Misfit {
        harm: harm.to_owned(),
        right,
    })
}

fn of_closed(words: &NameWords) -> Option<Misfit> {
    words.is_flag_of_open().then(|| Misfit {
        harm: "its name says that it is true for open accounts".to_owned(),
        right: Meaning::Active,
    })
}

fn of_active_until(words: &NameWords, named: &[Meaning]) -> Option<Misfit> {
    let (harm, right) = if words.is_end_of_ban() {
        (
            "a time that has passed, or is to come, would open a closed account",
            Meaning::ClosedUntil,
        )
    } else if words.is_beginning() {
        (
            "the time is a beginning, and one that is to come would open a closed account",
            Meaning::ClosedUntil,
        )
    } else if words.is_flag_of_open() && !named.contains(&Meaning::Active) {
        ("without a time, an account would be open", Meaning::Active)
    } else {
        return None;
    };
    Some(Misfit {
        harm: harm.to_owned(),
        right,
    })
}

fn of_closed_until(words: &NameWords, content: Option<&ColumnContent>) -> Option<Misfit> {
    if words.is_end_of_ban() || words.is_beginning() {
        return None;
    }
    let future = content.and_then(ColumnContent::future_times);
    let closes_nobody = future == Some(0) && content.is_some_and(|content| content.filled > 0);
    let may_return = words.has_until() || (words.is_temporary() && !closes_nobody);
    let (harm, right) = if words.is_flag_of_closed() && !may_return {
        (
            "its name says since when an account is closed, and a time that has passed would open it",
            Meaning::Closed,
        )
    } else if words.is_end_of_account() {
        (
            "its name says until when an account is open, and a time that has passed would open it",
            Meaning::ActiveUntil,
        )
    } else if words.is_flag_of_open() {
        (
            "its name says since when an account is open, and without a time it would be open",
            Meaning::Active,
        )
    } else if closes_nobody && !words.has_until() {
        (
            "all times in it have passed, so that it would close nobody",
            Meaning::Closed,
        )
    } else {
        return None;
    };
    Some(Misfit {
        harm: harm.to_owned(),
        right,
    })
}
