//! What a parcel posts: cash collected at the door (see `door`), what the courier paid out of it, and fees that no cash
//! covers.

use ledger::{Account, Side};

use super::Unpostable;
use super::door::post_cash;
use super::sale::{ParcelCash, Sale};
use super::writer::Writer;
use crate::{Chart, Policy, SettlementPart, WriteOffKind};

pub(super) fn post_parcel(writer: &mut Writer<'_>, sale: &Sale<'_>, policy: &Policy) -> Result<(), Unpostable> {
    let Some(cash) = sale.parcels.get(writer.key) else { return Ok(()) };
    if sale.is_test() {
        return Ok(());
    }
    let receivable = Chart::cod_receivable(cash.courier)?;
    if let Some(terms) = sale.terms.filter(|_| sale.by_courier) {
        post_cash(writer, cash, terms, policy)?;
    }
    post_settlements(writer, cash, &receivable, policy)?;
    post_write_offs(writer, cash, &receivable, policy)?;
    post_uncovered_fees(writer, cash, policy)
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
        let (income_tax, sales_tax) = if covers_fees { cash.withheld } else { (0, 0) };
        let amounts = vec![
            (Side::Debit, chart.remittance_clearing.clone(), net),
            (Side::Debit, chart.courier_fees.clone(), fee),
            (Side::Debit, chart.input_tax.clone(), fee_tax),
            (Side::Debit, chart.income_tax_withheld.clone(), income_tax),
            (Side::Debit, chart.sales_tax_withheld.clone(), sales_tax),
            (Side::Credit, receivable.clone(), net + fee + fee_tax + income_tax + sales_tax),
        ];
        let name = match part {
            SettlementPart::Upfront => "settled/upfront",
            SettlementPart::Reserve => "settled/reserve",
        };
        writer.post(name, day, currency, amounts)?;
    }
    Ok(())
}

/// What people gave up, or claim of the courier. Damages for a parcel that brought no cash are earned, not taken off
/// it.
fn post_write_offs(
    writer: &mut Writer<'_>,
    cash: &ParcelCash<'_>,
    receivable: &Account,
    policy: &Policy,
) -> Result<(), Unpostable> {
    let chart = &policy.chart;
    let collected = cash.is_collected();
    for write_off in cash.written_off.iter().filter(|write_off| collected || write_off.kind == WriteOffKind::Claim) {
        let into = match write_off.kind {
            WriteOffKind::Shortfall => chart.cod_shortfall.clone(),
            WriteOffKind::Lost => chart.lost_cash.clone(),
            WriteOffKind::Claim => Chart::courier_claims(cash.courier)?,
        };
        let from = if collected { receivable } else { &chart.claims_income };
        let amount = i128::from(write_off.amount.minor);
        let amounts = vec![(Side::Debit, into, amount), (Side::Credit, from.clone(), amount)];
        let name = format!("written-off/{}", write_off.key);
        writer.post(&name, write_off.on, write_off.amount.currency, amounts)?;
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
