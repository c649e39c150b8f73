//! Questions on the terminal, which Ctrl-C cancels.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};

use super::error::CommandError;

/// How often a password is asked for before the command fails; Django's number.
pub(super) const TRIES: usize = 3;
/// The terminal, even if standard input and output are redirected.
const TERMINAL: &str = "/dev/tty";

/// The terminal's attributes from before typing was hidden, as long as it is hidden.
static SAVED: Mutex<Option<Termios>> = Mutex::new(None);

/// Whether a user can answer questions.
pub(super) fn is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Runs a command that asks questions. Ctrl-C ends it with Django's "Operation cancelled.", after the
/// terminal shows typed text again.
pub(super) fn cancellable(
    command: impl FnOnce() -> Result<(), CommandError> + Send + 'static,
) -> Result<(), CommandError> {
    actix_web::rt::System::new().block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (done, outcome) = tokio::sync::oneshot::channel();
        // In a thread: reading a line cannot be interrupted, only abandoned.
        std::thread::spawn(move || done.send(command()));
        tokio::select! {
            outcome = outcome => outcome.unwrap_or(Err(CommandError::Cancelled)),
            _ = interrupt.recv() => {
                let mut saved = saved_attributes();
                restore(&mut saved);
                // Locked until the process ends, so that no further question hides the typing.
                std::mem::forget(saved);
                Err(CommandError::Cancelled)
            }
        }
    })
}

/// Asks for a line that is shown while it is typed.
pub(super) fn visible(question: &str) -> Result<String, CommandError> {
    let mut out = io::stdout();
    write!(out, "{question}")?;
    out.flush()?;
    read_line(io::stdin().lock())?.ok_or(CommandError::Cancelled)
}

/// Asks for a line that is not shown while it is typed. Without a terminal, the next line of standard
/// input is read without a question, and the end of the input is an empty line.
pub(super) fn hidden(question: &str) -> Result<SecretString, CommandError> {
    if !is_terminal() {
        return Ok(read_line(io::stdin().lock())?.unwrap_or_default().into());
    }
    let terminal = File::options().read(true).write(true).open(TERMINAL);
    let terminal = terminal.map_err(|error| read_error(&error))?;
    // Before the question, or the start of a quick answer would be shown.
    hide_typing(&terminal).map_err(|error| read_error(&error))?;
    let answer = write!(&terminal, "{question}")
        .map_err(|error| read_error(&error))
        .and_then(|()| read_line(BufReader::new(&terminal)));
    restore(&mut saved_attributes());
    answer?
        .map(SecretString::from)
        .ok_or(CommandError::Cancelled)
}

/// Prints what is wrong with an answer to stderr.
pub(super) fn print_errors(lines: &[String]) -> io::Result<()> {
    lines
        .iter()
        .try_for_each(|line| writeln!(io::stderr(), "{line}"))
}

fn hide_typing(terminal: &File) -> io::Result<()> {
    let mut saved = saved_attributes();
    let visible = tcgetattr(terminal)?;
    let mut hidden = visible.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    // The line feed is still shown, so that the next output begins on a line of its own.
    hidden.local_modes.insert(LocalModes::ECHONL);
    // Text that was typed before the question was shown, and is discarded.
    tcsetattr(terminal, OptionalActions::Flush, &hidden)?;
    *saved = Some(visible);
    Ok(())
}

/// Restores the terminal's attributes. If the terminal is gone, there is nothing to restore.
fn restore(saved: &mut Option<Termios>) {
    if let (Some(visible), Ok(terminal)) = (saved.take(), File::open(TERMINAL)) {
        let _ = tcsetattr(terminal, OptionalActions::Now, &visible);
    }
}

fn saved_attributes() -> MutexGuard<'static, Option<Termios>> {
    SAVED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a line, without its line ending; `None` at the end of the input.
fn read_line(mut input: impl BufRead) -> Result<Option<String>, CommandError> {
    let mut line = String::new();
    let read = input
        .read_line(&mut line)
        .map_err(|error| read_error(&error))?;
    if line.ends_with('\n') {
        line.pop();
        if line.ends_with('\r') {
            line.pop();
        }
    }
    Ok((read > 0).then_some(line))
}

fn read_error(error: &io::Error) -> CommandError {
    CommandError::Failed(format!(
        "the answer cannot be read: {error}; run the command in an interactive terminal that uses UTF-8"
    ))
}
