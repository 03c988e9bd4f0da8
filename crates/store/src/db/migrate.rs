//! Migrations: forward only, each in a transaction, under a lock, and never onto a database that a newer program has changed.
//!
//! What a step may rely on: on PostgreSQL it runs in the schema the program was given, without a statement timeout; on SQLite all
//! pending steps share one transaction. So no `CREATE INDEX CONCURRENTLY`, no `PRAGMA`, no BEGIN or COMMIT of its own.

use super::error::DbError;
use super::open::OpenDbError;
use sqlx::migrate::{MigrateError, MigrationType, Migrator};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, SqlSafeStr};

/// One step of a schema, compiled into the program. See `migrations/README.md` for how to write one.
#[derive(Debug, Clone)]
pub struct Migration {
    /// Its place: ascending, without gaps, never reused.
    pub version: i64,
    /// What it does, in a few words.
    pub name: &'static str,
    /// One or more SQL statements. Never changed once released: the database keeps a checksum.
    pub sql: String,
}

/// Holds while a process creates the schema and migrates it; the number has no meaning.
const MIGRATING: i64 = 0x0064_6179_626f_6f6b;

pub(super) async fn sqlite(conn: &mut SqliteConnection, migrations: &[Migration]) -> Result<(), OpenDbError> {
    // SQLite has no advisory lock; its write lock keeps a second process out until the whole set is applied.
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    migrator(migrations).run(&mut *tx).await.map_err(|error| explain(error, migrations))?;
    tx.commit().await.map_err(failed)
}

pub(super) async fn postgres(
    conn: &mut PgConnection,
    schema: &str,
    migrations: &[Migration],
) -> Result<(), OpenDbError> {
    // A session's lock: closing the connection gives it back, whatever happens in between.
    sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATING).execute(&mut *conn).await.map_err(failed)?;
    create_schema(conn, schema).await.map_err(failed)?;
    if is_behind(conn, schema, migrations).await.map_err(failed)?
        && crate::finance::stand_aside(conn, schema).await.is_err()
    {
        // A step that touches what a view stands on fails then, and says so; any other does not mind.
        tracing::warn!(schema, "the finance views could not be set aside before a migration");
    }
    migrator(migrations).run(&mut *conn).await.map_err(|error| explain(error, migrations))
}

/// Asks first: a role that may not create schemas can still use one that was made for it.
async fn create_schema(conn: &mut PgConnection, schema: &str) -> Result<(), sqlx::Error> {
    let found = sqlx::query("SELECT 1 FROM pg_namespace WHERE nspname = $1").bind(schema).fetch_optional(&mut *conn);
    if found.await?.is_none() {
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Whether a schema that has been migrated before lacks steps.
async fn is_behind(conn: &mut PgConnection, schema: &str, migrations: &[Migration]) -> Result<bool, sqlx::Error> {
    let found = sqlx::query("SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = '_sqlx_migrations'");
    if found.bind(schema).fetch_optional(&mut *conn).await?.is_none() {
        return Ok(false);
    }
    let last: Option<i64> = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(conn).await?;
    Ok(migrations.iter().any(|migration| Some(migration.version) > last))
}

fn migrator(migrations: &[Migration]) -> Migrator {
    let steps = migrations.iter().map(|Migration { version, name, sql }| {
        sqlx::migrate::Migration::new(
            *version,
            (*name).into(),
            MigrationType::Simple,
            AssertSqlSafe(sql.clone()).into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(steps.collect())
}

fn explain(error: MigrateError, migrations: &[Migration]) -> OpenDbError {
    let known = migrations.iter().map(|migration| migration.version).max().unwrap_or(0);
    match error {
        MigrateError::VersionMissing(found) if found > known => OpenDbError::DatabaseIsNewer { found, known },
        MigrateError::VersionMissing(version) | MigrateError::VersionMismatch(version) => {
            OpenDbError::MigrationChanged { version }
        }
        MigrateError::ExecuteMigration(error, version) => {
            OpenDbError::MigrationFailed { version, source: DbError::of(error) }
        }
        MigrateError::Execute(error) => failed(error),
        _ => OpenDbError::Database(DbError::Other { code: "migrate".to_owned() }),
    }
}

fn failed(error: sqlx::Error) -> OpenDbError {
    OpenDbError::Database(DbError::of(error))
}
