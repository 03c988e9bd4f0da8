//! Erasures: what somebody with 100,000 events costs beside somebody with ten, and how many go in a minute.
//!
//! The path is all of what whoever asked waits for: the wish on record, the keys destroyed and listed in the keyring, the log
//! told, the erasure marked as announced. Its cost follows keys (one a month), not events. What follows events comes after it:
//! the read model empties the person's boxes, which nobody can open any more by then. That is measured by itself, and nothing is
//! asked of it.

use std::time::Instant;

use anyhow::Context;
use commerce::{Fact, FulfilmentId, FulfilmentRecorded, OrderId, SubjectId, TenantId};
use event_log::EventLog;
use events::{Event, Record, SealedBox, Source};
use ledger::Timestamp;
use processor::Config;
use store::db::Db;
use store::keys::{ErasureReason, IdentityHint, IdentityKind, KeyStore, Month, PersonRef, Sealing};
use subject_keys::BoxContext;

use crate::place::{Fresh, Kind};
use crate::report::{Measure, Report};

/// Events of somebody with many, and of somebody with few.
const EVENTS: [u32; 2] = [100_000, 10];

/// Pairs of them. The events of the first are on the log and in the read models too. The others follow when everything is warm;
/// what the key store has of them is what their events would have left there. They take turns, and medians count.
const PAIRS: u32 = 11;

/// What somebody with many may cost of what somebody with few does.
const MOST: f64 = 1.5;

/// Erasures whose time is taken together, and how many a minute are asked for.
const ERASURES: u32 = 10_000;
const A_MINUTE: f64 = 10_000.0;

/// Shops that they are of, and of each how many go one by one before the others.
const SHOPS: u32 = 8;
const ALONE: u32 = 25;

/// Above all numbers of those with many events.
const FIRST: u32 = 50_000_000;

/// Events sealed and appended at once.
const BATCH: u32 = 4_000;

/// Months that somebody's events are spread over: as long as they are kept by default.
const MONTHS: u32 = 24;

const NOW: Timestamp = Timestamp(1_794_000_000_000_000);
const A_MONTH: i64 = 31 * 86_400_000_000;

/// Where it happens. The place goes with it.
struct Stage {
    keys: KeyStore,
    log: EventLog,
    db: Db,
    _fresh: Fresh,
}

/// Measures one back end.
pub(crate) async fn measure(kind: Kind, report: &mut Report) -> anyhow::Result<()> {
    let fresh = Fresh::new(kind).await;
    let (log, db) = fresh.place.open().await?;
    let stage = Stage { keys: fresh.key_store().await?, log, db, _fresh: fresh };
    of_many_events(kind, &stage, report).await?;
    in_a_minute(kind, &stage, report).await
}

async fn of_many_events(kind: Kind, stage: &Stage, report: &mut Report) -> anyhow::Result<()> {
    let (shop, mut pairs) = (shop(0)?, Vec::new());
    for pair in 0..PAIRS {
        eprintln!("erasures, {}: somebody with {} events, {} of {PAIRS}", kind.name(), EVENTS[0], pair + 1);
        let told = pair == 0;
        pairs.push([fill(stage, 2 * pair, EVENTS[0], told).await?, fill(stage, 2 * pair + 1, EVENTS[1], told).await?]);
    }
    processor::catch_up(Config::default(), &stage.log, &stage.db).await?;
    let (mut took, mut emptied) = ([vec![], vec![]], [0.0, 0.0]);
    for (turn, pair) in pairs.iter().enumerate() {
        for class in if turn % 2 == 0 { [0, 1] } else { [1, 0] } {
            let subject = pair[class];
            let started = Instant::now();
            privacy::erase(&stage.keys, &stage.log, &stage.db, &shop, subject, ErasureReason::Person, NOW).await?;
            let seconds = started.elapsed().as_secs_f64();
            if turn > 0 {
                took[class].push(seconds);
            } else {
                anyhow::ensure!(
                    boxes(stage, subject).await? == i64::from(EVENTS[class]),
                    "the read model has all boxes"
                );
                let started = Instant::now();
                processor::catch_up(Config::default(), &stage.log, &stage.db).await?;
                emptied[class] = started.elapsed().as_secs_f64();
                anyhow::ensure!(boxes(stage, subject).await? == 0, "the read model has none of their boxes");
            }
        }
    }
    let name = |what: &str| format!("erasures, {}: {what}", kind.name());
    let [many, few] = took.map(median);
    report.add(Measure::new(name("of 10 events, to announced"), few * 1_000.0, "ms"));
    report.add(Measure::new(name("of 100 k events, to announced"), many * 1_000.0, "ms").at_most(MOST * few * 1_000.0));
    let [many, few] = emptied;
    report.add(Measure::new(name("of 10 events, read models after"), few * 1_000.0, "ms"));
    report.add(Measure::new(name("of 100 k events, read models after"), many * 1_000.0, "ms"));
    Ok(())
}

