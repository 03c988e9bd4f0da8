//! Reading the access log: who looked at one person, and what was looked at lately.

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;
use uuid::Uuid;

use super::super::resolve::{subject, tenant};
use super::super::{KeyStore, KeyStoreError, corrupt};
use crate::db::{DbError, Row, Value};

/// An opening on record. Texts are slugs and words of this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Whose customer.
    pub tenant: TenantId,
    /// Its number in the tenant's log, from 1 without gaps.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Who: a slug of the merchant's staff, `operator`, `daybook` or `self`.
    pub actor: String,
    /// As what: `staff`, `operator`, `system` or `person`.
    pub role: String,
    /// Why.
    pub purpose: String,
    /// As part of which command or request.
    pub request: Uuid,
    /// Of whom.
    pub subject: SubjectId,
    /// Which boxes: `buyer`, `recipient`, `customer`, `quarantine`.
    pub labels: Vec<String>,
    /// Which details were read: the names of [`Field`](super::Field).
    pub fields: Vec<String>,
    /// `masked`, `clear` or `processed`; of a look at which nothing was shown, why: `refused` (not permitted), `restricted`, `objected`
    /// or `no-consent`.
    pub shown: String,
    /// How many boxes.
    pub boxes: i64,
}

const COLUMNS: &str = "tenant, number, opened_at, actor, role, purpose, request, subject, labels, fields, shown, boxes";

impl KeyStore {
    /// Every opening of this subject's boxes that is still on record, in the order in which they were made. Erased people
    /// have theirs too.
    pub async fn accesses_of(&self, tenant: &TenantId, subject: SubjectId) -> Result<Vec<Access>, KeyStoreError> {
        let sql = format!("SELECT {COLUMNS} FROM access WHERE tenant = $1 AND subject = $2 ORDER BY number");
        self.accesses(&sql, vec![tenant.as_str().into(), subject.to_string().into()]).await
    }

    /// The tenant's latest openings, at most so many, the latest first.
    pub async fn latest_accesses(&self, tenant: &TenantId, most: u32) -> Result<Vec<Access>, KeyStoreError> {
        let sql = format!("SELECT {COLUMNS} FROM access WHERE tenant = $1 ORDER BY number DESC LIMIT {most}");
        self.accesses(&sql, vec![tenant.as_str().into()]).await
    }

    async fn accesses(&self, sql: &str, args: Vec<Value>) -> Result<Vec<Access>, KeyStoreError> {
        let rows = self.db.query(sql, args).await?;
        Ok(rows.iter().map(access).collect::<Result<_, _>>()?)
    }
}

fn access(row: &Row) -> Result<Access, DbError> {
    let list = |text: &str| text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    Ok(Access {
        tenant: tenant(row.text(0)?)?,
        number: row.int(1)?,
        at: Timestamp(row.int(2)?),
        actor: row.text(3)?.to_owned(),
        role: row.text(4)?.to_owned(),
        purpose: row.text(5)?.to_owned(),
        request: Uuid::parse_str(row.text(6)?).map_err(|_| corrupt("a request's id is not a UUID"))?,
        subject: subject(row.text(7)?)?,
        labels: list(row.text(8)?),
        fields: list(row.text(9)?),
        shown: row.text(10)?.to_owned(),
        boxes: row.int(11)?,
    })
}
