//! Objection (GDPR Art. 21): somebody's data is not used for one purpose any more, until they take that back or it is answered.
//! Against marketing it always holds; a new consent to it, later, is the person's own word and ends it.

use commerce::{StaffId, SubjectId, TenantId};
use ledger::Timestamp;

use super::decided::{OBJECTED, note};
use super::processing::Processing;
use super::resolve::subject;
use super::restriction::{RestrictError, begin, ended, slug};
use super::{KeyStore, KeyStoreError, corrupt, lock};
use crate::db::{DbError, Row, Tx, Value};

/// An objection to a purpose, standing or over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// Who objects.
    pub subject: SubjectId,
    /// To what.
    pub processing: Processing,
    /// Who entered it: a slug.
    pub staff: StaffId,
    /// Since when.
    pub since: Timestamp,
    /// When it was taken back or answered, and by whom.
    pub ended: Option<(StaffId, Timestamp)>,
}

const OBJECTIONS: &str = "SELECT subject, processing, since, staff, ended_by, ended_at FROM objection";

impl KeyStore {
    /// From now on this subject's data is not opened for that purpose. False if they had objected before.
    pub async fn object(
        &self,
        tenant: &TenantId,
        subject: SubjectId,
        processing: Processing,
        (staff, at): (&StaffId, Timestamp),
    ) -> Result<bool, RestrictError> {
        if !processing.may_be_objected_to() {
            return Err(RestrictError::NoRight(processing));
        }
        let whose = (tenant.clone(), staff.clone());
        let unit = self.db.run_tx("object", move |tx| {
            let (tenant, staff) = whose.clone();
            Box::pin(async move {
                begin(tx, &tenant, subject).await?;
                Ok::<_, RestrictError>(object_in(tx, &tenant, subject, processing, (&staff, at)).await?)
            })
        });
        let objected = unit.await?;
        self.list_decided().await?;
        Ok(objected)
    }

    /// Ends an objection: they took it back, or it was answered. False if none stood.
    pub async fn end_objection(
        &self,
        tenant: &TenantId,
        subject: SubjectId,
        processing: Processing,
        (staff, at): (&StaffId, Timestamp),
    ) -> Result<bool, KeyStoreError> {
        let whose = (tenant.clone(), staff.clone());
        let unit = self.db.run_tx("end-objection", move |tx| {
            let (tenant, staff) = whose.clone();
            Box::pin(async move {
                let dialect = tx.dialect();
                lock::access(tx, dialect, [&tenant]).await?;
                end_objection_in(tx, &tenant, subject, processing, (&staff, at)).await
            })
        });
        let ended = unit.await.map_err(|error: DbError| error)?;
        self.list_decided().await?;
        Ok(ended)
    }

    /// Every objection of a subject, standing or over, the oldest first.
    pub async fn objections_of(&self, tenant: &TenantId, subject: SubjectId) -> Result<Vec<Objection>, KeyStoreError> {
        let sql = format!("{OBJECTIONS} WHERE tenant = $1 AND subject = $2 ORDER BY since, processing");
        let rows = self.db.query(&sql, vec![tenant.as_str().into(), subject.to_string().into()]).await?;
        Ok(rows.iter().map(objection).collect::<Result<_, DbError>>()?)
    }

    /// The tenant's objections that stand, the oldest first.
    pub async fn objections(&self, tenant: &TenantId) -> Result<Vec<Objection>, KeyStoreError> {
        let sql = format!("{OBJECTIONS} WHERE tenant = $1 AND ended_at IS NULL ORDER BY since, subject, processing");
        let rows = self.db.query(&sql, vec![tenant.as_str().into()]).await?;
        Ok(rows.iter().map(objection).collect::<Result<_, DbError>>()?)
    }
}

/// False if one stands. Who calls it holds the locks of [`begin`].
pub(super) async fn object_in(
    tx: &mut Tx,
    tenant: &TenantId,
    subject: SubjectId,
    processing: Processing,
    (staff, at): (&StaffId, Timestamp),
) -> Result<bool, DbError> {
    let whose =
        || -> Vec<Value> { vec![tenant.as_str().into(), subject.to_string().into(), processing.as_str().into()] };
    let stands = "SELECT 1 FROM objection WHERE tenant = $1 AND subject = $2 AND processing = $3 AND ended_at IS NULL";
    if !tx.query(stands, whose()).await?.is_empty() {
        return Ok(false);
    }
    // One that was ended in this very microsecond stands again.
    let sql = "INSERT INTO objection (tenant, subject, processing, since, staff) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (tenant, subject, processing, since) DO UPDATE SET ended_by = NULL, ended_at = NULL";
    let rest: [Value; 2] = [at.0.into(), staff.as_str().into()];
    tx.execute(sql, whose().into_iter().chain(rest).collect()).await?;
    let key = whose().into_iter().chain([at.0.into()]).collect();
    note(tx, &OBJECTED, &[key], at).await?;
    Ok(true)
}

/// False if none stood. Who calls it holds the lock of the tenant's openings.
pub(super) async fn end_objection_in(
    tx: &mut Tx,
    tenant: &TenantId,
    subject: SubjectId,
    processing: Processing,
    (staff, at): (&StaffId, Timestamp),
) -> Result<bool, DbError> {
    let sql = "UPDATE objection SET ended_by = $4, ended_at = $5 \
               WHERE tenant = $1 AND subject = $2 AND processing = $3 AND ended_at IS NULL RETURNING since";
    let whose: [Value; 3] = [tenant.as_str().into(), subject.to_string().into(), processing.as_str().into()];
    let rest = [staff.as_str().into(), at.0.into()];
    let ended = tx.query(sql, whose.iter().cloned().chain(rest).collect()).await?;
    let key = |row: &Row| Ok(whose.iter().cloned().chain([row.int(0)?.into()]).collect());
    let keys = ended.iter().map(key).collect::<Result<Vec<_>, DbError>>()?;
    if !keys.is_empty() {
        note(tx, &OBJECTED, &keys, at).await?;
    }
    Ok(!keys.is_empty())
}

fn objection(row: &Row) -> Result<Objection, DbError> {
    Ok(Objection {
        subject: subject(row.text(0)?)?,
        processing: row.text(1)?.parse().map_err(|_| corrupt("a purpose of processing is unknown"))?,
        since: Timestamp(row.int(2)?),
        staff: slug(row.text(3)?)?,
        ended: ended(row.opt_text(4)?, row.opt_int(5)?)?,
    })
}
