//! What people enter: the fixed examples, and any fact of the kind.

use std::collections::BTreeMap;

use commerce::totals::{DetailReplaced, FoldedTo};
use commerce::*;
use events::{CHECKSUM, DecodeError, Event, Record, Source};
use ledger::{Account, Currency, Day, Entry, Layer, Money, Side};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use sha2::{Digest, Sha256};

use crate::examples::{EVENING, from, id};
use crate::facts::{money, time};

fn rent() -> VoucherEntered {
    let rent = Money::new(4_500_000, Currency::PKR);
    VoucherEntered {
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
    }
}

/// An order and its parcel of March 2019.
fn replaced() -> DetailReplaced {
    let cash = Money::new(275_000, Currency::PKR);
    let receivable = "assets:cod-receivable:postex";
    let entries = vec![
        Entry::debit(id(receivable), cash),
        Entry::debit(id("assets:remittance-clearing"), cash),
        Entry::credit(id(receivable), cash),
        Entry::credit(id("income:sales"), cash),
    ];
    let parts = ["order/820982911946154508", "parcel/postex/26704560000656"].map(|key| key.parse().unwrap()).into();
    let months = BTreeMap::from([((Day(17_986), Some(id("postex"))), entries)]);
    DetailReplaced::of(parts, months, Day(18_687), EVENING, None)
}

/// One event of each type.
pub(crate) fn examples() -> [Event; 7] {
    let approved = VoucherApproved { approved_at: EVENING, voucher: id("rent-2026-03"), by: id("owner"), digest: None };
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
        Fact::VoucherEntered(rent()),
        Fact::VoucherApproved(approved),
        Fact::VoucherWithdrawn(withdrawn),
        Fact::PeriodClosed(closed),
        Fact::PeriodReopened(reopened),
        Fact::AccountOpened(opened),
        Fact::DetailReplaced(replaced()),
    ]
    .map(|fact| from(Source::DAYBOOK, fact, vec![]))
}

/// Types that have gained fields since.
pub(crate) fn later_examples() -> [(&'static str, Event); 2] {
    let (approved_at, voucher, digest) = (EVENING, id("rent-2026-03.reversed"), Some(rent().digest()));
    let approved = VoucherApproved { approved_at, voucher, by: id("owner"), digest };
    let folded = FoldedTo { order: 4_711, shipment: 9_000, cod: 1_200, inventory: 0, voucher: 17 };
    let replaced = DetailReplaced { folded: Some(folded), ..replaced() };
    [
        ("VoucherApproved-of-content", from(Source::DAYBOOK, Fact::VoucherApproved(approved), vec![])),
        ("DetailReplaced-folded-to", from(Source::DAYBOOK, Fact::DetailReplaced(replaced), vec![])),
    ]
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
        let layer = if amount.minor % 3 == 0 { Layer::Pending } else { Layer::Posted };
        Entry { layer, account, side, amount }
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
    let digest = of(any::<[u8; 32]>().prop_map(VoucherDigest::new));
    let approved = (time(), voucher(), staff(), digest).prop_map(|(approved_at, voucher, by, digest)| {
        Fact::VoucherApproved(VoucherApproved { approved_at, voucher, by, digest })
    });
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
    let part = prop_oneof![
        any::<u64>().prop_map(|order| PartKey::Order(OrderId(order))),
        voucher().prop_map(PartKey::Voucher),
        "[A-Z0-9-]{1,40}".prop_map(|tracking| PartKey::Parcel(Courier::other(), id(&tracking))),
    ];
    let entry = (account(), any::<bool>(), money()).prop_map(|(account, debit, amount)| {
        let side = if debit { Side::Debit } else { Side::Credit };
        Entry { layer: Layer::Posted, account, side, amount }
    });
    let courier = of(any::<bool>().prop_map(|known| if known { id("postex") } else { Courier::other() }));
    let months = proptest::collection::btree_map((day(), courier), vec(entry, 0..4), 0..3);
    let folded = of(any::<[u64; 5]>().prop_map(|[order, shipment, cod, inventory, voucher]| FoldedTo {
        order,
        shipment,
        cod,
        inventory,
        voucher,
    }));
    let replaced = (time(), proptest::collection::btree_set(part, 0..5), 0..100_000_i32, months, folded).prop_map(
        |(at, parts, before, months, folded)| {
            Fact::DetailReplaced(DetailReplaced::of(parts, months, Day(before), at, folded))
        },
    );
    prop_oneof![entered, approved, withdrawn, closed, reopened, opened, replaced]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever holds a record can say what an approval of it has to name.
    #[test]
    fn a_vouchers_digest_is_that_of_its_record(fact in facts()) {
        let digest = if let Fact::VoucherEntered(entered) = &fact { Some(entered.digest()) } else { None };
        let record = from(Source::DAYBOOK, fact, vec![]).encode();
        let of_body: [u8; 32] = Sha256::digest(&record.body).into();
        prop_assert!(digest.is_none_or(|digest| digest == VoucherDigest::new(of_body)));
    }
}

/// Approvals on the log name it, so it is the same for good, whoever computes it.
#[test]
fn a_vouchers_digest_never_changes() {
    assert_eq!(rent().digest().to_string(), "6bad7c1541d491708db427ee56e3dbce597a7c472a7a96c9319a658575d9b2a3");
}

#[test]
fn a_digest_that_is_none_is_named() {
    let (_, event) = later_examples().into_iter().next().unwrap();
    let record = event.encode();
    let text = rent().digest().to_string();
    let at = record.body.windows(64).position(|bytes| bytes == text.as_bytes()).unwrap();
    for wrong in [b'G', b'A', b' '] {
        let mut body = record.body.clone();
        body[at] = wrong;
        let headers = record.headers.iter().filter(|(name, _)| name != CHECKSUM).cloned().collect();
        let broken = Record::sealed(record.topic, record.tenant.clone(), headers, body);
        assert_eq!(Event::decode(&broken), Err(DecodeError::Malformed { field: "digest" }), "{wrong}");
    }
}
