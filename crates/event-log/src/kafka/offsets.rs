//! Where partitions start and end: one request to each broker, however many partitions are asked about.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use events::Topic;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::KafkaConfig;
use super::client::Context;
use crate::error::ReadError;

/// How long to wait before a partition without a leader is asked about again.
const RETRY: Duration = Duration::from_millis(50);

/// The offset the next record will get, of each of those partitions, in the order asked.
pub(super) fn ends(
    consumer: &BaseConsumer<Context>,
    config: &KafkaConfig,
    places: &[(Topic, u32)],
) -> Result<Vec<u64>, ReadError> {
    query(consumer, config, places, Offset::End).map_err(ReadError::unavailable)
}

/// The first offset still there, of each of those partitions, in the order asked.
pub(super) fn starts(
    consumer: &BaseConsumer<Context>,
    config: &KafkaConfig,
    places: &[(Topic, u32)],
) -> Result<Vec<u64>, ReadError> {
    query(consumer, config, places, Offset::Beginning).map_err(ReadError::unavailable)
}

/// Asks until the request timeout is over while partitions are changing hands, or were just created.
fn query(
    consumer: &BaseConsumer<Context>,
    config: &KafkaConfig,
    places: &[(Topic, u32)],
    which: Offset,
) -> KafkaResult<Vec<u64>> {
    let deadline = Instant::now() + config.request_timeout;
    loop {
        match query_once(consumer, config, places, which) {
            Err(error) if is_passing(&error) && Instant::now() < deadline => std::thread::sleep(RETRY),
            outcome => return outcome,
        }
    }
}

fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    // A broker that was started again counts its leaderships anew: what the client knows of them is refreshed by such an answer.
    let code = error.rdkafka_error_code();
    let moved =
        [Code::NotLeaderForPartition, Code::LeaderNotAvailable, Code::FencedLeaderEpoch, Code::UnknownLeaderEpoch];
    code.is_some_and(|code| moved.contains(&code))
}

/// Asks for the offset "at a time", where the times -1 and -2 stand for the end and the beginning in Kafka's protocol.
fn query_once(
    consumer: &BaseConsumer<Context>,
    config: &KafkaConfig,
    places: &[(Topic, u32)],
    which: Offset,
) -> KafkaResult<Vec<u64>> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let mut asked = TopicPartitionList::with_capacity(places.len());
    for &(topic, partition) in places {
        asked.add_partition_offset(&config.topic_name(topic), native(partition), which)?;
    }
    let answered = consumer.offsets_for_times(asked, config.request_timeout)?;
    let mut found = HashMap::with_capacity(places.len());
    for element in answered.elements() {
        element.error()?;
        if let (Some(topic), Offset::Offset(offset)) = (config.topic_of(element.topic()), element.offset()) {
            found.insert((topic, element.partition()), u64::try_from(offset).unwrap_or(0));
        }
    }
    let unknown = KafkaError::OffsetFetch(RDKafkaErrorCode::UnknownPartition);
    places
        .iter()
        .map(|&(topic, partition)| found.get(&(topic, native(partition))).copied().ok_or_else(|| unknown.clone()))
        .collect()
}

/// A partition's number as Kafka writes it.
pub(super) fn native(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}
