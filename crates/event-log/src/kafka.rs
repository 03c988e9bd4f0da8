//! The log on a Kafka cluster: one topic each, the tenant as key, the partition chosen here.

mod append;
mod client;
mod cursor;
mod member;
mod offsets;
mod read;
mod topics;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use events::{Record, Topic};
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::error::{AppendError, OpenLogError, ReadError};
use crate::member::Membership;
use crate::position::{Position, ReadFrom};
use client::{Context, Producer};
pub(crate) use member::KafkaMember;
pub(crate) use read::KafkaReader;

/// How to reach the cluster, and what topics look like when they have to be created.
#[derive(Debug, Clone)]
pub struct KafkaConfig {
    /// `host:port`, several separated by commas.
    pub brokers: String,
    /// Goes before every topic's name; empty in production.
    pub topic_prefix: String,
    /// Partitions of a new topic. Topics that exist keep theirs.
    pub partitions: u32,
    /// Copies of a new topic; -1 leaves it to the broker. With three or more, one copy may be away for a write.
    pub replication: i16,
    /// How long one question to the cluster may take: metadata, offsets, creating topics.
    pub request_timeout: Duration,
}

impl Default for KafkaConfig {
    fn default() -> KafkaConfig {
        KafkaConfig {
            brokers: "127.0.0.1:9092".to_owned(),
            topic_prefix: String::new(),
            partitions: 16,
            replication: -1,
            request_timeout: Duration::from_secs(10),
        }
    }
}

impl KafkaConfig {
    fn topic_name(&self, topic: Topic) -> String {
        format!("{}{}", self.topic_prefix, topic.name())
    }

    fn topic_of(&self, name: &str) -> Option<Topic> {
        name.strip_prefix(&self.topic_prefix).and_then(Topic::from_name)
    }
}

/// A log on a Kafka cluster.
#[derive(Clone)]
pub struct KafkaLog {
    shared: Arc<Shared>,
}

struct Shared {
    config: KafkaConfig,
    partitions: u32,
    producer: Mutex<Producer>,
    /// Asks for metadata and offsets; never reads records.
    asking: BaseConsumer<Context>,
}

impl KafkaLog {
    pub(crate) async fn open(config: &KafkaConfig) -> Result<KafkaLog, OpenLogError> {
        let producer = client::producer(config).map_err(OpenLogError::refused)?;
        let asking = client::asking(config).map_err(OpenLogError::refused)?;
        let (asking, partitions) = topics::ensure(config, asking).await?;
        let shared = Shared { config: config.clone(), partitions, producer: Mutex::new(producer), asking };
        Ok(KafkaLog { shared: Arc::new(shared) })
    }

    pub(crate) fn partitions(&self) -> u32 {
        self.shared.partitions
    }

    pub(crate) async fn append(&self, records: Vec<Record>) -> Result<Vec<Position>, AppendError> {
        let producer = self.shared.producer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let result = append::append(&producer, &self.shared.config, self.partitions(), records).await;
        if result.is_err() {
            self.replace_failed_producer();
        }
        result
    }

    /// A producer that cannot keep its promise of order any more refuses all further work; a new one starts afresh.
    fn replace_failed_producer(&self) {
        use rdkafka::producer::Producer as _;
        let mut producer = self.shared.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if producer.client().fatal_error().is_none() {
            return;
        }
        match client::producer(&self.shared.config) {
            Ok(fresh) => {
                let failed = std::mem::replace(&mut *producer, fresh);
                // Taking it down waits for its threads.
                std::thread::spawn(move || drop(failed));
            }
            Err(error) => tracing::error!(%error, "a failed producer could not be replaced"),
        }
    }

    pub(crate) async fn end_offsets(&self, topic: Topic) -> Result<Vec<u64>, ReadError> {
        self.ask(move |shared| offsets::ends(&shared.asking, &shared.config, &shared.places(topic))).await
    }

    pub(crate) async fn start_offsets(&self, topic: Topic) -> Result<Vec<u64>, ReadError> {
        self.ask(move |shared| offsets::starts(&shared.asking, &shared.config, &shared.places(topic))).await
    }

    pub(crate) async fn ends(&self, next: &[ReadFrom]) -> Result<Vec<u64>, ReadError> {
        let places: Vec<_> = next.iter().map(|from| (from.topic, from.partition)).collect();
        self.ask(move |shared| offsets::ends(&shared.asking, &shared.config, &places)).await
    }

    pub(crate) async fn topics(&self) -> Result<Vec<(Topic, u32)>, ReadError> {
        self.ask(|shared| topics::existing(&shared.asking, &shared.config).map_err(ReadError::unavailable)).await
    }

    pub(crate) fn reader(&self, from: &[ReadFrom]) -> Result<KafkaReader, ReadError> {
        KafkaReader::new(&self.shared.config, self.partitions(), from)
    }

    pub(crate) fn member(&self, group: &str, session: Duration) -> Result<Membership, ReadError> {
        member::join(&self.shared.config, group, session)
    }

    pub(crate) async fn check(&self, timeout: Duration) -> Result<(), ReadError> {
        self.ask(move |shared| {
            let name = shared.config.topic_name(Topic::Order);
            shared.asking.fetch_metadata(Some(&name), timeout).map(drop).map_err(ReadError::unavailable)
        })
        .await
    }

    /// Asks the cluster something, on a thread that may wait for the answer.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Shared) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let shared = self.shared.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let answer = question(&shared);
            client::serve_events(&shared.asking);
            answer
        });
        answer.await.map_err(ReadError::unavailable)?
    }
}

impl Shared {
    fn places(&self, topic: Topic) -> Vec<(Topic, u32)> {
        (0..self.partitions).map(|partition| (topic, partition)).collect()
    }
}
