//! `script/bench passwords`: measures how long a refused password takes for each kind of stored
//! hash, and how two hundred concurrent wrong passwords affect the server's memory and other
//! requests.
//!
//! Runs the real program on a loopback port. Compare the figures of one run with each other, not
//! with those of another machine.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chrono::Utc;
use reqwest::{Client, StatusCode};
use vestibule::accounts::{NewUser, passwords, unusable_password};
use vestibule::clock::Timestamp;
use vestibule::db::{Database, DbError};
use vestibule::settings::{DatabaseSettings, Source};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The number of refusals measured for each account.
const ROUNDS: usize = 15;
/// The number of concurrent wrong passwords.
const FLOOD: usize = 200;
/// The number of home pages requested one after the other while the server is idle.
const PAGES: usize = 500;
const SECRET_KEY: &str = "made-up-key-of-the-benchmark-of-more-than-fifty-characters";

/// Hashes with the default parameters of Django 5.2.
const STORED: [(&str, &str); 4] = [
    (
        "pbkdf2_sha256",
        "pbkdf2_sha256$1000000$seasalt2seasalt2seasalt$Eieg3MnpMY7C8JSCJjQwVxuhJ24men+HK2urK/0zaxY=",
    ),
    (
        "scrypt",
        "scrypt$16384$seasalt$8$5$7ZZPLpEDJ6KEasRTh3GpWmXxjXnKkpauiVs48TAFy49GP4LgxwsYG+TYbHCHL7iGKVRgzPcFzKM6jBElKiemIA==",
    ),
    (
        "bcrypt_sha256",
        "bcrypt_sha256$$2b$12$abcdefghijklmnopqrstuuOtpIlRD.AVjVtoIZaQgsFAj6fS/sgBK",
    ),
    (
        "django-argon2",
        "argon2$argon2id$v=19$m=102400,t=2,p=8$c2Vhc2FsdDJzZWFzYWx0MnNlYXNhbA$l8tdAcxrs/9Mdvym8eDyo94DhqMI2oTidSr8EIf7w4g",
    ),
];

#[actix_web::main]
async fn main() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    make_accounts(folder.path())?;
    let server = Server::start(folder.path())?;
    server.wait_until_ready().await?;
    refusals(&server).await?;
    flood(&server).await
}

/// Creates an account for each kind of stored hash, with the email `NAME@example.com`.
fn make_accounts(folder: &Path) -> Outcome<()> {
    let url = format!("sqlite:{}", folder.join("bench.sqlite3").display());
    let source = Source::from_pairs([("DATABASE_URL".to_owned(), url)]);
    let database = Database::open_or_create(&DatabaseSettings::from_source(&source)?)?;
    let mut migrations = database.migrations()?;
    while migrations.apply_next()?.is_some() {}
    drop(migrations);
    let mut accounts = BTreeMap::from(STORED.map(|(name, stored)| (name, stored.to_owned())));
    accounts.insert("argon2", passwords::hash("a password that nobody sends")?);
    accounts.insert("unusable", unusable_password()?);
    let now = Timestamp::from(Utc::now());
    database.write_blocking(|conn| {
        for (name, password) in &accounts {
            let email = format!("{name}@example.com");
            let new = NewUser::unlinked(email, password.clone(), now);
            new.insert(conn)?;
        }
        Ok::<_, DbError>(())
    })?;
    Ok(())
}

/// The measured program. It is killed when this is dropped.
struct Server {
    child: Child,
    client: Client,
    url: String,
}

