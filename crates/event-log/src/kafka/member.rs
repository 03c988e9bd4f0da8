//! Membership of a consumer group on Kafka: a consumer of its own that subscribes, and reads nothing.
//!
//! One topic is subscribed to, since all have the same partitions and a number stands for that partition of each. What the group
//! assigns is dealt to the workers, and the consumer itself is assigned nothing: so nothing is fetched, and no offset is
//! looked for or committed. A thread of its own polls all the time, so neither heartbeats nor rebalances wait for a batch.
//!
//! The classic protocol with the range assignor: in a rebalance every member gives back all it has, and gets what is then its
//! own. That stops the group for about a heartbeat; in return nobody ever starts on what another has not let go of, as long
//! as it lets go in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use events::Topic;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use super::KafkaConfig;
use super::client::{self, Context};
use crate::error::ReadError;
use crate::member::{Dealer, Membership};

/// The longest single poll: how soon a member notices that it is to leave.
const POLL: Duration = Duration::from_millis(50);

/// How long a rebalance waits for the workers to finish what they write. Below [`client::REBALANCE_WITHIN`], or the group
/// would count this member out while it is still waiting.
const HAND_OVER_WITHIN: Duration = Duration::from_secs(10);

/// How long leaving may take once nobody holds anything any more. With the broker away the group learns of it by its timeout.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// How long to wait before a consumer that failed for good is replaced.
const REPLACE_AFTER: Duration = Duration::from_secs(1);

/// What keeps failing the same way is said again after this long.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// A member at work on its thread. Dropping it leaves the group.
pub(crate) struct KafkaMember {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Joins the group of that name, after the prefix of the topics.
pub(super) fn join(config: &KafkaConfig, group: &str, session: Duration) -> Result<Membership, ReadError> {
    let (dealer, deals) = Dealer::new();
    let dealer = Arc::new(dealer);
    let join = {
        let (config, group) = (config.clone(), format!("{}daybook.{group}", config.topic_prefix));
        move || {
            let consumer = client::member(&config, &group, session, Dealing { dealer: Arc::clone(&dealer) })?;
            consumer.subscribe(&[&config.topic_name(Topic::Order)]).map(|()| consumer)
        }
    };
    let consumer = join().map_err(ReadError::unavailable)?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = std::thread::Builder::new().name("group-member".to_owned());
    let thread = thread.spawn(move || attend(consumer, &join, &stopped)).map_err(ReadError::unavailable)?;
    Ok(Membership::of(deals, KafkaMember { stop, thread: Some(thread) }))
}

/// Takes part until told to stop. Dropping the consumer leaves the group, after a last revocation.
fn attend(mut consumer: Member, join: &dyn Fn() -> KafkaResult<Member>, stop: &AtomicBool) {
    let mut said = Said::default();
    while !stop.load(Ordering::Relaxed) {
        let Some(Err(error)) = consumer.poll(POLL) else { continue };
        said.say(&error);
        if consumer.client().fatal_error().is_some() {
            std::thread::sleep(REPLACE_AFTER);
            match join() {
                Ok(fresh) => consumer = fresh,
                Err(error) => said.say(&error),
            }
        }
    }
}

/// What was said last, so that a fault that lasts does not fill the log.
#[derive(Default)]
struct Said {
    last: Option<(KafkaError, Instant)>,
}

impl Said {
    fn say(&mut self, error: &KafkaError) {
        if self.last.as_ref().is_some_and(|(last, at)| last == error && at.elapsed() < SAY_AGAIN) {
            return;
        }
        self.last = Some((error.clone(), Instant::now()));
        tracing::warn!(%error, "the consumer group cannot be taken part in; trying again");
    }
}

impl KafkaMember {
    pub(crate) async fn leave(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else { return };
        let ended = tokio::task::spawn_blocking(move || {
            let deadline = Instant::now() + LEAVE_WITHIN;
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(POLL);
            }
            thread.is_finished()
        });
        if !ended.await.unwrap_or(false) {
            tracing::warn!("the consumer group was not left in time; it finds out by itself");
        }
    }
}

impl Drop for KafkaMember {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

type Member = BaseConsumer<Dealing>;

/// Hands what the group decides on to the workers.
pub(super) struct Dealing {
    dealer: Arc<Dealer>,
}

impl ClientContext for Dealing {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Context.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Context.error(error, reason);
    }
}

impl ConsumerContext for Dealing {
    /// Runs on the polling thread, within a poll. The group goes on when it returns.
    fn rebalance(&self, consumer: &Member, what: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        let told = match what {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                let numbers =
                    partitions.elements().iter().filter_map(|one| u32::try_from(one.partition()).ok()).collect();
                tracing::info!(partitions = ?numbers, "the group has dealt");
                // An empty assignment says that the word has come. Nothing is read through this consumer.
                consumer.assign(&TopicPartitionList::new()).inspect(|()| self.dealer.deal(numbers))
            }
            _ => {
                self.take_back(consumer.assignment_lost());
                consumer.unassign()
            }
        };
        if let Err(error) = told {
            tracing::warn!(%error, "a rebalance could not be answered");
        }
    }
}

impl Dealing {
    /// What was lost may be somebody else's already: there is nothing left to wait for.
    fn take_back(&self, lost: bool) {
        let patience = if lost { Duration::ZERO } else { HAND_OVER_WITHIN };
        let began = Instant::now();
        let returned = self.dealer.take_back(patience);
        if lost {
            tracing::warn!("the group has counted this process out; its partitions are dealt anew");
        } else if !returned {
            tracing::warn!(waited = ?began.elapsed(), "a batch is still being written; the group goes on, and the checkpoints decide");
        }
    }
}
