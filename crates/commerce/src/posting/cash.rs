//! Where the cash of a parcel stands: the sub-ledger behind each courier's receivable.

use std::collections::BTreeMap;

use ledger::{Currency, Day};
use serde::{Deserialize, Serialize};

use super::Case;
use super::sale::Sale;
use crate::{CodState, Courier, OrderId, PartKey, Policy, TrackingNumber};

/// Where the cash of one parcel stands. Amounts in minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodPosition {
    /// The courier who holds or held the cash.
    pub courier: Courier,
    /// The parcel.
    pub tracking: TrackingNumber,
    /// The order, if one owns the parcel.
    pub order: Option<OrderId>,
    /// Currency of the amounts.
    pub currency: Currency,
    /// Collected on delivery: what the courier owes before anything is paid. 0 until delivered and after a return.
    pub expected: i64,
    /// Paid out, net of fees.
    pub remitted: i64,
    /// Kept back by the courier: fees, their tax, and tax withheld for the tax office.
    pub fees: i64,
    /// Given up, or claimed of the courier as damages.
    pub written_off: i64,
    /// `expected - remitted - fees - written_off`: what the ledger's receivable holds for this parcel.
    pub outstanding: i64,
    /// To be collected if it is delivered; 0 once it is delivered or came back.
    pub on_the_way: i64,
    /// In a word.
    pub state: CodState,
    /// When it was delivered.
    pub delivered_on: Option<Day>,
}

/// Where the cash of each parcel of the case stands. Parcels whose currency nobody has named have no position.
pub fn cod_positions(case: &Case<'_>, policy: &Policy) -> BTreeMap<PartKey, CodPosition> {
    let sale = Sale::of(case, policy);
    let keys = case.keys().filter(|_| !sale.is_test());
    keys.filter_map(|key| position(&sale, key, policy).map(|position| (key.clone(), position))).collect()
}

/// Where the cash of one parcel of the case stands; None for parts that are no parcel.
pub fn cod_position(case: &Case<'_>, key: &PartKey, policy: &Policy) -> Option<CodPosition> {
    cod_positions(case, policy).remove(key)
}

fn position(sale: &Sale<'_>, key: &PartKey, policy: &Policy) -> Option<CodPosition> {
    let (PartKey::Parcel(courier, tracking), cash) = (key, sale.parcels.get(key)?) else { return None };
    let collected = sale.by_courier && cash.is_collected();
    let expected = if collected { cash.amount } else { 0 };
    let remitted: i128 = cash.paid_parts().iter().map(|(_, _, amount)| amount).sum();
    let fees = if cash.settled.is_empty() || cash.amount == 0 { 0 } else { cash.kept_back() };
    let written_off = cash.given_up();
    let outstanding = expected - remitted - fees - written_off;
    let open = cash.delivered_at.is_none() && !cash.came_to_nothing;
    let fit = |amount: i128| i64::try_from(amount).ok();
    let state = match () {
        () if cash.came_to_nothing && cash.delivered_at.is_none() || cash.returned_at.is_some() => CodState::Returned,
        () if cash.amount == 0 => CodState::None,
        () if outstanding <= 0 && remitted + fees + written_off > 0 && cash.delivered_at.is_some() => {
            CodState::Remitted
        }
        () if remitted > 0 => CodState::PartlyRemitted,
        () if cash.delivered_at.is_some() => CodState::Collected,
        () => CodState::Expected,
    };
    Some(CodPosition {
        courier: courier.clone(),
        tracking: tracking.clone(),
        order: sale.order,
        currency: cash.currency?,
        expected: fit(expected)?,
        remitted: fit(remitted)?,
        fees: fit(fees)?,
        written_off: fit(written_off)?,
        outstanding: fit(outstanding)?,
        on_the_way: fit(if open { cash.amount } else { 0 })?,
        state,
        delivered_on: cash.delivered_at.map(|at| at.day(policy.zone)),
    })
}
