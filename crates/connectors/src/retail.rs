//! A retailer's invoices in the columns of the UCI Online Retail data sets, as paid orders that were handed over at once.
//!
//! `Invoice` (or `InvoiceNo`), `StockCode`, `Quantity`, `InvoiceDate`, `Price` (or `UnitPrice`), `CustomerID` (or
//! `Customer ID`) and `Country`, in any order; everything else, the description too, is not read. One row is one line of
//! an invoice. There is no personal data in it: customers are numbers, and no name stands behind them.
//!
//! How an invoice reads:
//!
//! - The order's id is the number's digits, and its name the whole number, prefix included. Cancellations (`C489449`) and
//!   adjustments (`A506401`) count in the same series as sales, so the digits alone are unique; an invoice that breaks
//!   this is reported, not merged.
//! - Prices are pounds with up to six decimals. A line is quantity × price, exactly, then rounded half to even to the
//!   penny; the total is the sum of the lines. A line's discount makes up for the rounding of its price.
//! - The sign of the total decides, not the prefix. Zero or more is a sale: placed, paid in full, and handed over without
//!   a parcel, so its revenue counts on the invoice's day. Less than zero is a credit: an order of no pieces and no money,
//!   and a refund of the amount on that day, with the pieces that came back.
//! - Times are the shop's wall clock and are read as UTC; an invoice is of the earliest time on its rows.
//! - A country is kept as ISO alpha-2 where its name is that of one country; `Channel Islands`, `West Indies` are not.

mod rows;
#[cfg(test)]
mod tests;

use commerce::{
    CustomerId, Fact, FulfilmentId, FulfilmentRecorded, LineId, LineItem, OrderId, OrderName, OrderPlaced,
    OrderRevised, PaymentState, RefundId, RefundIssued, Sku,
};
use ledger::{Currency, Timestamp};

use crate::Draft;
pub use rows::invoices;

/// Millionths of a pound in a penny.
const MILLIONTHS_PER_PENNY: i128 = 10_000;

/// An invoice: its rows, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// Line of the file on which its first row starts, counted from 1, the header included.
    pub row: u64,
    /// The number as printed, such as `489434` or `C489449`.
    pub number: OrderName,
    /// The number's digits.
    pub order: OrderId,
    /// The earliest time on its rows, the shop's wall clock as UTC.
    pub invoiced_at: Timestamp,
    /// The customer, if the till knew one.
    pub customer: Option<CustomerId>,
    /// ISO 3166 alpha-2, if the file names one country.
    pub country: Option<&'static str>,
    /// Its lines, as in the file.
    pub lines: Vec<Line>,
}

/// A line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What was sold, if the stock code is not blank.
    pub sku: Option<Sku>,
    /// Pieces; negative when they came back or were written off.
    pub quantity: i64,
    /// Price of a piece in millionths of a pound; negative in adjustments.
    pub price: i64,
}

/// A row, and with it its invoice, is not understood. Says where, never what stood there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {row}, {field}: {problem}")]
pub struct RowError {
    /// Line of the file, counted from 1, the header included.
    pub row: u64,
    /// The column, or `row` when it is the row itself.
    pub field: &'static str,
    /// What is wrong, without the value.
    pub problem: &'static str,
}

/// The facts of an invoice: an order placed, its terms and its hand-over, and for a credit the refund. Fails when an
/// amount does not fit 64 bits of pennies.
pub fn drafts(invoice: &Invoice) -> Result<Vec<Draft>, RowError> {
    let too_much = || RowError { row: invoice.row, field: "Price", problem: "amount does not fit 64 bits of pennies" };
    let amounts = invoice.lines.iter().map(|line| line.amount());
    let total = i64::try_from(amounts.sum::<i128>()).map_err(|_| too_much())?;
    let credit = if total < 0 { Some(total.checked_neg().ok_or_else(too_much)?) } else { None };
    let lines = numbered(&invoice.lines).map(|(id, line)| line.item(id, credit.is_some())).collect::<Option<Vec<_>>>();
    let lines = lines.ok_or_else(too_much)?;
    let mut facts = vec![
        Fact::OrderPlaced(placed(invoice)),
        Fact::FulfilmentRecorded(handed_over(invoice, &lines)),
        Fact::OrderRevised(terms(invoice, total.max(0), lines)),
    ];
    facts.extend(credit.map(|amount| Fact::RefundIssued(refund(invoice, amount))));
    Ok(facts.into_iter().map(|fact| Draft { fact, people: vec![] }).collect())
}

