//! What an order posts: money captured, goods sold without a courier's cash, refunds.

use ledger::{Account, Side, Timestamp};

use super::Unpostable;
use super::sale::Sale;
use super::writer::{Amounts, Writer};
use crate::{Chart, Order, OrderRevised, PaymentState, Policy, RefundIssued};

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
    Ok(())
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
    let into = if terms.cash_on_delivery && !sale.by_courier { &chart.cash } else { &chart.gateway_receivable };
    let after_sale = !sale.by_courier && sale.sold_at.is_some_and(|sold| sold < at);
    let from = if after_sale { &chart.trade_receivable } else { &chart.customer_deposits };
    let amounts = vec![(Side::Debit, into.clone(), paid), (Side::Credit, from.clone(), paid)];
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
    amounts.extend(revenue_entries(Side::Credit, revenue, terms, chart, &chart.sales));
    writer.post("sold", sold_at.day(policy.zone), terms.currency, amounts)
}

/// Splits `amount` of an order into goods, shipping, tips and tax as the whole order is split; goods take the rounding.
pub(super) fn revenue_entries(
    side: Side,
    amount: i128,
    terms: &OrderRevised,
    chart: &Chart,
    goods_account: &Account,
) -> Amounts<'static> {
    let total = i128::from(terms.total);
    let share = |component: i64| if total == 0 { 0 } else { i128::from(component) * amount / total };
    let (tax, shipping, tip) = (share(terms.tax), share(terms.shipping), share(terms.tip));
    vec![
        (side, goods_account.clone(), amount - tax - shipping - tip),
        (side, chart.shipping_income.clone(), shipping),
        (side, chart.tips.clone(), tip),
        (side, chart.output_tax.clone(), tax),
    ]
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
    let (amount, tax) = (i128::from(refund.amount), i128::from(refund.tax));
    let after_sale = sale.sold_at.is_some_and(|sold| sold <= refund.refunded_at);
    let mut amounts = if after_sale {
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
