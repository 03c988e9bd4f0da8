//! The log: append records, and read them back in order. The only crate that names rdkafka.
//!
//! Two back ends keep one promise (the same suite runs on both): Kafka in production, one SQLite file embedded.
//!
//! - A record's partition follows from its tenant alone, by the hash that Kafka's Java client uses, so producers in other
//!   languages agree. Offsets count up from 0 in each partition of each topic.
//! - `append` returns once every record is durable. On an error the caller repeats the whole batch: event ids are
//!   deterministic, so a record that reached the log twice is the same event.
//! - A reader starts at offsets the caller keeps, next to the effects they stand for. The log stores no reader's progress.
//! - Errors, and what this crate logs, name topics, partitions and offsets. They never hold a key, a header or a body.

mod copy;
mod error;
mod kafka;
mod member;
mod murmur2;
mod position;
mod sqlite;

use std::path::Path;
use std::time::Duration;

use commerce::TenantId;
use events::{Record, Topic};

pub use copy::{Copied, CopyLogError, LogCopy, PutBackError};
pub use error::{AppendError, Cause, OpenLogError, ReadError};
pub use kafka::{KafkaConfig, KafkaLog};
pub use member::{Deal, Deals, Membership};
pub use position::{Batch, Damage, Damaged, Position, ReadFrom, Stored};
pub use sqlite::SqliteLog;

/// The largest record the log takes, in bytes: key, header names and values, and body together.
pub const MAX_RECORD_BYTES: usize = 8 * 1024 * 1024;

/// The largest number of partitions of a topic. On SQLite, those of all topics fit one statement's parameters.
const MAX_PARTITIONS: u32 = 1024;

/// A batch that was read stops growing here, in bytes, so that a run of big records cannot fill the memory; a reader may be
/// told to stop earlier.
const MAX_BATCH_BYTES: usize = 16 * 1024 * 1024;

/// How long an append waits for room in a full queue before it answers [`AppendError::Full`].
const PATIENCE_WHEN_FULL: Duration = Duration::from_secs(10);

/// How long a readiness check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// An open log. Clones are cheap and share one producer, or one writing connection.
#[derive(Clone)]
pub enum EventLog {
    /// Topics on a Kafka cluster.
    Kafka(KafkaLog),
    /// One SQLite file, shared by the processes of one machine.
    Sqlite(SqliteLog),
}

impl EventLog {
    /// Opens the file, creating it with that many partitions a topic if it is new. An existing file keeps the number it
    /// was created with: [`EventLog::partitions`] tells.
    pub async fn open_sqlite(path: &Path, partitions: u32) -> Result<EventLog, OpenLogError> {
        SqliteLog::open(path, partitions).await.map(EventLog::Sqlite)
    }

    /// Connects and creates the topics that are missing. When some exist, the missing ones get their number of
    /// partitions; when the existing ones differ from each other, the log is refused.
    pub async fn open_kafka(config: &KafkaConfig) -> Result<EventLog, OpenLogError> {
        KafkaLog::open(config).await.map(EventLog::Kafka)
    }

    /// Partitions of each topic: the same number for all, fixed when the log was created.
    pub fn partitions(&self) -> u32 {
        match self {
            EventLog::Kafka(log) => log.partitions(),
            EventLog::Sqlite(log) => log.partitions(),
        }
    }

    /// The partition that holds everything of this tenant, in every topic.
    pub fn partition_of(&self, tenant: &TenantId) -> u32 {
        partition_of(tenant, self.partitions())
    }

    /// Appends the records in the order given and returns their positions in that order, once all are durable.
    ///
    /// On SQLite a batch is one transaction: all of it, or none. Kafka acknowledges each record by itself, so after an
    /// error some of the batch may be on the log; the caller appends the same records again. The same holds for a
    /// call that was cancelled: nothing, some or all of its batch is on the log.
    pub async fn append(&self, records: Vec<Record>) -> Result<Vec<Position>, AppendError> {
        refuse_too_large(&records)?;
        // Broken on purpose: an answer before anything is durable.
        fail::fail_point!("event-log::early-answer", |_| {
            let (log, records) = (self.clone(), records.clone());
            tokio::spawn(async move { log.append_durably(records).await });
            Ok(Vec::new())
        });
        self.append_durably(records).await
    }

    async fn append_durably(&self, records: Vec<Record>) -> Result<Vec<Position>, AppendError> {
        match self {
            _ if records.is_empty() => Ok(Vec::new()),
            EventLog::Kafka(log) => log.append(records).await,
            EventLog::Sqlite(log) => log.append(records).await,
        }
    }

    /// For each partition of the topic, the offset that its next record will get.
    pub async fn end_offsets(&self, topic: Topic) -> Result<Vec<u64>, ReadError> {
        match self {
            EventLog::Kafka(log) => log.end_offsets(topic).await,
            EventLog::Sqlite(log) => log.end_offsets(topic).await,
        }
    }

    /// For each partition of the topic, the first offset that can still be read.
    pub async fn start_offsets(&self, topic: Topic) -> Result<Vec<u64>, ReadError> {
        match self {
            EventLog::Kafka(log) => log.start_offsets(topic).await,
            EventLog::Sqlite(log) => log.start_offsets(topic).await,
        }
    }

