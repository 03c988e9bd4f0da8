//! The reader's blocking side: partitions are assigned at explicit offsets, and messages taken from librdkafka's queue.
//!
//! Kafka answers a fetch beyond the end of a partition as it answers one before its start: out of range. So offsets are
//! compared with the partition's bounds first. A partition that is wanted from beyond its end is left out, looked at now
//! and then, and assigned when it has grown that far.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use commerce::TenantId;
use events::{Record, Topic};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::client::{self, Context};
use super::{KafkaConfig, offsets};
use crate::Most;
use crate::error::ReadError;
use crate::position::{Damage, Item, Position, ReadFrom};

/// The longest single poll: how soon a reader notices that it was dropped.
const POLL: Duration = Duration::from_millis(50);

/// How long to go on looking for more once something came.
const DRAIN: Duration = Duration::from_millis(10);

/// How often partitions wanted from beyond their end are looked at.
const LOOK_AHEAD: Duration = Duration::from_millis(200);

/// A consumer, and how far it has read.
pub(super) struct Cursor {
    consumer: BaseConsumer<Context>,
    config: KafkaConfig,
    partitions: u32,
    /// The offset wanted next, of each partition asked for.
    next: BTreeMap<(Topic, u32), u64>,
    /// Those of them that do not reach so far yet.
    ahead: Vec<(Topic, u32)>,
    looked_ahead: Instant,
    /// What was one too many for the last batch, and comes first in the next.
    held_back: Option<Item>,
    /// False when the consumer must be told (again) where to read.
    placed: bool,
}

/// What one poll has taken so far.
#[derive(Default)]
struct Taken {
    items: Vec<Item>,
    bytes: usize,
    drain_until: Option<Instant>,
    trouble: Option<KafkaError>,
}

impl Taken {
    fn add(&mut self, item: Item) {
        self.bytes += item.weight();
        self.items.push(item);
        self.drain_until.get_or_insert_with(|| Instant::now() + DRAIN);
    }

    fn has_room_for(&self, item: &Item, most: Most) -> bool {
        !most.is_exceeded_by(item.weight(), self.items.len(), self.bytes)
    }

    /// True when not even an empty record is wanted any more.
    fn is_full(&self, most: Most) -> bool {
        most.is_exceeded_by(0, self.items.len(), self.bytes)
    }

    /// Until when to wait for the next message; a time gone by means to take only what is there.
    fn patience(&self, deadline: Instant) -> Duration {
        self.drain_until.unwrap_or(deadline).saturating_duration_since(Instant::now()).min(POLL)
    }
}

impl Cursor {
    pub(super) fn new(config: &KafkaConfig, partitions: u32, from: &[ReadFrom]) -> Result<Cursor, ReadError> {
        Ok(Cursor {
            consumer: client::reading(config).map_err(ReadError::unavailable)?,
            config: config.clone(),
            partitions,
            next: from.iter().map(|from| ((from.topic, from.partition), from.offset)).collect(),
            ahead: Vec::new(),
            looked_ahead: Instant::now(),
            held_back: None,
            placed: false,
        })
    }

    /// Up to `most`, waiting until `wait` is over for the first. Never fails once it has taken something: what went
    /// wrong then shows at the next poll.
    pub(super) fn poll(&mut self, most: Most, wait: Duration, stop: &AtomicBool) -> Result<Vec<Item>, ReadError> {
        let deadline = Instant::now() + wait;
        let mut taken = Taken::default();
        if let Some(item) = self.held_back.take() {
            taken.add(item);
        }
        while !taken.is_full(most) && self.held_back.is_none() && !stop.load(Ordering::Relaxed) {
            match self.keep_placed() {
                Err(error) if taken.items.is_empty() => return Err(error),
                Err(_) => break,
                Ok(()) => {}
            }
            let patience = taken.patience(deadline);
            match self.consumer.poll(patience) {
                Some(Ok(message)) => match accept(&mut self.next, &self.config, self.partitions, &message) {
                    Some(item) if taken.has_room_for(&item, most) => taken.add(item),
                    one_too_many => self.held_back = one_too_many,
                },
                Some(Err(error)) => self.note(error, &mut taken),
                // A poll may come back early with nothing, so only the clock decides that the wait is over.
                None if patience.is_zero() => break,
                None => {}
            }
        }
        match taken.trouble {
            Some(error) if taken.items.is_empty() => Err(ReadError::unavailable(error)),
            _ => Ok(taken.items),
        }
    }

