//! The bookkeeper: facts of a batch, merged into cases, and the books brought to what the cases imply.

pub(crate) mod desk;
mod late;
pub(crate) mod over;
pub(crate) mod stock;
mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use commerce::{OrderName, PartKey, Policy, TenantId};
use events::Payload;
use ledger::{BusinessZone, Posted, Timestamp};
use store::books::{
    self, BalancesByDayKnown, Head, JournalRow, Movements, PartRow, PartRows, ReplacedRows, Stage, ViewRows,
};
use store::db::{DbError, Tx};

use crate::stopwatch::Stopwatch;
use crate::work::Work;
use desk::{Desk, Held, Numbered};

/// Steps that a batch's stopwatch comes back to: fetching parts, policies and chain heads; and, without the database, merging
/// facts, settling cases and chaining what they post.
const LOOK_UP: &str = "look-up";
const DECIDE: &str = "decide";

/// One tenant's share of a batch.
struct Tenancy {
    partition: u32,
    desk: Desk,
    recorded: Timestamp,
}

type Tenancies = BTreeMap<TenantId, Tenancy>;

/// What a batch leads to: found by reading alone, and written as it is.
#[derive(Default)]
pub(crate) struct Entries {
    cards: stock::Changes,
    posted: Written,
    heads: BTreeMap<TenantId, Head>,
    views: ViewRows,
    parts: PartRows,
    replaced: ReplacedRows,
}

impl Entries {
    /// How many transactions are posted.
    pub(crate) fn posted(&self) -> usize {
        self.posted.rows.len()
    }

    /// How many facts came for parts whose detail was replaced before.
    pub(crate) fn late(&self) -> usize {
        self.replaced.late()
    }

    /// How many totals were declined.
    pub(crate) fn declined(&self) -> usize {
        self.replaced.declined()
    }

    /// Writes them. They hold as long as nobody has moved a checkpoint of the batch since they were found.
    pub(crate) async fn save(&self, tx: &mut Tx) -> Result<(), DbError> {
        self.cards.save(tx).await?;
        self.posted.save(tx, &self.heads).await?;
        self.views.save(tx).await?;
        self.parts.save(tx).await?;
        self.replaced.save(tx).await
    }
}

/// Folds a batch: reads what its facts touch and finds what that leads to, without writing any of it.
pub(crate) async fn fold(tx: &mut Tx, work: &Work, stage: Stage, watch: &mut Stopwatch) -> Result<Entries, DbError> {
    let mut tenancies = open_desks(work);
    let keys = with_calendars(&tenancies, named(work));
    lay_named(tx, &mut tenancies, keys).await?;
    watch.lap(LOOK_UP);
    let passed_by = late::merge(&mut tenancies, work, stage);
    watch.lap(DECIDE);
    complete(tx, &mut tenancies).await?;
    watch.lap(LOOK_UP);
    let noted = stock::costs_noted(work);
    if noted.is_empty() && tenancies.values().all(|tenancy| tenancy.desk.changed().next().is_none()) {
        return Ok(Entries { replaced: passed_by, ..Entries::default() });
    }
    let mut entries = finish(tx, tenancies, noted, stage, watch).await?;
    entries.replaced.add_all(passed_by);
    Ok(entries)
}

/// Settles the cases of these parts without new facts: what a rebuild does when every fact is folded. As a shadow they are shown, and
/// nothing is posted.
pub(crate) async fn settle(
    tx: &mut Tx,
    partitions: &BTreeMap<TenantId, u32>,
    keys: &BTreeSet<(TenantId, PartKey)>,
    recorded: Timestamp,
    stage: Stage,
) -> Result<usize, DbError> {
    let mut tenancies = desks(partitions, recorded);
    let named = with_calendars(&tenancies, keys.clone());
    lay_named(tx, &mut tenancies, named).await?;
    complete(tx, &mut tenancies).await?;
    let entries = finish(tx, tenancies, Movements::new(), stage, &mut Stopwatch::since(Instant::now())).await?;
    entries.save(tx).await?;
    Ok(entries.posted())
}

/// Notes which goods of these parts' cases moved, without valuing them: what a rebuild does before it settles anything.
pub(crate) async fn note_goods(
    tx: &mut Tx,
    partitions: &BTreeMap<TenantId, u32>,
    keys: &BTreeSet<(TenantId, PartKey)>,
) -> Result<(), DbError> {
    let mut tenancies = desks(partitions, Timestamp::default());
    lay_named(tx, &mut tenancies, keys.clone()).await?;
    complete(tx, &mut tenancies).await?;
    let policies = books::policies(tx, &tenancies.keys().cloned().collect()).await?;
    stock::note_goods(tx, &tenancies, &policies).await
}

