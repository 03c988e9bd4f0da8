//! A table as the bulk statements see it, and the buffers of rows and keys that one statement carries.
//!
//! Buffers are kept by column: PostgreSQL takes each column as one array, and SQLite reads them across.

use super::error::DbError;
use super::value::Value;
use std::ops::Range;

/// What a column stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// BIGINT on PostgreSQL, INTEGER on SQLite.
    Int,
    /// TEXT.
    Text,
    /// BYTEA on PostgreSQL, BLOB on SQLite.
    Blob,
}

/// What an upsert does with a column when the row is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Part of the primary key, which decides whether the row is there.
    Key,
    /// The newer value takes the place of the stored one.
    Replace,
    /// The newer value is added to the stored one. NOT NULL integers only; overflow is an error, not a wrap.
    Add,
    /// The stored value stays.
    Keep,
}

/// One column of a [`Table`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its SQL name: a plain lower-case identifier, no reserved word.
    pub name: &'static str,
    /// What it stores.
    pub kind: Kind,
    /// What an upsert does with it.
    pub role: Role,
}

impl Column {
    /// Part of the primary key.
    pub const fn key(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, role: Role::Key }
    }

    /// Overwritten by a newer row.
    pub const fn replace(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, role: Role::Replace }
    }

    /// An integer that newer rows add to.
    pub const fn add(name: &'static str) -> Self {
        Self { name, kind: Kind::Int, role: Role::Add }
    }

    /// Written once, when the row is inserted.
    pub const fn keep(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, role: Role::Keep }
    }
}

/// A table, or the part of it that the program writes.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its SQL name: a plain lower-case identifier, no reserved word.
    pub name: &'static str,
    /// Its columns; rows are pushed and read back in this order.
    pub columns: &'static [Column],
}

impl Table {
    /// The columns of the primary key, in table order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static Column> {
        self.columns.iter().filter(|column| column.role == Role::Key)
    }
}

/// Rows to be written by [`Tx::upsert`](super::Tx::upsert).
///
/// No two rows of one buffer may have the same key: PostgreSQL refuses to touch a row twice in one statement.
/// Fold them in memory first.
#[derive(Debug, Clone)]
pub struct Rows {
    pub(super) table: &'static Table,
    pub(super) cells: Cells,
}

impl Rows {
    /// An empty buffer for this table.
    pub fn new(table: &'static Table) -> Self {
        Self { table, cells: Cells::new(table, table.columns.iter()) }
    }

    /// Adds a row, its values in the order of the table's columns.
    ///
    /// A value of the wrong kind, or a wrong number of them, is a mistake in the program; the write reports it as
    /// [`DbError::Misfit`].
    pub fn push(&mut self, row: impl IntoIterator<Item = Value>) {
        self.cells.push(row);
    }

    /// How many rows are buffered.
    pub fn len(&self) -> usize {
        self.cells.len
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether no key occurs twice. Looks at every key: for assertions, not for the hot path.
    pub(super) fn keys_differ(&self) -> bool {
        let mut seen = std::collections::HashSet::new();
        (0..self.len()).all(|row| seen.insert(self.cells.key_of(row)))
    }
}

/// Keys of rows to be read by [`Tx::select_by_keys`](super::Tx::select_by_keys) or removed by
/// [`Tx::delete_by_keys`](super::Tx::delete_by_keys).
#[derive(Debug, Clone)]
pub struct Keys {
    pub(super) table: &'static Table,
    pub(super) cells: Cells,
}

impl Keys {
    /// Rows will be found by the table's whole primary key.
    pub fn new(table: &'static Table) -> Self {
        Self { table, cells: Cells::new(table, table.keys()) }
    }

    /// Rows will be found by these columns, in this order; usually the front part of the key or of an index.
    ///
    /// A name that the table does not have is a mistake in the program; the statement reports it as [`DbError::Misfit`].
    pub fn by(table: &'static Table, columns: &[&str]) -> Self {
        let found = columns.iter().filter_map(|name| table.columns.iter().find(|column| column.name == *name));
        let mut cells = Cells::new(table, found);
        if cells.columns.len() != columns.len() {
            cells.misfit = Some(format!("{} has no such key columns", table.name));
        }
        Self { table, cells }
    }

    /// Adds one key, its values in the order of the key's columns. Wrong kinds are reported as for [`Rows::push`].
    pub fn push(&mut self, key: impl IntoIterator<Item = Value>) {
        self.cells.push(key);
    }

    /// How many keys are buffered.
    pub fn len(&self) -> usize {
        self.cells.len
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The values of one column, of all rows of a buffer.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Blob(Vec<Option<Vec<u8>>>),
}

impl Cell {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Int => Self::Int(Vec::new()),
            Kind::Text => Self::Text(Vec::new()),
            Kind::Blob => Self::Blob(Vec::new()),
        }
    }

    /// Gives the value back if it does not fit.
    fn push(&mut self, value: Value) -> Result<(), Value> {
        match (self, value) {
            (Self::Int(cells), Value::Int(value)) => cells.push(Some(value)),
            (Self::Text(cells), Value::Text(value)) => cells.push(Some(value)),
            (Self::Blob(cells), Value::Blob(value)) => cells.push(Some(value)),
            (Self::Int(cells), Value::Null) => cells.push(None),
            (Self::Text(cells), Value::Null) => cells.push(None),
            (Self::Blob(cells), Value::Null) => cells.push(None),
            (_, misfit) => return Err(misfit),
        }
        Ok(())
    }

