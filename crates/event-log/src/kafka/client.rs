//! How this crate's Kafka clients are set up, and where what they say goes.

use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::FutureProducer;

use super::KafkaConfig;
use crate::{MAX_BATCH_BYTES, MAX_RECORD_BYTES};

/// What a message may weigh on the wire: the largest record, and room for what surrounds it.
pub(super) const MAX_MESSAGE_BYTES: usize = MAX_RECORD_BYTES + 64 * 1024;

pub(super) type Producer = FutureProducer<Context>;

/// Passes what librdkafka has to say on to tracing. It speaks of brokers, topics and partitions, never of records.
pub(super) struct Context;

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::warn!(facility, "librdkafka: {message}");
            }
            _ => tracing::debug!(facility, "librdkafka: {message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, "librdkafka: {reason}");
    }
}

impl ConsumerContext for Context {}

fn base(config: &KafkaConfig) -> ClientConfig {
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", &config.brokers)
        .set("client.id", "daybook")
        .set("allow.auto.create.topics", "false")
        .set("reconnect.backoff.max.ms", "1000")
        .set_log_level(RDKafkaLogLevel::Warning);
    client
}

/// Waits for all in-sync copies, keeps the order within a partition when it has to send again, and answers within 10 s.
pub(super) fn producer(config: &KafkaConfig) -> KafkaResult<Producer> {
    base(config)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.type", "zstd")
        .set("linger.ms", "5")
        .set("message.timeout.ms", "10000")
        .set("request.timeout.ms", "5000")
        .set("message.max.bytes", MAX_MESSAGE_BYTES.to_string())
        .set("queue.buffering.max.messages", "100000")
        .set("queue.buffering.max.kbytes", "65536")
        .create_with_context(Context)
}

/// For admin requests.
pub(super) fn admin(config: &KafkaConfig) -> KafkaResult<rdkafka::admin::AdminClient<Context>> {
    base(config).create_with_context(Context)
}

/// A consumer without a group, which can only ask questions.
pub(super) fn asking(config: &KafkaConfig) -> KafkaResult<BaseConsumer<Context>> {
    base(config).create_with_context(Context)
}

/// Takes what gathered in the queue of a client that nobody reads records from.
pub(super) fn serve_events(asking: &BaseConsumer<Context>) {
    while asking.poll(Duration::ZERO).is_some() {}
}

/// How long a rebalance waits for a member that neither comes back nor was counted out.
pub(super) const REBALANCE_WITHIN: Duration = Duration::from_secs(30);

/// A consumer that takes part in a group and reads nothing. A member that has not been heard of for `session` is counted out;
/// it is heard of ten times as often, so that it learns of a rebalance soon.
pub(super) fn member<C: ConsumerContext>(
    config: &KafkaConfig,
    group: &str,
    session: Duration,
    context: C,
) -> KafkaResult<BaseConsumer<C>> {
    let heartbeat = (session / 10).clamp(Duration::from_millis(100), Duration::from_secs(1));
    base(config)
        .set("group.id", group)
        .set("group.protocol", "classic")
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", session.as_millis().to_string())
        .set("heartbeat.interval.ms", heartbeat.as_millis().to_string())
        .set("max.poll.interval.ms", REBALANCE_WITHIN.max(session).as_millis().to_string())
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .create_with_context(context)
}

/// What a reader holds of the log before anybody asks for it.
const READ_AHEAD_KBYTES: u32 = 2 * 1024;

/// A consumer that is told what to read and from where. librdkafka wants a group's name for that, but the group is never
/// joined and nothing is ever committed to it.
pub(super) fn reading(config: &KafkaConfig) -> KafkaResult<BaseConsumer<Context>> {
    base(config)
        .set("group.id", format!("{}daybook-reader", config.topic_prefix))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "false")
        .set("check.crcs", "true")
        .set("message.max.bytes", MAX_MESSAGE_BYTES.to_string())
        // A larger message is still fetched when it comes first.
        .set("fetch.message.max.bytes", (128 * 1024).to_string())
        .set("fetch.max.bytes", MAX_BATCH_BYTES.to_string())
        // A process holds a reader for each projection and worker: what each reads ahead is kept small.
        .set("queued.min.messages", "5000")
        .set("queued.max.messages.kbytes", READ_AHEAD_KBYTES.to_string())
        // A full queue would otherwise pause fetching for a whole second, however fast it is emptied.
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.wait.max.ms", "100")
        .create_with_context(Context)
}
