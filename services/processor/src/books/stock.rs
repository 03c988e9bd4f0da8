//! Goods at cost: the cards of the items that a batch touches, brought to what the facts imply, and what the goods of its
//! cases cost by them.
//!
//! Per batch, whatever its size: one look-up of the lines that the batch's cases have on the cards; and only if those differ
//! from what the cases imply, one look-up each of the changed cards from the first change on, of the lines before that, and
//! of issues that some line goes on from; one write, one removal. A line whose cost changed may belong to a case that the batch
//! does not name: that case is fetched as the batch's own were, and settled with them.
//!
//! Facts that come in the order in which they happened change cards at their ends: nothing but the last line is read. A late one
//! is followed by every line after it, and all of these are read, because what is in stock after each of them is another.

use std::collections::{BTreeMap, BTreeSet};

use commerce::stock::{self, CardLine, Issues, Stock};
use commerce::{Fact, PartKey, Policy, TenantId, VariantId};
use events::Payload;
use store::books::{self, CardPlaces, MovementKey, Movements};
use store::db::{DbError, Tx};

use super::{Tenancies, complete, lay_named};
use crate::work::Work;

/// Cases by tenant.
pub(super) type Cases = BTreeMap<TenantId, Vec<BTreeSet<PartKey>>>;

/// The goods of cases, with what they cost.
#[derive(Default)]
pub(super) struct Goods {
    lines: BTreeMap<(TenantId, PartKey), Vec<CardLine>>,
}

impl Goods {
    fn of_lines(lines: Movements) -> Goods {
        let mut goods = Goods::default();
        for ((tenant, ..), line) in lines {
            if let Some(part) = line.part.clone() {
                goods.lines.entry((tenant, part)).or_default().push(line);
            }
        }
        goods
    }

    /// Of one case.
    pub(super) fn of(&self, tenant: &TenantId, case: &BTreeSet<PartKey>) -> Vec<&CardLine> {
        let parts = case.iter().filter(|key| bears_goods(key));
        parts.filter_map(|key| self.lines.get(&(tenant.clone(), key.clone()))).flatten().collect()
    }
}

/// What a batch changes on the cards.
#[derive(Debug, Default)]
pub(super) struct Changes {
    put: Movements,
    gone: BTreeSet<MovementKey>,
}

impl Changes {
    /// From the lines that are stored to those that the cases imply.
    fn between(stored: &Movements, implied: Movements) -> Changes {
        let gone = stored.keys().filter(|key| !implied.contains_key(*key)).cloned().collect();
        let is_new =
            |key: &MovementKey, line: &CardLine| !stored.get(key).is_some_and(|known| known.is_same_movement(line));
        let put = implied.into_iter().filter(|(key, line)| is_new(key, line)).collect();
        Changes { put, gone }
    }

    /// Where each card changes first.
    fn places(&self) -> CardPlaces {
        let mut places = CardPlaces::new();
        for (tenant, item, at, origin) in self.put.keys().chain(&self.gone) {
            let place = (*at, origin.clone());
            let first = places.entry((tenant.clone(), *item)).or_insert_with(|| place.clone());
            *first = place.min(first.clone());
        }
        places
    }

    /// Costs that shops told, as they are.
    pub(super) fn noting(put: Movements) -> Changes {
        Changes { put, gone: BTreeSet::new() }
    }

    /// These lines, which are as they were stored, as they will be.
    fn applied(&self, mut lines: Movements) -> Movements {
        lines.retain(|key, _| !self.gone.contains(key));
        for (key, line) in &mut lines {
            if let Some(put) = self.put.get(key) {
                line.clone_from(put);
            }
        }
        lines
    }

    pub(super) async fn save(&self, tx: &mut Tx) -> Result<(), DbError> {
        books::delete_movements(tx, &self.gone).await?;
        books::save_movements(tx, &self.put).await
    }
}

