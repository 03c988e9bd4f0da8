//! Copies of what no log can rebuild, for backups: the whole key store, and the platform's own record beside the books. One
//! implementation for both databases, over rows of integers, texts and bytes, so that what was copied out of one goes into the other.
//!
//! Out: one transaction that reads, so that all of it is of one instant, a page of rows a statement. In: one transaction, into
//! tables that must be empty, of the schema's version that was copied. Tables and columns are asked of the database: a
//! migration that adds one needs no change here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, mpsc};
use uuid::Uuid;

use crate::db::{Db, DbError, Dialect, Kind, Row, Tx, Value};
use crate::{books, keys};

/// Rows of a page, and of a piece.
const PAGE: usize = 1_000;

/// Values that one statement binds when rows are written: few enough for SQLite to find each by its name quickly.
const BOUND: usize = 900;

/// What is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Contents {
    /// Every table of the key store.
    KeyStore,
    /// Of the books' database what is no fold of the log: merchants, how they keep their books and how their webhooks are taken,
    /// closed ones, approval limits.
    PlatformRecord,
}

impl Contents {
    /// The tables of the books' database that a rebuild keeps, but for turns at the counter, which end by themselves, and for
    /// paused projections: what was restored is to be folded.
    const RECORD: [&'static str; 4] = ["approval_limit", "intake", "tenant", "tenant_closed"];

    fn holds(self, table: &str) -> bool {
        match self {
            Contents::KeyStore => true,
            Contents::PlatformRecord => Contents::RECORD.contains(&table),
        }
    }
}

/// A table as it was copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Which contents it belongs to.
    pub contents: Contents,
    /// Its name.
    pub table: String,
    /// Its columns, in the order in which rows have their values.
    pub columns: Vec<ShapeColumn>,
}

/// A column of a [`Shape`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShapeColumn {
    /// Its name.
    pub name: String,
    /// `int`, `text` or `bytes`.
    pub kind: CellKind,
    /// Its place in the primary key, from 1; 0 if it is not in it.
    pub key: u32,
}

/// What a column stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CellKind {
    /// A 64-bit integer.
    Int,
    /// A text.
    Text,
    /// Bytes.
    Bytes,
}

/// One value of a row. Not printed: rows hold wrapped keys and blind indexes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cell {
    /// SQL NULL.
    Null,
    /// An integer.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A part of a copy, in order: a table, then its rows, then the next table.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// From here on rows are of this table.
    Table(Shape),
    /// Rows of it, in the order of its primary key.
    Rows(Vec<Vec<Cell>>),
}

/// Why something was not copied. Nothing of any value is in here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The database's answer, which says whether trying again helps.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The connection was lost in the middle, and a copy is of one transaction: begin again.
    #[error("the connection to the database was lost in the middle: begin again")]
    Interrupted,
    /// Whoever takes the pieces has stopped; why is theirs to say.
    #[error("nobody takes the copy any more")]
    NobodyTakes,
    /// There are rows where a copy is to go: nothing is ever overwritten. Name an empty database.
    #[error("the table `{0}` is not empty: restore into an empty database")]
    NotEmpty(String),
    /// The copy has a table or column that this schema version does not have: the file is not of this program.
    #[error("the copy does not fit the schema: {0}")]
    Misfit(String),
}

/// Sends all of it, of one instant, to whoever takes it; gives how many rows. A lost connection ends it.
pub async fn copy_out(db: &Db, contents: Contents, to: mpsc::Sender<Piece>) -> Result<u64, CopyError> {
    let once = Once::default();
    db.run_read("copy-out", move |tx| {
        let (once, to) = (once.clone(), to.clone());
        Box::pin(async move {
            once.begin()?;
            let mut rows = 0;
            for shape in shapes(tx, contents).await? {
                rows += copy_table(tx, &shape, &to).await?;
            }
            Ok(rows)
        })
    })
    .await
}

/// Puts what was copied into the empty tables of this database, and makes ready what must not work as it was: a key store that
/// serves nobody until erasures were applied again, books that are folded anew. One transaction, so all of it or none.
/// The sender of `from` says by a last `Ok(None)` that all has come; without it nothing stays.
pub async fn copy_in(
    db: &Db,
    contents: Contents,
    partitions: u32,
    from: mpsc::Receiver<Option<Piece>>,
) -> Result<u64, CopyError> {
    let (once, from) = (Once::default(), Arc::new(Mutex::new(from)));
    db.run_tx("copy-in", move |tx| {
        let (once, from) = (once.clone(), Arc::clone(&from));
        Box::pin(async move {
            once.begin()?;
            let shapes = shapes(tx, contents).await?;
            refuse_rows(tx).await?;
            let rows = fill(tx, contents, &shapes, &mut *from.lock().await).await?;
            match contents {
                Contents::KeyStore => keys::mark_restored(tx).await?,
                Contents::PlatformRecord => books::fold_anew(tx, partitions).await?,
            }
            Ok(rows)
        })
    })
    .await
}

