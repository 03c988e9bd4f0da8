//! Redrive: what was not understood, read again after a fix.

use connectors::NotUnderstood;
use events::Source;
use store::books::QuarantineRow;
use store::db::DbError;
use store::keys::{BoxRef, OpenBoxError};
use subject_keys::Opened;

use crate::seal::QUARANTINE;
use crate::{AcceptError, Accepted, Ingest, reading};

/// What became of a quarantined body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redriven {
    /// It was read, and the log has its facts: remove the row.
    Accepted(Accepted),
    /// It is still not understood: keep the row.
    StillNotUnderstood(NotUnderstood),
    /// Its key was destroyed, so nobody can read it any more: remove the row.
    Erased,
}

/// Why a quarantined body was not read again. Keep the row.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// The tenant or the sender of the row is not one we know.
    #[error("the quarantined input's tenant or origin is unknown here")]
    UnknownOrigin,
    /// The database of tenants did not answer.
    #[error(transparent)]
    Tenants(#[from] DbError),
    /// The box did not open.
    #[error(transparent)]
    Box(#[from] OpenBoxError),
    /// The facts did not reach the log.
    #[error(transparent)]
    Accept(#[from] AcceptError),
}

impl Ingest {
    /// Opens a quarantined body, reads it through the connector of its origin and topic, and appends its facts. What has no
    /// date of its own is dated by when the body arrived.
    pub async fn redrive(&self, row: &QuarantineRow) -> Result<Redriven, RedriveError> {
        let origin: Source = row.origin.parse().map_err(|_| RedriveError::UnknownOrigin)?;
        let tenant = self.shared.tenants.find(&row.tenant).await?.ok_or(RedriveError::UnknownOrigin)?;
        if row.sealed.is_empty() {
            return Ok(Redriven::Erased);
        }
        let sealed = BoxRef {
            tenant: &row.tenant,
            subject: row.subject,
            event: row.event,
            label: QUARANTINE,
            sealed: &row.sealed,
        };
        let Opened::Clear(body) = self.shared.keys.open_box(sealed).await? else { return Ok(Redriven::Erased) };
        match reading::read(&tenant, &origin, &row.topic, row.received_at, &body) {
            Ok(drafts) => Ok(Redriven::Accepted(self.accept_drafts(&row.tenant, &origin, drafts).await?)),
            Err(problem) => Ok(Redriven::StillNotUnderstood(problem)),
        }
    }
}
