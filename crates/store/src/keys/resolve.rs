//! Sealing for ingest: from a batch of people to their subjects and keys, in one transaction.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;
use uuid::Uuid;

use super::identity::{
    Blind, Claimant, Fence, IdentityKind, PersonRef, Place, Register, Sealing, Standing, SubjectState, Verdict,
};
use super::index_pages::{IndexPages, paged};
use super::subject_key::{KeySlot, MonthKeys};
use super::tables::{IDENTITY, SUBJECT, SUBJECT_FENCE};
use super::{KeyStore, KeyStoreError, corrupt, lock};
use crate::db::{DbError, Keys, Row, Rows, Tx, Value};

/// Identities, and what each is.
pub(super) type Kinds = HashMap<Place, IdentityKind>;

/// What is known of identities.
pub(super) type Standings = HashMap<Place, Standing>;

/// An identity that is known.
struct Found {
    place: Place,
    subject: SubjectId,
    fence: Option<Fence>,
}

impl KeyStore {
    /// Decides for each person, in the order given, who they are and under which key their data is sealed. New people and
    /// new months get their keys here; an erased subject never gets one again. All of the batch, or on an error none; nobody
    /// while the key of the current epoch is not in the keyring.
    pub async fn resolve(&self, people: Vec<PersonRef>) -> Result<Vec<Sealing>, KeyStoreError> {
        if people.is_empty() {
            return Ok(Vec::new());
        }
        self.require_current_key().await?;
        let (store, people) = (self.clone(), Arc::new(self.blind(people).await?));
        self.db
            .run_tx("resolve-people", move |tx| {
                let (store, people) = (store.clone(), Arc::clone(&people));
                Box::pin(async move { store.resolve_in(tx, &people).await })
            })
            .await
    }

    pub(super) async fn resolve_in(&self, tx: &mut Tx, people: &[Claimant]) -> Result<Vec<Sealing>, KeyStoreError> {
        lock::tenants(tx, self.db.dialect(), people.iter().map(|person| &person.tenant)).await?;
        let (standings, pages) = self.standings(tx, &kinds(people)).await?;
        let mut register = Register::new(standings);
        let draw = || SubjectId(Uuid::new_v4());
        let verdicts: Vec<Verdict> = people.iter().map(|person| register.settle(person, draw)).collect();
        tx.upsert(&subject_rows(&register)).await?;
        tx.upsert(&identity_rows(&register)).await?;
        let named = register.changed().filter(|(_, standing)| !standing.kind.is_fence());
        self.put_on_pages(tx, pages, named.map(|(place, standing)| (place, standing.subject))).await?;
        let keys = self.month_keys(tx, wanted(people, &verdicts)).await?;
        people.iter().zip(verdicts).map(|(person, verdict)| sealing(person, verdict, &keys)).collect()
    }

    /// What the database knows of these identities, and the pages that cover those that lie on pages: four statements.
    pub(super) async fn standings(&self, tx: &mut Tx, kinds: &Kinds) -> Result<(Standings, IndexPages), KeyStoreError> {
        let named: Vec<&Place> = kinds.iter().filter(|(_, kind)| !kind.is_fence()).map(|(place, _)| place).collect();
        let pages = self.index_pages(tx, &named).await?;
        let on_pages = paged(tx, &pages, &named).await?;
        let mut found = fences(tx, kinds).await?;
        found.extend(on_pages.into_iter().map(|(place, subject)| Found { place, subject, fence: None }));
        let states = states(tx, &found).await?;
        let standing = |Found { place, subject, fence }| {
            let owner = (place.0.clone(), subject);
            let state = *states.get(&owner).ok_or_else(|| corrupt("an identity has no subject"))?;
            let kind = *kinds.get(&place).ok_or_else(|| corrupt("an identity that was not asked for"))?;
            Ok((place, Standing { kind, subject, state, fence }))
        };
        let standings = found.into_iter().map(standing).collect::<Result<Standings, DbError>>()?;
        Ok((standings, pages))
    }
}

/// The identities of these people.
fn kinds(people: &[Claimant]) -> Kinds {
    let of = |person: &Claimant| {
        let tenant = person.tenant.clone();
        person.identities.clone().into_iter().map(move |(kind, blind)| ((tenant.clone(), blind), kind))
    };
    people.iter().flat_map(of).collect()
}

/// The keys that the people who were not erased need.
fn wanted(people: &[Claimant], verdicts: &[Verdict]) -> BTreeSet<KeySlot> {
    let active = people.iter().zip(verdicts).filter_map(|(person, verdict)| match verdict {
        Verdict::Active(subject) => Some(KeySlot::of(person, *subject)),
        Verdict::Erased(_) => None,
    });
    active.collect()
}

