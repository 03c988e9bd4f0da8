//! The envelope: an event as a record with CloudEvents 1.0 headers in Kafka's binary mode, and back.
//!
//! | header | value |
//! | --- | --- |
//! | `ce_specversion` | `1.0` |
//! | `ce_id` | the event id, a UUID |
//! | `ce_type` | the message's full name |
//! | `ce_source` | `/daybook/<tenant>/<source>` |
//! | `ce_time` | when it was recorded, RFC 3339 in UTC with microseconds |
//! | `ce_subject` | what it is about, as ids; left out when nothing is known |
//! | `content-type` | `application/protobuf` |

use chrono::{DateTime, SecondsFormat};
use commerce::TenantId;
use ledger::Timestamp;
use uuid::Uuid;

use crate::wire;
use crate::{Event, Payload, Record, Source, Topic};

const SPEC_VERSION: &str = "ce_specversion";
const ID: &str = "ce_id";
const TYPE: &str = "ce_type";
const SOURCE: &str = "ce_source";
const TIME: &str = "ce_time";
const SUBJECT: &str = "ce_subject";
const CONTENT_TYPE: &str = "content-type";

/// The instants that RFC 3339 can write: the years 0 to 9999, in microseconds.
const WRITABLE: (i64, i64) = (-62_167_219_200_000_000, 253_402_300_799_999_999);

/// Why a record is not an event. None of these passes with a retry: put the record aside, with its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A header is not there.
    #[error("the record has no {0} header")]
    MissingHeader(&'static str),
    /// The type is not one this version knows on this topic: upgrade the reader, or the record is on the wrong topic.
    #[error("the record's type is unknown on its topic")]
    UnknownType,
    /// A header or a field of the body is not what the contract says.
    #[error("the record's {field} is malformed")]
    Malformed {
        /// Which, such as `ce_time` or `entries.amount`; `body` when it is not the message at all.
        field: &'static str,
    },
    /// The checksum is missing or does not match: the record was changed after it was written.
    #[error("the record's checksum does not match")]
    Damaged,
}

impl Event {
    /// As it lies on the log.
    pub fn encode(&self) -> Record {
        let header = |name: &str, value: String| (name.to_owned(), value);
        let mut headers = vec![
            header(SPEC_VERSION, "1.0".to_owned()),
            header(ID, self.id.to_string()),
            header(TYPE, self.event_type().to_owned()),
            header(SOURCE, format!("/daybook/{}/{}", self.tenant, self.source)),
            header(TIME, time_text(self.recorded_at)),
            header(CONTENT_TYPE, "application/protobuf".to_owned()),
        ];
        headers.extend(self.subject().map(|subject| header(SUBJECT, subject)));
        Record::sealed(self.topic(), self.tenant.clone(), headers, self.body())
    }

    fn body(&self) -> Vec<u8> {
        match &self.payload {
            Payload::Fact { fact, boxes } => {
                let mut body = wire::fact_bytes(fact);
                wire::append_boxes(&mut body, boxes);
                body
            }
            Payload::Posted(posted) => wire::posted_bytes(posted),
            Payload::StockAlerted(alert) => wire::stock_alert_bytes(alert),
            Payload::Quarantined(input) => wire::quarantined_bytes(input),
            Payload::Redriven { event, at } => wire::redriven_bytes(*event, *at),
        }
    }

    /// Reads a record. The checksum is compared first; the id is taken as it stands, since boxes are sealed to it.
    pub fn decode(record: &Record) -> Result<Event, DecodeError> {
        if !record.is_intact() {
            return Err(DecodeError::Damaged);
        }
        expect_header(record, SPEC_VERSION, "1.0")?;
        expect_header(record, CONTENT_TYPE, "application/protobuf")?;
        Ok(Event {
            id: Uuid::parse_str(header(record, ID)?).map_err(|_| DecodeError::Malformed { field: ID })?,
            tenant: record.tenant.clone(),
            source: source_of(header(record, SOURCE)?, &record.tenant)?,
            recorded_at: time_from(header(record, TIME)?)?,
            payload: payload(record.topic, header(record, TYPE)?, &record.body)?,
        })
    }
}

fn payload(topic: Topic, event_type: &str, body: &[u8]) -> Result<Payload, DecodeError> {
    match (topic, event_type) {
        (Topic::Ledger, wire::POSTED_TYPE) => wire::posted_from_bytes(body).map(Payload::Posted),
        (Topic::Alert, wire::STOCK_ALERTED_TYPE) => wire::stock_alert_from_bytes(body).map(Payload::StockAlerted),
        (Topic::Quarantine, wire::QUARANTINED_TYPE) => wire::quarantined_from_bytes(body).map(Payload::Quarantined),
        (Topic::Quarantine, wire::REDRIVEN_TYPE) => {
            wire::redriven_from_bytes(body).map(|(event, at)| Payload::Redriven { event, at })
        }
        _ => wire::fact_from_bytes(topic, event_type, body).map(|(fact, boxes)| Payload::Fact { fact, boxes }),
    }
}

fn header<'r>(record: &'r Record, name: &'static str) -> Result<&'r str, DecodeError> {
    record.header(name).ok_or(DecodeError::MissingHeader(name))
}

fn expect_header(record: &Record, name: &'static str, value: &str) -> Result<(), DecodeError> {
    if header(record, name)? == value { Ok(()) } else { Err(DecodeError::Malformed { field: name }) }
}

/// The source of `/daybook/<tenant>/<source>`. A record whose key names another tenant is malformed.
fn source_of(text: &str, tenant: &TenantId) -> Result<Source, DecodeError> {
    let path = text.strip_prefix("/daybook/").and_then(|rest| rest.strip_prefix(tenant.as_str()));
    let source = path.and_then(|rest| rest.strip_prefix('/'));
    source.and_then(|source| source.parse().ok()).ok_or(DecodeError::Malformed { field: SOURCE })
}

fn time_text(time: Timestamp) -> String {
    let writable = DateTime::from_timestamp_micros(time.0.clamp(WRITABLE.0, WRITABLE.1)).unwrap_or_default();
    writable.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn time_from(text: &str) -> Result<Timestamp, DecodeError> {
    let time = DateTime::parse_from_rfc3339(text).map_err(|_| DecodeError::Malformed { field: TIME })?;
    Ok(Timestamp::from(time))
}
