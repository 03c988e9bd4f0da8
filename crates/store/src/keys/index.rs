//! Blinding: each tenant's index key, made when the tenant is first seen.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use commerce::TenantId;
use subject_keys::IndexKey;

use super::identity::{Blind, Claimant, IdentityHint, IdentityKind, PersonRef};
use super::tables::INDEX_KEY;
use super::{KeyStore, KeyStoreError, damaged, lock, random};
use crate::db::{DbError, Keys, Row, Rows, Tx};

/// Index keys by tenant.
pub(super) type IndexKeys = HashMap<TenantId, Arc<IndexKey>>;

impl KeyStore {
    /// Blinds what identifies these people.
    pub(super) async fn blind(&self, people: Vec<PersonRef>) -> Result<Vec<Claimant>, KeyStoreError> {
        let tenants: BTreeSet<TenantId> = people.iter().map(|person| person.tenant.clone()).collect();
        let keys = self.index_keys(tenants).await?;
        let claimant = |person: PersonRef| {
            let key = keys.get(&person.tenant).ok_or_else(missing)?;
            let identities = blinded(key, &person.identities);
            Ok(Claimant { tenant: person.tenant, identities, month: person.month, at: person.at })
        };
        people.into_iter().map(claimant).collect()
    }

    /// The tenant's index key if the tenant has one already: a question makes none.
    pub(super) async fn existing_index_key(&self, tenant: &TenantId) -> Result<Option<Arc<IndexKey>>, KeyStoreError> {
        if let Some(key) = self.caches.index_keys.get(tenant) {
            return Ok(Some(key));
        }
        let sql = "SELECT tenant, epoch, wrapped FROM index_key WHERE tenant = $1";
        let rows = self.db.query(sql, vec![tenant.as_str().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let key = Arc::new(self.unwrap_index(tenant, row).await?);
        self.caches.index_keys.insert(tenant.clone(), Arc::clone(&key));
        Ok(Some(key))
    }

    async fn index_keys(&self, tenants: BTreeSet<TenantId>) -> Result<IndexKeys, KeyStoreError> {
        let mut found = IndexKeys::new();
        let mut wanted = Vec::new();
        for tenant in tenants {
            match self.caches.index_keys.get(&tenant) {
                Some(key) => drop(found.insert(tenant, key)),
                None => wanted.push(tenant),
            }
        }
        if !wanted.is_empty() {
            found.extend(self.load_or_make_index_keys(wanted).await?);
        }
        Ok(found)
    }

    async fn load_or_make_index_keys(&self, wanted: Vec<TenantId>) -> Result<IndexKeys, KeyStoreError> {
        let (store, wanted) = (self.clone(), Arc::new(wanted));
        let keys = self
            .db
            .run_tx("index-keys", move |tx| {
                let (store, wanted) = (store.clone(), Arc::clone(&wanted));
                Box::pin(async move { store.index_keys_in(tx, &wanted).await })
            })
            .await?;
        // Only now are new keys in the database for certain.
        for (tenant, key) in &keys {
            self.caches.index_keys.insert(tenant.clone(), Arc::clone(key));
        }
        Ok(keys)
    }

    async fn index_keys_in(&self, tx: &mut Tx, wanted: &[TenantId]) -> Result<IndexKeys, KeyStoreError> {
        lock::tenants(tx, self.db.dialect(), wanted).await?;
        let mut keys = Keys::new(&INDEX_KEY);
        wanted.iter().for_each(|tenant| keys.push([tenant.as_str().into()]));
        let rows = tx.select_by_keys(&keys).await?;
        let stored: HashMap<&str, &Row> =
            rows.iter().map(|row| Ok((row.text(0)?, row))).collect::<Result<_, DbError>>()?;
        let mut made = Rows::new(&INDEX_KEY);
        let mut found = IndexKeys::new();
        for tenant in wanted {
            let key = match stored.get(tenant.as_str()) {
                Some(row) => self.unwrap_index(tenant, row).await?,
                None => self.make_index_key(tx, tenant, &mut made).await?,
            };
            found.insert(tenant.clone(), Arc::new(key));
        }
        tx.upsert(&made).await?;
        Ok(found)
    }

    async fn make_index_key(&self, tx: &mut Tx, tenant: &TenantId, made: &mut Rows) -> Result<IndexKey, KeyStoreError> {
        let (epoch, wrapping) = self.epochs.current(tx).await?;
        let key = IndexKey::generate(&mut random);
        let wrapped = wrapping.wrap_index(tenant.as_str(), &key, &mut random)?;
        made.push([tenant.as_str().into(), epoch.0.into(), wrapped.into()]);
        Ok(key)
    }

    async fn unwrap_index(&self, tenant: &TenantId, row: &Row) -> Result<IndexKey, KeyStoreError> {
        let epoch = self.epochs.of(row.int(1)?).await?;
        epoch.unwrap_index(tenant.as_str(), row.blob(2)?).map_err(damaged("index key"))
    }
}

/// The hints as the index has them.
pub(super) fn blinded(key: &IndexKey, hints: &[IdentityHint]) -> Vec<(IdentityKind, Blind)> {
    hints.iter().map(|hint| (hint.kind, key.blind(hint.kind.as_str(), hint.value.expose()))).collect()
}

/// Cannot happen: every tenant of the batch was asked for.
fn missing() -> KeyStoreError {
    super::corrupt("a tenant has no index key").into()
}
