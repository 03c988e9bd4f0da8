//! The whole log as it is now, record by record, and the way back: into a log that is empty, at the same offsets.

use std::collections::BTreeMap;
use std::time::Duration;

use commerce::TenantId;
use events::{Record, Topic};

use crate::error::{AppendError, ReadError};
use crate::position::{Batch, Position, ReadFrom};
use crate::{EventLog, Reader, murmur2};

/// Records of one read.
const RECORDS: usize = 1_000;

/// How long one read waits for records that are there.
const WAIT: Duration = Duration::from_secs(5);

/// Reads in a row that may bring nothing.
const PATIENCE: u32 = 12;

/// What lies at one place of the log.
#[derive(Clone, PartialEq, Eq)]
pub struct Copied {
    /// Where.
    pub position: Position,
    /// The record; None where what lies there cannot be read as one.
    pub record: Option<Record>,
}

/// Why the log was not copied to its end.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CopyLogError {
    /// The log's answer, which says whether trying again helps.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Records are gone from the log, and a copy without them would not have the offsets of the rest.
    #[error("topic {topic}, partition {partition}: offset {offset} is not on the log any more")]
    Gap {
        /// The topic.
        topic: Topic,
        /// The partition.
        partition: u32,
        /// The first offset that is missing.
        offset: u64,
    },
    /// Records that were counted do not come. Try again.
    #[error("the log stopped giving records: try again")]
    Stalled,
}

/// Why records were not put back. What was put back before stays: empty the log and begin again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PutBackError {
    /// The log's answer.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log could not be looked at.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is, or was, something in it: nothing is ever put behind it.
    #[error("topic {topic}, partition {partition} of the log is not empty: restore into empty topics")]
    NotEmpty {
        /// The topic.
        topic: Topic,
        /// The partition.
        partition: u32,
    },
    /// The copy has partitions in another number, and with it each tenant has another one.
    #[error("the log has {found} partitions a topic, and the copy {expected}: restore into topics with {expected}")]
    Partitions {
        /// The log's.
        found: u32,
        /// The copy's.
        expected: u32,
    },
    /// The copy has a record where its tenant's records do not belong: it was not made of a log with these partitions.
    #[error("topic {topic}, partition {partition}, offset {offset}: the record does not belong there")]
    Misplaced {
        /// The topic.
        topic: Topic,
        /// The partition.
        partition: u32,
        /// The offset.
        offset: u64,
    },
    /// A record came to lie elsewhere: somebody else writes to this log, or the copy lacks records.
    #[error("topic {topic}, partition {partition}: a record of offset {expected} would lie at {found}")]
    Offset {
        /// The topic.
        topic: Topic,
        /// The partition.
        partition: u32,
        /// Where it was.
        expected: u64,
        /// Where it is, or would be.
        found: u64,
    },
}

/// Reads the log from its beginning to where it ended when this was made.
pub struct LogCopy {
    reader: Reader,
    ends: BTreeMap<(Topic, u32), u64>,
    next: BTreeMap<(Topic, u32), u64>,
}

impl LogCopy {
    /// All of the log as it is now.
    pub async fn begin(log: &EventLog) -> Result<LogCopy, CopyLogError> {
        let (mut ends, mut next) = (BTreeMap::new(), BTreeMap::new());
        for topic in Topic::ALL {
            let (starts, last) = (log.start_offsets(topic).await?, log.end_offsets(topic).await?);
            for (partition, (start, end)) in (0..).zip(starts.into_iter().zip(last)) {
                if start > 0 {
                    return Err(CopyLogError::Gap { topic, partition, offset: 0 });
                }
                ends.insert((topic, partition), end);
                next.insert((topic, partition), 0);
            }
        }
        let wanted = ends.iter().filter(|(_, end)| **end > 0);
        let from: Vec<ReadFrom> =
            wanted.map(|(&(topic, partition), _)| ReadFrom { topic, partition, offset: 0 }).collect();
        Ok(LogCopy { reader: log.reader(&from)?, ends, next })
    }

    /// How many records there are in all.
    pub fn records(&self) -> u64 {
        self.ends.values().sum()
    }

