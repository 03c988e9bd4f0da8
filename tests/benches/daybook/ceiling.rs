//! What a database can do at best with the rows of a fold: each is written once, into empty tables of the same schema.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use store::books::Projection;
use store::db::{Column, Db, DbError, Dialect, Durability, Kind, Role, Row, Rows, Table};
use store::schema::books_migrations;
use tokio::io::AsyncWriteExt;

/// Rows that one SQLite transaction writes.
const PAGE: u32 = 4_000;

/// How many rows, and how long their writing took.
pub(crate) struct Ceiling {
    pub(crate) rows: u32,
    pub(crate) seconds: f64,
}

/// PostgreSQL: COPY of all tables, from files made by COPY before, on one connection.
pub(crate) async fn copy(url: &str, folder: &Path) -> anyhow::Result<Ceiling> {
    Db::open_postgres(url, "ceiling", 1, &books_migrations(Dialect::Postgres)).await?.close().await;
    let mut connection = PgConnection::connect(url).await?;
    for table in tables() {
        dump(&mut connection, table, &folder.join(table)).await?;
    }
    sqlx::raw_sql("CHECKPOINT").execute(&mut connection).await?;
    let (mut rows, started) = (0, Instant::now());
    for table in tables() {
        let file = tokio::fs::File::open(folder.join(table)).await?;
        let mut copy = connection.copy_in_raw(&format!("COPY ceiling.{table} FROM STDIN (FORMAT binary)")).await?;
        copy.read_from(file).await?;
        rows += copy.finish().await?;
    }
    let seconds = started.elapsed().as_secs_f64();
    sqlx::raw_sql(AssertSqlSafe("DROP SCHEMA ceiling CASCADE".to_owned())).execute(&mut connection).await?;
    Ok(Ceiling { rows: u32::try_from(rows)?, seconds })
}

async fn dump(connection: &mut PgConnection, table: &str, path: &Path) -> anyhow::Result<()> {
    let mut file = tokio::io::BufWriter::new(tokio::fs::File::create(path).await?);
    let mut copy = connection.copy_out_raw(&format!("COPY daybook.{table} TO STDOUT (FORMAT binary)")).await?;
    while let Some(chunk) = copy.next().await {
        file.write_all(&chunk?).await?;
    }
    Ok(file.flush().await?)
}

/// SQLite: the same bulk statement that the projections use, several thousand rows a transaction.
pub(crate) async fn insert(from: &Db, folder: &Path) -> anyhow::Result<Ceiling> {
    let path = folder.join("ceiling.db");
    let to = Db::open_sqlite(&path, Durability::Normal, &books_migrations(Dialect::Sqlite)).await?;
    let (mut written, mut took) = (0, Duration::ZERO);
    for name in tables() {
        // Below every place there is: partition 0 has place 0 in a table keyed by partition.
        let (table, mut after) = (columns_of(from, name).await?, -1);
        loop {
            let (rows, last) = page(from, table, after).await?;
            if rows.is_empty() {
                break;
            }
            let started = Instant::now();
            written += write(&to, rows).await?;
            took += started.elapsed();
            after = last;
        }
    }
    to.close().await;
    Ok(Ceiling { rows: u32::try_from(written)?, seconds: took.as_secs_f64() })
}

async fn write(to: &Db, rows: Rows) -> Result<u64, DbError> {
    let rows = Arc::new(rows);
    let wrote = to.run_tx("bench-ceiling", move |tx| {
        let rows = Arc::clone(&rows);
        Box::pin(async move { tx.upsert(&rows).await })
    });
    wrote.await
}

/// The rows of a table after one place, in the order in which they were first written, and the last one's place.
async fn page(from: &Db, table: &'static Table, after: i64) -> anyhow::Result<(Rows, i64)> {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let sql =
        format!("SELECT rowid, {} FROM {} WHERE rowid > $1 ORDER BY rowid LIMIT $2", names.join(", "), table.name);
    let found = from.query(&sql, vec![after.into(), PAGE.into()]).await?;
    let last = found.last().map_or(Ok(after), |row| row.int(0))?;
    let mut rows = Rows::new(table);
    for row in found {
        rows.push(row.into_values().into_iter().skip(1));
    }
    Ok((rows, last))
}

/// A table as the bulk statements take it, read from the database's own description. Made once a run and never freed.
async fn columns_of(db: &Db, name: &'static str) -> anyhow::Result<&'static Table> {
    let described = db.query(&format!("SELECT name, type, pk FROM pragma_table_info('{name}')"), vec![]).await?;
    let columns: Vec<Column> = described.iter().map(column).collect::<anyhow::Result<_>>()?;
    Ok(Box::leak(Box::new(Table { name, columns: columns.leak() })))
}

fn column(described: &Row) -> anyhow::Result<Column> {
    let kind = match described.text(1)? {
        "INTEGER" => Kind::Int,
        "TEXT" => Kind::Text,
        "BLOB" => Kind::Blob,
        _ => anyhow::bail!("a column of a kind the program does not write"),
    };
    let role = if described.int(2)? > 0 { Role::Key } else { Role::Replace };
    Ok(Column { name: described.text(0)?.to_owned().leak(), kind, role })
}

fn tables() -> impl Iterator<Item = &'static str> {
    Projection::ALL.into_iter().flat_map(|projection| projection.tables().iter().copied())
}
