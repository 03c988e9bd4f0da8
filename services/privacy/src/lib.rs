//! The erasure service: a person's keys are destroyed, the log says so, and a crash anywhere in between is made good.
//!
//! The steps of an erasure, each durable before the next:
//!
//! 1. the request is recorded in the key store: from here on it happens;
//!    - unless something holds them, what waits in quarantine and names them is destroyed (module `inputs`), while it can be told;
//! 2. the keys are destroyed and the subject becomes a tombstone, in one transaction;
//! 3. `SubjectErased` is appended to the privacy topic, from which every read model learns it;
//! 4. the request is marked as announced.
//!
//! [`resume`] goes on from whichever step was the last. The event depends on nothing but what step 2 recorded, so saying
//! it twice is saying it once.

pub mod archive;
pub mod book_holds;
pub mod certificate;
pub mod closure;
mod epochs;
pub mod financial;
mod inputs;
mod pass;
pub mod person;
pub mod requests;
pub mod retention;
mod traces;
mod watch;

pub use epochs::{CopiesError, KeepEpochsError, Kept, copies, keep_epochs};
pub use inputs::{CountError, InputsError, Older, Reached, older};
pub use watch::Watch;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use commerce::{Fact, SubjectErased, SubjectId, TenantId};
use event_log::{AppendError, EventLog};
use events::{Event, Source};
use ledger::Timestamp;
use store::books;
use store::db::{Db, DbError};
use store::keys::{
    EraseSubjectError, Erased, Erasure, ErasureReason, KeyStore, KeyStoreError, Moved, RetentionClass, Stage,
};
use tokio_util::sync::CancellationToken;

use inputs::{Stores, Wish};

/// What [`run`] works on.
#[derive(Clone)]
pub struct Config {
    /// Whose keys are destroyed.
    pub keys: KeyStore,
    /// Where it is announced.
    pub log: EventLog,
    /// The read models, where shops' requests wait.
    pub db: Db,
    /// How often unfinished erasures are looked for.
    pub every: Duration,
}

/// Proof of an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Whose customer.
    pub tenant: TenantId,
    /// Who, by the random id that says nothing about the person.
    pub subject: SubjectId,
    /// Since when their data is unreadable, and whether that happened only now.
    pub erased: Erased,
    /// What was done now about input in quarantine that names them.
    pub inputs: Reached,
}

/// What became of each of many erasures.
pub type Outcomes = BTreeMap<SubjectId, Result<Receipt, EraseError>>;

/// How many erasures of a tenant take their steps together.
const TOGETHER: usize = 500;

