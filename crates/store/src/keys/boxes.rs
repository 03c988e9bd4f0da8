//! Reading: opening sealed boxes, and finding a subject by what they are known by.
//!
//! One transaction of at most ten statements for any number of boxes. It reads the keys' rows as they are now, so what was
//! erased or restricted in another process is so here, and it puts on record who opens what (see [`access`](super::access)).

use std::collections::HashMap;
use std::sync::Arc;

use commerce::{SubjectId, TenantId};
use subject_keys::{BoxContext, KeyId, OpenError, Opened, PreparedKey, sealed_key_id};
use uuid::Uuid;

use super::access::{AccessBy, Asked, OnRecord};
use super::identity::{IdentityHint, IdentityKind, Place, SubjectState};
use super::index::blinded;
use super::resolve::{Kinds, Standings, subject, tenant};
use super::subject_key::{key_id, living, prepare};
use super::{KeyStore, KeyStoreError};
use crate::db::{DbError, Dialect, Row, Tx};

/// A sealed box and what it was sealed for, all as the event carries it.
#[derive(Debug, Clone, Copy)]
pub struct BoxRef<'a> {
    /// Whose customer the subject is.
    pub tenant: &'a TenantId,
    /// Whose data is in it.
    pub subject: SubjectId,
    /// The event that carries the box.
    pub event: Uuid,
    /// Which box of the event.
    pub label: &'a str,
    /// The box.
    pub sealed: &'a [u8],
}

/// Why a box did not open. An erased person is no error but [`Opened::Erased`], a restricted one [`Opened::Restricted`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenBoxError {
    /// The box was damaged, forged, or put where it does not belong.
    #[error(transparent)]
    Box(#[from] OpenError),
    /// There never was such a key: the box comes from elsewhere, or the key store was restored from before its time.
    #[error("no key with the id in the sealed box was ever made here")]
    NoSuchKey,
    /// The box names a key of another tenant or subject.
    #[error("the sealed box names a key of somebody else")]
    NotTheirs,
    /// The key store did not answer.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
}

/// A key as it stands now.
struct Current {
    tenant: TenantId,
    subject: SubjectId,
    key: Held,
}

/// What there is of a key.
enum Held {
    Living(Arc<PreparedKey>),
    /// Alive, and not to be used for what is asked.
    Shut,
    Destroyed,
}

impl KeyStore {
    /// Opens one box, once it is on record that it is.
    pub async fn open_box(&self, sealed: BoxRef<'_>, by: &AccessBy) -> Result<Opened, OpenBoxError> {
        let mut opened = self.open_many(&[sealed], by).await?;
        opened.pop().unwrap_or(Err(OpenBoxError::NoSuchKey))
    }

