//! The books as of any day, as known at any time: what came late counts on its day, and is not in what was known before it came.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use commerce::{CodGateways, Fact, ParcelState, Policy, TenantId};
use events::{Event, Source};
use ledger::statements::balances;
use ledger::{BusinessZone, Currency, Day, Money, Timestamp};
use serde_json::Value;
use store::books::{self, AsOf, PostedScan, TenantRow};
use store::db::Db;
use testkit::Daybook;

use crate::backend::{Backend, Kind};
use crate::books::{append, config, findings};
use crate::disputes::{booked, fulfilled, placed, revised, scanned, settled};

const BOTH: [Kind; 2] = [Kind::Embedded, Kind::Servers];

/// 2026-02-03, the day after the sample facts begin.
const THE_3RD: Day = Day(20_487);

const HOUR: i64 = 3_600_000_000;

fn shop() -> TenantId {
    "kohsar".parse().unwrap()
}

/// An order whose parcel was delivered against cash that many hours after 2026-02-02, 07:40 in Karachi.
fn delivered(order: u64, rupees: i64, hour: i64) -> Vec<Fact> {
    let (name, number) = (format!("shop-{order}"), format!("{}", 26_704_560_000_000 + order));
    vec![
        placed(order, &name),
        revised(order, 1, rupees * 100, 0),
        fulfilled(order, 2, &[&number]),
        booked(&number, Some(name.parse().unwrap()), Money::new(rupees * 100, Currency::PKR)),
        scanned(&number, hour, ParcelState::Delivered, None),
    ]
}

/// A day and an hour (UTC) of February 2026.
fn february(day: i64, hour: i64) -> Timestamp {
    Timestamp(i64::from(THE_3RD.0 - 3) * 24 * HOUR + (day * 24 + hour) * HOUR)
}

async fn record(backend: &Backend, recorded: Timestamp, facts: Vec<Fact>) {
    let event = |fact| Event::fact(shop(), Source::SHOPIFY, recorded, fact, Vec::new());
    append(&backend.log, &facts.into_iter().map(event).collect::<Vec<_>>()).await;
    processor::catch_up(config(1_000), &backend.log, &backend.db).await.unwrap();
}

async fn with_a_shop(kind: Kind) -> Backend {
    let backend = Backend::fresh(kind, 2).await;
    let row = TenantRow {
        tenant: shop(),
        zone: BusinessZone::KARACHI,
        cod_gateways: CodGateways::default(),
        created_at: Timestamp(0),
        rules: Policy::default(),
    };
    books::save_tenant(&backend.db, row).await.unwrap();
    backend
}