fn sealing(person: &Claimant, verdict: Verdict, keys: &MonthKeys) -> Result<Sealing, KeyStoreError> {
    let subject = match verdict {
        Verdict::Active(subject) => subject,
        Verdict::Erased(fence) => return Ok(Sealing::Erased { subject: fence.subject }),
    };
    let key = keys.get(&KeySlot::of(person, subject)).ok_or_else(|| corrupt("a subject has no key"))?;
    Ok(match key {
        Some((key_id, key)) => Sealing::Seal { subject, key_id: *key_id, key: Arc::clone(key) },
        None => Sealing::Erased { subject },
    })
}

/// What the database knows of orders and customers among these identities.
async fn fences(tx: &mut Tx, kinds: &Kinds) -> Result<Vec<Found>, DbError> {
    let mut keys = Keys::new(&IDENTITY);
    for ((tenant, blind), _) in kinds.iter().filter(|(_, kind)| kind.is_fence()) {
        keys.push([tenant.as_str().into(), blind.as_slice().into()]);
    }
    let found = |row: &Row| {
        let place = (tenant(row.text(0)?)?, blind(row.blob(1)?)?);
        Ok(Found { place, subject: subject(row.text(3)?)?, fence: fence(row.opt_text(4)?, row.opt_int(5)?)? })
    };
    tx.select_by_keys(&keys).await?.iter().map(found).collect()
}

/// Whether these subjects live; for the erased, until when what names them means them.
async fn states(tx: &mut Tx, found: &[Found]) -> Result<HashMap<(TenantId, SubjectId), SubjectState>, DbError> {
    let owners: BTreeSet<(&TenantId, SubjectId)> = found.iter().map(|one| (&one.place.0, one.subject)).collect();
    let mut keys = Keys::new(&SUBJECT_FENCE);
    owners.into_iter().for_each(|(tenant, subject)| keys.push([tenant.as_str().into(), subject.to_string().into()]));
    let rows = tx.select_by_keys(&keys).await?;
    let state = |row: &Row| {
        let fenced_until = row.opt_int(4)?.or(row.opt_int(3)?);
        let state = subject_state(row.text(2)?, fenced_until)?;
        Ok(((tenant(row.text(0)?)?, subject(row.text(1)?)?), state))
    };
    rows.iter().map(state).collect()
}

fn subject_rows(register: &Register) -> Rows {
    let mut rows = Rows::new(&SUBJECT);
    for (tenant, subject, at) in register.new_subjects() {
        let (tenant, subject) = (tenant.as_str().into(), subject.to_string().into());
        rows.push([tenant, subject, "active".into(), at.0.into(), Value::Null]);
    }
    rows
}

fn identity_rows(register: &Register) -> Rows {
    let mut rows = Rows::new(&IDENTITY);
    let fences = register.changed().filter(|(_, standing)| standing.kind.is_fence());
    for ((tenant, blind), Standing { kind, subject, fence, .. }) in fences {
        let fenced_subject: Option<String> = fence.map(|fence| fence.subject.to_string());
        let fenced_at: Option<i64> = fence.map(|fence| fence.at.0);
        let (tenant, blind) = (tenant.as_str().into(), blind.as_slice().into());
        let (kind, subject) = (kind.as_str().into(), subject.to_string().into());
        rows.push([tenant, blind, kind, subject, fenced_subject.into(), fenced_at.into()]);
    }
    rows
}

/// Reads the two columns that say whether a subject was erased. Everything unknown is damage, never "active".
pub(super) fn subject_state(state: &str, erased_at: Option<i64>) -> Result<SubjectState, DbError> {
    match (state, erased_at) {
        ("active", None) => Ok(SubjectState::Active),
        ("erased", Some(at)) => Ok(SubjectState::Erased { at: Timestamp(at) }),
        _ => Err(corrupt("a subject is neither active nor erased")),
    }
}

pub(super) fn subject(text: &str) -> Result<SubjectId, DbError> {
    Uuid::parse_str(text).map(SubjectId).map_err(|_| corrupt("a subject's id is not a UUID"))
}

pub(super) fn tenant(text: &str) -> Result<TenantId, DbError> {
    text.parse().map_err(|_| corrupt("a tenant's id is not valid"))
}

pub(super) fn blind(bytes: &[u8]) -> Result<Blind, DbError> {
    bytes.try_into().map_err(|_| corrupt("a blind index entry is not 32 bytes"))
}

pub(super) fn fence(fenced: Option<&str>, at: Option<i64>) -> Result<Option<Fence>, DbError> {
    match (fenced, at) {
        (None, None) => Ok(None),
        (Some(text), Some(at)) => Ok(Some(Fence { subject: subject(text)?, at: Timestamp(at) })),
        _ => Err(corrupt("a fence lacks its subject or its time")),
    }
}
