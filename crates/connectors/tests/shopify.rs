//! Shopify payloads through the connector's front door: invented fixtures for every rule, and a reading of real
//! samples where they are at hand.
#![expect(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use commerce::{
    CodGateways, CustomerId, Fact, FulfilmentRecorded, LineId, OrderCancelled, OrderId, OrderPlaced, OrderRevised,
    PaymentState, RefundIssued,
};
use connectors::shopify::{self, Settings, TOPICS};
use connectors::{Details, Draft, NotUnderstood, Person, Role};
use ledger::{Currency, Money, Timestamp};
use serde_json::Value;

const TRIGGERED_AT: Timestamp = Timestamp(1_800_000_000_000_000);

fn with_settings<T>(run: impl FnOnce(&Settings<'_>) -> T) -> T {
    let cod_gateways = CodGateways::default();
    run(&Settings { cod_gateways: &cod_gateways, default_country_code: "92" })
}

fn read(topic: &str, body: &str) -> Result<Vec<Draft>, NotUnderstood> {
    with_settings(|settings| shopify::read(topic, TRIGGERED_AT, body.as_bytes(), settings))
}

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/shopify").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn order(name: &str) -> Vec<Draft> {
    read("orders/updated", &fixture(name)).unwrap()
}

fn time(text: &str) -> Timestamp {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().into()
}

fn kind(fact: &Fact) -> String {
    let debug = format!("{fact:?}");
    debug.split('(').next().unwrap_or_default().to_owned()
}

fn kinds(drafts: &[Draft]) -> Vec<String> {
    drafts.iter().map(|draft| kind(&draft.fact)).collect()
}

fn placed(drafts: &[Draft]) -> &OrderPlaced {
    drafts.iter().find_map(|d| if let Fact::OrderPlaced(fact) = &d.fact { Some(fact) } else { None }).unwrap()
}

fn terms(drafts: &[Draft]) -> &OrderRevised {
    drafts.iter().find_map(|d| if let Fact::OrderRevised(fact) = &d.fact { Some(fact) } else { None }).unwrap()
}

fn refund(drafts: &[Draft]) -> &RefundIssued {
    drafts.iter().find_map(|d| if let Fact::RefundIssued(fact) = &d.fact { Some(fact) } else { None }).unwrap()
}

fn fulfilments(drafts: &[Draft]) -> Vec<&FulfilmentRecorded> {
    drafts.iter().filter_map(|d| if let Fact::FulfilmentRecorded(fact) = &d.fact { Some(fact) } else { None }).collect()
}

fn people_of<'d>(drafts: &'d [Draft], kind_of_fact: &str) -> Vec<&'d Person> {
    drafts.iter().filter(|draft| kind(&draft.fact) == kind_of_fact).flat_map(|draft| &draft.people).collect()
}

fn phone(person: &Person) -> Option<&str> {
    person.identity.phone.as_ref().map(|phone| phone.expose().as_str())
}

#[test]
fn a_pakistani_cod_form_gives_terms_in_clear_and_the_person_beside() {
    let drafts = order("urdu_cod.json");
    assert_eq!(kinds(&drafts), ["OrderPlaced", "OrderRevised"]);

    let placed = placed(&drafts);
    assert_eq!(placed.order, OrderId(9_218_374_650_192_837_465));
    assert_eq!(placed.name.as_ref().map(|name| name.as_str()), Some("KS-2041"));
    assert_eq!((placed.placed_at, placed.customer), (time("2026-03-31T18:45:10Z"), None));

    let terms = terms(&drafts);
    assert_eq!((terms.total, terms.shipping, terms.discounts, terms.paid), (305_000, 20_000, 15_000, 0));
    assert!(terms.cash_on_delivery && !terms.test && terms.presentment.is_none());
    assert_eq!(terms.payment, PaymentState::Unpaid);
    assert_eq!(terms.city.as_deref(), Some("Dera Ismail Khan"));
    let lines: Vec<_> = terms.lines.iter().map(|l| (l.line.0, l.quantity, l.unit_price, l.discount)).collect();
    assert_eq!(lines, [(14_100_000_000_000_001, 2, 150_000, 15_000), (14_100_000_000_000_002, 1, 0, 0)]);
    assert_eq!(terms.lines[0].sku.as_ref().map(|sku| sku.as_str()), Some("KURTA/M"));

    let people = people_of(&drafts, "OrderRevised");
    let [buyer] = people.as_slice() else { panic!("one person, not {}", people.len()) };
    assert_eq!((buyer.role, phone(buyer), buyer.retained_from), (Role::Buyer, Some("+923125550123"), placed.placed_at));
    let details: &Details = buyer.details.expose();
    assert_eq!(details.name.as_deref(), Some("Zarmina Gul"));
    assert_eq!((details.email.as_deref(), details.ip.as_deref()), (None, Some("203.0.113.7")));
    assert_eq!(details.user_agent.as_deref(), Some("Lynx/2.8"));
    let labels: Vec<&str> = details.typed.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels[..2], ["note", "tags"]);
    assert_eq!((labels.len(), labels[6]), (7, "Embroidery"));
}

