//! Webhook secrets: each sender of a tenant has one, and two are live while one is being replaced.

use std::sync::Arc;
use std::time::Duration;

use commerce::TenantId;
use secrecy::{ExposeSecret, SecretString};

use super::{KeyStore, KeyStoreError, corrupt, damaged, lock, random};
use crate::db::Tx;

/// How long a process may go on with secrets that another process has replaced.
pub(super) const FRESH: Duration = Duration::from_secs(2);

impl KeyStore {
    /// Makes this the sender's current secret; the one that was current stays valid as the previous. Storing the current
    /// one again changes nothing. `sender` is a short name such as `shopify`.
    pub async fn put_secret(
        &self,
        tenant: &TenantId,
        sender: &str,
        secret: &SecretString,
    ) -> Result<(), KeyStoreError> {
        let live = (self.clone(), tenant.clone(), sender.to_owned(), secret.clone());
        self.db
            .run_tx("put-secret", move |tx| {
                let (store, tenant, sender, secret) = live.clone();
                Box::pin(async move { store.put_secret_in(tx, &tenant, &sender, &secret).await })
            })
            .await?;
        self.caches.secrets.invalidate(&(tenant.clone(), sender.to_owned()));
        Ok(())
    }

    /// The sender's live secrets, current first; none if it has none. Cheap: kept for two seconds, then read anew.
    pub async fn secrets(&self, tenant: &TenantId, sender: &str) -> Result<Arc<[SecretString]>, KeyStoreError> {
        let place = (tenant.clone(), sender.to_owned());
        if let Some(secrets) = self.caches.secrets.get(&place) {
            return Ok(secrets);
        }
        // `current` sorts before `previous`.
        let sql = "SELECT wrapped FROM webhook_secret WHERE tenant = $1 AND sender = $2 ORDER BY slot";
        let rows = self.db.query(sql, vec![tenant.as_str().into(), sender.into()]).await?;
        let opened = rows.iter().map(|row| self.unwrap_secret(tenant, sender, row.blob(0)?));
        let secrets: Arc<[SecretString]> = opened.collect::<Result<_, KeyStoreError>>()?;
        self.caches.secrets.insert(place, Arc::clone(&secrets));
        Ok(secrets)
    }

    async fn put_secret_in(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        sender: &str,
        secret: &SecretString,
    ) -> Result<(), KeyStoreError> {
        lock::tenants(tx, self.db.dialect(), [tenant]).await?;
        let place = || vec![tenant.as_str().into(), sender.into()];
        let select = "SELECT wrapped FROM webhook_secret WHERE tenant = $1 AND sender = $2 AND slot = 'current'";
        if let Some(row) = tx.query(select, place()).await?.first() {
            let current = self.unwrap_secret(tenant, sender, row.blob(0)?)?;
            if current.expose_secret() == secret.expose_secret() {
                return Ok(());
            }
            let of_sender = "WHERE tenant = $1 AND sender = $2";
            tx.execute(&format!("DELETE FROM webhook_secret {of_sender} AND slot = 'previous'"), place()).await?;
            tx.execute(&format!("UPDATE webhook_secret SET slot = 'previous' {of_sender}"), place()).await?;
        }
        let wrapped = self.epochs.keyring().root().wrap_secret(
            &label(tenant, sender),
            secret.expose_secret().as_bytes(),
            &mut random,
        )?;
        let insert = "INSERT INTO webhook_secret (tenant, sender, slot, wrapped) VALUES ($1, $2, 'current', $3)";
        let args = place().into_iter().chain([wrapped.into()]).collect();
        tx.execute(insert, args).await?;
        Ok(())
    }

    fn unwrap_secret(&self, tenant: &TenantId, sender: &str, wrapped: &[u8]) -> Result<SecretString, KeyStoreError> {
        let bytes = self
            .epochs
            .keyring()
            .root()
            .unwrap_secret(&label(tenant, sender), wrapped)
            .map_err(damaged("webhook secret"))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| corrupt("a webhook secret is not text"))?;
        Ok(SecretString::from(text))
    }
}

/// What a secret is wrapped for. A tenant's id has no `/`, so no two pairs give the same label.
fn label(tenant: &TenantId, sender: &str) -> String {
    format!("webhook/{tenant}/{sender}")
}
