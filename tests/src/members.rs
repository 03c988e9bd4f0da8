//! Processors that share partitions: they come, go, and are stopped in the middle of their work, and in the end the books are
//! those of a run that nobody disturbed.

mod churn;
mod group;
mod memory;
mod pauses;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use commerce::TenantId;
use event_log::EventLog;
use events::{Event, Payload, Topic};
use processor::BooksHash;
use sqlx::{Connection, PgConnection};
use testkit::{Daybook, wait_until};

use crate::backend::{Backend, Kind};
use crate::books::{append, config, findings, open_hash, sample};

const PARTITIONS: u32 = 4;

/// The shortest that brokers allow unless told otherwise.
const SESSION_SECONDS: &str = "6";

/// Long enough for a session to time out, and for the database to give up a transaction whose process is stopped.
const DEADLINE: Duration = Duration::from_secs(90);

/// The same shop's events for one tenant in every partition, each with as much to do, in shares that mix them.
fn spread(log: &EventLog, orders: u32, shares: usize) -> Vec<Vec<Event>> {
    let (events, _) = sample(orders, 41);
    let tenants: BTreeMap<u32, TenantId> = (0..1_000)
        .map(|n| -> TenantId { format!("shop-{n}").parse().unwrap() })
        .map(|tenant| (log.partition_of(&tenant), tenant))
        .collect();
    assert_eq!(tenants.len(), PARTITIONS as usize);
    let each = events.len().div_ceil(shares);
    let of = |event: &Event, tenant: &TenantId| match event.payload.clone() {
        Payload::Fact { fact, boxes } => {
            Event::fact(tenant.clone(), event.source.clone(), event.recorded_at, fact, boxes)
        }
        other => panic!("{other:?} is no fact"),
    };
    let share =
        |events: &[Event]| tenants.values().flat_map(|tenant| events.iter().map(move |e| of(e, tenant))).collect();
    events.chunks(each).map(share).collect()
}

/// What a run leaves that nobody disturbs.
async fn calm(shares: &[Vec<Event>], kind: Kind) -> BooksHash {
    let calm = Backend::fresh(kind, PARTITIONS).await;
    for share in shares {
        append(&calm.log, share).await;
    }
    processor::catch_up(config(2_000), &calm.log, &calm.db).await.unwrap();
    open_hash(&calm.db).await
}

async fn assert_sound(backend: &Backend, expected: &BooksHash) {
    assert_eq!(findings(backend).await, Vec::<String>::new());
    assert_eq!(&open_hash(&backend.db).await, expected);
}

/// A processor of its own process, and what it says of itself.
struct Processor {
    process: Daybook,
    port: u16,
    client: reqwest::Client,
}

impl Processor {
    /// Small batches, so that whatever happens falls into the work.
    async fn start(backend: &Backend, data: &Path) -> Processor {
        Processor::start_with(backend, data, &[("DAYBOOK_BATCH", "40")]).await
    }

