//! The bodies that the courier PostEx sends: status pushes, and the answers of its tracking and payment calls.
//!
//! Its spellings vary from body to body in reality, so they do here: two shapes of push, answers with and without their
//! envelope, histories from either end, two spellings of the receipts' numbers.

use chrono::{NaiveDate, NaiveDateTime};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::life::{Event, Part, Scan, Step};
use crate::order::Order;
use crate::paisa;
use crate::receipts::{Receipt, ReceiptList, receipt_number};

impl Scan {
    /// The status in pushes and at the head of a tracking answer.
    fn status(self) -> &'static str {
        match self {
            Scan::Booked => "Booked",
            Scan::PickedUp => "Picked By PostEx",
            Scan::AtWarehouse => "PostEx WareHouse",
            Scan::OutForDelivery => "Out For Delivery",
            Scan::Attempted => "Attempted",
            Scan::Delivered => "Delivered",
            Scan::OutForReturn => "Out For Return",
            Scan::Returned => "Returned",
        }
    }

    /// Code and message in a history.
    fn history(self) -> (&'static str, &'static str) {
        match self {
            Scan::Booked => ("0001", "At Merchant's Warehouse"),
            Scan::PickedUp => ("0031", "Departed to Warehouse"),
            Scan::AtWarehouse => ("0003", "At PostEx Warehouse"),
            Scan::OutForDelivery => ("0004", "Enroute for Delivery"),
            Scan::Attempted => ("0013", "Attempt Made: CNA (customer not available)"),
            Scan::Delivered => ("0005", "Delivered to Customer"),
            Scan::OutForReturn => ("0040", "Return in Transit"),
            Scan::Returned => ("0006", "Returned to Merchant"),
        }
    }
}

/// A status push.
pub(crate) fn push(order: &Order, scan: Scan, at: NaiveDateTime) -> Vec<u8> {
    let (tracking, reference) = (&order.carriage.tracking, order.printed_number().to_string());
    let mut body = if order.number.is_multiple_of(3) {
        json!({ "trackingNumber": tracking, "orderReferenceNumber": reference, "transactionStatus": scan.status(),
            "statusDateTime": iso(at) })
    } else {
        json!({ "trackingNumber": tracking, "orderReferenceNumber": reference, "orderStatus": scan.status(),
            "statusUpdateDatetime": wall_clock(at) })
    };
    if scan == Scan::Attempted {
        body["lastAttemptReason"] = json!("Customer not available");
    }
    body.to_string().into_bytes()
}

/// A tracking answer after `events`, the latest of which made the courier send it, with all charges and payments.
pub(crate) fn tracking(order: &Order, events: &[Event], at: NaiveDateTime) -> Vec<u8> {
    let paid_at = |part| events.iter().find(|event| event.step == Step::Settled(part)).map(|event| event.at);
    let (upfront_at, reserve_at) = (paid_at(Part::Upfront), paid_at(Part::Reserve));
    let scanned_at = |scan| events.iter().find(|event| event.step == Step::Scanned(scan)).map(|event| event.at);
    let came_back = scanned_at(Scan::Returned).is_some();
    let carriage = &order.carriage;
    let fee = if came_back { 0 } else { carriage.fee };
    let fee_tax = if came_back { 0 } else { carriage.fee_tax() };
    let upfront = upfront_at.map_or(0, |_| order.upfront());
    let reserve = reserve_at.map_or(0, |_| order.reserve());
    let balance = if came_back { 0 } else { order.cash() - fee - fee_tax - upfront - reserve };
    answer(
        order,
        &TrackOrder {
            customer_name: order.addressee().name(),
            customer_phone: &order.addressee().phone,
            delivery_address: &order.addressee().street,
            city_name: order.addressee().city.name,
            transaction_notes: order.note.unwrap_or_default(),
            merchant_name: "Chinar Bazaar",
            order_ref_number: order.name(),
            tracking_number: &carriage.tracking,
            transaction_date: scanned_at(Scan::Booked).map(wall_clock),
            transaction_status: scans(events).last().map(|(_, scan)| scan.status()),
            items: order.lines.iter().map(|line| line.quantity).sum(),
            invoice_division: 1,
            invoice_payment: number(order.cash()),
            order_pickup_date: scanned_at(Scan::PickedUp).map(wall_clock),
            order_delivery_date: scanned_at(Scan::Delivered).map(wall_clock),
            status_updated_at: wall_clock(at),
            upfront_payment_date: upfront_at.map(wall_clock),
            reserve_payment_date: reserve_at.map(wall_clock),
            transaction_fee: number(fee),
            transaction_tax: number(fee_tax),
            reversal_fee: number(if came_back { carriage.return_fee } else { 0 }),
            reversal_tax: number(if came_back { carriage.return_fee_tax() } else { 0 }),
            upfront_payment: number(upfront),
            reserve_payment: number(reserve),
            balance_payment: number(balance.max(0)),
            transaction_status_history: history(order, events),
        },
    )
}

