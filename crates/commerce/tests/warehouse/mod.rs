//! Words for telling which goods left, and for reading which of them moved and what that posts at cost.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::books::{Parts, cases, merge_all};
use crate::story::{money, order, refunded, sent, time};
use commerce::stock::{CardLine, Issues, Movement, Stock, cost_noted, movements, revalue};
use commerce::{
    Costing, Fact, FulfilmentRecorded, LineId, LineItem, OrderRevised, Policy, ProductCosted, Recognition,
    RefundIssued, StockReceived, VariantId, postings,
};
use ledger::{BusinessZone, EntryKey, Side};

/// An order of these lines: line, item, pieces. Item 0 is one that the shop does not know any more.
pub(crate) fn ordered_lines(number: u64, lines: &[(u64, u64, i64)]) -> Fact {
    let Fact::OrderRevised(terms) = order(number, "3,000").cash_on_delivery().since("03-01") else { unreachable!() };
    let line = |(line, item, quantity): &(u64, u64, i64)| LineItem {
        line: LineId(*line),
        variant: Some(VariantId(*item)).filter(|item| item.0 != 0),
        sku: None,
        quantity: *quantity,
        unit_price: money("1,000").minor,
        discount: 0,
    };
    Fact::OrderRevised(OrderRevised { lines: lines.iter().map(line).collect(), ..terms })
}

/// Order 1, of two pieces of item 7 and one of item 8.
pub(crate) fn ordered() -> Fact {
    ordered_lines(1, &[(1, 7, 2), (2, 8, 1)])
}

/// These pieces of these lines left with a fulfilment.
pub(crate) fn with_lines(fulfilment: Fact, lines: &[(u64, i64)]) -> Fact {
    let Fact::FulfilmentRecorded(fact) = fulfilment else { panic!("{fulfilment:?} is no fulfilment") };
    let lines = lines.iter().map(|(line, pieces)| (LineId(*line), *pieces)).collect();
    Fact::FulfilmentRecorded(FulfilmentRecorded { lines, ..fact })
}

/// All of order 1 left in these parcels on 2 March.
pub(crate) fn left_in(parcels: &[&str]) -> Fact {
    with_lines(sent(1, 11, "03-02", parcels), &[(1, 2), (2, 1)])
}

/// A refund took these pieces of these lines of order 1 back into stock.
pub(crate) fn restocked(refund: u64, at: &str, lines: &[(u64, i64)]) -> Fact {
    let Fact::RefundIssued(fact) = refunded(1, refund, at, "100", "0") else { unreachable!() };
    let restocked = lines.iter().map(|(line, pieces)| (LineId(*line), *pieces)).collect();
    Fact::RefundIssued(RefundIssued { restocked, ..fact })
}

/// Goods came in: pieces, and what one cost.
pub(crate) fn came_in(receipt: &str, at: &str, item: u64, pieces: i64, unit_cost: &str) -> Fact {
    Fact::StockReceived(StockReceived {
        received_at: time(at),
        receipt: receipt.parse().expect("a receipt's name"),
        variant: VariantId(item),
        item: None,
        sku: None,
        location: None,
        quantity: pieces,
        unit_cost: money(unit_cost),
        by: "warehouse".parse().expect("a name at work"),
    })
}

/// The shop says what one piece costs.
pub(crate) fn costs(at: &str, item: u64, cost: Option<&str>) -> Fact {
    let (variant, cost) = (VariantId(item), cost.map(money));
    Fact::ProductCosted(ProductCosted { version: time(at), variant, item: None, sku: None, cost })
}

/// Every item's card, not yet valued, in its order.
fn cards(facts: &[Fact], parts: &Parts, recognition: Recognition) -> BTreeMap<VariantId, Vec<CardLine>> {
    let noted =
        facts.iter().filter_map(|fact| if let Fact::ProductCosted(fact) = fact { cost_noted(fact) } else { None });
    let mut cards: BTreeMap<VariantId, Vec<CardLine>> = BTreeMap::new();
    for (item, line) in cases(parts).iter().flat_map(|case| movements(case, recognition)).chain(noted) {
        cards.entry(item).or_default().push(line);
    }
    for card in cards.values_mut() {
        card.sort_by(|a, b| (a.at, &a.origin).cmp(&(b.at, &b.origin)));
    }
    cards
}

/// `03-05`, and the minute unless it is noon.
fn clock(line: &CardLine) -> String {
    let text = line.at.wall_clock(BusinessZone::KARACHI).format("%m-%d %H:%M").to_string();
    text.strip_suffix(" 12:00").map(str::to_owned).unwrap_or(text)
}

fn moved(movement: &Movement) -> String {
    match movement {
        Movement::CostNoted { unit_cost } => format!("costs {unit_cost}"),
        Movement::Received { quantity, unit_cost } => format!("in {quantity} at {unit_cost}"),
        Movement::Issued { quantity } => format!("out {quantity}"),
        Movement::Returned { quantity, earlier, issue } => format!("back {quantity} after {earlier} of {issue}"),
        Movement::Lost { quantity, .. } => format!("lost {quantity}"),
    }
}

/// The facts must move these goods, by item and time: `03-05 item 7 out 2 (out/order/1/11/1/issued)`.
#[track_caller]
pub(crate) fn moves(facts: &[Fact], expected: &[&str]) {
    moves_under(Recognition::Delivery, facts, expected);
}

/// The facts must move these goods of a tenant who sells then.
#[track_caller]
pub(crate) fn moves_under(recognition: Recognition, facts: &[Fact], expected: &[&str]) {
    let mut actual = Vec::new();
    for (item, card) in cards(facts, &merge_all(facts), recognition) {
        for line in card {
            actual.push(format!("{} item {item} {} ({})", clock(&line), moved(&line.movement), line.origin));
        }
    }
    assert_eq!(actual, expected);
}

/// The facts must post this for goods, whatever the layout of the text.
#[track_caller]
pub(crate) fn posts(facts: &[Fact], expected: &str) {
    let (policy, parts) = (Policy::default(), merge_all(facts));
    let mut cards = cards(facts, &parts, policy.recognition);
    for card in cards.values_mut() {
        revalue(Costing::MovingAverage, Stock::default(), card.iter_mut(), &mut Issues::new());
    }
    let goods: Vec<&CardLine> = cards.values().flatten().collect();
    let mut text = String::new();
    for case in cases(&parts) {
        let postings = postings(&case, &policy, &goods).expect("the case can be posted");
        let journal = postings.into_values().flatten();
        let is_of_goods = |key: &EntryKey| key.as_str().contains("/cost/") || key.as_str().starts_with("receipt/");
        for (key, transaction) in journal.filter(|(key, _)| is_of_goods(key)) {
            writeln!(text, "{} {key}", transaction.effective()).expect("a string takes it");
            for entry in transaction.entries() {
                let side = if entry.side == Side::Debit { "Dr" } else { "Cr" };
                writeln!(text, "    {side} {} {}", entry.account, entry.amount).expect("a string takes it");
            }
        }
    }
    assert!(text.split_whitespace().eq(expected.split_whitespace()), "the journal is\n{text}\nand not\n{expected}");
}
