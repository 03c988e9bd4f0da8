//! Bodies that no writer of ours produces: each is refused with the name of its first wrong field.

use prost::Message;

use super::v1::{alert, cod, ledger, money, order, privacy, quarantine, shipment};
use super::{fact_from_bytes, posted_from_bytes, quarantined_from_bytes, redriven_from_bytes, stock_alert_from_bytes};
use crate::{DecodeError, Topic};

fn refused(topic: Topic, event_type: &str, message: &impl Message, field: &'static str) {
    let read = fact_from_bytes(topic, event_type, &message.encode_to_vec()).map(|_| ());
    assert_eq!(read, Err(DecodeError::Malformed { field }), "{event_type}");
}

#[test]
fn facts_with_a_wrong_field_are_refused() {
    let revised = order::v1::OrderRevised { currency: "PKR".to_owned(), payment: 4, ..Default::default() };
    let refuse = |message, field| refused(Topic::Order, "daybook.order.v1.OrderRevised", &message, field);
    refuse(order::v1::OrderRevised { currency: "pkr".to_owned(), ..revised.clone() }, "currency");
    refuse(order::v1::OrderRevised { currency: "QQQ".to_owned(), ..revised.clone() }, "currency");
    refuse(order::v1::OrderRevised { payment: 0, ..revised.clone() }, "payment");
    refuse(order::v1::OrderRevised { payment: 99, ..revised.clone() }, "payment");
    let money = money::v1::Money { minor: 1, currency: String::new() };
    refuse(order::v1::OrderRevised { presentment: Some(money), ..revised.clone() }, "presentment");
    let line = order::v1::LineItem { sku: Some("two words".to_owned()), ..Default::default() };
    refuse(order::v1::OrderRevised { lines: vec![line], ..revised.clone() }, "lines.sku");
    let sealed = privacy::v1::Sealed { subject: vec![0; 15], ..Default::default() };
    refuse(order::v1::OrderRevised { sealed: vec![sealed], ..revised }, "sealed.subject");
}

#[test]
fn missing_fields_are_refused_where_they_must_be_there() {
    refused(Topic::Shipment, "daybook.shipment.v1.ParcelScanned", &shipment::v1::ParcelScanned::default(), "courier");
    let scanned =
        shipment::v1::ParcelScanned { courier: "mnp".to_owned(), tracking: "1".to_owned(), ..Default::default() };
    refused(Topic::Shipment, "daybook.shipment.v1.ParcelScanned", &scanned, "state");
    let banked = cod::v1::PayoutBanked { courier: "mnp".to_owned(), receipt: "1".to_owned(), ..Default::default() };
    refused(Topic::Cod, "daybook.cod.v1.PayoutBanked", &banked, "amount");
    refused(Topic::Privacy, "daybook.privacy.v1.SubjectErased", &privacy::v1::SubjectErased::default(), "subject");
    let read = quarantined_from_bytes(&quarantine::v1::Quarantined::default().encode_to_vec());
    assert_eq!(read, Err(DecodeError::Malformed { field: "reason" }));
    let read = redriven_from_bytes(&quarantine::v1::InputRedriven::default().encode_to_vec());
    assert_eq!(read, Err(DecodeError::Malformed { field: "event" }));
}

#[test]
fn a_transaction_that_does_not_balance_is_refused() {
    let entry = |account: &str, side: ledger::v1::Side, minor| ledger::v1::Entry {
        account: account.to_owned(),
        side: side.into(),
        amount: Some(money::v1::Money { minor, currency: "PKR".to_owned() }),
        layer: ledger::v1::Layer::Posted.into(),
    };
    let posted = |credit| ledger::v1::TransactionPosted {
        part: "order/1".to_owned(),
        key: "order/1/captured".to_owned(),
        about: "order/1".to_owned(),
        previous: vec![0; 32],
        entries: vec![
            entry("assets:bank", ledger::v1::Side::Debit, 500),
            entry("income:sales", ledger::v1::Side::Credit, credit),
        ],
        ..Default::default()
    };
    assert!(posted_from_bytes(&posted(500).encode_to_vec()).is_ok());
    let unbalanced = posted_from_bytes(&posted(499).encode_to_vec());
    assert_eq!(unbalanced, Err(DecodeError::Malformed { field: "entries" }));
    let short = ledger::v1::TransactionPosted { previous: vec![0; 31], ..posted(500) };
    assert_eq!(posted_from_bytes(&short.encode_to_vec()), Err(DecodeError::Malformed { field: "previous" }));
    assert_eq!(posted_from_bytes(&[0xff]), Err(DecodeError::Malformed { field: "body" }));
}

#[test]
fn an_alert_whose_kind_is_not_that_of_its_level_is_refused() {
    use alert::v1::{StockAlertKind::*, StockAlerted};
    let read = |kind, available| {
        let body = StockAlerted { kind, available, ..Default::default() }.encode_to_vec();
        stock_alert_from_bytes(&body).map(|alert| alert.available)
    };
    for (kind, available) in [(StockedOut, Some(0)), (Oversold, Some(-1)), (Restocked, Some(1)), (Restocked, None)] {
        assert_eq!(read(kind.into(), available), Ok(available));
    }
    for (kind, available) in [
        (0, Some(0)),
        (99, Some(0)),
        (Oversold.into(), Some(0)),
        (StockedOut.into(), None),
        (Restocked.into(), Some(-1)),
    ] {
        assert_eq!(read(kind, available), Err(DecodeError::Malformed { field: "kind" }), "{kind} {available:?}");
    }
    let body = StockAlerted { kind: Restocked.into(), sku: Some("two words".to_owned()), ..Default::default() };
    assert_eq!(stock_alert_from_bytes(&body.encode_to_vec()), Err(DecodeError::Malformed { field: "sku" }));
}

#[test]
fn unknown_fields_are_passed_over() {
    let placed = order::v1::OrderPlaced { order: 7, ..Default::default() };
    let mut body = placed.encode_to_vec();
    // Field 99, a varint: what a later version might add.
    body.extend([0x98, 0x06, 0x01]);
    assert!(fact_from_bytes(Topic::Order, "daybook.order.v1.OrderPlaced", &body).is_ok());
}
