//! A voucher is taken back once, whichever of several reversals arrives first, on both back ends.

use commerce::{Fact, VoucherApproved, VoucherEntered, VoucherKind, VoucherWithdrawn};
use events::Event;
use ledger::{Currency, Day, Entry, Money, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::{Value, json};

use super::{BECAUSE, BOTH, Office, event, is_refused, rebuild, tenant};
use crate::backend::{Backend, Kind};
use crate::books::{append, config, findings, open_hash};
use store::books;

const SEED: u64 = 20_260_331;

fn entered(at: i64, id: &str, minor: i64, reverses: Option<&str>) -> VoucherEntered {
    let amount = Money::new(minor, Currency::PKR);
    let (rent, bank) = ("expenses:rent".parse().unwrap(), "assets:bank".parse().unwrap());
    let entries = match reverses {
        None => vec![Entry::debit(rent, amount), Entry::credit(bank, amount)],
        Some(_) => vec![Entry::debit(bank, amount), Entry::credit(rent, amount)],
    };
    VoucherEntered {
        entered_at: Timestamp(at),
        voucher: id.parse().unwrap(),
        kind: VoucherKind::Expense,
        // 2025-02-03.
        day: Day(20_122),
        entries,
        reverses: reverses.map(|id| id.parse().unwrap()),
        by: "finance-2".parse().unwrap(),
        reason: "monthly-rent".parse().unwrap(),
        attachments: vec![],
        needs_approval: false,
    }
}

/// Two rents. `x` took back the first, until it was entered again, earlier, as a reversal of the second; `y` takes back the first,
/// `z` the second, and `w` is withdrawn after it had done so before either.
fn contested() -> Vec<Event> {
    let voucher = |at, id, minor, reverses| event(Fact::VoucherEntered(entered(at, id, minor, reverses)));
    let gave_up = VoucherWithdrawn {
        withdrawn_at: Timestamp(20),
        voucher: "w".parse().unwrap(),
        by: "owner".parse().unwrap(),
        reason: "typing-error".parse().unwrap(),
    };
    vec![
        voucher(1, "rent-1", 500, None),
        voucher(1, "rent-2", 70, None),
        voucher(5, "x", 500, Some("rent-1")),
        voucher(4, "x", 70, Some("rent-2")),
        voucher(6, "y", 500, Some("rent-1")),
        voucher(6, "y-again", 500, Some("rent-1")),
        voucher(9, "z", 70, Some("rent-2")),
        voucher(2, "w", 70, Some("rent-2")),
        event(Fact::VoucherWithdrawn(gave_up)),
    ]
}

async fn fold(backend: &Backend, events: &[Event]) {
    append(&backend.log, events).await;
    processor::catch_up(config(100), &backend.log, &backend.db).await.unwrap();
}

/// The vouchers of which something stands in the books.
async fn standing(backend: &Backend) -> Vec<String> {
    let rows = books::vouchers(&backend.db, &tenant()).await.unwrap();
    rows.iter().filter(|row| !row.posted.is_empty()).map(|row| row.key.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_arrival_does_not_decide_which_reversal_stands() {
    let events = contested();
    let mut rng = StdRng::seed_from_u64(SEED);
    for (kind, orders) in [(Kind::Embedded, 16), (Kind::Servers, 2)] {
        let whole = Backend::fresh(kind, 1).await;
        fold(&whole, &events).await;
        let expected = open_hash(&whole.db).await;
        assert_eq!(standing(&whole).await, ["voucher/rent-1", "voucher/rent-2", "voucher/x", "voucher/y"]);
        for order in 0..orders {
            let mut shuffled = events.clone();
            shuffled.shuffle(&mut rng);
            let ids: Vec<_> = shuffled.iter().map(|event| event.payload.clone()).collect();
            let backend = Backend::fresh(kind, 1).await;
            for one in &shuffled {
                fold(&backend, std::slice::from_ref(one)).await;
            }
            assert_eq!(open_hash(&backend.db).await, expected, "{kind:?}, seed {SEED}: {ids:?}");
            assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}: {ids:?}");
            if order == 0 {
                rebuild(&backend).await;
                assert_eq!(open_hash(&backend.db).await, expected, "{kind:?}: a rebuild moves nothing: {ids:?}");
            }
        }
    }
}

async fn listed(office: &Office, id: &str) -> Value {
    let listed = office.good(&["ledger", "vouchers"]).await;
    listed["vouchers"].as_array().unwrap().iter().find(|one| one["voucher"] == id).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_later_reversal_is_declined_and_the_earlier_replaces_it() {
    for kind in BOTH {
        let office = Office::open(kind).await;
        fold(&office.backend, &[event(Fact::VoucherEntered(entered(1, "rent-1", 500, None)))]).await;
        office.good(&[&["ledger", "reverse", "rent-1", "--day", "2025-02-03"], &BECAUSE[..]].concat()).await;
        assert_eq!(listed(&office, "rent-1.reversed").await["state"], "posted");
        assert_eq!(office.balance("expenses:rent").await, 0);

        // One that was entered before it, at another desk, arrives only now.
        fold(&office.backend, &[event(Fact::VoucherEntered(entered(2, "back", 500, Some("rent-1"))))]).await;
        let declined = listed(&office, "rent-1.reversed").await;
        let named = json!({ "name": "already_reversed", "index": null });
        assert_eq!((&declined["state"], &declined["refused"]), (&json!("declined"), &named), "{declined}");
        assert_eq!(declined["numbers"], json!([]), "what was posted of it is reversed");
        let stands = listed(&office, "back").await;
        assert_eq!((&stands["state"], &stands["refused"]), (&json!("posted"), &Value::Null), "{stands}");
        assert_eq!(office.balance("expenses:rent").await, 0, "{kind:?}: it is taken back once");

        let again = ["ledger", "reverse", "rent-1", "--id", "once-more"];
        is_refused(office.run(&[&again, &BECAUSE[..]].concat()).await, "already_reversed", None);
        let back_again = office.run(&[&["ledger", "reverse", "rent-1.reversed"], &BECAUSE[..]].concat()).await;
        assert_eq!(back_again.0, Some(1), "{}", back_again.1);
        let withdrawn = office.good(&[&["ledger", "withdraw", "rent-1.reversed"], &BECAUSE[..]].concat()).await;
        assert_eq!((&withdrawn["state"], &withdrawn["refused"]), (&json!("withdrawn"), &Value::Null));
        assert_eq!(findings(&office.backend).await, Vec::<String>::new(), "{kind:?}");
    }
}

/// Of two that wait any may be approved, and the other is refused from then on. Where both approvals reach the log all the same,
/// the reversal that was entered first stands.
#[tokio::test(flavor = "multi_thread")]
async fn two_reversals_that_wait_do_not_stand_in_each_others_way() {
    for (kind, [approved, refused]) in BOTH.into_iter().zip([["rent-1.reversed", "back"], ["back", "rent-1.reversed"]])
    {
        let office = Office::open(kind).await;
        fold(&office.backend, &[event(Fact::VoucherEntered(entered(1, "rent-1", 500, None)))]).await;
        office.good(&["ledger", "limit", "--currency", "PKR", "--amount", "4.00"]).await;
        let first = [&["ledger", "reverse", "rent-1", "--day", "2025-02-03"], &BECAUSE[..]].concat();
        assert_eq!(office.good(&first).await["state"], "waiting");
        let second = ["ledger", "reverse", "rent-1", "--id", "once-more"];
        is_refused(office.run(&[&second, &BECAUSE[..]].concat()).await, "already_reversed", None);
        // Another desk did not know of it.
        let back = VoucherEntered { needs_approval: true, ..entered(2, "back", 500, Some("rent-1")) };
        fold(&office.backend, &[event(Fact::VoucherEntered(back))]).await;
        assert_eq!(listed(&office, "back").await["state"], "waiting");

        let posted = office.good(&["ledger", "approve", approved, "--by", "auditor"]).await;
        assert_eq!((&posted["state"], office.balance("expenses:rent").await), (&json!("posted"), 0), "{kind:?}");
        let before = office.written().await;
        is_refused(office.run(&["ledger", "approve", refused, "--by", "auditor"]).await, "already_reversed", None);
        assert_eq!(office.written().await, before, "{kind:?}: nothing was written");

        let (voucher, by) = (refused.parse().unwrap(), "auditor".parse().unwrap());
        let approval = VoucherApproved { approved_at: Timestamp(9), voucher, by, digest: None };
        fold(&office.backend, &[event(Fact::VoucherApproved(approval))]).await;
        let named = json!({ "name": "already_reversed", "index": null });
        let (stands, declined) = (listed(&office, "back").await, listed(&office, "rent-1.reversed").await);
        assert_eq!((&stands["state"], &stands["refused"]), (&json!("posted"), &Value::Null), "{stands}");
        assert_eq!((&declined["state"], &declined["refused"]), (&json!("declined"), &named), "{declined}");
        assert_eq!(office.balance("expenses:rent").await, 0, "{kind:?}: it is taken back once");
        assert_eq!(findings(&office.backend).await, Vec::<String>::new(), "{kind:?}");
    }
}