/// Why an erasure is not finished. Unless nobody is known by that id, it is on record and [`resume`] finishes it.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The keys could not be destroyed, or it could not be recorded.
    #[error(transparent)]
    Keys(#[from] EraseSubjectError),
    /// Whether input in quarantine names them could not be told, so nothing is destroyed yet.
    #[error(transparent)]
    Inputs(#[from] InputsError),
    /// The keys are destroyed; the log could not be told.
    #[error("the keys are destroyed, but the log did not take the news: {0}")]
    Announce(#[from] AppendError),
}

/// Why unfinished erasures were not all finished.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The list of them could not be read.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// Some failed again; the others are finished.
    #[error("{failed} erasures could not be finished, the first because: {first}")]
    Unfinished {
        /// How many.
        failed: usize,
        /// What stopped the first of them.
        first: EraseError,
    },
}

/// Erases a subject, start to finish. Doing it again changes nothing and says when it was done.
pub async fn erase(
    keys: &KeyStore,
    log: &EventLog,
    db: &Db,
    tenant: &TenantId,
    subject: SubjectId,
    reason: ErasureReason,
    now: Timestamp,
) -> Result<Receipt, EraseError> {
    let mut outcomes = reach_and_finish(Stores { keys, log, db }, tenant, &[subject], reason, now).await?;
    outcomes.remove(&subject).unwrap_or(Err(EraseSubjectError::UnknownSubject.into()))
}

/// Erases many subjects of a tenant, start to finish; what became of each. Each step is taken by many together, so that
/// what it waits for, mostly the disk, it waits for once. If they fail together each is tried by itself.
pub async fn erase_all(
    keys: &KeyStore,
    log: &EventLog,
    db: &Db,
    tenant: &TenantId,
    subjects: &[SubjectId],
    reason: ErasureReason,
    now: Timestamp,
) -> Outcomes {
    let mut outcomes = Outcomes::new();
    for some in subjects.chunks(TOGETHER) {
        if let Ok(done) = reach_and_finish(Stores { keys, log, db }, tenant, some, reason, now).await {
            outcomes.extend(done);
            continue;
        }
        for subject in some {
            outcomes.insert(*subject, erase(keys, log, db, tenant, *subject, reason, now).await);
        }
    }
    outcomes
}

/// Puts the erasures of all of these on record, destroys what waits in quarantine and names one of those who are due, and finishes these.
/// Whoever is held is not, also if the hold ends meanwhile: they were not looked for in the quarantine. [`resume`] finishes them.
async fn reach_and_finish(
    stores: Stores<'_>,
    tenant: &TenantId,
    subjects: &[SubjectId],
    reason: ErasureReason,
    now: Timestamp,
) -> Result<Outcomes, EraseError> {
    let Stores { keys, log, .. } = stores;
    let known = keys.request_erasures(tenant, subjects, reason, now).await.map_err(inputs::of_keys)?;
    let wishes = wishes(keys, tenant, subjects, now).await?;
    let reached = inputs::reach(stores, tenant, &wishes, now).await?;
    let sought: BTreeSet<SubjectId> = wishes.iter().map(|wish| wish.subject).collect();
    let (mut going, mut outcomes) = (Vec::new(), Outcomes::new());
    for subject in subjects {
        if sought.contains(subject) {
            going.push(*subject);
        } else if !known.contains_key(subject) {
            outcomes.insert(*subject, Err(EraseSubjectError::UnknownSubject.into()));
        } else {
            let on_record = keys.erasure_of(tenant, *subject).await.map_err(inputs::of_keys)?;
            match on_record.filter(|one| one.stage == Stage::Requested) {
                Some(_) => drop(outcomes.insert(*subject, Err(waits(keys, tenant, *subject, now).await?))),
                None => going.push(*subject),
            }
        }
    }
    let finished = finish(keys, log, tenant, &going, now).await;
    // One look was for all of them: of a single one it says what came of it.
    let inputs = if subjects.len() == 1 { reached } else { Reached::default() };
    outcomes.extend(finished.into_iter().map(|(one, done)| (one, done.map(|receipt| Receipt { inputs, ..receipt }))));
    Ok(outcomes)
}

/// Why somebody's erasure, which is on record, waits.
async fn waits(
    keys: &KeyStore,
    tenant: &TenantId,
    subject: SubjectId,
    now: Timestamp,
) -> Result<EraseError, EraseError> {
    let holds = keys.holds(tenant, now).await.map_err(inputs::of_keys)?;
    let last = holds.iter().filter(|hold| hold.subject == subject).max_by_key(|hold| hold.until);
    // Ended just now.
    Ok(last
        .map_or(EraseSubjectError::NotDue, |hold| EraseSubjectError::Held { reason: hold.reason, until: hold.until })
        .into())
}

/// Those of these subjects whose erasure is on record and due.
async fn wishes(
    keys: &KeyStore,
    tenant: &TenantId,
    subjects: &[SubjectId],
    now: Timestamp,
) -> Result<Vec<Wish>, EraseError> {
    let asked: BTreeSet<SubjectId> = subjects.iter().copied().collect();
    let mut due = keys.due_erasures(now).await.map_err(inputs::of_keys)?;
    due.retain(|erasure| erasure.tenant == *tenant && asked.contains(&erasure.subject));
    wishes_of(keys, tenant, &due, now).await.map_err(inputs::of_keys)
}

/// Finishes what was begun before a crash, while something was unavailable or under a hold that has ended; gives how many
/// erasures that were. One that fails does not keep the others waiting.
pub async fn resume(keys: &KeyStore, log: &EventLog, db: &Db, now: Timestamp) -> Result<usize, ResumeError> {
    resume_but(keys, log, db, &BTreeSet::new(), now).await
}

/// The same, but for some who are not to be erased now.
async fn resume_but(
    keys: &KeyStore,
    log: &EventLog,
    db: &Db,
    spared: &BTreeSet<(TenantId, SubjectId)>,
    now: Timestamp,
) -> Result<usize, ResumeError> {
    let (mut finished, mut failures) = (0, Vec::new());
    let mut due: BTreeMap<TenantId, Vec<Erasure>> = BTreeMap::new();
    for erasure in keys.due_erasures(now).await? {
        if spared.contains(&(erasure.tenant.clone(), erasure.subject)) {
            continue;
        }
        due.entry(erasure.tenant.clone()).or_default().push(erasure);
    }
    for (tenant, mut erasures) in due {
        let wishes = wishes_of(keys, &tenant, &erasures, now).await?;
        if let Err(error) = inputs::reach(Stores { keys, log, db }, &tenant, &wishes, now).await {
            failures.push(error);
            // What was destroyed before can be announced all the same.
            erasures.retain(|erasure| erasure.stage != Stage::Requested);
        }
        let subjects: Vec<SubjectId> = erasures.iter().map(|erasure| erasure.subject).collect();
        for outcome in finish(keys, log, &tenant, &subjects, now).await.into_values() {
            match outcome {
                Ok(_) => finished += 1,
                // They have ordered since, or somebody has just held them.
                Err(EraseError::Keys(
                    EraseSubjectError::NotDue | EraseSubjectError::Held { .. } | EraseSubjectError::Restricted,
                )) => {}
                Err(error) => failures.push(error),
            }
        }
    }
    let failed = failures.len();
    match failures.into_iter().next() {
        Some(first) => Err(ResumeError::Unfinished { failed, first }),
        None => Ok(finished),
    }
}

/// The people among a tenant's unfinished erasures whose keys are still there. Inputs name nobody whom anybody sought by them.
async fn wishes_of(
    keys: &KeyStore,
    tenant: &TenantId,
    erasures: &[Erasure],
    now: Timestamp,
) -> Result<Vec<Wish>, KeyStoreError> {
    let requested = || erasures.iter().filter(|erasure| erasure.stage == Stage::Requested);
    let inputs = keys.inputs_among(tenant, &requested().map(|erasure| erasure.subject).collect()).await?;
    let limits = keys.retention(tenant).await?;
    let limit = limits.iter().find(|limit| limit.class == RetentionClass::Customers);
    let first_kept = limit.map(|limit| limit.days.first_month_kept(now));
    let wish = |erasure: &Erasure| Wish {
        subject: erasure.subject,
        reason: erasure.reason,
        first_kept: first_kept.clone().filter(|_| erasure.reason == ErasureReason::Retention),
    };
    Ok(requested().filter(|erasure| !inputs.contains(&erasure.subject)).map(wish).collect())
}

/// Erases the people whose shop asked for it (`customers/redact`) and who are not erased yet; answers how many. A request
/// that names nobody known here has nothing to erase.
pub async fn answer_redactions(
    keys: &KeyStore,
    log: &EventLog,
    db: &Db,
    now: Timestamp,
) -> Result<usize, RedactionError> {
    let (mut waiting, mut unsaid): (BTreeMap<TenantId, Vec<SubjectId>>, _) = (BTreeMap::new(), None);
    for (tenant, subject) in books::redactions_waiting(db).await? {
        let on_record = keys.erasure_of(&tenant, subject).await.map_err(inputs::of_keys)?;
        // Done already, and the read models have yet to hear of it; or it waits, and goes on by itself.
        if on_record.is_some_and(|one| one.reason != ErasureReason::Retention || one.stage != Stage::Requested) {
            continue;
        }
        match book_holds::look(keys, db, &tenant, subject, now).await {
            Ok(()) => waiting.entry(tenant).or_default().push(subject),
            Err(error) => unsaid = unsaid.or(Some(error)),
        }
    }
    let (mut erased, mut failure) = (0, None);
    for (tenant, subjects) in waiting {
        // One that fails does not hold up the others.
        for outcome in erase_all(keys, log, db, &tenant, &subjects, ErasureReason::Shop, now).await.into_values() {
            match outcome {
                Ok(_) => erased += 1,
                // On record; done when the hold ends. Or of nobody whom a restored key store knows.
                Err(EraseError::Keys(EraseSubjectError::Held { .. } | EraseSubjectError::UnknownSubject)) => {}
                Err(error) => failure = failure.or(Some(error)),
            }
        }
    }
    match (failure, unsaid) {
        (Some(error), _) => Err(error.into()),
        (None, Some(error)) => Err(error.into()),
        (None, None) => Ok(erased),
    }
}

/// Why redactions are still waiting. They are tried again.
#[derive(Debug, thiserror::Error)]
pub enum RedactionError {
    /// The read models, where requests wait.
    #[error(transparent)]
    Db(#[from] DbError),
    /// An erasure.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// What the books say of somebody who may have to be held.
    #[error(transparent)]
    BookHolds(#[from] book_holds::BookHoldsError),
}

/// Finishes unfinished erasures, answers shops' requests for erasure, warns of unusual access, keeps the key epochs and the
/// time limits, now and every so often, until it is told to stop.
pub async fn run(config: Config, shutdown: CancellationToken) {
    tokio::join!(
        erase_often(&config, &shutdown),
        rotate_often(&config, &shutdown),
        pass::expire_often(&config, &shutdown)
    );
}

/// How often the epochs are looked after. They last hours and days.
const EPOCHS_EVERY: Duration = Duration::from_secs(60);

async fn rotate_often(config: &Config, shutdown: &CancellationToken) {
    let mut ticks = tokio::time::interval(EPOCHS_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        match keep_epochs(&config.keys, now()).await {
            Ok(kept) if kept == Kept::default() => {}
            Ok(Kept { reconciled, begun, moved, destroyed }) => {
                let (begun, destroyed) = (begun.map(|epoch| epoch.0), destroyed.len());
                let Moved { pages, keys, damaged, .. } = moved;
                tracing::info!(reconciled, begun, pages, keys, damaged, destroyed, "looked after the key epochs");
            }
            Err(error) => tracing::warn!(%error, "the key epochs are not as they should be; trying again"),
        }
    }
}

async fn erase_often(config: &Config, shutdown: &CancellationToken) {
    let mut watch = Watch::default();
    let mut deadlines = requests::Deadlines::default();
    let mut ticks = tokio::time::interval(config.every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        go_on(config).await;
        // Before shops' wishes are answered: each has its record first, and is closed when they are.
        requests::receive(config).await;
        match answer_redactions(&config.keys, &config.log, &config.db, now()).await {
            Ok(0) => {}
            Ok(erased) => tracing::info!(erased, "erased people whose shop asked for it"),
            Err(error) => tracing::warn!(%error, "requests for erasure are waiting; trying again"),
        }
        requests::attend(config, &mut deadlines, now()).await;
        match closure::answer_shops(&config.keys, &config.db, now()).await {
            Ok(0) => {}
            Ok(closed) => tracing::info!(closed, "closed accounts whose shop asked for it"),
            Err(error) => tracing::warn!(%error, "accounts are not closed as they should be; trying again"),
        }
        match watch.look(&config.keys, now()).await {
            Ok(unusual) => unusual.iter().for_each(watch::warn),
            Err(error) => tracing::warn!(%error, "the access log could not be watched; trying again"),
        }
    }
}

/// Finishes what was interrupted, but for those of whom the books did not say whether they are to be held.
async fn go_on(config: &Config) {
    let spared = match book_holds::look_at_waiting(&config.keys, &config.db, now()).await {
        Ok((spared, failure)) => {
            if let Some(error) = failure {
                tracing::warn!(%error, "the books could not be asked whom to hold; trying again");
            }
            spared
        }
        Err(error) => {
            tracing::warn!(%error, "erasures are still unfinished; trying again");
            return;
        }
    };
    match resume_but(&config.keys, &config.log, &config.db, &spared, now()).await {
        Ok(0) => {}
        Ok(finished) => tracing::info!(finished, "finished erasures that had been interrupted"),
        Err(error) => tracing::warn!(%error, "erasures are still unfinished; trying again"),
    }
}

/// Finishes what is on record, many at a time, once input that names them is destroyed: steps 2 to 4. If these fail together, each is
/// tried by itself: one that fails does not hold up the others.
pub(crate) async fn finish(
    keys: &KeyStore,
    log: &EventLog,
    tenant: &TenantId,
    subjects: &[SubjectId],
    now: Timestamp,
) -> Outcomes {
    let mut outcomes = Outcomes::new();
    for some in subjects.chunks(TOGETHER) {
        match finish_together(keys, log, tenant, some, now).await {
            Ok(done) => outcomes.extend(done),
            Err(_) => {
                for subject in some {
                    outcomes.insert(*subject, finish_one(keys, log, tenant, *subject, now).await);
                }
            }
        }
    }
    outcomes
}

/// The same for one.
pub(crate) async fn finish_one(
    keys: &KeyStore,
    log: &EventLog,
    tenant: &TenantId,
    subject: SubjectId,
    now: Timestamp,
) -> Result<Receipt, EraseError> {
    let mut outcomes = finish_together(keys, log, tenant, &[subject], now).await?;
    outcomes.remove(&subject).unwrap_or(Err(EraseSubjectError::UnknownSubject.into()))
}

async fn finish_together(
    keys: &KeyStore,
    log: &EventLog,
    tenant: &TenantId,
    subjects: &[SubjectId],
    now: Timestamp,
) -> Result<Outcomes, EraseError> {
    let destroyed = keys.destroy_all(tenant, subjects, now).await?;
    let erased: Vec<(SubjectId, Timestamp)> =
        destroyed.iter().filter_map(|(subject, done)| Some((*subject, done.as_ref().ok()?.at()))).collect();
    fail::fail_point!("privacy::destroyed");
    if !erased.is_empty() {
        log.append(erased.iter().map(|(subject, at)| announcement(tenant, *subject, *at).encode()).collect()).await?;
        fail::fail_point!("privacy::announced");
        let subjects: Vec<SubjectId> = erased.into_iter().map(|(subject, _)| subject).collect();
        keys.mark_all_announced(tenant, &subjects).await.map_err(EraseSubjectError::from)?;
    }
    let receipt = |(subject, done): (SubjectId, Result<Erased, EraseSubjectError>)| {
        let receipt =
            done.map(|erased| Receipt { tenant: tenant.clone(), subject, erased, inputs: Reached::default() });
        (subject, receipt.map_err(EraseError::from))
    };
    Ok(destroyed.into_iter().map(receipt).collect())
}

/// The same event however often it is made: its time is that of the erasure.
fn announcement(tenant: &TenantId, subject: SubjectId, erased_at: Timestamp) -> Event {
    let fact = Fact::SubjectErased(SubjectErased { erased_at, subject });
    Event::fact(tenant.clone(), Source::DAYBOOK, erased_at, fact, Vec::new())
}

/// The wall clock, in microseconds since 1970.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Config {{ every: {:?} }}", self.every)
    }
}

#[cfg(test)]
mod tests;
