//! What an order posts: money captured, goods sold without a courier's cash, refunds.

use ledger::Side;

use super::Unpostable;
use super::capture::post_payments;
use super::chargeback::post_chargebacks;
use super::sale::Sale;
use super::split::Split;
use super::writer::Writer;
use crate::{Order, OrderRevised, Policy, RefundIssued};

pub(super) fn post_order(
    writer: &mut Writer<'_>,
    order: &Order,
    sale: &Sale<'_>,
    policy: &Policy,
) -> Result<(), Unpostable> {
    let Some(terms) = sale.terms.filter(|t| !t.test) else { return Ok(()) };
    let in_advance = post_payments(writer, order, terms, sale, policy)?;
    if !sale.by_courier {
        post_direct_sale(writer, terms, sale, in_advance, policy)?;
    }
    for refund in order.refunds.values() {
        post_refund(writer, refund, terms, sale, policy)?;
    }
    post_chargebacks(writer, order, policy)
}

/// Goods handed over, no courier's cash involved.
fn post_direct_sale(
    writer: &mut Writer<'_>,
    terms: &OrderRevised,
    sale: &Sale<'_>,
    in_advance: i128,
    policy: &Policy,
) -> Result<(), Unpostable> {
    let Some(sold_at) = sale.sold_at else { return Ok(()) };
    let chart = &policy.chart;
    let revenue = i128::from(terms.total) - sale.refunded_before_sale;
    // What was refunded came out of deposits whether or not a payment had been seen by then.
    let deposits = in_advance - sale.refunded_before_sale;
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
    let by_gift_card = i128::from(refund.gift_card).clamp(0, amount.max(0));
    let paid = vec![
        (Side::Debit, chart.refunds_payable.clone(), amount),
        (Side::Credit, source.clone(), amount - by_gift_card),
        (Side::Credit, chart.gift_cards.clone(), by_gift_card),
    ];
    writer.post(&format!("refund/{}/paid", refund.refund), day, refund.currency, paid)
}
