//! Reports: the trial balance as of a random day of 900, and as known at a random instant, over two sizes of the same shop's
//! journal. Its cost grows with days, so ten times the transactions must not cost ten times the time.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Context;
use commerce::TenantId;
use events::posted_bytes;
use ledger::statements::trial;
use ledger::{Account, Balances, BusinessZone, Currency, Day, Entry, Money, Posted, Reference, Timestamp, Transaction};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use store::books::{self, AsOf, Head, JournalRow};
use store::db::{Db, DbError};

use crate::place::{Fresh, Kind};
use crate::report::{Measure, Report};

/// Days that the journal covers, whatever its size.
const DAYS: i32 = 900;

/// The first of them: 2024-01-01.
const FIRST: i32 = 19_723;

/// How many trial balances are timed.
const ASKED: usize = 200;

/// Milliseconds within which 99 of 100 are to be answered.
const LIMIT: f64 = 50.0;

/// Transactions that are stored at once.
const BATCH: u32 = 20_000;

const MICROS_OF_DAY: i64 = 86_400_000_000;

/// What a shop of cash on delivery posts, as pairs of debit and credit: fifteen accounts.
const POSTINGS: [(&str, &str, &str); 10] = [
    ("assets:cod-receivable:postex", "income:sales", "liabilities:output-tax"),
    ("assets:cod-receivable:tcs", "income:sales", "liabilities:output-tax"),
    ("assets:gateway-receivable", "income:sales", "income:shipping"),
    ("assets:remittance-clearing", "assets:cod-receivable:postex", "assets:cod-receivable:tcs"),
    ("assets:bank", "assets:remittance-clearing", "assets:gateway-receivable"),
    ("expenses:courier-fees", "liabilities:courier-payable:postex", "assets:input-tax"),
    ("expenses:courier-return-fees", "liabilities:courier-payable:postex", "assets:input-tax"),
    ("income:sales-returns", "liabilities:refunds-payable", "liabilities:output-tax"),
    ("liabilities:refunds-payable", "assets:bank", "assets:cash"),
    ("assets:cod-receivable:postex", "income:sales", "income:shipping"),
];

/// Measures one size of journal.
pub(crate) async fn measure(kind: Kind, size: u32, report: &mut Report) -> anyhow::Result<()> {
    let fresh = Fresh::new(kind).await;
    let (_, db) = fresh.place.open().await?;
    let tenant: TenantId = "reports".parse()?;
    eprintln!("reports, {}: posting {size} transactions over {DAYS} days, seed 1", kind.name());
    fill(&db, &tenant, size).await?;
    let rows = db.query("SELECT COUNT(*) FROM balance", vec![]).await?;
    let rows = u32::try_from(rows.first().map_or(Ok(0), |row| row.int(0))?)?;
    let name = |what: &str| format!("reports, {}, {} k: {what}", kind.name(), size / 1_000);
    report.add(Measure::new(name("balances stored"), f64::from(rows), "rows"));
    let mut rng = StdRng::seed_from_u64(2);
    for (what, known) in [("as of", false), ("as known", true)] {
        let times = timed(&db, &tenant, &mut rng, known).await?;
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
        report.add(Measure::new(name(&format!("{what}, p50")), at(50), "ms"));
        report.add(Measure::new(name(&format!("{what}, p99")), at(99), "ms").at_most(LIMIT));
    }
    db.close().await;
    Ok(())
}

/// Milliseconds of trial balances as of random days, in ascending order.
async fn timed(db: &Db, tenant: &TenantId, rng: &mut StdRng, known: bool) -> anyhow::Result<Vec<f64>> {
    let mut times = Vec::new();
    for _ in 0..ASKED {
        let through = FIRST + rng.random_range(0..DAYS);
        let instant = Timestamp(i64::from(through) * MICROS_OF_DAY + rng.random_range(0..MICROS_OF_DAY));
        let as_of = AsOf { from: None, through: Some(Day(through)), known_at: known.then_some(instant) };
        let started = Instant::now();
        let found = trial(&books::totals(db, tenant, as_of).await?)?;
        times.push(started.elapsed().as_secs_f64() * 1_000.0);
        anyhow::ensure!(found.is_balanced(), "not balanced as of {}", Day(through));
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Posts a journal as the processor does, batch by batch.
async fn fill(db: &Db, tenant: &TenantId, size: u32) -> anyhow::Result<()> {
    let (mut rng, mut head) = (StdRng::seed_from_u64(1), Head::GENESIS);
    for begin in (0..size).step_by(BATCH as usize) {
        let (mut rows, mut balances): (Vec<JournalRow>, BTreeMap<(TenantId, Day), Balances>) = Default::default();
        for index in begin..size.min(begin + BATCH) {
            let posted = posted(index, size, &head, &mut rng)?;
            let known = posted.recorded.day(BusinessZone::UTC);
            balances.entry((tenant.clone(), known)).or_default().add(&posted.transaction)?;
            rows.push(row(tenant, &posted, &mut head));
        }
        let heads = BTreeMap::from([(tenant.clone(), head)]);
        let store = db.run_tx("bench-reports", move |tx| {
            let (rows, balances, heads) = (rows.clone(), balances.clone(), heads.clone());
            Box::pin(async move {
                books::append_journal(tx, &rows).await?;
                books::save_heads(tx, &heads).await?;
                books::add_balances(tx, &balances).await
            })
        });
        store.await.map_err(|error: DbError| error)?;
    }
    Ok(())
}

/// Most facts arrive on their day; a tenth up to three days late, one in a hundred up to thirty.
fn late(rng: &mut StdRng) -> i64 {
    match rng.random_range(0..100) {
        0 => rng.random_range(4..=30),
        1..=10 => rng.random_range(1..=3),
        _ => 0,
    }
}

fn posted(index: u32, size: u32, head: &Head, rng: &mut StdRng) -> anyhow::Result<Posted> {
    let day = FIRST + i32::try_from(u64::from(index) * DAYS.unsigned_abs() as u64 / u64::from(size))?;
    let (debit, credit, second) = *POSTINGS.get(rng.random_range(0..POSTINGS.len())).context("a posting")?;
    let (all, part) = (rng.random_range(1_000..1_000_000_i64), rng.random_range(1..1_000_i64));
    let money = |minor| Money::new(minor, Currency::PKR);
    let account = |path: &str| path.parse::<Account>();
    let entries = vec![
        Entry::debit(account(debit)?, money(all)),
        Entry::credit(account(credit)?, money(all - part)),
        Entry::credit(account(second)?, money(part)),
    ];
    let part = Reference::try_from(format!("parcel/postex/{:014}", 26_704_560_000_000_u64 + u64::from(index)))?;
    let key = format!("{part}/posted").try_into()?;
    let transaction = Transaction::new(key, part.clone(), Day(day), entries)?;
    let recorded = Timestamp((i64::from(day) + late(rng)) * MICROS_OF_DAY + rng.random_range(0..MICROS_OF_DAY));
    Ok(Posted { number: head.number + 1, part, recorded, reverses: None, previous: head.link, transaction })
}

fn row(tenant: &TenantId, posted: &Posted, head: &mut Head) -> JournalRow {
    let body = posted_bytes(posted);
    *head = Head { number: posted.number, link: head.link.then(&body) };
    JournalRow {
        tenant: tenant.clone(),
        number: posted.number,
        partition: 0,
        position: posted.number,
        part: posted.part.to_string(),
        effective: posted.transaction.effective(),
        recorded: posted.recorded,
        entries: books::entries_json(&posted.transaction),
        body,
        link: head.link,
    }
}
