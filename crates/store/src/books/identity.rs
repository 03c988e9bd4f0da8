//! Which database this is, told apart from every other one that may fold the same log.

use crate::db::{Db, DbError, Dialect};

/// Asks the server for its own number, which a role may be forbidden to see.
const OF_SERVER: &str = "(SELECT system_identifier::text FROM pg_control_system())";

/// `insufficient_privilege` (PostgreSQL, appendix A).
const FORBIDDEN: &str = "42501";

/// A name that a database has however it is reached: on PostgreSQL the server's own number, that of the database, and the schema.
/// Processes that fold into the same database share work by it. A file is alone and is called `file`.
///
/// A physical copy of a server (a base backup, a snapshot of its disk) has the same name as the server: it must not be given the
/// same broker and prefix, or it is dealt a share of the other's work. Neither must two servers that hide their numbers.
pub async fn identity(db: &Db) -> Result<String, DbError> {
    match db.dialect() {
        Dialect::Sqlite => Ok("file".to_owned()),
        Dialect::Postgres => match named(db, OF_SERVER).await {
            // Not for this role to see: then the database and the schema have to do.
            Err(DbError::Other { code }) if code == FORBIDDEN => named(db, "'server'").await,
            outcome => outcome,
        },
    }
}

async fn named(db: &Db, server: &str) -> Result<String, DbError> {
    let sql = format!(
        "SELECT {server} || '-' || oid::text || '-' || current_schema()::text FROM pg_database \
         WHERE datname = current_database()"
    );
    let rows = db.query(&sql, vec![]).await?;
    rows.first().map_or_else(|| Ok(String::new()), |row| row.text(0).map(str::to_owned))
}
