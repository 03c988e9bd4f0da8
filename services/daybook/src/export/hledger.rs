//! A journal as plain text that hledger and ledger read to the same balances. Only what is posted counts; promises are
//! comments. Ids are letters, digits and `/._:#-`, so nothing in them can end a line or begin a comment.

use std::collections::BTreeSet;
use std::io::{self, Write};

use commerce::TenantId;
use ledger::{Account, AccountClass, Currency, Day, Entry, Layer, Posted, Side, Timestamp};

use crate::output::amount;

/// Accounts and currencies that were declared already: each is, before the first transaction that names it.
#[derive(Default)]
pub(super) struct Declared {
    accounts: BTreeSet<Account>,
    currencies: BTreeSet<Currency>,
}

/// The first lines.
pub(super) fn heading(out: &mut impl Write, tenant: &TenantId, number: u64, at: Timestamp) -> io::Result<()> {
    writeln!(out, "; journal of {tenant} up to number {number}, written by daybook at {at}")?;
    writeln!(out, "; A date is the day on which a transaction counts; a second one is the day of its cause.")
}

/// One transaction, after what it is the first to name.
pub(super) fn transaction(out: &mut impl Write, posted: &Posted, declared: &mut Declared) -> io::Result<()> {
    let transaction = &posted.transaction;
    declared.declare(out, transaction.entries())?;
    let promised = transaction.entries().iter().all(|entry| entry.layer == Layer::Pending);
    // A transaction of promises alone has no line that counts: all of it is a comment.
    let lead = if promised { "; " } else { "" };
    let dates = dates(transaction.effective(), transaction.occurred());
    let reverses = posted.reverses.map(|number| format!(", reverses:{number}")).unwrap_or_default();
    writeln!(
        out,
        "\n{lead}{dates} ({}) {}  ; about:{}{reverses}",
        posted.number,
        plain(transaction.key().as_str()),
        plain(transaction.about().as_str())
    )?;
    for entry in transaction.entries() {
        let sign = if entry.side == Side::Debit { "" } else { "-" };
        let lead = match entry.layer {
            Layer::Posted => "    ",
            // Nothing may be indented that does not follow a transaction.
            Layer::Pending if promised => "; pending ",
            Layer::Pending => "    ; pending ",
        };
        writeln!(out, "{lead}{}  {sign}{}", entry.account, quantity(entry))?;
    }
    Ok(())
}

fn dates(effective: Day, occurred: Day) -> String {
    if effective == occurred { effective.to_string() } else { format!("{effective}={occurred}") }
}

/// An id as it is. What could change the meaning of a line cannot occur in one.
fn plain(id: &str) -> &str {
    assert!(!id.contains(['\n', '\r', ';', '|', '(', ' ', '\t']), "an id holds only letters, digits and /._:#-");
    id
}

/// `1,234.50 PKR`. Without decimals there are no separators either: `1,234 JPY` could be read as one and a bit.
fn quantity(entry: &Entry) -> String {
    let currency = entry.amount.currency;
    if currency.decimals() == 0 {
        return format!("{} {currency}", entry.amount.minor);
    }
    format!("{} {currency}", amount(entry.amount.minor, currency.code()))
}

impl Declared {
    fn declare(&mut self, out: &mut impl Write, entries: &[Entry]) -> io::Result<()> {
        for entry in entries {
            let currency = entry.amount.currency;
            if self.currencies.insert(currency) {
                writeln!(out, "\ncommodity {currency}{}", shape(currency))?;
            }
            if self.accounts.insert(entry.account.clone()) {
                writeln!(out, "\naccount {}\n    ; type: {}", entry.account, class(&entry.account))?;
            }
        }
        Ok(())
    }
}

/// How amounts of a currency are written. Without decimals nothing is said: hledger wants a decimal point here then, and
/// ledger wants none.
fn shape(currency: Currency) -> String {
    match usize::try_from(currency.decimals()) {
        Ok(width @ 1..) => format!("\n    format 1,000.{:0width$} {currency}", 0),
        _ => String::new(),
    }
}

