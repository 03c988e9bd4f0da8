//! An order's page: what it is, where its parcels and its cash stand, what happened when, and what that posted.

use std::collections::BTreeMap;

use askama::Template;
use commerce::{Case, CodPosition, Parcel, Part, PartKey, Policy};
use ledger::{BusinessZone, Currency, Posted, Side};
use store::books::{JournalLine, PartRow, cod_state, parcel_state};

use super::clock::{self, Moment};
use super::{amount, books, order_amount, order_title, payment, tone, words};
use crate::shop::{OrderFile, Shop};

mod timeline;

use timeline::Step;

/// `/t/{tenant}/orders/{order}`.
#[derive(Template)]
#[template(path = "order.html")]
pub(crate) struct OrderPage {
    tenant: String,
    as_of: Moment,
    zone: &'static str,
    title: String,
    id: String,
    status: String,
    tone: &'static str,
    placed: Option<Moment>,
    payment: &'static str,
    currency: String,
    total: String,
    refunded: Option<String>,
    destination: String,
    parked: Vec<String>,
    parcels: Vec<ParcelLine>,
    timeline: Vec<Step>,
    journals: Vec<JournalTable>,
    cash: Vec<CashTable>,
}

#[derive(Debug, PartialEq, Eq)]
struct ParcelLine {
    courier: String,
    tracking: String,
    state: String,
    tone: &'static str,
    attempts: usize,
    last_scan: Option<Moment>,
}

/// The cash of the order's parcels in one currency; cells in the order of the columns.
#[derive(Debug, PartialEq, Eq)]
struct CashTable {
    currency: Currency,
    parcels: Vec<CashLine>,
}

#[derive(Debug, PartialEq, Eq)]
struct CashLine {
    parcel: String,
    cells: [String; 5],
    state: String,
    tone: &'static str,
}

/// Everything posted for the order in one currency.
#[derive(Debug, PartialEq, Eq)]
struct JournalTable {
    currency: Currency,
    transactions: Vec<TransactionLines>,
}

#[derive(Debug, PartialEq, Eq)]
struct TransactionLines {
    number: u64,
    day: String,
    key: String,
    reverses: Option<u64>,
    entries: Vec<EntryLine>,
}

#[derive(Debug, PartialEq, Eq)]
struct EntryLine {
    account: String,
    path: String,
    debit: String,
    credit: String,
}

impl OrderPage {
    /// The page of an order.
    pub(crate) fn of(shop: &Shop<'_>, file: &OrderFile) -> OrderPage {
        let (zone, order) = (shop.row.zone, &file.order);
        OrderPage {
            tenant: shop.row.tenant.to_string(),
            as_of: clock::moment(shop.now, zone),
            zone: zone.name(),
            title: order_title(order),
            id: order.order.to_string(),
            status: order.status.clone(),
            tone: tone(&order.status),
            placed: order.placed_at.map(|at| clock::moment(at, zone)),
            payment: payment(order),
            currency: order.currency.clone().unwrap_or_default(),
            total: order_amount(order, order.total),
            refunded: (order.refunded != 0).then(|| order_amount(order, Some(order.refunded))),
            destination: destination(order.city.as_deref(), order.country.as_deref()),
            parked: parked(&file.parts),
            parcels: parcels(&file.parts).map(|(key, parcel)| parcel_line(key, parcel, zone)).collect(),
            timeline: timeline::steps(&file.parts, zone),
            journals: journals(&file.journal),
            cash: if order.cod { cash(&file.parts, &shop.row.policy()) } else { Vec::new() },
        }
    }
}

fn destination(city: Option<&str>, country: Option<&str>) -> String {
    match (city, country) {
        (Some(city), Some(country)) => format!("{city}, {country}"),
        (Some(place), None) | (None, Some(place)) => place.to_owned(),
        (None, None) => amount::NOTHING.to_owned(),
    }
}

/// Each reason once: a case is parked as a whole, so its parts say the same.
fn parked(parts: &[PartRow]) -> Vec<String> {
    let mut reasons: Vec<String> = parts.iter().filter_map(|part| part.parked.clone()).collect();
    reasons.sort();
    reasons.dedup();
    reasons
}

fn parcels(parts: &[PartRow]) -> impl Iterator<Item = (&PartKey, &Parcel)> {
    parts.iter().filter_map(|row| if let Part::Parcel(parcel) = &row.part { Some((&row.key, parcel)) } else { None })
}

fn parcel_line(key: &PartKey, parcel: &Parcel, zone: BusinessZone) -> ParcelLine {
    let (courier, tracking) = match key {
        PartKey::Parcel(courier, tracking) => (courier.to_string(), tracking.to_string()),
        PartKey::Order(_) | PartKey::Payout(..) | PartKey::Receipt(_) => Default::default(),
    };
    let state = words(parcel_state(parcel.state()));
    let last_scan = parcel.scans.last().map(|scan| clock::moment(scan.at, zone));
    ParcelLine { courier, tracking, tone: tone(&state), state, attempts: parcel.attempts(), last_scan }
}

fn cash(parts: &[PartRow], policy: &Policy) -> Vec<CashTable> {
    let case: Case<'_> = parts.iter().map(|row| (row.key.clone(), &row.part)).collect();
    let mut tables: BTreeMap<Currency, Vec<CashLine>> = BTreeMap::new();
    for position in case.keys().filter_map(|key| commerce::cod_position(&case, key, policy)) {
        tables.entry(position.currency).or_default().push(cash_line(&position));
    }
    tables.into_iter().map(|(currency, parcels)| CashTable { currency, parcels }).collect()
}

fn cash_line(position: &CodPosition) -> CashLine {
    let columns = [position.expected, position.remitted, position.fees, position.outstanding, position.on_the_way];
    let state = words(cod_state(position.state));
    CashLine {
        parcel: format!("{} {}", position.courier, position.tracking),
        cells: columns.map(|minor| amount::or_dash(minor, position.currency)),
        tone: tone(&state),
        state,
    }
}

fn journals(journal: &[JournalLine]) -> Vec<JournalTable> {
    let mut tables: BTreeMap<Currency, Vec<TransactionLines>> = BTreeMap::new();
    for JournalLine { posted } in journal {
        tables.entry(posted.transaction.currency()).or_default().push(transaction_lines(posted));
    }
    tables.into_iter().map(|(currency, transactions)| JournalTable { currency, transactions }).collect()
}

fn transaction_lines(posted: &Posted) -> TransactionLines {
    let entry = |entry: &ledger::Entry| {
        let text = amount::text(entry.amount.minor, entry.amount.currency);
        let (debit, credit) = match entry.side {
            Side::Debit => (text, String::new()),
            Side::Credit => (String::new(), text),
        };
        EntryLine { account: books::account_name(&entry.account), path: entry.account.to_string(), debit, credit }
    };
    TransactionLines {
        number: posted.number,
        day: clock::date(posted.transaction.effective()),
        key: posted.transaction.key().to_string(),
        reverses: posted.reverses,
        entries: posted.transaction.entries().iter().map(entry).collect(),
    }
}
