//! What can go wrong between us and the database, said by what the caller can do about it.
//!
//! A driver's error may quote the values of the row it refused (PostgreSQL's DETAIL, "invalid input syntax for …").
//! Nothing of that passes through here: only codes, constraint names and, where it can only name identifiers, the message.

use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::postgres::PgDatabaseError;

/// Why a statement, a transaction or a read did not give what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// Nothing was decided: answer 503, or wait and try again.
    #[error("the database is unavailable: {0}")]
    Unavailable(Outage),
    /// Concurrent transactions kept getting in the way, even after the retries; trying later may work.
    #[error("the transaction kept conflicting with others (code {code})")]
    Conflict {
        /// SQLSTATE on PostgreSQL, extended result code on SQLite.
        code: String,
    },
    /// The connection was lost while committing: read your checkpoint again to learn whether it happened.
    #[error("the commit may or may not have happened")]
    CommitUnknown,
    /// Other connections kept SQLite's write-ahead log in use, so that it still holds old pages: try later.
    #[error("other connections keep the write-ahead log in use")]
    WalInUse,
    /// The row exists already.
    #[error("a unique constraint refused the row ({constraint})")]
    Unique {
        /// PostgreSQL: the constraint's name. SQLite: its columns.
        constraint: String,
    },
    /// A foreign key, check or not-null constraint refused the row.
    #[error("a constraint refused the row (code {code}, {constraint})")]
    Constraint {
        /// SQLSTATE on PostgreSQL, extended result code on SQLite.
        code: String,
        /// The constraint's name, or the column's where it has none.
        constraint: String,
    },
    /// What is stored is not of the shape this program writes.
    #[error("stored data is not what was expected: {what}")]
    Corrupt {
        /// Which column and which shape, never the value.
        what: String,
    },
    /// The program offered a value that does not fit the column: a mistake in the program.
    #[error("the program built a row that does not fit: {what}")]
    Misfit {
        /// Which table and column, never the value.
        what: String,
    },
    /// The statement itself is wrong: a mistake in the program, or a database that was not migrated.
    #[error("the statement is wrong (code {code}): {message}")]
    Statement {
        /// SQLSTATE on PostgreSQL, extended result code on SQLite.
        code: String,
        /// The database's words, kept only where they name nothing but identifiers.
        message: String,
    },
    /// Anything else; the code says more in the database's manual.
    #[error("the database refused the statement (code {code})")]
    Other {
        /// SQLSTATE on PostgreSQL, extended result code on SQLite, or the driver's kind of failure.
        code: String,
    },
}

/// How the database came to be unavailable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Outage {
    /// No connection came free, or could be opened, within the pool's patience.
    #[error("no connection in time")]
    NoConnectionInTime,
    /// The address, the credentials' form or the TLS set-up does not lead to a database.
    #[error("cannot connect")]
    CannotConnect,
    /// The connection broke, or the server is going down or coming up.
    #[error("connection lost")]
    ConnectionLost,
    /// The statement ran longer than `statement_timeout`.
    #[error("statement timed out")]
    StatementTimedOut,
    /// The disk is full or failing.
    #[error("the disk is full or failing")]
    Storage,
    /// This process is shutting down.
    #[error("shutting down")]
    ShuttingDown,
}

/// Why a transaction is worth running again from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryReason {
    Conflict,
    ConnectionLost,
}

impl RetryReason {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::ConnectionLost => "connection_lost",
        }
    }
}

impl DbError {
    /// Whether the same unit may succeed when run again, given that nothing of it was committed.
    pub(super) fn retry_reason(&self) -> Option<RetryReason> {
        match self {
            Self::Conflict { .. } => Some(RetryReason::Conflict),
            Self::Unavailable(Outage::ConnectionLost) => Some(RetryReason::ConnectionLost),
            _ => None,
        }
    }