#[test]
fn yen_have_no_decimals_and_a_typed_reason_is_sealed() {
    let drafts = order("jpy_wrapped.json");
    let terms = terms(&drafts);
    assert_eq!((terms.currency, terms.total, terms.tax, terms.paid), (Currency::JPY, 23_600, 2_145, 23_600));
    assert_eq!(terms.shipping, 1_000, "without its tax, and without the removed line");
    assert_eq!(terms.version, time("2026-01-05T09:00:00Z"), "updated_at is null");
    assert_eq!((terms.city.as_deref(), terms.country.as_deref()), (Some("Kyoto"), Some("JP")));

    let cancelled = OrderCancelled { cancelled_at: time("2026-01-06T00:00:00Z"), order: OrderId(5100), reason: None };
    assert_eq!(drafts[2].fact, Fact::OrderCancelled(cancelled));
    let buyer = people_of(&drafts, "OrderRevised")[0];
    assert_eq!(phone(buyer), Some("+81750000000"), "the only phone is the buyer's, so the parcel goes to the buyer");
    assert_eq!(buyer.details.expose().typed, [("cancel reason".to_owned(), "changed her mind".to_owned())]);
}

#[test]
fn a_file_of_orders_fails_order_by_order() {
    let read = with_settings(|s| shopify::read_orders_file(fixture("kwd_draft_paid.json").as_bytes(), s)).unwrap();
    let [Ok(paid), Err(error)] = read.as_slice() else { panic!("one order read and one refused") };
    let terms = terms(paid);
    assert_eq!((terms.currency, terms.total, terms.paid), (Currency::KWD, 12_345, 12_345));
    assert_eq!((terms.lines[0].unit_price, terms.lines[0].discount), (12_345, 5));
    assert!(terms.cash_on_delivery && terms.test);
    assert_eq!(placed(paid).name, None, "a name with a space is no id");
    assert_eq!(paid[1].people, [], "nobody is named");
    assert_eq!(error.to_string(), "currency: missing");
}

#[test]
fn files_of_orders_come_in_four_shapes() {
    let bare = fixture("fulfilled.json");
    for (file, expected) in [
        (bare.clone(), Ok(1)),
        (format!("\u{feff} {{\"order\":{bare}}}"), Ok(1)),
        (format!("[{bare},{{\"order\":{bare}}}]"), Ok(2)),
        (format!("{{\"orders\":[{bare}]}}"), Ok(1)),
        ("{\"products\":[]}".to_owned(), Err(NotUnderstood::UnknownTopic)),
        ("{\"draft_order\":{}}".to_owned(), Err(NotUnderstood::UnknownTopic)),
        ("7".to_owned(), Err(NotUnderstood::UnknownTopic)),
        (bare[..bare.len() - 3].to_owned(), Err(NotUnderstood::UnreadableJson)),
        (String::new(), Err(NotUnderstood::UnreadableJson)),
    ] {
        let read = with_settings(|settings| shopify::read_orders_file(file.as_bytes(), settings));
        let orders = read.map(|orders| orders.iter().filter(|order| order.is_ok()).count());
        assert_eq!(orders, expected, "{file}");
    }
}

#[test]
fn shop_money_is_booked_and_presentment_money_remembered() {
    let drafts = order("aud_shown_in_usd.json");
    let aud: Currency = "AUD".parse().unwrap();
    let terms = terms(&drafts);
    assert_eq!((terms.currency, terms.total, terms.paid), (aud, 12_100, 10_000));
    assert_eq!(terms.presentment, Some(Money::new(8_010, Currency::USD)));
    assert_eq!((terms.shipping, terms.payment), (1_000, PaymentState::PartlyPaid));

    let refund = refund(&drafts);
    assert_eq!((refund.currency, refund.amount, refund.tax), (aud, 11_440, 1_000), "goods, tax and shipping in AUD");
    assert_eq!(refund.restocked, [(LineId(11), 1)]);
    assert_eq!(refund.refunded_at, time("2026-04-02T21:00:00Z"));
    let noted = people_of(&drafts, "RefundIssued")[0];
    assert_eq!((noted.role, noted.retained_from), (Role::Buyer, placed(&drafts).placed_at));
    assert_eq!(noted.details.expose().typed, [("refund note".to_owned(), "arrived torn".to_owned())]);
}

