//! What a transaction does after its commit: a line of the log about a change must not be written for a change that
//! is rolled back, nor once for each time that the transaction runs.

use std::cell::RefCell;

type Action = Box<dyn FnOnce()>;

thread_local! {
    /// The actions of the transaction that runs on this thread.
    static ACTIONS: RefCell<Option<Vec<Action>>> = const { RefCell::new(None) };
}

/// Calls `action` after the commit of the transaction that runs on this thread, or at once if none does. It is not
/// called if the transaction is rolled back, or if its connection ends before the server confirms the commit.
pub fn after_commit(action: impl FnOnce() + 'static) {
    let is_in_transaction = ACTIONS.with_borrow(Option::is_some);
    if !is_in_transaction {
        return action();
    }
    ACTIONS.with_borrow_mut(|actions| actions.get_or_insert_default().push(Box::new(action)));
}

/// Runs a transaction with its commit, and then its actions.
pub(super) fn with_actions<T, E>(transaction: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let collector = Collector::start();
    let outcome = transaction();
    let actions = collector.finish();
    if outcome.is_ok() {
        for action in actions {
            action();
        }
    }
    outcome
}

/// Collects the actions on this thread until it is dropped, also by a panic.
struct Collector;

impl Collector {
    fn start() -> Self {
        ACTIONS.set(Some(Vec::new()));
        Self
    }

    fn finish(self) -> Vec<Action> {
        ACTIONS.take().unwrap_or_default()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        ACTIONS.set(None);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::rc::Rc;

    use super::*;

    fn note(notes: &Rc<RefCell<Vec<&'static str>>>, text: &'static str) {
        let notes = Rc::clone(notes);
        after_commit(move || notes.borrow_mut().push(text));
    }

    #[test]
    fn actions_run_after_the_commit_and_not_after_a_rollback() {
        let notes = Rc::default();
        let committed = with_actions(|| {
            note(&notes, "first");
            note(&notes, "second");
            assert!(notes.borrow().is_empty());
            Ok::<_, ()>(1)
        });
        assert_eq!(committed, Ok(1));
        assert_eq!(*notes.borrow(), ["first", "second"]);
        let rolled_back = with_actions(|| {
            note(&notes, "rolled back");
            Err::<(), _>(2)
        });
        assert_eq!(rolled_back, Err(2));
        let panicking = catch_unwind(AssertUnwindSafe(|| {
            with_actions(|| -> Result<(), ()> {
                note(&notes, "panic");
                panic!("a defect");
            })
        }));
        assert!(panicking.is_err());
        note(&notes, "outside");
        assert_eq!(*notes.borrow(), ["first", "second", "outside"]);
    }
}
