//! Questions on the terminal: asked, read, and given up with Ctrl-C.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};

use super::CommandError;

/// How often a password is asked for before a command gives up; Django's number.
pub(super) const TRIES: usize = 3;
/// The terminal itself: input and output may be elsewhere.
const TERMINAL: &str = "/dev/tty";

/// How the terminal was before it hid what is typed, while it does.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Whether somebody can answer.
pub(super) fn is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Runs a command that asks; Ctrl-C ends it with Django's "Operation cancelled.", and the terminal
/// shows again what is typed.
pub(super) fn cancellable(
    command: impl FnOnce() -> Result<(), CommandError> + Send + 'static,
) -> Result<(), CommandError> {
    actix_web::rt::System::new().block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (done, outcome) = tokio::sync::oneshot::channel();
        // A thread of its own: reading a line cannot be broken off, only left behind.
        std::thread::spawn(move || done.send(command()));
        tokio::select! {
            outcome = outcome => outcome.unwrap_or(Err(CommandError::Cancelled)),
            _ = interrupt.recv() => {
                let mut before = before();
                restore(&mut before);
                // Kept to the end of the process, so that no further question hides the typing.
                std::mem::forget(before);
                Err(CommandError::Cancelled)
            }
        }
    })
}

/// Asks for a line that is seen.
pub(super) fn visible(question: &str) -> Result<String, CommandError> {
    let mut out = io::stdout();
    write!(out, "{question}")?;
    out.flush()?;
    line_of(io::stdin().lock())?.ok_or(CommandError::Cancelled)
}

/// Asks for a line that is not seen. Where nobody can answer, the next line of the input is taken,
/// without a question; an input that has ended gives an empty one.
pub(super) fn hidden(question: &str) -> Result<SecretString, CommandError> {
    if !is_terminal() {
        return Ok(line_of(io::stdin().lock())?.unwrap_or_default().into());
    }
    let terminal = File::options().read(true).write(true).open(TERMINAL);
    let terminal = terminal.map_err(|error| unreadable(&error))?;
    // Before the question, or a quick answer would be seen.
    hide_typing(&terminal).map_err(|error| unreadable(&error))?;
    let answer = write!(&terminal, "{question}")
        .map_err(|error| unreadable(&error))
        .and_then(|()| line_of(BufReader::new(&terminal)));
    restore(&mut before());
    answer?
        .map(SecretString::from)
        .ok_or(CommandError::Cancelled)
}

/// Tells what is wrong with an answer.
pub(super) fn complain(lines: &[String]) -> io::Result<()> {
    lines
        .iter()
        .try_for_each(|line| writeln!(io::stderr(), "{line}"))
}

fn hide_typing(terminal: &File) -> io::Result<()> {
    let mut before = before();
    let shown = tcgetattr(terminal)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    // The end of the line is seen, so that what comes next stands on its own.
    hidden.local_modes.insert(LocalModes::ECHONL);
    // What was typed too early was seen, and is dropped.
    tcsetattr(terminal, OptionalActions::Flush, &hidden)?;
    *before = Some(shown);
    Ok(())
}

/// Where the terminal cannot be reached any more, there is nothing left to restore.
fn restore(before: &mut Option<Termios>) {
    if let (Some(shown), Ok(terminal)) = (before.take(), File::open(TERMINAL)) {
        let _ = tcsetattr(terminal, OptionalActions::Now, &shown);
    }
}

fn before() -> MutexGuard<'static, Option<Termios>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A line without its end; `None` where there is no more.
fn line_of(mut input: impl BufRead) -> Result<Option<String>, CommandError> {
    let mut line = String::new();
    let read = input
        .read_line(&mut line)
        .map_err(|error| unreadable(&error))?;
    if line.ends_with('\n') {
        line.pop();
        if line.ends_with('\r') {
            line.pop();
        }
    }
    Ok((read > 0).then_some(line))
}

fn unreadable(error: &io::Error) -> CommandError {
    CommandError::Failed(format!(
        "the answer cannot be read: {error}; run the command in a terminal of your own, with UTF-8"
    ))
}
