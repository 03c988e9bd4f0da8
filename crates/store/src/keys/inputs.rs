//! Inputs that were not understood: each has a subject, and so a key, of its own, because nobody knows yet whom it names. When it
//! is known, or is over, that key is destroyed and no other input with it.

use std::collections::BTreeSet;

use commerce::{SubjectId, TenantId};

use super::erasure::{one_of, whose};
use super::identity::IdentityKind;
use super::resolve::subject;
use super::{KeyStore, KeyStoreError};
use crate::db::DbError;

impl KeyStore {
    /// Which of these subjects each stand for one input that was not understood, and for no person.
    pub async fn inputs_among(
        &self,
        tenant: &TenantId,
        subjects: &BTreeSet<SubjectId>,
    ) -> Result<BTreeSet<SubjectId>, KeyStoreError> {
        if subjects.is_empty() {
            return Ok(BTreeSet::new());
        }
        // An input is known by one thing and a person by others, so any one of them tells: somebody with many orders has many.
        let dialect = self.db.dialect();
        let asked: Vec<SubjectId> = subjects.iter().copied().collect();
        let sql = format!(
            "SELECT s.subject FROM subject s WHERE s.tenant = $1 AND {} AND \
             (SELECT i.kind FROM identity i WHERE i.tenant = s.tenant AND i.subject = s.subject LIMIT 1) = '{}'",
            one_of(dialect, "s.subject"),
            IdentityKind::Input.as_str()
        );
        let rows = self.db.query(&sql, whose(dialect, tenant, &asked)).await?;
        Ok(rows.iter().map(|row| subject(row.text(0)?)).collect::<Result<_, DbError>>()?)
    }
}
