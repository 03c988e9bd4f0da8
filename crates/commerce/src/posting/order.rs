//! What an order posts: money captured, goods sold without a courier's cash, refunds.

use ledger::{Side, Timestamp};

use super::Unpostable;
use super::chargeback::post_chargebacks;
use super::sale::Sale;
use super::split::Split;
use super::writer::Writer;
use crate::{Order, OrderRevised, PaymentState, Policy, RefundIssued};

pub(super) fn post_order(
    writer: &mut Writer<'_>,
    order: &Order,
    sale: &Sale<'_>,
    policy: &Policy,
) -> Result<(), Unpostable> {
    let Some(terms) = sale.terms.filter(|t| !t.test) else { return Ok(()) };
    let captured_at = post_capture(writer, order, terms, sale, policy)?;
    if !sale.by_courier {
        post_direct_sale(writer, terms, sale, captured_at, policy)?;
    }
    for refund in order.refunds.values() {
        post_refund(writer, refund, terms, sale, policy)?;
    }
    post_chargebacks(writer, order, policy)
}

/// Money that reached the merchant without a courier. Returns when.
fn post_capture(
    writer: &mut Writer<'_>,
    order: &Order,
    terms: &OrderRevised,
    sale: &Sale<'_>,
    policy: &Policy,
) -> Result<Option<Timestamp>, Unpostable> {
    let paid = if sale.by_courier { sale.advance } else { i128::from(terms.paid) };
    let at = match terms.payment {
        PaymentState::Paid if !sale.by_courier => order.paid_at,
        // What was paid first stands on its day, whatever was edited or collected later.
        PaymentState::Paid | PaymentState::PartlyPaid => order.partly_paid_at,
        PaymentState::Unpaid | PaymentState::Unknown => None,
    };
    let Some(at) = at.filter(|_| paid != 0) else { return Ok(None) };
    let chart = &policy.chart;
    // Cash over the counter pays in full; what is paid of it before any parcel is known is an advance, and came by a gateway.
    let by_hand = terms.cash_on_delivery && !sale.by_courier && terms.payment == PaymentState::Paid;
    let into = if by_hand { &chart.cash } else { &chart.gateway_receivable };
    let after_sale = !sale.by_courier && sale.sold_at.is_some_and(|sold| sold < at);
    let from = if after_sale { &chart.trade_receivable } else { &chart.customer_deposits };
    let by_gift_card = i128::from(order.gift_card_paid).min(paid);
    let rounding = if sale.by_courier { 0 } else { i128::from(terms.rounding) };
    let amounts = vec![
        (Side::Debit, into.clone(), paid - by_gift_card + rounding),
        (Side::Debit, chart.gift_cards.clone(), by_gift_card),
        (Side::Credit, from.clone(), paid),
        (Side::Credit, chart.rounding.clone(), rounding),
    ];
    writer.post("captured", at.day(policy.zone), terms.currency, amounts)?;
    Ok(Some(at))
}

/// Goods handed over, no courier's cash involved.
fn post_direct_sale(
    writer: &mut Writer<'_>,
    terms: &OrderRevised,
    sale: &Sale<'_>,
    captured_at: Option<Timestamp>,
    policy: &Policy,
) -> Result<(), Unpostable> {
    let Some(sold_at) = sale.sold_at else { return Ok(()) };
    let chart = &policy.chart;
    let revenue = i128::from(terms.total) - sale.refunded_before_sale;
    let in_advance = captured_at.is_some_and(|at| at <= sold_at);
    // What was refunded came out of deposits whether or not a payment had been seen by then.
    let deposits = if in_advance { i128::from(terms.paid) } else { 0 } - sale.refunded_before_sale;
    let mut amounts = vec![
        (Side::Debit, chart.customer_deposits.clone(), deposits),
        (Side::Debit, chart.trade_receivable.clone(), revenue - deposits),
    ];
    let day = sold_at.day(policy.zone);
    amounts.extend(Split::of(terms, day, policy).entries(Side::Credit, revenue, &chart.sales, chart));
    writer.post("sold", day, terms.currency, amounts)
}

fn post_refund(
    writer: &mut Writer<'_>,
    refund: &RefundIssued,
    terms: &OrderRevised,
    sale: &Sale<'_>,
    policy: &Policy,
) -> Result<(), Unpostable> {
    let chart = &policy.chart;
    let day = refund.refunded_at.day(policy.zone);
    let amount = i128::from(refund.amount);
    let sold_at = sale.sold_at.filter(|sold| *sold <= refund.refunded_at);
    let mut amounts = if let Some(sold_at) = sold_at {
        let split = Split::of(terms, sold_at.day(policy.zone), policy);
        let tax = if refund.tax == 0 { split.tax_in(amount, policy) } else { i128::from(refund.tax) };
        vec![(Side::Debit, chart.sales_returns.clone(), amount - tax), (Side::Debit, chart.output_tax.clone(), tax)]
    } else {
        vec![(Side::Debit, chart.customer_deposits.clone(), amount)]
    };
    amounts.push((Side::Credit, chart.refunds_payable.clone(), amount));
    writer.post(&format!("refund/{}", refund.refund), day, refund.currency, amounts)?;
    let source = if terms.cash_on_delivery { &chart.bank } else { &chart.gateway_receivable };
    let paid = vec![(Side::Debit, chart.refunds_payable.clone(), amount), (Side::Credit, source.clone(), amount)];
    writer.post(&format!("refund/{}/paid", refund.refund), day, refund.currency, paid)
}
