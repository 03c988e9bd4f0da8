//! An order: what the shop said of it, merged.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use ledger::Timestamp;
use serde::{Deserialize, Serialize};

use crate::part::{keep_greater, keep_smaller};
use crate::{
    ChargebackOutcome, ChargebackRecorded, ClaimKey, FulfilmentId, FulfilmentRecorded, OrderCancelled, OrderDeleted,
    OrderId, OrderPlaced, OrderRevised, RefundId, RefundIssued, Rises, TrackedParcel,
};

/// How much of an order's money the shop says it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PaymentState {
    /// The shop's word is not one we know.
    Unknown,
    /// Nothing yet: `pending`, `authorized`, `expired`, `voided`.
    Unpaid,
    /// Some of it.
    PartlyPaid,
    /// All of it; also after refunds.
    Paid,
}

/// An order's merged facts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Order {
    /// Its identity.
    pub placed: Option<OrderPlaced>,
    /// Its latest terms.
    pub terms: Option<OrderRevised>,
    /// The version at which the shop first said it was paid in full.
    pub paid_at: Option<Timestamp>,
    /// What the shop said was paid of it while it said that a part was: each payment stands on the day it became known.
    pub partly_paid_by: Rises,
    /// What the shop said was paid of it when it said that all was.
    pub paid_by: Rises,
    /// The latest terms under which a part of it was paid: an advance stays one after the rest was collected at the
    /// door.
    pub partly_paid: Option<(Timestamp, i64)>,
    /// Its cancellation, the earliest reported.
    pub cancelled: Option<OrderCancelled>,
    /// Its deletion, the earliest reported.
    pub deleted: Option<OrderDeleted>,
    /// Its refunds.
    pub refunds: BTreeMap<RefundId, RefundIssued>,
    /// Its fulfilments, each in its latest version.
    pub fulfilments: BTreeMap<FulfilmentId, FulfilmentRecorded>,
    /// The version at which the shop first said that a fulfilment was delivered: later edits do not move the day.
    pub delivered_by_shop: BTreeMap<FulfilmentId, Timestamp>,
    /// Every parcel that any version of a fulfilment has named.
    pub claims: BTreeSet<TrackedParcel>,
    /// The most that any version said was paid with gift cards: once all is paid, the shop no longer tells the ways
    /// apart.
    pub gift_card_paid: i64,
    /// The most that any version said was paid, none of it with a gift card, minor units. A gift card that later versions
    /// name can have paid only what came after it; it may be where a refund went.
    pub paid_without_gift_card: i64,
    /// Disputed payments: the latest word on each, by how it stood.
    pub chargebacks: BTreeMap<(ClaimKey, ChargebackOutcome), ChargebackRecorded>,
}

impl Order {
    /// It exists.
    pub fn place(&mut self, fact: OrderPlaced) -> bool {
        keep_smaller(&mut self.placed, fact)
    }

    /// It has these terms.
    pub fn revise(&mut self, fact: OrderRevised) -> bool {
        let paid = match fact.payment {
            // Both are asked: neither may keep the other from being kept.
            PaymentState::Paid => {
                let rises = self.paid_by.tell(fact.version, fact.paid);
                keep_smaller(&mut self.paid_at, fact.version) || rises
            }
            PaymentState::PartlyPaid => {
                let rises = self.partly_paid_by.tell(fact.version, fact.paid);
                keep_greater(&mut self.partly_paid, (fact.version, fact.paid)) || rises
            }
            PaymentState::Unpaid | PaymentState::Unknown => false,
        };
        let more_by_gift_card = fact.gift_card_paid > self.gift_card_paid;
        self.gift_card_paid = self.gift_card_paid.max(fact.gift_card_paid);
        let without_gift_card = if fact.no_gift_card { fact.paid } else { 0 };
        let more_without = without_gift_card > self.paid_without_gift_card;
        self.paid_without_gift_card = self.paid_without_gift_card.max(without_gift_card);
        keep_greater(&mut self.terms, fact) || paid || more_by_gift_card || more_without
    }

    /// A payment of it is disputed.
    pub fn charge_back(&mut self, fact: ChargebackRecorded) -> bool {
        keep_greater_of(&mut self.chargebacks, (fact.key.clone(), fact.outcome), fact)
    }

