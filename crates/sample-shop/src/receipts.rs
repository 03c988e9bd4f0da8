//! The courier's cash payment receipts: one for each weekly payout, shown on its portal in lists of the latest four.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};

use crate::expected::Payouts;

/// A payout takes eight days to be approved, so the two latest are never in the bank yet.
const DAYS_TO_APPROVE: i64 = 8;
const ON_A_LIST: usize = 4;

/// A payout as a list shows it. Amount in paisa.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Receipt {
    pub(crate) written_on: NaiveDate,
    pub(crate) approved_on: Option<NaiveDate>,
    pub(crate) net: i64,
}

/// The portal's list as of a payout's day.
pub(crate) struct ReceiptList {
    pub(crate) shown_on: NaiveDate,
    /// Newest first.
    pub(crate) receipts: Vec<Receipt>,
}

/// What the receipt of a payout's day is called.
pub(crate) fn receipt_number(written_on: NaiveDate) -> String {
    written_on.format("CPR-%y%m%d").to_string()
}

/// One list for each payout's day.
pub(crate) fn lists(payouts: &Payouts) -> Vec<ReceiptList> {
    payouts.keys().map(|day| list(payouts, *day)).collect()
}

/// The receipts that some list shows as approved.
pub(crate) fn approved(payouts: &Payouts) -> Vec<Receipt> {
    let shown = lists(payouts).into_iter().flat_map(|list| list.receipts);
    let approved = shown.filter(|receipt| receipt.approved_on.is_some());
    approved.map(|receipt| (receipt.written_on, receipt)).collect::<BTreeMap<_, _>>().into_values().collect()
}

fn list(payouts: &Payouts, shown_on: NaiveDate) -> ReceiptList {
    let receipt = |(written_on, net): (&NaiveDate, &i64)| {
        let approval = *written_on + TimeDelta::days(DAYS_TO_APPROVE);
        Receipt { written_on: *written_on, approved_on: (approval <= shown_on).then_some(approval), net: *net }
    };
    ReceiptList { shown_on, receipts: payouts.range(..=shown_on).rev().take(ON_A_LIST).map(receipt).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_latest_payouts_are_not_approved() {
        let friday = |week: i64| NaiveDate::from_ymd_opt(2026, 10, 2).unwrap() + TimeDelta::days(7 * week);
        let payouts: Payouts = (0..6).map(|week| (friday(week), 100 * week + 50)).collect();
        let lists = lists(&payouts);
        let latest = &lists[5].receipts;
        let approved: Vec<bool> = latest.iter().map(|receipt| receipt.approved_on.is_some()).collect();
        assert_eq!((lists.len(), approved), (6, vec![false, false, true, true]));
        assert_eq!(receipt_number(latest[0].written_on), "CPR-261106");
    }
}
