//! Sealed details by what they are about, the tombstones the log tells of, and what shops asked for.

use std::collections::BTreeSet;
use std::fmt;

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;

use super::corrupt;
use super::parsed;
use super::tables::{ERASED_SUBJECT, PERSON, PRIVACY_REQUEST};
use crate::db::{Db, DbError, Keys, Row, Rows, Tx};

/// What details are about, and in which role: `order/123` and `buyer`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PersonKey {
    /// Whose.
    pub tenant: TenantId,
    /// What it is about: `order/…`, `order/…/refund/…` or `customer/…`.
    pub about: String,
    /// The label the box is bound to.
    pub role: String,
}

/// One person's sealed details.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// Where it stands.
    pub key: PersonKey,
    /// Who, as a random id.
    pub subject: SubjectId,
    /// The event the box is bound to.
    pub event: uuid::Uuid,
    /// The source's version; of equal versions the greater event id stands.
    pub version: Timestamp,
    /// The box; None once erased.
    pub sealed: Option<Vec<u8>>,
}

/// Shows the box's length, not its bytes: they are personal data.
impl fmt::Debug for PersonRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PersonRow { key, subject, event, version, sealed } = self;
        let length = sealed.as_ref().map(Vec::len);
        write!(f, "PersonRow({key:?}, {subject}, {event}, {version:?}, {length:?} bytes)")
    }
}

/// A subject that was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedRow {
    /// Whose.
    pub tenant: TenantId,
    /// Who.
    pub subject: SubjectId,
    /// When.
    pub erased_at: Timestamp,
}

/// A privacy request that a shop sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Whose.
    pub tenant: TenantId,
    /// The event's id.
    pub request: uuid::Uuid,
    /// `redact`, `data_request` or `shop_redact`.
    pub kind: &'static str,
    /// Whom it concerns, if anyone is known here.
    pub subject: Option<SubjectId>,
    /// When the shop sent it.
    pub requested_at: Timestamp,
}

/// The stored details at these places.
pub async fn people(tx: &mut Tx, keys: &BTreeSet<PersonKey>) -> Result<Vec<PersonRow>, DbError> {
    let mut wanted = Keys::new(&PERSON);
    for key in keys {
        wanted.push([key.tenant.as_str().into(), key.about.as_str().into(), key.role.as_str().into()]);
    }
    tx.select_by_keys(&wanted).await?.iter().map(person_row).collect()
}

/// Which of these subjects are erased.
pub async fn erased(
    tx: &mut Tx,
    subjects: &BTreeSet<(TenantId, SubjectId)>,
) -> Result<BTreeSet<(TenantId, SubjectId)>, DbError> {
    let mut wanted = Keys::new(&ERASED_SUBJECT);
    for (tenant, subject) in subjects {
        wanted.push([tenant.as_str().into(), subject.to_string().into()]);
    }
    let rows = tx.select_by_keys(&wanted).await?;
    rows.iter().map(|row| Ok((parsed("erased_subject.tenant", row.text(0)?)?, subject(row.text(1)?)?))).collect()
}

/// Everybody who was erased, as far as the log has been folded.
pub async fn all_erased(db: &Db) -> Result<Vec<ErasedRow>, DbError> {
    let sql = "SELECT tenant, subject, erased_at FROM erased_subject ORDER BY tenant, subject";
    let read = |row: &Row| {
        let tenant = parsed("erased_subject.tenant", row.text(0)?)?;
        Ok(ErasedRow { tenant, subject: subject(row.text(1)?)?, erased_at: Timestamp(row.int(2)?) })
    };
    db.query(sql, vec![]).await?.iter().map(read).collect()
}

/// Stores details.
pub async fn save_people(tx: &mut Tx, people: &[PersonRow]) -> Result<(), DbError> {
    let mut rows = Rows::new(&PERSON);
    for row in people {
        rows.push([
            row.key.tenant.as_str().into(),
            row.key.about.as_str().into(),
            row.key.role.as_str().into(),
            row.subject.to_string().into(),
            row.event.to_string().into(),
            row.version.0.into(),
            row.sealed.as_deref().into(),
        ]);
    }
    tx.upsert(&rows).await.map(|_| ())
}

/// Stores tombstones.
pub async fn save_erased(tx: &mut Tx, erased: &[ErasedRow]) -> Result<(), DbError> {
    let mut rows = Rows::new(&ERASED_SUBJECT);
    for row in erased {
        rows.push([row.tenant.as_str().into(), row.subject.to_string().into(), row.erased_at.0.into()]);
    }
    tx.upsert(&rows).await.map(|_| ())
}

