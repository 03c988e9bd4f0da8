//! Reading the journal as an auditor does: a row that cannot be read is named and the reading goes on.

use commerce::TenantId;

use super::journal::{JournalRow, journal_row};
use super::tables::JOURNAL;
use crate::db::{Db, DbError, Row, Value};

/// Rows read at once.
const PAGE: u32 = 2_000;

/// Unreadable rows in a row after which the database itself is the problem.
const GIVE_UP: i64 = 1_000;

/// A row of the journal that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// Where it stands: tenant and number, or what stands before it.
    pub place: String,
    /// What is wrong, without anything that the row holds.
    pub problem: String,
}

/// The journal by tenant and number, page by page, whatever state its rows are in.
pub struct JournalAudit<'a> {
    db: &'a Db,
    tenant: Option<TenantId>,
    /// The last key that could be read.
    after: Option<[Value; 2]>,
    /// Rows behind it that could not be read at all.
    skipped: i64,
    done: bool,
}

impl<'a> JournalAudit<'a> {
    /// Of one tenant, or of all.
    pub fn new(db: &'a Db, tenant: Option<&TenantId>) -> JournalAudit<'a> {
        JournalAudit { db, tenant: tenant.cloned(), after: None, skipped: 0, done: false }
    }

    /// The next page; empty at the end.
    pub async fn next(&mut self) -> Result<Vec<Result<JournalRow, Damaged>>, DbError> {
        if self.done {
            return Ok(Vec::new());
        }
        match self.rows(PAGE).await {
            Ok(rows) => {
                self.done = rows.len() < PAGE as usize;
                Ok(rows.iter().map(|row| self.read(row)).collect())
            }
            // Only a value that the driver cannot read at all fails a whole page; the rows are then asked for one by one.
            Err(DbError::Corrupt { .. }) => self.one().await,
            Err(error) => Err(error),
        }
    }

    /// The next row alone.
    async fn one(&mut self) -> Result<Vec<Result<JournalRow, Damaged>>, DbError> {
        match self.rows(1).await {
            Ok(rows) => {
                self.done = rows.is_empty();
                Ok(rows.iter().map(|row| self.read(row)).collect())
            }
            Err(DbError::Corrupt { .. }) if self.skipped < GIVE_UP => {
                let place = self.unreadable().await?;
                Ok(vec![Err(Damaged { place, problem: "the stored row cannot be read".to_owned() })])
            }
            Err(error) => Err(error),
        }
    }

    /// Names a row that cannot be read, and goes on behind it: by its key if that is sound, else by the row before it.
    async fn unreadable(&mut self) -> Result<String, DbError> {
        match self.query("tenant, number", 1).await {
            Ok(rows) => {
                let Some(row) = rows.first() else { return Ok("journal".to_owned()) };
                let (tenant, number) = (row.text(0)?, row.int(1)?);
                (self.after, self.skipped) = (Some([tenant.into(), number.into()]), 0);
                Ok(format!("journal of {tenant}, number {number}"))
            }
            Err(DbError::Corrupt { .. }) => {
                self.skipped += 1;
                Ok(match &self.after {
                    Some([Value::Text(tenant), Value::Int(number)]) => {
                        format!("journal, {} rows behind number {number} of {tenant}", self.skipped)
                    }
                    _ => format!("journal, row {}", self.skipped),
                })
            }
            Err(error) => Err(error),
        }
    }

    fn read(&mut self, row: &Row) -> Result<JournalRow, Damaged> {
        let key = row.text(0).and_then(|tenant| Ok((tenant.to_owned(), row.int(1)?)));
        if let Ok((tenant, number)) = &key {
            (self.after, self.skipped) = (Some([tenant.as_str().into(), (*number).into()]), 0);
        }
        journal_row(row).map_err(|error| Damaged {
            place: key.map_or("journal".to_owned(), |(tenant, number)| format!("journal of {tenant}, number {number}")),
            problem: error.to_string(),
        })
    }

    async fn rows(&self, limit: u32) -> Result<Vec<Row>, DbError> {
        let columns: Vec<&str> = JOURNAL.columns.iter().map(|column| column.name).collect();
        self.query(&columns.join(", "), limit).await
    }

    /// Rows behind the last that could be read.
    async fn query(&self, columns: &str, limit: u32) -> Result<Vec<Row>, DbError> {
        let mut args: Vec<Value> = vec![limit.into(), self.skipped.into()];
        let mut filters = Vec::new();
        if let Some([tenant, number]) = &self.after {
            args.extend([tenant.clone(), number.clone()]);
            filters.push("(tenant, number) > ($3, $4)".to_owned());
        }
        if let Some(tenant) = &self.tenant {
            args.push(tenant.as_str().into());
            filters.push(format!("tenant = ${}", args.len()));
        }
        let filter = if filters.is_empty() { String::new() } else { format!("WHERE {}", filters.join(" AND ")) };
        let sql = format!("SELECT {columns} FROM journal {filter} ORDER BY tenant, number LIMIT $1 OFFSET $2");
        self.db.query(&sql, args).await
    }
}

/// How many rows an audit looks at: of the journal, and of the parts that it recomputes.
pub async fn rows_to_audit(db: &Db, tenant: Option<&TenantId>) -> Result<u64, DbError> {
    let of = |table: &str| match tenant {
        Some(_) => format!("(SELECT COUNT(*) FROM {table} WHERE tenant = $1)"),
        None => format!("(SELECT COUNT(*) FROM {table})"),
    };
    let args = tenant.map(|tenant| tenant.as_str().into()).into_iter().collect();
    let rows = db.query(&format!("SELECT {} + {}", of("journal"), of("part")), args).await?;
    rows.first().map_or(Ok(0), |row| super::unsigned("COUNT(*)", row.int(0)?))
}
