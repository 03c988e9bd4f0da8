//! Faults on purpose: processes killed at random and at named points, stopped and woken, servers killed under traffic, slow lines,
//! wrong builds. What counts is always the same: the books in the end are those of a run that nobody disturbed, and `verify`
//! finds nothing.
//!
//! The suite does a little of each. `make faults` does all of it, with `daybook-faults`, a build that can be told to kill itself at a
//! point or to be wrong. `DAYBOOK_SEED` is printed, and says when and where it hurts.

mod broken;
mod churn;
mod clock;
mod disk;
mod kills;
mod producers;
mod servers_away;
mod stops;
mod workers;

use std::process::ExitStatus;
use std::time::Duration;

use commerce::TenantId;
use events::Event;
use processor::BooksHash;
use store::books::{self, Projection};
use store::db::Db;
use testkit::Daybook;

use crate::backend::{Backend, Kind};
use crate::books::{append, config, findings, open_hash, sample_of};

const LONG: Duration = Duration::from_secs(120);

/// How much is done.
#[derive(Debug, Clone, Copy)]
struct Extent {
    /// Events on the log, about.
    events: u32,
    /// Kills of a role.
    kills: u32,
    /// Webhooks that are sent.
    webhooks: usize,
    /// Processors that are stopped and woken, and how many installations do it side by side.
    stops: (u32, u32),
    /// How often a server is killed under traffic.
    outages: u32,
    /// How long servers are away together.
    away: Duration,
    /// How often a processor joins and another one leaves, every two seconds.
    churn: u32,
}

/// All of it, or a little; and the seed.
fn extent() -> (Extent, u64) {
    let seed = std::env::var("DAYBOOK_SEED").ok().map_or_else(rand::random, |text| text.parse().unwrap());
    println!("DAYBOOK_SEED={seed}");
    let whole = Extent {
        events: 200_000,
        kills: 50,
        webhooks: 20_000,
        stops: (50, 10),
        outages: 3,
        away: Duration::from_secs(60),
        churn: 150,
    };
    let little = Extent {
        events: 2_500,
        kills: 5,
        webhooks: 150,
        stops: (1, 1),
        outages: 1,
        away: Duration::from_secs(1),
        churn: 3,
    };
    (if is_whole() { whole } else { little }, seed)
}

/// Whether this is `make faults`, which has built `daybook-faults`.
fn is_whole() -> bool {
    std::env::var("DAYBOOK_FAULTS").is_ok_and(|asked| asked == "all")
}

/// About so many events of eight shops, those of each in their order, and the shops taking turns.
fn traffic(events: u32, seed: u64) -> Vec<Event> {
    const SHOPS: u32 = 8;
    // An order of the sample shop is some ten events.
    let orders = events.div_ceil(SHOPS * 10);
    let shops: Vec<Vec<Event>> = (0..SHOPS)
        .map(|shop| {
            let tenant: TenantId = format!("shop-{shop}").parse().unwrap();
            sample_of(&tenant, orders, seed.wrapping_add(u64::from(shop))).0
        })
        .collect();
    let longest = shops.iter().map(Vec::len).max().unwrap_or(0);
    let turns = (0..longest).flat_map(|turn| shops.iter().filter_map(move |shop| shop.get(turn)));
    turns.cloned().collect()
}

/// The books of these events where nothing goes wrong.
async fn calm(events: &[Event]) -> BooksHash {
    let calm = Backend::fresh(Kind::Embedded, 4).await;
    append(&calm.log, events).await;
    processor::catch_up(config(4_000), &calm.log, &calm.db).await.unwrap();
    assert_eq!(findings(&calm).await, Vec::<String>::new());
    open_hash(&calm.db).await
}

/// How a processor is run here: in small batches, so that a fault has something to hit.
fn environment(backend: &Backend, more: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    let mut environment = backend.environment();
    let small = [("DAYBOOK_BATCH", "200"), ("DAYBOOK_PARTITIONS", "4"), ("DAYBOOK_SESSION_SECONDS", "2")];
    environment.extend(small.map(|(name, value)| (name, value.to_owned())));
    environment.extend(more.iter().cloned());
    environment
}

fn start(backend: &Backend, role: &str, more: &[(&'static str, String)]) -> Daybook {
    start_command(backend, &[role], more)
}

fn start_command(backend: &Backend, command: &[&str], more: &[(&'static str, String)]) -> Daybook {
    let environment = environment(backend, more);
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let run = if is_whole() { Daybook::start_armed } else { Daybook::start };
    run(backend.folder.path(), command, &environment).unwrap()
}

/// Records folded so far, over all projections and partitions.
async fn folded(db: &Db) -> u64 {
    let mut sum = 0;
    for projection in Projection::ALL {
        let checkpoints = books::checkpoints(db, projection.name()).await.unwrap();
        sum += checkpoints.values().flat_map(|c| c.offsets.values()).sum::<u64>();
    }
    sum
}

async fn is_folded(backend: &Backend) -> bool {
    processor::lag(&backend.log, &backend.db).await.is_ok_and(|lag| lag == 0)
}

/// Whether it was killed, by itself or by somebody else.
fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(9)
}

/// In the end nothing is left to fold, nothing is wrong, and the books are those of the calm run.
async fn require_calm_books(backend: &Backend, calm: &BooksHash, what: &str) {
    processor::catch_up(config(4_000), &backend.log, &backend.db).await.unwrap();
    assert_eq!(findings(backend).await, Vec::<String>::new(), "{what}");
    assert_eq!(open_hash(&backend.db).await, *calm, "{what}");
}
