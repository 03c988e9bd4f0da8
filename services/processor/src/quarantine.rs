//! The list of what was not understood and has not been redriven. Whichever of the two the log tells first: what was
//! redriven is not listed, however often the same input came before or comes after.

use std::collections::{BTreeMap, BTreeSet};

use events::{Event, Payload, Reason};
use store::books::{self, QuarantineKey, QuarantineRow};
use store::db::{DbError, Tx};

use crate::work::Work;

/// Folds a batch: one look-up, two writes and a deletion.
pub(crate) async fn fold(tx: &mut Tx, work: &Work) -> Result<(), DbError> {
    let events = || work.events().map(|(_, event)| event);
    let left: BTreeSet<QuarantineKey> = events().filter_map(redriven).collect();
    books::save_redriven(tx, &left).await?;
    let mut rows = BTreeMap::new();
    for row in events().filter_map(quarantined) {
        // The first delivery of a body stands: its box is the one that was stored.
        rows.entry((row.tenant.clone(), row.event)).or_insert(row);
    }
    let redriven = books::redriven(tx, &rows.keys().cloned().collect()).await?;
    rows.retain(|key, _| !redriven.contains(key));
    books::save_quarantined(tx, &rows.into_values().collect::<Vec<_>>()).await
}

fn redriven(event: &Event) -> Option<QuarantineKey> {
    match &event.payload {
        Payload::Redriven { event: input, .. } => Some((event.tenant.clone(), *input)),
        _ => None,
    }
}

fn quarantined(event: &Event) -> Option<QuarantineRow> {
    let Payload::Quarantined(input) = &event.payload else { return None };
    let (path, problem) = match &input.reason {
        Reason::Field { path, problem } => (path.as_str(), problem.as_str()),
        Reason::UnreadableJson | Reason::UnknownTopic => ("", ""),
    };
    Some(QuarantineRow {
        tenant: event.tenant.clone(),
        event: event.id,
        origin: input.origin.as_str().to_owned(),
        topic: input.topic.clone(),
        reason: input.reason.name().to_owned(),
        path: path.to_owned(),
        problem: problem.to_owned(),
        received_at: input.received_at,
        subject: input.content.subject,
        sealed: input.content.sealed.clone(),
    })
}
