//! What waits in quarantine, piece by piece: the list, and behind it what lies on the log and is not listed yet.

use std::time::Duration;

use commerce::TenantId;
use event_log::{ReadFrom, Reader};
use events::{Event, Payload, Topic};
use store::books::{self, Projection, QuarantineRow};
use uuid::Uuid;

use super::{InputsError, Stores};

/// Inputs that are in memory, and opened, at once. One may be as large as a body.
const PIECE: u32 = 64;

/// How long the log may take to give what it has.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// What waits: the list, and then what lies on the log behind it.
pub(super) struct Waiting<'a> {
    stores: Stores<'a>,
    tenant: &'a TenantId,
    /// The last that was listed, unless the list has been gone through.
    listed: Option<Option<Uuid>>,
    tail: Option<Tail>,
}

/// What the list does not know yet.
struct Tail {
    reader: Reader,
    next: u64,
    end: u64,
}

/// An input, and whether it is on the list, which loses it then.
pub(super) struct Input {
    pub(super) row: QuarantineRow,
    pub(super) listed: bool,
}

impl<'a> Waiting<'a> {
    /// How far the list goes is read before the list is, so that nothing lies between the two.
    pub(super) async fn of(stores: Stores<'a>, tenant: &'a TenantId) -> Result<Waiting<'a>, InputsError> {
        let (topic, partition) = (Topic::Quarantine, stores.log.partition_of(tenant));
        let checkpoints = books::checkpoints(stores.db, Projection::Quarantine.name()).await?;
        let folded = checkpoints.get(&partition).map_or(0, |checkpoint| checkpoint.next(topic));
        let place = usize::try_from(partition).unwrap_or(usize::MAX);
        let end = stores.log.end_offsets(topic).await?.get(place).copied().unwrap_or(0);
        let tail = if folded < end {
            let start = stores.log.start_offsets(topic).await?.get(place).copied().unwrap_or(0);
            let next = folded.max(start);
            Some(Tail { reader: stores.log.reader(&[ReadFrom { topic, partition, offset: next }])?, next, end })
        } else {
            None
        };
        Ok(Waiting { stores, tenant, listed: Some(None), tail })
    }

    /// The next ones; none when that is all.
    pub(super) async fn next(&mut self) -> Result<Vec<Input>, InputsError> {
        if let Some(after) = self.listed {
            let rows = books::quarantined_after(self.stores.db, self.tenant, after, PIECE).await?;
            self.listed = rows.last().map(|row| Some(row.event));
            if !rows.is_empty() {
                return Ok(rows.into_iter().map(|row| Input { row, listed: true }).collect());
            }
        }
        while let Some(tail) = self.tail.take_if(|tail| tail.next < tail.end) {
            let (tail, rows) = tail.read(self.tenant).await?;
            self.tail = Some(tail);
            if !rows.is_empty() {
                return Ok(rows.into_iter().map(|row| Input { row, listed: false }).collect());
            }
        }
        Ok(Vec::new())
    }
}

impl Tail {
    /// Goes on by a piece; gives the tenant's inputs in it.
    async fn read(mut self, tenant: &TenantId) -> Result<(Tail, Vec<QuarantineRow>), InputsError> {
        let batch = self.reader.next_batch(PIECE as usize, READ_WITHIN).await?;
        let records = batch.records.iter().map(|stored| stored.position.offset);
        let last = records.chain(batch.damaged.iter().map(|one| one.position.offset)).max();
        let last = last.ok_or(InputsError::Missing { left: self.end.saturating_sub(self.next) })?;
        self.next = last.saturating_add(1);
        // What does not read as an event no key store can open either.
        let events = batch.records.iter().filter_map(|stored| Event::decode(&stored.record).ok());
        Ok((self, events.filter(|event| event.tenant == *tenant).filter_map(input).collect()))
    }
}

/// The input that an event keeps, as the list would have it as far as it is opened.
fn input(event: Event) -> Option<QuarantineRow> {
    let Payload::Quarantined(kept) = event.payload else { return None };
    Some(QuarantineRow {
        tenant: event.tenant,
        event: event.id,
        origin: kept.origin.as_str().to_owned(),
        topic: kept.topic,
        reason: String::new(),
        path: String::new(),
        problem: String::new(),
        received_at: kept.received_at,
        subject: kept.content.subject,
        sealed: kept.content.sealed,
    })
}
