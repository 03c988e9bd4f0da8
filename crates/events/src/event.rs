//! An event: what happened, for which tenant, from where, and when it was recorded.

use std::fmt;

use commerce::stock::StockAlert;
use commerce::{DataRequested, Fact, PartKey, RedactionRequested, SubjectId, TenantId};
use ledger::{Posted, Timestamp};
use uuid::Uuid;

use crate::{Quarantined, Source, Topic, event_id, wire};

/// Personal data of one subject, sealed under that subject's key and bound to the event's id and the label.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedBox {
    /// Whose data.
    pub subject: SubjectId,
    /// Which box of the event: `buyer`, `recipient`, `customer`.
    pub label: String,
    /// The box as it was sealed.
    pub sealed: Vec<u8>,
}

/// Shows whose box it is and its length, not its bytes: they are still personal data.
impl fmt::Debug for SealedBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedBox({} {}, {} bytes)", self.subject, self.label, self.sealed.len())
    }
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Something happened.
    Fact {
        /// What, without personal data.
        fact: Fact,
        /// Whom it concerns.
        boxes: Vec<SealedBox>,
    },
    /// The bookkeeper posted a transaction.
    Posted(Posted),
    /// A count of stock gave reason to say something.
    StockAlerted(StockAlert),
    /// Something arrived that was not understood.
    Quarantined(Quarantined),
    /// Something that was not understood has left the quarantine: its facts are on the log, or nobody can read it any more.
    Redriven {
        /// The id of the event that quarantined it.
        event: Uuid,
        /// When it left.
        at: Timestamp,
    },
}

/// One event of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Follows from the tenant, the source and the payload: see [`event_id`].
    pub id: Uuid,
    /// Whose.
    pub tenant: TenantId,
    /// From where.
    pub source: Source,
    /// When this software recorded it. Of the years 0 to 9999; other instants are written as the nearest of these.
    pub recorded_at: Timestamp,
    /// What it says.
    pub payload: Payload,
}

impl Event {
    /// A fact, with the boxes that were sealed to its [`fact_id`](crate::fact_id).
    pub fn fact(tenant: TenantId, source: Source, recorded_at: Timestamp, fact: Fact, boxes: Vec<SealedBox>) -> Event {
        Event::new(tenant, source, recorded_at, Payload::Fact { fact, boxes })
    }

    /// A transaction the bookkeeper posted, recorded when the fact that caused it was.
    pub fn posted(tenant: TenantId, posted: Posted) -> Event {
        Event::new(tenant, Source::DAYBOOK, posted.recorded, Payload::Posted(posted))
    }

    /// An alert, recorded when the count that shows it was.
    pub fn stock_alerted(tenant: TenantId, recorded_at: Timestamp, alert: StockAlert) -> Event {
        Event::new(tenant, Source::DAYBOOK, recorded_at, Payload::StockAlerted(alert))
    }

    /// Input that was not understood, recorded when it arrived.
    pub fn quarantined(tenant: TenantId, input: Quarantined) -> Event {
        Event::new(tenant, input.origin.clone(), input.received_at, Payload::Quarantined(input))
    }

    /// Input that has left the quarantine; `event` is the one that quarantined it.
    pub fn redriven(tenant: TenantId, event: Uuid, at: Timestamp) -> Event {
        Event::new(tenant, Source::DAYBOOK, at, Payload::Redriven { event, at })
    }

    fn new(tenant: TenantId, source: Source, recorded_at: Timestamp, payload: Payload) -> Event {
        Event { id: event_id(&tenant, &source, &payload), tenant, source, recorded_at, payload }
    }

    /// The topic it belongs to.
    pub fn topic(&self) -> Topic {
        match &self.payload {
            Payload::Fact { fact, .. } => wire::fact_topic(fact),
            Payload::Posted(_) => Topic::Ledger,
            Payload::StockAlerted(_) => Topic::Alert,
            Payload::Quarantined(_) | Payload::Redriven { .. } => Topic::Quarantine,
        }
    }

    /// The full name of its message, such as `daybook.order.v1.OrderPlaced`.
    pub fn event_type(&self) -> &'static str {
        match &self.payload {
            Payload::Fact { fact, .. } => wire::fact_type(fact),
            Payload::Posted(_) => wire::POSTED_TYPE,
            Payload::StockAlerted(_) => wire::STOCK_ALERTED_TYPE,
            Payload::Quarantined(_) => wire::QUARANTINED_TYPE,
            Payload::Redriven { .. } => wire::REDRIVEN_TYPE,
        }
    }

    /// What it is about, as ids: `order/820982911946154508`, `parcel/postex/26704560000656`, `customer/115310627314723954`.
    pub fn subject(&self) -> Option<String> {
        match &self.payload {
            Payload::Fact { fact, .. } => {
                let part = PartKey::of(fact).into_iter().next();
                part.map(|key| key.to_string()).or_else(|| subject_outside_cases(fact))
            }
            Payload::Posted(posted) => Some(posted.part.to_string()),
            Payload::StockAlerted(alert) => Some(format!("item/{}", alert.item)),
            Payload::Quarantined(input) => Some(format!("input/{}", input.digest)),
            Payload::Redriven { event, .. } => Some(format!("event/{event}")),
        }
    }
}

/// What a fact that no case keeps is about.
fn subject_outside_cases(fact: &Fact) -> Option<String> {
    match fact {
        Fact::StockCounted(f) => Some(format!("item/{}", f.item)),
        Fact::ProductCosted(f) => Some(format!("variant/{}", f.variant)),
        Fact::CustomerRecorded(f) => Some(format!("customer/{}", f.customer)),
        Fact::RedactionRequested(RedactionRequested { customer, subject, .. })
        | Fact::DataRequested(DataRequested { customer, subject, .. }) => {
            let customer = customer.map(|id| format!("customer/{id}"));
            customer.or_else(|| subject.map(|id| format!("subject/{id}")))
        }
        Fact::ShopRedactionRequested(f) => Some(format!("shop/{}", f.shop)),
        Fact::SubjectErased(f) => Some(format!("subject/{}", f.subject)),
        _ => None,
    }
}