    /// The next of them, in offset order within a partition; empty at the end.
    pub async fn next(&mut self) -> Result<Vec<Copied>, CopyLogError> {
        let mut nothing = 0;
        while self.next.iter().any(|(place, next)| self.ends.get(place).is_some_and(|end| next < end)) {
            let read = in_order(self.reader.next_batch(RECORDS, WAIT).await?);
            nothing = if read.is_empty() { nothing + 1 } else { 0 };
            if nothing >= PATIENCE {
                return Err(CopyLogError::Stalled);
            }
            let some = self.take(read)?;
            if !some.is_empty() {
                return Ok(some);
            }
        }
        Ok(Vec::new())
    }

    /// Those that were there when this began; none may be missing among them.
    fn take(&mut self, read: Vec<Copied>) -> Result<Vec<Copied>, CopyLogError> {
        let mut some = Vec::with_capacity(read.len());
        for one in read {
            let Position { topic, partition, offset } = one.position;
            let next = self.next.entry((topic, partition)).or_default();
            if self.ends.get(&(topic, partition)).is_none_or(|end| offset >= *end) {
                continue;
            }
            if offset != *next {
                return Err(CopyLogError::Gap { topic, partition, offset: *next });
            }
            *next += 1;
            some.push(one);
        }
        Ok(some)
    }
}

/// The order in which the batch came; with damaged ones among them, that of the offsets.
fn in_order(batch: Batch) -> Vec<Copied> {
    let Batch { records, damaged } = batch;
    let mixed = !damaged.is_empty();
    let read = records.into_iter().map(|one| Copied { position: one.position, record: Some(one.record) });
    let mut all: Vec<Copied> =
        read.chain(damaged.into_iter().map(|one| Copied { position: one.position, record: None })).collect();
    if mixed {
        all.sort_by_key(|one| one.position);
    }
    all
}

impl EventLog {
    /// Refuses a log that has, or ever had, a record, or another number of partitions.
    pub async fn require_empty(&self, partitions: u32) -> Result<(), PutBackError> {
        if self.partitions() != partitions {
            return Err(PutBackError::Partitions { found: self.partitions(), expected: partitions });
        }
        for topic in Topic::ALL {
            let ends = self.end_offsets(topic).await?;
            if let Some((partition, _)) = (0..).zip(ends).find(|(_, end)| *end > 0) {
                return Err(PutBackError::NotEmpty { topic, partition });
            }
        }
        Ok(())
    }

    /// Puts the next records of a copy back, where nobody else appends; they must come in the order of [`LogCopy::next`]. What
    /// could not be read gives way to a record that cannot be read either, so that all others keep their offsets.
    pub async fn put_back(&self, copied: Vec<Copied>) -> Result<(), PutBackError> {
        let places: Vec<Position> = copied.iter().map(|one| one.position).collect();
        let mut records = Vec::with_capacity(copied.len());
        for Copied { position, record } in copied {
            let record = record.or_else(|| self.unreadable(position)).filter(|record| self.belongs(record, &position));
            let Position { topic, partition, offset } = position;
            records.push(record.ok_or(PutBackError::Misplaced { topic, partition, offset })?);
        }
        for (found, expected) in self.append(records).await?.into_iter().zip(places) {
            if found != expected {
                let Position { topic, partition, offset } = expected;
                return Err(PutBackError::Offset { topic, partition, expected: offset, found: found.offset });
            }
        }
        Ok(())
    }

    fn belongs(&self, record: &Record, place: &Position) -> bool {
        record.topic == place.topic && self.partition_of(&record.tenant) == place.partition
    }

    /// A record without a checksum, of nobody's: whoever reads it passes it by, and names its place.
    fn unreadable(&self, place: Position) -> Option<Record> {
        let belongs =
            |name: &TenantId| murmur2::partition(name.as_str().as_bytes(), self.partitions()) == place.partition;
        // One in as many names as there are partitions belongs there; no log has more than 1,024.
        let mut names = (0..100_000).filter_map(|number| TenantId::try_from(format!("unreadable-{number}")).ok());
        let tenant = names.find(belongs)?;
        Some(Record { topic: place.topic, tenant, headers: Vec::new(), body: Vec::new() })
    }
}
