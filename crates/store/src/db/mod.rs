//! The database: one API over PostgreSQL (production) and SQLite (embedded).
//!
//! - [`Db::run_tx`] owns every transaction: begin, commit, retry, metrics; [`Db::run_read`] those that only read. Nothing else
//!   begins one.
//! - [`Tx`] runs statements; [`Rows`] and [`Keys`] carry bulk work, a constant number of statements whatever the batch.
//! - [`Value`] and [`Row`] are all that crosses: integers, text, bytes.
//! - [`Db::forget_wal`] rids the files of what was overwritten.
//! - [`Migration`]s run when a database is opened.
//!
//! SQL is written once for both databases where it can be: `$1` places, `CAST(SUM(x) AS BIGINT)`, `ON CONFLICT`.

mod beside;
mod error;
mod forget;
mod migrate;
mod open;
mod postgres;
mod rows;
mod script;
mod session;
mod sql;
mod sqlite;
mod tx;
mod value;

pub(crate) use beside::{Hold, Place};
pub use error::{DbError, Outage};
pub use migrate::Migration;
pub use open::{Durability, OpenDbError};
pub use rows::{Column, Keys, Kind, Role, Rows, Table};
pub use tx::{ATTEMPTS, Tx, TxFuture};
pub use value::{Row, Value};

use session::Session;
use sqlx::{PgPool, SqlitePool};

/// A database, open and migrated. Clones share the same connections.
#[derive(Debug, Clone)]
pub enum Db {
    /// A pool of PostgreSQL sessions, each bound to one schema.
    Postgres(PgPool),
    /// An SQLite file.
    Sqlite(SqliteDb),
}

/// An SQLite file: one connection that writes, and a few that read without waiting for it.
#[derive(Debug, Clone)]
pub struct SqliteDb {
    writer: SqlitePool,
    readers: SqlitePool,
}

/// Which SQL the database speaks, for the few statements that cannot be written for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL 15 or newer.
    Postgres,
    /// SQLite as bundled.
    Sqlite,
}

impl Db {
    /// Which SQL this database speaks.
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Postgres(_) => Dialect::Postgres,
            Self::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// Reads rows outside a transaction. On SQLite a statement that writes is refused here.
    pub async fn query(&self, sql: &str, args: Vec<Value>) -> Result<Vec<Row>, DbError> {
        self.reading_session().await?.query(sql, args).await
    }

    /// Waits for connections in use, then closes all of them. Later calls answer [`Outage::ShuttingDown`].
    pub async fn close(&self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::Sqlite(SqliteDb { writer, readers }) => {
                // The last connection to go takes the write-ahead log along, and one that only reads cannot.
                let last = writer.acquire().await;
                readers.close().await;
                drop(last);
                writer.close().await;
            }
        }
    }

    async fn reading_session(&self) -> Result<Session, DbError> {
        match self {
            Self::Postgres(pool) => pool.acquire().await.map(Session::Postgres),
            Self::Sqlite(db) => db.readers.acquire().await.map(Session::Sqlite),
        }
        .map_err(DbError::of)
    }

    async fn writing_session(&self) -> Result<Session, DbError> {
        match self {
            Self::Postgres(pool) => pool.acquire().await.map(Session::Postgres),
            Self::Sqlite(db) => db.writer.acquire().await.map(Session::Sqlite),
        }
        .map_err(DbError::of)
    }
}
