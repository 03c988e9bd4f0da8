//! What a person wrote with a request: sealed under their own key of the month in which it came, bound to the request, and gone with
//! that key. Reading it is an opening like any other, and on the access log.

use std::collections::BTreeSet;

use commerce::{SubjectId, TenantId};
use subject_keys::{BoxContext, Opened, Pii, Plaintext};
use uuid::Uuid;

use super::super::access::AccessBy;
use super::super::boxes::{BoxRef, OpenBoxError};
use super::super::identity::{Claimant, Month};
use super::super::resolve::subject;
use super::super::subject_key::KeySlot;
use super::super::{KeyStore, random};
use super::{NewRequest, RequestError};
use crate::db::Tx;

/// How many bytes somebody may write.
pub const MOST_WORDS: usize = 4_000;

/// The label of the box.
const LABEL: &str = "request";

/// What is left of what somebody wrote.
pub enum Words {
    /// They wrote nothing, are erased, or have had it closed to what it is asked for.
    None,
    /// This.
    Written(Plaintext),
}

impl KeyStore {
    /// Seals what comes with a request. Callers hold the tenant's lock, and have seen that the subject lives.
    pub(super) async fn seal_words(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        subject: SubjectId,
        new: &NewRequest,
        words: &Pii<String>,
    ) -> Result<Vec<u8>, RequestError> {
        let at = new.received_at;
        let person = Claimant { tenant: tenant.clone(), identities: Vec::new(), month: Month::of(at), at };
        let slot = KeySlot::of(&person, subject);
        let keys = self.month_keys(tx, BTreeSet::from([slot.clone()])).await?;
        let Some(Some((id, key))) = keys.get(&slot) else { return Err(RequestError::Erased) };
        let context = BoxContext { tenant: tenant.as_str(), subject: subject.0, event: new.id, label: LABEL };
        let sealed = key.seal(*id, &context, words.expose().as_bytes(), &mut random);
        Ok(sealed.map_err(super::KeyStoreError::from)?)
    }

    /// Opens what somebody wrote with a request.
    pub async fn request_words(&self, tenant: &TenantId, id: Uuid, by: &AccessBy) -> Result<Words, OpenBoxError> {
        let sql = "SELECT subject, words FROM request WHERE tenant = $1 AND request = $2 AND words IS NOT NULL";
        let rows = self.db.query(sql, vec![tenant.as_str().into(), id.to_string().into()]).await;
        let rows = rows.map_err(super::KeyStoreError::from)?;
        let Some(row) = rows.first() else { return Ok(Words::None) };
        let read = || Ok((subject(row.text(0)?)?, row.blob(1)?));
        let (subject, sealed) = read().map_err(|error: crate::db::DbError| super::KeyStoreError::from(error))?;
        let one = BoxRef { tenant, subject, event: id, label: LABEL, sealed };
        Ok(match self.open_box(one, by).await? {
            Opened::Clear(words) => Words::Written(words),
            Opened::Erased | Opened::Restricted => Words::None,
        })
    }
}
