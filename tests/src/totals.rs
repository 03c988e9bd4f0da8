//! Financial records whose time is over: what is finished leaves totals by month behind, and nothing that an accountant adds up moves.
//! On both back ends; through rebuilds, in any order of arrival, with closed books; and what comes too late is listed.

mod auditor;
mod passes;
mod story;

use std::collections::{BTreeMap, BTreeSet};

use commerce::totals::{DetailReplaced, Kept};
use commerce::{Fact, OrderId, ParcelState, Part, PartKey, TenantId};
use events::{Event, Source, Topic};
use ledger::statements::AccountTotals;
use ledger::{Currency, Day, Entry, Live, Month, Timestamp};
use privacy::retention::{Due, Expired, due, expire, expire_and_report};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use store::books::{self, AsOf, PartScan, Projection, TenantRow};
use store::db::Db;
use store::keys::{Actor, BooksHeld, HoldReason, KeyStore, Limit, RetentionClass, RetentionDays};

use crate::backend::{Backend, Kind};
use crate::books::{append, config, findings, open_hash};
use crate::keys::{NOVEMBER, Place};
use story::{at, closed, day, event, refunded, scanned, settled, story, voucher};

pub(crate) fn tenant() -> TenantId {
    "kohsar".parse().unwrap()
}

fn row() -> TenantRow {
    TenantRow {
        tenant: tenant(),
        zone: "Asia/Karachi".parse().unwrap(),
        cod_gateways: commerce::CodGateways::default(),
        created_at: Timestamp(0),
        rules: commerce::Policy::default(),
    }
}

fn year_of(event: &Event) -> String {
    event.recorded_at.to_string()[..4].to_owned()
}

/// A shop with its books and its key store.
pub(crate) struct Shop {
    pub(crate) backend: Backend,
    place: Place,
}

impl Shop {
    pub(crate) async fn open(kind: Kind) -> Shop {
        let place = match kind {
            Kind::Embedded => Place::folder(),
            Kind::Servers => Place::server().await,
        };
        let shop = Shop { backend: Backend::fresh(kind, 2).await, place };
        books::save_tenant(&shop.backend.db, row()).await.unwrap();
        let events: Vec<Event> = story().into_iter().map(event).collect();
        // Each year is folded before the next is told, so that nothing comes too late for the closed ones.
        for year in events.chunk_by(|a, b| year_of(a) == year_of(b)) {
            if year_of(&year[0]) == "2024" {
                shop.tell(&[closed()]).await;
            }
            shop.tell(year).await;
        }
        shop
    }

    async fn tell(&self, events: &[Event]) {
        append(&self.backend.log, events).await;
        // Small batches: each is known from when its last fact was recorded.
        processor::catch_up(config(3), &self.backend.log, &self.backend.db).await.unwrap();
    }

    pub(crate) async fn keys(&self) -> KeyStore {
        self.place.open().await.0
    }

    pub(crate) async fn pass(&self, now: Timestamp) -> Expired {
        expire(&self.keys().await, &self.backend.log, &self.backend.db, &row(), now).await.unwrap()
    }

    async fn due(&self, now: Timestamp) -> Due {
        due(&self.keys().await, &self.backend.log, &self.backend.db, &row(), now).await.unwrap()
    }

    async fn ends(&self) -> Vec<Vec<u64>> {
        let mut ends = Vec::new();
        for topic in Topic::ALL {
            ends.push(self.backend.log.end_offsets(topic).await.unwrap());
        }
        ends
    }
}

const MONTHS: i32 = 8 * 12;

fn nets(totals: AccountTotals) -> BTreeMap<(String, String), (i64, i64)> {
    let net = |((account, currency), total): ((ledger::Account, Currency), ledger::Total)| {
        let net = (total.net().unwrap(), total.pending().unwrap());
        ((account.to_string(), currency.to_string()), net)
    };
    totals.into_iter().map(net).filter(|(_, net)| *net != (0, 0)).collect()
}

/// Every account's balance at the end of each month from January 2019 on, posted and promised.
async fn at_month_ends(db: &Db) -> Vec<BTreeMap<(String, String), (i64, i64)>> {
    let first = day("2019-01-01").month();
    let mut balances = Vec::new();
    for month in (0..MONTHS).map(|months| Month(first.0 + months)) {
        let through = Some(Day(month.next().first().0 - 1));
        let as_of = AsOf { through, ..AsOf::default() };
        balances.push(nets(books::totals(db, &tenant(), as_of).await.unwrap()));
    }
    balances
}