/// What couriers owed at the end of a day, as known at a time, in rupees.
async fn owed(db: &Db, day: Day, known_at: Option<Timestamp>) -> i64 {
    let (as_of, account) =
        (AsOf { from: None, through: Some(day), known_at }, "assets:cod-receivable".parse().unwrap());
    let totals = books::totals(db, &shop(), as_of).await.unwrap();
    let owed = balances(&account, &totals).unwrap().get(&Currency::PKR).copied().unwrap_or(0);
    let (tenant, mut read) = (shop(), 0);
    let mut scan = PostedScan::new(db, &tenant, &account, as_of);
    loop {
        let page = scan.next().await.unwrap();
        if page.is_empty() {
            break;
        }
        for entry in page.iter().flat_map(|posted| posted.transaction.entries()) {
            if entry.account.is_within(&account) && entry.layer == ledger::Layer::Posted {
                read += if entry.side == ledger::Side::Debit { entry.amount.minor } else { -entry.amount.minor };
            }
        }
    }
    assert_eq!(read, owed, "the transactions add up to the balance as of {day}");
    owed / 100
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_late_counts_on_its_day_and_is_known_from_when_it_came() {
    let day = |number: i32| Day(THE_3RD.0 - 3 + number);
    for kind in BOTH {
        let backend = with_a_shop(kind).await;
        record(&backend, february(10, 12), [delivered(1, 2_500, 24), delivered(2, 1_000, 48)].concat()).await;
        record(&backend, february(10, 15), delivered(3, 300, 30)).await;
        record(&backend, february(120, 9), vec![settled("26704560000001")]).await;
        let last = Timestamp(february(11, 0).0 - 1);
        for (through, known_at, rupees, why) in [
            (2, None, 0, "nothing was delivered yet"),
            (3, Some(february(9, 23)), 0, "the courier had told nothing"),
            (3, Some(february(10, 11)), 0, "nor an hour before it did"),
            (3, Some(february(10, 12)), 2_500, "what it told at twelve"),
            (3, Some(Timestamp(february(10, 15).0 - 1)), 2_500, "and nothing else until three"),
            (3, Some(february(10, 15)), 2_800, "when a third parcel was delivered on the third, too"),
            (3, Some(last), 2_800, "at the end of a whole day"),
            (3, None, 2_800, "and since"),
            (4, Some(february(10, 12)), 3_500, "two parcels by the fourth"),
            (4, None, 3_800, "three, as is known now"),
            (115, None, 3_800, "nothing was paid out for months"),
            (116, Some(february(20, 0)), 3_800, "and nobody could know that it would"),
            (116, None, 1_300, "the first was paid out on 27 May"),
        ] {
            let owed = owed(&backend.db, day(through), known_at).await;
            assert_eq!(owed, rupees, "{kind:?}, as of {}, known at {known_at:?}: {why}", day(through));
        }
        let everything = books::totals(&backend.db, &shop(), AsOf::default()).await.unwrap();
        let known = AsOf { known_at: Some(february(365, 0)), ..AsOf::default() };
        assert_eq!(books::totals(&backend.db, &shop(), known).await.unwrap(), everything, "{kind:?}");
        let (early, late) =
            (AsOf { through: Some(day(3)), ..AsOf::default() }, AsOf { from: Some(day(4)), ..AsOf::default() });
        let mut sum = books::totals(&backend.db, &shop(), early).await.unwrap();
        for (at, total) in books::totals(&backend.db, &shop(), late).await.unwrap() {
            let one = sum.entry(at).or_default();
            *one = one.checked_add(total).unwrap();
        }
        assert_eq!(sum, everything, "{kind:?}: two periods are the whole");
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
    }
}

/// What a command prints, as text and as an object.
async fn report(backend: &Backend, args: &[&str]) -> (String, Value) {
    let text = run(backend, args).await;
    assert_eq!(text.0, Some(0), "{args:?}: {}{}", text.1, text.2);
    let json = run(backend, &[args, &["--json"]].concat()).await;
    (text.1, serde_json::from_str(&json.1).unwrap())
}

async fn run(backend: &Backend, args: &[&str]) -> (Option<i32>, String, String) {
    let environment = backend.environment();
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let args = [&["report"], args].concat();
    let mut running = Daybook::start(backend.folder.path(), &args, &environment).unwrap();
    let status = running.ended(Duration::from_secs(60)).await.unwrap();
    (status.code(), running.stdout(), running.stderr())
}

fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros().try_into().unwrap())
}

const REPORTS: [&[&str]; 6] = [
    &["trial-balance", "--as-of", "2026-02-28"],
    &["trial-balance", "--from", "2026-02-04", "--as-of", "2026-02-28"],
    &["profit-and-loss", "--as-of", "2026-02-28"],
    &["balance-sheet", "--as-of", "2026-02-28"],
    &["statement", "assets:cod-receivable", "--from", "2026-02-04", "--as-of", "2026-02-28"],
    &["aged", "--as-of", "2026-02-28"],
];