    /// A driver's error, stripped of everything that could carry a value.
    pub(super) fn of(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(refusal) => refused(refusal.as_ref()),
            sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => Self::Unavailable(Outage::ConnectionLost),
            sqlx::Error::PoolTimedOut => Self::Unavailable(Outage::NoConnectionInTime),
            sqlx::Error::PoolClosed => Self::Unavailable(Outage::ShuttingDown),
            sqlx::Error::Configuration(_) | sqlx::Error::Tls(_) => Self::Unavailable(Outage::CannotConnect),
            other => Self::Other { code: driver_failure(&other).to_owned() },
        }
    }

    /// A driver's error while committing. Only a clear refusal by the database means that nothing happened.
    pub(super) fn of_commit(error: sqlx::Error) -> Self {
        match Self::of(error) {
            Self::Unavailable(_) | Self::Other { .. } | Self::Corrupt { .. } => Self::CommitUnknown,
            refused => refused,
        }
    }
}

fn driver_failure(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::Protocol(_) => "protocol",
        sqlx::Error::Encode(_) => "encode",
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => "decode",
        _ => "driver",
    }
}

fn refused(refusal: &dyn DatabaseError) -> DbError {
    match refusal.try_downcast_ref::<PgDatabaseError>() {
        Some(postgres) => refused_by_postgres(postgres),
        None => refused_by_sqlite(refusal),
    }
}

fn refused_by_postgres(refusal: &PgDatabaseError) -> DbError {
    let code = refusal.code().to_owned();
    let constraint = || refusal.constraint().or(refusal.column()).unwrap_or("unnamed").to_owned();
    match code.as_str() {
        // Serialization failure, deadlock, lock timeout.
        "40001" | "40P01" | "55P03" => DbError::Conflict { code },
        // Server shutting down, crashed, starting; a session ended by its idle limit.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => DbError::Unavailable(Outage::ConnectionLost),
        "57014" => DbError::Unavailable(Outage::StatementTimedOut),
        "53300" => DbError::Unavailable(Outage::NoConnectionInTime),
        "53100" | "58030" => DbError::Unavailable(Outage::Storage),
        "23505" => DbError::Unique { constraint: constraint() },
        class if class.starts_with("23") => DbError::Constraint { constraint: constraint(), code },
        class if class.starts_with("08") => DbError::Unavailable(Outage::ConnectionLost),
        class if class.starts_with("XX") => DbError::Corrupt { what: format!("the server reports {code}") },
        _ if postgres_names_only(&code, refusal.message()) => {
            DbError::Statement { code, message: refusal.message().to_owned() }
        }
        _ => DbError::Other { code },
    }
}

/// Undefined or ambiguous names and plain syntax errors quote the SQL text, which never holds a value here.
fn postgres_names_only(code: &str, message: &str) -> bool {
    match code {
        "42703" | "42P01" | "42883" | "42702" | "42804" | "42P10" => true,
        "42601" => message.starts_with("syntax error at"),
        _ => false,
    }
}

fn refused_by_sqlite(refusal: &dyn DatabaseError) -> DbError {
    let code = refusal.code().unwrap_or_default().into_owned();
    // SQLite says "UNIQUE constraint failed: table.column"; what follows the colon are names, never values.
    let constraint = || refusal.message().split_once(": ").map_or("unnamed", |(_, names)| names).to_owned();
    match refusal.kind() {
        ErrorKind::UniqueViolation => return DbError::Unique { constraint: constraint() },
        ErrorKind::ForeignKeyViolation | ErrorKind::NotNullViolation | ErrorKind::CheckViolation => {
            return DbError::Constraint { constraint: constraint(), code };
        }
        _ => {}
    }
    // The low byte of the extended result code is the primary one.
    match code.parse::<u32>().unwrap_or_default() & 0xff {
        5 | 6 => DbError::Conflict { code },
        9 => DbError::Unavailable(Outage::StatementTimedOut),
        10 | 13 | 14 => DbError::Unavailable(Outage::Storage),
        11 | 26 => DbError::Corrupt { what: format!("the database file is damaged (code {code})") },
        1 if sqlite_names_only(refusal.message()) => DbError::Statement { code, message: refusal.message().to_owned() },
        19 => DbError::Constraint { constraint: "column type".to_owned(), code },
        _ => DbError::Other { code },
    }
}

fn sqlite_names_only(message: &str) -> bool {
    ["no such ", "near \"", "table ", "ambiguous column", "ON CONFLICT clause"]
        .iter()
        .any(|start| message.starts_with(start))
}
