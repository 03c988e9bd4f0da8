//! Alerts: what counts of stock gave reason to say.

use commerce::stock::{AlertKind, StockAlert};
use commerce::{InventoryItemId, LocationId, VariantId};
use ledger::Timestamp;
use prost::Message;

use super::fact::message;
use super::field::{Read, checked, maybe_id, text};
use super::v1::alert::v1 as wire;
use crate::DecodeError;

/// The full name of the message.
pub(crate) const STOCK_ALERTED_TYPE: &str = "daybook.alert.v1.StockAlerted";

/// The body of a `StockAlerted`: what the alert topic carries.
pub fn stock_alert_bytes(alert: &StockAlert) -> Vec<u8> {
    wire::StockAlerted::from(alert).encode_to_vec()
}

/// Reads the body of a `StockAlerted`. A kind that is not that of the level is [`DecodeError::Malformed`].
pub fn stock_alert_from_bytes(body: &[u8]) -> Result<StockAlert, DecodeError> {
    message::<wire::StockAlerted>(body)?.try_into()
}

/// The message without what the item is called: what its event id is computed from.
pub(crate) fn stock_alert_identity(alert: &StockAlert) -> Vec<u8> {
    wire::StockAlerted { variant: None, sku: None, ..alert.into() }.encode_to_vec()
}

fn kind(kind: AlertKind) -> wire::StockAlertKind {
    match kind {
        AlertKind::StockedOut => wire::StockAlertKind::StockedOut,
        AlertKind::Oversold => wire::StockAlertKind::Oversold,
        AlertKind::Restocked => wire::StockAlertKind::Restocked,
    }
}

impl From<&StockAlert> for wire::StockAlerted {
    fn from(alert: &StockAlert) -> Self {
        wire::StockAlerted {
            counted_at: alert.counted_at.0,
            kind: kind(alert.kind()).into(),
            item: alert.item.0,
            location: alert.location.0,
            available: alert.available,
            variant: alert.variant.map(|variant| variant.0),
            sku: text(alert.sku.as_ref()),
        }
    }
}

impl TryFrom<wire::StockAlerted> for StockAlert {
    type Error = DecodeError;

    fn try_from(wire: wire::StockAlerted) -> Read<Self> {
        let said = checked(wire::StockAlertKind::try_from(wire.kind), "kind")?;
        let alert = StockAlert {
            counted_at: Timestamp(wire.counted_at),
            item: InventoryItemId(wire.item),
            location: LocationId(wire.location),
            available: wire.available,
            variant: wire.variant.map(VariantId),
            sku: maybe_id(wire.sku, "sku")?,
        };
        if said == kind(alert.kind()) { Ok(alert) } else { Err(DecodeError::Malformed { field: "kind" }) }
    }
}
