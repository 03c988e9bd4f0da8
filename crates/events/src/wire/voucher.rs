//! What people enter into the books themselves.

use commerce::totals::{DetailReplaced, FoldedTo};
use commerce::{
    AccountOpened, Courier, PartKey, PeriodClosed, PeriodReopened, VoucherApproved, VoucherEntered, VoucherKind,
    VoucherWithdrawn,
};
use ledger::{Day, Entry, Timestamp};

use super::field::{Read, checked, currency, id, maybe_id, text};
use super::v1::voucher::v1 as wire;
use crate::DecodeError;

impl From<VoucherKind> for wire::VoucherKind {
    fn from(kind: VoucherKind) -> Self {
        match kind {
            VoucherKind::Expense => wire::VoucherKind::Expense,
            VoucherKind::Journal => wire::VoucherKind::Journal,
            VoucherKind::Opening => wire::VoucherKind::Opening,
            VoucherKind::Exchange => wire::VoucherKind::Exchange,
            VoucherKind::Claim => wire::VoucherKind::Claim,
            VoucherKind::Imported => wire::VoucherKind::Imported,
        }
    }
}

fn kind(number: i32) -> Read<VoucherKind> {
    match checked(wire::VoucherKind::try_from(number), "kind")? {
        wire::VoucherKind::Unspecified => Err(DecodeError::Malformed { field: "kind" }),
        wire::VoucherKind::Expense => Ok(VoucherKind::Expense),
        wire::VoucherKind::Journal => Ok(VoucherKind::Journal),
        wire::VoucherKind::Opening => Ok(VoucherKind::Opening),
        wire::VoucherKind::Exchange => Ok(VoucherKind::Exchange),
        wire::VoucherKind::Claim => Ok(VoucherKind::Claim),
        wire::VoucherKind::Imported => Ok(VoucherKind::Imported),
    }
}

