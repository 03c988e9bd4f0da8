//! Several passes at a time: totals that name the same detail count once, whoever decided on them and when; and what came too late is
//! told by the log, by no clock.

use std::collections::BTreeSet;
use std::time::Duration;

use commerce::totals::DetailReplaced;
use commerce::{Fact, ParcelState, PartKey, TotalsId};
use event_log::{EventLog, ReadFrom};
use events::{Event, Record, Source, Topic};
use ledger::Timestamp;
use privacy::retention::expire;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use store::books::{self, Checkpoint, Projection, Stage};
use store::db::{Db, DbError};
use store::keys::RetentionClass;
use uuid::Uuid;

use super::story::{Told, at, event, refunded, scanned, story, voucher};
use super::{KEPT, Shop, at_month_ends, in_each_month, outstanding, row, tenant, with_detail};
use crate::backend::{Backend, Kind};
use crate::books::{append, config, findings, open_hash};
use crate::keys::NOVEMBER;

fn later(seconds: i64) -> Timestamp {
    Timestamp(NOVEMBER.0 + seconds * 1_000_000)
}

fn as_event(fact: &DetailReplaced) -> Event {
    Event::fact(tenant(), Source::DAYBOOK, fact.replaced_at, Fact::DetailReplaced(fact.clone()), Vec::new())
}

/// Recorded by a clock that says something else than the day on which it came.
fn recorded((_, fact): Told, date: &str) -> Event {
    Event::fact(tenant(), Source::SHOPIFY, at(date), fact, Vec::new())
}

impl Shop {
    /// What a pass decides on as the books stand, while these parts are held.
    async fn decided(&self, held: &[&str], now: Timestamp) -> DetailReplaced {
        let (log, db) = (&self.backend.log, &self.backend.db);
        let old = privacy::financial::old(&row(), RetentionClass::Financial.usual(), NOVEMBER);
        let held = held.iter().map(|key| key.parse().unwrap()).collect();
        let next = processor::next_totals(log, db, &tenant(), old, &held, None, now).await.unwrap();
        next.unwrap().fact.unwrap()
    }
}

async fn declined(db: &Db) -> BTreeSet<(Uuid, TotalsId)> {
    let listed = books::declined_totals(db, &tenant(), 100).await.unwrap();
    listed.into_iter().map(|one| (one.event, one.totals)).collect()
}

async fn late(db: &Db) -> BTreeSet<Uuid> {
    books::late_facts(db, &tenant(), 1_000).await.unwrap().into_iter().map(|one| one.event).collect()
}

/// Three passes look at the same books, and each puts its totals on the log: an order more or less, and the same once more later.
#[tokio::test(flavor = "multi_thread")]
async fn passes_that_decided_on_the_same_count_once() {
    for (kind, says_where) in [(Kind::Embedded, true), (Kind::Servers, true), (Kind::Embedded, false)] {
        let shop = Shop::open(kind).await;
        let db = &shop.backend.db;
        let (months, moved) = (at_month_ends(db).await, in_each_month(db).await);
        let cash = outstanding(db).await;
        let mut passes = [
            shop.decided(&["order/94"], NOVEMBER).await,
            shop.decided(&[], later(1)).await,
            shop.decided(&["order/94"], later(2)).await,
        ];
        if !says_where {
            passes.iter_mut().for_each(|fact| fact.folded = None);
        }
        let [first, more, again] = &passes;
        assert!(first.parts.is_subset(&more.parts) && first.parts.len() + 1 == more.parts.len());
        assert_eq!((&first.totals, &first.months), (&again.totals, &again.months));
        shop.tell(&[as_event(first), as_event(more), as_event(first), as_event(again), as_event(more)]).await;

        assert_eq!(at_month_ends(db).await, months, "{kind:?}, {says_where}: the balances of every month's end");
        assert_eq!(findings(&shop.backend).await, Vec::<String>::new(), "{kind:?}, {says_where}");
        processor::sweep(db).await.unwrap();
        assert_eq!(in_each_month(db).await, moved, "{kind:?}, {says_where}: what went in and out in each month");
        assert_eq!(outstanding(db).await, cash, "{kind:?}, {says_where}");
        let mut kept: Vec<&str> = [KEPT, &["order/94"]].concat();
        kept.sort();
        assert_eq!(with_detail(db).await, kept, "{kind:?}, {says_where}");
        for (fact, stands) in [(first, true), (more, false), (again, false)] {
            assert_eq!(processor::stand(db, &tenant(), fact).await.unwrap(), stands, "{kind:?}, {says_where}");
        }
        let named = [more, again].map(|fact| (as_event(fact).id, fact.totals.clone())).into();
        assert_eq!(declined(db).await, named, "{kind:?}, {says_where}");

        let hash = open_hash(db).await;
        processor::rebuild(config(4), &shop.backend.log, db, Projection::Books, &mut |_| {}).await.unwrap();
        assert_eq!(open_hash(db).await, hash, "{kind:?}, {says_where}: a rebuild");
        assert_eq!(declined(db).await, named, "{kind:?}, {says_where}: a rebuild");
        assert_eq!(late(db).await, BTreeSet::new(), "{kind:?}, {says_where}: nothing but totals came");
        assert_eq!(findings(&shop.backend).await, Vec::<String>::new(), "{kind:?}, {says_where}: a rebuild");

        // The next pass looks again, and takes what was left.
        assert_eq!(shop.pass(later(60)).await.replaced, 1, "{kind:?}, {says_where}");
        assert_eq!(with_detail(db).await, KEPT, "{kind:?}, {says_where}");
        assert_eq!(at_month_ends(db).await, months, "{kind:?}, {says_where}: a further pass");
        assert_eq!(findings(&shop.backend).await, Vec::<String>::new(), "{kind:?}, {says_where}: a further pass");
    }
}

