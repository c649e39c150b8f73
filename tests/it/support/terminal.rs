//! A program on a terminal, with somebody who reads and types.

use std::process::Command;

use rexpect::session::{PtySession, spawn_command};
use tempfile::TempDir;

use super::program::HANGS;

/// Runs the program on a terminal that shows what is typed, as people's do, and tells afterwards how
/// it ended and whether the terminal still does. The shell outlives Ctrl-C to tell it.
const SCRIPT: &str = r#"
trap : INT
stty echo
"$0" "$@"
echo "ended with $?"
stty -a | tr ' ' '\n' | grep -x -e echo -e -echo
"#;
/// Ctrl-C.
const INTERRUPT: char = 'c';

/// The program, its terminal, and all that was shown so far.
pub(crate) struct Terminal {
    session: PtySession,
    shown: String,
    _folder: TempDir,
}

impl Terminal {
    pub(super) fn start(program: &Command, folder: TempDir) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT]);
        command.arg(program.get_program()).args(program.get_args());
        command.current_dir(folder.path()).env_clear();
        let set = program
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        command.envs(set);
        let hangs = u64::try_from(HANGS.as_millis()).expect("a time limit");
        Self {
            session: spawn_command(command, Some(hangs)).expect("a terminal"),
            shown: String::new(),
            _folder: folder,
        }
    }

    /// Waits until this is asked; gives what was shown before it.
    #[track_caller]
    pub(crate) fn asks(&mut self, question: &str) -> String {
        let before = self.session.exp_string(question);
        let before = before.unwrap_or_else(|error| {
            panic!("{question:?} is not asked: {error}; before: {}", self.shown)
        });
        self.shown.push_str(&before);
        self.shown.push_str(question);
        before.replace('\r', "")
    }

    /// Waits until this is asked, and answers.
    #[track_caller]
    pub(crate) fn answers(&mut self, question: &str, answer: &str) -> String {
        let before = self.asks(question);
        self.session.send_line(answer).expect("a terminal");
        before
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&mut self) {
        self.session.send_control(INTERRUPT).expect("a terminal");
    }

    /// Waits for the program's end, asserts this exit code and that the terminal shows again what is
    /// typed; gives all that was shown, the newest last.
    #[track_caller]
    pub(crate) fn ends_with(mut self, code: i32) -> String {
        let rest = self.session.exp_eof();
        self.shown.push_str(&rest.expect("the program ends"));
        let shown = self.shown.replace('\r', "");
        let end = format!("ended with {code}\necho\n");
        let Some(shown) = shown.strip_suffix(&end) else {
            panic!("not {end:?} at the end of {shown:?}");
        };
        shown.to_owned()
    }
}