/// The letter by which hledger knows a kind of account.
fn class(account: &Account) -> char {
    match account.class() {
        AccountClass::Assets => 'A',
        AccountClass::Liabilities => 'L',
        AccountClass::Equity => 'E',
        AccountClass::Income => 'R',
        AccountClass::Expenses => 'X',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::{EntryKey, GENESIS, Money, Reference, Transaction};

    fn entries(minor: i64, currency: Currency) -> Vec<Entry> {
        let amount = Money::new(minor, currency);
        let (bank, sales) = ("assets:bank".parse().unwrap(), "income:sales".parse().unwrap());
        vec![Entry::debit(bank, amount), Entry::credit(sales, amount)]
    }

    fn text(declared: &mut Declared, number: u64, reverses: Option<u64>, entries: Vec<Entry>, late: i32) -> String {
        let key = EntryKey::try_from("order/7/captured".to_owned()).unwrap();
        let about = Reference::try_from("order/7".to_owned()).unwrap();
        let transaction = Transaction::new(key, about.clone(), Day(20_000), entries).unwrap();
        let transaction = transaction.effective_on(Day(20_000 + late));
        let posted = Posted { number, part: about, recorded: Timestamp(0), reverses, previous: GENESIS, transaction };
        let mut out = Vec::new();
        super::transaction(&mut out, &posted, declared).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_transaction_reads_as_an_accountant_writes_it() {
        let mut declared = Declared::default();
        let first = text(&mut declared, 1, None, entries(123_450, Currency::PKR), 0);
        let expected = "\ncommodity PKR\n    format 1,000.00 PKR\n\naccount assets:bank\n    ; type: A\n\n\
                        account income:sales\n    ; type: R\n\n2024-10-04 (1) order/7/captured  ; about:order/7\n    \
                        assets:bank  1,234.50 PKR\n    income:sales  -1,234.50 PKR\n";
        assert_eq!(first, expected);
        let both = [entries(5, Currency::PKR), entries(7, Currency::PKR).into_iter().map(Entry::pending).collect()];
        let late = text(&mut declared, 2, Some(1), both.concat(), 2);
        let expected = "\n2024-10-06=2024-10-04 (2) order/7/captured  ; about:order/7, reverses:1\n    \
                        assets:bank  0.05 PKR\n    income:sales  -0.05 PKR\n    \
                        ; pending assets:bank  0.07 PKR\n    ; pending income:sales  -0.07 PKR\n";
        assert_eq!(late, expected);
        let promised = entries(7, Currency::PKR).into_iter().map(Entry::pending).collect();
        let promised = text(&mut declared, 3, None, promised, 0);
        assert!(promised.lines().all(|line| line.starts_with(';') || line.is_empty()), "{promised}");
    }

    #[test]
    fn a_currency_has_its_own_decimals() {
        for (currency, minor, shape, written) in [
            (Currency::JPY, 1_234_567, "commodity JPY\n\n", "assets:bank  1234567 JPY\n"),
            (Currency::KWD, 1_234_567, "format 1,000.000 KWD", "assets:bank  1,234.567 KWD\n"),
            (Currency::KWD, 1_500, "format 1,000.000 KWD", "assets:bank  1.500 KWD\n"),
        ] {
            let text = text(&mut Declared::default(), 1, None, entries(minor, currency), 0);
            assert!(text.contains(shape) && text.contains(written), "{text}");
        }
    }

    #[test]
    fn the_tools_themselves_read_every_kind_of_currency() {
        let mut declared = Declared::default();
        let late = entries(1_500, Currency::KWD).into_iter().map(Entry::pending);
        let both = [entries(1_234_567, Currency::JPY), entries(1_500, Currency::KWD), late.clone().collect()].concat();
        let text = text(&mut declared, 1, None, both, 3) + &text(&mut declared, 2, None, late.collect(), 0);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        for tool in ["hledger", "ledger"] {
            let ran =
                std::process::Command::new(tool).arg("-f").arg(file.path()).args(["bal", "--flat", "bank"]).output();
            let Ok(ran) = ran else { continue };
            let told = String::from_utf8(ran.stdout).unwrap();
            assert!(ran.status.success(), "{tool}: {}", String::from_utf8_lossy(&ran.stderr));
            assert!(told.contains("1234567 JPY") && told.contains(" 1.500 KWD"), "{tool}: {told}");
        }
    }
}
