//! What disputed card payments post: the gateway takes the money back and charges a fee; what is won comes again, the
//! fee does not.

use std::collections::BTreeSet;

use ledger::Side;

use super::Unpostable;
use super::writer::Writer;
use crate::{ChargebackOutcome, ChargebackRecorded, ClaimKey, Order, Policy};

pub(super) fn post_chargebacks(writer: &mut Writer<'_>, order: &Order, policy: &Policy) -> Result<(), Unpostable> {
    let disputes: BTreeSet<&ClaimKey> = order.chargebacks.keys().map(|(key, _)| key).collect();
    for key in disputes {
        let by_outcome = |outcome| order.chargebacks.get(&(key.clone(), outcome));
        let told = [ChargebackOutcome::Open, ChargebackOutcome::Won, ChargebackOutcome::Lost].map(by_outcome);
        // What opened it stays as it was posted, however it ends.
        let Some(opened) = told.into_iter().flatten().next() else { continue };
        post_dispute(writer, key, opened, policy)?;
        let latest = told.into_iter().flatten().max_by_key(|told| told.version);
        if let Some(won) = latest.filter(|told| told.outcome == ChargebackOutcome::Won) {
            post_won(writer, key, opened, won, policy)?;
        }
    }
    Ok(())
}

fn post_dispute(
    writer: &mut Writer<'_>,
    key: &ClaimKey,
    opened: &ChargebackRecorded,
    policy: &Policy,
) -> Result<(), Unpostable> {
    let (chart, amount, fee) = (&policy.chart, i128::from(opened.amount), i128::from(opened.fee));
    let amounts = vec![
        (Side::Debit, chart.chargebacks.clone(), amount),
        (Side::Debit, chart.chargeback_fees.clone(), fee),
        (Side::Credit, chart.gateway_receivable.clone(), amount + fee),
    ];
    writer.post(&format!("chargeback/{key}"), opened.on, opened.currency, amounts)
}

fn post_won(
    writer: &mut Writer<'_>,
    key: &ClaimKey,
    opened: &ChargebackRecorded,
    won: &ChargebackRecorded,
    policy: &Policy,
) -> Result<(), Unpostable> {
    let (chart, amount) = (&policy.chart, i128::from(opened.amount));
    let amounts = vec![
        (Side::Debit, chart.gateway_receivable.clone(), amount),
        (Side::Credit, chart.chargebacks.clone(), amount),
    ];
    writer.post(&format!("chargeback/{key}/won"), won.on, opened.currency, amounts)
}
