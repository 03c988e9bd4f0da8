//! Opening a database: connections with the settings that the rest relies on, and the migrations.

use super::error::DbError;
use super::migrate::{self, Migration};
use super::{Db, SqliteDb};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How long a caller waits for a PostgreSQL connection before it is told that the database is unavailable.
const ACQUIRE_POSTGRES: Duration = Duration::from_secs(5);
/// The same for SQLite, whose single writer makes callers queue in the ordinary course of things.
const ACQUIRE_SQLITE: Duration = Duration::from_secs(30);
/// Between two tries to open a file on which others are at it.
const TURN: Duration = Duration::from_millis(50);
/// How long SQLite waits for a lock that another process holds.
const BUSY: Duration = Duration::from_secs(10);
/// Read-only SQLite connections. Writing never blocks them.
const READERS: u32 = 4;
/// Pages that each connection keeps in memory, in KiB (negative, as SQLite counts them). More makes nothing faster, since the
/// operating system keeps the file's pages too; it only fills up with the length of the log.
const PAGE_CACHE: &str = "-4096";

/// Rows under way between SQLite's thread and the reader.
const ROWS_CROSSING: usize = 2_048;

/// Pages of 4 KiB in the write-ahead log before they are copied into the file: a page that many batches touch is copied once.
const CHECKPOINT_PAGES: &str = "16384";

/// The write-ahead log begins again when all of it was copied and nobody reads from it. Readers who overlap can put that off;
/// what it grew to meanwhile is cut to this many bytes when it does.
const LOG_BYTES: &str = "67108864";

/// Each bulk statement has five texts a table; all of them should stay prepared.
const PREPARED: usize = 512;

/// What a power failure may take from an SQLite file. A crash of the process takes nothing either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit is on the disk when it is acknowledged: logs and keys.
    Full,
    /// The last commits may be gone, never half of one: read models, which are folded again from the log.
    Normal,
}

/// Why a database could not be opened. No text of it holds the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenDbError {
    /// Another process is at it: wait until it has ended.
    #[error("another process builds it")]
    TakenByAnother,
    /// The URL is not one of PostgreSQL.
    #[error("the database URL is not a valid PostgreSQL URL")]
    BadUrl,
    /// The schema's name is not a plain lower-case identifier.
    #[error(
        "the schema name must be a lower-case letter followed by at most 62 lower-case letters, digits or underscores"
    )]
    BadSchemaName,
    /// Connecting, or preparing the schema, failed.
    #[error("the database cannot be opened: {0}")]
    Database(#[source] DbError),
    /// A newer program has migrated this database: run that version, or a newer one.
    #[error("the database is at version {found}, this program knows versions up to {known}: run a newer program")]
    DatabaseIsNewer {
        /// The newest migration found in the database.
        found: i64,
        /// The newest migration this program has.
        known: i64,
    },
    /// The text of a migration was changed after it ran here, or the migration was removed.
    #[error("migration {version} is not the one that was applied to this database")]
    MigrationChanged {
        /// Its version.
        version: i64,
    },
    /// A migration failed and was rolled back.
    #[error("migration {version} failed: {source}")]
    MigrationFailed {
        /// Its version.
        version: i64,
        /// The database's answer.
        source: DbError,
    },
}

impl Db {
    /// Opens or creates an SQLite file, brings it up to date and gives it one writing and a few reading connections.
    pub async fn open_sqlite(path: &Path, durability: Durability, migrations: &[Migration]) -> Result<Db, OpenDbError> {
        let writing = sqlite_options(path, durability);
        let started = Instant::now();
        loop {
            match brought_up_to_date(&writing, migrations).await {
                // Several that start at once on a busy machine: each waits until those before it have made everything.
                Err(OpenDbError::Database(DbError::Conflict { .. })) if started.elapsed() < ACQUIRE_SQLITE => {
                    tokio::time::sleep(TURN).await;
                }
                done => break done?,
            }
        }

        let patient = SqlitePoolOptions::new().acquire_timeout(ACQUIRE_SQLITE).idle_timeout(None).max_lifetime(None);
        let writer = patient.clone().max_connections(1).connect_lazy_with(writing.clone());
        let reading = writing.read_only(true);
        let readers = patient.max_connections(READERS).connect_lazy_with(reading);
        Ok(Db::Sqlite(SqliteDb { writer, readers }))
    }

