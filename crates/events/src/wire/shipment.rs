//! Parcels and their scans.

use commerce::{ParcelBooked, ParcelScanned, ParcelState};
use ledger::Timestamp;

use super::field::{Read, checked, id, maybe_id, maybe_money, text};
use super::v1::shipment::v1 as wire;
use crate::DecodeError;

impl From<&ParcelBooked> for wire::ParcelBooked {
    fn from(fact: &ParcelBooked) -> Self {
        wire::ParcelBooked {
            version: fact.version.0,
            courier: fact.courier.to_string(),
            tracking: fact.tracking.to_string(),
            reference: text(fact.reference.as_ref()),
            cod: fact.cod.map(Into::into),
            booked_at: fact.booked_at.map(|at| at.0),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::ParcelBooked> for ParcelBooked {
    type Error = DecodeError;

    fn try_from(wire: wire::ParcelBooked) -> Read<Self> {
        Ok(ParcelBooked {
            version: Timestamp(wire.version),
            courier: id(wire.courier, "courier")?,
            tracking: id(wire.tracking, "tracking")?,
            reference: maybe_id(wire.reference, "reference")?,
            cod: maybe_money(wire.cod, "cod")?,
            booked_at: wire.booked_at.map(Timestamp),
        })
    }
}

impl From<ParcelState> for wire::ParcelState {
    fn from(state: ParcelState) -> Self {
        match state {
            ParcelState::Unknown => wire::ParcelState::Unknown,
            ParcelState::Booked => wire::ParcelState::Booked,
            ParcelState::PickedUp => wire::ParcelState::PickedUp,
            ParcelState::InTransit => wire::ParcelState::InTransit,
            ParcelState::OutForDelivery => wire::ParcelState::OutForDelivery,
            ParcelState::Attempted => wire::ParcelState::Attempted,
            ParcelState::UnderReview => wire::ParcelState::UnderReview,
            ParcelState::ReturnInTransit => wire::ParcelState::ReturnInTransit,
            ParcelState::Delivered => wire::ParcelState::Delivered,
            ParcelState::Returned => wire::ParcelState::Returned,
            ParcelState::Cancelled => wire::ParcelState::Cancelled,
            ParcelState::Lost => wire::ParcelState::Lost,
        }
    }
}

fn state(number: i32) -> Read<ParcelState> {
    match checked(wire::ParcelState::try_from(number), "state")? {
        wire::ParcelState::Unspecified => Err(DecodeError::Malformed { field: "state" }),
        wire::ParcelState::Unknown => Ok(ParcelState::Unknown),
        wire::ParcelState::Booked => Ok(ParcelState::Booked),
        wire::ParcelState::PickedUp => Ok(ParcelState::PickedUp),
        wire::ParcelState::InTransit => Ok(ParcelState::InTransit),
        wire::ParcelState::OutForDelivery => Ok(ParcelState::OutForDelivery),
        wire::ParcelState::Attempted => Ok(ParcelState::Attempted),
        wire::ParcelState::UnderReview => Ok(ParcelState::UnderReview),
        wire::ParcelState::ReturnInTransit => Ok(ParcelState::ReturnInTransit),
        wire::ParcelState::Delivered => Ok(ParcelState::Delivered),
        wire::ParcelState::Returned => Ok(ParcelState::Returned),
        wire::ParcelState::Cancelled => Ok(ParcelState::Cancelled),
        wire::ParcelState::Lost => Ok(ParcelState::Lost),
    }
}

impl From<&ParcelScanned> for wire::ParcelScanned {
    fn from(fact: &ParcelScanned) -> Self {
        wire::ParcelScanned {
            scanned_at: fact.scanned_at.0,
            courier: fact.courier.to_string(),
            tracking: fact.tracking.to_string(),
            state: wire::ParcelState::from(fact.state).into(),
            code: fact.code.clone(),
            reference: text(fact.reference.as_ref()),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::ParcelScanned> for ParcelScanned {
    type Error = DecodeError;

    fn try_from(wire: wire::ParcelScanned) -> Read<Self> {
        Ok(ParcelScanned {
            scanned_at: Timestamp(wire.scanned_at),
            courier: id(wire.courier, "courier")?,
            tracking: id(wire.tracking, "tracking")?,
            state: state(wire.state)?,
            code: wire.code,
            reference: maybe_id(wire.reference, "reference")?,
        })
    }
}
