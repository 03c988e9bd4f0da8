//! The bookkeeper's desk: the parts of one tenant's cases that a batch concerns. Pure: what to fetch next is asked of it,
//! what was fetched is laid on it, and at the end it says what changed.
//!
//! A case is complete on the desk when, for every order there, all parcels it owns are there too. Four look-ups suffice,
//! whatever the batch size: the parts the facts name; the orders that own (or owned) those parcels; everything that bears
//! one of the printed order names; everything the orders own.

use std::collections::{BTreeMap, BTreeSet};

use commerce::{Case, Fact, OrderId, OrderName, Part, PartKey, Policy, Unpostable};
use ledger::{ChainHash, Change, EntryKey, Live, Posted, Reference, Timestamp};
use store::books::Head;

/// A part as it is stored, with what is posted for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    /// Its merged facts.
    pub(crate) part: Part,
    /// What stands in the books for it.
    pub(crate) posted: BTreeMap<EntryKey, Live>,
    /// Why its case cannot be posted, if so.
    pub(crate) parked: Option<String>,
    /// The order that claimed it when it was last stored.
    stored_owner: Option<OrderId>,
    changed: bool,
}

impl Held {
    /// A part as it was stored.
    pub(crate) fn stored(part: Part, posted: BTreeMap<EntryKey, Live>, parked: Option<String>) -> Held {
        let stored_owner = claimed_by(&part);
        Held { part, posted, parked, stored_owner, changed: false }
    }

    /// The order that claims it, if it is a claimed parcel.
    pub(crate) fn owner(&self) -> Option<OrderId> {
        claimed_by(&self.part)
    }
}

fn claimed_by(part: &Part) -> Option<OrderId> {
    match part {
        Part::Parcel(parcel) => parcel.claimed_by,
        Part::Order(_) | Part::Payout(_) => None,
    }
}

/// What is posted, with the bytes that are stored and chained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Numbered {
    /// The transaction.
    pub(crate) posted: Posted,
    /// Its stored bytes.
    pub(crate) body: Vec<u8>,
    /// The link over them.
    pub(crate) link: ChainHash,
}

/// One tenant's desk.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    parts: BTreeMap<PartKey, Held>,
}

impl Desk {
    /// Lays a stored part on the desk, unless it is there already.
    pub(crate) fn lay(&mut self, key: PartKey, held: Held) {
        self.parts.entry(key).or_insert(held);
    }

    /// Merges a fact into the parts it names. They must have been laid; those that were never stored begin empty.
    pub(crate) fn merge(&mut self, fact: &Fact) {
        for key in PartKey::of(fact) {
            let held = self.parts.entry(key).or_insert_with_key(|key| Held::stored(key.empty(), BTreeMap::new(), None));
            held.changed |= held.part.merge(fact);
        }
    }

    /// Records what the ledger topic says is posted.
    pub(crate) fn fold_posted(&mut self, key: PartKey, posted: &Posted) {
        let held = self.parts.entry(key).or_insert_with_key(|key| Held::stored(key.empty(), BTreeMap::new(), None));
        apply(&mut held.posted, posted);
        held.changed = true;
    }

    /// Orders that own parcels on the desk, or owned them, and are not here yet.
    pub(crate) fn missing_owners(&self) -> BTreeSet<PartKey> {
        let owners = self.parts.values().flat_map(|held| [held.stored_owner, held.owner()]);
        owners.flatten().map(PartKey::Order).filter(|key| !self.parts.contains_key(key)).collect()
    }

    /// Printed order names on the desk.
    pub(crate) fn order_names(&self) -> BTreeSet<OrderName> {
        self.parts.values().filter_map(|held| held.part.order_name()).cloned().collect()
    }

    /// Orders on the desk.
    pub(crate) fn orders(&self) -> BTreeSet<OrderId> {
        self.parts.keys().filter_map(|key| if let PartKey::Order(id) = key { Some(*id) } else { None }).collect()
    }

