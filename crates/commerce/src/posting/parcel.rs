//! What a parcel posts: cash collected at the door, what the courier paid out of it, and fees that no cash covers.

use ledger::{Account, Side};

use super::Unpostable;
use super::order::revenue_entries;
use super::sale::{ParcelCash, Sale};
use super::writer::Writer;
use crate::{Chart, OrderRevised, Policy, SettlementPart};

pub(super) fn post_parcel(writer: &mut Writer<'_>, sale: &Sale<'_>, policy: &Policy) -> Result<(), Unpostable> {
    let Some(cash) = sale.parcels.get(writer.key) else { return Ok(()) };
    if sale.is_test() {
        return Ok(());
    }
    let receivable = Chart::cod_receivable(cash.courier)?;
    if let Some(terms) = sale.terms.filter(|_| sale.by_courier) {
        post_delivery(writer, cash, terms, &receivable, policy)?;
    }
    post_settlements(writer, cash, &receivable, policy)?;
    post_uncovered_fees(writer, cash, policy)
}

/// Cash collected at the door, and given back if the parcel came back after all.
fn post_delivery(
    writer: &mut Writer<'_>,
    cash: &ParcelCash<'_>,
    terms: &OrderRevised,
    receivable: &Account,
    policy: &Policy,
) -> Result<(), Unpostable> {
    let chart = &policy.chart;
    let Some(delivered_at) = cash.delivered_at else { return Ok(()) };
    let cod_currency = cash.currency.unwrap_or(terms.currency);
    let in_terms = |(side, account, minor)| (side, account, minor, terms.currency);
    let sold = revenue_entries(Side::Credit, cash.amount + cash.advance, terms, chart, &chart.sales);
    let amounts = std::iter::once((Side::Debit, receivable.clone(), cash.amount, cod_currency))
        .chain(std::iter::once((Side::Debit, chart.customer_deposits.clone(), cash.advance, terms.currency)))
        .chain(sold.into_iter().map(in_terms));
    writer.post_mixed("delivered", delivered_at.day(policy.zone), amounts)?;
    let Some(returned_at) = cash.returned_at else { return Ok(()) };
    let unsold = revenue_entries(Side::Debit, cash.amount, terms, chart, &chart.sales_returns);
    let amounts = unsold.into_iter().map(in_terms).chain(std::iter::once((
        Side::Credit,
        receivable.clone(),
        cash.amount,
        cod_currency,
    )));
    writer.post_mixed("taken-back", returned_at.day(policy.zone), amounts)
}

/// What the courier paid out of the parcel's cash; its fees are kept back from the first part.
fn post_settlements(
    writer: &mut Writer<'_>,
    cash: &ParcelCash<'_>,
    receivable: &Account,
    policy: &Policy,
) -> Result<(), Unpostable> {
    let Some(currency) = cash.currency else { return Ok(()) };
    let chart = &policy.chart;
    for (index, (part, day, net)) in cash.paid_parts().into_iter().enumerate() {
        let covers_fees = index == 0 && cash.amount != 0;
        let (fee, fee_tax) = if covers_fees { (cash.fee, cash.fee_tax) } else { (0, 0) };
        let amounts = vec![
            (Side::Debit, chart.remittance_clearing.clone(), net),
            (Side::Debit, chart.courier_fees.clone(), fee),
            (Side::Debit, chart.input_tax.clone(), fee_tax),
            (Side::Credit, receivable.clone(), net + fee + fee_tax),
        ];
        let name = match part {
            SettlementPart::Upfront => "settled/upfront",
            SettlementPart::Reserve => "settled/reserve",
        };
        writer.post(name, day, currency, amounts)?;
    }
    Ok(())
}

/// Fees for parcels without cash to keep them back from: prepaid ones, and those that came back.
fn post_uncovered_fees(writer: &mut Writer<'_>, cash: &ParcelCash<'_>, policy: &Policy) -> Result<(), Unpostable> {
    let Some(currency) = cash.currency else { return Ok(()) };
    let chart = &policy.chart;
    let covered = cash.amount != 0 && (!cash.settled.is_empty() || cash.returned_at.is_none());
    let (fee, fee_tax) = if covered { (0, 0) } else { (cash.fee, cash.fee_tax) };
    let returned = cash.returned_at.is_some();
    let (return_fee, return_tax) = if returned { (cash.return_fee, cash.return_fee_tax) } else { (0, 0) };
    let Some(at) = cash.returned_at.or(cash.delivered_at) else { return Ok(()) };
    let amounts = vec![
        (Side::Debit, chart.courier_fees.clone(), fee),
        (Side::Debit, chart.return_fees.clone(), return_fee),
        (Side::Debit, chart.input_tax.clone(), fee_tax + return_tax),
        (Side::Credit, Chart::courier_payable(cash.courier)?, fee + fee_tax + return_fee + return_tax),
    ];
    writer.post("fees", at.day(policy.zone), currency, amounts)
}
