//! A voucher as it is written for `daybook ledger enter`. What is wrong is named by field and place, never repeated: a file may
//! hold what nobody should see.

use std::path::Path;

use anyhow::{Context, Result, bail};
use chrono::NaiveDate;
use commerce::{VoucherEntered, VoucherKind};
use ledger::{Account, Currency, Day, Entry, Money, Timestamp};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    voucher: String,
    kind: String,
    day: NaiveDate,
    by: String,
    reason: String,
    entries: Vec<Line>,
    #[serde(default)]
    attachments: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    account: String,
    currency: String,
    debit: Option<i64>,
    credit: Option<i64>,
}

/// The text of a file, or of standard input for `-`.
pub(super) fn text_of(file: &Path) -> Result<String> {
    if file == Path::new("-") {
        return std::io::read_to_string(std::io::stdin()).context("standard input cannot be read");
    }
    std::fs::read_to_string(file).with_context(|| format!("the file {} cannot be read", file.display()))
}

/// Reads a voucher; whether it needs approval is not yet decided.
pub(super) fn read(text: &str, entered_at: Timestamp) -> Result<VoucherEntered> {
    let body: Body = match serde_json::from_str(text) {
        Ok(body) => body,
        // What serde says repeats what it found.
        Err(error) => bail!(
            "line {}, column {}: this is not a voucher as docs/cli-json.md describes it",
            error.line(),
            error.column()
        ),
    };
    let entries = body.entries.iter().enumerate().map(|(index, line)| entry(index, line)).collect::<Result<_>>()?;
    let attachments = body.attachments.into_iter().map(|text| text.try_into().context("attachments"));
    Ok(VoucherEntered {
        entered_at,
        voucher: body.voucher.try_into().context("voucher")?,
        kind: kind(&body.kind)?,
        day: Day::from_date(body.day),
        entries,
        reverses: None,
        by: body.by.try_into().context("by")?,
        reason: body.reason.try_into().context("reason")?,
        attachments: attachments.collect::<Result<_>>()?,
        needs_approval: false,
    })
}

fn entry(index: usize, line: &Line) -> Result<Entry> {
    let account: Account = line.account.parse().with_context(|| format!("entries[{index}].account"))?;
    let currency: Currency = line.currency.parse().with_context(|| format!("entries[{index}].currency"))?;
    match (line.debit, line.credit) {
        (Some(minor), None) => Ok(Entry::debit(account, Money::new(minor, currency))),
        (None, Some(minor)) => Ok(Entry::credit(account, Money::new(minor, currency))),
        _ => bail!("entries[{index}]: give either debit or credit"),
    }
}

const KINDS: [(&str, VoucherKind); 6] = [
    ("expense", VoucherKind::Expense),
    ("journal", VoucherKind::Journal),
    ("opening", VoucherKind::Opening),
    ("exchange", VoucherKind::Exchange),
    ("claim", VoucherKind::Claim),
    ("imported", VoucherKind::Imported),
];

fn kind(name: &str) -> Result<VoucherKind> {
    let known = KINDS.iter().find(|(known, _)| *known == name);
    known.map(|(_, kind)| *kind).context("kind: expense, journal, opening, exchange, claim or imported")
}

/// The kind as it is written.
pub(super) fn kind_name(kind: VoucherKind) -> &'static str {
    KINDS.iter().find(|(_, known)| *known == kind).map_or("journal", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RENT: &str = r#"{"voucher": "rent-03", "kind": "expense", "day": "2026-03-31", "by": "finance-2", "reason": "rent",
        "entries": [{"account": "expenses:rent", "currency": "PKR", "debit": 4500000},
                    {"account": "assets:bank", "currency": "PKR", "credit": 4500000}], "attachments": ["scan/42.pdf"]}"#;

    #[test]
    fn a_voucher_is_read_and_what_is_wrong_is_named_and_not_repeated() {
        let read_back = read(RENT, Timestamp(5)).unwrap();
        assert_eq!((read_back.day.to_string().as_str(), read_back.entries.len()), ("2026-03-31", 2));
        assert_eq!(kind_name(read_back.kind), "expense");
        for (from, to, named) in [
            ("\"rent-03\"", "\"Ali Raza\"", "voucher"),
            ("\"rent\"", "\"paid to Ali Raza\"", "reason"),
            ("\"finance-2\"", "\"Ali Raza\"", "by"),
            ("\"expense\"", "\"Ali Raza\"", "kind"),
            ("expenses:rent", "expenses:Ali Raza", "entries[0].account"),
            ("\"credit\": 4500000", "\"debit\": 1, \"credit\": 2", "entries[1]"),
            ("4500000", "\"Ali Raza\"", "line 2"),
            ("2026-03-31", "Ali Raza", "line 1"),
            ("\"by\"", "\"Ali Raza\": 1, \"by\"", "line 1"),
        ] {
            let error = format!("{:#}", read(&RENT.replacen(from, to, 1), Timestamp(5)).unwrap_err());
            assert!(error.contains(named) && !error.contains("Raza"), "{error}");
        }
    }
}