    /// The topics there are, each with its number of partitions.
    pub async fn topics(&self) -> Result<Vec<(Topic, u32)>, ReadError> {
        match self {
            EventLog::Kafka(log) => log.topics().await,
            EventLog::Sqlite(log) => Ok(Topic::ALL.map(|topic| (topic, log.partitions())).to_vec()),
        }
    }

    /// A reader of those partitions, each from its own offset. An offset beyond the end is waited for.
    pub fn reader(&self, from: &[ReadFrom]) -> Result<Reader, ReadError> {
        position::check_asked(from, self.partitions())?;
        let kind = match self {
            EventLog::Kafka(log) => Kind::Kafka(log.reader(from)?),
            EventLog::Sqlite(log) => Kind::Sqlite(log.reader(from)),
        };
        Ok(Reader { kind, most_bytes: MAX_BATCH_BYTES })
    }

    /// Becomes a member of a group whose members share the partitions out. On Kafka that is a consumer group of that name (after
    /// the prefix of the topics and `daybook.`); a member that is not heard of for `session` is counted out. On SQLite, whoever
    /// asks holds all partitions. Who takes part and who reads is not the same: [`EventLog::reader`] asks for no membership.
    pub fn member(&self, group: &str, session: Duration) -> Result<Membership, ReadError> {
        match self {
            EventLog::Kafka(log) => log.member(group, session),
            EventLog::Sqlite(log) => Ok(Membership::alone(log.partitions())),
        }
    }

    /// Answers within 2 s whether the log can be reached; for readiness.
    pub async fn check(&self) -> Result<(), ReadError> {
        let checked = async {
            match self {
                EventLog::Kafka(log) => log.check(CHECK_TIMEOUT).await,
                EventLog::Sqlite(log) => log.check().await,
            }
        };
        tokio::time::timeout(CHECK_TIMEOUT, checked).await.unwrap_or_else(|late| Err(ReadError::unavailable(late)))
    }

    /// How many records lie between those offsets and the ends of their partitions: what a reader has yet to read.
    pub async fn lag(&self, next: &[ReadFrom]) -> Result<u64, ReadError> {
        position::check_asked(next, self.partitions())?;
        let ends = match self {
            _ if next.is_empty() => return Ok(0),
            EventLog::Kafka(log) => log.ends(next).await?,
            EventLog::Sqlite(log) => log.ends(next).await?,
        };
        Ok(next.iter().zip(ends).map(|(next, end)| end.saturating_sub(next.offset)).sum())
    }
}

/// The partition that a log of so many has for this tenant: murmur2, as Kafka's Java client has it.
pub fn partition_of(tenant: &TenantId, partitions: u32) -> u32 {
    murmur2::partition(tenant.as_str().as_bytes(), partitions)
}

/// Reads partitions in offset order, from where it was told to.
pub struct Reader {
    kind: Kind,
    most_bytes: usize,
}

/// What a batch may hold at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    records: usize,
    /// Of records' bytes, unless a single one has more.
    bytes: usize,
}

impl Most {
    /// Whether one more of that weight is too much for so many, of so many bytes.
    fn is_exceeded_by(self, weight: usize, records: usize, bytes: usize) -> bool {
        records >= self.records || (records > 0 && bytes.saturating_add(weight) > self.bytes)
    }
}

enum Kind {
    Kafka(kafka::KafkaReader),
    Sqlite(sqlite::SqliteReader),
}

impl Reader {
    /// The same reader, whose batches have so many bytes of records at most; one record that is larger comes alone.
    #[must_use]
    pub fn with_batches_of(mut self, bytes: usize) -> Reader {
        self.most_bytes = bytes;
        self
    }

    /// Up to `max` records. Waits at most `wait` for the first, then takes what is there without waiting for more (beyond
    /// some 10 ms); empty when none came. Within a partition records come in offset order, none twice, none skipped.
    ///
    /// The call may be cancelled: what it had read comes with the next call. After [`ReadError::Unavailable`] the same
    /// reader may be asked again. On Kafka, finding the start of a partition is not part of `wait`; the request timeout
    /// of [`KafkaConfig`] bounds it.
    pub async fn next_batch(&mut self, max: usize, wait: Duration) -> Result<Batch, ReadError> {
        if max == 0 {
            return Ok(Batch::default());
        }
        let most = Most { records: max, bytes: self.most_bytes };
        match &mut self.kind {
            Kind::Kafka(reader) => reader.next_batch(most, wait).await,
            Kind::Sqlite(reader) => reader.next_batch(most, wait).await,
        }
    }
}

/// Checked before anything is sent, so that a batch with such a record leaves nothing on the log.
fn refuse_too_large(records: &[Record]) -> Result<(), AppendError> {
    match records.iter().position(|record| weight(record) > MAX_RECORD_BYTES) {
        Some(index) => Err(AppendError::TooLarge { index }),
        None => Ok(()),
    }
}

/// Bytes of a record: key, headers and body.
fn weight(record: &Record) -> usize {
    let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    record.tenant.as_str().len() + headers + record.body.len()
}