    async fn start_with(backend: &Backend, data: &Path, settings: &[(&'static str, &str)]) -> Processor {
        let mut environment = backend.environment();
        environment.push(("DAYBOOK_SESSION_SECONDS", SESSION_SECONDS.to_owned()));
        environment.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut process = Daybook::start(data, &["processor"], &environment).unwrap();
        let port = process.port(DEADLINE).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();
        Processor { process, port, client }
    }

    async fn metric(&self, name: &str) -> u64 {
        books_metric(&self.client, self.port, name).await
    }

    async fn holds(&self, partitions: u64) {
        let held = wait_until(DEADLINE, async || self.metric("processor_partitions_held").await == partitions).await;
        held.unwrap_or_else(|error| panic!("{partitions} partitions: {error}: {}", self.process.stderr()));
    }

    fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
    }
}

/// A metric that a processor tells of the books; 0 while it has not been told.
pub(crate) async fn books_metric(client: &reqwest::Client, port: u16, name: &str) -> u64 {
    let told = match client.get(format!("http://127.0.0.1:{port}/metrics")).send().await {
        Ok(answer) => answer.text().await.unwrap(),
        Err(_) => String::new(),
    };
    let line = format!("{name}{{projection=\"books\"}} ");
    told.lines().find_map(|told| told.strip_prefix(&line)).map_or(0, |value| value.parse().unwrap())
}

async fn is_folded(backend: &Backend) {
    let folded = wait_until(DEADLINE, async || processor::lag(&backend.log, &backend.db).await.unwrap() == 0).await;
    folded.unwrap_or_else(|error| panic!("records are left: {error}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processors_share_and_one_takes_over_when_the_other_leaves() {
    let backend = Backend::fresh(Kind::Servers, PARTITIONS).await;
    let shares = spread(&backend.log, 40, 4);
    let expected = calm(&shares, Kind::Servers).await;
    let data = backend.folder.path().to_owned();
    let one = Processor::start(&backend, &data).await;
    one.holds(4).await;
    let mut other = Processor::start(&backend, &data).await;
    one.holds(2).await;
    other.holds(2).await;

    // Both at work, each on its own.
    append(&backend.log, &shares[0]).await;
    append(&backend.log, &shares[1]).await;
    is_folded(&backend).await;
    let mut appended = 0;
    for topic in [Topic::Order, Topic::Shipment, Topic::Cod, Topic::Inventory, Topic::Voucher] {
        appended += backend.log.end_offsets(topic).await.unwrap().iter().sum::<u64>();
    }
    let mut folded = (0, 0);
    // A batch is counted just after it is committed.
    let counted = wait_until(DEADLINE, async || {
        folded = (one.metric("processor_records_total").await, other.metric("processor_records_total").await);
        folded.0 + folded.1 >= appended
    });
    counted.await.unwrap_or_else(|error| panic!("{folded:?} of {appended} records: {error}"));
    assert_eq!(folded, (appended / 2, appended / 2), "each partition has as much, and no record is folded twice");
    assert_eq!((one.metric("processor_fenced_total").await, other.metric("processor_fenced_total").await), (0, 0));

    // One leaves in the middle of its work.
    append(&backend.log, &shares[2]).await;
    let left = Instant::now();
    let status = other.process.terminate(DEADLINE).await.unwrap();
    assert!(status.success(), "{}", other.process.stderr());
    one.holds(4).await;
    println!("all partitions were taken over {:?} after the other was told to end", left.elapsed());
    append(&backend.log, &shares[3]).await;
    is_folded(&backend).await;
    assert_eq!(one.metric("processor_fenced_total").await, 0, "what was let go of was free");
    assert_sound(&backend, &expected).await;
}

/// While a batch of the books is being decided: nothing is locked by it yet.
const DECIDING: &str = "LOCK TABLE daybook.part IN ACCESS EXCLUSIVE MODE";

/// While it is being written, in the transaction that locks its checkpoints.
const WRITING: &str = "SELECT 1 FROM daybook.checkpoint WHERE consumer = 'books' FOR UPDATE";

/// Keeps every batch of the books waiting at that point, until it is dropped.
async fn hold_up(backend: &Backend, at: &'static str) -> PgConnection {
    let mut holder = PgConnection::connect(backend.url().unwrap()).await.unwrap();
    sqlx::query("BEGIN").execute(&mut holder).await.unwrap();
    sqlx::query(at).execute(&mut holder).await.unwrap();
    holder
}

async fn waiting_for_locks(backend: &Backend) -> i64 {
    let mut asking = PgConnection::connect(backend.url().unwrap()).await.unwrap();
    let count = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    sqlx::query_scalar(count).fetch_one(&mut asking).await.unwrap()
}

/// A processor falls asleep in the middle of a batch, at that point, for longer than its session; another one takes over; it wakes
/// up. Gives how many of its batches were refused then.
async fn sleeps_through_its_session(at: &'static str) -> u64 {
    let backend = Backend::fresh(Kind::Servers, PARTITIONS).await;
    let shares = spread(&backend.log, 40, 3);
    let expected = calm(&shares, Kind::Servers).await;
    let data = backend.folder.path().to_owned();
    let sleeper = Processor::start(&backend, &data).await;
    sleeper.holds(4).await;
    append(&backend.log, &shares[0]).await;
    is_folded(&backend).await;

    let holder = hold_up(&backend, at).await;
    append(&backend.log, &shares[1]).await;
    // Of the other projections nothing is under way, which would be held up with the process.
    let only_books = async || {
        let lags = processor::lags(&backend.log, &backend.db).await.unwrap();
        lags.iter().all(|(projection, lag)| *projection == "books" || *lag == 0)
    };
    wait_until(DEADLINE, async || only_books().await && waiting_for_locks(&backend).await > 0).await.unwrap();
    sleeper.signal("STOP");
    drop(holder);
    let asleep = Instant::now();
    let other = Processor::start(&backend, &data).await;
    other.holds(4).await;
    let dealt = asleep.elapsed();
    is_folded(&backend).await;
    println!("{at}: taken over after {dealt:?}, folded after {:?}", asleep.elapsed());

    sleeper.signal("CONT");
    append(&backend.log, &shares[2]).await;
    other.holds(2).await;
    sleeper.holds(2).await;
    is_folded(&backend).await;
    assert_eq!(other.metric("processor_fenced_total").await, 0, "who took over is not disturbed");
    assert_sound(&backend, &expected).await;
    sleeper.metric("processor_fenced_total").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sleeper_had_decided_is_refused() {
    assert!(sleeps_through_its_session(DECIDING).await > 0);
}

/// Its connection is gone by the time it wakes up, and with it the batch; until then the other waits for its locks.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_sleeper_was_writing_is_undone() {
    sleeps_through_its_session(WRITING).await;
}