    fn value(&self, row: usize) -> Value {
        match self {
            Self::Int(cells) => cells.get(row).copied().flatten().into(),
            Self::Text(cells) => cells.get(row).and_then(Option::as_deref).into(),
            Self::Blob(cells) => cells.get(row).and_then(Option::as_deref).into(),
        }
    }
}

/// Values by column, with the columns they belong to.
#[derive(Debug, Clone)]
pub(super) struct Cells {
    table: &'static str,
    pub(super) columns: Vec<&'static Column>,
    pub(super) cells: Vec<Cell>,
    pub(super) len: usize,
    misfit: Option<String>,
}

impl Cells {
    fn new(table: &'static Table, columns: impl Iterator<Item = &'static Column>) -> Self {
        let columns: Vec<_> = columns.collect();
        let cells = columns.iter().map(|column| Cell::new(column.kind)).collect();
        Self { table: table.name, columns, cells, len: 0, misfit: None }
    }

    fn push(&mut self, row: impl IntoIterator<Item = Value>) {
        let mut values = row.into_iter();
        for (column, cell) in self.columns.iter().zip(&mut self.cells) {
            let fits = values.next().map(|value| cell.push(value));
            if let None | Some(Err(_)) = fits {
                let found = fits.and_then(Result::err).map_or("missing", |value| value.kind());
                self.misfit.get_or_insert_with(|| format!("{}.{} is {found}", self.table, column.name));
            }
        }
        if values.next().is_some() {
            self.misfit.get_or_insert_with(|| format!("{} has fewer columns than the row", self.table));
        }
        self.len += 1;
    }

    /// Refuses buffers into which something was pushed that does not fit.
    pub(super) fn checked(&self) -> Result<(), DbError> {
        match &self.misfit {
            Some(what) => Err(DbError::Misfit { what: what.clone() }),
            None => Ok(()),
        }
    }

    fn key_of(&self, row: usize) -> Vec<Value> {
        let columns = self.columns.iter().zip(&self.cells);
        columns.filter(|(column, _)| column.role == Role::Key).map(|(_, cell)| cell.value(row)).collect()
    }
}

/// Cuts `len` rows into runs that SQLite statements of a few fixed sizes can carry, so that few texts are ever prepared.
///
/// `width` is the number of values in a row; one statement may bind 32,766.
pub(super) fn runs(len: usize, width: usize) -> Vec<Range<usize>> {
    const SIZES: [usize; 5] = [500, 100, 20, 5, 1];
    const MOST_VALUES: usize = 32_766;
    let mut runs = Vec::new();
    let mut start = 0;
    for size in SIZES.into_iter().filter(|size| size * width <= MOST_VALUES) {
        while len - start >= size {
            runs.push(start..start + size);
            start += size;
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    static PARCELS: Table = Table {
        name: "parcels",
        columns: &[Column::key("tracking", Kind::Text), Column::add("scans"), Column::replace("body", Kind::Blob)],
    };

    #[test]
    fn a_row_of_the_wrong_shape_is_reported_by_name_and_never_by_value() {
        let cases: [(Vec<Value>, &str); 4] = [
            (vec!["T1".into(), 1.into(), Value::Null], ""),
            (vec!["T1".into(), "secret".into(), Value::Null], "parcels.scans is text"),
            (vec!["T1".into(), 1.into()], "parcels.body is missing"),
            (vec!["T1".into(), 1.into(), Value::Null, 2.into()], "parcels has fewer columns than the row"),
        ];
        for (row, complaint) in cases {
            let mut rows = Rows::new(&PARCELS);
            rows.push(row);
            let expected =
                if complaint.is_empty() { Ok(()) } else { Err(DbError::Misfit { what: complaint.to_owned() }) };
            assert_eq!(rows.cells.checked(), expected);
        }
    }

    #[test]
    fn unknown_key_columns_are_reported() {
        assert!(Keys::by(&PARCELS, &["tracking"]).cells.checked().is_ok());
        assert!(Keys::by(&PARCELS, &["trackin"]).cells.checked().is_err());
    }

    #[test]
    fn repeated_keys_are_seen() {
        let mut rows = Rows::new(&PARCELS);
        rows.push(["T1".into(), 1.into(), Value::Null]);
        rows.push(["T2".into(), 1.into(), Value::Null]);
        assert!(rows.keys_differ());
        rows.push(["T1".into(), 2.into(), Value::Null]);
        assert!(!rows.keys_differ());
    }

    #[test]
    fn runs_cover_every_row_once_and_stay_under_the_limit() {
        assert_eq!(runs(0, 3), []);
        assert_eq!(runs(626, 10), [0..500, 500..600, 600..620, 620..625, 625..626]);
        for (len, width) in [(1, 1), (499, 10), (5_000, 2), (1_234, 400), (7, 20_000)] {
            let runs = runs(len, width);
            assert!(runs.iter().all(|run| run.len() * width <= 32_766));
            assert_eq!(runs.into_iter().flatten().collect::<Vec<_>>(), (0..len).collect::<Vec<_>>());
        }
    }
}
