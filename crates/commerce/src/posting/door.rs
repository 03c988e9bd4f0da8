//! What cash on delivery posts on its way to the door: promised when the courier has the parcel, collected when the
//! buyer has it, taken back when it comes back after all, and voided when it never arrives.
//!
//! A promise is pending: it counts in no balance. Delivery keeps it and an end without delivery voids it, each by the
//! opposite pending entries, so that nothing stays promised of a parcel that has reached its end. The promise depends
//! on nothing that happens after the parcel was picked up: told in order, it is posted once and never reversed.

use ledger::{Account, Day, Layer, Side, Timestamp};

use super::Unpostable;
use super::sale::ParcelCash;
use super::split::Split;
use super::writer::{Amount, Writer};
use crate::{Chart, OrderRevised, Policy, Recognition};

/// One parcel's cash, and the words to post it with.
struct Door<'a> {
    cash: &'a ParcelCash<'a>,
    terms: &'a OrderRevised,
    policy: &'a Policy,
    receivable: Account,
}

pub(super) fn post_cash(
    writer: &mut Writer<'_>,
    cash: &ParcelCash<'_>,
    terms: &OrderRevised,
    policy: &Policy,
) -> Result<(), Unpostable> {
    let door = Door { cash, terms, policy, receivable: Chart::cod_receivable(cash.courier)? };
    let promise = door.promise();
    let pending = |amounts: Vec<Amount>| amounts.into_iter().map(|amount| (Layer::Pending, amount));
    if let Some(at) = cash.picked_up_at {
        writer.post_layers("promised", door.day(at), pending(promise.clone()))?;
    }
    door.post_sale(writer)?;
    if let Some(at) = cash.delivered_at {
        let collected = door.collected(at).into_iter().map(|amount| (Layer::Posted, amount));
        let kept = cash.picked_up_at.map_or(vec![], |_| opposite(promise.clone()));
        writer.post_layers("delivered", door.day(at), collected.chain(pending(kept)))?;
    }
    if let Some(at) = cash.ended_at.filter(|_| cash.picked_up_at.is_some()) {
        writer.post_layers("voided", door.day(at), pending(opposite(promise)))?;
    }
    door.post_return(writer)
}

fn opposite(amounts: Vec<Amount>) -> Vec<Amount> {
    amounts.into_iter().map(|(side, account, minor, currency)| (side.opposite(), account, minor, currency)).collect()
}

impl Door<'_> {
    fn day(&self, at: Timestamp) -> Day {
        at.day(self.policy.zone)
    }

    fn sells_at_fulfilment(&self) -> bool {
        self.policy.recognition == Recognition::Fulfilment
    }

    fn receivable(&self, side: Side, minor: i128) -> Amount {
        (side, self.receivable.clone(), minor, self.cash.currency.unwrap_or(self.terms.currency))
    }

    fn in_terms(&self, side: Side, account: &Account, minor: i128) -> Amount {
        (side, account.clone(), minor, self.terms.currency)
    }

    /// What `amount` of the order is made of, as of the day of the sale.
    fn revenue(&self, side: Side, amount: i128, goods: &Account, sold_on: Day) -> impl Iterator<Item = Amount> {
        let split = Split::of(self.terms, sold_on, self.policy);
        let entries = split.entries(side, amount, goods, &self.policy.chart).into_iter();
        let currency = self.terms.currency;
        entries.map(move |(side, account, minor)| (side, account, minor, currency))
    }

    /// What the courier promises by picking it up. Goods sold at fulfilment are owed already.
    fn promise(&self) -> Vec<Amount> {
        let (chart, minor) = (&self.policy.chart, self.cash.promised);
        let Some(at) = self.cash.picked_up_at else { return vec![] };
        let mut amounts = vec![self.receivable(Side::Debit, minor)];
        if self.sells_at_fulfilment() {
            amounts.push(self.in_terms(Side::Credit, &chart.trade_receivable, minor));
        } else {
            amounts.extend(self.revenue(Side::Credit, minor, &chart.sales, self.day(at)));
        }
        amounts
    }

    /// Goods that are sold when they leave.
    fn post_sale(&self, writer: &mut Writer<'_>) -> Result<(), Unpostable> {
        let (chart, cash) = (&self.policy.chart, self.cash);
        let Some(at) = cash.sold_at.filter(|_| self.sells_at_fulfilment()) else { return Ok(()) };
        let owed = self.in_terms(Side::Debit, &chart.trade_receivable, cash.promised);
        let advance = self.in_terms(Side::Debit, &chart.customer_deposits, cash.advance);
        let sold = self.revenue(Side::Credit, cash.promised + cash.advance, &chart.sales, self.day(at));
        writer.post_mixed("sold", self.day(at), [owed, advance].into_iter().chain(sold))
    }

    /// Cash collected at the door.
    fn collected(&self, at: Timestamp) -> Vec<Amount> {
        let (chart, cash) = (&self.policy.chart, self.cash);
        let mut amounts = vec![self.receivable(Side::Debit, cash.amount)];
        if self.sells_at_fulfilment() {
            amounts.push(self.in_terms(Side::Credit, &chart.trade_receivable, cash.amount));
            return amounts;
        }
        amounts.push(self.in_terms(Side::Debit, &chart.customer_deposits, cash.advance));
        amounts.extend(self.revenue(Side::Credit, cash.amount + cash.advance, &chart.sales, self.day(at)));
        amounts
    }

    /// What came back: after the buyer had it, or, if it was sold when it left, without ever having arrived.
    fn post_return(&self, writer: &mut Writer<'_>) -> Result<(), Unpostable> {
        let (chart, cash) = (&self.policy.chart, self.cash);
        let Some(sold_at) = cash.sold_at else { return Ok(()) };
        let unsold = |amount| self.revenue(Side::Debit, amount, &chart.sales_returns, self.day(sold_at));
        match (cash.delivered_at.and(cash.returned_at), cash.ended_at) {
            (Some(at), _) => {
                let given_back = self.receivable(Side::Credit, cash.amount);
                writer.post_mixed("taken-back", self.day(at), unsold(cash.amount).chain([given_back]))
            }
            (None, Some(at)) => {
                let owed = self.in_terms(Side::Credit, &chart.trade_receivable, cash.promised);
                let advance = self.in_terms(Side::Credit, &chart.customer_deposits, cash.advance);
                let unsold = unsold(cash.promised + cash.advance);
                writer.post_mixed("taken-back", self.day(at), unsold.chain([owed, advance]))
            }
            (None, None) => Ok(()),
        }
    }
}
