//! Who the tenants are, remembered for two seconds, so that a request costs no question to the database.

use std::sync::Arc;
use std::time::Duration;

use commerce::TenantId;
use moka::sync::Cache;
use store::books::{self, Intake, TenantRow};
use store::db::{Db, DbError};

/// How long a tenant may be unknown here after it was added, or keep settings that were changed, a pause among them.
const FRESH: Duration = Duration::from_secs(2);

/// Bounded, because anybody may name a tenant that does not exist.
const REMEMBERED: u64 = 10_000;

/// A tenant and how its webhooks are taken.
pub(crate) struct Known {
    pub(crate) row: TenantRow,
    pub(crate) intake: Intake,
}

/// The tenants asked for lately, those that do not exist included.
pub(crate) struct Tenants {
    db: Db,
    lately: Cache<TenantId, Option<Arc<Known>>>,
}

impl Tenants {
    pub(crate) fn new(db: Db) -> Tenants {
        Tenants { db, lately: Cache::builder().max_capacity(REMEMBERED).time_to_live(FRESH).build() }
    }

    /// The tenant, if there is one of that id.
    pub(crate) async fn find(&self, tenant: &TenantId) -> Result<Option<Arc<Known>>, DbError> {
        if let Some(known) = self.lately.get(tenant) {
            return Ok(known);
        }
        let found = books::tenant_and_intake(&self.db, tenant).await?;
        let found = found.map(|(row, intake)| Arc::new(Known { row, intake }));
        self.lately.insert(tenant.clone(), found.clone());
        Ok(found)
    }
}
