//! Customers, and what they and their shops ask for.

use commerce::{
    CustomerId, CustomerRecorded, DataRequested, OrderId, RedactionRequested, ShopRedactionRequested, SubjectErased,
    SubjectId,
};
use ledger::Timestamp;

use super::field::{Read, maybe_subject, uuid};
use super::v1::privacy::v1 as wire;
use crate::DecodeError;

impl From<&CustomerRecorded> for wire::CustomerRecorded {
    fn from(fact: &CustomerRecorded) -> Self {
        wire::CustomerRecorded { version: fact.version.0, customer: fact.customer.0, sealed: vec![] }
    }
}

impl TryFrom<wire::CustomerRecorded> for CustomerRecorded {
    type Error = DecodeError;

    fn try_from(wire: wire::CustomerRecorded) -> Read<Self> {
        Ok(CustomerRecorded { version: Timestamp(wire.version), customer: CustomerId(wire.customer) })
    }
}

fn subject_bytes(subject: Option<SubjectId>) -> Option<Vec<u8>> {
    subject.map(|s| s.0.as_bytes().to_vec())
}

fn order_numbers(orders: &[OrderId]) -> Vec<u64> {
    orders.iter().map(|o| o.0).collect()
}

impl From<&RedactionRequested> for wire::RedactionRequested {
    fn from(fact: &RedactionRequested) -> Self {
        wire::RedactionRequested {
            requested_at: fact.requested_at.0,
            customer: fact.customer.map(|c| c.0),
            subject: subject_bytes(fact.subject),
            orders: order_numbers(&fact.orders),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::RedactionRequested> for RedactionRequested {
    type Error = DecodeError;

    fn try_from(wire: wire::RedactionRequested) -> Read<Self> {
        Ok(RedactionRequested {
            requested_at: Timestamp(wire.requested_at),
            customer: wire.customer.map(CustomerId),
            subject: maybe_subject(wire.subject, "subject")?,
            orders: wire.orders.into_iter().map(OrderId).collect(),
        })
    }
}

impl From<&DataRequested> for wire::DataRequested {
    fn from(fact: &DataRequested) -> Self {
        wire::DataRequested {
            requested_at: fact.requested_at.0,
            customer: fact.customer.map(|c| c.0),
            subject: subject_bytes(fact.subject),
            orders: order_numbers(&fact.orders),
            request: fact.request,
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::DataRequested> for DataRequested {
    type Error = DecodeError;

    fn try_from(wire: wire::DataRequested) -> Read<Self> {
        Ok(DataRequested {
            requested_at: Timestamp(wire.requested_at),
            customer: wire.customer.map(CustomerId),
            subject: maybe_subject(wire.subject, "subject")?,
            orders: wire.orders.into_iter().map(OrderId).collect(),
            request: wire.request,
        })
    }
}

impl From<&ShopRedactionRequested> for wire::ShopRedactionRequested {
    fn from(fact: &ShopRedactionRequested) -> Self {
        wire::ShopRedactionRequested { requested_at: fact.requested_at.0, shop: fact.shop, sealed: vec![] }
    }
}

impl TryFrom<wire::ShopRedactionRequested> for ShopRedactionRequested {
    type Error = DecodeError;

    fn try_from(wire: wire::ShopRedactionRequested) -> Read<Self> {
        Ok(ShopRedactionRequested { requested_at: Timestamp(wire.requested_at), shop: wire.shop })
    }
}

impl From<&SubjectErased> for wire::SubjectErased {
    fn from(fact: &SubjectErased) -> Self {
        let subject = fact.subject.0.as_bytes().to_vec();
        wire::SubjectErased { erased_at: fact.erased_at.0, subject, sealed: vec![] }
    }
}

impl TryFrom<wire::SubjectErased> for SubjectErased {
    type Error = DecodeError;

    fn try_from(wire: wire::SubjectErased) -> Read<Self> {
        let subject = SubjectId(uuid(&wire.subject, "subject")?);
        Ok(SubjectErased { erased_at: Timestamp(wire.erased_at), subject })
    }
}
