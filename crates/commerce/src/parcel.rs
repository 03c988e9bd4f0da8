//! A parcel: the scans, charges and settlements that couriers report, merged.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::part::{keep_greater, keep_smaller};
use crate::{
    ClaimKey, CodChargesReported, CodPartSettled, CodWrittenOff, OrderId, OrderName, ParcelBooked, ParcelScanned,
    SettlementPart,
};

/// What a scan says about where a parcel stands. The order decides between two scans of one second: later steps win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ParcelState {
    /// The courier's word is not one we know: kept and shown, never guessed.
    Unknown,
    /// Known to the courier, not yet handed over.
    Booked,
    /// Handed to the courier.
    PickedUp,
    /// Between the courier's stations.
    InTransit,
    /// With the rider.
    OutForDelivery,
    /// The rider tried and failed.
    Attempted,
    /// The courier checks a failed or disputed delivery.
    UnderReview,
    /// On its way back.
    ReturnInTransit,
    /// With the buyer.
    Delivered,
    /// Back with the shipper.
    Returned,
    /// Called off before it was picked up, or expired.
    Cancelled,
    /// Lost, stolen or damaged while with the courier.
    Lost,
}

impl ParcelState {
    /// The courier has it, and it may still be delivered or come back.
    pub fn is_under_way(self) -> bool {
        use ParcelState::{Attempted, InTransit, OutForDelivery, PickedUp, ReturnInTransit, UnderReview};
        matches!(self, PickedUp | InTransit | OutForDelivery | Attempted | UnderReview | ReturnInTransit)
    }

    /// Its cash will not come.
    pub fn is_nothing(self) -> bool {
        matches!(self, ParcelState::Returned | ParcelState::Cancelled | ParcelState::Lost)
    }
}

/// One scan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scan {
    /// When, by the courier's clock.
    pub at: Timestamp,
    /// What it means.
    pub state: ParcelState,
    /// The courier's code or word.
    pub code: String,
}

/// Where the cash of a parcel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CodState {
    /// Nothing to collect.
    None,
    /// To be collected on delivery.
    Expected,
    /// Collected by the courier, nothing paid out.
    Collected,
    /// Partly paid out.
    PartlyRemitted,
    /// Nothing is left to pay out: paid, kept back as fees, or written off.
    Remitted,
    /// Came back: nothing was or will be collected.
    Returned,
}

/// The orders that have ever named a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Claims {
    /// These.
    By(BTreeSet<OrderId>),
    /// More than a parcel can hold: the number is no tracking number but a word that people type into the field.
    TooMany,
}

impl Claims {
    /// More orders than this are never in one parcel.
    const MOST: usize = 32;

    fn add(&mut self, order: OrderId) -> bool {
        let Claims::By(orders) = self else { return false };
        let added = orders.insert(order);
        if orders.len() > Self::MOST {
            *self = Claims::TooMany;
        }
        added
    }

    /// The claimants, smallest id first; none of a number that is none.
    pub fn orders(&self) -> impl Iterator<Item = OrderId> {
        let known = match self {
            Claims::By(orders) => Some(orders),
            Claims::TooMany => None,
        };
        known.into_iter().flatten().copied()
    }
}

impl Default for Claims {
    fn default() -> Claims {
        Claims::By(BTreeSet::new())
    }
}

/// A parcel's merged facts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Parcel {
    /// The orders whose fulfilments have ever named this parcel; see [`owner`](crate::owner).
    pub claims: Claims,
    /// The smallest order name the courier quoted.
    pub reference: Option<OrderName>,
    /// The latest booking record.
    pub booked: Option<ParcelBooked>,
    /// Every scan.
    pub scans: BTreeSet<Scan>,
    /// The latest statement of charges.
    pub charges: Option<CodChargesReported>,
    /// The settled parts.
    pub settled: BTreeMap<SettlementPart, CodPartSettled>,
    /// What people wrote off, by their key.
    pub written_off: BTreeMap<ClaimKey, CodWrittenOff>,
}

impl Parcel {
    /// An order's fulfilment names this parcel.
    pub fn claim(&mut self, order: OrderId) -> bool {
        self.claims.add(order)
    }

    /// The courier knows it.
    pub fn book(&mut self, fact: ParcelBooked) -> bool {
        let referred = self.refer(fact.reference.clone());
        keep_greater(&mut self.booked, fact) || referred
    }

    /// The courier scanned it.
    pub fn scan(&mut self, fact: ParcelScanned) -> bool {
        let referred = self.refer(fact.reference);
        self.scans.insert(Scan { at: fact.scanned_at, state: fact.state, code: fact.code }) || referred
    }

    /// The courier stated its charges.
    pub fn charge(&mut self, fact: CodChargesReported) -> bool {
        keep_greater(&mut self.charges, fact)
    }

    /// The courier settled a part. The earlier date stands; a receipt, once known, is kept.
    pub fn settle(&mut self, fact: CodPartSettled) -> bool {
        match self.settled.entry(fact.part) {
            Entry::Vacant(slot) => {
                slot.insert(fact);
                true
            }
            Entry::Occupied(mut slot) => {
                let known = slot.get_mut();
                let before = (known.settled_on, known.receipt.clone());
                known.settled_on = known.settled_on.min(fact.settled_on);
                known.receipt = known.receipt.take().max(fact.receipt);
                before != (known.settled_on, known.receipt.clone())
            }
        }
    }

    /// Somebody wrote off a part of the cash. Of two that bear one key the greater stands.
    pub fn write_off(&mut self, fact: CodWrittenOff) -> bool {
        match self.written_off.entry(fact.key.clone()) {
            Entry::Vacant(slot) => {
                slot.insert(fact);
                true
            }
            Entry::Occupied(mut slot) if *slot.get() < fact => {
                slot.insert(fact);
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// Where it stands: its latest scan that we understand.
    pub fn state(&self) -> ParcelState {
        let known = self.scans.iter().rev().map(|s| s.state).find(|s| *s != ParcelState::Unknown);
        known.unwrap_or(if self.booked.is_some() { ParcelState::Booked } else { ParcelState::Unknown })
    }

    /// When it was first delivered.
    pub fn delivered_at(&self) -> Option<Timestamp> {
        self.scans.iter().find(|s| s.state == ParcelState::Delivered).map(|s| s.at)
    }

    /// When it came back, if that is where it stands.
    pub fn returned_at(&self) -> Option<Timestamp> {
        let came_back = self.state() == ParcelState::Returned;
        self.scans.iter().rev().find(|s| came_back && s.state == ParcelState::Returned).map(|s| s.at)
    }

    /// When it was first seen in the courier's hands, whatever became of it.
    pub fn picked_up_at(&self) -> Option<Timestamp> {
        self.scans.iter().find(|s| s.state.is_under_way()).map(|s| s.at)
    }

    /// When it came to nothing, if that is where it stands: the first of the scans in a row that say so, because a
    /// parcel that was lost and then comes back had come to nothing when it was lost.
    pub fn came_to_nothing_at(&self) -> Option<Timestamp> {
        let told = self.scans.iter().rev().filter(|s| s.state != ParcelState::Unknown);
        told.take_while(|s| s.state.is_nothing()).last().map(|s| s.at)
    }

    /// Failed attempts so far.
    pub fn attempts(&self) -> usize {
        self.scans.iter().filter(|s| s.state == ParcelState::Attempted).count()
    }

    fn refer(&mut self, reference: Option<OrderName>) -> bool {
        reference.is_some_and(|name| keep_smaller(&mut self.reference, name))
    }
}
