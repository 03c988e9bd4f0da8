//! Transactions: the one place that begins, commits, retries and counts them.
//!
//! Phases of [`Db::run_tx`]: take a connection, BEGIN, the caller's unit, COMMIT. All of it runs in a task of its own: a caller
//! that goes away in the middle (a client's disconnect, a timeout, a `select!`) cannot leave a connection inside an open
//! transaction, where the next borrower's acknowledged writes would be lost.

use super::error::{DbError, Outage, RetryReason};
use super::rows::{Cells, Keys, Rows};
use super::session::Session;
use super::value::{Row, Value};
use super::{Db, Dialect, postgres, sqlite};
use std::path::Path;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tracing::Instrument;

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To write, and to read what nobody else writes meanwhile.
    Write,
    /// To read one state of the database while others write the next.
    Read,
}

/// What a unit of work returns: `Box::pin(async move { … })`.
pub type TxFuture<'t, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 't>>;

/// An open transaction, handed to the unit of work by [`Db::run_tx`].
///
/// A failed statement dooms the transaction on both databases: every later statement repeats the first error, and nothing
/// is committed even if the unit ignores it.
#[derive(Debug)]
pub struct Tx {
    session: Session,
    purpose: Purpose,
    failed: Option<DbError>,
    finished: bool,
}

