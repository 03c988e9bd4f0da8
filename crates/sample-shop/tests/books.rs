//! The shop's own story against the books: every delivery is read by the connectors, in the order it arrives, and the
//! posting rules must come to the figures that the shop expects.

use std::collections::BTreeMap;

use commerce::{
    Case, CodGateways, CodPosition, Fact, OrderId, OrderName, Part, PartKey, Policy, cod_position, postings,
};
use connectors::shopify::{Settings, read};
use connectors::{NotUnderstood, postex};
use ledger::{Layer, Side, Timestamp};
use sample_shop::{BodySize, Delivery, Endpoint, Plan, Workload, generate};

/// Received long after the last day, so that anything dated by its arrival would show.
const RECEIVED_AT: Timestamp = Timestamp(1_900_000_000_000_000);

#[derive(Default)]
struct Books {
    facts: BTreeMap<&'static str, u64>,
    malformed: u64,
    parts: BTreeMap<PartKey, Part>,
    balances: BTreeMap<String, i64>,
    positions: Vec<CodPosition>,
}

fn facts_of(delivery: &Delivery, gateways: &CodGateways) -> Result<Vec<Fact>, NotUnderstood> {
    let settings = Settings { cod_gateways: gateways, default_country_code: "92" };
    let drafts = match delivery.endpoint {
        Endpoint::Shopify { topic } => read(topic, RECEIVED_AT, &delivery.body, &settings)?,
        Endpoint::Courier { .. } => postex::read(&delivery.body, RECEIVED_AT)?,
    };
    Ok(drafts.into_iter().map(|draft| draft.fact).collect())
}

fn keep_books(workload: &Workload) -> Books {
    let policy = Policy::default();
    let mut books = Books::default();
    for delivery in &workload.deliveries {
        match facts_of(delivery, &policy.cod_gateways) {
            Ok(facts) => facts.iter().for_each(|fact| books.merge(fact)),
            Err(_) => books.malformed += 1,
        }
    }
    books.post(&policy);
    books
}

impl Books {
    fn merge(&mut self, fact: &Fact) {
        let kind = match fact {
            Fact::ParcelScanned(scan) if scan.state == commerce::ParcelState::Unknown => "unknown scans",
            Fact::ParcelScanned(_) => "scans",
            Fact::ProductCosted(product) if product.cost.is_some() => "costs",
            Fact::StockCounted(_) => "stock",
            Fact::CustomerRecorded(_) => "customers",
            _ => "others",
        };
        *self.facts.entry(kind).or_default() += 1;
        for key in PartKey::of(fact) {
            self.parts.entry(key.clone()).or_insert_with(|| key.empty()).merge(fact);
        }
    }

    #[expect(clippy::unwrap_used, reason = "a test reads what was made for it")]
    fn post(&mut self, policy: &Policy) {
        let parts = std::mem::take(&mut self.parts);
        for case in cases(&parts).values() {
            for transaction in postings(case, policy, &[]).unwrap().values().flat_map(|journal| journal.values()) {
                for entry in transaction.entries().iter().filter(|entry| entry.layer == Layer::Posted) {
                    let sign = if entry.side == Side::Debit { 1 } else { -1 };
                    *self.balances.entry(entry.account.to_string()).or_default() += sign * entry.amount.minor;
                }
            }
            self.positions.extend(case.keys().filter_map(|key| cod_position(case, key, policy)));
        }
        self.parts = parts;
    }

    fn balance(&self, account: &str) -> i64 {
        self.balances.get(account).copied().unwrap_or_default()
    }

    fn sum(&self, amount: fn(&CodPosition) -> i64) -> i64 {
        self.positions.iter().map(amount).sum()
    }

    fn count(&self, is: fn(&Part) -> bool) -> u64 {
        self.parts.values().filter(|part| is(part)).count() as u64
    }
}

/// Orders with the parcels they claim, and the rest each by itself.
fn cases(parts: &BTreeMap<PartKey, Part>) -> BTreeMap<PartKey, Case<'_>> {
    let names: BTreeMap<&OrderName, OrderId> = parts
        .iter()
        .filter_map(|(key, part)| match key {
            PartKey::Order(id) => Some((part.order_name()?, *id)),
            _ => None,
        })
        .collect();
    let mut cases: BTreeMap<PartKey, Case<'_>> = BTreeMap::new();
    for (key, part) in parts {
        let owner = match part {
            Part::Parcel(parcel) => {
                parcel.claims.orders().next().or(parcel.reference.as_ref().and_then(|name| names.get(name).copied()))
            }
            _ => None,
        };
        cases.entry(owner.map_or(key.clone(), PartKey::Order)).or_default().insert(key.clone(), part);
    }
    cases
}

#[test]
fn the_books_say_what_the_shop_expects() {
    for (seed, size) in [(1, BodySize::Full), (2, BodySize::Lean)] {
        let workload = generate(&Plan { seed, size, orders: 1_500, ..Plan::default() });
        let (books, expected) = (keep_books(&workload), &workload.expected);
        println!("{:?}\n{:?}\n{expected:#?}", books.facts, books.balances);
        assert_eq!(books.malformed, expected.malformed);
        assert_eq!(books.facts.get("unknown scans"), None);
        assert_eq!(books.sum(|p| p.expected), expected.cod_expected_minor);
        assert_eq!(books.sum(|p| p.remitted), expected.cod_remitted_net_minor);
        assert_eq!(books.sum(|p| p.fees), expected.cod_fees_minor);
        assert_eq!(books.sum(|p| p.outstanding), expected.cod_outstanding_minor);
        assert_eq!(books.balance("assets:cod-receivable:postex"), expected.cod_outstanding_minor);
        assert_eq!(books.balance("liabilities:courier-payable:postex"), -expected.courier_payable_minor);
        let unbanked = expected.cod_remitted_net_minor - expected.banked_minor;
        assert_eq!(books.balance("assets:remittance-clearing"), unbanked);
        let came_in = expected.banked_minor + expected.captured_minor - expected.refunded_minor;
        assert_eq!(books.balance("assets:bank") + books.balance("assets:gateway-receivable"), came_in);
        assert_eq!(books.balances.values().sum::<i64>(), 0);
    }
}

#[test]
fn the_parts_are_as_many_as_the_shop_expects() {
    let workload = generate(&Plan { size: BodySize::Lean, orders: 1_500, ..Plan::default() });
    let (books, expected) = (keep_books(&workload), &workload.expected);
    let order = |part: &Part| matches!(part, Part::Order(_));
    let cancelled = |part: &Part| matches!(part, Part::Order(order) if order.cancelled.is_some());
    let refunded = |part: &Part| matches!(part, Part::Order(order) if !order.refunds.is_empty());
    let delivered = |part: &Part| matches!(part, Part::Parcel(parcel) if parcel.delivered_at().is_some());
    let returned = |part: &Part| matches!(part, Part::Parcel(parcel) if parcel.returned_at().is_some());
    let banked = |part: &Part| matches!(part, Part::Payout(payout) if payout.banked.is_some());
    assert_eq!(books.count(order), expected.orders);
    assert_eq!(books.count(cancelled), expected.cancelled);
    assert_eq!(books.count(refunded), expected.refunds);
    assert_eq!(books.count(delivered), expected.delivered);
    assert_eq!(books.count(returned), expected.returned);
    assert_eq!(books.count(banked), expected.payouts);
    assert!(books.facts.get("costs").is_some_and(|costs| *costs >= 40));
}