fn placed(invoice: &Invoice) -> OrderPlaced {
    OrderPlaced {
        order: invoice.order,
        name: Some(invoice.number.clone()),
        placed_at: invoice.invoiced_at,
        customer: invoice.customer,
    }
}

fn terms(invoice: &Invoice, total: i64, lines: Vec<LineItem>) -> OrderRevised {
    OrderRevised {
        version: invoice.invoiced_at,
        order: invoice.order,
        currency: Currency::GBP,
        total,
        shipping: 0,
        tax: 0,
        tip: 0,
        discounts: 0,
        taxes_included: true,
        presentment: None,
        cash_on_delivery: false,
        payment: PaymentState::Paid,
        paid: total,
        test: false,
        city: None,
        country: invoice.country.map(str::to_owned),
        lines,
        duties: 0,
        rounding: 0,
        gift_card_paid: 0,
        gift_cards_sold: 0,
        no_gift_card: false,
    }
}

fn handed_over(invoice: &Invoice, lines: &[LineItem]) -> FulfilmentRecorded {
    FulfilmentRecorded {
        version: invoice.invoiced_at,
        order: invoice.order,
        fulfilment: FulfilmentId(invoice.order.0),
        fulfilled_at: invoice.invoiced_at,
        stands: true,
        delivered: false,
        parcels: vec![],
        lines: lines.iter().filter(|line| line.quantity > 0).map(|line| (line.line, line.quantity)).collect(),
    }
}

/// A refund of the same instant as the hand-over counts as one after the sale, so it needs no later time.
fn refund(invoice: &Invoice, amount: i64) -> RefundIssued {
    let came_back = |(id, line): (LineId, &Line)| line.quantity.checked_neg().filter(|n| *n > 0).map(|n| (id, n));
    RefundIssued {
        refunded_at: invoice.invoiced_at,
        order: invoice.order,
        refund: RefundId(invoice.order.0),
        currency: Currency::GBP,
        amount,
        tax: 0,
        restocked: numbered(&invoice.lines).filter_map(came_back).collect(),
        gift_card: 0,
        unsent: vec![],
    }
}

/// Lines have no id in the file: they are counted from 1 within their invoice.
fn numbered(lines: &[Line]) -> impl Iterator<Item = (LineId, &Line)> {
    (1..).map(LineId).zip(lines)
}

impl Line {
    /// Quantity × price in pennies.
    fn amount(&self) -> i128 {
        pennies(i128::from(self.quantity) * i128::from(self.price))
    }

    /// As a line of an order; of a credit no piece is sold. None when an amount does not fit.
    fn item(&self, line: LineId, credited: bool) -> Option<LineItem> {
        let unit_price = pennies(i128::from(self.price));
        let quantity = if credited { 0 } else { self.quantity };
        let discount = if credited { 0 } else { i128::from(quantity) * unit_price - self.amount() };
        let (unit_price, discount) = (i64::try_from(unit_price).ok()?, i64::try_from(discount).ok()?);
        Some(LineItem { line, variant: None, sku: self.sku.clone(), quantity, unit_price, discount })
    }
}

/// Half to even.
fn pennies(millionths: i128) -> i128 {
    let (whole, rest) = (millionths.div_euclid(MILLIONTHS_PER_PENNY), millionths.rem_euclid(MILLIONTHS_PER_PENNY));
    let up = rest * 2 > MILLIONTHS_PER_PENNY || (rest * 2 == MILLIONTHS_PER_PENNY && whole % 2 != 0);
    whole + i128::from(up)
}
