//! An erasure reaches input that was not understood. What waits in quarantine may name anybody, and nobody has read it: so before
//! somebody's keys are destroyed, what they are surely known by is looked for in it, and the inputs that name them go first.
//!
//! 1. What the people of a pass are known by is gathered, while their own boxes still open: numbers and names of their orders,
//!    their customer id, phones and e-mail addresses.
//! 2. Everything that waits is opened once for all of them, piece by piece: what is listed, and what lies on the log behind the
//!    list, which may lag or be folded anew at the time.
//! 3. The key of each input that names one of them is destroyed, and the log is told that it has left the list.
//!
//! A crash anywhere costs nothing: as long as a person is not erased their inputs are looked for again, and what was destroyed
//! before is only taken off the list then. With nothing in quarantine a pass costs two small queries and a look at the log's end.
//!
//! Input that earlier versions took in is sealed with all others of its month, so it cannot go alone. It is counted, and goes when
//! the time of its month is over.

mod waiting;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use commerce::{OrderId, SubjectId, TenantId};
use connectors::Details;
use event_log::{EventLog, ReadError};
use events::Event;
use ledger::Timestamp;
use store::books::{self, PersonRow, QuarantineRow};
use store::db::{Db, DbError};
use store::keys::{
    AccessBy, Actor, BoxRef, EraseSubjectError, ErasureReason, Field, KeyStore, KeyStoreError, Month, Purpose,
    RetentionClass, RetentionDays, Shown,
};
use subject_keys::Opened;
use uuid::Uuid;

use waiting::{Input, Waiting};

use crate::EraseError;
use crate::traces::{Trace, Traces, of_email, of_number, of_order_name, of_phone, traces};

/// Details of people that are opened at once.
const BOXES: usize = 500;

/// The label of the box that holds a whole body.
const QUARANTINE: &str = "quarantine";

/// Where everything lies.
#[derive(Clone, Copy)]
pub(crate) struct Stores<'a> {
    pub(crate) keys: &'a KeyStore,
    pub(crate) log: &'a EventLog,
    pub(crate) db: &'a Db,
}

/// Somebody who is about to be erased.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) subject: SubjectId,
    pub(crate) reason: ErasureReason,
    /// The first month of which inputs stay. Whoever is erased because their time is over keeps what came since: it is of business
    /// that is not over. Of everybody else nothing stays.
    pub(crate) first_kept: Option<Month>,
}

/// What an erasure did about input that was not understood.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached {
    /// Inputs that named somebody, and that no key opens any more.
    pub destroyed: u64,
    /// Inputs that name somebody and are held: they go when the hold ends.
    pub held: u64,
    /// Inputs that name somebody, of before inputs had a key each.
    pub older: u64,
    /// When the last of these older ones is over.
    pub older_until: Option<Timestamp>,
}

/// Why it could not be told whether input names somebody. Nothing of theirs is destroyed; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum InputsError {
    /// The read models, where the quarantine is listed.
    #[error("the quarantine could not be looked through: {0}")]
    Db(#[from] DbError),
    /// The log, which may have inputs that are not listed yet.
    #[error("the quarantine on the log could not be looked through: {0}")]
    Read(#[from] ReadError),
    /// The read models are folded anew or paused, and do not say what people are known by.
    #[error(
        "the quarantine is looked through when the read models have been folded anew or resumed: the erasure is on record"
    )]
    Folding,
    /// Records that should be there did not come.
    #[error("the quarantine on the log could not be looked through: {left} of its records did not come")]
    Missing {
        /// How many.
        left: u64,
    },
}

