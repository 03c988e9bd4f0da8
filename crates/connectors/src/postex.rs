//! PostEx: status pushes, tracked orders, payment statuses and the portal's list of payouts, as facts.
//!
//! What a record is shows in its fields, for the same record arrives bare (a push), in the envelope
//! `{statusCode, statusMessage, dist}` (an answer of the API), one or many at a time, flat or inside `trackingResponse`.
//!
//! | record | told by | facts |
//! | --- | --- | --- |
//! | payment status | `settle` | a part settled, for each part paid; none while it is not settled |
//! | payout of the portal's list | `cashPaymentReceiptNumber` | a payout banked, once it is approved |
//! | tracked order | a history, the order's own fields, or money | a parcel booked, its scans, its charges, parts settled |
//! | status push | `orderStatus`, `transactionStatus` or `lastAttemptReason` | a scan |
//!
//! A tracked order also names the buyer (`customerName`, `customerPhone`, `deliveryAddress`, `transactionNotes`). Nothing
//! of that is read: the order itself brings its people, and what was never read cannot leak.
//!
//! Two records that say less must not overwrite those that say more. So the guest page, which knows neither the order nor
//! its cash, gives scans only; and charges are reported only by a record with at least one of the amounts.

mod record;
mod status;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use commerce::{
    CodChargesReported, CodPartSettled, Courier, Fact, OrderName, ParcelBooked, ParcelScanned, ParcelState,
    PayoutBanked, ReceiptNumber, SettlementPart, TrackingNumber,
};
use ledger::{BusinessZone, Currency, Day, Timestamp};

use crate::{Draft, NotUnderstood};
use record::Record;
use status::Meaning;

/// Fields only a tracked order has, not a status push.
const TRACKED_ORDER: &[&str] = &[
    "transactionStatusHistory",
    "orderRefNumber",
    "transactionDate",
    "invoicePayment",
    "orderPickupDate",
    "orderDeliveryDate",
    "customerName",
    "transactionFee",
    "transactionTax",
    "reversalFee",
    "reversalTax",
    "upfrontPayment",
    "reservePayment",
    "upfrontPaymentDate",
    "reservePaymentDate",
];

/// The facts in a body that PostEx pushed or answered; amounts are PKR, wall-clock times are Pakistan's. `received_at`
/// stands in where the body itself has no time at all.
///
/// A failure that arrives as an answer (`statusCode` without `dist`) is of unknown shape; a row of a bulk answer whose
/// parcel PostEx does not know is skipped; an unsettled payment or unapproved payout is no fact.
pub fn read(body: &[u8], received_at: Timestamp) -> Result<Vec<Draft>, NotUnderstood> {
    let mut drafts = Vec::new();
    for row in record::rows(body)? {
        let facts = facts(&row, received_at)?;
        drafts.extend(facts.into_iter().map(|fact| Draft { fact, people: vec![] }));
    }
    Ok(drafts)
}

fn facts(row: &Record<'_>, received_at: Timestamp) -> Result<Vec<Fact>, NotUnderstood> {
    let any = |names: &[&str]| names.iter().any(|name| row.has(name));
    if row.has("settle") {
        payment_status(row)
    } else if any(&["cashPaymentReceiptNumber", "cashPaymentReceiptMasterId"]) {
        payout(row)
    } else if any(TRACKED_ORDER) {
        tracked_order(row, received_at)
    } else if any(&["orderStatus", "transactionStatus", "lastAttemptReason"]) {
        status_push(row, received_at)
    } else {
        Err(NotUnderstood::UnknownTopic)
    }
}

/// Which parcel a record is about.
struct Subject {
    courier: Courier,
    tracking: TrackingNumber,
    reference: Option<OrderName>,
}

impl Subject {
    fn of(row: &Record<'_>) -> Result<Subject, NotUnderstood> {
        let number = row.text(&["trackingNumber"])?.ok_or_else(|| row.missing("trackingNumber"))?;
        let tracking = TrackingNumber::from_text(&number)
            .ok_or_else(|| row.problem("trackingNumber", "not a tracking number".to_owned()))?;
        let reference = row.text(&["orderRefNumber", "orderReferenceNumber"])?;
        Ok(Subject { courier: courier(), tracking, reference: reference.and_then(|name| OrderName::from_text(&name)) })
    }

