//! Ingest: takes what shops and couriers send, seals the people in it, and puts the facts on the log.
//!
//! ```text
//! request ─▶ JSON, how big, whose? ─▶ connector ─▶ queue ─▶ committer: people → keys, seal, append ─▶ 200
//!         415 · 413 · 401 · 410 · 429   │ not understood: sealed whole, quarantined               └─▶ 503
//! ```
//!
//! - A 2xx means that the log has it. Whatever fails before that is answered 503 within a bounded wait, and the sender tries
//!   again; event ids follow from content, so a repeat is the same event.
//! - Nothing is stored of a request that is not authentic; only a counter moves.
//! - Personal data leaves this process sealed or not at all. Logs and metrics name tenants, topics and ids.
//! - What one tenant may send in a second is bounded, where somebody said so; what a shop says about people is not counted.
//! - Memory is bounded by [`Config::queue`] requests and [`Config::memory`] bytes of their bodies, whoever sends them.

mod answer;
mod committer;
mod limits;
mod rates;
mod reading;
mod redrive;
mod seal;
mod signature;
mod tenants;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use commerce::{Fact, TenantId};
use connectors::Draft;
use event_log::{AppendError, EventLog, ReadError};
use events::Source;
use ledger::Timestamp;
use store::db::{Db, DbError};
use store::keys::{KeyStore, KeyStoreError};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use committer::{Committer, Job};
use limits::{Limits, Place};
use rates::Rates;
use seal::Unsealed;
use tenants::Tenants;

pub use redrive::{RedriveError, Redriven};
pub use seal::QUARANTINE;

/// How long the databases may take to say that they are there.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// How ingest runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The largest body taken, in bytes; a larger one is answered 413.
    pub max_body: usize,
    /// Requests under way at once, from their first byte until the log has them; more are answered 503.
    pub queue: usize,
    /// Bytes of all bodies under way at once; when they are used up, further ones are answered 503.
    pub memory: usize,
    /// How long a sender waits at most for an answer. Shopify gives up after 5 s.
    pub answer_within: Duration,
    /// Requests of one tenant taken in a second, unless it has a rate of its own; more are answered 429. 0 is as many as come.
    pub tenant_per_second: u32,
    /// Requests committed together, at most.
    pub batch: usize,
    /// The wall clock: when something was recorded.
    pub clock: fn() -> Timestamp,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            max_body: 4 * 1024 * 1024,
            queue: 2_048,
            memory: 64 * 1024 * 1024,
            answer_within: Duration::from_secs(4),
            tenant_per_second: 0,
            batch: 256,
            clock: now,
        }
    }
}

/// The running ingest. Clones are handles to the same one.
#[derive(Clone)]
pub struct Ingest {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    keys: KeyStore,
    log: EventLog,
    db: Db,
    tenants: Tenants,
    limits: Limits,
    rates: Rates,
    queue: mpsc::Sender<Job>,
    drained: CancellationToken,
}

/// What was taken, durably.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// How many facts it held, those that were on the log already included.
    pub facts: usize,
}

/// Why facts were not taken. Offer them again: what is on the log already stays the same event.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AcceptError {
    /// One of the facts is larger than a record on the log may be. Repeating cannot help.
    #[error("a fact is larger than the event log takes")]
    TooLarge,
    /// The key store did not answer, the key of the current epoch is not in the keyring, or a key has sealed as much as this
    /// process may, so nothing could be sealed.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The log did not take it, or did not say so.
    #[error(transparent)]
    Log(AppendError),
    /// More is under way than is allowed at once. Slow down.
    #[error("ingest has too much under way")]
    Overloaded,
    /// This process is shutting down.
    #[error("ingest is shutting down")]
    Stopping,
}

/// Why ingest cannot take requests now.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotReady {
    /// The log does not answer.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The database of tenants does not answer.
    #[error(transparent)]
    Tenants(#[from] DbError),
    /// The key store does not answer, or the key of the current epoch is not in the keyring.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// Something did not answer in time.
    #[error("no answer within {} s", READY_WITHIN.as_secs())]
    Late,
    /// This process is shutting down.
    #[error("ingest is shutting down")]
    Stopping,
}

