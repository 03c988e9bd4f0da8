//! The broker of the test run. Tests share it and keep apart by topic prefix.

use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::servers;

static KAFKA: OnceCell<Kafka> = OnceCell::const_new();

/// A running Apache Kafka broker that creates no topic by itself.
#[derive(Clone, Debug)]
pub struct Kafka {
    /// `host:port`, as rdkafka's `bootstrap.servers` takes it.
    pub brokers: String,
}

impl Kafka {
    /// A topic prefix no other test has, such as `t1a2b3c4d5.`.
    pub fn prefix(&self) -> String {
        let random = Uuid::new_v4().simple().to_string();
        format!("t{}.", &random[..9])
    }
}

/// The broker of this process: the one `DAYBOOK_KAFKA` names, or one started at the first call (about five seconds) and stopped
/// when the process ends.
///
/// # Panics
/// When it does not start; the message has the broker's own words.
pub async fn kafka() -> Kafka {
    let started = KAFKA
        .get_or_try_init(|| async { servers::address("kafka", "DAYBOOK_KAFKA").await.map(|brokers| Kafka { brokers }) })
        .await;
    started.unwrap_or_else(|error| panic!("{error:#}")).clone()
}