    /// Connects to PostgreSQL, creates the schema if it is not there, brings it up to date and opens a pool of at most
    /// `connections` whose sessions see this schema only.
    pub async fn open_postgres(
        url: &str,
        schema: &str,
        connections: u32,
        migrations: &[Migration],
    ) -> Result<Db, OpenDbError> {
        if !is_schema_name(schema) {
            return Err(OpenDbError::BadSchemaName);
        }
        let options = postgres_options(url, schema)?;
        let connecting = tokio::time::timeout(ACQUIRE_POSTGRES, options.connect()).await;
        let mut first = connecting.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(cannot_open)?;
        migrate::postgres(&mut first, schema, migrations).await?;
        first.close().await.map_err(cannot_open)?;

        let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_POSTGRES);
        Ok(Db::Postgres(pool.connect_lazy_with(bounded(options))))
    }
}

async fn brought_up_to_date(options: &SqliteConnectOptions, migrations: &[Migration]) -> Result<(), OpenDbError> {
    let mut first = options.connect().await.map_err(cannot_open)?;
    migrate::sqlite(&mut first, migrations).await?;
    first.close().await.map_err(cannot_open)
}

fn cannot_open(error: sqlx::Error) -> OpenDbError {
    OpenDbError::Database(DbError::of(error))
}

fn sqlite_options(path: &Path, durability: Durability) -> SqliteConnectOptions {
    let synchronous = match durability {
        Durability::Full => SqliteSynchronous::Full,
        Durability::Normal => SqliteSynchronous::Normal,
    };
    // What must not be lost must not be left behind either: freed cells are overwritten, also when a page is split.
    let overwrite = match durability {
        Durability::Full => "ON",
        Durability::Normal => "OFF",
    };
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .busy_timeout(BUSY)
        .foreign_keys(true)
        .pragma("temp_store", "MEMORY")
        .pragma("secure_delete", overwrite)
        .pragma("cache_size", PAGE_CACHE)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("journal_size_limit", LOG_BYTES)
        .statement_cache_capacity(PREPARED)
        // Rows cross from SQLite's thread in larger groups: waking the reader costs more than a row.
        .row_buffer_size(ROWS_CROSSING)
        // The driver's log would repeat bulk statements of many kilobytes; durations are in the metrics.
        .disable_statement_logging()
}

fn postgres_options(url: &str, schema: &str) -> Result<PgConnectOptions, OpenDbError> {
    let options = PgConnectOptions::from_str(url).map_err(|_| OpenDbError::BadUrl)?;
    Ok(options
        .application_name("daybook")
        .options([("search_path", schema)])
        .statement_cache_capacity(PREPARED)
        .disable_statement_logging())
}

/// Limits for sessions that serve; migrations may take as long as they take.
fn bounded(options: PgConnectOptions) -> PgConnectOptions {
    options.options([
        ("statement_timeout", "60s"),
        ("lock_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "30s"),
        // A statement reads a few thousand rows, in a millisecond or two; starting helpers for it takes several.
        ("max_parallel_workers_per_gather", "0"),
    ])
}

/// Only such names are put into SQL text.
pub(super) fn is_schema_name(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_names_are_plain_identifiers() {
        for (name, plain) in
            [("daybook", true), ("t_12", true), ("", false), ("1a", false), ("Daybook", false), ("a;drop", false)]
        {
            assert_eq!(is_schema_name(name), plain, "{name}");
        }
    }
}
