//! The program as a process, in an empty folder and with only the environment that a test sets.

use std::fs;
use std::io::{PipeWriter, Seek, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::lines::Lines;
use super::terminal::Terminal;

/// Far longer than any step takes. A test that reaches it has found a hang.
pub(super) const HANG_TIMEOUT: Duration = Duration::from_secs(60);
/// A secret. [`RunningProgram::wait`] asserts that no program prints it.
pub(crate) const API_KEY: &str = "sk_test_made_up_and_never_to_be_shown";
/// See [`API_KEY`].
pub(crate) const SECRET_KEY: &str =
    "made-up-$ecret-never-to-be-shown-of-more-than-fifty-characters";

/// Opens a named pipe for writing, once a program has opened it for reading.
pub(crate) fn open_pipe(path: &Path) -> fs::File {
    let began = Instant::now();
    loop {
        let mut options = fs::OpenOptions::new();
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        match options.write(true).custom_flags(flags).open(path) {
            Ok(pipe) => return pipe,
            Err(error) => assert!(began.elapsed() < HANG_TIMEOUT, "nobody reads: {error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A program that has not been started.
pub(crate) struct Program {
    command: Command,
    stdin: Stdio,
    stdout: Stdio,
    stderr: Stdio,
    folder: TempDir,
}

impl Program {
    /// `vestibule` with these arguments, in an empty folder and without settings.
    pub(crate) fn new(arguments: &[&str]) -> Self {
        Self::of(Path::new(env!("CARGO_BIN_EXE_vestibule")), arguments)
    }

    fn of(program: &Path, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(folder.path())
            .env_clear();
        // script/test finds processes that a run left behind by this variable.
        if let Some(mark) = std::env::var_os("VESTIBULE_TEST_RUN") {
            command.env("VESTIBULE_TEST_RUN", mark);
        }
        Self {
            command,
            stdin: Stdio::null(),
            stdout: Stdio::piped(),
            stderr: Stdio::piped(),
            folder,
        }
    }

    /// The same with a build that lacks the feature `postgres`. `None` if
    /// `VESTIBULE_WITHOUT_POSTGRES` does not name one (script/test sets it).
    pub(crate) fn without_postgres(arguments: &[&str]) -> Option<Self> {
        let program = std::env::var_os("VESTIBULE_WITHOUT_POSTGRES")?;
        Some(Self::of(Path::new(&program), arguments))
    }

    /// The same with the three required settings.
    pub(crate) fn with_settings(arguments: &[&str]) -> Self {
        Self::new(arguments)
            .env("WORKOS_API_KEY", API_KEY)
            .env("WORKOS_CLIENT_ID", "client_made_up")
            .env("SECRET_KEY", SECRET_KEY)
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Writes a file into its folder, which other users cannot read.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        self.file_with_mode(name, text, 0o600)
    }

    /// Writes a file with this mode into its folder.
    pub(crate) fn file_with_mode(self, name: &str, text: &str, mode: u32) -> Self {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        self
    }

    /// Sets its limit on open files with these options of `ulimit`, such as `-n 256`.
    pub(crate) fn with_open_files(self, options: &str) -> Self {
        self.in_shell(&format!("ulimit {options} && exec \"$0\" \"$@\""))
    }

    /// Passes it this socket as systemd's socket activation does.
    pub(crate) fn with_inherited_socket(mut self, listener: &TcpListener) -> Self {
        let socket = listener.try_clone().expect("a descriptor");
        self.stdin = OwnedFd::from(socket).into();
        // The socket becomes descriptor 3. The shell's process becomes the program's.
        self.in_shell(
            "exec 3<&0 0</dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\" \"$@\"",
        )
    }

    /// Starts it by this shell script.
    fn in_shell(mut self, script: &str) -> Self {
        let mut limited = Command::new("sh");
        limited
            .args(["-c", script])
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .current_dir(self.folder.path())
            .env_clear();
        for (name, value) in self.command.get_envs() {
            limited.env(name, value.expect("no variable is removed"));
        }
        self.command = limited;
        self
    }

    /// Runs it in this folder instead of its own.
    pub(crate) fn current_dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Sets its standard input.
    pub(crate) fn input(mut self, text: &str) -> Self {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(text.as_bytes()).expect("a file");
        file.rewind().expect("a file");
        self.stdin = file.into();
        self
    }

    /// Starts it on a terminal.
    pub(crate) fn start_on_terminal(self) -> Terminal {
        Terminal::start(&self.command, self.folder)
    }

    /// Makes every write to its standard output fail as on a full disk.
    pub(crate) fn with_full_stdout(mut self) -> Self {
        let full = fs::OpenOptions::new().write(true).open("/dev/full");
        self.stdout = full.expect("/dev/full").into();
        self
    }

    /// Makes every write to its standard output fail as with a pipe whose reader has ended.
    pub(crate) fn with_closed_stdout(mut self) -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        self.stdout = writer.into();
        self
    }

    /// Writes its log to this pipe instead of collecting it.
    pub(crate) fn with_stderr(mut self, writer: PipeWriter) -> Self {
        self.stderr = writer.into();
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> ProgramOutput {
        self.start().wait()
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> RunningProgram {
        let command = self.command.stdin(self.stdin).stdout(self.stdout);
        let child = command.stderr(self.stderr).spawn();
        let mut child = child.expect("the program starts");
        RunningProgram {
            out: Lines::of(child.stdout.take()),
            err: Lines::of(child.stderr.take()),
            child,
            folder: self.folder,
        }
    }
}

/// A running program. It is killed when this is dropped.
pub(crate) struct RunningProgram {
    child: Child,
    out: Lines,
    err: Lines,
    folder: TempDir,
}

impl RunningProgram {
    /// Waits for a line of its output that contains `text`, and returns the line.
    pub(crate) fn wait_for_output(&self, text: &str) -> String {
        self.out
            .line(|line| line.contains(text), || self.diagnostics())
    }

    /// Waits for a line of its log that matches, and returns the line.
    pub(crate) fn wait_for_log(&self, wanted: impl Fn(&str) -> bool) -> String {
        self.err.line(wanted, || self.diagnostics())
    }

    /// All lines of its log so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.err.so_far()
    }

    /// Everything that it has printed so far.
    pub(crate) fn printed(&self) -> String {
        self.out.so_far().join("\n")
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id();
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {id}")])
            .status();
        assert!(sent.expect("a shell").success(), "the program runs");
    }

    /// Waits until it exits.
    pub(crate) fn wait(mut self) -> ProgramOutput {
        let until = Instant::now() + HANG_TIMEOUT;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(
                Instant::now() < until,
                "the program does not exit: {}",
                self.diagnostics()
            );
            std::thread::sleep(Duration::from_millis(10));
        };
        let output = ProgramOutput {
            code: status.code(),
            stdout: self.out.all(),
            stderr: self.err.all(),
            files: file_names(self.folder.path()),
        };
        for secret in [API_KEY, SECRET_KEY] {
            let all = format!("{}{}", output.stdout, output.stderr);
            assert!(!all.contains(secret), "a secret is printed: {all}");
        }
        output
    }

    fn diagnostics(&self) -> String {
        let (out, err) = (self.out.so_far(), self.err.so_far());
        format!("printed {out:#?}, logged {err:#?}")
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        // Killing fails if it has already exited.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The results of a program that has exited.
#[derive(Debug)]
pub(crate) struct ProgramOutput {
    /// The exit code, or `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error: error messages and log.
    pub(crate) stderr: String,
    /// The names of the files in its folder, sorted.
    pub(crate) files: Vec<String>,
}

impl ProgramOutput {
    /// Asserts this exit code.
    #[track_caller]
    pub(crate) fn exits_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self
    }

    /// Asserts that it printed exactly one error line, which starts with the program's name and contains
    /// these parts.
    #[track_caller]
    pub(crate) fn reports_one_error(self, parts: &[&str]) -> Self {
        let lines: Vec<&str> = self.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{self:#?}");
        assert!(lines[0].starts_with("vestibule: "), "{self:#?}");
        for part in parts {
            assert!(lines[0].contains(part), "no {part:?} in {self:#?}");
        }
        self
    }

    /// Asserts that its folder contains exactly these files.
    #[track_caller]
    pub(crate) fn leaves_files(self, names: &[&str]) -> Self {
        assert_eq!(self.files, names, "{self:#?}");
        self
    }
}

fn file_names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.expect("an entry").file_name();
        name.to_string_lossy().into_owned()
    };
    let mut names: Vec<_> = entries.map(name).collect();
    names.sort();
    names
}
