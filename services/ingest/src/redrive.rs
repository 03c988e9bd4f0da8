//! Redrive: what was not understood, read again after a fix. What came of it is on the log, so that a list of the quarantine
//! folded from the log, now or in a rebuild, no longer has it.

use connectors::NotUnderstood;
use events::Source;
use store::books::QuarantineRow;
use store::db::DbError;
use store::keys::{
    AccessBy, Actor, BoxRef, EraseSubjectError, ErasureReason, Field, KeyStoreError, OpenBoxError, Purpose, Shown,
};
use subject_keys::Opened;
use uuid::Uuid;

use crate::seal::{QUARANTINE, Unsealed, input_hint};
use crate::{AcceptError, Accepted, Ingest, reading};

/// What became of a quarantined body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redriven {
    /// It was read. The log has its facts, and that it has left the quarantine.
    Accepted(Accepted),
    /// It is still not understood, and stays in quarantine.
    StillNotUnderstood(NotUnderstood),
    /// Its key was destroyed, so nobody can read it any more. The log has that it has left the quarantine.
    Erased,
}

/// Why a quarantined body was not read again, or not all that came of it reached the log. It stays in quarantine: redrive it
/// again, since what did reach the log is the same event then.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// The tenant or the sender of the row is not one we know.
    #[error("the quarantined input's tenant or origin is unknown here")]
    UnknownOrigin,
    /// The subject that it is sealed for is restricted: one of its own, known by the input's id, or that of its month where an earlier version
    /// took it in. `daybook privacy lift` ends that.
    #[error("the input is restricted, and is not opened until that is lifted")]
    Restricted,
    /// The database of tenants did not answer.
    #[error(transparent)]
    Tenants(#[from] DbError),
    /// The box did not open.
    #[error(transparent)]
    Box(#[from] OpenBoxError),
    /// The key store did not answer when the input's own key was to be given up.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// That the input's own key is to be destroyed was not recorded.
    #[error(transparent)]
    GiveUp(#[from] EraseSubjectError),
    /// The facts, or the notice behind them, did not reach the log.
    #[error(transparent)]
    Accept(#[from] AcceptError),
}

impl Ingest {
    /// Opens a quarantined body, reads it through the connector of its origin and topic, and appends its facts. What has no
    /// date of its own is dated by when the body arrived. Then the log is told that the input has left the quarantine: only
    /// once it has the facts, for they lie in other topics, and a notice without its facts would lose the input. The input's own
    /// key is destroyed by whoever next finishes erasures (`privacy::resume`).
    pub async fn redrive(&self, row: &QuarantineRow) -> Result<Redriven, RedriveError> {
        let origin: Source = row.origin.parse().map_err(|_| RedriveError::UnknownOrigin)?;
        let tenant = self.shared.tenants.find(&row.tenant).await?.ok_or(RedriveError::UnknownOrigin)?;
        let redriven = match self.opened(row).await? {
            Opened::Erased => Redriven::Erased,
            Opened::Restricted => return Err(RedriveError::Restricted),
            Opened::Clear(body) => match reading::read(&tenant.row, &origin, &row.topic, row.received_at, &body) {
                Ok(drafts) => {
                    let accepted = self.accept_drafts(&row.tenant, &origin, drafts).await?;
                    self.is_over(row).await?;
                    Redriven::Accepted(accepted)
                }
                Err(problem) => return Ok(Redriven::StillNotUnderstood(problem)),
            },
        };
        let notice = Unsealed::redriven(&row.tenant, row.event, (self.shared.config.clock)());
        let place = self.shared.limits.wait().await;
        self.commit(vec![notice], place).await?;
        Ok(redriven)
    }

    /// What was read is sealed under the keys of those whom it names, and the body is needed no more. That its key is to go is
    /// recorded before the list loses it, because the erasure of somebody whom it names looks for what is listed. Only its own
    /// key: earlier versions sealed the inputs of a month together.
    async fn is_over(&self, row: &QuarantineRow) -> Result<(), RedriveError> {
        let own = self.shared.keys.find_subject(&row.tenant, &[input_hint(row.event)]).await?;
        if own.is_some_and(|(subject, _)| subject == row.subject) {
            let now = (self.shared.config.clock)();
            self.shared.keys.request_erasure(&row.tenant, row.subject, ErasureReason::Retention, now).await?;
        }
        Ok(())
    }

    async fn opened(&self, row: &QuarantineRow) -> Result<Opened, OpenBoxError> {
        if row.sealed.is_empty() {
            return Ok(Opened::Erased);
        }
        let sealed = BoxRef {
            tenant: &row.tenant,
            subject: row.subject,
            event: row.event,
            label: QUARANTINE,
            sealed: &row.sealed,
        };
        let by = AccessBy {
            actor: Actor::Daybook,
            purpose: Purpose::redrive(),
            request: Uuid::new_v4(),
            at: (self.shared.config.clock)(),
            shown: Shown::Processed,
            fields: &[Field::Body],
        };
        self.shared.keys.open_box(sealed, &by).await
    }
}
