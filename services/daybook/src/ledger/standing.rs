//! How a voucher stands: what it says, its state, and why it is not in the books where it is not.

use commerce::{Discounted, StandingReversals, Voucher, VoucherEntered, VoucherState};
use ledger::{Refused, Side};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::body::kind_name;
use super::declined::Declined;
use crate::output::{Align, Table, amount};

/// Where a voucher stands, and why.
#[derive(Debug, Serialize)]
pub(super) struct Standing {
    #[serde(serialize_with = "in_a_word")]
    pub(super) state: VoucherState,
    digest: String,
    approved_by: Vec<String>,
    not_counted: Vec<NotCounted>,
    pub(super) refused: Option<Value>,
    #[serde(skip)]
    reversed_by: Option<String>,
}

/// An approval that does not count.
#[derive(Debug, Serialize)]
struct NotCounted {
    by: String,
    why: &'static str,
}

impl Standing {
    /// Of a voucher that was entered, given which reversals stand.
    pub(super) fn of(voucher: &Voucher, reversals: &StandingReversals<'_>) -> Option<Standing> {
        let (entered, state) = (voucher.entered.as_ref()?, voucher.state(reversals)?);
        let (mut approved_by, mut not_counted) = (Vec::new(), Vec::new());
        for (approval, discounted) in voucher.judged_approvals() {
            match discounted {
                None => approved_by.push(approval.by.to_string()),
                Some(discounted) => {
                    not_counted.push(NotCounted { by: approval.by.to_string(), why: why_discounted(discounted) });
                }
            }
        }
        approved_by.dedup();
        let is_declined = state == VoucherState::Declined;
        let first = voucher.reverses().filter(|_| is_declined).and_then(|reversed| reversals.of(reversed));
        Some(Standing {
            state,
            digest: entered.digest().to_string(),
            approved_by,
            not_counted,
            refused: is_declined.then(|| Declined::from(Refused::AlreadyReversed).named()),
            reversed_by: first.map(ToString::to_string),
        })
    }

    /// Why it is not in the books, in a few words; empty where nothing is to be said.
    pub(super) fn why(&self) -> String {
        if let Some(first) = &self.reversed_by {
            return format!("{first} reversed it already");
        }
        let not_counted = self.not_counted.iter().filter(|_| self.state == VoucherState::Waiting);
        let words = not_counted.map(|one| format!("{} approved {}", one.by, one.why.replace('_', " ")));
        words.collect::<Vec<_>>().join(", ")
    }
}

fn why_discounted(discounted: Discounted) -> &'static str {
    match discounted {
        Discounted::OwnVoucher => "own_voucher",
        Discounted::OtherContent => "other_content",
    }
}

/// The state in a word.
pub(super) fn state_name(state: VoucherState) -> &'static str {
    match state {
        VoucherState::Waiting => "waiting",
        VoucherState::Posted => "posted",
        VoucherState::Withdrawn => "withdrawn",
        VoucherState::Declined => "declined",
    }
}

fn in_a_word<S: Serializer>(state: &VoucherState, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state_name(*state))
}

/// What a voucher says, as `ledger enter` reads it: what a second person looks at.
#[derive(Debug, Serialize)]
pub(super) struct Content {
    kind: &'static str,
    day: String,
    by: String,
    reason: String,
    reverses: Option<String>,
    attachments: Vec<String>,
    entries: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    account: String,
    currency: String,
    debit: Option<i64>,
    credit: Option<i64>,
}

impl Content {
    pub(super) fn of(entered: &VoucherEntered) -> Content {
        let line = |entry: &ledger::Entry| {
            let side = |side: Side| (entry.side == side).then_some(entry.amount.minor);
            Line {
                account: entry.account.to_string(),
                currency: entry.amount.currency.code().to_owned(),
                debit: side(Side::Debit),
                credit: side(Side::Credit),
            }
        };
        Content {
            kind: kind_name(entered.kind),
            day: entered.day.to_string(),
            by: entered.by.to_string(),
            reason: entered.reason.to_string(),
            reverses: entered.reverses.as_ref().map(ToString::to_string),
            attachments: entered.attachments.iter().map(ToString::to_string).collect(),
            entries: entered.entries.iter().map(line).collect(),
        }
    }

    /// For people, with the digest that an approval of it names.
    pub(super) fn text(&self, standing: &Standing) -> String {
        let mut table = Table::plain([Align::Left, Align::Right, Align::Right]).indented(6);
        for line in &self.entries {
            let side = |minor: Option<i64>| minor.map_or(String::new(), |minor| amount(minor, &line.currency));
            table.row([format!("{} {}", line.account, line.currency), side(line.debit), side(line.credit)]);
        }
        let reverses = self.reverses.as_ref().map_or(String::new(), |reversed| format!(", reverses {reversed}"));
        let Content { kind, day, by, reason, .. } = self;
        format!("  {kind} of {day} by {by}: {reason}{reverses}\n{table}  digest {}\n", standing.digest)
    }
}
