//! The ledger's promises, for any amounts: what is printed is read back, what does not balance is refused, what was
//! posted balances, and no stored bit changes unseen.

#![expect(clippy::unwrap_used, reason = "a value that cannot be built fails its property")]

use ledger::{
    Account, Balances, ChainHash, Currency, Day, Entry, EntryKey, GENESIS, Layer, Money, MoneyError, Reference,
    Rejected, Side, Timestamp, Transaction, TrialBalance,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

fn currency() -> impl Strategy<Value = Currency> {
    select(vec![Currency::PKR, Currency::USD, Currency::JPY, Currency::KWD])
}

fn account() -> impl Strategy<Value = Account> {
    let paths = ["assets:bank", "assets:cod-receivable:postex", "liabilities:output-tax", "income:sales"];
    select(paths.to_vec()).prop_map(|path| path.parse().unwrap())
}

/// Entries that balance: some debits, and credits of the same sum cut at other places.
fn balanced() -> impl Strategy<Value = Vec<Entry>> {
    let lists = (vec((account(), 1..1_000_000_000_i64), 1..5), vec((account(), any::<Index>()), 0..4));
    (lists, currency(), any::<bool>()).prop_map(|((left, cuts), currency, swap)| {
        let total: i64 = left.iter().map(|(_, minor)| minor).sum();
        let side = if swap { Side::Credit } else { Side::Debit };
        let entry =
            |side, account, minor| Entry { layer: Layer::Posted, account, side, amount: Money::new(minor, currency) };
        let mut entries: Vec<Entry> = left.into_iter().map(|(account, minor)| entry(side, account, minor)).collect();
        let mut rest = total;
        for (account, cut) in cuts {
            let minor = i64::try_from(cut.index(usize::try_from(rest).unwrap())).unwrap();
            if minor > 0 {
                rest -= minor;
                entries.push(entry(side.opposite(), account, minor));
            }
        }
        entries.push(entry(side.opposite(), "equity:rest".parse().unwrap(), rest));
        entries
    })
}

fn transaction(day: Day, entries: Vec<Entry>) -> Result<Transaction, Rejected> {
    let key = EntryKey::try_from("order/1/captured".to_owned()).unwrap();
    Transaction::new(key, Reference::try_from("order/1".to_owned()).unwrap(), day, entries)
}

fn chain(stored: &[Vec<u8>]) -> ChainHash {
    stored.iter().fold(GENESIS, |link, bytes| link.then(bytes))
}

/// The whole part of a number with a comma before every three digits.
fn with_thousands(number: &str) -> String {
    let (whole, decimals) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        let is_third = (whole.len() - index).is_multiple_of(3);
        if is_third && index > 0 && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text + decimals
}

proptest! {
    #[test]
    fn a_printed_amount_is_read_back(minor: i64, currency in currency()) {
        let amount = Money::new(minor, currency);
        let text = amount.to_string();
        let (number, code) = text.split_once(' ').unwrap();
        prop_assert_eq!(code.parse::<Currency>(), Ok(currency));
        prop_assert_eq!(Money::parse(number, currency), Ok(amount));
        prop_assert_eq!(Money::parse(&with_thousands(number), currency), Ok(amount));
        let point = if currency.decimals() == 0 { "." } else { "" };
        prop_assert_eq!(Money::parse(&format!(" {number}{point}000 "), currency), Ok(amount));
        prop_assert_eq!(Money::parse(&format!("{number}{point}001"), currency), Err(MoneyError::TooPrecise(currency)));
    }

    #[test]
    fn reading_an_amount_never_panics(text in "[-+]?[0-9.,]{0,24}|\\PC{0,12}", currency in currency()) {
        if let Ok(amount) = Money::parse(&text, currency) {
            let printed = amount.to_string();
            prop_assert_eq!(Money::parse(printed.split(' ').next().unwrap(), currency), Ok(amount));
        }
    }

    #[test]
    fn sums_are_exact_or_refused(left: i64, right: i64, currency in currency()) {
        let (a, b) = (Money::new(left, currency), Money::new(right, currency));
        prop_assert_eq!(a.checked_add(b).ok().map(|m| m.minor), left.checked_add(right));
        prop_assert_eq!(a.checked_sub(b).ok().map(|m| m.minor), left.checked_sub(right));
    }

    #[test]
    fn any_instant_has_a_day(micros in -60_000_000_000_000_000..250_000_000_000_000_000_i64) {
        let instant = Timestamp(micros);
        let (here, there) = (instant.day(ledger::BusinessZone::KARACHI), instant.day(ledger::BusinessZone::UTC));
        prop_assert!((0..=1).contains(&here.since(there)));
        prop_assert_eq!(Day::from_date(here.date()), here);
    }

    #[test]
    fn entries_that_balance_are_a_transaction(entries in balanced().prop_shuffle(), day in -9_999..99_999_i32) {
        let accepted = transaction(Day(day), entries.clone()).unwrap();
        prop_assert_eq!(accepted.entries().len(), entries.len());
        prop_assert_eq!(accepted.currency(), entries[0].amount.currency);
        let backwards: Vec<Entry> = entries.iter().rev().cloned().collect();
        prop_assert_eq!(transaction(Day(day), backwards).unwrap(), accepted.clone(), "whatever their order");
        let reversal = accepted.reversal();
        prop_assert_eq!(transaction(Day(day), reversal.entries().to_vec()).unwrap(), reversal.clone());
        prop_assert_eq!(reversal.reversal(), accepted);
    }

    #[test]
    fn one_wrong_entry_is_enough_to_refuse(entries in balanced(), which: Index, by in 1..1_000_i64) {
        let index = which.index(entries.len());
        let change = |with: &dyn Fn(&mut Entry)| {
            let mut entries = entries.clone();
            with(&mut entries[index]);
            transaction(Day(0), entries).unwrap_err()
        };
        let unbalanced = |refused| match refused {
            Rejected::EntriesDoNotBalance { debits, credits, .. } => (debits - credits).abs(),
            _ => 0,
        };
        prop_assert_eq!(unbalanced(change(&|entry| entry.amount.minor += by)), by);
        let amount = entries[index].amount.minor;
        prop_assert_eq!(unbalanced(change(&|entry| entry.side = entry.side.opposite())), 2 * amount);
        let negative = change(&|entry| entry.amount.minor = -by);
        prop_assert_eq!(negative, Rejected::AmountNotPositive { index });
        prop_assert_eq!(unbalanced(change(&|entry| entry.amount.currency = Currency::GBP)), amount);
        prop_assert_eq!(unbalanced(change(&|entry| entry.layer = Layer::Pending)), amount);
        let most = Money::new(i64::MAX, entries[0].amount.currency);
        let huge = [entries[0].clone(), Entry { amount: most, ..entries[0].clone() }];
        prop_assert_eq!(transaction(Day(0), huge.to_vec()), Err(Rejected::Overflow { index: 1 }));
    }

    #[test]
    fn the_trial_balance_balances(posted in vec((balanced(), 0..4_i32), 0..20)) {
        let mut balances = Balances::default();
        for (entries, day) in posted {
            balances.add(&transaction(Day(day), entries).unwrap()).unwrap();
        }
        let totals = || balances.iter().map(|((account, currency, _), total)| (account.clone(), *currency, *total));
        let trial = TrialBalance::from_totals(totals()).unwrap();
        prop_assert!(trial.is_balanced());
        let nets: i128 = balances.nets().unwrap().values().map(|(net, _)| i128::from(*net)).sum();
        prop_assert_eq!(nets, 0);
        let mut one_short = trial.clone();
        if one_short.rows.pop().is_some() {
            prop_assert!(!one_short.is_balanced(), "a missing line shows");
        }
    }

    #[test]
    fn any_flipped_bit_shows_in_the_chain(
        mut stored in vec(vec(any::<u8>(), 1..40), 1..12),
        which: Index,
        byte: Index,
        bit in 0..8_u32,
    ) {
        let link = chain(&stored);
        let record = which.get_mut(&mut stored);
        let byte = byte.index(record.len());
        record[byte] ^= 1 << bit;
        prop_assert_ne!(chain(&stored), link);
        let record = which.get_mut(&mut stored);
        record[byte] ^= 1 << bit;
        prop_assert_eq!(chain(&stored), link);
    }

    #[test]
    fn a_missing_moved_or_joined_record_shows_in_the_chain(
        stored in vec(vec(any::<u8>(), 1..40), 2..12),
        which: Index,
    ) {
        let link = chain(&stored);
        let at = which.index(stored.len() - 1);
        let mut missing = stored.clone();
        missing.remove(at);
        prop_assert_ne!(chain(&missing), link);
        let mut moved = stored.clone();
        moved.swap(at, at + 1);
        prop_assert!(moved == stored || chain(&moved) != link);
        let mut joined = stored;
        let next = joined.remove(at + 1);
        joined[at].extend(next);
        prop_assert_ne!(chain(&joined), link);
    }
}