#[tokio::test(flavor = "multi_thread")]
async fn a_report_asked_for_as_known_then_is_the_same_bytes() {
    for kind in BOTH {
        let backend = with_a_shop(kind).await;
        record(&backend, february(10, 12), [delivered(1, 2_500, 24), delivered(2, 1_000, 48)].concat()).await;
        record(&backend, now(), delivered(4, 70, 60)).await;
        let mut taken = Vec::new();
        for args in REPORTS {
            let at = run(&backend, &[args, &["--json"]].concat()).await.1;
            let at: Value = serde_json::from_str(&at).unwrap();
            let known_at = at["known_at"].as_str().unwrap().to_owned();
            let again = report(&backend, &[args, &["--known-at", &known_at]].concat()).await;
            assert_eq!(again.1, at, "{kind:?}: {args:?}");
            taken.push((args, known_at, again));
        }
        record(&backend, now(), delivered(3, 300, 30)).await;
        record(&backend, now(), [delivered(5, 9, 75), vec![revised(2, 100, 90_000, 10_000)]].concat()).await;
        for (args, known_at, before) in taken {
            let then = report(&backend, &[args, &["--known-at", &known_at]].concat()).await;
            assert_eq!(then, before, "{kind:?}: {args:?}");
            let (_, now) = report(&backend, args).await;
            let figures = |of: &Value| {
                let mut of = of.clone();
                of["known_at"] = Value::Null;
                of
            };
            assert_ne!(figures(&now), figures(&before.1), "{kind:?}: {args:?} tells what is known now");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reports_say_what_an_accountant_expects() {
    let backend = with_a_shop(Kind::Embedded).await;
    record(&backend, february(10, 12), [delivered(1, 2_500, 24), delivered(2, 1_000, 48)].concat()).await;
    record(&backend, february(120, 9), vec![settled("26704560000001")]).await;
    let aged = report(&backend, &["aged", "--as-of", "2026-05-28"]).await.1;
    let postex = &aged["accounts"][0];
    assert_eq!((&postex["open"], &postex["balance"]), (&100_000.into(), &100_000.into()), "{aged}");
    assert_eq!((&postex["buckets"]["days_61_up"], &postex["items"][0]["days"]), (&100_000.into(), &113.into()));
    let aged = report(&backend, &["aged", "--as-of", "2026-02-15"]).await.1;
    assert_eq!(aged["accounts"][0]["buckets"]["days_8_14"], 350_000, "{aged}");
    let aged = report(&backend, &["aged", "--as-of", "2026-05-28", "--known-at", "2026-02-10"]).await.1;
    assert_eq!(aged["accounts"][0]["open"], 350_000, "nobody knew of the payout on 10 February: {aged}");

    let statement = ["statement", "assets:cod-receivable:postex", "--from", "2026-02-04", "--as-of", "2026-05-31"];
    let (text, json) = report(&backend, &statement).await;
    let statement = &json["currencies"]["PKR"];
    let sums = ["opening", "debits", "credits", "closing"].map(|name| statement[name].as_i64().unwrap());
    assert_eq!(sums, [250_000, 100_000, 250_000, 100_000], "{text}");
    assert!(text.contains("opening balance") && text.contains("2026-05-27"), "{text}");

    let profit = report(&backend, &["profit-and-loss", "--as-of", "2026-02-28"]).await.1;
    assert_eq!((&profit["from"], &profit["currencies"]["PKR"]["result"]), (&"2026-02-01".into(), &350_000.into()));
    let sheet = report(&backend, &["balance-sheet", "--as-of", "2026-02-03"]).await.1;
    assert_eq!((&sheet["currencies"]["PKR"]["retained"], &sheet["holds"]), (&250_000.into(), &true.into()), "{sheet}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_date_is_named() {
    let backend = with_a_shop(Kind::Embedded).await;
    for (args, code, parts) in [
        (&["trial-balance", "--as-of", "2026-02-30"][..], 2, &["--as-of"][..]),
        (&["trial-balance", "--from", "soon"], 2, &["--from"]),
        (&["aged", "--known-at", "yesterday"], 2, &["--known-at", "2026-03-31T18:00:00Z"]),
        (&["profit-and-loss", "--from", "2026-03-02", "--as-of", "2026-03-01"], 1, &["--from", "--as-of"]),
        (&["statement", "cash"], 2, &["an account begins with assets"]),
        (&["statement"], 2, &["<ACCOUNT>"]),
    ] {
        let (ended, _, said) = run(&backend, args).await;
        assert_eq!(ended, Some(code), "{args:?}: {said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{args:?}: {said}");
    }
    let (_, empty) = report(&backend, &["trial-balance"]).await;
    assert_eq!((&empty["accounts"], &empty["balanced"]), (&Value::Array(vec![]), &true.into()));
}
