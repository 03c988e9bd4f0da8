//! From a list of facts to the books they imply: parts, cases, journal, cash. What the processor does, without storing.

#![expect(clippy::expect_used, reason = "an amount or a courier that cannot be read fails the test")]

use std::collections::BTreeMap;

use commerce::stock::{CardLine, Issues, Stock, movements, revalue};
use commerce::{
    Case, CodPosition, Courier, Fact, OrderId, OrderName, Part, PartKey, Policy, Unpostable, VariantId, Voucher,
    cod_positions, owner, postings,
};
use ledger::{Balances, Currency, Journal};

/// Merged facts by part.
pub(crate) type Parts = BTreeMap<PartKey, Part>;

/// What a set of facts implies.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Books {
    /// Every case's transactions.
    pub(crate) journal: Journal,
    /// Every parcel's cash, except those of parked cases.
    pub(crate) cash: Vec<CodPosition>,
    /// Why cases could not be posted.
    pub(crate) parked: Vec<Unpostable>,
    /// Every item's card, except the lines of parked cases.
    pub(crate) goods: Vec<CardLine>,
}

/// Merges facts, in the order given, into the parts they name.
pub(crate) fn merge_all<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Parts {
    let mut parts = Parts::new();
    for fact in facts {
        for key in PartKey::of(fact) {
            parts.entry(key).or_insert_with_key(PartKey::empty).merge(fact);
        }
    }
    parts
}

/// Each order with the parcels it claims or whose courier quotes its name, all reversals of each voucher, and every
/// other part by itself.
pub(crate) fn cases(parts: &Parts) -> Vec<Case<'_>> {
    let mut orders_by_name: BTreeMap<&OrderName, OrderId> = BTreeMap::new();
    for (key, part) in parts {
        if let (PartKey::Order(id), Some(name)) = (key, part.order_name()) {
            orders_by_name.entry(name).or_insert(*id);
        }
    }
    let order = |id| match parts.get(&PartKey::Order(id)) {
        Some(Part::Order(order)) => Some(order),
        _ => None,
    };
    let bearing = |name: &OrderName| orders_by_name.get(name).copied();
    let mut cases: BTreeMap<(PartKey, bool), Case<'_>> = BTreeMap::new();
    for (key, part) in parts {
        // The reversals of a voucher are one case, and it is another.
        if let Some(reversed) = part.voucher().and_then(Voucher::reverses) {
            let case = cases.entry((PartKey::Voucher(reversed.clone()), true)).or_default();
            case.insert(key.clone(), part);
            continue;
        }
        let owner = match (key, part) {
            (PartKey::Parcel(courier, tracking), Part::Parcel(parcel)) => {
                owner((courier, tracking), parcel, order, bearing).map(PartKey::Order)
            }
            _ => None,
        };
        cases.entry((owner.unwrap_or_else(|| key.clone()), false)).or_default().insert(key.clone(), part);
    }
    cases.into_values().collect()
}

/// Every item's card, valued line by line.
fn cards(cases: &[Case<'_>], policy: &Policy) -> Vec<CardLine> {
    let mut cards: BTreeMap<VariantId, Vec<CardLine>> = BTreeMap::new();
    for (item, line) in cases.iter().flat_map(|case| movements(case, policy.recognition)) {
        cards.entry(item).or_default().push(line);
    }
    for lines in cards.values_mut() {
        lines.sort_by(|a, b| (a.at, &a.origin).cmp(&(b.at, &b.origin)));
        revalue(policy.costing, Stock::default(), lines, &mut Issues::new());
    }
    cards.into_values().flatten().collect()
}

impl Books {
    /// What is in stock, as the items' cards say.
    pub(crate) fn stock_by_cards(&self) -> BTreeMap<Currency, i64> {
        let mut worth = BTreeMap::new();
        for line in &self.goods {
            if let Some(value) = line.value {
                *worth.entry(value.currency).or_default() += line.raises_stock_by();
            }
        }
        worth.retain(|_, amount| *amount != 0);
        worth
    }

    /// What is in stock, as the ledger's inventory says.
    pub(crate) fn stock_by_ledger(&self) -> BTreeMap<Currency, i64> {
        let mut worth = BTreeMap::new();
        for ((account, currency, _), total) in self.balances().iter() {
            if account.as_str() == "assets:inventory" {
                *worth.entry(*currency).or_default() += total.debits - total.credits;
            }
        }
        worth.retain(|_, amount| *amount != 0);
        worth
    }

    /// The books of merged facts.
    pub(crate) fn of(parts: &Parts) -> Books {
        Books::under(&Policy::default(), parts)
    }

    /// The books of merged facts for a tenant of this policy.
    pub(crate) fn under(policy: &Policy, parts: &Parts) -> Books {
        let mut books = Books { journal: Journal::new(), cash: Vec::new(), parked: Vec::new(), goods: Vec::new() };
        let cases = cases(parts);
        let cards = cards(&cases, policy);
        for case in cases {
            let of_case = |line: &&CardLine| line.part.as_ref().is_some_and(|part| case.contains_key(part));
            let goods: Vec<&CardLine> = cards.iter().filter(of_case).collect();
            match postings(&case, policy, &goods) {
                Ok(postings) => {
                    books.journal.extend(postings.into_values().flatten());
                    books.cash.extend(cod_positions(&case, policy).into_values());
                    books.goods.extend(goods.into_iter().cloned());
                }
                Err(unpostable) => books.parked.push(unpostable),
            }
        }
        books
    }

    /// Sums of the journal's entries.
    pub(crate) fn balances(&self) -> Balances {
        let mut balances = Balances::default();
        for transaction in self.journal.values() {
            balances.add(transaction).expect("sums of test amounts fit");
        }
        balances
    }

    /// What couriers hold, as the parcels' cash says; couriers who hold nothing are left out.
    pub(crate) fn held_by_sub_ledger(&self) -> BTreeMap<(Courier, Currency), i64> {
        let mut held = BTreeMap::new();
        for position in &self.cash {
            *held.entry((position.courier.clone(), position.currency)).or_default() += position.outstanding;
        }
        held.retain(|_, amount| *amount != 0);
        held
    }

    /// What couriers hold, as the ledger's receivables say; couriers who hold nothing are left out.
    pub(crate) fn held_by_ledger(&self) -> BTreeMap<(Courier, Currency), i64> {
        let mut held = BTreeMap::new();
        for ((account, currency, _), total) in self.balances().iter() {
            if let Some(courier) = account.as_str().strip_prefix("assets:cod-receivable:") {
                let courier: Courier = courier.parse().expect("a receivable ends with a courier");
                *held.entry((courier, *currency)).or_default() += total.debits - total.credits;
            }
        }
        held.retain(|_, amount| *amount != 0);
        held
    }
}