async fn in_a_minute(kind: Kind, stage: &Stage, report: &mut Report) -> anyhow::Result<()> {
    eprintln!("erasures, {}: {ERASURES} people", kind.name());
    let name = |what: &str| format!("erasures, {}: {what}", kind.name());
    let (reason, mut people) = (ErasureReason::Person, Vec::new());
    for number in 0..SHOPS {
        let shop = shop(number)?;
        let each = (0..ERASURES / SHOPS + ALONE)
            .map(|person| person_ref(&shop, FIRST + SHOPS * person + number, FIRST + person, 0));
        let known = stage.keys.resolve(each.collect()).await?;
        people.push((shop, known.iter().map(Sealing::subject).collect::<Vec<SubjectId>>()));
    }
    let started = Instant::now();
    for (shop, subjects) in &mut people {
        for subject in subjects.drain(..ALONE as usize) {
            privacy::erase(&stage.keys, &stage.log, &stage.db, shop, subject, reason, NOW).await?;
        }
    }
    let rate = |erased: u32, since: Instant| f64::from(erased) / since.elapsed().as_secs_f64() * 60.0;
    report.add(Measure::new(name("one by one, to announced"), rate(SHOPS * ALONE, started), "a minute"));
    let started = Instant::now();
    for (shop, subjects) in &people {
        let outcomes = privacy::erase_all(&stage.keys, &stage.log, &stage.db, shop, subjects, reason, NOW).await;
        anyhow::ensure!(outcomes.len() == subjects.len() && outcomes.values().all(Result::is_ok), "all are erased");
    }
    let together = rate(ERASURES, started);
    report.add(Measure::new(name("together, to announced"), together, "a minute").at_least(A_MINUTE));
    Ok(())
}

/// Somebody with so many events, each of an order of its own; the log is told of them, or not.
async fn fill(stage: &Stage, number: u32, events: u32, told: bool) -> anyhow::Result<SubjectId> {
    let shop = shop(0)?;
    let mut subject = None;
    for begin in (0..events).step_by(BATCH as usize) {
        let batch = begin..events.min(begin + BATCH);
        let people = batch.clone().map(|event| person_ref(&shop, number, number * EVENTS[0] + event, event % MONTHS));
        let sealings = stage.keys.resolve(people.collect()).await?;
        subject = sealings.first().map(Sealing::subject);
        if !told {
            continue;
        }
        let orders = batch.map(|event| u64::from(number * EVENTS[0] + event));
        let records = orders.zip(&sealings).map(|(order, sealing)| parcel_sent(&shop, order, sealing));
        stage.log.append(records.collect::<anyhow::Result<_>>()?).await?;
    }
    subject.context("somebody without events")
}

/// Somebody by their phone, and by an order of theirs.
fn person_ref(shop: &TenantId, phone: u32, order: u32, months_ago: u32) -> PersonRef {
    let at = Timestamp(NOW.0 - i64::from(months_ago) * A_MONTH);
    let hint = |kind, text: String| IdentityHint { kind, value: text.into() };
    let identities =
        vec![hint(IdentityKind::Phone, format!("+9230{phone:08}")), hint(IdentityKind::Order, order.to_string())];
    PersonRef { tenant: shop.clone(), identities, month: Month::of(at), at }
}

fn parcel_sent(shop: &TenantId, order: u64, sealing: &Sealing) -> anyhow::Result<Record> {
    let fact = Fact::FulfilmentRecorded(FulfilmentRecorded {
        version: NOW,
        order: OrderId(order),
        fulfilment: FulfilmentId(order),
        fulfilled_at: NOW,
        stands: true,
        delivered: false,
        parcels: vec![],
        lines: vec![],
    });
    let Sealing::Seal { subject, key_id, key } = sealing else { anyhow::bail!("nobody is erased yet") };
    let event = Event::fact(shop.clone(), Source::SHOPIFY, NOW, fact.clone(), vec![]).id;
    let context = BoxContext { tenant: shop.as_str(), subject: subject.0, event, label: "recipient" };
    let sealed = key.seal(*key_id, &context, &[b'x'; 120], &mut |bytes: &mut [u8]| rand::fill(bytes))?;
    let boxed = SealedBox { subject: *subject, label: "recipient".to_owned(), sealed };
    Ok(Event::fact(shop.clone(), Source::SHOPIFY, NOW, fact, vec![boxed]).encode())
}

/// Boxes that the read model has of somebody.
async fn boxes(stage: &Stage, subject: SubjectId) -> anyhow::Result<i64> {
    let sql = "SELECT COUNT(*) FROM person WHERE subject = $1 AND sealed IS NOT NULL";
    let rows = stage.db.query(sql, vec![subject.to_string().into()]).await?;
    Ok(rows.first().map_or(Ok(0), |row| row.int(0))?)
}

fn shop(number: u32) -> anyhow::Result<TenantId> {
    format!("shop-{number}").parse().ok().context("a tenant's name")
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or(f64::INFINITY)
}