/// The costs that shops told in a batch, as lines of their items' cards.
pub(super) fn costs_noted(work: &Work) -> Movements {
    let facts = work.events().filter_map(|(_, event)| match &event.payload {
        Payload::Fact { fact: Fact::ProductCosted(product), .. } => Some((&event.tenant, product)),
        _ => None,
    });
    facts.filter_map(|(tenant, product)| Some(keyed(tenant, stock::cost_noted(product)?))).collect()
}

/// What the goods of the cases on the desks cost, and what that changes on the cards. Lays what else it changes on the desks.
pub(super) async fn value_goods(
    tx: &mut Tx,
    tenancies: &mut Tenancies,
    noted: Movements,
    policies: &BTreeMap<TenantId, Policy>,
) -> Result<(Cases, Goods, Changes), DbError> {
    let cases = cases_of(tenancies);
    let (carriers, mut lines) = lines_of(tx, &cases).await?;
    let mut changes = Changes::between(&lines, implied(tenancies, &cases, policies));
    changes.put.extend(unknown(tx, noted).await?);
    let places = changes.places();
    if places.is_empty() {
        return Ok((cases, Goods::of_lines(lines), changes));
    }
    let (changed, cost_changed) = revalue_cards(tx, &changes, &places, &lines, policies).await?;
    changes.put = changed;
    lines = changes.applied(lines);
    lines.extend(changes.put.iter().map(|(key, line)| (key.clone(), line.clone())));
    let others: BTreeSet<(TenantId, PartKey)> = cost_changed.difference(&carriers).cloned().collect();
    if others.is_empty() {
        return Ok((cases, Goods::of_lines(lines), changes));
    }
    lay_named(tx, tenancies, others).await?;
    complete(tx, tenancies).await?;
    let cases = cases_of(tenancies);
    // Only what the look-up above did not ask for: these cases' own lines are those of their facts already.
    let more = carriers_of(&cases).difference(&carriers).cloned().collect();
    lines.extend(changes.applied(books::movements_by_part(tx, &more).await?));
    Ok((cases, Goods::of_lines(lines), changes))
}

/// Brings the lines of these desks' cases to what the facts imply, and values none of them.
pub(super) async fn note_goods(
    tx: &mut Tx,
    tenancies: &Tenancies,
    policies: &BTreeMap<TenantId, Policy>,
) -> Result<(), DbError> {
    let cases = cases_of(tenancies);
    let (_, stored) = lines_of(tx, &cases).await?;
    Changes::between(&stored, implied(tenancies, &cases, policies)).save(tx).await
}

/// The cases' goods as they are stored, and the places at which that is not what the facts imply.
pub(super) async fn compare(
    tx: &mut Tx,
    tenancies: &Tenancies,
    policies: &BTreeMap<TenantId, Policy>,
) -> Result<(Cases, Goods, Vec<String>), DbError> {
    let cases = cases_of(tenancies);
    let (_, stored) = lines_of(tx, &cases).await?;
    let changes = Changes::between(&stored, implied(tenancies, &cases, policies));
    let differing = changes.put.keys().chain(&changes.gone).map(place).collect();
    Ok((cases, Goods::of_lines(stored), differing))
}

fn place((tenant, item, at, origin): &MovementKey) -> String {
    format!("stock of {tenant}, item {item}, {at}, {origin}")
}

fn cases_of(tenancies: &Tenancies) -> Cases {
    tenancies.iter().map(|(tenant, tenancy)| (tenant.clone(), tenancy.desk.cases())).collect()
}

fn bears_goods(key: &PartKey) -> bool {
    matches!(key, PartKey::Order(_) | PartKey::Receipt(_))
}

/// The parts of cases that may have goods.
fn carriers_of(cases: &Cases) -> BTreeSet<(TenantId, PartKey)> {
    let of_tenant = |(tenant, cases): (&TenantId, &Vec<BTreeSet<PartKey>>)| {
        let keys = cases.iter().flatten().filter(|key| bears_goods(key));
        keys.map(|key| (tenant.clone(), key.clone())).collect::<Vec<_>>()
    };
    cases.iter().flat_map(of_tenant).collect()
}