    /// The cases: each order with the parcels it owns, and each part that no order owns by itself.
    pub(crate) fn cases(&self) -> Vec<BTreeSet<PartKey>> {
        let mut by_name: BTreeMap<&OrderName, OrderId> = BTreeMap::new();
        for (key, held) in &self.parts {
            if let (PartKey::Order(id), Some(name)) = (key, held.part.order_name()) {
                // Keys come in order, so the smallest id that bears a name is its order.
                by_name.entry(name).or_insert(*id);
            }
        }
        let mut cases: BTreeMap<PartKey, BTreeSet<PartKey>> = BTreeMap::new();
        for (key, held) in &self.parts {
            let named = || held.part.order_name().and_then(|name| by_name.get(name)).copied();
            let owner = match key {
                PartKey::Parcel(..) => held.owner().or_else(named).map(PartKey::Order),
                PartKey::Order(_) | PartKey::Payout(..) => None,
            };
            cases.entry(owner.unwrap_or_else(|| key.clone())).or_default().insert(key.clone());
        }
        cases.into_values().collect()
    }

    /// A case as the posting rules take it.
    pub(crate) fn case(&self, keys: &BTreeSet<PartKey>) -> Case<'_> {
        keys.iter().filter_map(|key| self.parts.get(key).map(|held| (key.clone(), &held.part))).collect()
    }

    /// Brings the books to what a case's facts imply. A case that cannot be posted is parked, and nothing of it moves.
    pub(crate) fn settle(
        &mut self,
        keys: &BTreeSet<PartKey>,
        policy: &Policy,
        recorded: Timestamp,
        head: &mut Head,
    ) -> Result<Vec<Numbered>, Unpostable> {
        let postings = match commerce::postings(&self.case(keys), policy) {
            Ok(postings) => postings,
            Err(unpostable) => {
                self.park(keys, Some(unpostable.to_string()));
                return Err(unpostable);
            }
        };
        self.park(keys, None);
        let mut numbered = Vec::new();
        for (key, desired) in postings {
            let Some(held) = self.parts.get_mut(&key) else { continue };
            let changes = ledger::diff(&desired, &held.posted);
            held.changed |= !changes.is_empty();
            for change in changes {
                let next = number(change, &key, recorded, head)?;
                apply(&mut held.posted, &next.posted);
                numbered.push(next);
            }
        }
        Ok(numbered)
    }

    /// Parts of a case for which something else stands in the books than its facts imply. None of a parked case.
    pub(crate) fn differing(&self, keys: &BTreeSet<PartKey>, policy: &Policy) -> Vec<PartKey> {
        let Ok(postings) = commerce::postings(&self.case(keys), policy) else { return Vec::new() };
        let differs = |(key, desired): &(&PartKey, &ledger::Journal)| {
            self.parts.get(*key).is_some_and(|held| !ledger::diff(desired, &held.posted).is_empty())
        };
        postings.iter().filter(differs).map(|(key, _)| key.clone()).collect()
    }

    /// True when a part's case cannot be posted.
    pub(crate) fn is_parked(&self, key: &PartKey) -> bool {
        self.parts.get(key).is_some_and(|held| held.parked.is_some())
    }

    /// Parts that are to be stored.
    pub(crate) fn changed(&self) -> impl Iterator<Item = (&PartKey, &Held)> {
        self.parts.iter().filter(|(_, held)| held.changed)
    }

    fn park(&mut self, keys: &BTreeSet<PartKey>, reason: Option<String>) {
        for key in keys {
            if let Some(held) = self.parts.get_mut(key)
                && held.parked != reason
            {
                held.parked.clone_from(&reason);
                held.changed = true;
            }
        }
    }
}

fn number(change: Change, key: &PartKey, recorded: Timestamp, head: &mut Head) -> Result<Numbered, Unpostable> {
    let (reverses, transaction) = match change {
        Change::Reverse { number, reversal } => (Some(number), reversal),
        Change::Post(transaction) => (None, transaction),
    };
    let number = head.number.checked_add(1).ok_or(Unpostable::Overflow { key: key.to_string() })?;
    let part = Reference::try_from(key.to_string())?;
    let posted = Posted { number, part, recorded, reverses, previous: head.link, transaction };
    let body = events::posted_bytes(&posted);
    let link = head.link.then(&body);
    *head = Head { number, link };
    Ok(Numbered { posted, body, link })
}

fn apply(live: &mut BTreeMap<EntryKey, Live>, posted: &Posted) {
    let key = posted.transaction.key().clone();
    match posted.reverses {
        Some(undone) => {
            if live.get(&key).is_some_and(|l| l.number == undone) {
                live.remove(&key);
            }
        }
        None => {
            live.insert(key, Live { number: posted.number, transaction: posted.transaction.clone() });
        }
    }
}
