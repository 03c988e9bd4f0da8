//! `make bench`: what this machine does with a log of orders, and how far that is from what it could do at best.
//!
//! Each measure runs on both back ends (sealing needs none), and beside it, in the same run, a ceiling: the least work that could
//! give the same result. What is measured runs in a process of its own (this program again, with a hidden argument), so that its peak
//! memory is nobody else's. Prints a table and writes `target/bench.json`.
//!
//! - `DAYBOOK_BENCH_EVENTS`: sizes of the log, and of the journal for reports, `100000,1000000,5000000` if unset.
//! - `DAYBOOK_BENCH_ROUNDS`: rounds of each measure, `5` if unset; a log of more than a million events is folded once.
//! - `DAYBOOK_BENCH_REQUESTS`: requests of a round, `20000` if unset.
//! - `DAYBOOK_BENCH_ONLY`: words that a measure's name must have one of: `projection`, `ledger`, `ingest`, `reports`,
//!   `privacy`, `sealing`, `fold`, `embedded`, `servers`. Reports are measured on servers alone.
//! - `DAYBOOK_BENCH_KEYS`: living keys that a rotation moves, `10000,100000,1000000` if unset.
//!
//! - `DAYBOOK_BENCH_PEER`: a command that measures another tool on the same servers, see `peer`.
//!
//! Each round measures its ceiling too, right after; what is printed is the median, between what the rounds lay, and beside it the
//! ratio of the last result that was kept. Ends with an error if any figure is not what is asked of it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a person at a terminal")]
#![expect(clippy::float_arithmetic, reason = "rates and shares; there is no money here")]

mod ceiling;
mod child;
mod dense;
mod erasures;
mod fold;
mod ingest;
mod latency;
mod ledger;
mod load;
mod peer;
mod place;
mod projection;
mod report;
mod reports;
mod rotation;
mod sealing;
mod startup;
mod workload;

use anyhow::Context;
use place::Kind;
use report::Report;

/// The same as in the `daybook` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.as_slice() {
        [projection::CHILD, place] => runtime.block_on(projection::child(place)),
        [projection::REBUILD, place] => runtime.block_on(projection::rebuild_child(place)),
        [ledger::CHILD, place] => runtime.block_on(ledger::child(place)),
        [load::CHILD, order] => runtime.block_on(load::child(order)),
        _ => runtime.block_on(everything()),
    }
}

async fn everything() -> anyhow::Result<()> {
    let sizes = numbers("DAYBOOK_BENCH_EVENTS", &[100_000, 1_000_000, 5_000_000])?;
    let keys = numbers("DAYBOOK_BENCH_KEYS", &[10_000, 100_000, 1_000_000])?;
    let round = numbers("DAYBOOK_BENCH_REQUESTS", &[20_000])?.first().copied().unwrap_or_default();
    let requests = if wanted("ingest") { Some(ingest::Requests::write(round)?) } else { None };
    let mut report = Report::default();
    if wanted("sealing") {
        sealing::measure(&mut report)?;
    }
    if wanted("fold") {
        fold::measure(&mut report)?;
    }
    for kind in Kind::BOTH.into_iter().filter(|kind| wanted(kind.name())) {
        if wanted("projection") {
            projection::measure(kind, &sizes, &mut report).await?;
        }
        if wanted("ledger") {
            ledger::measure(kind, &sizes, &mut report).await?;
        }
        if let Some(requests) = &requests {
            ingest::measure(kind, requests, &mut report).await?;
            latency::measure(kind, requests, &mut report).await?;
        }
        if wanted("privacy") {
            erasures::measure(kind, &mut report).await?;
            rotation::measure(kind, &keys, &mut report).await?;
        }
        for size in sizes.iter().filter(|size| **size <= 1_000_000 && kind == Kind::Servers && wanted("reports")) {
            reports::measure(kind, *size, &mut report).await?;
        }
    }
    if wanted("servers") && wanted("projection") {
        peer::measure(&mut report).await?;
    }
    report.finish()
}

/// Whether `DAYBOOK_BENCH_ONLY` leaves a part in: it does when it is unset, names the part, or names none of its kind.
fn wanted(part: &str) -> bool {
    let Ok(only) = std::env::var("DAYBOOK_BENCH_ONLY") else { return true };
    let alike: &[&str] = if ["embedded", "servers"].contains(&part) {
        &["embedded", "servers"]
    } else {
        &["projection", "ledger", "ingest", "privacy", "reports", "sealing", "fold"]
    };
    let named: Vec<&str> = only.split(',').map(str::trim).filter(|word| alike.contains(word)).collect();
    named.is_empty() || named.contains(&part)
}

/// How often a log of this size is folded.
fn rounds(size: u32) -> usize {
    let asked = std::env::var("DAYBOOK_BENCH_ROUNDS").ok().and_then(|text| text.trim().parse().ok()).unwrap_or(5);
    if size > 1_000_000 { 1 } else { asked }
}

fn numbers(variable: &str, default: &[u32]) -> anyhow::Result<Vec<u32>> {
    let Ok(text) = std::env::var(variable) else { return Ok(default.to_vec()) };
    let read = |word: &str| word.trim().parse().with_context(|| format!("{variable}: {word:?} is not a number"));
    text.split(',').map(read).collect()
}