/// Drops the boxes of erased subjects; the rows stay and say *erased*.
pub async fn erase_people(tx: &mut Tx, erased: &[ErasedRow]) -> Result<(), DbError> {
    let mut wanted = Keys::by(&PERSON, &["tenant", "subject"]);
    for row in erased {
        wanted.push([row.tenant.as_str().into(), row.subject.to_string().into()]);
    }
    let mut held: Vec<PersonRow> =
        tx.select_by_keys(&wanted).await?.iter().map(person_row).collect::<Result<_, _>>()?;
    for row in &mut held {
        row.sealed = None;
    }
    save_people(tx, &held).await
}

/// Stores what shops asked for.
pub async fn save_requests(tx: &mut Tx, requests: &[RequestRow]) -> Result<(), DbError> {
    let mut rows = Rows::new(&PRIVACY_REQUEST);
    for row in requests {
        rows.push([
            row.tenant.as_str().into(),
            row.request.to_string().into(),
            row.kind.into(),
            row.subject.map(|subject| subject.to_string()).into(),
            row.requested_at.0.into(),
        ]);
    }
    tx.upsert(&rows).await.map(|_| ())
}

/// Everything that shops asked for, the oldest first.
pub async fn shop_requests(db: &Db) -> Result<Vec<RequestRow>, DbError> {
    let sql = "SELECT tenant, request, kind, subject, requested_at FROM privacy_request \
               ORDER BY requested_at, tenant, request";
    db.query(sql, vec![]).await?.iter().map(request_row).collect()
}

fn request_row(row: &Row) -> Result<RequestRow, DbError> {
    let kinds = ["redact", "data_request", "shop_redact"];
    let kind = kinds.into_iter().find(|kind| Ok(*kind) == row.text(2));
    Ok(RequestRow {
        tenant: parsed("privacy_request.tenant", row.text(0)?)?,
        request: row.text(1)?.parse().map_err(|_| corrupt("privacy_request.request"))?,
        kind: kind.ok_or_else(|| corrupt("privacy_request.kind"))?,
        subject: row.opt_text(3)?.map(subject).transpose()?,
        requested_at: Timestamp(row.int(4)?),
    })
}

/// People whose shop asked for their erasure, and who are not erased yet.
pub async fn redactions_waiting(db: &Db) -> Result<Vec<(TenantId, SubjectId)>, DbError> {
    let sql = "SELECT DISTINCT tenant, subject FROM privacy_request WHERE kind = 'redact' AND subject IS NOT NULL \
               AND NOT EXISTS (SELECT 1 FROM erased_subject WHERE erased_subject.tenant = privacy_request.tenant \
               AND erased_subject.subject = privacy_request.subject) ORDER BY tenant, subject";
    let rows = db.query(sql, vec![]).await?;
    rows.iter().map(|row| Ok((parsed("privacy_request.tenant", row.text(0)?)?, subject(row.text(1)?)?))).collect()
}

/// Accounts whose shop has sent that everything of them is to go, and when it last did.
pub async fn shop_redactions(db: &Db) -> Result<Vec<(TenantId, Timestamp)>, DbError> {
    let sql = "SELECT tenant, MAX(requested_at) FROM privacy_request WHERE kind = 'shop_redact' GROUP BY tenant ORDER BY tenant";
    let rows = db.query(sql, vec![]).await?;
    rows.iter().map(|row| Ok((parsed("privacy_request.tenant", row.text(0)?)?, Timestamp(row.int(1)?)))).collect()
}

pub(super) fn person_row(row: &Row) -> Result<PersonRow, DbError> {
    let key = PersonKey {
        tenant: parsed("person.tenant", row.text(0)?)?,
        about: row.text(1)?.to_owned(),
        role: row.text(2)?.to_owned(),
    };
    let event = row.text(4)?.parse().map_err(|_| corrupt("person.event"))?;
    let sealed = row.opt_blob(6)?.map(<[u8]>::to_vec);
    Ok(PersonRow { key, subject: subject(row.text(3)?)?, event, version: Timestamp(row.int(5)?), sealed })
}

fn subject(text: &str) -> Result<SubjectId, DbError> {
    text.parse().map(SubjectId).map_err(|_| corrupt("a subject id"))
}
