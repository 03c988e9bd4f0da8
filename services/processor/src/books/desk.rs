//! The bookkeeper's desk: the parts of one tenant's cases that a batch concerns. Pure: what to fetch next is asked of it,
//! what was fetched is laid on it, and at the end it says what changed.
//!
//! A batch affects the orders its facts name, every order that has ever claimed a parcel they name or touch, and every order
//! that bears a printed name which one of them bears or bore, quotes or quoted. The case of an affected order is complete
//! when all parcels that it claims or that quote its name are here, and all claimants of those, to tell which parcels are
//! its own. Seven look-ups do that whatever the batch size:
//!
//! 1. the parts the facts name, with each tenant's calendar of closed periods; 2. the parcels their orders claim; 3. the
//!    claimants of those parcels; 4. the orders that bear one of the names; — these are affected —
//! 5. the parcels they claim; 6. the parcels that quote their names; 7. the claimants of those.
//!
//! The reversals of one voucher are a case too, because only the first of them stands. The vouchers that are reversed come with
//! the parcels of 2, and what else reverses them with the claimants of 3.

mod over;

use std::collections::{BTreeMap, BTreeSet};

use commerce::stock::CardLine;
use commerce::totals::{DetailReplaced, Replaced, Replacing};
use commerce::{Case, Fact, Order, OrderId, OrderName, Part, PartKey, Policy, Unpostable, Voucher, VoucherId, owner};
use ledger::{ChainHash, Change, Day, EntryKey, Journal, Live, Posted, Reference, Timestamp};
use store::books::{Head, Names};

/// A part as it is stored, with what is posted for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    /// Its merged facts.
    pub(crate) part: Part,
    /// What stands in the books for it.
    pub(crate) posted: BTreeMap<EntryKey, Live>,
    /// Why its case cannot be posted, if so.
    pub(crate) parked: Option<String>,
    /// The name it bore or quoted when it was last stored: whoever was found by it may change too.
    stored_name: Option<OrderName>,
    /// The orders that claimed it when it was last stored: with one claim too many it belongs to none of them any more.
    stored_claims: Vec<OrderId>,
    /// The voucher that it reversed when it was last stored: another reversal of that may stand now.
    stored_reverses: Option<VoucherId>,
    changed: bool,
}

impl Held {
    /// A part as it was stored.
    pub(crate) fn stored(part: Part, posted: BTreeMap<EntryKey, Live>, parked: Option<String>) -> Held {
        let stored_name = part.order_name().or(part.quoted_name()).cloned();
        let stored_claims = claims(&part).collect();
        let stored_reverses = part.voucher().and_then(Voucher::reverses).cloned();
        Held { part, posted, parked, stored_name, stored_claims, stored_reverses, changed: false }
    }

    fn empty(key: &PartKey) -> Held {
        Held::stored(key.empty(), BTreeMap::new(), None)
    }

    /// Whether it would be found by the name it was stored with, and by no other.
    pub(crate) fn stored_names(&self) -> Names {
        let name = self.part.order_name().or(self.part.quoted_name());
        if name == self.stored_name.as_ref() { Names::AsStored } else { Names::Changed }
    }

    fn names(&self) -> impl Iterator<Item = &OrderName> {
        [self.part.order_name(), self.part.quoted_name(), self.stored_name.as_ref()].into_iter().flatten()
    }
}

fn claims(part: &Part) -> impl Iterator<Item = OrderId> {
    let parcel = if let Part::Parcel(parcel) = part { Some(parcel) } else { None };
    parcel.into_iter().flat_map(|parcel| parcel.claims.orders())
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
    affected: BTreeSet<OrderId>,
    /// Vouchers of which it is decided anew which reversal stands.
    reversed: BTreeSet<VoucherId>,
    /// Names whose bearers were looked up, and names whose quoting parcels were: within one transaction a second look-up
    /// would find the same.
    asked_bearers: BTreeSet<OrderName>,
    asked_quoting: BTreeSet<OrderName>,
}

impl Desk {
    /// Lays a stored part on the desk, unless it is there already.
    pub(crate) fn lay(&mut self, key: PartKey, held: Held) {
        self.parts.entry(key).or_insert(held);
    }

    /// Merges a fact into the parts it names. They must have been laid; those that were never stored begin empty. Gives the stubs
    /// among them: they stay as they are.
    pub(crate) fn merge(&mut self, fact: &Fact) -> Vec<(PartKey, Replaced)> {
        let mut stubs = Vec::new();
        for key in PartKey::of(fact) {
            let held = self.parts.entry(key.clone()).or_insert_with_key(Held::empty);
            match held.part.replaced() {
                Some(stub) => stubs.push((key, stub.clone())),
                None => held.changed |= held.part.merge(fact),
            }
        }
        stubs
    }

    /// Has totals stand for the parts that they name, unless others do already. Their parts must have been laid.
    pub(crate) fn replace(&mut self, fact: &DetailReplaced) -> Replacing {
        let replacing = fact.meets(|key| self.parts.get(key).map(|held| &held.part));
        if replacing == Replacing::Now {
            for (key, part) in fact.standing() {
                let held = self.parts.entry(key).or_insert_with_key(Held::empty);
                (held.part, held.changed) = (part, true);
            }
        }
        replacing
    }

