//! Runs another project's program for the duration of one test.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take to become ready. A cold Chromium on a busy machine needs most of it.
const READY_WITHIN: Duration = Duration::from_secs(60);
const POLL_EVERY: Duration = Duration::from_millis(20);

/// Runs the program in a process group of its own and waits for it. A second job reads a pipe from the
/// test: `read` returns when the test writes a line or dies, and then the job kills the group. When this
/// script has ended, no process of the program is left and its port is free; if the test has died, its
/// folder is removed.
const LEASH: &str = r#"
    set -m
    folder=$1
    shift
    "$@" </dev/null &
    program=$!
    { read -r || touch "$folder/abandoned"; kill -KILL -- "-$program"; } <&0 2>/dev/null &
    leash=$!
    wait "$program" 2>/dev/null
    status=$?
    exec 2>/dev/null
    kill -KILL -- "-$program" "-$leash"
    [[ ! -e $folder/abandoned ]] || rm -rf -- "$folder"
    exit "$status"
"#;

/// A running program. It is killed together with its child processes when this is dropped.
pub(crate) struct Peer {
    name: &'static str,
    leash: Child,
    log: PathBuf,
}

impl Peer {
    /// Starts `program` and writes its output into a file in `folder`. The folder is also its home and
    /// its place for temporary files, so that it leaves nothing in the home of the user.
    pub(crate) fn start(
        name: &'static str,
        program: &Path,
        arguments: &[&str],
        folder: &Path,
    ) -> Self {
        let log = folder.join(format!("{name}.log"));
        let output = std::fs::File::create(&log).expect("a log file in a temporary folder");
        let leash = Command::new("bash")
            .args(["-c", LEASH, "leash"])
            .arg(folder)
            .arg(program)
            .args(arguments)
            .env("HOME", folder)
            .env("TMPDIR", folder)
            .env("WORKOS_TELEMETRY", "false")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(output.try_clone().expect("a second handle on the log file"))
            .stderr(output)
            .spawn()
            .expect("bash starts");
        Self { name, leash, log }
    }

    /// Waits until `find` returns a value for a line of the program's output.
    pub(crate) async fn wait_for<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let ended = self.leash.try_wait().expect("the state of a child");
            let output = self.output();
            if let Some(found) = output.lines().find_map(&find) {
                return found;
            }
            let name = self.name;
            if let Some(status) = ended {
                panic!("{name} ended ({status}) before it was ready; its output:\n{output}");
            }
            assert!(
                Instant::now() < deadline,
                "{name} was not ready within {READY_WITHIN:?}; its output:\n{output}"
            );
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// What the program has written so far.
    pub(crate) fn output(&self) -> String {
        let bytes = std::fs::read(&self.log).expect("the log file");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(mut leash) = self.leash.stdin.take() {
            // An error means that the program has ended, and its leash with it.
            drop(leash.write_all(b"stop\n"));
        }
        if let Err(error) = self.leash.wait() {
            eprintln!("{} could not be waited for: {error}", self.name);
        }
    }
}
