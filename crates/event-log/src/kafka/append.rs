//! Producing: all records of a batch are handed to librdkafka in order, then their acknowledgements are awaited.

use std::sync::Arc;
use std::time::Duration;

use events::Record;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureRecord};
use tokio::time::Instant;

use super::client::Producer;
use super::offsets::native;
use super::{KafkaConfig, Position};
use crate::error::{AppendError, Closed};
use crate::{PATIENCE_WHEN_FULL, murmur2};

/// How long to wait before a full queue is tried again; librdkafka does not say when there is room.
const RETRY_WHEN_FULL: Duration = Duration::from_millis(5);

/// Sends and waits for every acknowledgement, so that nothing of a failed batch is still on its way when its caller
/// repeats it. The first failure is the answer.
pub(super) async fn append(
    producer: &Producer,
    config: &KafkaConfig,
    partitions: u32,
    records: Vec<Record>,
) -> Result<Vec<Position>, AppendError> {
    let mut sent = Vec::with_capacity(records.len());
    let mut failure = None;
    for (index, record) in records.iter().enumerate() {
        let partition = murmur2::partition(record.tenant.as_str().as_bytes(), partitions);
        match enqueue(producer, config, record, partition).await {
            Ok(delivery) => sent.push((record, partition, delivery)),
            Err(error) => {
                failure = Some(explain(error, record, index));
                break;
            }
        }
    }
    let mut positions = Vec::with_capacity(sent.len());
    let mut lost = None;
    for (index, (record, partition, delivery)) in sent.into_iter().enumerate() {
        match acknowledged(delivery).await {
            Ok(offset) => positions.push(Position { topic: record.topic, partition, offset }),
            Err(error) => lost = lost.or_else(|| Some(explain(error, record, index))),
        }
    }
    lost.or(failure).map_or(Ok(positions), Err)
}

/// Puts one record into librdkafka's queue, waiting for room a while.
async fn enqueue(
    producer: &Producer,
    config: &KafkaConfig,
    record: &Record,
    partition: u32,
) -> Result<DeliveryFuture, KafkaError> {
    let name = config.topic_name(record.topic);
    let mut message = FutureRecord::to(&name)
        .partition(native(partition))
        .key(record.tenant.as_str())
        .headers(headers(record))
        .payload(&record.body);
    let deadline = Instant::now() + PATIENCE_WHEN_FULL;
    loop {
        match producer.send_result(message) {
            Ok(delivery) => return Ok(delivery),
            Err((error, back)) if is_full(&error) && Instant::now() < deadline => message = back,
            Err((error, _)) => return Err(error),
        }
        tokio::time::sleep(RETRY_WHEN_FULL).await;
    }
}

fn headers(record: &Record) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(record.headers.len());
    record.headers.iter().fold(empty, |headers, (key, value)| headers.insert(Header { key, value: Some(value) }))
}

fn is_full(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull)
}

/// The offset that the broker gave the record. The failure carries the message back; only its reason is kept.
async fn acknowledged(delivery: DeliveryFuture) -> Result<u64, KafkaError> {
    match delivery.await {
        Ok(Ok(delivery)) => Ok(u64::try_from(delivery.offset).unwrap_or(0)),
        Ok(Err((error, _message))) => Err(error),
        Err(_) => Err(KafkaError::Canceled),
    }
}

/// What the caller can do about it.
fn explain(error: KafkaError, record: &Record, index: usize) -> AppendError {
    use RDKafkaErrorCode as Code;
    match error.rdkafka_error_code() {
        Some(Code::QueueFull) => AppendError::Full,
        Some(Code::MessageSizeTooLarge) => AppendError::TooLarge { index },
        Some(
            Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::UnknownPartition
            | Code::PolicyViolation
            | Code::InvalidRecord,
        ) => AppendError::Refused { topic: record.topic, cause: Arc::new(error) },
        _ if matches!(error, KafkaError::Canceled) => AppendError::Unavailable(Arc::new(Closed)),
        _ => AppendError::Unavailable(Arc::new(error)),
    }
}
