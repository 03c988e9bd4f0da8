//! Forgetting what was overwritten: SQLite's write-ahead log keeps old pages until it is cut off.

use super::Db;
use super::error::DbError;
use super::session::Session;
use std::time::Duration;
use tokio::time::Instant;

/// How long [`Db::forget_wal`] tries before it says that the log is in use.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long SQLite waits for others within one try, in milliseconds. While it waits nobody can write, so it is short.
const BUSY: &str = "PRAGMA busy_timeout = 250";

/// Between two tries, so that others may write meanwhile.
const PAUSE: Duration = Duration::from_millis(20);

impl Db {
    /// Copies SQLite's write-ahead log into the file and cuts it off, so that bytes which a committed transaction has
    /// overwritten are in neither. Waits up to five seconds for other connections, of this process and others, and
    /// answers [`DbError::WalInUse`] if they do not let go; calling it again tries again.
    ///
    /// Does nothing on PostgreSQL: there the write-ahead log, its archive and the replicas keep such bytes until the
    /// server recycles them, and no client can hurry it.
    pub async fn forget_wal(&self) -> Result<(), DbError> {
        match self {
            Self::Postgres(_) => Ok(()),
            Self::Sqlite(_) => cut_off(self.writing_session().await?, PATIENCE).await,
        }
    }
}

async fn cut_off(mut session: Session, patience: Duration) -> Result<(), DbError> {
    // The connection leaves with its short patience, even if the caller goes away in the middle; the pool opens another.
    session.discard();
    session.query(BUSY, vec![]).await?;
    let started = Instant::now();
    while !is_cut_off(&mut session).await? {
        if started.elapsed() >= patience {
            return Err(DbError::WalInUse);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// One try; false when another connection was reading old pages, writing, or cutting the log off itself.
async fn is_cut_off(session: &mut Session) -> Result<bool, DbError> {
    match session.query("PRAGMA wal_checkpoint(TRUNCATE)", vec![]).await {
        Ok(rows) => rows.first().map_or(Ok(false), |row| Ok(row.int(0)? == 0)),
        Err(DbError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Durability, Migration};
    use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};

    async fn note(db: &Db, number: i64) {
        let unit = db.run_tx("note", move |tx| {
            Box::pin(async move { tx.execute("INSERT INTO note VALUES ($1)", vec![number.into()]).await })
        });
        unit.await.unwrap();
    }

    #[tokio::test]
    async fn a_log_that_somebody_reads_is_cut_off_once_they_have_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.db");
        let create = Migration { version: 1, name: "notes", sql: "CREATE TABLE note (number INTEGER)".to_owned() };
        let db = Db::open_sqlite(&path, Durability::Full, &[create]).await.unwrap();
        note(&db, 1).await;
        let mut reader = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        for sql in ["BEGIN", "SELECT * FROM note"] {
            sqlx::query(sql).fetch_all(&mut reader).await.unwrap();
        }
        note(&db, 2).await;
        let refused = cut_off(db.writing_session().await.unwrap(), Duration::from_millis(300)).await;
        assert_eq!(refused, Err(DbError::WalInUse));
        note(&db, 3).await;

        sqlx::query("COMMIT").execute(&mut reader).await.unwrap();
        db.forget_wal().await.unwrap();
        assert_eq!(std::fs::metadata(path.with_extension("db-wal")).unwrap().len(), 0);
        note(&db, 4).await;
        assert_eq!(db.query("SELECT COUNT(*) FROM note", vec![]).await.unwrap()[0].int(0), Ok(4));
    }
}
