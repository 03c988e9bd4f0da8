//! Several statements in one text, for what is made rather than stored.

use sqlx::AssertSqlSafe;

use super::Db;
use super::error::DbError;

impl Db {
    /// Runs a text of several statements on PostgreSQL, as one transaction: the server takes a text that way unless it says
    /// BEGIN or COMMIT itself. Nothing to do on SQLite, which has no use for it.
    pub(crate) async fn run_script(&self, sql: String) -> Result<(), DbError> {
        let Db::Postgres(pool) = self else { return Ok(()) };
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.map(|_| ()).map_err(DbError::of)
    }
}
