//! Orders, refunds and fulfilments.

use commerce::{
    ChargebackOutcome, ChargebackRecorded, CustomerId, FulfilmentId, FulfilmentRecorded, LineId, LineItem,
    OrderCancelled, OrderDeleted, OrderId, OrderPlaced, OrderRevised, PaymentState, RefundId, RefundIssued,
    TrackedParcel, VariantId,
};
use ledger::{Day, Timestamp};

use super::field::{Read, checked, currency, id, maybe_id, maybe_money, text};
use super::v1::order::v1 as wire;
use crate::DecodeError;

impl From<&OrderPlaced> for wire::OrderPlaced {
    fn from(fact: &OrderPlaced) -> Self {
        wire::OrderPlaced {
            order: fact.order.0,
            name: text(fact.name.as_ref()),
            placed_at: fact.placed_at.0,
            customer: fact.customer.map(|c| c.0),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::OrderPlaced> for OrderPlaced {
    type Error = DecodeError;

    fn try_from(wire: wire::OrderPlaced) -> Read<Self> {
        Ok(OrderPlaced {
            order: OrderId(wire.order),
            name: maybe_id(wire.name, "name")?,
            placed_at: Timestamp(wire.placed_at),
            customer: wire.customer.map(CustomerId),
        })
    }
}

impl From<&LineItem> for wire::LineItem {
    fn from(item: &LineItem) -> Self {
        wire::LineItem {
            line: item.line.0,
            variant: item.variant.map(|v| v.0),
            sku: text(item.sku.as_ref()),
            quantity: item.quantity,
            unit_price: item.unit_price,
            discount: item.discount,
        }
    }
}

impl TryFrom<wire::LineItem> for LineItem {
    type Error = DecodeError;

    fn try_from(wire: wire::LineItem) -> Read<Self> {
        Ok(LineItem {
            line: LineId(wire.line),
            variant: wire.variant.map(VariantId),
            sku: maybe_id(wire.sku, "lines.sku")?,
            quantity: wire.quantity,
            unit_price: wire.unit_price,
            discount: wire.discount,
        })
    }
}

impl From<PaymentState> for wire::PaymentState {
    fn from(state: PaymentState) -> Self {
        match state {
            PaymentState::Unknown => wire::PaymentState::Unknown,
            PaymentState::Unpaid => wire::PaymentState::Unpaid,
            PaymentState::PartlyPaid => wire::PaymentState::PartlyPaid,
            PaymentState::Paid => wire::PaymentState::Paid,
        }
    }
}

fn payment(number: i32) -> Read<PaymentState> {
    match checked(wire::PaymentState::try_from(number), "payment")? {
        wire::PaymentState::Unspecified => Err(DecodeError::Malformed { field: "payment" }),
        wire::PaymentState::Unknown => Ok(PaymentState::Unknown),
        wire::PaymentState::Unpaid => Ok(PaymentState::Unpaid),
        wire::PaymentState::PartlyPaid => Ok(PaymentState::PartlyPaid),
        wire::PaymentState::Paid => Ok(PaymentState::Paid),
    }
}

impl From<&OrderRevised> for wire::OrderRevised {
    fn from(fact: &OrderRevised) -> Self {
        wire::OrderRevised {
            version: fact.version.0,
            order: fact.order.0,
            currency: fact.currency.code().to_owned(),
            total: fact.total,
            shipping: fact.shipping,
            tax: fact.tax,
            tip: fact.tip,
            discounts: fact.discounts,
            taxes_included: fact.taxes_included,
            presentment: fact.presentment.map(Into::into),
            cash_on_delivery: fact.cash_on_delivery,
            payment: wire::PaymentState::from(fact.payment).into(),
            paid: fact.paid,
            test: fact.test,
            city: fact.city.clone(),
            country: fact.country.clone(),
            lines: fact.lines.iter().map(Into::into).collect(),
            duties: fact.duties,
            rounding: fact.rounding,
            gift_card_paid: fact.gift_card_paid,
            gift_cards_sold: fact.gift_cards_sold,
            no_gift_card: fact.no_gift_card,
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::OrderRevised> for OrderRevised {
    type Error = DecodeError;

    fn try_from(wire: wire::OrderRevised) -> Read<Self> {
        Ok(OrderRevised {
            version: Timestamp(wire.version),
            order: OrderId(wire.order),
            currency: currency(&wire.currency, "currency")?,
            total: wire.total,
            shipping: wire.shipping,
            tax: wire.tax,
            tip: wire.tip,
            discounts: wire.discounts,
            taxes_included: wire.taxes_included,
            presentment: maybe_money(wire.presentment, "presentment")?,
            cash_on_delivery: wire.cash_on_delivery,
            payment: payment(wire.payment)?,
            paid: wire.paid,
            test: wire.test,
            city: wire.city,
            country: wire.country,
            lines: wire.lines.into_iter().map(LineItem::try_from).collect::<Read<_>>()?,
            duties: wire.duties,
            rounding: wire.rounding,
            gift_card_paid: wire.gift_card_paid,
            gift_cards_sold: wire.gift_cards_sold,
            no_gift_card: wire.no_gift_card,
        })
    }
}

impl From<&OrderCancelled> for wire::OrderCancelled {
    fn from(fact: &OrderCancelled) -> Self {
        wire::OrderCancelled {
            cancelled_at: fact.cancelled_at.0,
            order: fact.order.0,
            reason: fact.reason.clone(),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::OrderCancelled> for OrderCancelled {
    type Error = DecodeError;

    fn try_from(wire: wire::OrderCancelled) -> Read<Self> {
        Ok(OrderCancelled {
            cancelled_at: Timestamp(wire.cancelled_at),
            order: OrderId(wire.order),
            reason: wire.reason,
        })
    }
}

impl From<&OrderDeleted> for wire::OrderDeleted {
    fn from(fact: &OrderDeleted) -> Self {
        wire::OrderDeleted { deleted_at: fact.deleted_at.0, order: fact.order.0, sealed: vec![] }
    }
}

impl TryFrom<wire::OrderDeleted> for OrderDeleted {
    type Error = DecodeError;

    fn try_from(wire: wire::OrderDeleted) -> Read<Self> {
        Ok(OrderDeleted { deleted_at: Timestamp(wire.deleted_at), order: OrderId(wire.order) })
    }
}

fn quantities(lines: &[(LineId, i64)]) -> Vec<wire::LineQuantity> {
    lines.iter().map(|&(line, quantity)| wire::LineQuantity { line: line.0, quantity }).collect()
}

fn pairs(wire: Vec<wire::LineQuantity>) -> Vec<(LineId, i64)> {
    wire.into_iter().map(|w| (LineId(w.line), w.quantity)).collect()
}

impl From<&RefundIssued> for wire::RefundIssued {
    fn from(fact: &RefundIssued) -> Self {
        wire::RefundIssued {
            refunded_at: fact.refunded_at.0,
            order: fact.order.0,
            refund: fact.refund.0,
            currency: fact.currency.code().to_owned(),
            amount: fact.amount,
            tax: fact.tax,
            restocked: quantities(&fact.restocked),
            gift_card: fact.gift_card,
            unsent: quantities(&fact.unsent),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::RefundIssued> for RefundIssued {
    type Error = DecodeError;

    fn try_from(wire: wire::RefundIssued) -> Read<Self> {
        Ok(RefundIssued {
            refunded_at: Timestamp(wire.refunded_at),
            order: OrderId(wire.order),
            refund: RefundId(wire.refund),
            currency: currency(&wire.currency, "currency")?,
            amount: wire.amount,
            tax: wire.tax,
            restocked: pairs(wire.restocked),
            gift_card: wire.gift_card,
            unsent: pairs(wire.unsent),
        })
    }
}

impl From<&TrackedParcel> for wire::TrackedParcel {
    fn from(parcel: &TrackedParcel) -> Self {
        wire::TrackedParcel { courier: parcel.courier.to_string(), tracking: parcel.tracking.to_string() }
    }
}

impl TryFrom<wire::TrackedParcel> for TrackedParcel {
    type Error = DecodeError;

    fn try_from(wire: wire::TrackedParcel) -> Read<Self> {
        Ok(TrackedParcel {
            courier: id(wire.courier, "parcels.courier")?,
            tracking: id(wire.tracking, "parcels.tracking")?,
        })
    }
}

impl From<&FulfilmentRecorded> for wire::FulfilmentRecorded {
    fn from(fact: &FulfilmentRecorded) -> Self {
        wire::FulfilmentRecorded {
            version: fact.version.0,
            order: fact.order.0,
            fulfilment: fact.fulfilment.0,
            fulfilled_at: fact.fulfilled_at.0,
            stands: fact.stands,
            delivered: fact.delivered,
            parcels: fact.parcels.iter().map(Into::into).collect(),
            lines: quantities(&fact.lines),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::FulfilmentRecorded> for FulfilmentRecorded {
    type Error = DecodeError;

    fn try_from(wire: wire::FulfilmentRecorded) -> Read<Self> {
        Ok(FulfilmentRecorded {
            version: Timestamp(wire.version),
            order: OrderId(wire.order),
            fulfilment: FulfilmentId(wire.fulfilment),
            fulfilled_at: Timestamp(wire.fulfilled_at),
            stands: wire.stands,
            delivered: wire.delivered,
            parcels: wire.parcels.into_iter().map(TrackedParcel::try_from).collect::<Read<_>>()?,
            lines: pairs(wire.lines),
        })
    }
}

impl From<ChargebackOutcome> for wire::ChargebackOutcome {
    fn from(outcome: ChargebackOutcome) -> Self {
        match outcome {
            ChargebackOutcome::Open => wire::ChargebackOutcome::Open,
            ChargebackOutcome::Won => wire::ChargebackOutcome::Won,
            ChargebackOutcome::Lost => wire::ChargebackOutcome::Lost,
        }
    }
}

fn outcome(number: i32) -> Read<ChargebackOutcome> {
    match checked(wire::ChargebackOutcome::try_from(number), "outcome")? {
        wire::ChargebackOutcome::Unspecified => Err(DecodeError::Malformed { field: "outcome" }),
        wire::ChargebackOutcome::Open => Ok(ChargebackOutcome::Open),
        wire::ChargebackOutcome::Won => Ok(ChargebackOutcome::Won),
        wire::ChargebackOutcome::Lost => Ok(ChargebackOutcome::Lost),
    }
}

impl From<&ChargebackRecorded> for wire::ChargebackRecorded {
    fn from(fact: &ChargebackRecorded) -> Self {
        wire::ChargebackRecorded {
            version: fact.version.0,
            order: fact.order.0,
            key: fact.key.to_string(),
            on: fact.on.0,
            amount: fact.amount,
            fee: fact.fee,
            currency: fact.currency.code().to_owned(),
            outcome: wire::ChargebackOutcome::from(fact.outcome).into(),
            sealed: vec![],
        }
    }
}

impl TryFrom<wire::ChargebackRecorded> for ChargebackRecorded {
    type Error = DecodeError;

    fn try_from(wire: wire::ChargebackRecorded) -> Read<Self> {
        Ok(ChargebackRecorded {
            version: Timestamp(wire.version),
            order: OrderId(wire.order),
            key: id(wire.key, "key")?,
            on: Day(wire.on),
            amount: wire.amount,
            fee: wire.fee,
            currency: currency(&wire.currency, "currency")?,
            outcome: outcome(wire.outcome)?,
        })
    }
}
