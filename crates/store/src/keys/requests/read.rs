//! Reading requests: one, a tenant's, a person's, all that are open; the trail of one; and the wishes to be erased that wait for a hold.

use std::collections::BTreeSet;

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;
use uuid::Uuid;

use super::super::hold::{Hold, unheld};
use super::super::resolve::{subject, tenant};
use super::super::{KeyStore, KeyStoreError};
use super::rows::{SELECT, read_request, read_taken, request_id};
use super::{Request, Taken};
use crate::db::{DbError, Row, Value};

/// A wish to be erased that is on record and waits for a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingErasure {
    /// Since when it is on record.
    pub requested_at: Timestamp,
    /// The hold that ends last, and whom it keeps.
    pub hold: Hold,
}

impl KeyStore {
    /// One request.
    pub async fn request(&self, tenant: &TenantId, id: Uuid) -> Result<Option<Request>, KeyStoreError> {
        let sql = format!("{SELECT} WHERE tenant = $1 AND request = $2");
        let rows = self.db.query(&sql, vec![tenant.as_str().into(), id.to_string().into()]).await?;
        Ok(rows.first().map(read_request).transpose()?)
    }

    /// A tenant's requests, the first to be due first; all of them, or those that are open.
    pub async fn requests(&self, tenant: &TenantId, all: bool) -> Result<Vec<Request>, KeyStoreError> {
        let closed = if all { "" } else { "AND closed_at IS NULL" };
        let sql = format!("{SELECT} WHERE tenant = $1 {closed} ORDER BY due_at, received_at, request");
        self.read_requests(&sql, vec![tenant.as_str().into()]).await
    }

    /// Everything that this person ever asked for, in the order in which it came.
    pub async fn requests_of(&self, tenant: &TenantId, subject: SubjectId) -> Result<Vec<Request>, KeyStoreError> {
        let sql = format!("{SELECT} WHERE tenant = $1 AND subject = $2 ORDER BY received_at, request");
        self.read_requests(&sql, vec![tenant.as_str().into(), subject.to_string().into()]).await
    }

    /// Every tenant's open requests, the first to be due first.
    pub async fn open_requests(&self) -> Result<Vec<Request>, KeyStoreError> {
        let sql = format!("{SELECT} WHERE closed_at IS NULL ORDER BY due_at, tenant, request");
        self.read_requests(&sql, vec![]).await
    }

    /// Open requests of people who are erased, and of which the log says so.
    pub async fn requests_of_erased(&self) -> Result<Vec<Request>, KeyStoreError> {
        let sql = format!(
            "{SELECT} WHERE closed_at IS NULL AND EXISTS (SELECT 1 FROM erasure e WHERE e.tenant = request.tenant \
             AND e.subject = request.subject AND e.stage = 'announced') ORDER BY due_at, tenant, request"
        );
        self.read_requests(&sql, vec![]).await
    }

    /// Which of these messages' requests are on record.
    pub async fn known_requests(&self) -> Result<BTreeSet<(TenantId, Uuid)>, KeyStoreError> {
        let rows = self.db.query("SELECT tenant, request FROM request WHERE channel = 'shop'", vec![]).await?;
        let read = |row: &Row| Ok((tenant(row.text(0)?)?, request_id(row.text(1)?)?));
        Ok(rows.iter().map(read).collect::<Result<_, DbError>>()?)
    }

    /// The trail of a request, from its first step on.
    pub async fn request_trail(&self, tenant: &TenantId, id: Uuid) -> Result<Vec<Taken>, KeyStoreError> {
        let sql = "SELECT number, taken_at, actor, role, step, detail FROM request_step \
                   WHERE tenant = $1 AND request = $2 ORDER BY number";
        let rows = self.db.query(sql, vec![tenant.as_str().into(), id.to_string().into()]).await?;
        Ok(rows.iter().map(read_taken).collect::<Result<_, _>>()?)
    }

    /// The tenant's wishes to be erased that are on record and wait for a hold, each with the hold that ends last.
    pub async fn waiting_erasures(
        &self,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<Vec<WaitingErasure>, KeyStoreError> {
        let sql = format!(
            "SELECT e.subject, e.requested_at FROM erasure e WHERE e.tenant = $2 AND e.stage = 'requested' \
             AND NOT ({}) ORDER BY e.requested_at, e.subject",
            unheld("e", 1)
        );
        let rows = self.db.query(&sql, vec![now.0.into(), tenant.as_str().into()]).await?;
        let holds = self.holds(tenant, now).await?;
        let mut waiting = Vec::with_capacity(rows.len());
        for row in &rows {
            let (subject, requested_at) = (subject(row.text(0)?)?, Timestamp(row.int(1)?));
            let last = holds.iter().filter(|hold| hold.subject == subject).max_by_key(|hold| hold.until);
            // None if it ended between the two questions.
            waiting.extend(last.map(|hold| WaitingErasure { requested_at, hold: hold.clone() }));
        }
        Ok(waiting)
    }

    async fn read_requests(&self, sql: &str, args: Vec<Value>) -> Result<Vec<Request>, KeyStoreError> {
        let rows = self.db.query(sql, args).await?;
        Ok(rows.iter().map(read_request).collect::<Result<_, _>>()?)
    }
}