    /// Records what the ledger topic says is posted.
    pub(crate) fn fold_posted(&mut self, key: PartKey, posted: &Posted) {
        let held = self.parts.entry(key).or_insert_with_key(Held::empty);
        apply(&mut held.posted, posted);
        held.changed = true;
    }

    /// Parcels that orders on the desk claim and that are not here yet.
    pub(crate) fn claimed_parcels(&self) -> BTreeSet<PartKey> {
        let orders =
            self.parts.values().filter_map(|held| if let Part::Order(order) = &held.part { Some(order) } else { None });
        let claimed = orders.flat_map(|order| &order.claims);
        let keys = claimed.map(|parcel| PartKey::Parcel(parcel.courier.clone(), parcel.tracking.clone()));
        keys.filter(|key| !self.parts.contains_key(key)).collect()
    }

    /// The vouchers that vouchers on the desk reverse, or did when they were last stored, are those whose reversals the batch
    /// may change.
    pub(crate) fn affect_reversed(&mut self) {
        let held = self.parts.values();
        let reversed = held.flat_map(|held| {
            [held.part.voucher().and_then(Voucher::reverses), held.stored_reverses.as_ref()].into_iter().flatten()
        });
        self.reversed.extend(reversed.cloned());
    }

    /// Affected vouchers that are not here yet.
    pub(crate) fn reversed_vouchers(&self) -> BTreeSet<PartKey> {
        let keys = self.reversed.iter().cloned().map(PartKey::Voucher);
        keys.filter(|key| !self.parts.contains_key(key)).collect()
    }

    /// What ever said to reverse an affected voucher, and is not here yet.
    pub(crate) fn reversals(&self) -> BTreeSet<PartKey> {
        let reversed = self.reversed.iter().filter_map(|id| self.parts.get(&PartKey::Voucher(id.clone())));
        let reversals = reversed.filter_map(|held| held.part.voucher()).flat_map(|voucher| &voucher.reversed_by);
        reversals.cloned().map(PartKey::Voucher).filter(|key| !self.parts.contains_key(key)).collect()
    }

    /// Orders that claim parcels on the desk, or did when they were last stored, and that are not here yet.
    pub(crate) fn claimants(&self) -> BTreeSet<PartKey> {
        let held = self.parts.values();
        let orders = held.flat_map(|held| claims(&held.part).chain(held.stored_claims.iter().copied()));
        orders.map(PartKey::Order).filter(|key| !self.parts.contains_key(key)).collect()
    }

    /// Names that parts on the desk bear or quote, or did when they were last stored, and that were not asked for before.
    pub(crate) fn names(&self) -> BTreeSet<OrderName> {
        let names = self.parts.values().flat_map(Held::names);
        names.filter(|name| !self.asked_bearers.contains(*name)).cloned().collect()
    }

    /// Names that orders on the desk bear, or did when they were last stored, and that were not asked for before.
    pub(crate) fn borne_names(&self) -> BTreeSet<OrderName> {
        let orders = self.parts.iter().filter(|(key, _)| matches!(key, PartKey::Order(_)));
        let names = orders.flat_map(|(_, held)| held.names());
        names.filter(|name| !self.asked_quoting.contains(*name)).cloned().collect()
    }

    /// The orders that bear this name were looked up.
    pub(crate) fn asked_bearers(&mut self, name: OrderName) {
        self.asked_bearers.insert(name);
    }

    /// The parcels that quote this name were looked up.
    pub(crate) fn asked_quoting(&mut self, name: OrderName) {
        self.asked_quoting.insert(name);
    }

    /// The orders that are here now are those whose cases the batch may change.
    pub(crate) fn affect_orders(&mut self) {
        self.affected =
            self.parts.keys().filter_map(|key| if let PartKey::Order(id) = key { Some(*id) } else { None }).collect();
    }

    /// The affected cases: each affected order with the parcels it owns, the reversals of each affected voucher, and each part
    /// that nothing owns by itself.
    pub(crate) fn cases(&self) -> Vec<BTreeSet<PartKey>> {
        let bearing = self.bearers();
        let mut cases: BTreeMap<PartKey, BTreeSet<PartKey>> =
            self.affected.iter().map(|id| (PartKey::Order(*id), BTreeSet::from([PartKey::Order(*id)]))).collect();
        for (key, held) in &self.parts {
            match (key, &held.part) {
                // Its detail was replaced: it belongs to nothing any more.
                (_, Part::Replaced(_)) => drop(cases.insert(key.clone(), BTreeSet::from([key.clone()]))),
                (PartKey::Parcel(courier, tracking), Part::Parcel(parcel)) => {
                    let owner =
                        owner((courier, tracking), parcel, |id| self.order(id), |name| bearing.get(name).copied());
                    match owner.map(PartKey::Order) {
                        None => drop(cases.insert(key.clone(), BTreeSet::from([key.clone()]))),
                        // A parcel of an order that is not affected is here only to tell whose it is.
                        Some(order) => drop(cases.get_mut(&order).map(|case| case.insert(key.clone()))),
                    }
                }
                // A reversal is in the case of what it reverses, below.
                (_, Part::Voucher(voucher)) if voucher.reverses().is_some() => {}
                (PartKey::Payout(..) | PartKey::Voucher(_) | PartKey::Receipt(_) | PartKey::Totals(..), _) => {
                    drop(cases.insert(key.clone(), BTreeSet::from([key.clone()])))
                }
                _ => {}
            }
        }
        cases.extend(self.reversal_cases());
        cases.into_values().collect()
    }

