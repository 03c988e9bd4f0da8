//! What people enter: the fixed examples, and any fact of the kind.

use commerce::*;
use events::{Event, Source};
use ledger::{Account, Currency, Day, Entry, Layer, Money, Side};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use crate::examples::{EVENING, from, id};
use crate::facts::{money, time};

/// One event of each type.
pub(crate) fn examples() -> [Event; 6] {
    let rent = Money::new(4_500_000, Currency::PKR);
    let entered = VoucherEntered {
        entered_at: EVENING,
        voucher: id("rent-2026-03.reversed"),
        kind: VoucherKind::Expense,
        day: Day(20_543),
        entries: vec![Entry::debit(id("expenses:rent"), rent), Entry::credit(id("assets:bank"), rent)],
        reverses: Some(id("rent-2026-03")),
        by: id("finance-2"),
        reason: id("paid-twice"),
        attachments: vec![id("drive:1AbC-9"), id("scan/0042.pdf")],
        needs_approval: true,
    };
    let approved = VoucherApproved { approved_at: EVENING, voucher: id("rent-2026-03"), by: id("owner") };
    let (by, reason) = (id("finance-2"), id("typing-error"));
    let withdrawn = VoucherWithdrawn { withdrawn_at: EVENING, voucher: id("rent-2026-03"), by, reason };
    let (by, reason) = (id("owner"), id("year-end-2025"));
    let closed = PeriodClosed { decided_at: EVENING, through: Day(20_453), by, reason };
    let (by, reason) = (id("owner"), id("late-invoice"));
    let reopened = PeriodReopened { decided_at: EVENING, through: Some(Day(20_422)), by, reason };
    let opened = AccountOpened {
        opened_at: EVENING,
        account: id("assets:petty-cash"),
        currency: Some(Currency::PKR),
        never_negative: true,
        by: id("owner"),
    };
    [
        Fact::VoucherEntered(entered),
        Fact::VoucherApproved(approved),
        Fact::VoucherWithdrawn(withdrawn),
        Fact::PeriodClosed(closed),
        Fact::PeriodReopened(reopened),
        Fact::AccountOpened(opened),
    ]
    .map(|fact| from(Source::DAYBOOK, fact, vec![]))
}

fn staff() -> impl Strategy<Value = StaffId> {
    "[a-z0-9-]{1,40}".prop_map(|text| id(&text))
}

fn reason() -> impl Strategy<Value = Reason> {
    "[a-z0-9-]{1,80}".prop_map(|text| id(&text))
}

fn voucher() -> impl Strategy<Value = VoucherId> {
    "[a-z0-9._-]{1,64}".prop_map(|text| id(&text))
}

fn account() -> impl Strategy<Value = Account> {
    "(assets|liabilities|equity|income|expenses)(:[a-z0-9-]{1,20}){1,3}".prop_map(|text| id(&text))
}

fn day() -> impl Strategy<Value = Day> {
    any::<i32>().prop_map(Day)
}

/// Any fact that a person enters, whether or not it could be admitted.
pub(crate) fn facts() -> impl Strategy<Value = Fact> {
    use VoucherKind::{Claim, Exchange, Expense, Imported, Journal, Opening};
    let kinds = select(vec![Expense, Journal, Opening, Exchange, Claim, Imported]);
    let entry = (account(), any::<bool>(), money()).prop_map(|(account, debit, amount)| {
        let side = if debit { Side::Debit } else { Side::Credit };
        Entry { layer: Layer::Posted, account, side, amount }
    });
    let texts = (staff(), reason(), vec("[A-Za-z0-9/._:#-]{1,200}".prop_map(|text| id(&text)), 0..3));
    let entered = (time(), voucher(), kinds, day(), vec(entry, 0..4), of(voucher()), texts, any::<bool>()).prop_map(
        |(entered_at, voucher, kind, day, entries, reverses, (by, reason, attachments), needs_approval)| {
            Fact::VoucherEntered(VoucherEntered {
                entered_at,
                voucher,
                kind,
                day,
                entries,
                reverses,
                by,
                reason,
                attachments,
                needs_approval,
            })
        },
    );
    let approved = (time(), voucher(), staff())
        .prop_map(|(approved_at, voucher, by)| Fact::VoucherApproved(VoucherApproved { approved_at, voucher, by }));
    let withdrawn = (time(), voucher(), staff(), reason()).prop_map(|(withdrawn_at, voucher, by, reason)| {
        Fact::VoucherWithdrawn(VoucherWithdrawn { withdrawn_at, voucher, by, reason })
    });
    let closed = (time(), day(), staff(), reason()).prop_map(|(decided_at, through, by, reason)| {
        Fact::PeriodClosed(PeriodClosed { decided_at, through, by, reason })
    });
    let reopened = (time(), of(day()), staff(), reason()).prop_map(|(decided_at, through, by, reason)| {
        Fact::PeriodReopened(PeriodReopened { decided_at, through, by, reason })
    });
    let currency = of(money().prop_map(|money| money.currency));
    let opened = (time(), account(), currency, any::<bool>(), staff()).prop_map(
        |(opened_at, account, currency, never_negative, by)| {
            Fact::AccountOpened(AccountOpened { opened_at, account, currency, never_negative, by })
        },
    );
    prop_oneof![entered, approved, withdrawn, closed, reopened, opened]
}
