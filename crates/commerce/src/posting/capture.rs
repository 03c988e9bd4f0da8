//! What payments post that reach the merchant without a courier: each on the day on which the shop first said so, so
//! that what was paid first stays as it was posted when the rest comes.

use ledger::{Side, Timestamp};

use super::Unpostable;
use super::sale::Sale;
use super::writer::Writer;
use crate::{Order, OrderRevised, PaymentState, Policy};

/// One payment, minor units.
struct Payment {
    at: Timestamp,
    amount: i128,
    /// With it, all was paid.
    in_full: bool,
    /// What the till gave or took beside it, to come to a round sum: with the first that pays in full.
    rounding: i128,
}

/// Posts the payments. Answers what was paid before the sale, or with it, minor units.
pub(super) fn post_payments(
    writer: &mut Writer<'_>,
    order: &Order,
    terms: &OrderRevised,
    sale: &Sale<'_>,
    policy: &Policy,
) -> Result<i128, Unpostable> {
    let chart = &policy.chart;
    let payments = payments(order, terms, sale);
    let paid: i128 = payments.iter().map(|payment| payment.amount).sum();
    let mut gift_cards = by_gift_card(order, paid);
    // What was paid before any gift card.
    let mut without = i128::from(order.paid_without_gift_card).min(paid - gift_cards);
    let mut in_advance = 0;
    for (index, payment) in payments.iter().enumerate() {
        // Cash over the counter pays in full; what is paid of it before any parcel is known is an advance, and came by
        // a gateway.
        let by_hand = terms.cash_on_delivery && !sale.by_courier && payment.in_full;
        let into = if by_hand { &chart.cash } else { &chart.gateway_receivable };
        let after_sale = !sale.by_courier && sale.sold_at.is_some_and(|sold| sold < payment.at);
        let from = if after_sale { &chart.trade_receivable } else { &chart.customer_deposits };
        // The shop tells of gift cards while nothing else has paid yet, or that none had paid so far: else they come first.
        let without_it = without.min(payment.amount);
        let by_gift_card = gift_cards.min(payment.amount - without_it);
        let amounts = vec![
            (Side::Debit, into.clone(), payment.amount - by_gift_card + payment.rounding),
            (Side::Debit, chart.gift_cards.clone(), by_gift_card),
            (Side::Credit, from.clone(), payment.amount),
            (Side::Credit, chart.rounding.clone(), payment.rounding),
        ];
        writer.post(&name(index), payment.at.day(policy.zone), terms.currency, amounts)?;
        without -= without_it;
        gift_cards -= by_gift_card;
        in_advance += if after_sale { 0 } else { payment.amount };
    }
    Ok(in_advance)
}

/// `captured`, `captured/2`, …
fn name(index: usize) -> String {
    match index {
        0 => "captured".to_owned(),
        _ => format!("captured/{}", index + 1),
    }
}

/// What makes up all that is paid now, in the order in which it became known.
fn payments(order: &Order, terms: &OrderRevised, sale: &Sale<'_>) -> Vec<Payment> {
    let all = match terms.payment {
        PaymentState::Unpaid | PaymentState::Unknown => return vec![],
        // A courier collects the rest at the door, whoever says then that all is paid.
        PaymentState::Paid | PaymentState::PartlyPaid if sale.by_courier => sale.advance,
        PaymentState::Paid | PaymentState::PartlyPaid => i128::from(terms.paid),
    };
    let partly = order.partly_paid_by.iter().map(|(at, paid)| (at, i128::from(paid), false));
    let in_full = order.paid_by.iter().filter(|_| !sale.by_courier).map(|(at, paid)| (at, i128::from(paid), true));
    let mut told: Vec<(Timestamp, i128, bool)> = partly.chain(in_full).collect();
    told.sort_unstable();
    let (mut payments, mut so_far) = (Vec::new(), 0);
    // A courier rounds at the door.
    let mut to_round = if sale.by_courier { 0 } else { i128::from(terms.rounding) };
    for (at, paid, in_full) in told {
        let amount = paid.min(all).max(so_far) - so_far;
        let rounding = if in_full { std::mem::take(&mut to_round) } else { 0 };
        if amount != 0 || rounding != 0 {
            payments.push(Payment { at, amount, in_full, rounding });
            so_far += amount;
        }
    }
    payments
}

/// What of all that was paid was paid with gift cards: as much as the shop said, and at least what it gave back onto
/// them. What it said was paid without any was not: what is given back beyond the rest is on a new gift card.
fn by_gift_card(order: &Order, paid: i128) -> i128 {
    let told = i128::from(order.gift_card_paid).min(paid);
    let not_without = (paid - i128::from(order.paid_without_gift_card)).max(0);
    let given_back: i128 = order.refunds.values().map(|refund| i128::from(refund.gift_card.max(0))).sum();
    told.max(given_back.min(not_without))
}
