//! Runs a program on a pseudo-terminal, reads its prompts and types answers.

use std::process::Command;

use rexpect::session::{PtySession, spawn_command};
use tempfile::TempDir;

use super::program::HANG_TIMEOUT;

/// Runs the program on a terminal with echo, and prints its exit code and the terminal's echo mode
/// afterwards. The shell ignores Ctrl-C so that it can print them.
const SCRIPT: &str = r#"
trap : INT
stty echo
"$0" "$@"
echo "ended with $?"
stty -a | tr ' ' '\n' | grep -x -e echo -e -echo
"#;
/// Ctrl-C.
const INTERRUPT: char = 'c';

/// A program on a terminal.
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
        let hangs = u64::try_from(HANG_TIMEOUT.as_millis()).expect("a time limit");
        Self {
            session: spawn_command(command, Some(hangs)).expect("a terminal"),
            shown: String::new(),
            _folder: folder,
        }
    }

    /// Waits for this prompt and returns the output before it.
    #[track_caller]
    pub(crate) fn wait_for_prompt(&mut self, question: &str) -> String {
        let before = self.session.exp_string(question);
        let before = before.unwrap_or_else(|error| {
            panic!("no prompt {question:?}: {error}; before: {}", self.shown)
        });
        self.shown.push_str(&before);
        self.shown.push_str(question);
        before.replace('\r', "")
    }

    /// Waits for this prompt and types an answer.
    #[track_caller]
    pub(crate) fn answer_prompt(&mut self, question: &str, answer: &str) -> String {
        let before = self.wait_for_prompt(question);
        self.session.send_line(answer).expect("a terminal");
        before
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&mut self) {
        self.session.send_control(INTERRUPT).expect("a terminal");
    }

    /// Waits until the program exits, asserts this exit code and that the terminal's echo is on again.
    /// Returns everything that was shown.
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
