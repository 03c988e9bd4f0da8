//! Inputs that were not understood: each has a subject, and so a key, of its own, because nobody knows yet whom it names. When it
//! is known, or is over, that key is destroyed and no other input with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use commerce::{SubjectId, TenantId};

use super::identity::IdentityKind;
use super::resolve::subject;
use super::tables::IDENTITY_OWNER;
use super::{KeyStore, KeyStoreError};
use crate::db::{DbError, Keys};

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
        let mut keys = Keys::by(&IDENTITY_OWNER, &["tenant", "subject"]);
        subjects.iter().for_each(|subject| keys.push([tenant.as_str().into(), subject.to_string().into()]));
        let keys = Arc::new(keys);
        let unit = self.db.run_read("inputs-among", move |tx| {
            let keys = Arc::clone(&keys);
            Box::pin(async move { tx.select_by_keys(&keys).await })
        });
        let mut inputs = BTreeSet::new();
        for row in &unit.await.map_err(|error: DbError| error)? {
            if row.text(2)? == IdentityKind::Input.as_str() {
                inputs.insert(subject(row.text(3)?)?);
            }
        }
        Ok(inputs)
    }
}