/// The parts of cases that may have goods, and their lines as they are stored.
async fn lines_of(tx: &mut Tx, cases: &Cases) -> Result<(BTreeSet<(TenantId, PartKey)>, Movements), DbError> {
    let carriers = carriers_of(cases);
    let lines = books::movements_by_part(tx, &carriers).await?;
    Ok((carriers, lines))
}

/// The parts on the desks that stand on a card.
pub(super) async fn parts_with_goods(
    tx: &mut Tx,
    tenancies: &Tenancies,
) -> Result<BTreeSet<(TenantId, PartKey)>, DbError> {
    let (_, lines) = lines_of(tx, &cases_of(tenancies)).await?;
    let part = |((tenant, ..), line): (MovementKey, CardLine)| line.part.map(|part| (tenant, part));
    Ok(lines.into_iter().filter_map(part).collect())
}

/// The lines that the facts of these cases imply under their tenants' policies.
fn implied(tenancies: &Tenancies, cases: &Cases, policies: &BTreeMap<TenantId, Policy>) -> Movements {
    let mut implied = Movements::new();
    for (tenant, cases) in cases {
        let Some(tenancy) = tenancies.get(tenant) else { continue };
        let recognition = policies.get(tenant).map_or_else(Default::default, |policy| policy.recognition);
        let lines = cases.iter().flat_map(|case| stock::movements(&tenancy.desk.case(case), recognition));
        implied.extend(lines.map(|line| keyed(tenant, line)));
    }
    implied
}

fn keyed(tenant: &TenantId, (item, line): (VariantId, CardLine)) -> (MovementKey, CardLine) {
    ((tenant.clone(), item, line.at, line.origin.clone()), line)
}

/// Those of these costs that are not on the cards yet.
async fn unknown(tx: &mut Tx, mut noted: Movements) -> Result<Movements, DbError> {
    for key in books::movements_by_key(tx, &noted.keys().cloned().collect()).await?.keys() {
        noted.remove(key);
    }
    Ok(noted)
}

/// Values the cards from their first changes on. Answers the lines that are to be written, and the parts whose goods cost
/// something else than before.
async fn revalue_cards(
    tx: &mut Tx,
    changes: &Changes,
    places: &CardPlaces,
    lines: &Movements,
    policies: &BTreeMap<TenantId, Policy>,
) -> Result<(Movements, BTreeSet<(TenantId, PartKey)>), DbError> {
    let mut before = stocks(books::movements_before(tx, places).await?)?;
    let stored = books::movements_from(tx, places).await?;
    let kept = stored.iter().filter(|(key, _)| !changes.gone.contains(*key));
    let mut wanted: Movements = kept.map(|(key, line)| (key.clone(), line.clone())).collect();
    wanted.extend(changes.put.iter().map(|(key, line)| (key.clone(), line.clone())));
    let mut issues = issues_gone_on_from(tx, &wanted, lines).await?;
    value_lines(&mut wanted, &mut before, &mut issues, policies);
    let mut cost_changed = BTreeSet::new();
    wanted.retain(|key, line| stored.get(key) != Some(line));
    for (key, line) in &wanted {
        if stored.get(key).is_none_or(|known| known.value != line.value) {
            cost_changed.extend(line.part.clone().map(|part| (key.0.clone(), part)));
        }
    }
    Ok((wanted, cost_changed))
}

/// What is in stock of each item.
pub(super) type Stocks = BTreeMap<(TenantId, VariantId), Stock>;

/// What was in stock after each of these lines, one an item.
fn stocks(lines: Movements) -> Result<Stocks, DbError> {
    let stock = |((tenant, item, ..), line): (MovementKey, CardLine)| {
        let after = line.after.ok_or_else(|| DbError::Corrupt { what: "stock_movement.state".to_owned() })?;
        Ok(((tenant, item), after))
    };
    lines.into_iter().map(stock).collect()
}