/// Which of these parts' cases should have posted something else than they did. Parked cases are left out: they are listed.
pub(crate) async fn differing(
    tx: &mut Tx,
    partitions: &BTreeMap<TenantId, u32>,
    keys: &BTreeSet<(TenantId, PartKey)>,
) -> Result<Vec<String>, DbError> {
    let mut tenancies = desks(partitions, Timestamp::default());
    lay_named(tx, &mut tenancies, keys.clone()).await?;
    complete(tx, &mut tenancies).await?;
    let policies = books::policies(tx, &tenancies.keys().cloned().collect()).await?;
    let default = Policy::default();
    let (mut cases, goods, mut places) = stock::compare(tx, &tenancies, &policies).await?;
    for (tenant, tenancy) in &tenancies {
        let policy = policies.get(tenant).unwrap_or(&default);
        for case in cases.remove(tenant).unwrap_or_default() {
            let differing = tenancy.desk.differing(&case, policy, &goods.of(tenant, &case));
            places.extend(differing.into_iter().map(|key| format!("{tenant}, {key}")));
        }
    }
    Ok(places)
}

fn desks(partitions: &BTreeMap<TenantId, u32>, recorded: Timestamp) -> Tenancies {
    let open = |(tenant, partition): (&TenantId, &u32)| {
        (tenant.clone(), Tenancy { partition: *partition, desk: Desk::default(), recorded })
    };
    partitions.iter().map(open).collect()
}

/// Folds what the ledger topic says was posted: the journal, its balances, and what stands for each part. Numbers that are
/// known, or that come before their turn because the relay repeated itself, are passed by.
pub(crate) async fn fold_posted(tx: &mut Tx, work: &Work) -> Result<(), DbError> {
    let mut tenancies = open_desks(work);
    lay_named(tx, &mut tenancies, posted_parts(work)).await?;
    let mut heads = books::heads(tx, &tenancies.keys().cloned().collect()).await?;
    let mut written = Written::default();
    for (partition, event) in work.events() {
        let Payload::Posted(posted) = &event.payload else { continue };
        let Some((head, tenancy)) = heads.get_mut(&event.tenant).zip(tenancies.get_mut(&event.tenant)) else {
            continue;
        };
        if is_out_of_turn(posted, *head) {
            continue;
        }
        let body = events::posted_bytes(posted);
        let link = head.link.then(&body);
        *head = Head { number: posted.number, link };
        if let Ok(key) = posted.part.as_str().parse() {
            tenancy.desk.fold_posted(key, posted);
        }
        written.add(&event.tenant, partition, Numbered { posted: posted.clone(), body, link })?;
    }
    written.number_positions(tx).await?;
    written.save(tx, &heads).await?;
    written.mark_relayed(tx).await?;
    part_rows(&tenancies).await?.save(tx).await
}

/// Known already, or before its turn.
fn is_out_of_turn(posted: &Posted, head: Head) -> bool {
    // Broken on purpose: nothing is taken for a repetition.
    fail::fail_point!("books::repetitions", |_| false);
    posted.number != head.number.saturating_add(1) || posted.previous != head.link
}

fn open_desks(work: &Work) -> Tenancies {
    let mut tenancies = Tenancies::new();
    for (partition, event) in work.events() {
        if !tenancies.contains_key(&event.tenant) {
            let opened = Tenancy { partition, desk: Desk::default(), recorded: event.recorded_at };
            tenancies.insert(event.tenant.clone(), opened);
        }
        if let Some(tenancy) = tenancies.get_mut(&event.tenant) {
            tenancy.recorded = tenancy.recorded.max(event.recorded_at);
        }
    }
    tenancies
}

fn named(work: &Work) -> BTreeSet<(TenantId, PartKey)> {
    let events = work.events().map(|(_, event)| event);
    let keys = events.filter_map(|event| match &event.payload {
        Payload::Fact { fact, .. } => Some(PartKey::of(fact).into_iter().map(|key| (event.tenant.clone(), key))),
        Payload::Posted(_) | Payload::StockAlerted(_) | Payload::Quarantined(_) | Payload::Redriven { .. } => None,
    });
    keys.flatten().collect()
}

/// These keys and the calendar of every tenant of the batch: a posting asks it which days are closed.
fn with_calendars(tenancies: &Tenancies, mut keys: BTreeSet<(TenantId, PartKey)>) -> BTreeSet<(TenantId, PartKey)> {
    keys.extend(tenancies.keys().map(|tenant| (tenant.clone(), PartKey::Calendar)));
    keys
}

fn posted_parts(work: &Work) -> BTreeSet<(TenantId, PartKey)> {
    let events = work.events().map(|(_, event)| event);
    let keys = events.filter_map(|event| match &event.payload {
        Payload::Posted(posted) => posted.part.as_str().parse().ok().map(|key| (event.tenant.clone(), key)),
        Payload::Fact { .. } | Payload::StockAlerted(_) | Payload::Quarantined(_) | Payload::Redriven { .. } => None,
    });
    keys.collect()
}