    /// The reversals of each affected voucher, under the first of them. Reversals of others are here only because they once spoke
    /// of an affected one.
    fn reversal_cases(&self) -> impl Iterator<Item = (PartKey, BTreeSet<PartKey>)> {
        let mut cases: BTreeMap<&VoucherId, BTreeSet<PartKey>> = BTreeMap::new();
        for (key, held) in &self.parts {
            let reversed = held.part.voucher().and_then(Voucher::reverses);
            if let Some(reversed) = reversed.filter(|reversed| self.reversed.contains(*reversed)) {
                cases.entry(reversed).or_default().insert(key.clone());
            }
        }
        cases.into_values().filter_map(|case| Some((case.first()?.clone(), case)))
    }

    /// The smallest order on the desk that bears each name.
    fn bearers(&self) -> BTreeMap<&OrderName, OrderId> {
        let mut bearers = BTreeMap::new();
        for (key, held) in &self.parts {
            if let (PartKey::Order(id), Some(name)) = (key, held.part.order_name()) {
                // Keys come in order, so the first is the smallest.
                bearers.entry(name).or_insert(*id);
            }
        }
        bearers
    }

    fn order(&self, id: OrderId) -> Option<&Order> {
        match &self.parts.get(&PartKey::Order(id))?.part {
            Part::Order(order) => Some(order),
            _ => None,
        }
    }

    /// A case as the posting rules take it.
    pub(crate) fn case(&self, keys: &BTreeSet<PartKey>) -> Case<'_> {
        keys.iter().filter_map(|key| self.parts.get(key).map(|held| (key.clone(), &held.part))).collect()
    }

    /// The tenant's last closed day, when its calendar was laid.
    fn closed_through(&self) -> Option<Day> {
        match &self.parts.get(&PartKey::Calendar)?.part {
            Part::Calendar(calendar) => calendar.closed_through(),
            _ => None,
        }
    }

    /// Brings the books to what a case's facts imply. A case that cannot be posted is parked: nothing of it stands in the books.
    /// What would count on a closed day counts on the first open one; but where totals take the place of detail, they do in the month
    /// in which it counted, closed or not: they move no figure of it.
    pub(crate) fn settle(
        &mut self,
        keys: &BTreeSet<PartKey>,
        policy: &Policy,
        goods: &[&CardLine],
        recorded: Timestamp,
        head: &mut Head,
    ) -> Result<Vec<Numbered>, Unpostable> {
        let (postings, parked) = match commerce::postings(&self.case(keys), policy, goods) {
            Ok(postings) => (postings, None),
            Err(unpostable) => {
                (keys.iter().map(|key| (key.clone(), Journal::new())).collect(), Some(unpostable.to_string()))
            }
        };
        self.park(keys, parked);
        let closed = self.closed_through();
        let mut numbered = Vec::new();
        for (key, desired) in postings {
            let Some(held) = self.parts.get_mut(&key) else { continue };
            let changes = ledger::diff(&desired, &held.posted);
            held.changed |= !changes.is_empty();
            let closed = closed.filter(|_| !matches!(held.part, Part::Totals(_) | Part::Replaced(_)));
            for change in changes {
                let next = number(change.after(closed), &key, recorded, head)?;
                apply(&mut held.posted, &next.posted);
                numbered.push(next);
            }
        }
        Ok(numbered)
    }

    /// Notes whether a case can be posted, and posts nothing of it.
    pub(crate) fn look_over(&mut self, keys: &BTreeSet<PartKey>, policy: &Policy, goods: &[&CardLine]) {
        let parked = commerce::postings(&self.case(keys), policy, goods).err().map(|unpostable| unpostable.to_string());
        self.park(keys, parked);
    }

    /// Parts of a case for which something else stands in the books than its facts imply.
    pub(crate) fn differing(&self, keys: &BTreeSet<PartKey>, policy: &Policy, goods: &[&CardLine]) -> Vec<PartKey> {
        let postings = commerce::postings(&self.case(keys), policy, goods).unwrap_or_default();
        let nothing = Journal::new();
        let differs = |key: &&PartKey| {
            let desired = postings.get(*key).unwrap_or(&nothing);
            self.parts.get(*key).is_some_and(|held| !ledger::diff(desired, &held.posted).is_empty())
        };
        keys.iter().filter(differs).cloned().collect()
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