/// The issues that lines go on from, of which some may stand before the first of these lines.
async fn issues_gone_on_from(
    tx: &mut Tx,
    lines: &Movements,
    known: &Movements,
) -> Result<BTreeMap<TenantId, Issues>, DbError> {
    let has_part = |(tenant, ..): &MovementKey, line: &CardLine| line.part.clone().map(|part| (tenant.clone(), part));
    let goes_on = |line: &CardLine| line.movement.of_issue().is_some();
    let mut parts: BTreeSet<(TenantId, PartKey)> =
        lines.iter().filter(|(_, line)| goes_on(line)).filter_map(|(key, line)| has_part(key, line)).collect();
    for part in known.iter().filter_map(|(key, line)| has_part(key, line)) {
        parts.remove(&part);
    }
    let others = books::movements_by_part(tx, &parts).await?;
    let mut issues: BTreeMap<TenantId, Issues> = BTreeMap::new();
    for ((tenant, _, _, origin), line) in known.iter().chain(&others) {
        if let Some(issue) = line.issue() {
            issues.entry(tenant.clone()).or_default().insert(origin.clone(), issue);
        }
    }
    Ok(issues)
}

/// Values lines, card by card. `stocks` is what was in stock before the first line of each card, and then after its last.
fn value_lines(
    lines: &mut Movements,
    stocks: &mut Stocks,
    issues: &mut BTreeMap<TenantId, Issues>,
    policies: &BTreeMap<TenantId, Policy>,
) {
    let mut cards: BTreeMap<(TenantId, VariantId), Vec<&mut CardLine>> = BTreeMap::new();
    for ((tenant, item, ..), line) in lines {
        cards.entry((tenant.clone(), *item)).or_default().push(line);
    }
    for ((tenant, item), lines) in cards {
        let costing = policies.get(&tenant).map_or_else(Default::default, |policy| policy.costing);
        let issues = issues.entry(tenant.clone()).or_default();
        let before = stocks.remove(&(tenant.clone(), item)).unwrap_or_default();
        let after = stock::revalue(costing, before, lines, issues);
        stocks.insert((tenant, item), after);
    }
}

/// How far the cards of all items have been read, and what is in stock of the item at hand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    after: Option<MovementKey>,
    stock: Stock,
}

/// A page of lines as they are stored, and what they should be.
pub(crate) struct CardPage {
    /// As they are.
    pub(crate) stored: Movements,
    /// As they should be.
    pub(crate) valued: Movements,
    /// Where to go on; None at the end.
    pub(crate) next: Option<Reading>,
}

/// Values the next page of the cards of those tenants that are `mine`.
pub(crate) async fn value_page(
    tx: &mut Tx,
    from: &Reading,
    mine: impl Fn(&TenantId) -> bool,
    limit: u32,
) -> Result<CardPage, DbError> {
    let page = books::movements_page(tx, from.after.as_ref(), limit).await?;
    let last = page.last().map(|(key, _)| key.clone());
    let stored: Movements = page.into_iter().filter(|((tenant, ..), _)| mine(tenant)).collect();
    let tenants = stored.keys().map(|(tenant, ..)| tenant.clone()).collect();
    let policies = books::policies(tx, &tenants).await?;
    let card = |(tenant, item, ..): &MovementKey| (tenant.clone(), *item);
    let mut stocks: Stocks = from.after.iter().map(|key| (card(key), from.stock.clone())).collect();
    let mut issues = issues_gone_on_from(tx, &stored, &Movements::new()).await?;
    let mut valued = stored.clone();
    value_lines(&mut valued, &mut stocks, &mut issues, &policies);
    let go_on = |after: MovementKey| {
        let stock = stocks.remove(&card(&after)).unwrap_or_default();
        Reading { after: Some(after), stock }
    };
    Ok(CardPage { stored, valued, next: last.map(go_on) })
}

/// Values the next page of the cards after a rebuild has folded every fact, and writes it.
pub(crate) async fn settle_page(
    tx: &mut Tx,
    from: &Reading,
    mine: impl Fn(&TenantId) -> bool,
    limit: u32,
) -> Result<Option<Reading>, DbError> {
    let CardPage { stored, mut valued, next } = value_page(tx, from, mine, limit).await?;
    valued.retain(|key, line| stored.get(key) != Some(line));
    books::save_movements(tx, &valued).await?;
    Ok(next)
}