#[test]
fn a_parcel_to_another_phone_goes_to_another_person() {
    let drafts = order("aud_shown_in_usd.json");
    let people = people_of(&drafts, "OrderRevised");
    let [buyer, recipient] = people.as_slice() else { panic!("two people, not {}", people.len()) };
    assert_eq!(buyer.identity.customer, Some(CustomerId(4242)));
    assert_eq!(buyer.identity.email.as_ref().map(|e| e.expose().as_str()), Some("mira@example.com"));
    assert_eq!(buyer.details.expose().address, ["1 Bill St", "Perth"]);
    assert_eq!((recipient.role, phone(recipient)), (Role::Recipient, Some("+61400000002")));
    assert_eq!((recipient.identity.order, recipient.identity.customer), (Some(OrderId(610)), None));
    assert_eq!(recipient.details.expose().name.as_deref(), Some("Otto Sample"));
    assert_eq!(recipient.details.expose().postcode.as_deref(), Some("7000"));
}

#[test]
fn fulfilments_name_parcels_and_seal_prose() {
    let drafts = order("fulfilled.json");
    assert_eq!(kinds(&drafts), ["OrderPlaced", "OrderRevised", "FulfilmentRecorded", "FulfilmentRecorded"]);
    assert!(terms(&drafts).cash_on_delivery);
    assert_eq!(terms(&drafts).city, None, "a phone number was typed into the city");
    assert_eq!(people_of(&drafts, "OrderRevised").len(), 1, "0333… and +92333… are one phone");

    let [sent, cancelled] = fulfilments(&drafts)[..] else { panic!("two fulfilments") };
    let parcels: Vec<_> = sent.parcels.iter().map(|p| format!("{} {}", p.courier, p.tracking)).collect();
    assert_eq!(parcels, ["leopards KI9000001", "leopards KI9000002"]);
    assert!(sent.stands && sent.delivered && sent.lines == [(LineId(31), 2)]);
    assert_eq!((sent.version, sent.fulfilled_at), (time("2026-05-04T04:00:00Z"), time("2026-05-02T05:00:00Z")));
    assert!(!cancelled.stands && cancelled.parcels[0].courier.as_str() == "other");
    assert_eq!(cancelled.version, cancelled.fulfilled_at);

    let people = people_of(&drafts, "FulfilmentRecorded");
    let [prose] = people.as_slice() else { panic!("only the prose names somebody") };
    assert_eq!((prose.identity.order, prose.identity.phone.is_none()), (Some(OrderId(700)), true));
    assert_eq!(prose.details.expose().typed, [("tracking number".to_owned(), "with Rashid at the gate".to_owned())]);
}

#[test]
fn a_refund_by_itself_counts_what_went_back() {
    let drafts = read("refunds/create", &fixture("refund.json")).unwrap();
    let refund = refund(&drafts);
    assert_eq!(
        (refund.refund.0, refund.order, refund.refunded_at),
        (9_007_199_254_740_995, OrderId(700), TRIGGERED_AT)
    );
    assert_eq!((refund.currency, refund.amount, refund.tax), (Currency::PKR, 30_000, 4_550));
    assert_eq!(refund.restocked, [(LineId(31), 1)]);
    assert_eq!(drafts[0].people, []);
}