    /// It was cancelled.
    pub fn cancel(&mut self, fact: OrderCancelled) -> bool {
        keep_smaller(&mut self.cancelled, fact)
    }

    /// The shop deleted it.
    pub fn delete(&mut self, fact: OrderDeleted) -> bool {
        keep_smaller(&mut self.deleted, fact)
    }

    /// A refund was issued.
    pub fn refund(&mut self, fact: RefundIssued) -> bool {
        keep_greater_of(&mut self.refunds, fact.refund, fact)
    }

    /// A fulfilment was recorded.
    pub fn fulfil(&mut self, fact: FulfilmentRecorded) -> bool {
        let earlier = |known: &Timestamp| fact.version < *known;
        let delivered_earlier = fact.delivered && self.delivered_by_shop.get(&fact.fulfilment).is_none_or(earlier);
        if delivered_earlier {
            self.delivered_by_shop.insert(fact.fulfilment, fact.version);
        }
        let claims = self.claims.len();
        self.claims.extend(fact.parcels.iter().cloned());
        let claimed = self.claims.len() != claims;
        keep_greater_of(&mut self.fulfilments, fact.fulfilment, fact) || delivered_earlier || claimed
    }

    /// The order's id, as soon as any fact names it.
    pub fn id(&self) -> Option<OrderId> {
        let terms = || self.terms.as_ref().map(|t| t.order);
        let refund = || self.refunds.values().next().map(|r| r.order);
        let fulfilment = || self.fulfilments.values().next().map(|f| f.order);
        let ended = || self.cancelled.as_ref().map(|c| c.order).or(self.deleted.as_ref().map(|d| d.order));
        let disputed = || self.chargebacks.values().next().map(|c| c.order);
        let told = self.placed.as_ref().map(|p| p.order).or_else(terms).or_else(refund).or_else(fulfilment);
        told.or_else(ended).or_else(disputed)
    }

    /// Parcels named by fulfilments that stand.
    pub fn parcels(&self) -> impl Iterator<Item = &TrackedParcel> {
        self.fulfilments.values().filter(|f| f.stands).flat_map(|f| &f.parcels)
    }

    /// When goods left without a parcel that a courier tracks: the earliest such fulfilment that stands.
    pub fn handed_over_at(&self) -> Option<Timestamp> {
        let untracked = self.fulfilments.values().filter(|f| f.stands && f.parcels.is_empty());
        untracked.map(|f| f.fulfilled_at).min()
    }

    /// When goods first left, in whatever way.
    pub fn fulfilled_at(&self) -> Option<Timestamp> {
        self.fulfilments.values().filter(|f| f.stands).map(|f| f.fulfilled_at).min()
    }

    /// When a fulfilment that stands first sent a parcel that `names` recognises.
    pub fn sent_at(&self, names: impl Fn(&TrackedParcel) -> bool) -> Option<Timestamp> {
        let sent = self.fulfilments.values().filter(|f| f.stands && f.parcels.iter().any(&names));
        sent.map(|f| f.fulfilled_at).min()
    }

    /// When the shop itself first said that a fulfilment that stands was delivered.
    pub fn delivered_by_shop_at(&self) -> Option<Timestamp> {
        self.fulfilments.values().filter_map(|f| self.shops_word(f)).min()
    }

    /// When the shop first said that this fulfilment was delivered, if it stands and still says so.
    pub fn shops_word(&self, fulfilment: &FulfilmentRecorded) -> Option<Timestamp> {
        let says_so = fulfilment.stands && fulfilment.delivered;
        self.delivered_by_shop.get(&fulfilment.fulfilment).copied().filter(|_| says_so)
    }
}

fn keep_greater_of<K: Ord, T: Ord>(known: &mut BTreeMap<K, T>, key: K, incoming: T) -> bool {
    match known.entry(key) {
        Entry::Vacant(slot) => {
            slot.insert(incoming);
            true
        }
        Entry::Occupied(mut slot) if *slot.get() < incoming => {
            slot.insert(incoming);
            true
        }
        Entry::Occupied(_) => false,
    }
}
