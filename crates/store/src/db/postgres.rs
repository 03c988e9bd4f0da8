//! Statements as PostgreSQL takes them: one array a column for bulk work, `$1`-style places elsewhere.

use super::error::DbError;
use super::rows::{Cell, Cells, Keys, Rows};
use super::sql;
use super::value::{Row, Value};
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgConnection, PgRow, PgTypeInfo, PgValueRef, types::Oid};
use sqlx::{Arguments, AssertSqlSafe, Decode, Encode, Postgres, Row as _, Type, TypeInfo, ValueRef, encode::IsNull};

pub(super) async fn execute(conn: &mut PgConnection, sql: &str, args: Vec<Value>) -> Result<u64, DbError> {
    run(conn, sql, bound(args)?).await
}

pub(super) async fn query(conn: &mut PgConnection, sql: &str, args: Vec<Value>) -> Result<Vec<Row>, DbError> {
    fetch(conn, sql, bound(args)?).await
}

pub(super) async fn upsert(conn: &mut PgConnection, rows: &Rows) -> Result<u64, DbError> {
    run(conn, &sql::upsert_postgres(rows.table), arrays(&rows.cells)?).await
}

pub(super) async fn select_by_keys(conn: &mut PgConnection, keys: &Keys) -> Result<Vec<Row>, DbError> {
    fetch(conn, &sql::select_postgres(keys.table, &keys.cells.columns), arrays(&keys.cells)?).await
}

pub(super) async fn delete_by_keys(conn: &mut PgConnection, keys: &Keys) -> Result<u64, DbError> {
    run(conn, &sql::delete_postgres(keys.table, &keys.cells.columns), arrays(&keys.cells)?).await
}

async fn run(conn: &mut PgConnection, sql: &str, args: PgArguments) -> Result<u64, DbError> {
    let done = sqlx::query_with(AssertSqlSafe(sql), args).execute(conn).await;
    done.map(|done| done.rows_affected()).map_err(DbError::of)
}

async fn fetch(conn: &mut PgConnection, sql: &str, args: PgArguments) -> Result<Vec<Row>, DbError> {
    let rows = sqlx::query_with(AssertSqlSafe(sql), args).fetch_all(conn).await.map_err(DbError::of)?;
    rows.iter().map(decode).collect()
}

/// A NULL that leaves its type to the server, which knows the column; a typed one would only fit columns of that type.
struct UntypedNull;

impl Type<Postgres> for UntypedNull {
    fn type_info() -> PgTypeInfo {
        // The pseudo-type "unknown" of pg_type.
        PgTypeInfo::with_oid(Oid(705))
    }
}

impl Encode<'_, Postgres> for UntypedNull {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, sqlx::error::BoxDynError> {
        Ok(IsNull::Yes)
    }
}

fn bound(values: Vec<Value>) -> Result<PgArguments, DbError> {
    let mut args = PgArguments::default();
    for value in values {
        let added = match value {
            Value::Null => args.add(UntypedNull),
            Value::Int(value) => args.add(value),
            Value::Text(value) => args.add(value),
            Value::Blob(value) => args.add(value),
        };
        added.map_err(too_large)?;
    }
    Ok(args)
}

fn arrays(cells: &Cells) -> Result<PgArguments, DbError> {
    let mut args = PgArguments::default();
    for cell in &cells.cells {
        let added = match cell {
            Cell::Int(values) => args.add(values.as_slice()),
            Cell::Text(values) => args.add(values.as_slice()),
            Cell::Blob(values) => args.add(values.as_slice()),
        };
        added.map_err(too_large)?;
    }
    Ok(args)
}

/// The only way encoding can fail: more bytes than one message of the protocol holds.
fn too_large(_: sqlx::error::BoxDynError) -> DbError {
    DbError::Other { code: "encode".to_owned() }
}

fn decode(row: &PgRow) -> Result<Row, DbError> {
    (0..row.len()).map(|column| decode_value(row, column)).collect::<Result<_, _>>().map(Row::new)
}

fn decode_value(row: &PgRow, column: usize) -> Result<Value, DbError> {
    let raw = row.try_get_raw(column).map_err(DbError::of)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info().into_owned();
    let value = match kind.name() {
        "INT8" => read::<i64>(raw).map(Value::Int),
        "INT4" => read::<i32>(raw).map(Value::from),
        "INT2" => read::<i16>(raw).map(|value| Value::Int(value.into())),
        "BOOL" => read::<bool>(raw).map(Value::from),
        "TEXT" | "VARCHAR" | "NAME" | "CHAR" => read::<String>(raw).map(Value::Text),
        "BYTEA" => read::<Vec<u8>>(raw).map(Value::Blob),
        "VOID" => Ok(Value::Null),
        other => return Err(corrupt(column, other)),
    };
    value.map_err(|_| corrupt(column, kind.name()))
}

fn read<'r, T: Decode<'r, Postgres>>(raw: PgValueRef<'r>) -> Result<T, sqlx::error::BoxDynError> {
    T::decode(raw)
}

/// Sums of BIGINT are NUMERIC on PostgreSQL: `CAST(SUM(x) AS BIGINT)` works on both databases.
fn corrupt(column: usize, kind: &str) -> DbError {
    DbError::Corrupt { what: format!("column {column} is a {kind}, which must be cast to BIGINT, TEXT or BYTEA") }
}