    fn scanned(&self, scanned_at: Timestamp, meaning: Meaning) -> Fact {
        Fact::ParcelScanned(ParcelScanned {
            scanned_at,
            courier: self.courier.clone(),
            tracking: self.tracking.clone(),
            state: meaning.state,
            code: meaning.code,
            reference: self.reference.clone(),
        })
    }

    fn settled(&self, part: SettlementPart, settled_on: Day, receipt: Option<ReceiptNumber>) -> Fact {
        let (courier, tracking) = (self.courier.clone(), self.tracking.clone());
        Fact::CodPartSettled(CodPartSettled { settled_on, courier, tracking, part, receipt })
    }
}

#[expect(
    clippy::expect_used,
    reason = "the slug is a constant of lower-case letters, which every courier's slug may be"
)]
fn courier() -> Courier {
    Courier::try_from("postex".to_owned()).expect("a valid slug")
}

/// The spellings of when a parcel got its status. All bodies may have any of them.
const STATUS_TIMES: &[&str] = &["statusUpdatedAt", "statusUpdateDatetime", "statusDateTime"];

fn status_push(row: &Record<'_>, received_at: Timestamp) -> Result<Vec<Fact>, NotUnderstood> {
    let subject = Subject::of(row)?;
    let reason = row.text(&["lastAttemptReason"])?;
    let status = row.text(&["orderStatus", "transactionStatus"])?;
    let at = row.time(&[STATUS_TIMES, &["updatedAt"]].concat())?;
    // A push that only gives the reason of an attempt says that there was one.
    let status = status.as_deref().unwrap_or("Attempted");
    let meaning = status::meaning(None, Some(status), reason.as_deref());
    Ok(vec![subject.scanned(at.unwrap_or(received_at), meaning)])
}

fn tracked_order(row: &Record<'_>, received_at: Timestamp) -> Result<Vec<Fact>, NotUnderstood> {
    let subject = Subject::of(row)?;
    let history = history(row)?;
    let version = row
        .time(&["statusUpdatedAt"])?
        .or(history.last().map(|scan| scan.0))
        .or(row.time(&["transactionDate"])?)
        .unwrap_or(received_at);
    let mut facts: Vec<Fact> = booked(row, &subject, version)?.into_iter().collect();
    if history.is_empty() {
        facts.extend(current_status(row, &subject, received_at)?);
    }
    facts.extend(history.into_iter().map(|(at, state, code)| subject.scanned(at, Meaning { state, code })));
    facts.extend(charges(row, &subject, version)?);
    for (part, date) in
        [(SettlementPart::Upfront, "upfrontPaymentDate"), (SettlementPart::Reserve, "reservePaymentDate")]
    {
        facts.extend(day(row, &[date])?.map(|day| subject.settled(part, day, None)));
    }
    Ok(facts)
}

/// The record of the booking, if this is one: the guest page knows nothing of the order.
fn booked(row: &Record<'_>, subject: &Subject, version: Timestamp) -> Result<Option<Fact>, NotUnderstood> {
    if !["invoicePayment", "orderRefNumber", "transactionDate"].iter().any(|name| row.has(name)) {
        return Ok(None);
    }
    Ok(Some(Fact::ParcelBooked(ParcelBooked {
        version,
        courier: subject.courier.clone(),
        tracking: subject.tracking.clone(),
        reference: subject.reference.clone(),
        cod: row.money("invoicePayment")?,
        booked_at: row.time(&["transactionDate"])?,
    })))
}

/// The scans of the history, oldest first, each once, whichever way round PostEx lists them.
fn history(row: &Record<'_>) -> Result<BTreeSet<(Timestamp, ParcelState, String)>, NotUnderstood> {
    let mut scans = BTreeSet::new();
    for entry in row.list("transactionStatusHistory")? {
        let code = entry.text(&["transactionStatusMessageCode"])?;
        let message = entry.text(&["transactionStatusMessage"])?;
        let at = entry.time(&["updatedAt", "modifiedDatetime"])?.ok_or_else(|| entry.missing("updatedAt"))?;
        let meaning = status::meaning(code.as_deref(), message.as_deref(), None);
        scans.insert((at, meaning.state, meaning.code));
    }
    Ok(scans)
}