impl Tx {
    /// Which SQL this transaction speaks.
    pub fn dialect(&self) -> Dialect {
        match self.session {
            Session::Postgres(_) => Dialect::Postgres,
            Session::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// Runs one statement; gives the number of rows it wrote. Places are `$1`, `$2`, … on both databases.
    pub async fn execute(&mut self, sql: &str, args: Vec<Value>) -> Result<u64, DbError> {
        self.sound()?;
        let done = match &mut self.session {
            Session::Postgres(conn) => postgres::execute(conn, sql, args).await,
            Session::Sqlite(conn) => sqlite::execute(conn, sql, args).await,
        };
        self.note(done)
    }

    /// Reads rows, seeing this transaction's own writes.
    pub async fn query(&mut self, sql: &str, args: Vec<Value>) -> Result<Vec<Row>, DbError> {
        self.sound()?;
        let read = self.session.query(sql, args).await;
        self.note(read)
    }

    /// Runs a text of several statements, which must not say BEGIN or COMMIT.
    pub(crate) async fn script(&mut self, sql: String) -> Result<(), DbError> {
        self.sound()?;
        let done = self.session.script(sql).await;
        self.note(done)
    }

    /// SQLite: lets this transaction read another file too, as the schema `beside`. The connection is closed when it ends.
    pub(crate) async fn attach(&mut self, path: &Path) -> Result<(), DbError> {
        self.session.discard();
        let path = path.to_string_lossy().into_owned();
        self.execute("ATTACH DATABASE $1 AS beside", vec![path.into()]).await.map(|_| ())
    }

    /// Inserts the rows, or updates those that are there by each column's [`Role`](super::Role); gives the number of rows
    /// inserted or updated. A row that is there already with the same values is not written. One statement on PostgreSQL, one per 500 rows on SQLite.
    ///
    /// No key may occur twice in `rows`.
    pub async fn upsert(&mut self, rows: &Rows) -> Result<u64, DbError> {
        self.sound_with(&rows.cells)?;
        debug_assert!(rows.keys_differ(), "a key occurs twice among the rows for {}", rows.table.name);
        if rows.is_empty() {
            return Ok(0);
        }
        let written = match &mut self.session {
            Session::Postgres(conn) => postgres::upsert(conn, rows).await,
            Session::Sqlite(conn) => sqlite::upsert(conn, rows).await,
        };
        self.note(written)
    }

    /// The rows with these keys, all columns in the table's order, in no particular row order. Push each key once.
    pub async fn select_by_keys(&mut self, keys: &Keys) -> Result<Vec<Row>, DbError> {
        self.sound_with(&keys.cells)?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let found = match &mut self.session {
            Session::Postgres(conn) => postgres::select_by_keys(conn, keys).await,
            Session::Sqlite(conn) => sqlite::select_by_keys(conn, keys).await,
        };
        self.note(found)
    }

    /// Deletes the rows with these keys; gives their number.
    pub async fn delete_by_keys(&mut self, keys: &Keys) -> Result<u64, DbError> {
        self.sound_with(&keys.cells)?;
        if keys.is_empty() {
            return Ok(0);
        }
        let deleted = match &mut self.session {
            Session::Postgres(conn) => postgres::delete_by_keys(conn, keys).await,
            Session::Sqlite(conn) => sqlite::delete_by_keys(conn, keys).await,
        };
        self.note(deleted)
    }

    fn sound(&self) -> Result<(), DbError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn sound_with(&mut self, cells: &Cells) -> Result<(), DbError> {
        self.sound()?;
        self.note(cells.checked())
    }

    fn note<T>(&mut self, outcome: Result<T, DbError>) -> Result<T, DbError> {
        if let Err(error) = &outcome {
            self.failed.get_or_insert_with(|| error.clone());
        }
        outcome
    }

    async fn begin(session: Session, purpose: Purpose) -> Result<Self, DbError> {
        let begin = match (&session, purpose) {
            (Session::Postgres(_), Purpose::Write) => "BEGIN",
            (Session::Postgres(_), Purpose::Read) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            // Takes the write lock now: a later upgrade from reading to writing could not wait for it.
            (Session::Sqlite(_), Purpose::Write) => "BEGIN IMMEDIATE",
            (Session::Sqlite(_), Purpose::Read) => "BEGIN",
        };
        // Owned before BEGIN is sent, so that even a failure in the middle closes the connection.
        let mut tx = Self { session, purpose, failed: None, finished: false };
        let begun = tx.session.control(begin).await.map_err(DbError::of);
        // SQLite's busy answer leaves no transaction behind; the connection is as good as before.
        tx.finished = matches!(begun, Err(DbError::Conflict { .. }));
        begun.map(|()| tx)
    }

    async fn commit(mut self) -> Result<(), DbError> {
        // Of what only read nothing can be half done.
        let failed = if self.purpose == Purpose::Write { DbError::of_commit } else { DbError::of };
        let committed = self.session.control("COMMIT").await.map_err(failed);
        match committed {
            Ok(()) => self.finished = true,
            // PostgreSQL has rolled back by itself; SQLite has not when it was busy. Ask, so that both end the same way.
            Err(_) => self.rollback().await,
        }
        committed
    }

    async fn rollback(mut self) {
        self.finished = self.session.control("ROLLBACK").await.is_ok();
    }
}

/// A transaction that was neither committed nor rolled back takes its connection with it: never back into the pool.
impl Drop for Tx {
    fn drop(&mut self) {
        if !self.finished {
            self.session.discard();
        }
    }
}

impl Db {
    /// Runs `unit` in a transaction and commits it if it answers `Ok`; rolls back otherwise.
    ///
    /// The unit may be run several times (conflicts and connections lost before COMMIT are retried with jittered back-off, at
    /// most [`ATTEMPTS`] times), so it must take its effects from its inputs and do nothing outside the transaction. It
    /// goes on to its end even if the caller stops waiting. [`DbError::CommitUnknown`] means what it says and is not retried.
    ///
    /// `name` is the label of `store_transactions_total`, `store_transaction_seconds` and `store_transaction_retries_total`.
    ///
    /// ```no_run
    /// # async fn example(db: store::db::Db, rows: std::sync::Arc<store::db::Rows>) -> Result<u64, store::db::DbError> {
    /// db.run_tx("write-cases", move |tx| {
    ///     let rows = rows.clone();
    ///     Box::pin(async move { tx.upsert(&rows).await })
    /// })
    /// .await
    /// # }
    /// ```
    pub async fn run_tx<T, E, F>(&self, name: &'static str, unit: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: for<'t> FnMut(&'t mut Tx) -> TxFuture<'t, T, E> + Send + 'static,
    {
        self.run(name, Purpose::Write, unit).await
    }

    /// Runs `unit` over one state of the database: all it reads is as it was at one instant, and it waits for no writer. A
    /// statement that writes fails. Retries, names and the rest are as in [`Db::run_tx`].
    ///
    /// What was read may be outdated as soon as it was. Who decides by it what to write must see, in the transaction that
    /// writes, that it still holds.
    pub async fn run_read<T, E, F>(&self, name: &'static str, unit: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: for<'t> FnMut(&'t mut Tx) -> TxFuture<'t, T, E> + Send + 'static,
    {
        self.run(name, Purpose::Read, unit).await
    }

    async fn run<T, E, F>(&self, name: &'static str, purpose: Purpose, unit: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: for<'t> FnMut(&'t mut Tx) -> TxFuture<'t, T, E> + Send + 'static,
    {
        let db = self.clone();
        let task = tokio::spawn(async move { db.run_to_the_end(name, purpose, unit).await }.in_current_span());
        match task.await {
            Ok(outcome) => outcome,
            Err(stopped) if stopped.is_panic() => std::panic::resume_unwind(stopped.into_panic()),
            Err(_) => Err(DbError::Unavailable(Outage::ShuttingDown).into()),
        }
    }

    async fn run_to_the_end<T, E, F>(&self, name: &'static str, purpose: Purpose, mut unit: F) -> Result<T, E>
    where
        E: From<DbError>,
        F: for<'t> FnMut(&'t mut Tx) -> TxFuture<'t, T, E>,
    {
        let started = Instant::now();
        let mut attempt = 1;
        let outcome = loop {
            let outcome = self.attempt(purpose, &mut unit).await;
            let reason = outcome.as_ref().err().and_then(Failure::retry_reason);
            match reason.filter(|_| attempt < ATTEMPTS && started.elapsed() < PATIENCE) {
                Some(reason) => pause(name, reason, attempt).await,
                None => break outcome,
            }
            attempt += 1;
        };
        record(name, started.elapsed(), outcome.as_ref().map_or_else(Failure::label, |_| "committed"));
        outcome.map_err(|failure| failure.error)
    }

    async fn attempt<T, E, F>(&self, purpose: Purpose, unit: &mut F) -> Result<T, Failure<E>>
    where
        E: From<DbError>,
        F: for<'t> FnMut(&'t mut Tx) -> TxFuture<'t, T, E>,
    {
        let session = match purpose {
            Purpose::Write => self.writing_session().await?,
            Purpose::Read => self.reading_session().await?,
        };
        let mut tx = Tx::begin(session, purpose).await?;
        let outcome = unit(&mut tx).await;
        match (tx.failed.clone(), outcome) {
            (None, Ok(value)) => Ok(tx.commit().await.map(|()| value)?),
            (Some(ignored), Ok(_)) => {
                tx.rollback().await;
                Err(ignored.into())
            }
            (cause, Err(error)) => {
                tx.rollback().await;
                Err(Failure { error, cause })
            }
        }
    }
}

/// How often a unit is run at most.
pub const ATTEMPTS: u32 = 8;

/// No further attempt is begun after this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The caller's error, and the database's if that is what lay behind it.
struct Failure<E> {
    error: E,
    cause: Option<DbError>,
}

impl<E: From<DbError>> From<DbError> for Failure<E> {
    fn from(error: DbError) -> Self {
        Self { error: error.clone().into(), cause: Some(error) }
    }
}

impl<E> Failure<E> {
    fn retry_reason(&self) -> Option<RetryReason> {
        self.cause.as_ref().and_then(DbError::retry_reason)
    }

    fn label(&self) -> &'static str {
        match &self.cause {
            None => "rolled_back",
            Some(DbError::Conflict { .. }) => "conflict",
            Some(DbError::Unavailable(_)) => "unavailable",
            Some(DbError::CommitUnknown) => "commit_unknown",
            Some(_) => "failed",
        }
    }
}

async fn pause(name: &'static str, reason: RetryReason, attempt: u32) {
    metrics::counter!("store_transaction_retries_total", "name" => name, "reason" => reason.label()).increment(1);
    tracing::debug!(name, reason = reason.label(), attempt, "running the transaction again");
    tokio::time::sleep(back_off(attempt)).await;
}

/// Between half of and the whole of 10, 20, 40 … ms, at most a second, so that those who collided do not meet again.
fn back_off(attempt: u32) -> Duration {
    let most = 10_u64.saturating_mul(1 << attempt.saturating_sub(1).min(10)).min(1_000);
    Duration::from_millis(rand::random_range(most / 2..=most))
}

fn record(name: &'static str, took: Duration, outcome: &'static str) {
    metrics::counter!("store_transactions_total", "name" => name, "outcome" => outcome).increment(1);
    metrics::histogram!("store_transaction_seconds", "name" => name).record(took.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_and_is_bounded() {
        for (attempt, most) in [(1, 10), (2, 20), (5, 160), (8, 1_000), (40, 1_000)] {
            let pause = back_off(attempt);
            assert!(pause >= Duration::from_millis(most / 2) && pause <= Duration::from_millis(most));
        }
    }
}
