//! Goods in a rebuild: first the movements that the cases imply, then what they cost, each card from its beginning. Only then
//! can cases be settled: what one of them posts may depend on goods of any other. Both passes may be run again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use commerce::{PartKey, TenantId};
use store::books::{self, Checkpoint, Fenced, Projection};

use super::{PAGE, Way, tenants_in};
use crate::books::stock::{Reading, settle_page};
use crate::{Context, ProcessError, books as bookkeeper};

/// Lines of cards valued in one transaction.
const LINES: u32 = 4_000;

/// Notes what moved in every case of a partition, a page of parts at a time, each page under the partition's lock.
pub(super) async fn note_all(
    context: &Context,
    partition: u32,
    from: &Checkpoint,
    way: &mut Way<'_>,
) -> Result<(), ProcessError> {
    let mut after = None;
    loop {
        let keys = books::all_keys(&context.db, after.take(), PAGE).await?;
        let Some(last) = keys.last().cloned() else { return Ok(()) };
        let mine: BTreeSet<(TenantId, PartKey)> =
            keys.into_iter().filter(|(tenant, _)| context.log.partition_of(tenant) == partition).collect();
        let (looked_at, began) = (mine.len() as u64, Instant::now());
        let shared = Arc::new((tenants_in(partition, &mine), mine, from.clone()));
        let noted = context.db.run_tx("note-rebuilt-goods", move |tx| {
            let shared = Arc::clone(&shared);
            Box::pin(async move {
                let (partitions, keys, from) = &*shared;
                books::lock(tx, Projection::Books.name(), partition, from).await?;
                bookkeeper::note_goods(tx, partitions, keys).await.map_err(Fenced::from)
            })
        });
        noted.await.map_err(ProcessError::from)?;
        way.done(looked_at, began).await?;
        after = Some(last);
    }
}

/// Values every card of a partition from its beginning, a page of lines at a time.
pub(super) async fn value_all(
    context: &Context,
    partition: u32,
    from: &Checkpoint,
    way: &mut Way<'_>,
) -> Result<(), ProcessError> {
    let mut reading = Some(Reading::default());
    while let Some(at) = reading.take() {
        let began = Instant::now();
        let shared = Arc::new((context.log.clone(), at, from.clone()));
        let valued = context.db.run_tx("value-rebuilt-goods", move |tx| {
            let shared = Arc::clone(&shared);
            Box::pin(async move {
                let (log, at, from) = &*shared;
                books::lock(tx, Projection::Books.name(), partition, from).await?;
                let mine = |tenant: &TenantId| log.partition_of(tenant) == partition;
                settle_page(tx, at, mine, LINES).await.map_err(Fenced::from)
            })
        });
        reading = valued.await.map_err(ProcessError::from)?;
        way.done(0, began).await?;
    }
    Ok(())
}
