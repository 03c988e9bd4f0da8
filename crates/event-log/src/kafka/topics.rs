//! The topics: found or created, and all with the same number of partitions.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use events::Topic;
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

use super::KafkaConfig;
use super::client::{self, Context, MAX_MESSAGE_BYTES};
use crate::MAX_PARTITIONS;
use crate::error::OpenLogError;

/// How often a topic that was just created is looked for.
const POLL: Duration = Duration::from_millis(50);

/// Finds or creates all topics; answers with their number of partitions and gives the consumer back.
pub(super) async fn ensure(
    config: &KafkaConfig,
    asking: BaseConsumer<Context>,
) -> Result<(BaseConsumer<Context>, u32), OpenLogError> {
    if !(1..=MAX_PARTITIONS).contains(&config.partitions) {
        return Err(OpenLogError::Partitions { max: MAX_PARTITIONS });
    }
    let deadline = Instant::now() + config.request_timeout;
    let (mut asking, mut found) = find(config, asking).await?;
    let partitions = same_number(&found)?.unwrap_or(config.partitions);
    create(config, &missing(&found), partitions).await?;
    while !missing(&found).is_empty() && Instant::now() < deadline {
        tokio::time::sleep(POLL).await;
        (asking, found) = find(config, asking).await?;
    }
    match (missing(&found).is_empty(), same_number(&found)?) {
        (true, Some(partitions)) => Ok((asking, partitions)),
        _ => Err(OpenLogError::unavailable(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut))),
    }
}

async fn find(
    config: &KafkaConfig,
    asking: BaseConsumer<Context>,
) -> Result<(BaseConsumer<Context>, Vec<(Topic, u32)>), OpenLogError> {
    let config = config.clone();
    let found = tokio::task::spawn_blocking(move || existing(&asking, &config).map(|found| (asking, found)));
    found.await.map_err(OpenLogError::unavailable)?.map_err(OpenLogError::unavailable)
}

/// The topics the cluster has, in the order of [`Topic::ALL`], each with its number of partitions.
pub(super) fn existing(asking: &BaseConsumer<Context>, config: &KafkaConfig) -> KafkaResult<Vec<(Topic, u32)>> {
    // Asked for all, because a question about one topic makes some brokers create it.
    let metadata = asking.fetch_metadata(None, config.request_timeout)?;
    client::serve_events(asking);
    let led = |topic: &rdkafka::metadata::MetadataTopic| topic.partitions().iter().all(|p| p.leader() >= 0);
    let ready = metadata.topics().iter().filter(|topic| !topic.partitions().is_empty() && led(topic));
    let found = ready.filter_map(|topic| {
        Some((config.topic_of(topic.name())?, u32::try_from(topic.partitions().len()).unwrap_or(u32::MAX)))
    });
    Ok(found.collect::<BTreeMap<_, _>>().into_iter().collect())
}

fn missing(found: &[(Topic, u32)]) -> Vec<Topic> {
    Topic::ALL.into_iter().filter(|topic| found.iter().all(|(there, _)| there != topic)).collect()
}

/// The number of partitions all those topics have; none without topics.
fn same_number(found: &[(Topic, u32)]) -> Result<Option<u32>, OpenLogError> {
    let Some(&(_, others)) = found.first() else { return Ok(None) };
    match found.iter().find(|(_, partitions)| *partitions != others) {
        Some(&(topic, partitions)) => Err(OpenLogError::PartitionsDiffer { topic, partitions, others }),
        None => Ok(Some(others)),
    }
}

/// Creates those topics. Another process may be doing the same: what it created first counts.
async fn create(config: &KafkaConfig, topics: &[Topic], partitions: u32) -> Result<(), OpenLogError> {
    if topics.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = topics.iter().map(|&topic| config.topic_name(topic)).collect();
    let max_bytes = MAX_MESSAGE_BYTES.to_string();
    let in_sync = in_sync_copies(config.replication);
    let new = names.iter().map(|name| new_topic(name, config.replication, partitions, &max_bytes, in_sync.as_deref()));
    let new: Vec<_> = new.collect();
    let timeout = Some(config.request_timeout);
    let options = AdminOptions::new().request_timeout(timeout).operation_timeout(timeout);
    let admin = client::admin(config).map_err(OpenLogError::refused)?;
    for outcome in admin.create_topics(&new, &options).await.map_err(OpenLogError::unavailable)? {
        match outcome {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(OpenLogError::refused(KafkaError::AdminOp(code))),
        }
    }
    Ok(())
}

/// The log is the truth: a topic keeps its records whatever their age or number.
fn new_topic<'a>(
    name: &'a str,
    replication: i16,
    partitions: u32,
    max_bytes: &'a str,
    in_sync: Option<&'a str>,
) -> NewTopic<'a> {
    let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replication.into()))
        .set("cleanup.policy", "delete")
        .set("retention.ms", "-1")
        .set("retention.bytes", "-1")
        .set("max.message.bytes", max_bytes);
    match in_sync {
        Some(copies) => topic.set("min.insync.replicas", copies),
        None => topic,
    }
}

/// Copies that must have a record before it is acknowledged: all but one, so that one may be away. The broker's default
/// stays when it also decides the number of copies.
fn in_sync_copies(replication: i16) -> Option<String> {
    (replication >= 1).then(|| (replication - 1).max(1).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_with_different_numbers_are_refused() {
        assert!(matches!(same_number(&[]), Ok(None)));
        assert!(matches!(same_number(&[(Topic::Order, 4), (Topic::Cod, 4)]), Ok(Some(4))));
        let differ = same_number(&[(Topic::Order, 4), (Topic::Cod, 5)]);
        assert!(matches!(differ, Err(OpenLogError::PartitionsDiffer { topic: Topic::Cod, partitions: 5, others: 4 })));
    }

    #[test]
    fn one_copy_may_be_away() {
        let copies: Vec<_> = [-1, 1, 2, 3].into_iter().map(in_sync_copies).collect();
        assert_eq!(copies, [None, Some("1".to_owned()), Some("1".to_owned()), Some("2".to_owned())]);
    }
}
