//! Write-offs, disputes and receipts of goods are refused by the names that vouchers are, on both back ends, with nothing written.

use commerce::{CodWrittenOff, Fact, Part, PartKey};
use events::{Event, Source};
use ledger::Timestamp;
use serde_json::{Value, json};
use store::books;

use crate::backend::Kind;
use crate::books::{append, config, findings};
use crate::vouchers::Office;

/// Two orders of 100 rupees, cash on delivery: `postex/CX1` was delivered, `postex/CX2` is on the way.
const ORDERS: &str = r##"{"orders":[
    {"id":5,"name":"#1001","currency":"PKR","created_at":"2026-05-01T00:00:00Z",
    "total_price":"100.00","payment_gateway_names":["COD"],"financial_status":"pending","fulfillments":[
    {"id":6,"order_id":5,"status":"success","created_at":"2026-05-02T00:00:00Z","updated_at":"2026-05-04T00:00:00Z",
     "shipment_status":"delivered","tracking_company":"PostEx","tracking_number":"CX1","line_items":[]}]},
    {"id":7,"name":"#1002","currency":"PKR","created_at":"2026-05-01T00:00:00Z",
    "total_price":"100.00","payment_gateway_names":["COD"],"financial_status":"pending","fulfillments":[
    {"id":8,"order_id":7,"status":"success","created_at":"2026-05-02T00:00:00Z","updated_at":"2026-05-04T00:00:00Z",
     "tracking_company":"PostEx","tracking_number":"CX2","line_items":[]}]}]}"##;

const MUCH: &str = "10000000000000.01";

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// `daybook write-off`: parcel, key, amount, currency, kind, day.
fn write_off(what: &str) -> String {
    let [parcel, key, amount, currency, kind, day] = words(what)[..] else { panic!("{what}") };
    format!(
        "write-off {parcel} --courier postex --key {key} --amount {amount} --currency {currency} --kind {kind} --on {day} \
         --by accounts-2 --reason short-paid"
    )
}

/// `daybook chargeback` of order 5: key, amount, fee, currency, day.
fn chargeback(what: &str) -> String {
    let [key, amount, fee, currency, day] = words(what)[..] else { panic!("{what}") };
    format!("chargeback 5 --key {key} --amount {amount} --fee {fee} --currency {currency} --on {day}")
}

/// `daybook stock receive` of variant 4401: receipt, pieces, unit cost, currency, day.
fn receive(what: &str) -> String {
    let [receipt, pieces, cost, currency, day] = words(what)[..] else { panic!("{what}") };
    format!(
        "stock receive --variant 4401 --receipt {receipt} --quantity {pieces} --unit-cost {cost} --currency {currency} \
         --at {day} --by warehouse"
    )
}

/// What is handed in, the name it is refused by, and which of its amounts is to blame.
fn bad_input() -> Vec<(String, &'static str, Option<u64>)> {
    let off = |what: &str| write_off(what);
    vec![
        (off("CX1 s-2 1 PKR lost 1969-12-31"), "day_out_of_range", None),
        (off("CX1 s-2 1 PKR lost 2999-01-01"), "day_out_of_range", None),
        (off("CX1 s-2 0 PKR lost 2026-05-20"), "amount_not_positive", Some(0)),
        (off("CX1 s-2 -1 PKR lost 2026-05-20"), "amount_not_positive", Some(0)),
        (off("CX1 s-2 1 USD lost 2026-05-20"), "wrong_currency", Some(0)),
        (off(&format!("CX1 s-2 {MUCH} PKR lost 2026-05-20")), "overflow", Some(0)),
        (off("CX1 s-2 1 PKR lost 2026-04-30"), "closed_period", None),
        (off("CX1 s-1 8 PKR shortfall 2026-05-20"), "duplicate_key", None),
        (off("CX1 s-2 92.51 PKR lost 2026-05-20"), "more_than_outstanding", None),
        (off("CX2 s-2 1 PKR lost 2026-05-20"), "more_than_outstanding", None),
        (off("CX1 s-2 50.01 PKR lost 2026-05-20"), "needs_second_person", None),
        (off("CX1 s-2 50.01 PKR claim 2026-05-20"), "needs_second_person", None),
        (off("CX1 s-2 50.01 PKR lost 2026-05-20") + " --approved-by accounts-2", "same_person_twice", None),
        (off("CX1 s-2 1 PKR lost 2026-05-20") + " --approved-by accounts-2", "same_person_twice", None),
        (off("CX1 s-1 7.50 PKR shortfall 2026-05-20") + " --approved-by owner", "duplicate_key", None),
        (chargeback("d-2 20 3 PKR 2999-01-01"), "day_out_of_range", None),
        (chargeback("d-2 0 3 PKR 2026-05-21"), "amount_not_positive", Some(0)),
        (chargeback("d-2 20 -3 PKR 2026-05-21"), "amount_not_positive", Some(1)),
        (chargeback("d-2 20 3 USD 2026-05-21"), "wrong_currency", Some(0)),
        (chargeback(&format!("d-2 20 {MUCH} PKR 2026-05-21")), "overflow", Some(1)),
        (chargeback("d-2 20 3 PKR 2026-04-30"), "closed_period", None),
        (chargeback("d-1 21 3 PKR 2026-05-21"), "duplicate_key", None),
        (receive("grn-2 24 1 PKR 2999-01-01"), "day_out_of_range", None),
        (receive("grn-2 24 -1 PKR 2026-05-01"), "amount_not_positive", Some(0)),
        (receive("grn-2 24 1 USD 2026-05-01"), "wrong_currency", Some(0)),
        (receive("grn-2 9000000000000 9000000 PKR 2026-05-01"), "overflow", Some(0)),
        (receive("grn-2 24 1 PKR 2026-04-30"), "closed_period", None),
        (receive("grn-1 25 612.50 PKR 2026-05-01"), "duplicate_key", None),
    ]
}

