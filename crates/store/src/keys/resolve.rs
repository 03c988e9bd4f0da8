//! Sealing for ingest: from a batch of people to their subjects and keys, in one transaction.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;
use uuid::Uuid;

use super::identity::{Blind, Claimant, Fence, PersonRef, Place, Register, Sealing, Standing, SubjectState, Verdict};
use super::subject_key::{KeySlot, MonthKeys};
use super::tables::{IDENTITY, SUBJECT};
use super::{KeyStore, KeyStoreError, corrupt, lock};
use crate::db::{DbError, Keys, Row, Rows, Tx, Value};

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

    async fn resolve_in(&self, tx: &mut Tx, people: &[Claimant]) -> Result<Vec<Sealing>, KeyStoreError> {
        lock::tenants(tx, self.db.dialect(), people.iter().map(|person| &person.tenant)).await?;
        let mut register = Register::new(standings(tx, people).await?);
        let draw = || SubjectId(Uuid::new_v4());
        let verdicts: Vec<Verdict> = people.iter().map(|person| register.settle(person, draw)).collect();
        tx.upsert(&subject_rows(&register)).await?;
        tx.upsert(&identity_rows(&register)).await?;
        let keys = self.month_keys(tx, wanted(people, &verdicts)).await?;
        people.iter().zip(verdicts).map(|(person, verdict)| sealing(person, verdict, &keys)).collect()
    }
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

/// What the database knows of these people's identities: two statements.
async fn standings(tx: &mut Tx, people: &[Claimant]) -> Result<HashMap<Place, Standing>, DbError> {
    let kinds: HashMap<Place, _> = people
        .iter()
        .flat_map(|person| person.identities.iter().map(|(kind, blind)| ((person.tenant.clone(), *blind), *kind)))
        .collect();
    let mut keys = Keys::new(&IDENTITY);
    kinds.keys().for_each(|(tenant, blind)| keys.push([tenant.as_str().into(), blind.as_slice().into()]));
    let identities = tx.select_by_keys(&keys).await?;
    let states = states(tx, &identities).await?;
    let standing = |row: &Row| {
        let place = (tenant(row.text(0)?)?, blind(row.blob(1)?)?);
        let subject = subject(row.text(3)?)?;
        let state = *states.get(&(place.0.clone(), subject)).ok_or_else(|| corrupt("an identity has no subject"))?;
        let kind = *kinds.get(&place).ok_or_else(|| corrupt("an identity that was not asked for"))?;
        let fence = fence(row.opt_text(4)?, row.opt_int(5)?)?;
        Ok((place, Standing { kind, subject, state, fence }))
    };
    identities.iter().map(standing).collect()
}

async fn states(tx: &mut Tx, identities: &[Row]) -> Result<HashMap<(TenantId, SubjectId), SubjectState>, DbError> {
    let owners: BTreeSet<(&str, &str)> =
        identities.iter().map(|row| Ok((row.text(0)?, row.text(3)?))).collect::<Result<_, DbError>>()?;
    let mut keys = Keys::new(&SUBJECT);
    owners.into_iter().for_each(|(tenant, subject)| keys.push([tenant.into(), subject.into()]));
    let rows = tx.select_by_keys(&keys).await?;
    let state = |row: &Row| {
        let state = subject_state(row.text(2)?, row.opt_int(4)?)?;
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
    for ((tenant, blind), Standing { kind, subject, fence, .. }) in register.changed() {
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