impl From<&VoucherEntered> for wire::VoucherEntered {
    fn from(fact: &VoucherEntered) -> Self {
        wire::VoucherEntered {
            entered_at: fact.entered_at.0,
            voucher: fact.voucher.to_string(),
            kind: wire::VoucherKind::from(fact.kind).into(),
            day: fact.day.0,
            entries: fact.entries.iter().map(Into::into).collect(),
            reverses: text(fact.reverses.as_ref()),
            by: fact.by.to_string(),
            reason: fact.reason.to_string(),
            attachments: fact.attachments.iter().map(ToString::to_string).collect(),
            needs_approval: fact.needs_approval,
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::VoucherEntered> for VoucherEntered {
    type Error = DecodeError;

    fn try_from(wire: wire::VoucherEntered) -> Read<Self> {
        let attachments = wire.attachments.into_iter().map(|text| id(text, "attachments")).collect::<Read<_>>()?;
        Ok(VoucherEntered {
            entered_at: Timestamp(wire.entered_at),
            voucher: id(wire.voucher, "voucher")?,
            kind: kind(wire.kind)?,
            day: Day(wire.day),
            entries: wire.entries.into_iter().map(Entry::try_from).collect::<Read<_>>()?,
            reverses: maybe_id(wire.reverses, "reverses")?,
            by: id(wire.by, "by")?,
            reason: id(wire.reason, "reason")?,
            attachments,
            needs_approval: wire.needs_approval,
        })
    }
}

impl From<&VoucherApproved> for wire::VoucherApproved {
    fn from(fact: &VoucherApproved) -> Self {
        let (voucher, by) = (fact.voucher.to_string(), fact.by.to_string());
        let digest = text(fact.digest.as_ref());
        wire::VoucherApproved { approved_at: fact.approved_at.0, voucher, by, digest, sealed: vec![] }
    }
}

impl TryFrom<wire::VoucherApproved> for VoucherApproved {
    type Error = DecodeError;

    fn try_from(wire: wire::VoucherApproved) -> Read<Self> {
        let (voucher, by) = (id(wire.voucher, "voucher")?, id(wire.by, "by")?);
        let digest = maybe_id(wire.digest, "digest")?;
        Ok(VoucherApproved { approved_at: Timestamp(wire.approved_at), voucher, by, digest })
    }
}

impl From<&VoucherWithdrawn> for wire::VoucherWithdrawn {
    fn from(fact: &VoucherWithdrawn) -> Self {
        wire::VoucherWithdrawn {
            withdrawn_at: fact.withdrawn_at.0,
            voucher: fact.voucher.to_string(),
            by: fact.by.to_string(),
            reason: fact.reason.to_string(),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::VoucherWithdrawn> for VoucherWithdrawn {
    type Error = DecodeError;

    fn try_from(wire: wire::VoucherWithdrawn) -> Read<Self> {
        Ok(VoucherWithdrawn {
            withdrawn_at: Timestamp(wire.withdrawn_at),
            voucher: id(wire.voucher, "voucher")?,
            by: id(wire.by, "by")?,
            reason: id(wire.reason, "reason")?,
        })
    }
}

impl From<&PeriodClosed> for wire::PeriodClosed {
    fn from(fact: &PeriodClosed) -> Self {
        wire::PeriodClosed {
            decided_at: fact.decided_at.0,
            through: fact.through.0,
            by: fact.by.to_string(),
            reason: fact.reason.to_string(),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::PeriodClosed> for PeriodClosed {
    type Error = DecodeError;

    fn try_from(wire: wire::PeriodClosed) -> Read<Self> {
        Ok(PeriodClosed {
            decided_at: Timestamp(wire.decided_at),
            through: Day(wire.through),
            by: id(wire.by, "by")?,
            reason: id(wire.reason, "reason")?,
        })
    }
}

impl From<&PeriodReopened> for wire::PeriodReopened {
    fn from(fact: &PeriodReopened) -> Self {
        wire::PeriodReopened {
            decided_at: fact.decided_at.0,
            through: fact.through.map(|day| day.0),
            by: fact.by.to_string(),
            reason: fact.reason.to_string(),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::PeriodReopened> for PeriodReopened {
    type Error = DecodeError;

    fn try_from(wire: wire::PeriodReopened) -> Read<Self> {
        Ok(PeriodReopened {
            decided_at: Timestamp(wire.decided_at),
            through: wire.through.map(Day),
            by: id(wire.by, "by")?,
            reason: id(wire.reason, "reason")?,
        })
    }
}

impl From<&AccountOpened> for wire::AccountOpened {
    fn from(fact: &AccountOpened) -> Self {
        wire::AccountOpened {
            opened_at: fact.opened_at.0,
            account: fact.account.to_string(),
            currency: text(fact.currency.as_ref()),
            never_negative: fact.never_negative,
            by: fact.by.to_string(),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::AccountOpened> for AccountOpened {
    type Error = DecodeError;

    fn try_from(wire: wire::AccountOpened) -> Read<Self> {
        Ok(AccountOpened {
            opened_at: Timestamp(wire.opened_at),
            account: id(wire.account, "account")?,
            currency: wire.currency.map(|code| currency(&code, "currency")).transpose()?,
            never_negative: wire.never_negative,
            by: id(wire.by, "by")?,
        })
    }
}

impl From<&DetailReplaced> for wire::DetailReplaced {
    fn from(fact: &DetailReplaced) -> Self {
        let month = |((last_day, courier), entries): (&(Day, Option<Courier>), &Vec<Entry>)| wire::MonthTotals {
            last_day: last_day.0,
            entries: entries.iter().map(Into::into).collect(),
            courier: text(courier.as_ref()),
        };
        wire::DetailReplaced {
            replaced_at: fact.replaced_at.0,
            totals: fact.totals.to_string(),
            before: fact.before.0,
            parts: fact.parts.iter().map(ToString::to_string).collect(),
            months: fact.months.iter().map(month).collect(),
            folded: fact.folded.as_ref().map(Into::into),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::DetailReplaced> for DetailReplaced {
    type Error = DecodeError;

    fn try_from(wire: wire::DetailReplaced) -> Read<Self> {
        let month = |month: wire::MonthTotals| {
            let entries = month.entries.into_iter().map(Entry::try_from).collect::<Read<_>>()?;
            Ok(((Day(month.last_day), maybe_id(month.courier, "months.courier")?), entries))
        };
        // One text for one part: an event's id is computed from it.
        let part = |text: String| {
            let key = text.parse::<PartKey>().ok().filter(|key| key.to_string() == text);
            key.ok_or(DecodeError::Malformed { field: "parts" })
        };
        Ok(DetailReplaced {
            replaced_at: Timestamp(wire.replaced_at),
            totals: id(wire.totals, "totals")?,
            before: Day(wire.before),
            parts: wire.parts.into_iter().map(part).collect::<Read<_>>()?,
            months: wire.months.into_iter().map(month).collect::<Read<_>>()?,
            folded: wire.folded.map(Into::into),
        })
    }
}

impl From<&FoldedTo> for wire::FoldedTo {
    fn from(folded: &FoldedTo) -> Self {
        let FoldedTo { order, shipment, cod, inventory, voucher } = *folded;
        wire::FoldedTo { order, shipment, cod, inventory, voucher }
    }
}

impl From<wire::FoldedTo> for FoldedTo {
    fn from(wire: wire::FoldedTo) -> Self {
        let wire::FoldedTo { order, shipment, cod, inventory, voucher } = wire;
        FoldedTo { order, shipment, cod, inventory, voucher }
    }
}
