//! A second database beside an open one: a schema of its own on the same PostgreSQL, a file of its own beside SQLite's.
//!
//! Both can be read by one connection: so tables that were filled there can be put in the place of those here in one transaction.

use std::path::PathBuf;

use sqlx::ConnectOptions;
use sqlx::postgres::PgPoolOptions;

use super::error::DbError;
use super::migrate::{self, Migration};
use super::open::{Durability, OpenDbError, is_schema_name};
use super::{Db, SqliteDb};

/// Connections to a second schema: who fills it works alone.
const CONNECTIONS: u32 = 4;

/// Where a second database lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Schemas of one PostgreSQL database.
    Schemas {
        /// The open one.
        live: String,
        /// The second.
        beside: String,
        /// Where tables of the open one go that were replaced.
        old: String,
    },
    /// The second file.
    File(PathBuf),
}

/// Keeps everybody else from building in a place, for as long as it lives: a lock of the file system, or of a session.
#[derive(Debug)]
pub(crate) enum Hold {
    /// On a file beside the second one.
    File { _locked: std::fs::File },
    /// A session that does nothing else.
    Session { _locked: Box<sqlx::PgConnection> },
}

impl Place {
    /// How SQL calls the tables that were here before, once they were replaced, and the second ones.
    pub(crate) fn old_and_new(&self) -> (&str, &str) {
        match self {
            // What was beside is then in the place of the live ones.
            Place::Schemas { live, old, .. } => (old, live),
            Place::File(_) => ("main", "beside"),
        }
    }
}

impl Db {
    /// Where a second database of that name lies, or would lie.
    pub(crate) async fn place_beside(&self, name: &str) -> Result<Place, OpenDbError> {
        match self {
            Db::Postgres(_) => {
                let rows = self.query("SELECT CAST(current_schema() AS TEXT)", vec![]).await;
                let rows = rows.map_err(OpenDbError::Database)?;
                let live = rows.first().map_or(Ok(""), |row| row.text(0)).map_err(OpenDbError::Database)?.to_owned();
                let (beside, old) = (format!("{live}_beside_{name}"), format!("{live}_before_{name}"));
                // PostgreSQL would cut a longer name, and it might then be that of the open one.
                match is_schema_name(&beside) && is_schema_name(&old) {
                    true => Ok(Place::Schemas { live, beside, old }),
                    false => Err(OpenDbError::BadSchemaName),
                }
            }
            Db::Sqlite(SqliteDb { writer, .. }) => {
                let path = writer.connect_options().get_filename().to_owned();
                let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                Ok(Place::File(path.with_file_name(format!("{stem}-beside-{name}.db"))))
            }
        }
    }

    /// Holds this place; fails at once if somebody else does.
    pub(crate) async fn hold_beside(&self, place: &Place) -> Result<Hold, OpenDbError> {
        match (self, place) {
            (Db::Postgres(pool), Place::Schemas { beside, .. }) => {
                let failed = |error| OpenDbError::Database(DbError::of(error));
                let mut session = pool.connect_options().connect().await.map_err(failed)?;
                let sql = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
                let locked: bool =
                    sqlx::query_scalar(sql).bind(beside).fetch_one(&mut session).await.map_err(failed)?;
                if locked { Ok(Hold::Session { _locked: Box::new(session) }) } else { Err(OpenDbError::TakenByAnother) }
            }
            (_, Place::File(path)) => {
                let storage = |_| OpenDbError::Database(DbError::Unavailable(super::Outage::Storage));
                let name = path.with_extension("lock");
                let file = std::fs::File::options().create(true).truncate(false).write(true).open(name);
                let file = file.map_err(storage)?;
                match file.try_lock() {
                    Ok(()) => Ok(Hold::File { _locked: file }),
                    Err(std::fs::TryLockError::WouldBlock) => Err(OpenDbError::TakenByAnother),
                    Err(std::fs::TryLockError::Error(error)) => Err(storage(error)),
                }
            }
            _ => Err(OpenDbError::BadUrl),
        }
    }

    /// Whether there is something in this place.
    pub(crate) async fn has_beside(&self, place: &Place) -> Result<bool, DbError> {
        match place {
            Place::File(path) => Ok(path.exists()),
            Place::Schemas { beside, .. } => {
                let sql = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
                Ok(!self.query(sql, vec![beside.as_str().into()]).await?.is_empty())
            }
        }
    }

    /// Opens the second database in this place, makes it if it is not there, and brings its schema up to date.
    pub(crate) async fn open_beside(&self, place: &Place, migrations: &[Migration]) -> Result<Db, OpenDbError> {
        match (self, place) {
            (Db::Postgres(pool), Place::Schemas { beside, .. }) => {
                // What is said last of the search path holds.
                let options = (*pool.connect_options()).clone().options([("search_path", beside.as_str())]);
                let failed = |error| OpenDbError::Database(DbError::of(error));
                let mut first = options.connect().await.map_err(failed)?;
                migrate::postgres(&mut first, beside, migrations).await?;
                drop(first);
                let pool = PgPoolOptions::new().max_connections(CONNECTIONS);
                Ok(Db::Postgres(pool.connect_lazy_with(options)))
            }
            (Db::Sqlite(_), Place::File(path)) => Db::open_sqlite(path, Durability::Normal, migrations).await,
            _ => Err(OpenDbError::BadUrl),
        }
    }

    /// Removes what is in this place, and these tables that were replaced from there. Nobody may have it open in this process.
    pub(crate) async fn remove_beside(&self, place: &Place, replaced: &[&str]) -> Result<(), DbError> {
        match place {
            Place::File(path) => {
                for end in ["", "-wal", "-shm"] {
                    let mut name = path.clone().into_os_string();
                    name.push(end);
                    match std::fs::remove_file(&name) {
                        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                            return Err(DbError::Unavailable(super::Outage::Storage));
                        }
                        _ => {}
                    }
                }
                Ok(())
            }
            Place::Schemas { beside, old, .. } => {
                let replaced: Vec<String> = replaced.iter().map(|table| format!("{old}.{table}")).collect();
                let statements = [
                    format!("DROP SCHEMA IF EXISTS {beside} CASCADE"),
                    // Without CASCADE: what somebody else has made to stand on them is not ours to drop.
                    format!("DROP TABLE IF EXISTS {}", replaced.join(", ")),
                    format!("DROP SCHEMA IF EXISTS {old}"),
                ];
                self.run_tx("remove-beside", move |tx| {
                    let statements = statements.clone();
                    Box::pin(async move {
                        for statement in &statements {
                            tx.execute(statement, vec![]).await?;
                        }
                        Ok(())
                    })
                })
                .await
            }
        }
    }
}
