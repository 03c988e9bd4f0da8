//! Cash on delivery: charges, settlements, payouts.

use commerce::{CodChargesReported, CodPartSettled, CodWrittenOff, PayoutBanked, SettlementPart, WriteOffKind};
use ledger::{Day, Timestamp};

use super::field::{Read, checked, currency, id, maybe_id, money, text};
use super::v1::cod::v1 as wire;
use crate::DecodeError;

impl From<&CodChargesReported> for wire::CodChargesReported {
    fn from(fact: &CodChargesReported) -> Self {
        wire::CodChargesReported {
            version: fact.version.0,
            courier: fact.courier.to_string(),
            tracking: fact.tracking.to_string(),
            currency: fact.currency.code().to_owned(),
            fee: fact.fee,
            fee_tax: fact.fee_tax,
            return_fee: fact.return_fee,
            return_fee_tax: fact.return_fee_tax,
            upfront: fact.upfront,
            reserve: fact.reserve,
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::CodChargesReported> for CodChargesReported {
    type Error = DecodeError;

    fn try_from(wire: wire::CodChargesReported) -> Read<Self> {
        Ok(CodChargesReported {
            version: Timestamp(wire.version),
            courier: id(wire.courier, "courier")?,
            tracking: id(wire.tracking, "tracking")?,
            currency: currency(&wire.currency, "currency")?,
            fee: wire.fee,
            fee_tax: wire.fee_tax,
            return_fee: wire.return_fee,
            return_fee_tax: wire.return_fee_tax,
            upfront: wire.upfront,
            reserve: wire.reserve,
        })
    }
}

impl From<SettlementPart> for wire::SettlementPart {
    fn from(part: SettlementPart) -> Self {
        match part {
            SettlementPart::Upfront => wire::SettlementPart::Upfront,
            SettlementPart::Reserve => wire::SettlementPart::Reserve,
        }
    }
}

fn part(number: i32) -> Read<SettlementPart> {
    match checked(wire::SettlementPart::try_from(number), "part")? {
        wire::SettlementPart::Unspecified => Err(DecodeError::Malformed { field: "part" }),
        wire::SettlementPart::Upfront => Ok(SettlementPart::Upfront),
        wire::SettlementPart::Reserve => Ok(SettlementPart::Reserve),
    }
}

impl From<&CodPartSettled> for wire::CodPartSettled {
    fn from(fact: &CodPartSettled) -> Self {
        wire::CodPartSettled {
            settled_on: fact.settled_on.0,
            courier: fact.courier.to_string(),
            tracking: fact.tracking.to_string(),
            part: wire::SettlementPart::from(fact.part).into(),
            receipt: text(fact.receipt.as_ref()),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::CodPartSettled> for CodPartSettled {
    type Error = DecodeError;

    fn try_from(wire: wire::CodPartSettled) -> Read<Self> {
        Ok(CodPartSettled {
            settled_on: Day(wire.settled_on),
            courier: id(wire.courier, "courier")?,
            tracking: id(wire.tracking, "tracking")?,
            part: part(wire.part)?,
            receipt: maybe_id(wire.receipt, "receipt")?,
        })
    }
}

impl From<&PayoutBanked> for wire::PayoutBanked {
    fn from(fact: &PayoutBanked) -> Self {
        wire::PayoutBanked {
            banked_on: fact.banked_on.0,
            courier: fact.courier.to_string(),
            receipt: fact.receipt.to_string(),
            amount: Some(fact.amount.into()),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::PayoutBanked> for PayoutBanked {
    type Error = DecodeError;

    fn try_from(wire: wire::PayoutBanked) -> Read<Self> {
        Ok(PayoutBanked {
            banked_on: Day(wire.banked_on),
            courier: id(wire.courier, "courier")?,
            receipt: id(wire.receipt, "receipt")?,
            amount: money(wire.amount, "amount")?,
        })
    }
}

impl From<WriteOffKind> for wire::WriteOffKind {
    fn from(kind: WriteOffKind) -> Self {
        match kind {
            WriteOffKind::Shortfall => wire::WriteOffKind::Shortfall,
            WriteOffKind::Lost => wire::WriteOffKind::Lost,
            WriteOffKind::Claim => wire::WriteOffKind::Claim,
        }
    }
}

fn kind(number: i32) -> Read<WriteOffKind> {
    match checked(wire::WriteOffKind::try_from(number), "kind")? {
        wire::WriteOffKind::Unspecified => Err(DecodeError::Malformed { field: "kind" }),
        wire::WriteOffKind::Shortfall => Ok(WriteOffKind::Shortfall),
        wire::WriteOffKind::Lost => Ok(WriteOffKind::Lost),
        wire::WriteOffKind::Claim => Ok(WriteOffKind::Claim),
    }
}

impl From<&CodWrittenOff> for wire::CodWrittenOff {
    fn from(fact: &CodWrittenOff) -> Self {
        wire::CodWrittenOff {
            on: fact.on.0,
            courier: fact.courier.to_string(),
            tracking: fact.tracking.to_string(),
            key: fact.key.to_string(),
            amount: Some(fact.amount.into()),
            kind: wire::WriteOffKind::from(fact.kind).into(),
            by: fact.by.to_string(),
            reason: fact.reason.to_string(),
            approved_by: text(fact.approved_by.as_ref()),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::CodWrittenOff> for CodWrittenOff {
    type Error = DecodeError;

    fn try_from(wire: wire::CodWrittenOff) -> Read<Self> {
        Ok(CodWrittenOff {
            on: Day(wire.on),
            courier: id(wire.courier, "courier")?,
            tracking: id(wire.tracking, "tracking")?,
            key: id(wire.key, "key")?,
            amount: money(wire.amount, "amount")?,
            kind: kind(wire.kind)?,
            by: id(wire.by, "by")?,
            reason: id(wire.reason, "reason")?,
            approved_by: maybe_id(wire.approved_by, "approved_by")?,
        })
    }
}
