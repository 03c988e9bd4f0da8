//! Index pages in a rotation: wrapped anew by the current epoch, or put in another's place.

use std::collections::BTreeSet;

use commerce::TenantId;

use super::super::lock;
use super::super::resolve::tenant;
use super::super::rotation::Moved;
use super::super::tables::INDEX_PAGE;
use super::super::{KeyStore, KeyStoreError, random};
use super::{Current, IndexPage, Written, page_id, stored_on};
use crate::db::{DbError, Keys, Row, Tx};

/// Pages in one transaction. Every identity of theirs may have to move.
const PAGES: i64 = 64;

impl KeyStore {
    /// Moves some index pages to the current epoch; gives what it moved, which is nothing when none is left.
    pub(in super::super) async fn rotate_index_pages(&self) -> Result<Moved, KeyStoreError> {
        loop {
            let store = self.clone();
            let step = self.db.run_tx("rotate-index-pages", move |tx| {
                let store = store.clone();
                Box::pin(async move { store.rotate_index_pages_in(tx).await })
            });
            match step.await? {
                // Another process was quicker with all of them.
                Some(moved) if moved == Moved::default() => {}
                moved => return Ok(moved.unwrap_or_default()),
            }
        }
    }

    async fn rotate_index_pages_in(&self, tx: &mut Tx) -> Result<Option<Moved>, KeyStoreError> {
        let Some((rows, current)) = self.behind(tx).await? else { return Ok(None) };
        let epoch = i64::from(current.0.0);
        let (mut written, mut moved, mut left) = (Written::new(), Moved::default(), Vec::new());
        for row in rows.iter().filter(|row| is_behind(row, epoch)) {
            match self.index_page(row).await {
                Ok(page) if page.may_be_wrapped_by(epoch) => {
                    written.wrapped.push(page.wrapped_by(&current)?.row());
                    moved.index_pages += 1;
                }
                Ok(page) => left.push(page),
                Err(KeyStoreError::Damaged { .. }) => {
                    set_aside(tx, row).await?;
                    moved.damaged += 1;
                }
                Err(error) => return Err(error),
            }
        }
        let stored = stored_on(tx, left.iter()).await?;
        for page in &left {
            let (tags, damaged) = page.tags(&stored)?;
            moved.left_index_pages += 1;
            moved.damaged += damaged;
            moved.identities += tags.len() as u64;
            written.empty(page);
            written.begin(&current, &page.tenant, page.stretch, tags)?;
        }
        written.store(tx).await?;
        Ok(Some(moved))
    }

    /// Some pages of earlier epochs, as they are once their tenants' locks are taken, and the current epoch. Locks are taken
    /// in the order that all share, so what is found before may be done by others meanwhile.
    async fn behind(&self, tx: &mut Tx) -> Result<Option<(Vec<Row>, Current)>, KeyStoreError> {
        let sql = "SELECT tenant, begins FROM index_page WHERE state <> 'damaged' \
                   AND epoch < (SELECT epoch FROM epoch WHERE state = 'current') ORDER BY epoch, tenant LIMIT $1";
        let found = tx.query(sql, vec![PAGES.into()]).await?;
        if found.is_empty() {
            return Ok(None);
        }
        let tenants = found.iter().map(|row| tenant(row.text(0)?)).collect::<Result<BTreeSet<TenantId>, DbError>>()?;
        lock::tenants(tx, self.db.dialect(), &tenants).await?;
        let current = self.epochs.current(tx).await?;
        let mut keys = Keys::new(&INDEX_PAGE);
        for row in &found {
            keys.push([row.text(0)?.into(), row.int(1)?.into()]);
        }
        Ok(Some((tx.select_by_keys(&keys).await?, current)))
    }
}

impl IndexPage {
    /// A page that lost an identity, or had its time, is wrapped by no later epoch.
    fn may_be_wrapped_by(&self, epoch: i64) -> bool {
        self.state == "in-use" && epoch <= self.last_epoch
    }

    pub(super) fn wrapped_by(self, (epoch, key): &Current) -> Result<IndexPage, KeyStoreError> {
        let wrapped = key.wrap_index_page(page_id(self.id)?, &self.key, &mut random)?;
        Ok(IndexPage { epoch: epoch.0.into(), wrapped, ..self })
    }
}

fn is_behind(row: &Row, current: i64) -> bool {
    row.int(4).is_ok_and(|epoch| epoch < current) && row.text(8).is_ok_and(|state| state != "damaged")
}

/// Sets a page aside whose key does not unwrap, so that it does not hold up the others. Whoever is to be found on it is not
/// taken for somebody new: the answer is an error, until the page's row is restored from a backup.
async fn set_aside(tx: &mut Tx, row: &Row) -> Result<(), DbError> {
    tracing::error!(
        tenant = row.text(0)?,
        page = row.int(3)?,
        epoch = row.int(4)?,
        "an index page is damaged: restore its row from a backup"
    );
    let sql = "UPDATE index_page SET state = 'damaged' WHERE page = $1";
    tx.execute(sql, vec![row.int(3)?.into()]).await.map(|_| ())
}
