//! A batch, decoded and sorted by partition: what one transaction applies.

use std::collections::BTreeMap;

use event_log::{Batch, Position};
use events::{Event, Topic};
use ledger::Timestamp;
use store::books::{Checkpoint, Poison};

/// A record of a batch: its event, or why it has none.
#[derive(Debug, Clone)]
struct Item {
    position: Position,
    read: Result<Event, String>,
}

/// One partition's share of a batch, in the order it was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Share {
    items: Vec<Item>,
}

/// A batch by partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Work {
    shares: BTreeMap<u32, Share>,
}

/// Decodes a batch. What cannot be decoded is noted and passed by: it never blocks a partition.
pub(crate) fn decode(batch: Batch) -> Work {
    let mut work = Work::default();
    for damaged in batch.damaged {
        work.add(damaged.position, Err(damaged.reason.to_string()));
    }
    for stored in batch.records {
        let read = Event::decode(&stored.record).map_err(|error| error.to_string());
        work.add(stored.position, read);
    }
    // A share is cut in the middle when the database refuses it: what lies before the cut must be all that comes before.
    for share in work.shares.values_mut() {
        share.items.sort_by_key(|item| item.position);
    }
    work
}

impl Work {
    fn add(&mut self, position: Position, read: Result<Event, String>) {
        self.shares.entry(position.partition).or_default().items.push(Item { position, read });
    }

    /// Every partition's share.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (u32, &Share)> {
        self.shares.iter().map(|(partition, share)| (*partition, share))
    }

    /// Every event with its partition.
    pub(crate) fn events(&self) -> impl Iterator<Item = (u32, &Event)> {
        self.shares().flat_map(|(partition, share)| share.events().map(move |event| (partition, event)))
    }

    /// Every event with its place on the log. Events of one topic and partition come in the order of the log.
    pub(crate) fn placed(&self) -> impl Iterator<Item = (Position, &Event)> {
        let items = self.shares.values().flat_map(|share| &share.items);
        items.filter_map(|item| item.read.as_ref().ok().map(|event| (item.position, event)))
    }

    /// When the oldest of its events was recorded.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.events().map(|(_, event)| event.recorded_at).min()
    }

    /// Records in it, read or not.
    pub(crate) fn len(&self) -> usize {
        self.shares.values().map(|share| share.items.len()).sum()
    }

    /// True when nothing was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    /// Leaves out what lies at or behind the end of its topic and partition; what has no end there, altogether.
    pub(crate) fn up_to(&mut self, ends: &BTreeMap<(u32, Topic), u64>) {
        let is_before = |at: Position| ends.get(&(at.partition, at.topic)).is_some_and(|end| at.offset < *end);
        for share in self.shares.values_mut() {
            share.items.retain(|item| is_before(item.position));
        }
        self.shares.retain(|_, share| !share.items.is_empty());
    }

    /// Two batches that make up this one, each in order: partitions are dealt out, a single one is cut in the middle. None for
    /// a single record.
    pub(crate) fn halves(&self) -> Option<(Work, Work)> {
        if self.shares.len() > 1 {
            let middle = *self.shares.keys().nth(self.shares.len() / 2)?;
            let mut first = self.clone();
            let second = first.shares.split_off(&middle);
            return Some((first, Work { shares: second }));
        }
        let (partition, share) = self.shares.first_key_value().filter(|(_, share)| share.items.len() > 1)?;
        let (first, second) = share.items.split_at(share.items.len() / 2);
        let of = |items: &[Item]| Work { shares: BTreeMap::from([(*partition, Share { items: items.to_vec() })]) };
        Some((of(first), of(second)))
    }

    /// The same records, none of them read: what is left to do with one that the database refuses.
    pub(crate) fn refused(&self, reason: &str) -> Work {
        let mut refused = self.clone();
        for item in refused.shares.values_mut().flat_map(|share| &mut share.items) {
            item.read = Err(reason.to_owned());
        }
        refused
    }
}

impl Share {
    /// Its events.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.items.iter().filter_map(|item| item.read.as_ref().ok())
    }

    /// Records that could not be read.
    pub(crate) fn poison(&self) -> Vec<Poison> {
        let noted = |item: &Item| {
            let Position { topic, partition, offset } = item.position;
            item.read.as_ref().err().map(|reason| Poison { topic, partition, offset, reason: reason.clone() })
        };
        self.items.iter().filter_map(noted).collect()
    }

    /// The checkpoint after this share.
    pub(crate) fn advance(&self, from: &Checkpoint) -> Checkpoint {
        let mut to = from.clone();
        for item in &self.items {
            let next: &mut u64 = to.offsets.entry(item.position.topic).or_default();
            *next = (*next).max(item.position.offset.saturating_add(1));
        }
        to
    }

    /// The topics it holds records of.
    pub(crate) fn topics(&self) -> impl Iterator<Item = Topic> {
        self.items.iter().map(|item| item.position.topic)
    }
}