/// What went in and out of every account in each month.
async fn in_each_month(db: &Db) -> Vec<AccountTotals> {
    let first = day("2019-01-01").month();
    let mut moved = Vec::new();
    for month in (0..MONTHS).map(|months| Month(first.0 + months)) {
        let through = Some(Day(month.next().first().0 - 1));
        let as_of = AsOf { from: Some(month.first()), through, ..AsOf::default() };
        let mut totals = books::totals(db, &tenant(), as_of).await.unwrap();
        totals.retain(|_, total| *total != ledger::Total::default());
        moved.push(totals);
    }
    moved
}

/// What was known on some days of the past, of some other days.
async fn as_known_then(db: &Db) -> Vec<AccountTotals> {
    let mut found = Vec::new();
    for (through, known) in [("2019-03-14", "2019-12-31"), ("2020-03-20", "2022-06-01"), ("2025-12-31", "2026-03-01")] {
        let as_of = AsOf { through: Some(day(through)), known_at: Some(at(known)), ..AsOf::default() };
        found.push(books::totals(db, &tenant(), as_of).await.unwrap());
    }
    found
}

async fn outstanding(db: &Db) -> Vec<(String, i64, i64)> {
    let cash = books::cod_by_courier(db, &tenant(), day("2026-11-01")).await.unwrap();
    cash.into_iter().map(|one| (one.courier, one.outstanding, one.on_the_way)).collect()
}

/// Parts with detail, in the order of their names.
async fn with_detail(db: &Db) -> Vec<String> {
    let (mut scan, mut found) = (PartScan::new(db), Vec::new());
    loop {
        let rows = scan.next().await.unwrap();
        if rows.is_empty() {
            return found;
        }
        let has = |part: &Part| !matches!(part, Part::Replaced(_) | Part::Totals(_) | Part::Calendar(_));
        found.extend(rows.into_iter().filter(|row| has(&row.part)).map(|row| row.key.to_string()));
    }
}

async fn replaced(db: &Db) -> Vec<DetailReplaced> {
    let (mut scan, mut found) = (PartScan::new(db), BTreeSet::new());
    loop {
        let rows = scan.next().await.unwrap();
        if rows.is_empty() {
            return found.into_iter().collect();
        }
        let facts = rows.into_iter().filter_map(|row| match row.part {
            Part::Totals(totals) => totals.replaced,
            _ => None,
        });
        found.extend(facts);
    }
}

async fn count(db: &Db, from: &str) -> i64 {
    db.query(&format!("SELECT COUNT(*) FROM {from}"), vec![]).await.unwrap()[0].int(0).unwrap()
}

/// What stays as it is: nothing of the others is left but totals.
const KEPT: &[&str] = &[
    "order/2022",
    "order/2023",
    "order/2024",
    "order/2025",
    "order/91",
    "order/93",
    "order/95",
    "order/96",
    "order/98",
    "parcel/postex/PX-2022",
    "parcel/postex/PX-2023",
    "parcel/postex/PX-2024",
    "parcel/postex/PX-2025",
    "parcel/postex/PX-91",
    "parcel/postex/PX-93",
    "parcel/postex/PX-98",
    "payout/postex/CPR-2022",
    "payout/postex/CPR-2023",
    "payout/postex/CPR-2024",
    "payout/postex/CPR-2025",
    "receipt/grn-1",
    "voucher/rent-2020-01",
    "voucher/rent-2022-01",
];

