//! Verification: every invariant that a running system can check of itself, with its figures, and the first places where it
//! does not hold. Reads only; memory is that of a page and of the balances.

mod alerts;
mod alone;
mod hash;
pub(crate) mod log;
mod months;
mod places;
mod reversals;
mod stock;
mod totals;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use commerce::TenantId;
use event_log::EventLog;
use ledger::{Account, BusinessZone, ChainHash, Currency, Total, Transaction, TrialBalance};
use store::books::{
    self, BalancesByDayKnown, ChainAudit, Chained, Head, JournalRow, PartScan, Projection, RemovedRow, SetHash,
};
use store::db::{Db, DbError};

use crate::{ProcessError, books as bookkeeper};

pub use alone::verify_books;
pub use hash::{BooksHash, books_hash};

/// Where an invariant does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The place: tenant and number, topic, partition and offset, account and day.
    pub place: String,
    /// What is wrong there.
    pub problem: String,
}

/// One invariant and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invariant {
    /// What must hold.
    pub name: &'static str,
    /// What was counted while checking it.
    pub figures: String,
    /// Where it does not hold; the first of them.
    pub findings: Vec<Finding>,
}

/// Everything that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// In the order of the design's list.
    pub invariants: Vec<Invariant>,
}

impl Report {
    /// True when nothing was found.
    pub fn holds(&self) -> bool {
        self.invariants.iter().all(|invariant| invariant.findings.is_empty())
    }
}

/// Findings kept for each invariant; the first say enough.
const FINDINGS: usize = 20;

/// Collects findings up to [`FINDINGS`].
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, place: impl Into<String>, problem: impl Into<String>) {
        if self.0.len() < FINDINGS {
            self.0.push(Finding { place: place.into(), problem: problem.into() });
        }
    }
}

/// How often everything is checked again because the processor was at work meanwhile.
const PASSES: usize = 5;

/// Checks everything. `progress` hears after every page how many records or rows were looked at.
///
/// The checks read page by page, so a processor at work moves what they compare. Findings of a pass during which a
/// checkpoint moved are checked again, up to [`PASSES`] times; what is found in a quiet pass, or in the last, stands.
pub async fn verify(log: &EventLog, db: &Db, progress: &mut (dyn FnMut(u64) + Send)) -> Result<Report, ProcessError> {
    let mut report = Report::default();
    for _ in 0..PASSES {
        let before = books::progress(db).await?;
        report = pass(log, db, progress).await?;
        if report.holds() || books::progress(db).await? == before {
            break;
        }
    }
    Ok(report)
}

async fn pass(log: &EventLog, db: &Db, progress: &mut (dyn FnMut(u64) + Send)) -> Result<Report, ProcessError> {
    let folded = books::checkpoints(db, Projection::Quarantine.name()).await?;
    let records = log::records(log, &folded, progress).await?;
    let journal = read_journal(db, None, progress).await?;
    let heads = books::all_heads(db).await?;
    let invariants = vec![
        records.intact,
        chain(&journal, &heads),
        log::relayed(log, records.chains, &heads, &books::relays(db).await?),
        journal.reversals.invariant(),
        balanced(&journal)?,
        stored_balances(db, &journal, None).await?,
        months::summed(db, &journal.balances, None).await?,
        sub_ledgers(db, &journal, None).await?,
        stock::goods_are_worth_what_the_ledger_says(db, &journal, None, progress).await?,
        desired_is_posted(log, db, None, progress).await?,
        standing_is_held(db, &journal, None).await?,
        totals::stand_for_what_they_replaced(db, None).await?,
        alerts::low_levels_are_told(db, records.alerts).await?,
        waiting::nothing_is_lost(db, records.quarantined).await?,
        erased_stay_erased(db).await?,
    ];
    Ok(Report { invariants })
}

/// What one pass over the journal found.
struct JournalRead {
    balances: BalancesByDayKnown,
    /// The recomputed end of each chain.
    ends: BTreeMap<TenantId, Head>,
    transactions: u64,
    /// Transactions of which only the place in the chain is left, because totals stand for them.
    removed: u64,
    /// What was posted and not reversed: each number with its transaction.
    standing: SetHash,
    chain: Findings,
    reversals: reversals::Reversals,
    overflow: Findings,
}

/// Whether a check that is about one tenant, or about all, is about this one.
fn concerns(asked: Option<&TenantId>, tenant: &TenantId) -> bool {
    asked.is_none_or(|asked| asked == tenant)
}

