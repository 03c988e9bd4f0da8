//! What one movement costs, and what is in stock after it.

use ledger::{Currency, Money};
use serde::{Deserialize, Serialize};

use super::Movement;
use crate::Costing;

/// Pieces that came in, or are missing, together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// Pieces; negative when more went out than came in.
    pub pieces: i64,
    /// What all of them cost, minor units; negative where pieces are.
    pub value: i64,
}

/// An item's stock at one place of its card.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stock {
    /// What its costs are in; the first cost of the card decides.
    pub currency: Option<Currency>,
    /// The oldest first; one of them only by moving average. All have pieces, or all miss them.
    pub lots: Vec<Lot>,
    /// What one piece was last known to cost, minor units.
    pub unit_cost: Option<i64>,
}

/// What a movement costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// Of all its pieces, minor units; never negative.
    pub cost: i64,
    /// What pieces that went out before they came in turn out to have cost more, minor units; negative when they cost
    /// less.
    pub correction: i64,
    /// What both are in.
    pub currency: Currency,
}

/// An issue, for what comes back of it or is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issue {
    /// Its pieces.
    pub quantity: i64,
    /// What they cost, if that is known.
    pub value: Option<Value>,
}

/// What a movement costs and what is in stock after it. `issue` is the one that it goes on from
/// ([`Movement::of_issue`]).
///
/// A movement has no value, and leaves the stock as it was, when no cost of the item is known yet, when its cost is in
/// another currency than the card's, when it goes on from an issue without a value, and when an amount would not fit.
pub fn value(costing: Costing, stock: &Stock, movement: &Movement, issue: Option<Issue>) -> (Stock, Option<Value>) {
    let mut next = stock.clone();
    match next.apply(costing, movement, issue) {
        Some(value) => (next, value),
        None => (stock.clone(), None),
    }
}

impl Stock {
    /// Pieces in stock; negative when more went out than came in.
    pub fn pieces(&self) -> i64 {
        self.lots.iter().fold(0, |sum, lot| sum.saturating_add(lot.pieces))
    }

    /// What they cost, minor units.
    pub fn value(&self) -> i64 {
        self.lots.iter().fold(0, |sum, lot| sum.saturating_add(lot.value))
    }

    /// None when the movement cannot be valued; the stock is then good for nothing.
    fn apply(&mut self, costing: Costing, movement: &Movement, issue: Option<Issue>) -> Option<Option<Value>> {
        let (cost, correction) = match *movement {
            Movement::CostNoted { unit_cost } => {
                self.note(unit_cost)?;
                return Some(None);
            }
            Movement::Received { quantity, unit_cost } => {
                self.note(unit_cost)?;
                let cost = amount(i128::from(quantity) * i128::from(unit_cost.minor))?;
                (cost, self.take_in(costing, quantity, cost)?)
            }
            Movement::Returned { quantity, earlier, .. } => {
                let cost = self.cost_of(issue?, earlier, quantity)?;
                (cost, self.take_in(costing, quantity, cost)?)
            }
            // It is out of stock already.
            Movement::Lost { quantity, issue: Some(_) } => (self.cost_of(issue?, 0, quantity)?, 0),
            Movement::Issued { quantity } | Movement::Lost { quantity, issue: None } => {
                (self.give_out(costing, quantity)?, 0)
            }
        };
        Some(Some(Value { cost, correction, currency: self.currency? }))
    }

    /// What so many pieces of an issue cost, after `earlier` pieces of it. Counted from the whole, so that what comes
    /// back piece by piece adds up to what went out.
    fn cost_of(&self, issue: Issue, earlier: i64, quantity: i64) -> Option<i64> {
        let all = issue.value.filter(|value| Some(value.currency) == self.currency)?.cost;
        let so_far = earlier.checked_add(quantity).filter(|pieces| *pieces <= issue.quantity)?;
        Some(share(all, so_far, issue.quantity) - share(all, earlier, issue.quantity))
    }

    fn note(&mut self, unit_cost: Money) -> Option<()> {
        let fits = self.currency.is_none_or(|known| known == unit_cost.currency) && unit_cost.minor >= 0;
        fits.then(|| {
            self.currency = Some(unit_cost.currency);
            self.unit_cost = Some(unit_cost.minor);
        })
    }