/// Destroys what waits in quarantine and names one of these people.
pub(crate) async fn reach(
    stores: Stores<'_>,
    tenant: &TenantId,
    wishes: &[Wish],
    now: Timestamp,
) -> Result<Reached, EraseError> {
    let mut reached = Reached::default();
    if wishes.is_empty() {
        return Ok(reached);
    }
    let mut waiting = Waiting::of(stores, tenant).await?;
    let mut inputs = waiting.next().await?;
    if inputs.is_empty() {
        return Ok(reached);
    }
    if !books::are_whole(stores.db).await.map_err(InputsError::from)? {
        return Err(InputsError::Folding.into());
    }
    let mut search = Search { stores, tenant, wishes, request: Uuid::new_v4(), now, sought: HashMap::new() };
    search.gather().await?;
    while !inputs.is_empty() {
        reached = reached.and(search.through(&inputs).await?);
        inputs = waiting.next().await?;
    }
    if reached != Reached::default() {
        let Reached { destroyed, held, older, .. } = reached;
        let older_until = reached.older_until.map(|at| at.to_string());
        tracing::info!(%tenant, destroyed, held, older, older_until, "input that was not understood named people who are erased");
    }
    Ok(reached)
}

/// When the last input of that time is over that an earlier version sealed with all others of its month.
fn older_until(received_at: Timestamp, days: RetentionDays) -> Timestamp {
    const DAY: i64 = 86_400_000_000;
    let day = received_at.0.div_euclid(DAY);
    let at = |day: i64| Timestamp(day.saturating_mul(DAY));
    let next = (day..=day.saturating_add(31)).find(|day| Month::of(at(*day)) > Month::of(received_at));
    at(next.unwrap_or(day).saturating_add(i64::from(days.get())))
}

/// What waits of a tenant that earlier versions took in, and sealed together by months.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Older {
    /// How many inputs, each of which may name anybody.
    pub inputs: u64,
    /// When the last of them is over.
    pub until: Option<Timestamp>,
}

/// Counts what waits of a tenant that no erasure of one person reaches.
pub async fn older(keys: &KeyStore, db: &Db, tenant: &TenantId) -> Result<Older, CountError> {
    let waiting = books::quarantined_by_subject(db, tenant).await?;
    let own = keys.inputs_among(tenant, &waiting.iter().map(|(subject, ..)| *subject).collect()).await?;
    let limit = quarantine_limit(keys, tenant).await?;
    let mut older = Older::default();
    for (_, inputs, last) in waiting.into_iter().filter(|(subject, ..)| !own.contains(subject)) {
        older.inputs += inputs;
        older.until = older.until.max(limit.map(|days| older_until(last, days)));
    }
    Ok(older)
}

/// Why what waits could not be counted.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    /// The key store did not answer.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The read models did not answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

async fn quarantine_limit(keys: &KeyStore, tenant: &TenantId) -> Result<Option<RetentionDays>, KeyStoreError> {
    let limits = keys.retention(tenant).await?;
    Ok(limits.into_iter().find(|limit| limit.class == RetentionClass::Quarantine).map(|limit| limit.days))
}

/// The people of a pass, and which of them, by their place among the wishes, each trace leads to.
struct Search<'a> {
    stores: Stores<'a>,
    tenant: &'a TenantId,
    wishes: &'a [Wish],
    request: Uuid,
    now: Timestamp,
    sought: HashMap<Trace, BTreeSet<usize>>,
}

