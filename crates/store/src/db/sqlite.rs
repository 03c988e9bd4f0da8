//! Statements as SQLite takes them: several hundred rows in one VALUES list for bulk work, `$1`-style places elsewhere.

use super::error::DbError;
use super::rows::{Cell, Cells, Keys, Rows, runs};
use super::sql;
use super::value::{Row, Value};
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow, SqliteValueRef};
use sqlx::{Arguments, AssertSqlSafe, Decode, Row as _, Sqlite, TypeInfo, ValueRef};
use std::ops::Range;

pub(super) async fn execute(conn: &mut SqliteConnection, sql: &str, args: Vec<Value>) -> Result<u64, DbError> {
    run(conn, sql, bound(args)?).await
}

pub(super) async fn query(conn: &mut SqliteConnection, sql: &str, args: Vec<Value>) -> Result<Vec<Row>, DbError> {
    fetch(conn, sql, bound(args)?).await
}

pub(super) async fn upsert(conn: &mut SqliteConnection, rows: &Rows) -> Result<u64, DbError> {
    let mut written = 0;
    let mut runs = Runs::of(&rows.cells);
    let mut ready = runs.next()?;
    while let Some((len, args)) = ready {
        let sql = sql::upsert_sqlite(rows.table, len);
        let (done, next) = tokio::join!(run(conn, &sql, args), async { runs.next() });
        written += done?;
        ready = next?;
    }
    Ok(written)
}

pub(super) async fn select_by_keys(conn: &mut SqliteConnection, keys: &Keys) -> Result<Vec<Row>, DbError> {
    let (mut found, mut read) = (Vec::new(), Vec::new());
    let mut runs = Runs::of(&keys.cells);
    let mut ready = runs.next()?;
    while let Some((len, args)) = ready {
        let sql = sql::select_sqlite(keys.table, &keys.cells.columns, len);
        let (rows, next) = tokio::join!(fetch_rows(conn, &sql, args), async {
            decode_all(&read, &mut found)?;
            runs.next()
        });
        (read, ready) = (rows?, next?);
    }
    decode_all(&read, &mut found)?;
    Ok(found)
}

pub(super) async fn delete_by_keys(conn: &mut SqliteConnection, keys: &Keys) -> Result<u64, DbError> {
    let mut deleted = 0;
    let mut runs = Runs::of(&keys.cells);
    while let Some((len, args)) = runs.next()? {
        let sql = sql::delete_sqlite(keys.table, &keys.cells.columns, len);
        deleted += run(conn, &sql, args).await?;
    }
    Ok(deleted)
}

/// A buffer cut into runs, each as the values of one statement. SQLite works in a thread of its own: the next run is laid
/// out, and what the last one found is read, while it is at this one.
struct Runs<'c> {
    cells: &'c Cells,
    left: std::vec::IntoIter<Range<usize>>,
}

impl Runs<'_> {
    fn of(cells: &Cells) -> Runs<'_> {
        Runs { cells, left: runs(cells.len, cells.columns.len()).into_iter() }
    }

    /// How many rows the next run has, and their values.
    fn next(&mut self) -> Result<Option<(usize, SqliteArguments)>, DbError> {
        let run_of = self.left.next();
        run_of.map(|rows| Ok((rows.len(), across(self.cells, rows)?))).transpose()
    }
}

async fn run(conn: &mut SqliteConnection, sql: &str, args: SqliteArguments) -> Result<u64, DbError> {
    let done = sqlx::query_with(AssertSqlSafe(sql), args).execute(conn).await;
    done.map(|done| done.rows_affected()).map_err(DbError::of)
}

async fn fetch(conn: &mut SqliteConnection, sql: &str, args: SqliteArguments) -> Result<Vec<Row>, DbError> {
    let mut found = Vec::new();
    decode_all(&fetch_rows(conn, sql, args).await?, &mut found)?;
    Ok(found)
}

async fn fetch_rows(conn: &mut SqliteConnection, sql: &str, args: SqliteArguments) -> Result<Vec<SqliteRow>, DbError> {
    sqlx::query_with(AssertSqlSafe(sql), args).fetch_all(conn).await.map_err(DbError::of)
}

fn decode_all(rows: &[SqliteRow], into: &mut Vec<Row>) -> Result<(), DbError> {
    into.reserve(rows.len());
    rows.iter().try_for_each(|row| decode(row).map(|row| into.push(row)))
}

fn bound(values: Vec<Value>) -> Result<SqliteArguments, DbError> {
    let mut args = SqliteArguments::default();
    for value in values {
        let added = match value {
            Value::Null => args.add(None::<i64>),
            Value::Int(value) => args.add(value),
            Value::Text(value) => args.add(value),
            Value::Blob(value) => args.add(value),
        };
        added.map_err(unbound)?;
    }
    Ok(args)
}

/// The values of these rows, row by row.
fn across(cells: &Cells, rows: Range<usize>) -> Result<SqliteArguments, DbError> {
    let mut args = SqliteArguments::default();
    args.reserve(rows.len() * cells.columns.len(), 0);
    for row in rows {
        for cell in &cells.cells {
            let added = match cell {
                Cell::Int(values) => args.add(values.get(row).copied().flatten()),
                Cell::Text(values) => args.add(values.get(row).and_then(Option::as_deref)),
                Cell::Blob(values) => args.add(values.get(row).and_then(Option::as_deref)),
            };
            added.map_err(unbound)?;
        }
    }
    Ok(args)
}

fn unbound(_: sqlx::error::BoxDynError) -> DbError {
    DbError::Other { code: "encode".to_owned() }
}

fn decode(row: &SqliteRow) -> Result<Row, DbError> {
    (0..row.len()).map(|column| decode_value(row, column)).collect::<Result<_, _>>().map(Row::new)
}

fn decode_value(row: &SqliteRow, column: usize) -> Result<Value, DbError> {
    let raw = row.try_get_raw(column).map_err(DbError::of)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info().into_owned();
    let value = match kind.name() {
        "INTEGER" | "INT8" | "BOOLEAN" => read::<i64>(raw).map(Value::Int),
        "TEXT" => read::<String>(raw).map(Value::Text),
        "BLOB" => read::<Vec<u8>>(raw).map(Value::Blob),
        other => return Err(corrupt(column, other)),
    };
    value.map_err(|_| corrupt(column, kind.name()))
}

fn read<'r, T: Decode<'r, Sqlite>>(raw: SqliteValueRef<'r>) -> Result<T, sqlx::error::BoxDynError> {
    T::decode(raw)
}

fn corrupt(column: usize, kind: &str) -> DbError {
    DbError::Corrupt { what: format!("column {column} is a {kind}, not an INTEGER, TEXT or BLOB") }
}