async fn refused(office: &Office, command: &str, name: &str, index: Option<u64>) -> Value {
    let (code, answer) = office.run(&words(command)).await;
    assert_eq!(code, Some(1), "{command}: {answer}");
    assert_eq!(answer["refused"], json!({ "name": name, "index": index }), "{command}: {answer}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_voucher_is_refused_by_the_same_names() {
    let mut answers: Vec<Vec<Value>> = Vec::new();
    for kind in [Kind::Embedded, Kind::Servers] {
        let office = Office::open(kind).await;
        let file = office.backend.folder.path().join("orders.json");
        std::fs::write(&file, ORDERS).unwrap();
        office.good(&["import", "shopify-orders", file.to_str().unwrap(), "--tenant", "kohsar"]).await;
        office.good(&words("ledger close --through 2026-04-30 --by owner --reason month-end")).await;
        office.good(&words("ledger limit --currency PKR --amount 50.00")).await;
        let good = [
            write_off("CX1 s-1 7.50 PKR shortfall 2026-05-20"),
            chargeback("d-1 20 3 PKR 2026-05-21"),
            receive("grn-1 24 612.50 PKR 2026-05-01"),
        ];
        let before = office.written().await;
        for command in &good {
            office.good(&words(&format!("{command} --dry-run"))).await;
        }
        assert_eq!(office.written().await, before, "{kind:?}: a dry run writes nothing");
        for command in &good {
            office.good(&words(command)).await;
        }
        let before = office.written().await;
        let mut said = Vec::new();
        for (command, name, index) in bad_input() {
            said.push(refused(&office, &command, name, index).await);
        }
        for command in &good {
            let again = office.good(&words(command)).await;
            assert!(again["already"] == true || again["outcome"] == "recorded already", "{again}");
        }
        office.good(&["tenant", "close", "kohsar"]).await;
        for command in [
            write_off("CX1 s-2 1 PKR lost 2026-05-20"),
            chargeback("d-2 1 0 PKR 2026-05-21"),
            receive("grn-2 1 1 PKR 2026-05-01"),
        ] {
            said.push(refused(&office, &command, "tenant_closed", None).await);
        }
        assert_eq!(office.written().await, before, "{kind:?}: nothing of it was written");
        assert_eq!(findings(&office.backend).await, Vec::<String>::new(), "{kind:?}");
        answers.push(said);
    }
    assert_eq!(answers[0], answers[1], "the same answers on both back ends");
}

/// What stands under a key of parcel `postex/CX1`.
async fn stands(office: &Office, key: &str) -> Option<CodWrittenOff> {
    let part = PartKey::Parcel("postex".parse().unwrap(), "CX1".parse().unwrap());
    match books::part(&office.backend.db, &"kohsar".parse().unwrap(), &part).await.unwrap()?.part {
        Part::Parcel(parcel) => parcel.written_off.get(&key.parse().unwrap()).cloned(),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_write_off_what_one_may_not() {
    for kind in [Kind::Embedded, Kind::Servers] {
        let office = Office::open(kind).await;
        let file = office.backend.folder.path().join("orders.json");
        std::fs::write(&file, ORDERS).unwrap();
        office.good(&["import", "shopify-orders", file.to_str().unwrap(), "--tenant", "kohsar"]).await;
        office.good(&words("ledger limit --currency PKR --amount 30.00")).await;
        office.good(&words(&write_off("CX1 alone 30.00 PKR lost 2026-05-20"))).await;
        assert_eq!(stands(&office, "alone").await.unwrap().approved_by, None, "the limit itself is below");

        let big = write_off("CX1 big 30.01 PKR lost 2026-05-20");
        let before = office.written().await;
        refused(&office, &big, "needs_second_person", None).await;
        refused(&office, &format!("{big} --dry-run"), "needs_second_person", None).await;
        assert_eq!(office.written().await, before, "{kind:?}: nothing of it was written");
        let by_two = format!("{big} --approved-by owner");
        assert_eq!(office.good(&words(&by_two)).await["already"], false);
        let recorded = stands(&office, "big").await.unwrap();
        assert_eq!(recorded.approved_by, Some("owner".parse().unwrap()));
        assert_eq!(office.good(&words(&by_two)).await["already"], true);
        refused(&office, &big, "duplicate_key", None).await;
        // Who was asked is asked no more when the limit falls.
        office.good(&words("ledger limit --currency PKR --amount 1.00")).await;
        let alone = write_off("CX1 alone 30.00 PKR lost 2026-05-20");
        assert_eq!(office.good(&words(&alone)).await["already"], true);

        // What another producer puts on the log is posted as it is recorded: the limit is asked at the counter.
        let unasked = CodWrittenOff { key: "unasked".parse().unwrap(), approved_by: None, ..recorded };
        let fact = Fact::CodWrittenOff(unasked);
        append(
            &office.backend.log,
            &[Event::fact("kohsar".parse().unwrap(), Source::DAYBOOK, Timestamp(0), fact, vec![])],
        )
        .await;
        processor::catch_up(config(10), &office.backend.log, &office.backend.db).await.unwrap();
        let shown = office.good(&words("show cod")).await;
        let postex = &shown["couriers"][0];
        assert_eq!((&postex["written_off"], &postex["outstanding"]), (&json!(9_002), &json!(998)), "{shown}");
        assert_eq!(findings(&office.backend).await, Vec::<String>::new(), "{kind:?}");
    }
}
