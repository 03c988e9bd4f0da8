//! Stock and costs.

use commerce::{InventoryItemId, LocationId, ProductCosted, StockCounted, StockReceived, VariantId};
use ledger::Timestamp;

use super::field::{Read, id, maybe_id, maybe_money, money, text};
use super::v1::inventory::v1 as wire;
use crate::DecodeError;

impl From<&StockCounted> for wire::StockCounted {
    fn from(fact: &StockCounted) -> Self {
        wire::StockCounted {
            version: fact.version.0,
            item: fact.item.0,
            location: fact.location.0,
            available: fact.available,
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::StockCounted> for StockCounted {
    type Error = DecodeError;

    fn try_from(wire: wire::StockCounted) -> Read<Self> {
        Ok(StockCounted {
            version: Timestamp(wire.version),
            item: InventoryItemId(wire.item),
            location: LocationId(wire.location),
            available: wire.available,
        })
    }
}

impl From<&ProductCosted> for wire::ProductCosted {
    fn from(fact: &ProductCosted) -> Self {
        wire::ProductCosted {
            version: fact.version.0,
            variant: fact.variant.0,
            item: fact.item.map(|i| i.0),
            sku: text(fact.sku.as_ref()),
            cost: fact.cost.map(Into::into),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::ProductCosted> for ProductCosted {
    type Error = DecodeError;

    fn try_from(wire: wire::ProductCosted) -> Read<Self> {
        Ok(ProductCosted {
            version: Timestamp(wire.version),
            variant: VariantId(wire.variant),
            item: wire.item.map(InventoryItemId),
            sku: maybe_id(wire.sku, "sku")?,
            cost: maybe_money(wire.cost, "cost")?,
        })
    }
}

impl From<&StockReceived> for wire::StockReceived {
    fn from(fact: &StockReceived) -> Self {
        wire::StockReceived {
            received_at: fact.received_at.0,
            receipt: fact.receipt.to_string(),
            variant: fact.variant.0,
            item: fact.item.map(|i| i.0),
            sku: text(fact.sku.as_ref()),
            location: fact.location.map(|l| l.0),
            quantity: fact.quantity,
            unit_cost: Some(fact.unit_cost.into()),
            by: fact.by.to_string(),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::StockReceived> for StockReceived {
    type Error = DecodeError;

    fn try_from(wire: wire::StockReceived) -> Read<Self> {
        Ok(StockReceived {
            received_at: Timestamp(wire.received_at),
            receipt: id(wire.receipt, "receipt")?,
            variant: VariantId(wire.variant),
            item: wire.item.map(InventoryItemId),
            sku: maybe_id(wire.sku, "sku")?,
            location: wire.location.map(LocationId),
            quantity: wire.quantity,
            unit_cost: money(wire.unit_cost, "unit_cost")?,
            by: id(wire.by, "by")?,
        })
    }
}
