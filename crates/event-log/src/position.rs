//! Where a record lies, and what a reader brings back.

use std::collections::BTreeSet;

use events::{Record, Topic};

use crate::error::ReadError;
use crate::murmur2;

/// Where a record lies. Offsets of one partition of one topic count up from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The topic.
    pub topic: Topic,
    /// The partition, from 0.
    pub partition: u32,
    /// The offset, from 0.
    pub offset: u64,
}

/// Where to start reading one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadFrom {
    /// The topic.
    pub topic: Topic,
    /// The partition, from 0.
    pub partition: u32,
    /// The first offset wanted: one more than the last one that was handled, or 0.
    pub offset: u64,
}

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Where it lies.
    pub position: Position,
    /// The record. Whether its checksum holds is for the reader to ask: [`Record::is_intact`].
    pub record: Record,
}

/// A record that lies on the log but cannot be read as one. It takes up its offset and blocks nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damaged {
    /// Where it lies.
    pub position: Position,
    /// What is wrong with it.
    pub reason: Damage,
}

/// What makes a record unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Damage {
    /// The key is missing or is no tenant id.
    #[error("the key is not a tenant id")]
    Key,
    /// A header's value is missing or not UTF-8.
    #[error("the headers are not text")]
    Headers,
    /// There is no body.
    #[error("the body is missing")]
    Body,
    /// The tenant's records belong in another partition: a producer with another partitioner wrote it, and handling it
    /// here would let two consumers work on one tenant.
    #[error("the tenant belongs in another partition")]
    Partition,
}

/// What one read brought. Both lists are in offset order within a partition; a partition's next offset is one more than
/// the highest of both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The records.
    pub records: Vec<Stored>,
    /// What lay among them and could not be read.
    pub damaged: Vec<Damaged>,
}

impl Batch {
    /// True when nothing was read, neither records nor damaged ones.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.damaged.is_empty()
    }
}

/// One record that was read, or what is wrong with it; in the order of the log.
pub(crate) enum Item {
    Stored(Stored),
    Damaged(Damaged),
}

impl Item {
    /// Puts a record and its place together, unless the place is not the tenant's.
    pub(crate) fn new(position: Position, record: Result<Record, Damage>, partitions: u32) -> Item {
        let belongs =
            |record: &Record| murmur2::partition(record.tenant.as_str().as_bytes(), partitions) == position.partition;
        match record {
            Ok(record) if belongs(&record) => Item::Stored(Stored { position, record }),
            Ok(_) => Item::Damaged(Damaged { position, reason: Damage::Partition }),
            Err(reason) => Item::Damaged(Damaged { position, reason }),
        }
    }

    /// Bytes it holds in memory, about.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Item::Stored(stored) => crate::weight(&stored.record),
            Item::Damaged(_) => 0,
        }
    }
}

impl FromIterator<Item> for Batch {
    fn from_iter<I: IntoIterator<Item = Item>>(items: I) -> Batch {
        let mut batch = Batch::default();
        for item in items {
            match item {
                Item::Stored(stored) => batch.records.push(stored),
                Item::Damaged(damaged) => batch.damaged.push(damaged),
            }
        }
        batch
    }
}

/// Refuses partitions that are not there and partitions asked for twice.
pub(crate) fn check_asked(from: &[ReadFrom], partitions: u32) -> Result<(), ReadError> {
    let mut seen = BTreeSet::new();
    for &ReadFrom { topic, partition, .. } in from {
        if partition >= partitions {
            return Err(ReadError::NoSuchPartition { topic, partition });
        }
        if !seen.insert((topic, partition)) {
            return Err(ReadError::AskedTwice { topic, partition });
        }
    }
    Ok(())
}