async fn read_journal(
    db: &Db,
    tenant: Option<&TenantId>,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<JournalRead, ProcessError> {
    let mut read = JournalRead {
        // What was removed is in the balances still.
        balances: removed_balances(db, tenant).await?,
        ends: BTreeMap::new(),
        transactions: 0,
        removed: 0,
        standing: SetHash::default(),
        chain: Findings::default(),
        reversals: reversals::Reversals::default(),
        overflow: Findings::default(),
    };
    let mut places = places::Places::new(books::relays(db).await?);
    let mut scan = ChainAudit::new(db, tenant);
    loop {
        let rows = scan.next().await?;
        if rows.is_empty() {
            totals::cancels_out(&mut read, db, tenant).await?;
            return Ok(read);
        }
        progress(rows.len() as u64);
        for row in rows {
            match row {
                Ok(Chained::Stored(row)) => read.take(row, &mut places),
                Ok(Chained::Removed(row)) => read.take_removed(&row, &mut places),
                Err(damaged) => read.chain.add(damaged.place, damaged.problem),
            }
        }
    }
}

impl JournalRead {
    fn take(&mut self, row: JournalRow, places: &mut places::Places) {
        let place = format!("journal of {}, number {}", row.tenant, row.number);
        self.transactions += 1;
        let end = self.ends.entry(row.tenant.clone()).or_insert(Head::GENESIS);
        if let Some(problem) = link_problem(*end, row.number, &row.body, row.link) {
            self.chain.add(&place, problem);
        }
        if let Some(problem) = places.problem(&row.tenant, row.partition, row.position) {
            self.chain.add(&place, problem);
        }
        // The stored link, so that one broken row is named once and not every row after it.
        *end = Head { number: row.number, link: row.link };
        let Ok(posted) = events::posted_from_bytes(&row.body) else {
            self.chain.add(&place, "the stored bytes are not a balanced transaction");
            return;
        };
        let columns = (posted.number, posted.part.as_str(), posted.transaction.effective(), posted.recorded);
        if columns != (row.number, row.part.as_str(), row.effective, row.recorded) {
            self.chain.add(&place, "the row's columns are not what its stored bytes say");
        }
        match posted.reverses {
            Some(undone) => self.standing.remove(standing(&row.tenant, undone, &posted.transaction.reversal()).parts()),
            None => self.standing.add(standing(&row.tenant, posted.number, &posted.transaction).parts()),
        }
        if row.entries != books::entries_json(&posted.transaction) {
            self.chain.add(&place, "the row's entries are not what its stored bytes say");
        }
        self.reversals.take(&row.tenant, &posted, &place);
        let at = (row.tenant, row.recorded.day(BusinessZone::UTC));
        if self.balances.entry(at).or_default().add(&posted.transaction).is_err() {
            self.overflow.add(&place, "a day's balance does not fit 64 bits");
        }
    }
}

async fn removed_balances(db: &Db, tenant: Option<&TenantId>) -> Result<BalancesByDayKnown, DbError> {
    let mut removed = books::removed_balances(db).await?;
    removed.retain(|(of, _), _| concerns(tenant, of));
    Ok(removed)
}

/// A transaction that stands, as the parts of a set's element.
struct Standing {
    tenant: TenantId,
    number: [u8; 8],
    transaction: String,
}

impl Standing {
    fn parts(&self) -> [&[u8]; 3] {
        [self.tenant.as_str().as_bytes(), &self.number, self.transaction.as_bytes()]
    }
}

fn standing(tenant: &TenantId, number: u64, transaction: &Transaction) -> Standing {
    // A reversal in a closed period counts on another day than what it undoes, so that day is no part of what stands; the balances
    // by day are compared by themselves.
    let transaction = transaction.clone().effective_on(transaction.occurred());
    // The derived form names every field, and is only compared within one run of this program.
    Standing { tenant: tenant.clone(), number: number.to_be_bytes(), transaction: format!("{transaction:?}") }
}

/// What the cases hold as posted must be what the journal says stands: corrections start from it.
async fn standing_is_held(
    db: &Db,
    journal: &JournalRead,
    tenant: Option<&TenantId>,
) -> Result<Invariant, ProcessError> {
    let (mut held, mut count) = (SetHash::default(), 0_u64);
    each_part(db, |row| {
        for live in row.posted.values().filter(|_| concerns(tenant, &row.tenant)) {
            held.add(standing(&row.tenant, live.number, &live.transaction).parts());
            count += 1;
        }
        Ok(())
    })
    .await?;
    let mut findings = Findings::default();
    if held != journal.standing {
        findings
            .add("cases", "what they hold as posted is not what the journal says stands: run `daybook rebuild books`");
    }
    let figures = format!("{count} transactions stand");
    Ok(Invariant { name: "cases hold what the journal says stands", figures, findings: findings.0 })
}

fn link_problem(end: Head, number: u64, body: &[u8], link: ChainHash) -> Option<String> {
    let expected = end.number.saturating_add(1);
    match () {
        () if number != expected => Some(format!("number {expected} is missing before it")),
        () if end.link.then(body) != link => Some("the stored bytes do not match their link in the chain".to_owned()),
        () => None,
    }
}

fn chain(journal: &JournalRead, heads: &BTreeMap<TenantId, Head>) -> Invariant {
    let mut findings = Findings(journal.chain.0.clone());
    for tenant in journal.ends.keys().chain(heads.keys()).collect::<BTreeSet<_>>() {
        if journal.ends.get(tenant) != heads.get(tenant) {
            let number = |head: Option<&Head>| head.map_or(0, |head| head.number);
            let (ends, says) = (number(journal.ends.get(tenant)), number(heads.get(tenant)));
            let problem = format!("the chain ends at number {ends}, and not where its head says, at number {says}");
            findings.add(format!("journal of {tenant}"), problem);
        }
    }
    Invariant {
        name: "journals are gapless and chained",
        figures: format!(
            "{} transactions in {} journals, {} of them replaced by totals",
            journal.transactions,
            journal.ends.len(),
            journal.removed
        ),
        findings: findings.0,
    }
}

/// Every tenant's totals by account and currency.
fn totals(balances: &BalancesByDayKnown) -> BTreeMap<&TenantId, Vec<(Account, Currency, Total)>> {
    let mut totals: BTreeMap<&TenantId, Vec<_>> = BTreeMap::new();
    for ((tenant, _), balances) in balances {
        let each = balances.iter().map(|((account, currency, _), total)| (account.clone(), *currency, *total));
        totals.entry(tenant).or_default().extend(each);
    }
    totals
}

fn balanced(journal: &JournalRead) -> Result<Invariant, ProcessError> {
    let mut findings = Findings(journal.overflow.0.clone());
    let mut figures = Vec::new();
    for (tenant, totals) in totals(&journal.balances) {
        let mut gross = BTreeMap::new();
        for (_, currency, total) in &totals {
            let sum: &mut (i128, i128) = gross.entry(*currency).or_default();
            *sum = (sum.0 + i128::from(total.debits), sum.1 + i128::from(total.credits));
        }
        for (currency, (debits, credits)) in gross {
            figures.push(format!("{tenant}: {debits} = {credits} minor units of {currency}"));
            if debits != credits {
                findings.add(format!("journal of {tenant}, {currency}"), format!("debits {debits}, credits {credits}"));
            }
        }
        if !TrialBalance::from_totals(totals).is_ok_and(|trial| trial.is_balanced()) {
            findings.add(format!("trial balance of {tenant}"), "debits and credits differ");
        }
    }
    let shown: Vec<String> = figures.iter().take(5).cloned().collect();
    Ok(Invariant {
        name: "debits equal credits per tenant and currency",
        figures: shown.join("; "),
        findings: findings.0,
    })
}

async fn stored_balances(db: &Db, journal: &JournalRead, tenant: Option<&TenantId>) -> Result<Invariant, ProcessError> {
    let mut findings = Findings::default();
    let mut expected = BTreeMap::new();
    for ((tenant, known), balances) in &journal.balances {
        for ((account, currency, day), total) in balances.iter() {
            let at = (tenant.clone(), account.to_string(), currency.to_string(), i64::from(day.0), i64::from(known.0));
            expected.insert(at, *total);
        }
    }
    let mut stored = books::balances(db).await?;
    stored.retain(|(of, ..)| concerns(tenant, of));
    let count = stored.len();
    for (tenant, account, currency, day, known, total) in stored {
        let place = format!("balance of {tenant}, {account}, {currency}, day {day}, known on {known}");
        match expected.remove(&(tenant, account, currency, day, known)) {
            Some(sum) if sum == total => {}
            Some(_) => findings.add(place, "is not the sum of its transactions"),
            None => findings.add(place, "no transaction accounts for it"),
        }
    }
    for (tenant, account, currency, day, known) in expected.keys() {
        let place = format!("balance of {tenant}, {account}, {currency}, day {day}, known on {known}");
        findings.add(place, "is missing");
    }
    Ok(Invariant {
        name: "balances are the sums of the journal",
        figures: format!("{count} balances by account, currency, day, and day known"),
        findings: findings.0,
    })
}

async fn sub_ledgers(db: &Db, journal: &JournalRead, asked: Option<&TenantId>) -> Result<Invariant, ProcessError> {
    let mut findings = Findings::default();
    let mut cash = BTreeMap::new();
    let mut positions = books::outstanding(db).await?;
    positions.retain(|(tenant, ..), _| concerns(asked, tenant));
    for ((tenant, courier, currency), sums) in positions {
        if sums.outstanding != sums.owed {
            let problem = "outstanding is not expected less remitted less fees less written off";
            findings.add(format!("cash on delivery of {tenant}, {courier}, {currency}"), problem);
        }
        if sums.outstanding != 0 {
            cash.insert((tenant, courier, currency), sums.outstanding);
        }
    }
    let (couriers, total): (usize, i128) = (cash.len(), cash.values().map(|sum| i128::from(*sum)).sum());
    for (tenant, totals) in totals(&journal.balances) {
        for row in TrialBalance::from_totals(totals).unwrap_or_default().rows {
            let Some(courier) = row.account.as_str().strip_prefix("assets:cod-receivable:") else { continue };
            let key = (tenant.clone(), courier.to_owned(), row.currency.to_string());
            let (outstanding, receivable) = (cash.remove(&key).unwrap_or(0), row.debit - row.credit);
            if outstanding != receivable {
                let problem = format!("outstanding {outstanding}, receivable in the ledger {receivable}");
                findings.add(format!("cash on delivery of {tenant}, {courier}, {}", row.currency), problem);
            }
        }
    }
    for (tenant, courier, currency) in cash.keys() {
        findings
            .add(format!("cash on delivery of {tenant}, {courier}, {currency}"), "outstanding without a receivable");
    }
    Ok(Invariant {
        name: "cash expected = remitted + fees + written off + outstanding, and equals the ledger's receivable",
        figures: format!("{couriers} couriers' receivables, {total} minor units outstanding"),
        findings: findings.0,
    })
}

/// Recomputes every case's journal and compares it with what stands in the books.
async fn desired_is_posted(
    log: &EventLog,
    db: &Db,
    tenant: Option<&TenantId>,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Invariant, ProcessError> {
    let (mut findings, mut parts, mut after) = (Findings::default(), 0_u64, None);
    loop {
        let mut keys = books::all_keys(db, after.take(), 2_000).await?;
        let Some(last) = keys.last().cloned() else { break };
        keys.retain(|(of, _)| concerns(tenant, of));
        parts += keys.len() as u64;
        progress(keys.len() as u64);
        let tenants = keys.iter().map(|(tenant, _)| (tenant.clone(), log.partition_of(tenant))).collect();
        let shared = Arc::new((tenants, keys.into_iter().collect::<BTreeSet<_>>()));
        let compared = db.run_tx("verify-cases", move |tx| {
            let shared = Arc::clone(&shared);
            Box::pin(async move { bookkeeper::differing(tx, &shared.0, &shared.1).await })
        });
        let differing: Vec<String> = compared.await.map_err(|error: DbError| ProcessError::from(error))?;
        for place in differing {
            findings.add(place, "what is posted is not what its facts imply");
        }
        after = Some(last);
    }
    Ok(Invariant {
        name: "books are a function of facts: what is posted is what the facts imply",
        figures: format!("{parts} parts of cases recomputed"),
        findings: findings.0,
    })
}

async fn erased_stay_erased(db: &Db) -> Result<Invariant, ProcessError> {
    let sql = "SELECT COUNT(*) FROM person WHERE sealed IS NOT NULL AND EXISTS (SELECT 1 FROM erased_subject \
               WHERE erased_subject.tenant = person.tenant AND erased_subject.subject = person.subject)";
    let kept = db.query(sql, vec![]).await?.first().map_or(Ok(0), |row| row.int(0))?;
    let erased =
        db.query("SELECT COUNT(*) FROM erased_subject", vec![]).await?.first().map_or(Ok(0), |row| row.int(0))?;
    let mut findings = Findings::default();
    if kept > 0 {
        findings.add("person", format!("{kept} boxes of erased subjects are still in a read model"));
    }
    Ok(Invariant {
        name: "erased stays erased",
        figures: format!("{erased} erased subjects, {kept} boxes kept of them"),
        findings: findings.0,
    })
}

/// The tables of the journal and the pages of parts that the hashes read.
async fn each_part(db: &Db, mut look: impl FnMut(&books::PartRow) -> Result<(), DbError>) -> Result<(), ProcessError> {
    let mut scan = PartScan::new(db);
    loop {
        let rows = scan.next().await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            look(row)?;
        }
    }
}
