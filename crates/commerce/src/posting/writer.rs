//! Collects the transactions of one part, from signed amounts.

use ledger::{Account, Currency, Day, Entry, EntryKey, Journal, Layer, Money, Reference, Side, TextError, Transaction};

use super::{Case, Unpostable};
use crate::PartKey;

/// Collects one part's transactions.
pub(super) struct Writer<'a> {
    pub(super) key: &'a PartKey,
    pub(super) about: Reference,
    pub(super) journal: Journal,
}

/// An entry as a signed amount: a negative amount stands on the other side, a zero is left out.
pub(super) type Amount = (Side, Account, i128, Currency);

/// Signed amounts of one currency.
pub(super) type Amounts<'a> = Vec<(Side, Account, i128)>;

impl Writer<'_> {
    pub(super) fn post(
        &mut self,
        name: &str,
        day: Day,
        currency: Currency,
        amounts: Amounts<'_>,
    ) -> Result<(), Unpostable> {
        self.post_mixed(name, day, amounts.into_iter().map(|(side, account, minor)| (side, account, minor, currency)))
    }

    pub(super) fn post_mixed(
        &mut self,
        name: &str,
        day: Day,
        amounts: impl Iterator<Item = Amount>,
    ) -> Result<(), Unpostable> {
        self.post_layers(name, day, amounts.map(|amount| (Layer::Posted, amount)))
    }

    pub(super) fn post_layers(
        &mut self,
        name: &str,
        day: Day,
        amounts: impl Iterator<Item = (Layer, Amount)>,
    ) -> Result<(), Unpostable> {
        let key = format!("{}/{name}", self.key);
        let mut entries = Vec::new();
        for (layer, (side, account, minor, currency)) in amounts.filter(|(_, (_, _, minor, _))| *minor != 0) {
            let side = if minor < 0 { side.opposite() } else { side };
            let minor = i64::try_from(minor.unsigned_abs()).ok().filter(|minor| *minor <= Money::LARGEST);
            let minor = minor.ok_or_else(|| Unpostable::Overflow { key: key.clone() })?;
            entries.push(Entry { layer, account, side, amount: Money::new(minor, currency) });
        }
        if entries.is_empty() {
            return Ok(());
        }
        let entry_key = EntryKey::try_from(key.clone())?;
        let transaction = Transaction::new(entry_key.clone(), self.about.clone(), day, entries)
            .map_err(|rejected| Unpostable::Rejected { key, rejected })?;
        self.journal.insert(entry_key, transaction);
        Ok(())
    }
}

pub(super) fn about(case: &Case<'_>, key: &PartKey) -> Result<Reference, TextError> {
    let order = case.keys().find(|key| matches!(key, PartKey::Order(_)));
    Reference::try_from(order.unwrap_or(key).to_string())
}