impl Search<'_> {
    /// What the people are known by, as far as the read models have it.
    async fn gather(&mut self) -> Result<(), EraseError> {
        let places: BTreeMap<SubjectId, usize> =
            self.wishes.iter().enumerate().map(|(place, wish)| (wish.subject, place)).collect();
        let subjects = places.keys().copied().collect();
        let rows = books::people_of_all(self.stores.db, self.tenant, &subjects).await.map_err(InputsError::from)?;
        let place = |row: &PersonRow| places.get(&row.subject).copied();
        let mut orders: BTreeMap<OrderId, BTreeSet<usize>> = BTreeMap::new();
        for (row, place) in rows.iter().filter_map(|row| Some((row, place(row)?))) {
            self.seek(row.key.about.split('/').filter_map(of_number), place);
            if let Some(order) = order_of(&row.key.about) {
                orders.entry(order).or_default().insert(place);
            }
        }
        let names = books::order_names(self.stores.db, self.tenant, &orders.keys().copied().collect()).await;
        for (order, name) in names.map_err(InputsError::from)? {
            let whose = order.parse().ok().and_then(|order: OrderId| orders.get(&order)).into_iter().flatten();
            whose.for_each(|place| self.seek(of_order_name(&name), *place));
        }
        for some in rows.chunks(BOXES) {
            for (row, details) in some.iter().zip(self.details(some).await?) {
                if let (Some(place), Some(details)) = (place(row), details) {
                    self.seek(details.phone.iter().flat_map(|phone| of_phone(phone)), place);
                    self.seek(details.email.iter().flat_map(|email| of_email(email)), place);
                }
            }
        }
        Ok(())
    }

    fn seek(&mut self, known_by: impl IntoIterator<Item = Trace>, place: usize) {
        for trace in known_by {
            self.sought.entry(trace).or_default().insert(place);
        }
    }

    /// What is in people's own boxes; none for what does not open.
    async fn details(&self, rows: &[PersonRow]) -> Result<Vec<Option<Details>>, EraseError> {
        let sealed = |row: &'_ PersonRow| row.sealed.clone().unwrap_or_default();
        let held: Vec<Vec<u8>> = rows.iter().map(sealed).collect();
        let boxes = rows.iter().zip(&held).map(|(row, sealed)| BoxRef {
            tenant: self.tenant,
            subject: row.subject,
            event: row.event,
            label: &row.key.role,
            sealed,
        });
        let by = self.by(&[Field::Phone, Field::Email]);
        let opened = self.stores.keys.open_many(&boxes.collect::<Vec<_>>(), &by).await.map_err(of_keys)?;
        let read = |opened| match opened {
            Ok(Opened::Clear(details)) => serde_json::from_slice(&details).ok(),
            Ok(Opened::Erased | Opened::Restricted) | Err(_) => None,
        };
        Ok(opened.into_iter().map(read).collect())
    }

    fn by(&self, fields: &'static [Field]) -> AccessBy {
        AccessBy {
            actor: Actor::Daybook,
            purpose: Purpose::erasure(),
            request: self.request,
            at: self.now,
            shown: Shown::Processed,
            fields,
        }
    }

    /// Opens these inputs, and destroys those that name somebody. What no key opens leaves the list too.
    async fn through(&self, inputs: &[Input]) -> Result<Reached, EraseError> {
        let boxes = inputs.iter().map(|Input { row, .. }| BoxRef {
            tenant: self.tenant,
            subject: row.subject,
            event: row.event,
            label: QUARANTINE,
            sealed: &row.sealed,
        });
        let by = self.by(&[Field::Body]);
        let opened = self.stores.keys.open_many(&boxes.collect::<Vec<_>>(), &by).await.map_err(of_keys)?;
        let (mut found, mut gone) = (Vec::new(), Vec::new());
        for (input, opened) in inputs.iter().zip(opened) {
            match opened {
                Ok(Opened::Clear(body)) => {
                    let reason = self.names(&traces(&body), input.row.received_at);
                    found.extend(reason.map(|reason| (input, reason)));
                }
                Ok(Opened::Erased) if input.listed => gone.push(input.row.event),
                // The very same came again after it was erased, and before the list had lost it.
                Err(_) if input.listed && input.row.sealed.is_empty() => gone.push(input.row.event),
                // Not listed, or damaged: reading it again says so.
                Ok(Opened::Erased | Opened::Restricted) | Err(_) => {}
            }
        }
        let (reached, destroyed) = self.destroy(&found).await?;
        gone.extend(destroyed);
        let left = |event: Uuid| Event::redriven(self.tenant.clone(), event, self.now).encode();
        self.stores.log.append(gone.into_iter().map(left).collect()).await?;
        Ok(reached)
    }

    /// Why an input of that time that has these traces is to go: because of the first of the wishes that it is reached by.
    fn names(&self, traces: &Traces, received_at: Timestamp) -> Option<ErasureReason> {
        let month = Month::of(received_at);
        let is_over = |wish: &&Wish| wish.first_kept.as_ref().is_none_or(|first| month < *first);
        let places: BTreeSet<usize> =
            traces.iter().filter_map(|trace| self.sought.get(trace)).flatten().copied().collect();
        places.into_iter().filter_map(|place| self.wishes.get(place)).find(is_over).map(|wish| wish.reason)
    }

    /// Destroys the keys of inputs that have one each; gives also which inputs these were.
    async fn destroy(&self, found: &[(&Input, ErasureReason)]) -> Result<(Reached, Vec<Uuid>), EraseError> {
        let (mut reached, mut destroyed) = (Reached::default(), Vec::new());
        let subjects = found.iter().map(|(input, _)| input.row.subject).collect();
        let own = self.stores.keys.inputs_among(self.tenant, &subjects).await.map_err(of_keys)?;
        let mut going: BTreeMap<ErasureReason, Vec<SubjectId>> = BTreeMap::new();
        for (Input { row, .. }, reason) in found {
            match own.contains(&row.subject) {
                true => going.entry(*reason).or_default().push(row.subject),
                false => reached = reached.and(self.older(row).await?),
            }
        }
        let mut held = BTreeSet::new();
        for (reason, subjects) in going {
            held.extend(give_up(self.stores, self.tenant, &subjects, reason, self.now).await?);
        }
        for (Input { row, .. }, _) in found.iter().filter(|(input, _)| own.contains(&input.row.subject)) {
            match held.contains(&row.subject) {
                true => reached.held += 1,
                false => {
                    reached.destroyed += 1;
                    destroyed.push(row.event);
                }
            }
        }
        Ok((reached, destroyed))
    }

    async fn older(&self, row: &QuarantineRow) -> Result<Reached, EraseError> {
        let limit = quarantine_limit(self.stores.keys, self.tenant).await.map_err(of_keys)?;
        let until = limit.map(|days| older_until(row.received_at, days));
        Ok(Reached { older: 1, older_until: until, ..Reached::default() })
    }
}