/// Refuses a database that has a row in any of its tables.
pub async fn require_empty(db: &Db) -> Result<(), CopyError> {
    db.run_read("require-empty", |tx| Box::pin(async move { refuse_rows(tx).await })).await
}

/// The id that the key store and its keyring share, and its current epoch; None while it has neither.
pub async fn key_store_id(db: &Db) -> Result<Option<(Uuid, u32)>, CopyError> {
    let sql = "SELECT id, (SELECT epoch FROM epoch WHERE state = 'current') FROM keyring";
    let rows = db.query(sql, vec![]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let corrupt = |what: &str| DbError::Corrupt { what: what.to_owned() };
    let id = Uuid::parse_str(row.text(0)?).map_err(|_| corrupt("a keyring's id is no UUID"))?;
    let Some(epoch) = row.opt_int(1)? else { return Ok(None) };
    Ok(Some((id, u32::try_from(epoch).map_err(|_| corrupt("an epoch's number is out of range"))?)))
}

/// A transaction that was begun again would send, or take, everything twice.
#[derive(Clone, Default)]
struct Once(Arc<AtomicBool>);

impl Once {
    fn begin(&self) -> Result<(), CopyError> {
        if self.0.swap(true, Ordering::Relaxed) { Err(CopyError::Interrupted) } else { Ok(()) }
    }
}

async fn copy_table(tx: &mut Tx, shape: &Shape, to: &mpsc::Sender<Piece>) -> Result<u64, CopyError> {
    let send = async |piece| to.send(piece).await.map_err(|_| CopyError::NobodyTakes);
    send(Piece::Table(shape.clone())).await?;
    let (mut copied, mut after) = (0, None);
    loop {
        let rows = page(tx, shape, after.as_deref()).await?;
        let full = rows.len() == PAGE;
        copied += rows.len() as u64;
        after = rows.last().map(|last| key_of(shape, last));
        if !rows.is_empty() {
            send(Piece::Rows(rows)).await?;
        }
        if !full {
            return Ok(copied);
        }
    }
}

/// The next rows by primary key.
async fn page(tx: &mut Tx, shape: &Shape, after: Option<&[Value]>) -> Result<Vec<Vec<Cell>>, CopyError> {
    let names = |columns: Vec<&ShapeColumn>| columns.iter().map(|one| quoted(&one.name)).collect::<Vec<_>>().join(", ");
    let (all, key) = (names(shape.columns.iter().collect()), names(shape.key()));
    let places = |count: usize| (1..=count).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ");
    let since = after.map_or_else(String::new, |after| format!("WHERE ({key}) > ({})", places(after.len())));
    let sql = format!("SELECT {all} FROM {} {since} ORDER BY {key} LIMIT {PAGE}", quoted(&shape.table));
    let rows = tx.query(&sql, after.unwrap_or_default().to_vec()).await?;
    Ok(rows.into_iter().map(|row| row.into_values().into_iter().map(Cell::from).collect()).collect())
}

fn key_of(shape: &Shape, row: &[Cell]) -> Vec<Value> {
    let value = |column: &&ShapeColumn| {
        let place = shape.columns.iter().position(|one| one.name == column.name);
        place.and_then(|place| row.get(place)).cloned().map_or(Value::Null, Value::from)
    };
    shape.key().iter().map(value).collect()
}

async fn fill(
    tx: &mut Tx,
    contents: Contents,
    shapes: &[Shape],
    from: &mut mpsc::Receiver<Option<Piece>>,
) -> Result<u64, CopyError> {
    let (mut written, mut table) = (0, None);
    while let Some(piece) = from.recv().await {
        match piece {
            None => return Ok(written),
            Some(Piece::Table(shape)) => {
                let known = shapes.iter().find(|one| **one == shape && shape.contents == contents);
                let misfit = || CopyError::Misfit(format!("table `{}`", shape.table));
                table = Some(known.ok_or_else(misfit)?);
            }
            Some(Piece::Rows(rows)) => {
                let shape = table.ok_or_else(|| CopyError::Misfit("rows of no table".to_owned()))?;
                written += insert(tx, shape, rows).await?;
            }
        }
    }
    Err(CopyError::NobodyTakes)
}

async fn insert(tx: &mut Tx, shape: &Shape, rows: Vec<Vec<Cell>>) -> Result<u64, CopyError> {
    let width = shape.columns.len();
    let fits = |row: &Vec<Cell>| {
        row.len() == width && row.iter().zip(&shape.columns).all(|(cell, column)| column.kind.takes(cell))
    };
    if !rows.iter().all(fits) {
        return Err(CopyError::Misfit(format!("a row of table `{}`", shape.table)));
    }
    let names: Vec<String> = shape.columns.iter().map(|one| quoted(&one.name)).collect();
    let begin = format!("INSERT INTO {} ({}) VALUES ", quoted(&shape.table), names.join(", "));
    let mut written = 0;
    for some in rows.chunks((BOUND / width.max(1)).max(1)) {
        let row =
            |nth: usize| (1..=width).map(|place| format!("${}", nth * width + place)).collect::<Vec<_>>().join(",");
        let places: Vec<String> = (0..some.len()).map(|nth| format!("({})", row(nth))).collect();
        let values = some.iter().flatten().cloned().map(Value::from).collect();
        written += tx.execute(&format!("{begin}{}", places.join(",")), values).await?;
    }
    Ok(written)
}

async fn refuse_rows(tx: &mut Tx) -> Result<(), CopyError> {
    for table in tables(tx).await? {
        let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM {} LIMIT 1) one", quoted(&table));
        let rows = tx.query(&sql, vec![]).await?;
        if rows.first().map_or(Ok(0), |row| row.int(0))? > 0 {
            return Err(CopyError::NotEmpty(table));
        }
    }
    Ok(())
}

