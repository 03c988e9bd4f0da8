//! What the key store still holds of a subject: for who certifies that nothing is left, and who doubts it.

use commerce::{SubjectId, TenantId};

use super::erasure::naming;
use super::{KeyStore, KeyStoreError};
use crate::db::Value;

/// Counts of what an erasure takes away. All of them zero: nothing is left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Remains {
    /// 1 if the subject is no tombstone.
    pub living: i64,
    /// Keys with their bytes.
    pub keys: i64,
    /// Entries of the index that name the person: all but the fence.
    pub identities: i64,
}

impl KeyStore {
    /// Counts what is left of a subject, in one statement. Somebody who was never known has nothing left.
    pub async fn remains(&self, tenant: &TenantId, subject: SubjectId) -> Result<Remains, KeyStoreError> {
        let sql = format!(
            "SELECT (SELECT COUNT(*) FROM subject WHERE tenant = $1 AND subject = $2 AND state <> 'erased'), \
             (SELECT COUNT(*) FROM subject_key WHERE tenant = $1 AND subject = $2 AND wrapped IS NOT NULL), \
             (SELECT COUNT(*) FROM identity WHERE tenant = $1 AND subject = $2 AND {}) \
             + (SELECT COUNT(*) FROM paged_identity WHERE tenant = $1 AND subject = $2)",
            naming()
        );
        let whose: Vec<Value> = vec![tenant.as_str().into(), subject.to_string().into()];
        let rows = self.db.query(&sql, whose).await?;
        let Some(row) = rows.first() else { return Ok(Remains::default()) };
        Ok(Remains { living: row.int(0)?, keys: row.int(1)?, identities: row.int(2)? })
    }
}
