//! A batch, decoded and sorted by partition: what one transaction applies.

use std::collections::BTreeMap;

use event_log::{Batch, Position};
use events::{Event, Topic};
use store::books::{Checkpoint, Poison};

/// One partition's share of a batch.
#[derive(Debug, Default)]
pub(crate) struct Share {
    /// Its events in the order they were read.
    pub(crate) events: Vec<Event>,
    /// Records that could not be read.
    pub(crate) poison: Vec<Poison>,
    /// The next offset of each topic it holds records of.
    pub(crate) next: BTreeMap<Topic, u64>,
}

/// A batch by partition.
pub(crate) type Work = BTreeMap<u32, Share>;

/// Decodes a batch. What cannot be decoded is noted and passed by: it never blocks a partition.
pub(crate) fn decode(batch: Batch) -> Work {
    let mut work = Work::new();
    for damaged in batch.damaged {
        let share = share(&mut work, damaged.position);
        share.poison.push(poison(damaged.position, damaged.reason.to_string()));
    }
    for stored in batch.records {
        let share = share(&mut work, stored.position);
        match Event::decode(&stored.record) {
            Ok(event) => share.events.push(event),
            Err(error) => share.poison.push(poison(stored.position, error.to_string())),
        }
    }
    work
}

fn share(work: &mut Work, position: Position) -> &mut Share {
    let share = work.entry(position.partition).or_default();
    let next = share.next.entry(position.topic).or_default();
    *next = (*next).max(position.offset.saturating_add(1));
    share
}

fn poison(position: Position, reason: String) -> Poison {
    Poison { topic: position.topic, partition: position.partition, offset: position.offset, reason }
}

impl Share {
    /// The checkpoint after this share.
    pub(crate) fn advance(&self, from: &Checkpoint) -> Checkpoint {
        let mut to = from.clone();
        to.offsets.extend(self.next.iter().map(|(topic, next)| (*topic, *next)));
        to
    }

    /// Records in it, read or not.
    pub(crate) fn len(&self) -> usize {
        self.events.len() + self.poison.len()
    }
}
