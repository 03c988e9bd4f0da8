//! What the envelope promises: ids that follow from the content, and a refusal for each way a record can be wrong.

use commerce::stock::StockAlert;
use commerce::{Fact, InventoryItemId, LocationId};
use events::{CHECKSUM, DecodeError, Event, Payload, Record, Source, Topic, event_id, fact_id};
use ledger::Timestamp;

use crate::examples::{examples, id, placed, posted, quarantined, redriven, sealed, stock_alert};

fn fact_of(event: &Event) -> &Fact {
    match &event.payload {
        Payload::Fact { fact, .. } => fact,
        other => panic!("not a fact: {other:?}"),
    }
}

#[test]
fn a_second_delivery_is_the_same_event() {
    let first = placed();
    let fact = fact_of(&first).clone();
    let later = Timestamp(first.recorded_at.0 + 1);
    let second = Event::fact(first.tenant.clone(), Source::SHOPIFY, later, fact.clone(), vec![sealed("recipient")]);
    assert_eq!(first.id, second.id);
    assert_eq!(first.id, fact_id(&first.tenant, &first.source, &fact));
    assert_ne!(first.id, fact_id(&id("another"), &first.source, &fact));
    assert_ne!(first.id, fact_id(&first.tenant, &Source::POSTEX, &fact));
}

#[test]
fn a_posting_is_its_number_unread_input_its_digest_and_a_redrive_its_input() {
    let (mut posting, mut input) = (posted(), quarantined());
    let Payload::Posted(inner) = &mut posting.payload else { panic!() };
    inner.recorded = Timestamp(0);
    assert_eq!(event_id(&posting.tenant, &posting.source, &posting.payload), posting.id);
    let Payload::Posted(inner) = &mut posting.payload else { panic!() };
    inner.number += 1;
    assert_ne!(event_id(&posting.tenant, &posting.source, &posting.payload), posting.id);

    let Payload::Quarantined(inner) = &mut input.payload else { panic!() };
    inner.content = sealed("sealed anew");
    inner.received_at = Timestamp(0);
    assert_eq!(event_id(&input.tenant, &input.source, &input.payload), input.id);
    let Payload::Quarantined(inner) = &mut input.payload else { panic!() };
    inner.topic.push('x');
    assert_ne!(event_id(&input.tenant, &input.source, &input.payload), input.id);

    let first = redriven();
    let again = |of, at| Event::redriven(first.tenant.clone(), of, Timestamp(at)).id;
    assert_eq!(again(quarantined().id, 0), first.id);
    assert_ne!(again(first.id, 0), first.id);
}

#[test]
fn an_alert_is_its_count_whatever_the_item_is_called_and_whenever_it_was_recorded() {
    let first = stock_alert();
    let Payload::StockAlerted(alert) = &first.payload else { panic!() };
    let id_of = |alert: StockAlert| Event::stock_alerted(first.tenant.clone(), Timestamp(0), alert).id;
    assert_eq!(id_of(StockAlert { variant: None, sku: None, ..alert.clone() }), first.id);
    for other in [
        StockAlert { available: Some(-4), ..alert.clone() },
        StockAlert { available: None, ..alert.clone() },
        StockAlert { counted_at: Timestamp(alert.counted_at.0 + 1), ..alert.clone() },
        StockAlert { location: LocationId(18), ..alert.clone() },
        StockAlert { item: InventoryItemId(302), ..alert.clone() },
    ] {
        assert_ne!(id_of(other), first.id);
    }
    assert_ne!(Event::stock_alerted(id("another"), first.recorded_at, alert.clone()).id, first.id);
}

#[test]
fn no_two_examples_share_an_id() {
    let ids: std::collections::BTreeSet<_> = examples().into_iter().map(|(_, event)| event.id).collect();
    assert_eq!(ids.len(), examples().len());
}

/// The record with one header changed (or removed) and a checksum that is right again.
fn with_header(record: &Record, name: &str, value: Option<&str>) -> Record {
    let kept = record.headers.iter().filter(|(n, _)| n != name && n != CHECKSUM).cloned();
    let changed = value.map(|value| (name.to_owned(), value.to_owned()));
    Record::sealed(record.topic, record.tenant.clone(), kept.chain(changed).collect(), record.body.clone())
}

#[test]
fn every_refusal_has_a_row() {
    use DecodeError::{Malformed, MissingHeader, UnknownType};
    let record = placed().encode();
    let check = |name: &'static str, value: Option<&str>, expected: DecodeError| {
        assert_eq!(Event::decode(&with_header(&record, name, value)), Err(expected), "{name} {value:?}");
    };
    for name in ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "content-type"] {
        check(name, None, MissingHeader(name));
    }
    check("ce_specversion", Some("0.3"), Malformed { field: "ce_specversion" });
    check("content-type", Some("application/json"), Malformed { field: "content-type" });
    check("ce_id", Some("1"), Malformed { field: "ce_id" });
    check("ce_time", Some("2026-03-31"), Malformed { field: "ce_time" });
    check("ce_source", Some("/daybook/another/shopify"), Malformed { field: "ce_source" });
    check("ce_source", Some("/daybook/zaynab-textiles/Shop ify"), Malformed { field: "ce_source" });
    check("ce_type", Some("daybook.order.v1.OrderPainted"), UnknownType);
    check("ce_type", Some("daybook.cod.v1.PayoutBanked"), UnknownType);
    check("ce_type", Some("daybook.ledger.v1.TransactionPosted"), UnknownType);
}

#[test]
fn a_changed_record_is_damaged() {
    let record = placed().encode();
    let damaged = |record: &Record| assert_eq!(Event::decode(record), Err(DecodeError::Damaged));
    let mut body = record.clone();
    *body.body.last_mut().unwrap() ^= 1;
    damaged(&body);
    damaged(&Record { topic: Topic::Cod, ..record.clone() });
    damaged(&Record { tenant: id("another"), ..record.clone() });
    damaged(&Record { headers: record.headers.iter().filter(|(n, _)| n != CHECKSUM).cloned().collect(), ..record });
}

#[test]
fn times_keep_their_microseconds() {
    let mut event = placed();
    for (micros, text) in [
        (0, "1970-01-01T00:00:00.000000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (1_774_983_600_250_000, "2026-03-31T19:00:00.250000Z"),
        (i64::MAX, "9999-12-31T23:59:59.999999Z"),
        (i64::MIN, "0000-01-01T00:00:00.000000Z"),
    ] {
        event.recorded_at = Timestamp(micros);
        let record = event.encode();
        assert_eq!(record.header("ce_time"), Some(text));
        let read = Event::decode(&record).unwrap().recorded_at;
        assert!(read.0 == micros || micros == i64::MAX || micros == i64::MIN, "{text}");
    }
}

#[test]
fn headers_and_debug_output_hold_no_box() {
    let event = placed();
    assert!(!format!("{event:?}").contains("255, 128"));
    assert!(!format!("{:?}", event.encode()).contains("255, 128"));
    for (name, _) in &event.encode().headers {
        assert!(name.starts_with("ce_") || name == "content-type" || name == CHECKSUM, "{name}");
    }
}
