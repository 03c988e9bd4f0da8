//! Stock and costs.

use commerce::{InventoryItemId, LocationId, ProductCosted, StockCounted, VariantId};
use ledger::Timestamp;

use super::field::{Read, maybe_id, maybe_money, text};
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
