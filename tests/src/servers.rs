//! The servers of `deploy/local` start, answer, and leave nothing behind.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use testkit::wait_until;

const SOON: Duration = Duration::from_secs(60);

/// Runs a script of `deploy/local` on `folder` and answers what it printed.
fn local(script: &str, arguments: &[&str], folder: &Path) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/local").join(script);
    let output = Command::new(path).args(arguments).arg(folder).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn process_of(folder: &Path, server: &str) -> PathBuf {
    let line = fs::read_to_string(folder.join(format!("{server}.pid"))).unwrap();
    Path::new("/proc").join(line.split(' ').next().unwrap())
}

/// Whether a process still runs: one that ended but was not reaped has no command line.
fn runs(process: &Path) -> bool {
    fs::read(process.join("cmdline")).is_ok_and(|line| !line.is_empty())
}

#[tokio::test]
async fn broker_and_database_answer() {
    let (kafka, postgres) = tokio::join!(testkit::kafka(), testkit::postgres());
    TcpStream::connect(&kafka.brokers).unwrap();
    assert_ne!(kafka.prefix(), kafka.prefix());

    let database = postgres.database().await;
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    let answer: i32 = sqlx::query_scalar("SELECT 1").fetch_one(&mut connection).await.unwrap();
    assert_eq!(answer, 1);
}

#[tokio::test]
async fn a_database_goes_with_its_test() {
    let postgres = testkit::postgres().await;
    let database = postgres.database().await;
    let url = database.url.clone();
    let _still_connected = PgConnection::connect(&url).await.unwrap();
    drop(database);
    assert!(PgConnection::connect(&url).await.is_err());
}

#[test]
fn down_stops_what_up_started() {
    let folder = testkit::scratch();
    let printed = local("up", &[], folder.path());
    assert_eq!(local("up", &[], folder.path()), printed, "a second up finds the same servers");
    assert_eq!(fs::read_to_string(folder.path().join("servers.env")).unwrap(), printed);
    let processes = ["kafka", "postgres"].map(|server| process_of(folder.path(), server));
    assert!(processes.iter().all(|process| runs(process)));

    local("down", &["--remove"], folder.path());
    assert!(!processes.iter().any(|process| runs(process)));
    assert!(!folder.path().exists());
    local("down", &[], folder.path());
}

#[test]
fn down_spares_a_process_that_got_an_old_number() {
    let folder = testkit::scratch();
    fs::write(folder.path().join(".daybook-servers"), "").unwrap();
    fs::write(folder.path().join("kafka.pid"), format!("{} 1\n", std::process::id())).unwrap();
    local("down", &["--now"], folder.path());
    assert!(!folder.path().join("kafka.pid").exists());
}

#[tokio::test]
async fn servers_end_with_the_process_they_are_for() {
    let folder = testkit::scratch();
    let mut owner = Command::new("sleep").arg("600").spawn().unwrap();
    local("up", &["postgres", "--for-pid", &owner.id().to_string()], folder.path());
    let server = process_of(folder.path(), "postgres");
    assert!(runs(&server));

    owner.kill().unwrap();
    owner.wait().unwrap();
    wait_until(SOON, async || !runs(&server) && !folder.path().exists()).await.unwrap();
}
