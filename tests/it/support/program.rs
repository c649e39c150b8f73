//! The program as people start it: a process of its own, in a folder of its own, with no
//! environment but what a test gives it.

use std::fs;
use std::io::{Seek, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::lines::Lines;
use super::terminal::Terminal;

/// Far longer than anything here takes: a test that meets it has found something that hangs.
pub(super) const HANGS: Duration = Duration::from_secs(60);
/// No test's output may hold these; [`Output`] looks whenever a program ends.
pub(crate) const API_KEY: &str = "sk_test_made_up_and_never_to_be_shown";
/// See [`API_KEY`].
pub(crate) const SECRET_KEY: &str =
    "made-up-$ecret-never-to-be-shown-of-more-than-fifty-characters";

/// A program to be.
pub(crate) struct Program {
    command: Command,
    stdin: Stdio,
    stdout: Stdio,
    folder: TempDir,
}

impl Program {
    /// `vestibule` with these arguments, in an empty folder, without any setting.
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        command
            .args(arguments)
            .current_dir(folder.path())
            .env_clear();
        // script/test looks for processes that a run left behind by this mark.
        if let Some(mark) = std::env::var_os("VESTIBULE_TEST_RUN") {
            command.env("VESTIBULE_TEST_RUN", mark);
        }
        Self {
            command,
            stdin: Stdio::null(),
            stdout: Stdio::piped(),
            folder,
        }
    }

    /// The same with the three required settings.
    pub(crate) fn with_settings(arguments: &[&str]) -> Self {
        Self::new(arguments)
            .env("WORKOS_API_KEY", API_KEY)
            .env("WORKOS_CLIENT_ID", "client_made_up")
            .env("SECRET_KEY", SECRET_KEY)
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Puts a file into its folder.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.folder.path().join(name), text).expect("a file");
        self
    }

    /// Another folder than its own.
    pub(crate) fn in_folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// With this text as its input.
    pub(crate) fn input(mut self, text: &str) -> Self {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(text.as_bytes()).expect("a file");
        file.rewind().expect("a file");
        self.stdin = file.into();
        self
    }

    /// Starts it on a terminal.
    pub(crate) fn on_a_terminal(self) -> Terminal {
        Terminal::start(&self.command, self.folder)
    }

    /// With a full disk where its output goes.
    pub(crate) fn with_nowhere_to_print(mut self) -> Self {
        let full = fs::OpenOptions::new().write(true).open("/dev/full");
        self.stdout = full.expect("/dev/full").into();
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Output {
        self.start().wait()
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Running {
        let command = self.command.stdin(self.stdin).stdout(self.stdout);
        let child = command.stderr(Stdio::piped()).spawn();
        let mut child = child.expect("the program starts");
        Running {
            out: Lines::of(child.stdout.take()),
            err: Lines::of(child.stderr.take()),
            child,
            folder: self.folder,
        }
    }
}

/// A program that runs; it is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    out: Lines,
    err: Lines,
    folder: TempDir,
}

impl Running {
    /// Waits for a line of its output that holds `text`; gives the line.
    pub(crate) fn line_with(&self, text: &str) -> String {
        self.out.line(|line| line.contains(text), || self.story())
    }

    /// Waits for a line of its log for which `wanted` is true.
    pub(crate) fn log_line(&self, wanted: impl Fn(&str) -> bool) -> String {
        self.err.line(wanted, || self.story())
    }

    /// All lines of its log so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.err.so_far()
    }

    /// All that it printed so far.
    pub(crate) fn printed(&self) -> String {
        self.out.so_far().join("\n")
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Sends it a signal, `TERM` or `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id();
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {id}")])
            .status();
        assert!(sent.expect("a shell").success(), "the program runs");
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Output {
        let until = Instant::now() + HANGS;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(Instant::now() < until, "it does not end: {}", self.story());
            std::thread::sleep(Duration::from_millis(10));
        };
        let output = Output {
            code: status.code(),
            stdout: self.out.all(),
            stderr: self.err.all(),
            files: files(self.folder.path()),
        };
        for secret in [API_KEY, SECRET_KEY] {
            let all = format!("{}{}", output.stdout, output.stderr);
            assert!(!all.contains(secret), "a secret is shown: {all}");
        }
        output
    }

    fn story(&self) -> String {
        let (out, err) = (self.out.so_far(), self.err.so_far());
        format!("printed {out:#?}, logged {err:#?}")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a program that has ended leaves.
#[derive(Debug)]
pub(crate) struct Output {
    /// The exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) stdout: String,
    /// Its errors and its log.
    pub(crate) stderr: String,
    /// The names in its folder, in order.
    pub(crate) files: Vec<String>,
}

impl Output {
    /// Asserts this exit code.
    #[track_caller]
    pub(crate) fn exits_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self
    }

    /// Asserts one line of error that begins with the program's name and holds these.
    #[track_caller]
    pub(crate) fn says_in_one_line(self, parts: &[&str]) -> Self {
        let lines: Vec<&str> = self.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{self:#?}");
        assert!(lines[0].starts_with("vestibule: "), "{self:#?}");
        for part in parts {
            assert!(lines[0].contains(part), "no {part:?} in {self:#?}");
        }
        self
    }

    /// Asserts that its folder holds just these.
    #[track_caller]
    pub(crate) fn leaves_files(self, names: &[&str]) -> Self {
        assert_eq!(self.files, names, "{self:#?}");
        self
    }
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.expect("an entry").file_name();
        name.to_string_lossy().into_owned()
    };
    let mut names: Vec<_> = entries.map(name).collect();
    names.sort();
    names
}
