//! One borrowed connection of either database.

use super::error::DbError;
use super::value::{Row, Value};
use super::{postgres, sqlite};
use sqlx::pool::PoolConnection;
use sqlx::{Postgres, Sqlite};

#[derive(Debug)]
pub(super) enum Session {
    Postgres(PoolConnection<Postgres>),
    Sqlite(PoolConnection<Sqlite>),
}

impl Session {
    pub(super) async fn query(&mut self, sql: &str, args: Vec<Value>) -> Result<Vec<Row>, DbError> {
        match self {
            Self::Postgres(conn) => postgres::query(conn, sql, args).await,
            Self::Sqlite(conn) => sqlite::query(conn, sql, args).await,
        }
    }

    /// BEGIN, COMMIT or ROLLBACK, with the driver's error as it is: what it means depends on which of them it was.
    pub(super) async fn control(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(conn) => sqlx::raw_sql(sql).execute(&mut **conn).await.map(|_| ()),
            Self::Sqlite(conn) => sqlx::raw_sql(sql).execute(&mut **conn).await.map(|_| ()),
        }
    }

    /// Several statements in one text, without values.
    pub(super) async fn script(&mut self, sql: String) -> Result<(), DbError> {
        let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
        let done = match self {
            Self::Postgres(conn) => sql.execute(&mut **conn).await.map(|_| ()),
            Self::Sqlite(conn) => sql.execute(&mut **conn).await.map(|_| ()),
        };
        done.map_err(DbError::of)
    }

    /// Closes the connection instead of giving it back when this session is dropped.
    pub(super) fn discard(&mut self) {
        match self {
            Self::Postgres(conn) => conn.close_on_drop(),
            Self::Sqlite(conn) => conn.close_on_drop(),
        }
    }
}
