//! Entering again what a restored key store has forgotten of what was decided.

use std::collections::BTreeSet;
use std::sync::Arc;

use commerce::TenantId;

use super::super::resolve::tenant;
use super::super::{KeyStore, KeyStoreError, lock};
use super::{ALL, CLOSED, Decision};
use crate::db::{DbError, Keys, Rows, Tx};

/// Decisions that are entered again in one transaction.
const AT_ONCE: usize = 500;

impl KeyStore {
    /// Enters these again as they were, also about people whom this state of the database does not know. Cut off anywhere, the
    /// rest is still forgotten.
    pub(in super::super) async fn decide_again(&self, forgotten: &[Decision]) -> Result<(), KeyStoreError> {
        for some in forgotten.chunks(AT_ONCE) {
            let some: Arc<[Decision]> = some.into();
            let unit = Arc::clone(&some);
            let entered = self.db.run_tx("decide-again", move |tx| {
                let some = Arc::clone(&unit);
                Box::pin(async move { enter_in(tx, &some).await })
            });
            entered.await.map_err(|error: DbError| error)?;
            for one in some.iter().filter(|one| *one.matter == CLOSED) {
                self.caches.closed.invalidate(&tenant(one.tenant())?);
            }
        }
        Ok(())
    }
}

async fn enter_in(tx: &mut Tx, some: &[Decision]) -> Result<(), DbError> {
    let dialect = tx.dialect();
    let tenants: BTreeSet<TenantId> = some.iter().map(|one| tenant(one.tenant())).collect::<Result<_, _>>()?;
    lock::tenants(tx, dialect, &tenants).await?;
    lock::access(tx, dialect, &tenants).await?;
    lock::decided(tx).await?;
    for matter in ALL {
        let (mut rows, mut gone) = (Rows::new(matter.table), Keys::new(matter.table));
        for one in some.iter().filter(|one| one.matter == matter) {
            if one.gone { gone.push(one.values()) } else { rows.push(one.values()) }
        }
        tx.upsert(&rows).await?;
        tx.delete_by_keys(&gone).await?;
    }
    Ok(())
}