    /// Pieces come in: what is missing is filled first. Answers the correction.
    fn take_in(&mut self, costing: Costing, quantity: i64, cost: i64) -> Option<i64> {
        let missing = self.pieces().min(0).checked_neg()?;
        let filled = quantity.min(missing);
        let filled_cost = share(cost, filled, quantity);
        let filled_value = self.take(filled);
        self.add(costing, quantity.checked_sub(filled)?, cost.checked_sub(filled_cost)?)?;
        filled_cost.checked_add(filled_value)
    }

    /// Pieces go out: those in stock first, then such as are not there, at the cost that was last known.
    fn give_out(&mut self, costing: Costing, quantity: i64) -> Option<i64> {
        let last = self.unit_cost?;
        let there = quantity.min(self.pieces().max(0));
        let missing = quantity.checked_sub(there)?;
        let missing_cost = amount(i128::from(missing) * i128::from(last))?;
        let cost = amount(i128::from(self.take(there)) + i128::from(missing_cost))?;
        self.add(costing, missing.checked_neg()?, missing_cost.checked_neg()?)?;
        Some(cost)
    }

    /// Takes so many pieces, there or missing, from the oldest lots, and answers their value.
    fn take(&mut self, pieces: i64) -> i64 {
        let (mut left, mut taken, mut used_up) = (pieces, 0, 0);
        for lot in &mut self.lots {
            let held = lot.pieces.saturating_abs();
            if left == 0 {
                break;
            } else if held <= left {
                (taken, left, used_up) = (taken + lot.value, left - held, used_up + 1);
            } else {
                let part = share(lot.value, left, held);
                *lot = Lot { pieces: lot.pieces - left * lot.pieces.signum(), value: lot.value - part };
                (taken, left) = (taken + part, 0);
            }
        }
        self.lots.drain(..used_up);
        taken
    }

    fn add(&mut self, costing: Costing, pieces: i64, value: i64) -> Option<()> {
        if pieces == 0 {
            return Some(());
        }
        match self.lots.last_mut().filter(|_| costing == Costing::MovingAverage) {
            Some(lot) => {
                *lot = Lot { pieces: lot.pieces.checked_add(pieces)?, value: lot.value.checked_add(value)? };
            }
            None => self.lots.push(Lot { pieces, value }),
        }
        // The sums fit too, or the card could not be added up.
        let fits = |pick: fn(&Lot) -> i64| self.lots.iter().try_fold(0_i64, |sum, lot| sum.checked_add(pick(lot)));
        fits(|lot| lot.pieces).and(fits(|lot| lot.value)).map(|_| ())
    }
}

impl Value {
    /// By how much a movement of this value that comes in raises the value of the stock, minor units.
    pub fn raises(&self) -> i64 {
        self.cost.saturating_sub(self.correction)
    }
}

fn amount(minor: i128) -> Option<i64> {
    i64::try_from(minor).ok().filter(|minor| (0..=Money::LARGEST).contains(minor))
}

/// `pieces` of `of` pieces that are worth `value`, to the nearest minor unit; a half goes to the even one. No more than
/// all.
fn share(value: i64, pieces: i64, of: i64) -> i64 {
    if of <= 0 {
        return 0;
    }
    let (exact, of) = (i128::from(value) * i128::from(pieces.min(of)), i128::from(of));
    let (whole, rest) = (exact.div_euclid(of), exact.rem_euclid(of));
    let up = match (2 * rest).cmp(&of) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => whole.rem_euclid(2),
        std::cmp::Ordering::Greater => 1,
    };
    // A share is no larger than the whole.
    i64::try_from(whole + up).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_round_to_the_even_one() {
        let table = [(100, 1, 3, 33), (100, 2, 3, 67), (5, 1, 2, 2), (7, 1, 2, 4), (-5, 1, 2, -2), (-100, 3, 3, -100)];
        for (value, pieces, of, expected) in table {
            assert_eq!(share(value, pieces, of), expected, "{pieces} of {of} pieces worth {value}");
        }
    }

    #[test]
    fn what_does_not_fit_has_no_value() {
        let unit_cost = Money::new(Money::LARGEST, Currency::PKR);
        let (stock, cost) =
            value(Costing::Fifo, &Stock::default(), &Movement::Received { quantity: 2, unit_cost }, None);
        assert_eq!((stock, cost), (Stock::default(), None));
    }
}