/// Where an order without history stands. The date of the step itself dates it where PostEx gives one; the date of the
/// booking would put a delivery on the wrong day, so failing all else it counts from when we heard of it.
fn current_status(row: &Record<'_>, subject: &Subject, received_at: Timestamp) -> Result<Option<Fact>, NotUnderstood> {
    let Some(status) = row.text(&["transactionStatus", "orderStatus"])? else { return Ok(None) };
    let reason = row.text(&["lastAttemptReason"])?;
    let meaning = status::meaning(None, Some(&status), reason.as_deref());
    let of_step: &[&str] = match meaning.state {
        ParcelState::Booked => &["transactionDate"],
        ParcelState::PickedUp => &["orderPickupDate"],
        ParcelState::Delivered => &["orderDeliveryDate"],
        _ => &[],
    };
    let at = row.time(&[STATUS_TIMES, of_step].concat())?;
    Ok(Some(subject.scanned(at.unwrap_or(received_at), meaning)))
}

/// Fees and payments, if the record has any of them; those it lacks are nothing yet.
fn charges(row: &Record<'_>, subject: &Subject, version: Timestamp) -> Result<Option<Fact>, NotUnderstood> {
    let names = ["transactionFee", "transactionTax", "reversalFee", "reversalTax", "upfrontPayment", "reservePayment"];
    let mut amounts = [0; 6];
    let mut any = false;
    for (amount, name) in amounts.iter_mut().zip(names) {
        if let Some(money) = row.money(name)? {
            (*amount, any) = (money.minor, true);
        }
    }
    let [fee, fee_tax, return_fee, return_fee_tax, upfront, reserve] = amounts;
    Ok(any.then(|| {
        Fact::CodChargesReported(CodChargesReported {
            version,
            courier: subject.courier.clone(),
            tracking: subject.tracking.clone(),
            currency: Currency::PKR,
            fee,
            fee_tax,
            return_fee,
            return_fee_tax,
            upfront,
            reserve,
        })
    }))
}

/// The parts paid. A part is told by its own date or by the receipt it is on; without a date of its own it was paid on
/// the day of the settlement. A settlement without any part is one payment: the first.
fn payment_status(row: &Record<'_>) -> Result<Vec<Fact>, NotUnderstood> {
    if !row.truth("settle")? {
        return Ok(vec![]);
    }
    let subject = Subject::of(row)?;
    let settled_on = day(row, &["settlementDate"])?;
    let own_or_settlement = |own: Option<Day>| own.or(settled_on).ok_or_else(|| row.missing("settlementDate"));
    let mut facts = Vec::new();
    for (part, dates, receipts) in [
        (SettlementPart::Upfront, ["upfrontPaymentDate", "cpr1Date"], ["cprNumber_1", "cpr1"]),
        (SettlementPart::Reserve, ["reservePaymentDate", "cpr2Date"], ["cprNumber_2", "cpr2"]),
    ] {
        let (paid_on, receipt) = (day(row, &dates)?, row.text(&receipts)?);
        if paid_on.is_some() || receipt.is_some() {
            let receipt = receipt.and_then(|number| number.parse().ok());
            facts.push(subject.settled(part, own_or_settlement(paid_on)?, receipt));
        }
    }
    if facts.is_empty() {
        facts.push(subject.settled(SettlementPart::Upfront, own_or_settlement(None)?, None));
    }
    Ok(facts)
}

fn payout(row: &Record<'_>) -> Result<Vec<Fact>, NotUnderstood> {
    let Some(banked_on) = day(row, &["approveDate"])? else { return Ok(vec![]) };
    let name = "cashPaymentReceiptNumber";
    let number = row.text(&[name])?.ok_or_else(|| row.missing(name))?;
    let receipt = number.parse().map_err(|_| row.problem(name, "not a receipt number".to_owned()))?;
    let amount = row.money("netAmount")?.ok_or_else(|| row.missing("netAmount"))?;
    Ok(vec![Fact::PayoutBanked(PayoutBanked { banked_on, courier: courier(), receipt, amount })])
}

fn day(row: &Record<'_>, names: &[&str]) -> Result<Option<Day>, NotUnderstood> {
    Ok(row.time(names)?.map(|at| at.day(BusinessZone::KARACHI)))
}
