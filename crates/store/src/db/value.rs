//! One value and one row, the same for both databases: integers, text, bytes, or nothing.
//!
//! Times are integers (microseconds since 1970, UTC), days are day numbers, amounts are minor units. PostgreSQL refuses a
//! text with a NUL in it, so a text made into a [`Value`] has U+FFFD in its place, on both databases alike.

use super::error::DbError;

/// One value going into or coming out of the database.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// BIGINT on PostgreSQL, INTEGER on SQLite.
    Int(i64),
    /// TEXT.
    Text(String),
    /// BYTEA on PostgreSQL, BLOB on SQLite.
    Blob(Vec<u8>),
}

/// Shows only the kind, so that a value cannot reach a log by way of `{:?}`.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

impl Value {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Int(_) => "integer",
            Self::Text(_) => "text",
            Self::Blob(_) => "bytes",
        }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(i64::from(value))
    }
}

/// Stored as 0 or 1.
impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::from(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(if value.contains('\0') { value.replace('\0', "\u{fffd}") } else { value })
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Blob(value.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of an answer; columns are counted from 0 in the order of the SELECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(Vec<Value>);

impl Row {
    /// A row of these values, in order. Tests of code above the database build rows this way.
    pub fn new(values: Vec<Value>) -> Self {
        Self(values)
    }

    /// The integer in this column; [`DbError::Corrupt`] if it is absent, NULL or something else.
    pub fn int(&self, column: usize) -> Result<i64, DbError> {
        self.opt_int(column)?.ok_or_else(|| unexpected(column, "an integer", "null"))
    }

    /// The text in this column; [`DbError::Corrupt`] if it is absent, NULL or something else.
    pub fn text(&self, column: usize) -> Result<&str, DbError> {
        self.opt_text(column)?.ok_or_else(|| unexpected(column, "text", "null"))
    }

    /// The bytes in this column; [`DbError::Corrupt`] if they are absent, NULL or something else.
    pub fn blob(&self, column: usize) -> Result<&[u8], DbError> {
        self.opt_blob(column)?.ok_or_else(|| unexpected(column, "bytes", "null"))
    }

    /// The integer in this column, or `None` for NULL.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, DbError> {
        match self.at(column)? {
            Value::Null => Ok(None),
            Value::Int(value) => Ok(Some(*value)),
            other => Err(unexpected(column, "an integer", other.kind())),
        }
    }

    /// The text in this column, or `None` for NULL.
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>, DbError> {
        match self.at(column)? {
            Value::Null => Ok(None),
            Value::Text(value) => Ok(Some(value)),
            other => Err(unexpected(column, "text", other.kind())),
        }
    }

    /// The bytes in this column, or `None` for NULL.
    pub fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>, DbError> {
        match self.at(column)? {
            Value::Null => Ok(None),
            Value::Blob(value) => Ok(Some(value)),
            other => Err(unexpected(column, "bytes", other.kind())),
        }
    }

    /// The values themselves, to move large ones out without a copy.
    pub fn into_values(self) -> Vec<Value> {
        self.0
    }

    fn at(&self, column: usize) -> Result<&Value, DbError> {
        self.0.get(column).ok_or_else(|| unexpected(column, "a value", "no such column"))
    }
}

fn unexpected(column: usize, wanted: &str, found: &str) -> DbError {
    DbError::Corrupt { what: format!("column {column} should be {wanted} and is {found}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn getters_give_what_is_there_and_say_what_is_not() {
        let row = Row::new(vec![7.into(), "seven".into(), vec![7_u8].into(), Value::Null]);
        assert_eq!(row.int(0), Ok(7));
        assert_eq!(row.text(1), Ok("seven"));
        assert_eq!(row.blob(2), Ok([7_u8].as_slice()));
        assert_eq!((row.opt_int(3), row.opt_text(3), row.opt_blob(3)), (Ok(None), Ok(None), Ok(None)));
        let error = row.int(1).unwrap_err().to_string();
        assert_eq!(
            error,
            "stored data is not what was expected: column 0 should be an integer and is text".replace('0', "1")
        );
        assert!(row.int(3).is_err() && row.text(9).is_err());
    }

    #[test]
    fn a_text_holds_no_nul() {
        let row = Row::new(vec!["La\0hore".into(), String::from("\0").into(), Some("Multan").into()]);
        assert_eq!([row.text(0), row.text(1), row.text(2)], [Ok("La\u{fffd}hore"), Ok("\u{fffd}"), Ok("Multan")]);
    }

    #[test]
    fn debug_never_shows_a_value() {
        let row = Row::new(vec!["Sana Tariq".into(), 3_001_234_567_i64.into()]);
        assert_eq!(format!("{row:?}"), "Row([text, integer])");
    }
}
