//! The file: its tables, its format, and how connections to it are made.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use tokio::time::Instant;

use super::told::told;
use crate::MAX_PARTITIONS;
use crate::error::OpenLogError;

/// The format this program writes and reads.
const FORMAT: i64 = 1;

/// How long a writer waits for another process to finish its transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait before a busy file is opened again.
const RETRY_WHEN_BUSY: Duration = Duration::from_millis(10);

/// `position` orders the whole file; `offset` counts within a partition of a topic. Topics are numbered in `row`.
const TABLES: &str = r#"
CREATE TABLE IF NOT EXISTS log (format INTEGER NOT NULL, partitions INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS record (
    position INTEGER PRIMARY KEY,
    topic INTEGER NOT NULL,
    "partition" INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    headers BLOB NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (topic, "partition", "offset")
);
"#;

/// How connections that read are made.
pub(super) fn reading(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT).disable_statement_logging();
    options.pragma("query_only", "ON")
}

/// How the connection that writes is made. `synchronous=FULL` is what makes a commit durable in WAL mode.
pub(super) fn writing(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT).disable_statement_logging();
    options.create_if_missing(true).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
}

/// The writing connection, and the number of partitions the file has: those asked for, if it is new.
pub(super) async fn create_or_open(path: &Path, partitions: u32) -> Result<(SqliteConnection, u32), OpenLogError> {
    if !(1..=MAX_PARTITIONS).contains(&partitions) {
        return Err(OpenLogError::Partitions { max: MAX_PARTITIONS });
    }
    let mut connection = connect(path).await.map_err(told).map_err(OpenLogError::unavailable)?;
    let created = create(&mut connection, partitions).await.map_err(told).map_err(OpenLogError::unavailable)?;
    match created {
        (FORMAT, partitions) => Ok((connection, partitions)),
        (found, _) => Err(OpenLogError::Format { found, known: FORMAT }),
    }
}

/// Turning a new file to WAL does not wait its turn when several processes do it at once: SQLite answers "busy" at once.
async fn connect(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match writing(path).connect().await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => tokio::time::sleep(RETRY_WHEN_BUSY).await,
            outcome => return outcome,
        }
    }
}

/// SQLITE_BUSY is 5; what went on exactly is in the higher bits.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    code.is_some_and(|code| code & 0xff == 5)
}

/// Creates the tables if they are not there. Dropping this future closes its connection with it, so a transaction cannot
/// stay open.
async fn create(connection: &mut SqliteConnection, partitions: u32) -> Result<(i64, u32), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::raw_sql(TABLES).execute(&mut *transaction).await?;
    sqlx::query("INSERT INTO log (format, partitions) SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM log)")
        .bind(FORMAT)
        .bind(partitions)
        .execute(&mut *transaction)
        .await?;
    let stored = sqlx::query_as("SELECT format, partitions FROM log").fetch_one(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(stored)
}