/// The tables of these contents as they are now, by name.
async fn shapes(tx: &mut Tx, contents: Contents) -> Result<Vec<Shape>, CopyError> {
    let mut shapes = Vec::new();
    for table in tables(tx).await?.into_iter().filter(|table| contents.holds(table)) {
        let columns = columns(tx, &table).await?;
        if !columns.iter().any(|column| column.key > 0) {
            return Err(CopyError::Misfit(format!("table `{table}` has no primary key")));
        }
        shapes.push(Shape { contents, table, columns });
    }
    Ok(shapes)
}

/// All tables of the schema, by name, but for the one in which migrations are noted.
async fn tables(tx: &mut Tx) -> Result<Vec<String>, CopyError> {
    let sql = match tx.dialect() {
        Dialect::Postgres => "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema()",
        Dialect::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        }
    };
    let rows = tx.query(sql, vec![]).await?;
    let mut names = rows.iter().map(|row| row.text(0).map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
    names.retain(|name| name != "_sqlx_migrations");
    names.sort_unstable();
    Ok(names)
}

async fn columns(tx: &mut Tx, table: &str) -> Result<Vec<ShapeColumn>, CopyError> {
    let sql = match tx.dialect() {
        // The places of an index are counted from 0.
        Dialect::Postgres => {
            "SELECT CAST(a.attname AS TEXT), format_type(a.atttypid, NULL), \
                    CAST(COALESCE(array_position(CAST(i.indkey AS int2[]), a.attnum) + 1, 0) AS BIGINT) \
             FROM pg_attribute a JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary \
             WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
        }
        Dialect::Sqlite => "SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid",
    };
    let rows = tx.query(sql, vec![table.into()]).await?;
    rows.iter().map(|row| column(table, row)).collect()
}

fn column(table: &str, row: &Row) -> Result<ShapeColumn, CopyError> {
    let name = row.text(0)?.to_owned();
    let kind = match row.text(1)? {
        "bigint" | "INTEGER" => Kind::Int,
        "text" | "TEXT" => Kind::Text,
        "bytea" | "BLOB" => Kind::Blob,
        _ => return Err(CopyError::Misfit(format!("column `{table}.{name}` is of another type"))),
    };
    Ok(ShapeColumn { name, kind: kind.into(), key: u32::try_from(row.int(2)?).unwrap_or(0) })
}

/// Names are asked of the database or compared with what it says; quoted, none is a reserved word.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Shape {
    /// The columns of the primary key, in its order.
    fn key(&self) -> Vec<&ShapeColumn> {
        let mut key: Vec<&ShapeColumn> = self.columns.iter().filter(|column| column.key > 0).collect();
        key.sort_unstable_by_key(|column| column.key);
        key
    }
}

impl CellKind {
    fn takes(self, cell: &Cell) -> bool {
        match cell {
            Cell::Null => true,
            Cell::Int(_) => self == CellKind::Int,
            Cell::Text(_) => self == CellKind::Text,
            Cell::Bytes(_) => self == CellKind::Bytes,
        }
    }
}

impl From<Kind> for CellKind {
    fn from(kind: Kind) -> CellKind {
        match kind {
            Kind::Int => CellKind::Int,
            Kind::Text => CellKind::Text,
            Kind::Blob => CellKind::Bytes,
        }
    }
}

impl From<Value> for Cell {
    fn from(value: Value) -> Cell {
        match value {
            Value::Null => Cell::Null,
            Value::Int(value) => Cell::Int(value),
            Value::Text(value) => Cell::Text(value),
            Value::Blob(value) => Cell::Bytes(value),
        }
    }
}

impl From<Cell> for Value {
    fn from(cell: Cell) -> Value {
        match cell {
            Cell::Null => Value::Null,
            Cell::Int(value) => Value::Int(value),
            Cell::Text(value) => Value::Text(value),
            Cell::Bytes(value) => Value::Blob(value),
        }
    }
}
