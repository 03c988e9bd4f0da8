//! What goods post at cost, as their items' cards value them.

use std::collections::BTreeMap;

use ledger::{Account, Currency, Side, Timestamp};

use super::Unpostable;
use super::writer::Writer;
use crate::stock::{CardLine, Movement, Value};
use crate::{Chart, Policy};

/// Signed debits in several currencies.
type Amounts = Vec<(Side, Account, i128, Currency)>;

/// One transaction for all goods of a part that moved together. Movements without a value post nothing.
pub(super) fn post_goods(writer: &mut Writer<'_>, goods: &[&CardLine], policy: &Policy) -> Result<(), Unpostable> {
    let mut together: BTreeMap<String, (Timestamp, Amounts)> = BTreeMap::new();
    for line in goods.iter().filter(|line| line.part.as_ref() == Some(writer.key)) {
        let Some((value, name)) = line.value.zip(line.origin.posting(writer.key)) else { continue };
        let (_, amounts) = together.entry(name).or_insert_with(|| (line.at, Vec::new()));
        for (account, minor) in entries(&line.movement, value, &policy.chart) {
            add(amounts, account, minor, value.currency);
        }
    }
    for (name, (at, amounts)) in together {
        writer.post_mixed(&name, at.day(policy.zone), amounts.into_iter())?;
    }
    Ok(())
}

/// What is debited, minor units; negative where it is credited.
fn entries(movement: &Movement, value: Value, chart: &Chart) -> Vec<(Account, i128)> {
    let (cost, correction) = (i128::from(value.cost), i128::from(value.correction));
    let (inventory, sold) = (chart.inventory.clone(), chart.cost_of_goods.clone());
    match movement {
        Movement::CostNoted { .. } => vec![],
        Movement::Received { .. } => {
            vec![(inventory, cost - correction), (sold, correction), (chart.goods_received.clone(), -cost)]
        }
        Movement::Issued { .. } => vec![(sold, cost), (inventory, -cost)],
        Movement::Returned { .. } => vec![(inventory, cost - correction), (sold, correction - cost)],
        Movement::Lost { issue: None, .. } => vec![(chart.lost_goods.clone(), cost), (inventory, -cost)],
        // They were sold when they left: it is the sale that came to nothing.
        Movement::Lost { issue: Some(_), .. } => vec![(chart.lost_goods.clone(), cost), (sold, -cost)],
    }
}

/// One entry an account and currency, whatever the number of lines.
fn add(amounts: &mut Amounts, account: Account, minor: i128, currency: Currency) {
    match amounts.iter_mut().find(|(_, known, _, of)| *known == account && *of == currency) {
        Some((_, _, sum, _)) => *sum += minor,
        None => amounts.push((Side::Debit, account, minor, currency)),
    }
}
