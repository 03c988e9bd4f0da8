//! What can go wrong, one enum per operation, by what the caller can do about it.

use std::error::Error;
use std::sync::Arc;

use events::Topic;

/// What a back end said. Shared, because one failed commit answers several appends.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why a log could not be opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenLogError {
    /// The file or the brokers could not be reached in time. Try again.
    #[error("the event log cannot be reached")]
    Unavailable(#[source] Cause),
    /// A setting is wrong, or the broker will not have it. Correct the configuration.
    #[error("the event log refused its configuration")]
    Refused(#[source] Cause),
    /// A log needs at least one partition. Correct the configuration.
    #[error("an event log needs between 1 and {max} partitions")]
    Partitions {
        /// The largest number of partitions of a topic.
        max: u32,
    },
    /// The topics do not have the same number of partitions, so a tenant's records would lie in different ones.
    /// Somebody changed a topic: it must be put right by hand, for the map from tenant to partition has moved.
    #[error("topic {topic} has {partitions} partitions where another topic has {others}")]
    PartitionsDiffer {
        /// The topic that differs.
        topic: Topic,
        /// Its number of partitions.
        partitions: u32,
        /// The number of a topic before it.
        others: u32,
    },
    /// The file was written in a format of another version of this program. Use that version.
    #[error("the event log is written in format {found}; this program reads format {known}")]
    Format {
        /// The file's format.
        found: i64,
        /// The format this program writes and reads.
        known: i64,
    },
}

impl OpenLogError {
    pub(crate) fn unavailable(cause: impl Error + Send + Sync + 'static) -> OpenLogError {
        OpenLogError::Unavailable(Arc::new(cause))
    }

    pub(crate) fn refused(cause: impl Error + Send + Sync + 'static) -> OpenLogError {
        OpenLogError::Refused(Arc::new(cause))
    }
}

/// Why records were not appended, or not known to be.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The log could not be reached or did not answer in time. Append the same batch again later.
    #[error("the event log did not take the records")]
    Unavailable(#[source] Cause),
    /// Too much is waiting to be written. Slow down, then append the same batch again.
    #[error("the event log's queue stayed full")]
    Full,
    /// A record exceeds [`crate::MAX_RECORD_BYTES`]. Repeating the batch cannot help; the rest of it may be appended.
    #[error("record {index} of the batch is too large for the event log")]
    TooLarge {
        /// Its place in the batch, from 0.
        index: usize,
    },
    /// The broker will not take records here: a permission or a topic is missing. An operator must act.
    #[error("the event log refused records for topic {topic}")]
    Refused {
        /// The topic.
        topic: Topic,
        /// What the broker said.
        #[source]
        cause: Cause,
    },
}

/// Why the log could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The log could not be reached or did not answer in time. Ask again later.
    #[error("the event log cannot be read now")]
    Unavailable(#[source] Cause),
    /// The log has no such partition. Correct what is asked.
    #[error("topic {topic} has no partition {partition}")]
    NoSuchPartition {
        /// The topic.
        topic: Topic,
        /// The partition asked for.
        partition: u32,
    },
    /// One partition was asked for twice, from offsets that cannot both be meant.
    #[error("partition {partition} of topic {topic} was asked for twice")]
    AskedTwice {
        /// The topic.
        topic: Topic,
        /// The partition.
        partition: u32,
    },
    /// Records from that offset on are no longer on the log. What was built from them cannot be continued.
    #[error("offset {offset} of topic {topic}, partition {partition} is gone; the log starts at {start}")]
    OffsetOutOfRange {
        /// The topic.
        topic: Topic,
        /// The partition.
        partition: u32,
        /// The offset asked for.
        offset: u64,
        /// The first offset that is there.
        start: u64,
    },
}

impl ReadError {
    pub(crate) fn unavailable(cause: impl Error + Send + Sync + 'static) -> ReadError {
        ReadError::Unavailable(Arc::new(cause))
    }
}

/// The part of the log that does the work has ended, with the runtime it was opened in.
#[derive(Debug, thiserror::Error)]
#[error("the event log was closed")]
pub(crate) struct Closed;