    /// What an error means: look where the partition ends, wait for librdkafka to connect again, or tell the caller.
    fn note(&mut self, error: KafkaError, taken: &mut Taken) {
        use RDKafkaErrorCode as Code;
        match error.rdkafka_error_code() {
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => self.placed = false,
            Some(Code::BrokerTransportFailure | Code::Resolve) => tracing::debug!(%error, "a broker went away"),
            _ => taken.trouble = Some(error),
        }
    }

    /// Tells the consumer where to read, if it does not know or a partition has grown to what is wanted of it.
    fn keep_placed(&mut self) -> Result<(), ReadError> {
        if self.placed && !self.ahead.is_empty() && self.looked_ahead.elapsed() >= LOOK_AHEAD {
            let ends = offsets::ends(&self.consumer, &self.config, &self.ahead)?;
            self.placed = !self.ahead.iter().zip(ends).any(|(place, end)| self.next.get(place) <= Some(&end));
            self.looked_ahead = Instant::now();
        }
        if !self.placed && !self.next.is_empty() {
            self.place()?;
        }
        self.placed = true;
        Ok(())
    }

    fn place(&mut self) -> Result<(), ReadError> {
        let places: Vec<_> = self.next.keys().copied().collect();
        let starts = offsets::starts(&self.consumer, &self.config, &places)?;
        let ends = offsets::ends(&self.consumer, &self.config, &places)?;
        let mut assignment = TopicPartitionList::new();
        let mut ahead = Vec::new();
        for ((&(topic, partition), &offset), (start, end)) in self.next.iter().zip(starts.into_iter().zip(ends)) {
            if offset < start {
                return Err(ReadError::OffsetOutOfRange { topic, partition, offset, start });
            }
            if offset > end {
                ahead.push((topic, partition));
                continue;
            }
            let native = Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX));
            assignment
                .add_partition_offset(&self.config.topic_name(topic), offsets::native(partition), native)
                .map_err(ReadError::unavailable)?;
        }
        self.consumer.assign(&assignment).map_err(ReadError::unavailable)?;
        self.ahead = ahead;
        self.looked_ahead = Instant::now();
        Ok(())
    }
}

/// Turns a message into an item and moves on past it. None for what was not asked for or was read before.
fn accept(
    next: &mut BTreeMap<(Topic, u32), u64>,
    config: &KafkaConfig,
    partitions: u32,
    message: &BorrowedMessage<'_>,
) -> Option<Item> {
    let topic = config.topic_of(message.topic())?;
    let partition = u32::try_from(message.partition()).ok()?;
    let offset = u64::try_from(message.offset()).ok()?;
    let wanted = next.get_mut(&(topic, partition)).filter(|wanted| **wanted <= offset)?;
    *wanted = offset + 1;
    Some(Item::new(Position { topic, partition, offset }, record(topic, message), partitions))
}

fn record(topic: Topic, message: &BorrowedMessage<'_>) -> Result<Record, Damage> {
    let key = message.key().and_then(|key| str::from_utf8(key).ok()).ok_or(Damage::Key)?;
    let tenant = TenantId::try_from(key.to_owned()).map_err(|_| Damage::Key)?;
    // The binding panics on a header name that is not UTF-8. Whoever can write to the topic could stop its readers.
    let headers = catch_unwind(AssertUnwindSafe(|| headers(message))).ok().flatten().ok_or(Damage::Headers)?;
    let body = message.payload().ok_or(Damage::Body)?.to_vec();
    Ok(Record { topic, tenant, headers, body })
}

fn headers(message: &BorrowedMessage<'_>) -> Option<Vec<(String, String)>> {
    let Some(headers) = message.headers() else { return Some(Vec::new()) };
    let text = |bytes: &[u8]| str::from_utf8(bytes).ok().map(str::to_owned);
    headers.iter().map(|header| Some((header.key.to_owned(), text(header.value?)?))).collect()
}