impl Server {
    fn start(folder: &Path) -> Outcome<Self> {
        // Reserves a free port and releases it for the program.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(env!("CARGO_BIN_EXE_vestibule"))
            .arg("runserver")
            .current_dir(folder)
            .env_clear()
            .env("BIND", format!("127.0.0.1:{port}"))
            .env("DATABASE_URL", "sqlite:bench.sqlite3")
            .env("SECRET_KEY", SECRET_KEY)
            .env("WORKOS_API_KEY", "sk_test_made_up")
            .env("WORKOS_CLIENT_ID", "client_made_up")
            .env("RUST_LOG", "error")
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self {
            child,
            client: Client::builder().no_proxy().build()?,
            url: format!("http://127.0.0.1:{port}"),
        })
    }

    async fn wait_until_ready(&self) -> Outcome<()> {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let asked = self.client.get(format!("{}/readyz", self.url)).send().await;
            if asked.is_ok_and(|response| response.status() == StatusCode::OK) {
                return Ok(());
            }
            if Instant::now() > until {
                return Err("the server did not become ready".into());
            }
            actix_web::rt::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends a wrong password and returns the status and the duration.
    async fn attempt(&self, name: &str) -> Outcome<(StatusCode, Duration)> {
        let began = Instant::now();
        let form = [
            ("email", format!("{name}@example.com")),
            ("password", "not the password".to_owned()),
        ];
        let request = self.client.post(format!("{}/login", self.url)).form(&form);
        let response = request.send().await?;
        let status = response.status();
        response.bytes().await?;
        Ok((status, began.elapsed()))
    }

    /// Requests the home page and returns the duration.
    async fn page(&self) -> Outcome<Duration> {
        let began = Instant::now();
        let response = self.client.get(format!("{}/", self.url)).send().await?;
        response.error_for_status()?.bytes().await?;
        Ok(began.elapsed())
    }

    /// The program's memory in KiB: `VmRSS:` (current) or `VmHWM:` (peak).
    fn memory(&self, field: &str) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let mut lines = status.lines().map(str::split_whitespace);
        let value = lines.find_map(|mut line| (line.next() == Some(field)).then(|| line.next()));
        Ok(value.flatten().unwrap_or_default().parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The program may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn refusals(server: &Server) -> Outcome<()> {
    let names = ["unknown", "unusable", "argon2"];
    let names: Vec<_> = names
        .into_iter()
        .chain(STORED.map(|(name, _)| name))
        .collect();
    let mut times: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for name in &names {
            let (status, time) = server.attempt(name).await?;
            if status != StatusCode::OK {
                return Err(format!("{name}: {status}").into());
            }
            times.entry(name).or_default().push(time);
        }
    }
    let unknown = median(&times["unknown"]);
    println!("A refused password, {ROUNDS} times each (seconds; ratio to an unknown account):");
    println!(
        "  {:<16} {:>8} {:>8} {:>8} {:>8}",
        "stored", "least", "median", "most", "ratio"
    );
    for name in names {
        let all = &times[name];
        let (least, most) = (all.iter().min().copied(), all.iter().max().copied());
        println!(
            "  {name:<16} {:>8.4} {:>8.4} {:>8.4} {:>8.4}",
            seconds(least.unwrap_or_default()),
            seconds(median(all)),
            seconds(most.unwrap_or_default()),
            seconds(median(all)) / seconds(unknown)
        );
    }
    Ok(())
}

async fn flood(server: &Server) -> Outcome<()> {
    let mut idle = Vec::new();
    for _ in 0..PAGES {
        idle.push(server.page().await?);
    }
    let before = server.memory("VmRSS:")?;
    let attempts = (0..FLOOD).map(|_| server.attempt("argon2"));
    let flood = futures_util::future::join_all(attempts);
    let pages = async {
        let mut busy = Vec::new();
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until {
            busy.push(server.page().await?);
        }
        Ok::<_, Box<dyn Error>>(busy)
    };
    let (answers, busy) = futures_util::future::join(flood, pages).await;
    let busy = busy?;
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for answer in answers {
        *statuses.entry(answer?.0.as_u16()).or_default() += 1;
    }
    let most = server.memory("VmHWM:")?;
    let cores = std::thread::available_parallelism()?;
    println!("\n{FLOOD} wrong passwords at once:");
    println!("  answers: {statuses:?} (200: refused; 503: the queue was full)");
    println!(
        "  memory: {:.1} MiB before, {:.1} MiB at most; {cores} hashes of 19 MiB at a time",
        mib(before),
        mib(most)
    );
    println!(
        "  GET /: median {:.2} ms of {} while idle, {:.2} ms of {} among them ({:.1} times)",
        seconds(median(&idle)) * 1e3,
        idle.len(),
        seconds(median(&busy)) * 1e3,
        busy.len(),
        seconds(median(&busy)) / seconds(median(&idle))
    );
    Ok(())
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "a figure of one decimal")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