/// What stands follows from the order of the totals alone, wherever the other facts come and however many are folded at a time.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_between_totals_does_not_matter() {
    let shop = Shop::open(Kind::Embedded).await;
    let passes = [
        shop.decided(&["order/94"], later(9)).await,
        shop.decided(&[], NOVEMBER).await,
        shop.decided(&["order/94"], NOVEMBER).await,
    ];
    let totals = passes.each_ref().map(as_event);
    let mut kept: Vec<&str> = [KEPT, &["order/94"]].concat();
    kept.sort();
    let mut found = Vec::new();
    for (seed, batch) in [(1, 5_000), (2, 40), (3, 3), (4, 1)] {
        let mut random = StdRng::seed_from_u64(seed);
        let mut events: Vec<Event> = story().into_iter().map(event).chain(totals.iter().cloned()).collect();
        events.shuffle(&mut random);
        let mut in_order = totals.iter().cloned();
        for one in events.iter_mut().filter(|one| totals.iter().any(|totals| totals.id == one.id)) {
            *one = in_order.next().unwrap();
        }
        let backend = Backend::fresh(Kind::Embedded, 1).await;
        books::save_tenant(&backend.db, row()).await.unwrap();
        append(&backend.log, &events).await;
        processor::catch_up(config(batch), &backend.log, &backend.db).await.unwrap();
        processor::sweep(&backend.db).await.unwrap();
        assert_eq!(with_detail(&backend.db).await, kept, "seed {seed}, batches of {batch}");
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "seed {seed}, batches of {batch}");
        let now = (open_hash(&backend.db).await, declined(&backend.db).await);
        processor::rebuild(config(5), &backend.log, &backend.db, Projection::Books, &mut |_| {}).await.unwrap();
        assert_eq!((open_hash(&backend.db).await, declined(&backend.db).await), now, "seed {seed}: a rebuild");
        found.push((now, at_month_ends(&backend.db).await));
    }
    assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
}

/// A log on which totals were told and posted that do not stand, as an earlier version did with those that overlap: folded again, the books
/// are right, and say what they took back.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_posted_for_totals_that_do_not_stand_is_taken_back() {
    let shop = Shop::open(Kind::Embedded).await;
    let months = at_month_ends(&shop.backend.db).await;
    let [first, more] = [shop.decided(&["order/94"], later(1)).await, shop.decided(&[], NOVEMBER).await];
    shop.tell(&[as_event(&more), as_event(&first)]).await;
    let copy = Backend::fresh(Kind::Embedded, 2).await;
    books::save_tenant(&copy.db, row()).await.unwrap();
    for topic in Topic::ALL {
        let mut records = records(&shop.backend.log, topic).await;
        let at = |fact| records.iter().position(|record| *record == as_event(fact).encode());
        if let Some((one, other)) = at(&more).zip(at(&first)) {
            records.swap(one, other);
        }
        copy.log.append(records).await.unwrap();
    }
    for projection in Projection::ALL {
        processor::rebuild(config(50), &copy.log, &copy.db, projection, &mut |_| {}).await.unwrap();
    }
    assert!(processor::stand(&copy.db, &tenant(), &first).await.unwrap());
    assert_eq!(declined(&copy.db).await, [(as_event(&more).id, more.totals.clone())].into());
    let standing =
        books::part(&copy.db, &tenant(), &PartKey::Totals(more.totals.clone(), None)).await.unwrap().unwrap();
    assert!(standing.posted.is_empty(), "{standing:?}");
    // The order that has its detail again counts on the first open day: the books were closed meanwhile.
    assert_eq!(at_month_ends(&copy.db).await.last(), months.last());
    assert_eq!(findings(&copy).await, Vec::<String>::new());
}