async fn lay_named(tx: &mut Tx, tenancies: &mut Tenancies, keys: BTreeSet<(TenantId, PartKey)>) -> Result<(), DbError> {
    lay(tenancies, books::parts_by_key(tx, &keys).await?);
    Ok(())
}

/// Fetches what makes every affected case complete: six look-ups; the desk says why.
async fn complete(tx: &mut Tx, tenancies: &mut Tenancies) -> Result<(), DbError> {
    for tenancy in tenancies.values_mut() {
        tenancy.desk.affect_reversed();
    }
    lay_claimed(tx, tenancies).await?;
    lay_claimants(tx, tenancies).await?;
    let names = gather(tenancies, Desk::names);
    lay(tenancies, books::orders_by_name(tx, &names).await?);
    note_asked(tenancies, names, Desk::asked_bearers);
    for tenancy in tenancies.values_mut() {
        tenancy.desk.affect_orders();
    }
    lay_claimed(tx, tenancies).await?;
    let borne = gather(tenancies, Desk::borne_names);
    lay(tenancies, books::parcels_by_quoted_name(tx, &borne).await?);
    note_asked(tenancies, borne, Desk::asked_quoting);
    lay_claimants(tx, tenancies).await
}

/// A batch that comes to further cases asks for their names alone.
fn note_asked(tenancies: &mut Tenancies, names: BTreeSet<(TenantId, OrderName)>, note: fn(&mut Desk, OrderName)) {
    for (tenant, name) in names {
        if let Some(tenancy) = tenancies.get_mut(&tenant) {
            note(&mut tenancy.desk, name);
        }
    }
}

async fn lay_claimed(tx: &mut Tx, tenancies: &mut Tenancies) -> Result<(), DbError> {
    let mut keys = gather(tenancies, Desk::claimed_parcels);
    keys.append(&mut gather(tenancies, Desk::reversed_vouchers));
    lay_named(tx, tenancies, keys).await
}

async fn lay_claimants(tx: &mut Tx, tenancies: &mut Tenancies) -> Result<(), DbError> {
    let mut keys = gather(tenancies, Desk::claimants);
    keys.append(&mut gather(tenancies, Desk::reversals));
    lay_named(tx, tenancies, keys).await
}

fn gather<T: Ord>(tenancies: &Tenancies, ask: impl Fn(&Desk) -> BTreeSet<T>) -> BTreeSet<(TenantId, T)> {
    let each =
        tenancies.iter().map(|(tenant, tenancy)| ask(&tenancy.desk).into_iter().map(|item| (tenant.clone(), item)));
    each.flatten().collect()
}

fn lay(tenancies: &mut Tenancies, rows: Vec<PartRow>) {
    for row in rows {
        if let Some(tenancy) = tenancies.get_mut(&row.tenant) {
            tenancy.desk.lay(row.key, Held::stored(row.part, row.posted, row.parked));
        }
    }
}

/// Settles every case on the desks, unless that waits for the end of a rebuild. Gives way after every case, here and below:
/// whoever waits for a processor meanwhile, such as an acknowledgement, does not wait for a whole batch.
async fn finish(
    tx: &mut Tx,
    mut tenancies: Tenancies,
    noted: Movements,
    stage: Stage,
    watch: &mut Stopwatch,
) -> Result<Entries, DbError> {
    let tenants: BTreeSet<TenantId> = tenancies.keys().cloned().collect();
    let policies = books::policies(tx, &tenants).await?;
    let mut heads = books::heads(tx, &tenants).await?;
    let default = Policy::default();
    watch.lap(LOOK_UP);
    // While a rebuild folds facts, nothing is valued, posted or shown: it settles every case once they are all there.
    let (cases, goods, cards) = match stage {
        Stage::Live | Stage::Shadow => stock::value_goods(tx, &mut tenancies, noted, &policies).await?,
        Stage::Rebuilding => (stock::Cases::new(), stock::Goods::default(), stock::Changes::noting(noted)),
    };
    watch.lap("goods");
    let mut posted = Written::default();
    for (tenant, tenancy) in &mut tenancies {
        let policy = policies.get(tenant).unwrap_or(&default);
        let Some(head) = heads.get_mut(tenant) else { continue };
        for case in cases.get(tenant).into_iter().flatten() {
            if stage == Stage::Shadow {
                tenancy.desk.look_over(case, policy, &goods.of(tenant, case));
                continue;
            }
            match tenancy.desk.settle(case, policy, &goods.of(tenant, case), tenancy.recorded, head) {
                Ok(numbered) => {
                    for transaction in numbered {
                        posted.add(tenant, tenancy.partition, transaction)?;
                    }
                }
                Err(unpostable) => return Err(DbError::Misfit { what: unpostable.to_string() }),
            }
            tokio::task::yield_now().await;
        }
    }
    let views = view_rows(&tenancies, &cases, &policies).await;
    let (parts, replaced) = (part_rows(&tenancies).await?, replaced_rows(&tenancies));
    watch.lap(DECIDE);
    posted.number_positions(tx).await?;
    watch.lap(LOOK_UP);
    Ok(Entries { cards, posted, heads, views, parts, replaced })
}

