//! Identities that an earlier version stored as they were blinded: they move to pages when the store is opened.

use std::collections::HashSet;

use super::super::identity::Place;
use super::super::resolve::{blind, subject, tenant};
use super::super::tables::IDENTITY;
use super::super::{KeyStore, KeyStoreError, lock};
use super::paged;
use crate::db::{DbError, Dialect, Keys, Row, Tx};

/// Identities that move in one transaction, all of one tenant.
const MOST: i64 = 500;

/// Whose turn it is. The index `identity_to_page` has the same condition.
const NEXT: &str = "SELECT tenant FROM identity WHERE kind IN ('phone', 'email', 'quarantine') ORDER BY tenant LIMIT 1";

impl KeyStore {
    /// Moves what is left of them, some at a time, so that it goes on where it was interrupted; gives how many moved.
    pub(in super::super) async fn page_older_identities(&self) -> Result<u64, KeyStoreError> {
        let mut moved = 0;
        while let Some(more) = self.page_some().await? {
            moved += more;
        }
        if moved > 0 {
            tracing::info!(moved, "moved identities to index pages");
            // Until then the write-ahead log may hold them as they were. If it is in use now, the next erasure sees to it.
            if let Err(error) = self.db.forget_wal().await {
                tracing::warn!(%error, "the write-ahead log could not be cut off yet");
            }
        }
        Ok(moved)
    }

    /// `None` when there was nothing left to move.
    async fn page_some(&self) -> Result<Option<u64>, KeyStoreError> {
        let store = self.clone();
        let unit = self.db.run_tx("page-identities", move |tx| {
            let store = store.clone();
            Box::pin(async move { store.page_some_in(tx).await })
        });
        unit.await
    }

    async fn page_some_in(&self, tx: &mut Tx) -> Result<Option<u64>, KeyStoreError> {
        let rows = tx.query(NEXT, vec![]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let whose = tenant(row.text(0)?)?;
        lock::tenants(tx, self.db.dialect(), [&whose]).await?;
        let some = "SELECT blind, subject FROM identity \
                    WHERE tenant = $1 AND kind IN ('phone', 'email', 'quarantine') LIMIT $2";
        let rows = tx.query(some, vec![whose.as_str().into(), MOST.into()]).await?;
        let one = |row: &Row| Ok(((whose.clone(), blind(row.blob(0)?)?), subject(row.text(1)?)?));
        let older = rows.iter().map(one).collect::<Result<Vec<_>, DbError>>()?;

        let places: Vec<&Place> = older.iter().map(|(place, _)| place).collect();
        let pages = self.index_pages(tx, &places).await?;
        // What is on a page already was put there by this version: it stands.
        let known: HashSet<Place> = paged(tx, &pages, &places).await?.into_iter().map(|(place, _)| place).collect();
        let new = older.iter().filter(|(place, _)| !known.contains(place)).map(|(place, subject)| (place, *subject));
        self.put_on_pages(tx, pages, new).await?;
        let mut keys = Keys::new(&IDENTITY);
        places.iter().for_each(|(whose, tag)| keys.push([whose.as_str().into(), tag.as_slice().into()]));
        let moved = tx.delete_by_keys(&keys).await?;
        if tx.dialect() == Dialect::Sqlite && tx.query(NEXT, vec![]).await?.is_empty() {
            // SQLite overwrites a row that is deleted, but a copy of its key can be in the unused part of a page of an index
            // from when that page was split. The pages of an index that is built anew are overwritten as a whole.
            tx.execute("REINDEX identity", vec![]).await?;
        }
        Ok(Some(moved))
    }
}
