//! Goods at cost: every card is what its movements imply from its first line on, and what is in stock is worth what the ledger
//! says. The movements themselves are compared with the facts where cases are recomputed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use commerce::{Policy, TenantId};
use ledger::{Currency, TrialBalance};
use store::books;
use store::db::{Db, DbError};

use super::{Findings, Invariant, JournalRead, concerns, totals};
use crate::ProcessError;
use crate::books::stock::{CardPage, Reading, value_page};

/// Lines of cards looked at in one transaction.
const LINES: u32 = 4_000;

/// What is in stock, in minor units, by tenant and currency.
type Worth = BTreeMap<(TenantId, Currency), i128>;

pub(super) async fn goods_are_worth_what_the_ledger_says(
    db: &Db,
    journal: &JournalRead,
    of: Option<&TenantId>,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Invariant, ProcessError> {
    let parked = parked(db).await?;
    let (mut findings, mut worth, mut lines) = (Findings::default(), Worth::new(), 0_u64);
    let mut reading = Some(Reading::default());
    while let Some(at) = reading.take() {
        let page = page(db, at).await?;
        lines += page.stored.len() as u64;
        progress(page.stored.len() as u64);
        for (key, line) in page.stored.iter().filter(|((tenant, ..), _)| concerns(of, tenant)) {
            let (tenant, item, at, origin) = key;
            if page.valued.get(key) != Some(line) {
                let place = format!("stock of {tenant}, item {item}, {at}, {origin}");
                findings.add(place, "does not cost what its card implies: run `daybook rebuild books`");
            }
            // Nothing of a parked case stands in the books.
            let stands = line.part.as_ref().is_some_and(|p| !parked.contains(&(tenant.to_string(), p.to_string())));
            if let Some(value) = line.value.filter(|_| stands) {
                *worth.entry((tenant.clone(), value.currency)).or_default() += i128::from(line.raises_stock_by());
            }
        }
        reading = page.next;
    }
    worth.retain(|_, sum| *sum != 0);
    let figures = format!("{lines} lines of cards, {} minor units in stock", worth.values().sum::<i128>());
    compare(db, journal, worth, &mut findings).await?;
    Ok(Invariant { name: "goods in stock are worth what the ledger says", figures, findings: findings.0 })
}

async fn page(db: &Db, at: Reading) -> Result<CardPage, ProcessError> {
    let at = Arc::new(at);
    let page = db.run_tx("verify-goods", move |tx| {
        let at = Arc::clone(&at);
        Box::pin(async move { value_page(tx, &at, |_| true, LINES).await })
    });
    page.await.map_err(|error: DbError| ProcessError::from(error))
}

async fn parked(db: &Db) -> Result<BTreeSet<(String, String)>, ProcessError> {
    let rows = db.query("SELECT tenant, part FROM part WHERE parked IS NOT NULL", vec![]).await?;
    let parts = rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())));
    Ok(parts.collect::<Result<_, DbError>>()?)
}

async fn compare(
    db: &Db,
    journal: &JournalRead,
    mut worth: Worth,
    findings: &mut Findings,
) -> Result<(), ProcessError> {
    let totals = totals(&journal.balances);
    let tenants: Arc<BTreeSet<TenantId>> = Arc::new(totals.keys().map(|tenant| (*tenant).clone()).collect());
    let policies = db.run_tx("verify-policies", move |tx| {
        let tenants = Arc::clone(&tenants);
        Box::pin(async move { books::policies(tx, &tenants).await })
    });
    let policies: BTreeMap<TenantId, Policy> = policies.await.map_err(|error: DbError| ProcessError::from(error))?;
    for (tenant, totals) in totals {
        let Some(inventory) = policies.get(tenant).map(|policy| &policy.chart.inventory) else { continue };
        for row in TrialBalance::from_totals(totals).unwrap_or_default().rows {
            let balance = i128::from(row.debit) - i128::from(row.credit);
            if row.account != *inventory {
                continue;
            }
            let cards = worth.remove(&(tenant.clone(), row.currency)).unwrap_or(0);
            if cards != balance {
                let problem = format!("{cards} by the cards, {balance} in the ledger");
                findings.add(format!("stock of {tenant}, {}", row.currency), problem);
            }
        }
    }
    for (tenant, currency) in worth.keys() {
        findings.add(format!("stock of {tenant}, {currency}"), "is on the cards and not in the ledger");
    }
    Ok(())
}