    /// Opens many boxes, in the order given; one that does not open leaves the others readable. Before any is opened it is
    /// on record who opens them and why: if that cannot be written, or `by` may not see what it asks for, none is.
    pub async fn open_many(
        &self,
        boxes: &[BoxRef<'_>],
        by: &AccessBy,
    ) -> Result<Vec<Result<Opened, OpenBoxError>>, KeyStoreError> {
        let asked: Vec<Asked> = boxes.iter().filter_map(asked).collect();
        let keys = match asked.is_empty() {
            true => HashMap::new(),
            false => self.current_keys(&self.on_record(asked, by).await?).await?,
        };
        Ok(boxes.iter().map(|one| open_with(&keys, one)).collect())
    }

    /// Who is known by the first of these hints that anybody is known by, and whether they still exist. Makes nothing.
    pub async fn find_subject(
        &self,
        tenant: &TenantId,
        hints: &[IdentityHint],
    ) -> Result<Option<(SubjectId, SubjectState)>, KeyStoreError> {
        Ok(self.find_subjects(tenant, hints).await?.into_iter().next())
    }

    /// Who is known by each of these hints that anybody is known by, in their order. Makes nothing.
    pub(super) async fn find_subjects(
        &self,
        tenant: &TenantId,
        hints: &[IdentityHint],
    ) -> Result<Vec<(SubjectId, SubjectState)>, KeyStoreError> {
        let Some(key) = self.existing_index_key(tenant).await? else { return Ok(Vec::new()) };
        let places: Vec<(Place, IdentityKind)> =
            blinded(&key, hints).into_iter().map(|(kind, blind)| ((tenant.clone(), blind), kind)).collect();
        let (store, kinds) = (self.clone(), Arc::new(places.iter().cloned().collect::<Kinds>()));
        let found = self.db.run_read("find-subject", move |tx| {
            let (store, kinds) = (store.clone(), Arc::clone(&kinds));
            Box::pin(async move { store.standings(tx, &kinds).await.map(|(standings, _)| standings) })
        });
        let found: Standings = found.await?;
        let known = places.iter().filter_map(|(place, _)| found.get(place));
        Ok(known.map(|standing| (standing.subject, standing.state)).collect())
    }

    async fn current_keys(&self, recorded: &OnRecord) -> Result<HashMap<KeyId, Current>, KeyStoreError> {
        let mut keys = HashMap::with_capacity(recorded.keys.len());
        for row in &recorded.keys {
            let (id, current) = self.current(row, recorded).await?;
            keys.insert(id, current);
        }
        Ok(keys)
    }

    async fn current(&self, row: &Row, recorded: &OnRecord) -> Result<(KeyId, Current), KeyStoreError> {
        let (id, owner) = (key_id(row.text(0)?)?, (tenant(row.text(1)?)?, subject(row.text(2)?)?));
        let key = match living(row.text(3)?, row.opt_blob(4)?)? {
            Some(_) if recorded.shut.contains(&owner) => Held::Shut,
            Some(wrapped) => Held::Living(self.unwrapped(row, id, wrapped).await?),
            None => Held::Destroyed,
        };
        let (tenant, subject) = owner;
        Ok((id, Current { tenant, subject, key }))
    }

    async fn unwrapped(&self, row: &Row, id: KeyId, wrapped: &[u8]) -> Result<Arc<PreparedKey>, KeyStoreError> {
        if let Some(key) = self.caches.subject_keys.get(&id.0) {
            return Ok(key);
        }
        let page = self.unwrap_page(row.int(5)?, row.int(6)?, row.blob(7)?).await?;
        let key = prepare(&page, id, wrapped)?;
        self.caches.subject_keys.insert(id.0, Arc::clone(&key));
        Ok(key)
    }
}

/// What of a box its record says; none of what is too short to be one.
fn asked(one: &BoxRef<'_>) -> Option<Asked> {
    let key = sealed_key_id(one.sealed).ok()?;
    Some(Asked { key, tenant: one.tenant.clone(), subject: one.subject, label: one.label.to_owned() })
}

/// The rows of these keys, with their pages: one statement.
pub(super) async fn key_rows(
    tx: &mut Tx,
    dialect: Dialect,
    ids: impl Iterator<Item = KeyId>,
) -> Result<Vec<Row>, DbError> {
    let list: Vec<String> = ids.map(|id| id.0.to_string()).collect();
    let (sql, list) = match dialect {
        Dialect::Postgres => (select_keys("SELECT unnest(string_to_array($1, ','))"), list.join(",")),
        Dialect::Sqlite => (select_keys("SELECT value FROM json_each($1)"), format!("[\"{}\"]", list.join("\",\""))),
    };
    tx.query(&sql, vec![list.into()]).await
}

/// The keys whose ids `ids` selects, with their pages. The page that a destroyed key was on goes with its epoch.
fn select_keys(ids: &str) -> String {
    format!(
        "SELECT k.key_id, k.tenant, k.subject, k.state, k.wrapped, p.page, p.epoch, p.wrapped \
         FROM subject_key k LEFT JOIN page p ON p.page = k.page WHERE k.key_id IN ({ids})"
    )
}

fn open_with(keys: &HashMap<KeyId, Current>, one: &BoxRef<'_>) -> Result<Opened, OpenBoxError> {
    let id = sealed_key_id(one.sealed)?;
    let current = keys.get(&id).ok_or(OpenBoxError::NoSuchKey)?;
    if current.tenant != *one.tenant || current.subject != one.subject {
        return Err(OpenBoxError::NotTheirs);
    }
    let key = match &current.key {
        Held::Living(key) => key,
        Held::Shut => return Ok(Opened::Restricted),
        Held::Destroyed => return Ok(Opened::Erased),
    };
    let context =
        BoxContext { tenant: one.tenant.as_str(), subject: one.subject.0, event: one.event, label: one.label };
    Ok(Opened::Clear(key.open(id, &context, one.sealed)?))
}
