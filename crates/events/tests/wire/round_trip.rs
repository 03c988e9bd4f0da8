//! Whatever is written reads back as itself.

use events::{Event, Payload, Source, posted_bytes, posted_from_bytes, stock_alert_from_bytes};
use ledger::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use crate::examples::id;
use crate::facts::{fact, posted, quarantined, sealed, stock_alert};

/// An event of that payload with a time that RFC 3339 can write.
fn event(payload: Payload, micros: i64) -> Event {
    let (tenant, recorded_at) = (id("acme"), Timestamp(micros));
    match payload {
        Payload::Fact { fact, boxes } => Event::fact(tenant, Source::SHOPIFY, recorded_at, fact, boxes),
        Payload::StockAlerted(alert) => Event::stock_alerted(tenant, recorded_at, alert),
        Payload::Posted(posted) => Event { recorded_at, ..Event::posted(tenant, posted) },
        Payload::Quarantined(input) => Event { recorded_at, ..Event::quarantined(tenant, input) },
        Payload::Redriven { event, at } => Event { recorded_at, ..Event::redriven(tenant, event, at) },
    }
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        8 => (fact(), vec(sealed(), 0..3)).prop_map(|(fact, boxes)| Payload::Fact { fact, boxes }),
        1 => posted().prop_map(Payload::Posted),
        1 => stock_alert().prop_map(Payload::StockAlerted),
        1 => quarantined().prop_map(Payload::Quarantined),
        1 => (any::<u128>(), any::<i64>())
            .prop_map(|(event, at)| Payload::Redriven { event: Uuid::from_u128(event), at: Timestamp(at) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_event_reads_back_as_itself(payload in payload(), micros in -62_167_219_200_000_000_i64..253_402_300_800_000_000) {
        let event = event(payload, micros);
        let record = event.encode();
        prop_assert_eq!(record.topic, event.topic());
        prop_assert_eq!(Event::decode(&record), Ok(event));
    }

    #[test]
    fn a_journal_rows_bytes_read_back(posted in posted()) {
        let bytes = posted_bytes(&posted);
        prop_assert_eq!(posted_from_bytes(&bytes), Ok(posted));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = posted_from_bytes(&bytes);
        let _ = stock_alert_from_bytes(&bytes);
    }
}