#[test]
fn a_refunds_currency_and_tax_are_never_guessed() {
    for (rest, expected) in [
        (r#""transactions":[]"#, Err("currency: missing")),
        (r#""total_duties_set":{"shop_money":{"amount":"0.00","currency_code":"PKR"}}"#, Ok((0, 0))),
        (
            r#""transactions":[{"kind":"refund","amount":"5.00","currency":"PKR"}],"refund_line_items":[{"line_item_id":1,"quantity":1,"total_tax":"9.00"}]"#,
            Ok((500, 500)),
        ),
        (
            r#""transactions":[{"kind":"refund","amount":"5.00","currency":"USD"}],"total_duties_set":{"shop_money":{"amount":"0","currency_code":"PKR"}}"#,
            Err("transactions[0].currency: not in the shop's currency"),
        ),
        (r#""transactions":[{"kind":"refund","currency":"PKR"}]"#, Err("transactions[0].amount: missing")),
    ] {
        let body = format!(r#"{{"id":1,"order_id":2,"created_at":"2026-05-01T00:00:00Z",{rest}}}"#);
        let read = read("refunds/create", &body).map(|drafts| (refund(&drafts).amount, refund(&drafts).tax));
        assert_eq!(read.map_err(|error| error.to_string()), expected.map_err(str::to_owned), "{rest}");
    }
}

#[test]
fn payment_states_follow_the_shops_words() {
    for (status, payment, paid) in [
        ("\"pending\"", PaymentState::Unpaid, 0),
        ("\"authorized\"", PaymentState::Unpaid, 0),
        ("\"voided\"", PaymentState::Unpaid, 0),
        ("null", PaymentState::Unpaid, 0),
        ("\"partially_paid\"", PaymentState::PartlyPaid, 600),
        ("\"paid\"", PaymentState::Paid, 1_000),
        ("\"partially_refunded\"", PaymentState::Paid, 1_000),
        ("\"REFUNDED\"", PaymentState::Paid, 1_000),
        ("\"on_hold\"", PaymentState::Unknown, 0),
    ] {
        let body = minimal(&format!(r#""financial_status":{status},"total_outstanding":"4.00""#));
        let drafts = read("orders/paid", &body).unwrap();
        assert_eq!((terms(&drafts).payment, terms(&drafts).paid), (payment, paid), "{status}");
    }
}

fn minimal(more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    format!(r#"{{"id":1,"currency":"PKR","created_at":"2026-05-01T00:00:00Z","total_price":"10.00"{comma}{more}}}"#)
}

#[test]
fn errors_name_the_place_and_never_the_value() {
    let secret = "Shahnaz 03001112223";
    for (body, expected) in [
        (r#"{"currency":"PKR","created_at":"2026-05-01T00:00:00Z","total_price":"1"}"#.to_owned(), "id: missing"),
        (r#"{"id":1,"currency":"PKR","total_price":"1"}"#.to_owned(), "created_at: missing"),
        (r#"{"id":1,"currency":"PKR","created_at":"2026-05-01T00:00:00Z"}"#.to_owned(), "total_price: missing"),
        (minimal(r#""total_tax":"SECRET""#), "total_tax: not a decimal amount"),
        (minimal(r#""total_tax":"0.001""#), "total_tax: more decimals than PKR has"),
        (minimal(r#""updated_at":"SECRET""#), "updated_at: not an RFC 3339 time"),
        (minimal(r#""customer":{"id":"SECRET"}"#), "customer.id: not an id"),
        (minimal(r#""customer":"SECRET""#), "customer: not of the expected type"),
        (
            minimal(r#""line_items":[{"id":1,"quantity":1},{"id":2,"quantity":"SECRET"}]"#),
            "line_items[1].quantity: not a whole number",
        ),
        (minimal(r#""line_items":[{"id":1,"quantity":1},"SECRET"]"#), "line_items[1]: not of the expected type"),
        (minimal(r#""refunds":{"SECRET":1}"#), "refunds: not of the expected type"),
        (
            minimal(r#""refunds":[{"id":1,"transactions":[{"kind":"refund","amount":"SECRET"}]}]"#),
            "refunds[0].transactions[0].amount: not a decimal amount",
        ),
        (
            minimal(r#""total_tax_set":{"shop_money":{"amount":"SECRET","currency_code":"PKR"}}"#),
            "total_tax_set.shop_money.amount: not a decimal amount",
        ),
        (
            minimal(r#""total_price_set":{"shop_money":{"amount":"1","currency_code":"USD"}}"#),
            "total_price_set: not in the shop's currency",
        ),
        (minimal(r#""invoice_url":null"#), "unknown topic or shape"),
        ("{\"id\":1,\"note\":\"SECRET".to_owned(), "the body is not readable JSON"),
    ] {
        let error = read("orders/create", &body.replace("SECRET", secret)).unwrap_err();
        assert_eq!(error.to_string(), expected, "{body}");
        assert!(!format!("{error:?}").contains(secret));
    }
    assert_eq!(with_settings(|s| shopify::read_order(b"\xff{}", s)), Err(NotUnderstood::UnreadableJson));
}

#[test]
fn only_known_topics_are_read() {
    for topic in ["orders/edited", "checkouts/create", "", "ORDERS/CREATE"] {
        assert_eq!(read(topic, &minimal("")), Err(NotUnderstood::UnknownTopic), "{topic}");
    }
    for topic in TOPICS.iter().filter(|topic| topic.starts_with("orders/") && **topic != "orders/delete") {
        assert_eq!(kinds(&read(topic, &minimal("")).unwrap()), ["OrderPlaced", "OrderRevised"], "{topic}");
    }
}

#[test]
fn small_notices_become_their_facts() {
    for (topic, body, expected) in [
        ("orders/delete", r#"{"id":5}"#, "OrderDeleted { deleted_at: Timestamp(1800000000000000), order: OrderId(5) }"),
        (
            "inventory_levels/update",
            r#"{"inventory_item_id":"271878346596884015","location_id":2,"available":-3,"updated_at":"1970-01-01T00:00:01Z"}"#,
            "StockCounted { version: Timestamp(1000000), item: InventoryItemId(271878346596884015), location: LocationId(2), available: Some(-3) }",
        ),
        (
            "inventory_levels/connect",
            r#"{"inventory_level":{"inventory_item_id":1,"location_id":2,"available":"No"}}"#,
            "StockCounted { version: Timestamp(1800000000000000), item: InventoryItemId(1), location: LocationId(2), available: None }",
        ),
        (
            "products/update",
            r#"{"updated_at":"1970-01-01T00:00:01Z","currency":"PKR","variants":[{"id":3,"inventory_item_id":4,"sku":"A 1","cost":"7.50","updated_at":null}]}"#,
            "ProductCosted { version: Timestamp(1000000), variant: VariantId(3), item: Some(InventoryItemId(4)), sku: Some(Sku(\"A-1\")), cost: Some(7.50 PKR) }",
        ),
        (
            "products/create",
            r#"{"product":{"variants":[{"id":3,"cost":"7.50"}]}}"#,
            "ProductCosted { version: Timestamp(1800000000000000), variant: VariantId(3), item: None, sku: None, cost: None }",
        ),
        (
            "shop/redact",
            r#"{"shop_id":9}"#,
            "ShopRedactionRequested { requested_at: Timestamp(1800000000000000), shop: 9 }",
        ),
    ] {
        let drafts = read(topic, body).unwrap();
        let [Draft { fact, people }] = drafts.as_slice() else { panic!("one draft") };
        assert_eq!(format!("{fact:?}"), format!("{}({expected})", kind(fact)), "{topic}");
        assert!(people.is_empty());
    }
}

#[test]
fn a_customer_record_is_sealed_whole() {
    let body = r#"{"id":77,"email":" Sana@Example.com","first_name":"Sana","last_name":null,"phone":"0345 5550199",
        "note":"likes blue","tags":["vip","lahore"],"updated_at":null,"created_at":"2026-01-01T00:00:00Z",
        "default_address":{"address1":"House 9","city":"Lahore","zip":54000}}"#;
    for body in [body.to_owned(), format!("{{\"customer\":{body}}}")] {
        let drafts = read("customers/update", &body).unwrap();
        let [Draft { fact: Fact::CustomerRecorded(fact), people }] = drafts.as_slice() else { panic!("one record") };
        assert_eq!((fact.customer, fact.version), (CustomerId(77), time("2026-01-01T00:00:00Z")));
        let [person] = people.as_slice() else { panic!("one person") };
        assert_eq!((person.role, phone(person)), (Role::Customer, Some("+923455550199")));
        assert_eq!(person.identity.email.as_ref().map(|e| e.expose().as_str()), Some("sana@example.com"));
        let details = person.details.expose();
        assert_eq!((details.name.as_deref(), details.postcode.as_deref()), (Some("Sana"), Some("54000")));
        assert_eq!(details.typed[1], ("tags".to_owned(), "vip, lahore".to_owned()));
    }
}

#[test]
fn privacy_notices_carry_what_identifies_and_nothing_to_seal() {
    let body = r#"{"shop_id":1,"customer":{"email":"Only@Example.com"},"orders_to_redact":[5,"6"]}"#;
    let drafts = read("customers/redact", body).unwrap();
    let Fact::RedactionRequested(fact) = &drafts[0].fact else { panic!("a redaction") };
    assert_eq!(
        (fact.customer, fact.subject, fact.orders.as_slice()),
        (None, None, [OrderId(5), OrderId(6)].as_slice())
    );
    let person = &drafts[0].people[0];
    assert_eq!(person.identity.email.as_ref().map(|e| e.expose().as_str()), Some("only@example.com"));
    assert!(*person.details.expose() == Details::default());

    let body = r#"{"shop_id":1,"customer":{"id":8,"email":null},"orders_requested":[],"data_request":{"id":9999}}"#;
    let drafts = read("customers/data_request", body).unwrap();
    let Fact::DataRequested(fact) = &drafts[0].fact else { panic!("a request") };
    assert_eq!((fact.customer, fact.request), (Some(CustomerId(8)), Some(9999)));
    assert_eq!(drafts[0].people[0].identity.customer, Some(CustomerId(8)));

    let nobody = read("customers/redact", r#"{"shop_id":1,"customer":{}}"#).unwrap_err();
    assert_eq!(nobody.to_string(), "customer: missing");
}

/// Where sample payloads may be found; they are not part of the repository.
fn real_data() -> PathBuf {
    let beside_the_repository = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    std::env::var_os("DAYBOOK_REAL_DATA").map_or_else(beside_the_repository, PathBuf::from).join("shopify")
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path() {
            path if path.is_dir() => files.extend(json_files(&path)),
            path => files.push(path),
        }
    }
    files.sort();
    files
}

/// The bodies in a file that are orders by another reading than the connector's: what a file of orders holds, with the
/// fields no order lacks.
fn order_shaped(file: &[u8]) -> Option<usize> {
    let value: Value = serde_json::from_slice(file).ok()?;
    let bodies = match &value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(members) => match (members.get("orders"), members.get("order")) {
            (Some(list), _) => list.as_array().into_iter().flatten().collect(),
            (None, Some(order)) => vec![order],
            (None, None) => vec![&value],
        },
        _ => Vec::new(),
    };
    let fields = ["id", "currency", "created_at", "total_price", "line_items", "financial_status"];
    Some(bodies.iter().filter(|body| fields.iter().all(|field| !body[field].is_null())).count())
}

#[test]
fn every_real_order_gets_its_facts() {
    let folder = real_data();
    if !folder.is_dir() {
        println!("skipped: no sample payloads; set DAYBOOK_REAL_DATA to their folder");
        return;
    }
    let (mut orders, mut files_of_orders) = (0_usize, 0_usize);
    let mut facts: BTreeMap<String, usize> = BTreeMap::new();
    let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let files = json_files(&folder);
    for file in &files {
        let name = file.strip_prefix(&folder).unwrap().display().to_string();
        let bytes = std::fs::read(file).unwrap();
        let read = with_settings(|settings| shopify::read_orders_file(&bytes, settings));
        let expected = order_shaped(&bytes);
        assert_eq!(read == Err(NotUnderstood::UnreadableJson), expected.is_none(), "{name}");
        let results = read.unwrap_or_else(|error| vec![Err(error)]);
        assert_eq!(results.iter().flatten().count(), expected.unwrap_or(0), "{name}");

        orders += results.iter().flatten().count();
        files_of_orders += usize::from(results.iter().any(Result::is_ok));
        for draft in results.iter().flatten().flatten() {
            *facts.entry(kind(&draft.fact)).or_default() += 1;
        }
        for error in results.iter().filter_map(|result| result.as_ref().err()) {
            refused.entry(error.to_string()).or_default().push(name.clone());
        }
    }
    println!("{} files; {orders} orders in {files_of_orders} of them; facts {facts:?}", files.len());
    for (reason, names) in &refused {
        println!("not orders, {}: {reason}: {}", names.len(), names.join(" "));
    }
    assert!(orders > 0 && facts["OrderPlaced"] == orders && facts["OrderRevised"] == orders);
}

#[test]
fn every_real_notification_of_a_known_topic_is_read() {
    let folder = real_data();
    if !folder.is_dir() {
        println!("skipped: no sample payloads; set DAYBOOK_REAL_DATA to their folder");
        return;
    }
    let topics = [
        ("Order.json", "orders/create"),
        ("Refund.json", "refunds/create"),
        ("Fulfillment.json", "fulfillments/update"),
        ("Customer.json", "customers/update"),
        ("InventoryLevel.json", "inventory_levels/update"),
        ("Product.json", "products/update"),
    ];
    let mut read_of: BTreeMap<&str, usize> = BTreeMap::new();
    for file in json_files(&folder) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let Some((_, topic)) = topics.iter().find(|(suffix, _)| *suffix == name) else { continue };
        let drafts = read(topic, &std::fs::read_to_string(&file).unwrap()).unwrap();
        assert!(!drafts.is_empty(), "{}", file.display());
        *read_of.entry(topic).or_default() += 1;
    }
    println!("notifications read: {read_of:?}");
}