#[tokio::test(flavor = "multi_thread")]
async fn totals_take_the_place_of_what_is_finished_and_old_and_no_month_moves() {
    for kind in [Kind::Embedded, Kind::Servers] {
        let shop = Shop::open(kind).await;
        let db = &shop.backend.db;
        assert_eq!(findings(&shop.backend).await, Vec::<String>::new(), "{kind:?}");
        let (months, known, cash) = (at_month_ends(db).await, as_known_then(db).await, outstanding(db).await);
        let (goods, moved) = (books::on_hand(db, &tenant()).await.unwrap(), in_each_month(db).await);
        assert_eq!(cash, [("postex".to_owned(), 275_000, 80_000)]);

        // Nothing goes in a dry run: three orders with their parcels and four payouts, three other orders, a voucher, and one with its
        // reversal.
        let ends = shop.ends().await;
        let dry = shop.due(NOVEMBER).await;
        assert_eq!(dry, Due { cases: 12, ..Due::default() }, "{kind:?}");
        assert_eq!(shop.ends().await, ends, "{kind:?}");

        assert_eq!(shop.pass(NOVEMBER).await, Expired { replaced: 12, ..Expired::default() }, "{kind:?}");
        assert_eq!(with_detail(db).await, KEPT, "{kind:?}");
        assert_eq!(at_month_ends(db).await, months, "{kind:?}: the balances of every month's end");
        assert_eq!(in_each_month(db).await, moved, "{kind:?}: what went in and out in each month");
        assert_eq!(as_known_then(db).await, known, "{kind:?}: the past as it was known");
        assert_eq!(outstanding(db).await, cash, "{kind:?}");
        assert_eq!(books::on_hand(db, &tenant()).await.unwrap(), goods, "{kind:?}");
        for gone in ["order_id = '2019'", "order_id = '92'", "order_id = '97'"] {
            assert_eq!(count(db, &format!("order_view WHERE {gone}")).await, 0, "{kind:?} {gone}");
            assert_eq!(count(db, &format!("shipment WHERE {gone}")).await, 0, "{kind:?} {gone}");
            assert_eq!(count(db, &format!("cod_position WHERE {gone}")).await, 0, "{kind:?} {gone}");
        }
        assert_eq!(count(db, "journal WHERE part IN ('order/94', 'parcel/postex/PX-2019')").await, 0, "{kind:?}");
        assert!(count(db, "journal WHERE part = 'parcel/postex/PX-91'").await > 0, "{kind:?}: an open case is whole");
        assert_eq!(findings(&shop.backend).await, Vec::<String>::new(), "{kind:?}");

        // Again, nothing more.
        let (hash, ends) = (open_hash(db).await, shop.ends().await);
        assert_eq!(shop.pass(NOVEMBER).await, Expired::default(), "{kind:?}");
        assert_eq!((open_hash(db).await, shop.ends().await), (hash.clone(), ends), "{kind:?}");
        assert_eq!(shop.due(NOVEMBER).await, Due::default(), "{kind:?}");

        for projection in Projection::ALL {
            let (log, config) = (&shop.backend.log, config(50));
            processor::rebuild(config, log, db, projection, &mut |_| {}).await.unwrap();
        }
        assert_eq!(open_hash(db).await, hash, "{kind:?}: a rebuild");
        assert_eq!(at_month_ends(db).await, months, "{kind:?}");
        assert_eq!(as_known_then(db).await, known, "{kind:?}");
        assert_eq!(count(db, "journal WHERE part IN ('order/94', 'parcel/postex/PX-2019')").await, 0, "{kind:?}");
        assert_eq!(findings(&shop.backend).await, Vec::<String>::new(), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_goes_when_it_is_finished() {
    let shop = Shop::open(Kind::Embedded).await;
    let db = &shop.backend.db;
    shop.pass(NOVEMBER).await;
    // The courier pays at last, in 2026: the case is of this year then, and its time is over in another five.
    shop.tell(&settled(91, "2026-11-03").into_iter().map(event).collect::<Vec<_>>()).await;
    assert_eq!(shop.pass(NOVEMBER).await, Expired::default());
    let months = at_month_ends(db).await;
    let later = at("2032-01-15");
    assert_eq!(outstanding(db).await, [("postex".to_owned(), 0, 80_000)]);
    let gone = shop.pass(later).await;
    assert!(gone.replaced > 0, "{gone:?}");
    assert!(!with_detail(db).await.contains(&"order/91".to_owned()));
    assert!(with_detail(db).await.contains(&"order/93".to_owned()), "its parcel never came");
    assert_eq!(at_month_ends(db).await, months);
    assert_eq!(findings(&shop.backend).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_too_late_is_listed_and_changes_nothing() {
    for kind in [Kind::Embedded, Kind::Servers] {
        let shop = Shop::open(kind).await;
        let db = &shop.backend.db;
        shop.pass(NOVEMBER).await;
        let (hash, months) = (open_hash(db).await, at_month_ends(db).await);
        let refund = event(refunded(94, "2026-11-20", 7_000));
        let scan = event(scanned(2019, "2026-11-21", ParcelState::Returned));
        let rent = event(voucher("rent-2019-03", "2026-11-21", 1, None, false));
        let late = [refund.clone(), scan.clone(), rent.clone()];
        shop.tell(&late).await;
        let expected = |listed: &[books::LateFact]| {
            let mut found: Vec<_> = listed.iter().map(|one| (one.event, one.part.to_string())).collect();
            found.sort();
            let mut wanted = vec![
                (refund.id, "order/94".to_owned()),
                (scan.id, "parcel/postex/PX-2019".to_owned()),
                (rent.id, "voucher/rent-2019-03".to_owned()),
            ];
            wanted.sort();
            assert_eq!(found, wanted, "{kind:?}");
        };
        expected(&books::late_facts(db, &tenant(), 10).await.unwrap());
        assert_eq!((open_hash(db).await, at_month_ends(db).await), (hash.clone(), months.clone()), "{kind:?}");
        assert_eq!(findings(&shop.backend).await, Vec::<String>::new(), "{kind:?}");
        processor::rebuild(config(7), &shop.backend.log, db, Projection::Books, &mut |_| {}).await.unwrap();
        expected(&books::late_facts(db, &tenant(), 10).await.unwrap());
        assert_eq!((open_hash(db).await, at_month_ends(db).await), (hash, months), "{kind:?}: a rebuild");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_keeps_everything_until_it_ends() {
    let shop = Shop::open(Kind::Embedded).await;
    let keys = shop.keys().await;
    let held = BooksHeld {
        reason: HoldReason::Legal,
        staff: "owner".parse().unwrap(),
        since: NOVEMBER,
        until: Timestamp(NOVEMBER.0 + 86_400_000_000),
    };
    keys.hold_books(&tenant(), &held).await.unwrap();
    let hash = open_hash(&shop.backend.db).await;
    assert_eq!((shop.due(NOVEMBER).await, shop.pass(NOVEMBER).await), (Due::default(), Expired::default()));
    assert_eq!(open_hash(&shop.backend.db).await, hash);
    assert_eq!(keys.books_held(&tenant(), NOVEMBER).await.unwrap(), Some(held.clone()));
    assert_eq!(shop.due(held.until).await.cases, 12, "it ends by itself");
    assert!(keys.release_books(&tenant(), NOVEMBER).await.unwrap());
    assert!(!keys.release_books(&tenant(), NOVEMBER).await.unwrap());
    assert_eq!(shop.pass(NOVEMBER).await.replaced, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_keep_their_detail_for_a_reason() {
    let shop = Shop::open(Kind::Embedded).await;
    let (log, db) = (&shop.backend.log, &shop.backend.db);
    let old = privacy::financial::old(&row(), RetentionClass::Financial.usual(), NOVEMBER);
    assert_eq!(old.before, day("2021-11-01"));
    let detail = processor::old_detail(log, db, &tenant(), old, &Default::default()).await.unwrap();
    let kept = BTreeMap::from([(Kept::Recent, 1), (Kept::Open, 3), (Kept::Goods, 2)]);
    assert_eq!(detail.kept, kept, "a refund of this year; cash, a parcel, a deposit; an order and a receipt of goods");
    let by_month: Vec<_> = detail.cases.iter().map(|(month, count)| (month.map(|m| m.to_string()), *count)).collect();
    let month = |text: &str| Some(text.to_owned());
    let expected = [
        (None, 1),
        (month("2019-03"), 1),
        (month("2019-04"), 2),
        (month("2019-07"), 2),
        (month("2019-10"), 1),
        (month("2020-03"), 1),
        (month("2020-04"), 2),
        (month("2021-04"), 2),
    ];
    assert_eq!(by_month, expected);
    let held = [PartKey::Order(OrderId(94))].into();
    let detail = processor::old_detail(log, db, &tenant(), old, &held).await.unwrap();
    assert_eq!((detail.count(), detail.kept.get(&Kept::Held)), (11, Some(&1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_longer_time_is_kept_and_a_shorter_one_is_not() {
    let shop = Shop::open(Kind::Embedded).await;
    let keys = shop.keys().await;
    let ten_years = RetentionDays::new(3_653).unwrap();
    keys.set_retention(&tenant(), RetentionClass::Financial, Some(ten_years)).await.unwrap();
    assert_eq!(shop.pass(NOVEMBER).await, Expired::default());
    keys.set_retention(&tenant(), RetentionClass::Financial, Some(RetentionDays::new(30).unwrap())).await.unwrap();
    let limits = keys.retention(&tenant()).await.unwrap();
    let shortest = RetentionClass::Financial.shortest();
    let limit = Limit { class: RetentionClass::Financial, days: shortest, own: true };
    assert!(limits.contains(&limit), "{limits:?}");
    let by = Actor::Operator;
    expire_and_report(&keys, &shop.backend.log, &shop.backend.db, &row(), &by, NOVEMBER).await.unwrap();
    let reports = keys.retention_reports(&tenant(), 1).await.unwrap();
    assert_eq!((reports[0].replaced, reports[0].failed), (12, false));
}

/// The facts, and which detail was replaced, in any order and in batches of any size, with no ledger topic from before.
#[tokio::test(flavor = "multi_thread")]
async fn in_whatever_order_they_come_the_books_are_the_same() {
    let shop = Shop::open(Kind::Embedded).await;
    shop.pass(NOVEMBER).await;
    let totals = replaced(&shop.backend.db).await;
    assert_eq!(totals.len(), 1);
    let mut events: Vec<Event> = story().into_iter().map(event).collect();
    events.extend(
        totals
            .into_iter()
            .map(|fact| Event::fact(tenant(), Source::DAYBOOK, NOVEMBER, Fact::DetailReplaced(fact), Vec::new())),
    );
    let mut found = Vec::new();
    for (seed, batch) in [(1, 5_000), (2, 40), (3, 3), (4, 1)] {
        events.shuffle(&mut StdRng::seed_from_u64(seed));
        let backend = Backend::fresh(Kind::Embedded, 1).await;
        books::save_tenant(&backend.db, row()).await.unwrap();
        append(&backend.log, &events).await;
        processor::catch_up(config(batch), &backend.log, &backend.db).await.unwrap();
        processor::sweep(&backend.db).await.unwrap();
        assert_eq!(with_detail(&backend.db).await, KEPT, "seed {seed}, batches of {batch}");
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "seed {seed}, batches of {batch}");
        found.push((open_hash(&backend.db).await, at_month_ends(&backend.db).await));
    }
    assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
    // The shop's own books were closed meanwhile, but nothing came too late for that.
    assert_eq!(found[0].1, at_month_ends(&shop.backend.db).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_erased_people_go_with_their_orders() {
    for kind in [Kind::Embedded, Kind::Servers] {
        let shop = Shop::open(kind).await;
        let db = &shop.backend.db;
        for (about, sealed) in [
            ("order/94", false),
            ("order/94/refund/9400", false),
            ("order/2019", true),
            ("order/91", false),
            ("order/941", false),
        ] {
            let put = db.run_tx("person", move |tx| {
                let sealed = sealed.then(|| vec![1_u8]);
                let args = vec![about.into(), sealed.as_deref().into()];
                let sql = "INSERT INTO person (tenant, about, role, subject, event, version, sealed) \
                           VALUES ('kohsar', $1, 'buyer', 's', 'e', 1, $2)";
                Box::pin(async move { tx.execute(sql, args).await })
            });
            let _: u64 = put.await.map_err(|error: store::db::DbError| error).unwrap();
        }
        shop.pass(NOVEMBER).await;
        let rows = db.query("SELECT about FROM person ORDER BY about", vec![]).await.unwrap();
        let left: Vec<&str> = rows.iter().map(|row| row.text(0).unwrap()).collect();
        assert_eq!(left, ["order/2019", "order/91", "order/941"], "{kind:?}: who has a key has a time of their own");
    }
}

/// What the totals say is the sum of what stood for the parts they name, month by month and side by side.
#[tokio::test(flavor = "multi_thread")]
async fn totals_are_the_sums_of_what_they_replace() {
    let shop = Shop::open(Kind::Embedded).await;
    let mut standing: BTreeMap<String, Vec<Live>> = BTreeMap::new();
    let mut scan = PartScan::new(&shop.backend.db);
    loop {
        let rows = scan.next().await.unwrap();
        if rows.is_empty() {
            break;
        }
        standing.extend(rows.into_iter().map(|row| (row.key.to_string(), row.posted.into_values().collect())));
    }
    shop.pass(NOVEMBER).await;
    for fact in replaced(&shop.backend.db).await {
        let mut sums: BTreeMap<(Month, String, String, String), i64> = BTreeMap::new();
        let add = |sums: &mut BTreeMap<_, i64>, month: Month, entry: &Entry, sign: i64| {
            let at = (month, entry.account.to_string(), format!("{:?}", entry.side), format!("{:?}", entry.layer));
            *sums.entry(at).or_default() += sign * entry.amount.minor;
        };
        for Live { transaction, .. } in fact.parts.iter().flat_map(|part| &standing[&part.to_string()]) {
            for entry in transaction.entries() {
                add(&mut sums, transaction.effective().month(), entry, 1);
            }
        }
        assert!(!sums.is_empty());
        for ((last, _), entries) in &fact.months {
            assert_ne!(last.month(), Day(last.0 + 1).month(), "{last} ends its month");
            entries.iter().for_each(|entry| add(&mut sums, last.month(), entry, -1));
        }
        assert!(sums.values().all(|sum| *sum == 0), "{sums:?}");
    }
}
