//! The list of what was not understood.

use std::collections::BTreeMap;

use events::{Payload, Reason};
use store::books::{self, QuarantineRow};
use store::db::{DbError, Tx};

use crate::work::Work;

/// Folds a batch: one write.
pub(crate) async fn fold(tx: &mut Tx, work: &Work) -> Result<(), DbError> {
    let mut rows = BTreeMap::new();
    for event in work.events().map(|(_, event)| event) {
        let Payload::Quarantined(input) = &event.payload else { continue };
        let (reason, path, problem) = match &input.reason {
            Reason::UnreadableJson => ("unreadable_json", "", ""),
            Reason::UnknownTopic => ("unknown_topic", "", ""),
            Reason::Field { path, problem } => ("field", path.as_str(), problem.as_str()),
        };
        let row = QuarantineRow {
            tenant: event.tenant.clone(),
            event: event.id,
            origin: input.origin.as_str().to_owned(),
            topic: input.topic.clone(),
            reason: reason.to_owned(),
            path: path.to_owned(),
            problem: problem.to_owned(),
            received_at: input.received_at,
            subject: input.content.subject,
            sealed: input.content.sealed.clone(),
        };
        // The first delivery of a body stands: its box is the one that was stored.
        rows.entry((event.tenant.clone(), event.id)).or_insert(row);
    }
    books::save_quarantined(tx, &rows.into_values().collect::<Vec<_>>()).await
}