async fn records(log: &EventLog, topic: Topic) -> Vec<Record> {
    let (mut records, ends) = (Vec::new(), log.end_offsets(topic).await.unwrap());
    let from: Vec<ReadFrom> = (0..log.partitions()).map(|partition| ReadFrom { topic, partition, offset: 0 }).collect();
    let mut reader = log.reader(&from).unwrap();
    while (records.len() as u64) < ends.iter().sum() {
        let batch = reader.next_batch(1_000, Duration::from_secs(1)).await.unwrap();
        records.extend(batch.records.into_iter().map(|stored| stored.record));
    }
    records
}

/// Cases are not whole while the books are being rebuilt, so nothing is decided by them.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_decided_while_the_books_are_being_rebuilt() {
    let shop = Shop::open(Kind::Embedded).await;
    let (log, db) = (&shop.backend.log, &shop.backend.db);
    let old = privacy::financial::old(&row(), RetentionClass::Financial.usual(), NOVEMBER);
    let count = async || processor::old_detail(log, db, &tenant(), old, &BTreeSet::new()).await.unwrap().count();
    assert_eq!(count().await, 12);
    for (stage, expected) in [(Stage::Rebuilding, 0), (Stage::Live, 12)] {
        let (name, at) = (Projection::Books.name(), log.partition_of(&tenant()));
        let checkpoint = books::checkpoints(db, name).await.unwrap().remove(&at).unwrap();
        let to = Checkpoint { stage, ..checkpoint };
        let put = db.run_tx("stage", move |tx| {
            let to = to.clone();
            Box::pin(async move { books::save_checkpoint(tx, name, at, &to).await })
        });
        let _: () = put.await.map_err(|error: DbError| error).unwrap();
        assert_eq!(count().await, expected, "{stage:?}");
    }
}

/// Two databases over one log, each with a pass at the same time: a turn at the counter of the one is none at the other's.
#[tokio::test(flavor = "multi_thread")]
async fn passes_over_two_databases_replace_each_case_once() {
    for kind in [Kind::Embedded, Kind::Servers] {
        let shop = Shop::open(kind).await;
        let log = &shop.backend.log;
        let other = Backend::fresh(kind, 2).await;
        books::save_tenant(&other.db, row()).await.unwrap();
        for projection in Projection::ALL {
            processor::rebuild(config(50), log, &other.db, projection, &mut |_| {}).await.unwrap();
        }
        let (months, keys, row) = (at_month_ends(&shop.backend.db).await, shop.keys().await, row());
        let (here, there) = tokio::join!(
            expire(&keys, log, &shop.backend.db, &row, NOVEMBER),
            expire(&keys, log, &other.db, &row, later(1)),
        );
        assert_eq!(here.unwrap().replaced + there.unwrap().replaced, 12, "{kind:?}");
        for db in [&shop.backend.db, &other.db] {
            processor::catch_up(config(50), log, db).await.unwrap();
            assert_eq!(with_detail(db).await, KEPT, "{kind:?}");
            assert_eq!(at_month_ends(db).await, months, "{kind:?}");
            let report = processor::verify(log, db, &mut |_| {}).await.unwrap();
            assert!(report.holds(), "{kind:?}: {report:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_late_is_told_by_the_log_and_by_no_clock() {
    for kind in [Kind::Embedded, Kind::Servers] {
        let shop = Shop::open(kind).await;
        let (log, db) = (&shop.backend.log, &shop.backend.db);
        // The totals have this, whatever the clock said that recorded it.
        shop.tell(&[recorded(scanned(2019, "2019-03-13", ParcelState::InTransit), "2027-01-01")]).await;
        assert_eq!(shop.pass(NOVEMBER).await.replaced, 12, "{kind:?}");
        // And these they do not.
        let slow = [
            recorded(refunded(94, "2020-03-06", 7_000), "2020-03-06"),
            recorded(scanned(2019, "2019-03-20", ParcelState::Returned), "2019-03-20"),
            recorded(voucher("rent-2019-03", "2019-03-02", 1, None, false), "2019-03-02"),
        ];
        shop.tell(&slow).await;
        let expected: BTreeSet<Uuid> = slow.iter().map(|one| one.id).collect();
        assert_eq!(late(db).await, expected, "{kind:?}");
        let hash = open_hash(db).await;
        processor::rebuild(config(7), log, db, Projection::Books, &mut |_| {}).await.unwrap();
        assert_eq!(late(db).await, expected, "{kind:?}: a rebuild");
        assert_eq!(open_hash(db).await, hash, "{kind:?}: a rebuild");
        // Neither does whoever folds the log for the first time take for late what the totals have.
        let other = Backend::fresh(kind, 2).await;
        books::save_tenant(&other.db, row()).await.unwrap();
        processor::catch_up(config(7), log, &other.db).await.unwrap();
        assert!(late(&other.db).await.is_subset(&expected), "{kind:?}: {:?}", late(&other.db).await);
    }
}