async fn view_rows(tenancies: &Tenancies, cases: &stock::Cases, policies: &BTreeMap<TenantId, Policy>) -> ViewRows {
    let (mut rows, default) = (ViewRows::default(), Policy::default());
    for (tenant, tenancy) in tenancies {
        let policy = policies.get(tenant).unwrap_or(&default);
        for case in cases.get(tenant).into_iter().flatten() {
            views::add(&mut rows, tenant, &tenancy.desk, case, policy);
            tokio::task::yield_now().await;
        }
    }
    rows
}

async fn part_rows(tenancies: &Tenancies) -> Result<PartRows, DbError> {
    let mut rows = PartRows::default();
    for (tenant, tenancy) in tenancies {
        for (key, held) in tenancy.desk.changed() {
            rows.add(tenant, key, &held.part, &held.posted, held.parked.as_deref(), held.stored_names())?;
            tokio::task::yield_now().await;
        }
    }
    Ok(rows)
}

/// The parts of a batch whose detail was replaced by it.
fn replaced_rows(tenancies: &Tenancies) -> ReplacedRows {
    let mut rows = ReplacedRows::default();
    for (tenant, tenancy) in tenancies {
        for (key, _) in tenancy.desk.changed().filter(|(_, held)| held.part.replaced().is_some()) {
            rows.add(tenant, key);
        }
    }
    rows
}

/// What a batch posts, over all tenants.
#[derive(Default)]
struct Written {
    rows: Vec<JournalRow>,
    balances: BalancesByDayKnown,
    /// By partition, its last place.
    reached: BTreeMap<u32, u64>,
}

impl Written {
    fn add(&mut self, tenant: &TenantId, partition: u32, numbered: Numbered) -> Result<(), DbError> {
        let Numbered { posted, body, link } = numbered;
        let known = posted.recorded.day(BusinessZone::UTC);
        let balances = self.balances.entry((tenant.clone(), known)).or_default();
        let overflow = |_| DbError::Misfit { what: "a day's balance does not fit 64 bits of minor units".to_owned() };
        balances.add(&posted.transaction).map_err(overflow)?;
        self.rows.push(row(tenant, partition, &posted, body, link));
        Ok(())
    }

    /// Gives each transaction its place in its partition.
    async fn number_positions(&mut self, tx: &mut Tx) -> Result<(), DbError> {
        let partitions: BTreeSet<u32> = self.rows.iter().map(|row| row.partition).collect();
        let mut reached = books::positions(tx, &partitions).await?;
        for row in &mut self.rows {
            let position: &mut u64 = reached.entry(row.partition).or_default();
            *position = position.saturating_add(1);
            row.position = *position;
        }
        self.reached = reached;
        Ok(())
    }

    /// What was read from the ledger topic need not be published again.
    async fn mark_relayed(&self, tx: &mut Tx) -> Result<(), DbError> {
        let last: BTreeMap<u32, &JournalRow> = self.rows.iter().map(|row| (row.partition, row)).collect();
        for (partition, row) in last {
            books::relayed(tx, partition, row.position, row.link).await?;
        }
        Ok(())
    }

    async fn save(&self, tx: &mut Tx, heads: &BTreeMap<TenantId, Head>) -> Result<(), DbError> {
        let posting: BTreeSet<&TenantId> = self.rows.iter().map(|row| &row.tenant).collect();
        let moved = heads.iter().filter(|(tenant, _)| posting.contains(tenant));
        books::append_journal(tx, &self.rows).await?;
        books::save_positions(tx, &self.reached).await?;
        books::save_heads(tx, &moved.map(|(tenant, head)| (tenant.clone(), *head)).collect()).await?;
        books::add_balances(tx, &self.balances).await
    }
}

fn row(tenant: &TenantId, partition: u32, posted: &Posted, body: Vec<u8>, link: ledger::ChainHash) -> JournalRow {
    JournalRow {
        tenant: tenant.clone(),
        number: posted.number,
        partition,
        position: 0,
        part: posted.part.to_string(),
        effective: posted.transaction.effective(),
        recorded: posted.recorded,
        entries: books::entries_json(&posted.transaction),
        body,
        link,
    }
}
