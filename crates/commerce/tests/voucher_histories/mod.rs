//! Histories of vouchers that meet: few ids, several contents under one id, approvals of each of them, withdrawals, and
//! reversals of one voucher that are entered at the same moments.

#![expect(clippy::expect_used, reason = "a slug that cannot be read fails the test")]

use commerce::{
    Fact, StaffId, VoucherApproved, VoucherDigest, VoucherEntered, VoucherId, VoucherKind, VoucherWithdrawn,
};
use ledger::{Currency, Day, Entry, Money, Timestamp};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

fn voucher() -> impl Strategy<Value = VoucherId> {
    select(vec!["rent", "fuel", "back-1", "back-2", "back-3"]).prop_map(|id| id.parse().expect("an id"))
}

fn person() -> impl Strategy<Value = StaffId> {
    select(vec!["finance-2", "owner", "auditor"]).prop_map(|id| id.parse().expect("an id"))
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0..4_i64).prop_map(Timestamp)
}

fn entered() -> impl Strategy<Value = VoucherEntered> {
    (time(), voucher(), 1..4_i64, weighted(0.6, voucher()), person(), any::<bool>()).prop_map(
        |(entered_at, voucher, minor, reverses, by, needs_approval)| {
            let amount = Money::new(minor, Currency::PKR);
            let entries = vec![
                Entry::debit("expenses:general".parse().expect("an account"), amount),
                Entry::credit("assets:bank".parse().expect("an account"), amount),
            ];
            VoucherEntered {
                entered_at,
                voucher,
                kind: VoucherKind::Journal,
                day: Day(20_543),
                entries,
                reverses,
                by,
                reason: "checked".parse().expect("a slug"),
                attachments: vec![],
                needs_approval,
            }
        },
    )
}

/// An approval of a content that was entered, of one that never was, or of whatever stands under the id.
fn approved(contents: &[VoucherEntered]) -> impl Strategy<Value = Fact> + use<> {
    let of = |entered: &VoucherEntered| {
        let digests = [Some(entered.digest()), Some(VoucherDigest::new([7; 32])), None];
        digests.map(|digest| (entered.voucher.clone(), digest))
    };
    let what: Vec<_> = contents.iter().flat_map(of).collect();
    (time(), select(what), person()).prop_map(|(approved_at, (voucher, digest), by)| {
        Fact::VoucherApproved(VoucherApproved { approved_at, voucher, by, digest })
    })
}

fn withdrawn() -> impl Strategy<Value = Fact> {
    (time(), voucher(), person()).prop_map(|(withdrawn_at, voucher, by)| {
        let reason = "checked".parse().expect("a slug");
        Fact::VoucherWithdrawn(VoucherWithdrawn { withdrawn_at, voucher, by, reason })
    })
}

/// A history, in no order.
pub(crate) fn vouchers() -> impl Strategy<Value = Vec<Fact>> {
    vec(entered(), 1..12).prop_flat_map(|contents| {
        let others = (vec(approved(&contents), 0..12), vec(withdrawn(), 0..2));
        let entered: Vec<Fact> = contents.into_iter().map(Fact::VoucherEntered).collect();
        others.prop_map(move |(approved, withdrawn)| [entered.clone(), approved, withdrawn].concat())
    })
}
