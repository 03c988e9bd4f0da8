//! Facts that people add when money that was due does not come: write-offs, claims on couriers, disputed card payments.

use ledger::{Currency, Day, Money, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{ClaimKey, Courier, OrderId, Reason, StaffId, TrackingNumber};

/// Why a parcel's cash will not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WriteOffKind {
    /// The courier paid too little, and it is not worth a quarrel.
    Shortfall,
    /// The cash is gone.
    Lost,
    /// The courier owes it as damages.
    Claim,
}

/// A person gave up cash of a parcel, or claims it of the courier. The same `key` on one parcel is the same write-off.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CodWrittenOff {
    /// The day on which it counts.
    pub on: Day,
    /// The courier.
    pub courier: Courier,
    /// The parcel.
    pub tracking: TrackingNumber,
    /// Which write-off of the parcel.
    pub key: ClaimKey,
    /// How much.
    pub amount: Money,
    /// Why.
    pub kind: WriteOffKind,
    /// Who decided it.
    pub by: StaffId,
    /// Why, in the merchant's own word.
    pub reason: Reason,
    /// The second person, where the merchant's limits asked for one on the day it was entered. It is posted as it is
    /// recorded, with or without: like a voucher's `needs_approval`, the question is answered before it is a fact.
    pub approved_by: Option<StaffId>,
}

/// How a disputed payment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ChargebackOutcome {
    /// Not yet: the gateway took the money back.
    Open,
    /// The merchant got it again.
    Won,
    /// It stays with the buyer.
    Lost,
}

/// A card payment of an order is disputed, as of `version`. Amounts in minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChargebackRecorded {
    /// When this was known.
    pub version: Timestamp,
    /// The order.
    pub order: OrderId,
    /// Which dispute of the order.
    pub key: ClaimKey,
    /// The day on which the money moved: taken back when it was opened, given again when it was won.
    pub on: Day,
    /// What the gateway took back.
    pub amount: i64,
    /// What it charges for the dispute, won or lost.
    pub fee: i64,
    /// Currency of both.
    pub currency: Currency,
    /// How it stands.
    pub outcome: ChargebackOutcome,
}