/// Erases the subjects that stand for inputs, as anybody is erased; gives those whom a hold keeps.
pub(crate) async fn give_up(
    stores: Stores<'_>,
    tenant: &TenantId,
    subjects: &[SubjectId],
    reason: ErasureReason,
    now: Timestamp,
) -> Result<BTreeSet<SubjectId>, EraseError> {
    stores.keys.request_erasures(tenant, subjects, reason, now).await.map_err(of_keys)?;
    let (mut held, mut failure) = (BTreeSet::new(), None);
    for (subject, outcome) in crate::finish(stores.keys, stores.log, tenant, subjects, now).await {
        match outcome {
            Ok(_) => {}
            Err(EraseError::Keys(EraseSubjectError::Held { .. })) => drop(held.insert(subject)),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(held), Err)
}

/// The order that details are about.
fn order_of(about: &str) -> Option<OrderId> {
    about.strip_prefix("order/")?.split('/').next()?.parse().ok()
}

pub(crate) fn of_keys(error: KeyStoreError) -> EraseError {
    EraseError::Keys(EraseSubjectError::Store(error))
}

impl Reached {
    /// Both together.
    pub(crate) fn and(self, more: Reached) -> Reached {
        Reached {
            destroyed: self.destroyed + more.destroyed,
            held: self.held + more.held,
            older: self.older + more.older,
            older_until: self.older_until.max(more.older_until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_version_took_in_is_over_when_the_last_of_its_month_is() {
        let days = RetentionDays::new(30).unwrap();
        for (received, until) in [
            // 2026-11-06T21:20:00Z, 2026-11-30T23:59:59.999999Z, 2026-12-01T00:00:00Z, 2024-02-01T00:00:00Z.
            (1_794_000_000_000_000, "2026-12-31T00:00:00Z"),
            (1_796_083_199_999_999, "2026-12-31T00:00:00Z"),
            (1_796_083_200_000_000, "2027-01-31T00:00:00Z"),
            (1_706_745_600_000_000, "2024-03-31T00:00:00Z"),
        ] {
            let over = older_until(Timestamp(received), days);
            assert_eq!(over.to_string(), until);
            let (month, before) = (Month::of(Timestamp(received)), Timestamp(over.0 - 1));
            assert!(days.first_month_kept(over) > month && days.first_month_kept(before) == month);
        }
    }

    #[test]
    fn details_are_about_an_order_or_not() {
        for (about, order) in [("order/7001", Some(7_001)), ("order/7001/refund/9", Some(7_001)), ("customer/31", None)]
        {
            assert_eq!(order_of(about), order.map(|id: u64| id.to_string().parse().unwrap()), "{about}");
        }
    }
}
