//! Event ids: UUID v5 of what an event says, so that the same fact from the same source is the same event however often
//! it is delivered. Not covered: when it was recorded, and sealed boxes, whose bytes differ each time they are sealed.

use commerce::{Fact, TenantId};
use uuid::{Uuid, uuid};

use crate::{Payload, Source, wire};

/// The UUID namespace of event ids. Changing it would make every redelivery a new event.
const NAMESPACE: Uuid = uuid!("61a5287f-0cf2-41c5-a667-3a9084a55af9");

/// The id of an event: of `tenant \0 source \0 type \0` and what tells it from others of its type. That is a fact's
/// message without boxes, a posted transaction's number, an alert's message without what its item is called, the topic and
/// digest of input that was not understood, or the id of the event that quarantined what was redriven.
pub fn event_id(tenant: &TenantId, source: &Source, payload: &Payload) -> Uuid {
    match payload {
        Payload::Fact { fact, .. } => fact_id(tenant, source, fact),
        Payload::Posted(posted) => named(tenant, source, wire::POSTED_TYPE, &[&posted.number.to_be_bytes()]),
        Payload::StockAlerted(alert) => {
            named(tenant, source, wire::STOCK_ALERTED_TYPE, &[&wire::stock_alert_identity(alert)])
        }
        Payload::Quarantined(input) => {
            named(tenant, source, wire::QUARANTINED_TYPE, &[input.topic.as_bytes(), b"\0", input.digest.as_bytes()])
        }
        Payload::Redriven { event, .. } => named(tenant, source, wire::REDRIVEN_TYPE, &[event.as_bytes()]),
    }
}

/// The id of the event that carries a fact; boxes are sealed to this id, so it is needed before they exist.
pub fn fact_id(tenant: &TenantId, source: &Source, fact: &Fact) -> Uuid {
    named(tenant, source, wire::fact_type(fact), &[&wire::fact_bytes(fact)])
}

fn named(tenant: &TenantId, source: &Source, event_type: &str, rest: &[&[u8]]) -> Uuid {
    let mut name = Vec::with_capacity(512);
    for text in [tenant.as_str(), source.as_str(), event_type] {
        name.extend_from_slice(text.as_bytes());
        name.push(0);
    }
    rest.iter().for_each(|bytes| name.extend_from_slice(bytes));
    Uuid::new_v5(&NAMESPACE, &name)
}