impl Ingest {
    /// Starts committing, in the tokio runtime it is called in. `db` is the database of tenants and books. After `shutdown`
    /// nothing more is taken and what was taken is finished: see [`Ingest::drained`].
    pub fn start(config: Config, keys: KeyStore, log: EventLog, db: Db, shutdown: CancellationToken) -> Ingest {
        let (queue, waiting) = mpsc::channel(config.queue.max(1));
        let drained = CancellationToken::new();
        let committer = Committer::new(keys.clone(), log.clone());
        let ended = drained.clone().drop_guard();
        tokio::spawn(committer::run(committer, waiting, config.batch.max(1), shutdown, ended));
        let (tenants, limits) = (Tenants::new(db.clone()), Limits::new(config.queue, config.memory));
        let rates = Rates::new(config.tenant_per_second);
        Ingest { shared: Arc::new(Shared { config, keys, log, db, tenants, limits, rates, queue, drained }) }
    }

    /// The routes `POST /webhooks/shopify/{tenant}` and `POST /webhooks/couriers/{tenant}/{courier}`.
    pub fn router(&self) -> Router {
        webhook::router(self.clone())
    }

    /// Takes drafts that came by another way than a webhook, such as an import; returns once the log has them. Waits for
    /// its turn however long that takes. A thousand or so at a time is a good size: one call is one commit.
    pub async fn accept_drafts(
        &self,
        tenant: &TenantId,
        source: &Source,
        drafts: Vec<Draft>,
    ) -> Result<Accepted, AcceptError> {
        let place = self.shared.limits.wait().await;
        self.accept(tenant, source, drafts, place).await
    }

    /// Waits until everything that was taken before the shutdown is answered.
    pub async fn drained(&self) {
        self.shared.drained.cancelled().await;
    }

    /// Whether a request sent now could be taken: asks the log and both databases, and answers within a few seconds.
    pub async fn ready(&self) -> Result<(), NotReady> {
        if self.shared.queue.is_closed() {
            return Err(NotReady::Stopping);
        }
        tokio::time::timeout(READY_WITHIN, self.ask_around()).await.unwrap_or(Err(NotReady::Late))
    }

    async fn ask_around(&self) -> Result<(), NotReady> {
        self.shared.log.check().await?;
        self.shared.db.query("SELECT 1", vec![]).await?;
        // A question the key store answers from an index that is empty nearly always.
        self.shared.keys.unfinished_erasures().await?;
        self.shared.keys.require_current_key().await?;
        Ok(())
    }

    /// The drafts' way to the log, in a place that was got before.
    async fn accept(
        &self,
        tenant: &TenantId,
        source: &Source,
        drafts: Vec<Draft>,
        place: Place,
    ) -> Result<Accepted, AcceptError> {
        let (facts, recorded_at) = (drafts.len(), (self.shared.config.clock)());
        let mut events = Vec::with_capacity(facts);
        for draft in drafts {
            let draft = self.with_subject(tenant, draft).await?;
            events.push(Unsealed::fact(tenant, source, recorded_at, draft));
        }
        self.commit(events, place).await?;
        Ok(Accepted { facts })
    }

    /// A shop's request about a person says whom it means here. Nothing of it is sealed: it brings identifiers only.
    async fn with_subject(&self, tenant: &TenantId, mut draft: Draft) -> Result<Draft, KeyStoreError> {
        let (subject, orders) = match &mut draft.fact {
            Fact::RedactionRequested(asked) => (&mut asked.subject, &asked.orders),
            Fact::DataRequested(asked) => (&mut asked.subject, &asked.orders),
            _ => return Ok(draft),
        };
        let mut hints: Vec<_> = draft.people.drain(..).flat_map(|person| seal::hints(&person)).collect();
        hints.extend(orders.iter().map(|order| seal::order_hint(*order)));
        if subject.is_none() {
            *subject = self.shared.keys.find_subject(tenant, &hints).await?.map(|(subject, _)| subject);
        }
        Ok(draft)
    }

    async fn commit(&self, events: Vec<Unsealed>, place: Place) -> Result<(), AcceptError> {
        if events.is_empty() {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        // Whoever has a place finds room in the queue, for it has as many.
        self.shared.queue.try_send(Job { events, reply, place }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => AcceptError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => AcceptError::Stopping,
        })?;
        answer.await.unwrap_or(Err(AcceptError::Stopping))
    }
}

/// Shows nothing: what it holds are keys and connections.
impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ingest")
    }
}

fn now() -> Timestamp {
    let now = Timestamp::from(chrono::Utc::now());
    fail::fail_point!("clock", |by| jumped(now, by));
    now
}

/// Where the clock is that was moved on purpose, by so many seconds.
#[cfg(feature = "failpoints")]
pub fn jumped(now: Timestamp, seconds: Option<String>) -> Timestamp {
    let seconds = seconds.and_then(|text| text.parse::<i64>().ok()).unwrap_or_default();
    Timestamp(now.0.saturating_add(seconds.saturating_mul(1_000_000)))
}