/// A payment answer after `events`.
pub(crate) fn payment(order: &Order, events: &[Event]) -> Vec<u8> {
    let paid_on = |part| events.iter().find(|event| event.step == Step::Settled(part)).map(|event| event.at.date());
    let (upfront, reserve) = (paid_on(Part::Upfront), paid_on(Part::Reserve));
    let mut body = json!({
        "orderRefNumber": order.printed_number().to_string(),
        "trackingNumber": order.carriage.tracking,
        "settle": upfront.is_some(),
    });
    let names = if order.number % 4 < 3 {
        [("upfrontPaymentDate", "cprNumber_1"), ("reservePaymentDate", "cprNumber_2")]
    } else {
        [("cpr1Date", "cpr1"), ("cpr2Date", "cpr2")]
    };
    for (day, (date_name, receipt_name)) in [upfront, reserve].into_iter().zip(names) {
        let Some(day) = day else { continue };
        body["settlementDate"] = json!(date(day));
        body[date_name] = json!(date(day));
        body[receipt_name] = json!(receipt_number(day));
    }
    answer(order, &body)
}

/// A page of the portal's list of receipts.
pub(crate) fn receipts(list: &ReceiptList) -> Vec<u8> {
    let body = json!({
        "statusCode": "200",
        "statusMessage": "SUCCESSFULLY OPERATED",
        "dist": list.receipts.iter().map(receipt).collect::<Value>(),
        "pagination": { "page": 0, "size": list.receipts.len(), "totalPages": 1 },
    });
    body.to_string().into_bytes()
}

fn receipt(receipt: &Receipt) -> Value {
    let approved = receipt.approved_on.is_some();
    let id: String = receipt.written_on.format("%y%m%d").to_string();
    json!({
        "cashPaymentReceiptMasterId": id,
        "cashPaymentReceiptNumber": receipt_number(receipt.written_on),
        "cashPaymentReceiptStatusId": if approved { 2 } else { 1 },
        "cashPaymentReceiptStatus": if approved { "Approved" } else { "Pending" },
        "createDatetime": format!("{} 15:00:00", date(receipt.written_on)),
        "approveDate": receipt.approved_on.map(date),
        "netAmount": paisa::text(receipt.net),
        "merchantId": 40_117,
        "merchantName": "Chinar Bazaar",
    })
}

/// What a tracking answer says of one parcel.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TrackOrder<'a> {
    customer_name: String,
    customer_phone: &'a str,
    delivery_address: &'a str,
    city_name: &'a str,
    transaction_notes: &'a str,
    merchant_name: &'a str,
    order_ref_number: String,
    tracking_number: &'a str,
    transaction_date: Option<String>,
    transaction_status: Option<&'a str>,
    items: i64,
    invoice_division: u8,
    invoice_payment: Box<RawValue>,
    order_pickup_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_delivery_date: Option<String>,
    status_updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    upfront_payment_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reserve_payment_date: Option<String>,
    transaction_fee: Box<RawValue>,
    transaction_tax: Box<RawValue>,
    reversal_fee: Box<RawValue>,
    reversal_tax: Box<RawValue>,
    upfront_payment: Box<RawValue>,
    reserve_payment: Box<RawValue>,
    balance_payment: Box<RawValue>,
    transaction_status_history: Vec<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a, T> {
    status_code: &'a str,
    status_message: &'a str,
    dist: &'a T,
}

fn answer(order: &Order, dist: &impl Serialize) -> Vec<u8> {
    let envelope = Envelope { status_code: "200", status_message: "SUCCESSFULLY OPERATED", dist };
    let bytes = if order.number.is_multiple_of(2) { serde_json::to_vec(&envelope) } else { serde_json::to_vec(dist) };
    #[expect(clippy::expect_used, reason = "structures of texts and numbers with text keys always serialise")]
    bytes.expect("serialises")
}

fn scans(events: &[Event]) -> impl DoubleEndedIterator<Item = (NaiveDateTime, Scan)> {
    events.iter().filter_map(|event| match event.step {
        Step::Scanned(scan) => Some((event.at, scan)),
        _ => None,
    })
}

fn history(order: &Order, events: &[Event]) -> Vec<Value> {
    let with_offset = order.number.is_multiple_of(5);
    let mut history: Vec<Value> = scans(events).map(|(at, scan)| history_entry(at, scan, with_offset)).collect();
    if order.number % 3 == 1 {
        history.reverse();
    }
    history
}

fn history_entry(at: NaiveDateTime, scan: Scan, with_offset: bool) -> Value {
    let (code, message) = scan.history();
    let mut entry = json!({ "transactionStatusMessage": message, "transactionStatusMessageCode": code });
    if with_offset {
        entry["modifiedDatetime"] = json!(iso(at));
    } else {
        entry["updatedAt"] = json!(wall_clock(at));
    }
    entry
}

/// A Pakistan wall clock time as the courier writes it where it does give the offset.
fn iso(at: NaiveDateTime) -> String {
    format!("{at:?}.000+0500")
}

/// Pakistan wall clock without an offset, `2026-10-01 14:30:00`, as the courier mostly writes it.
fn wall_clock(at: NaiveDateTime) -> String {
    at.to_string()
}

fn date(day: NaiveDate) -> String {
    day.to_string()
}

/// A JSON number that went through no float.
fn number(paisa: i64) -> Box<RawValue> {
    #[expect(clippy::expect_used, reason = "digits, a point and digits are a JSON number")]
    RawValue::from_string(paisa::number(paisa)).expect("a number")
}
