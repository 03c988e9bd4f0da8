//! Who may see people in clear: members of staff whom the tenant has permitted it, and each person themselves.

use std::collections::BTreeSet;

use commerce::{StaffId, TenantId};
use ledger::Timestamp;

use super::super::decided::{PERMITTED, note};
use super::super::tables::MAY_REVEAL;
use super::super::{KeyStore, KeyStoreError, corrupt};
use super::{AccessBy, Actor, Shown};
use crate::db::{DbError, Keys, Row, Tx, Value};

/// A member of staff who may see people in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permitted {
    /// Who.
    pub staff: StaffId,
    /// Since when.
    pub since: Timestamp,
}

/// Whether people of these tenants may be shown as it was asked.
pub(super) async fn is_given(tx: &mut Tx, by: &AccessBy, tenants: &BTreeSet<&TenantId>) -> Result<bool, DbError> {
    match (by.shown, &by.actor) {
        (Shown::Masked | Shown::Processed, _) | (Shown::Clear, Actor::Person) => Ok(true),
        (Shown::Clear, Actor::Staff(staff)) => {
            let mut wanted = Keys::new(&MAY_REVEAL);
            tenants.iter().for_each(|tenant| wanted.push([tenant.as_str().into(), staff.as_str().into()]));
            Ok(tx.select_by_keys(&wanted).await?.len() == tenants.len())
        }
        (Shown::Clear, Actor::Daybook | Actor::Operator) => Ok(false),
    }
}

impl KeyStore {
    /// Lets a member of staff see the tenant's people in clear. False if that was so already.
    pub async fn permit_reveal(
        &self,
        tenant: &TenantId,
        staff: &StaffId,
        at: Timestamp,
    ) -> Result<bool, KeyStoreError> {
        let sql = "INSERT INTO may_reveal (tenant, staff, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        let args = vec![tenant.as_str().into(), staff.as_str().into(), at.0.into()];
        self.change_permission(sql, args, at).await
    }

    /// Takes it back, from the next opening on. False if it had not been permitted.
    pub async fn forbid_reveal(
        &self,
        tenant: &TenantId,
        staff: &StaffId,
        at: Timestamp,
    ) -> Result<bool, KeyStoreError> {
        let sql = "DELETE FROM may_reveal WHERE tenant = $1 AND staff = $2";
        self.change_permission(sql, vec![tenant.as_str().into(), staff.as_str().into()], at).await
    }

    /// The tenant's staff who may see people in clear.
    pub async fn permitted_to_reveal(&self, tenant: &TenantId) -> Result<Vec<Permitted>, KeyStoreError> {
        let sql = "SELECT staff, since FROM may_reveal WHERE tenant = $1 ORDER BY staff";
        let rows = self.db.query(sql, vec![tenant.as_str().into()]).await?;
        Ok(rows.iter().map(permitted).collect::<Result<_, _>>()?)
    }

    /// The first two arguments name who.
    async fn change_permission(
        &self,
        sql: &'static str,
        args: Vec<Value>,
        at: Timestamp,
    ) -> Result<bool, KeyStoreError> {
        let unit = self.db.run_tx("permit-reveal", move |tx| {
            let args = args.clone();
            Box::pin(async move {
                let key = args.iter().take(2).cloned().collect();
                let changed = tx.execute(sql, args).await? > 0;
                if changed {
                    note(tx, &PERMITTED, &[key], at).await?;
                }
                Ok(changed)
            })
        });
        let changed = unit.await.map_err(|error: DbError| error)?;
        self.list_decided().await?;
        Ok(changed)
    }
}

fn permitted(row: &Row) -> Result<Permitted, DbError> {
    let staff = row.text(0)?.parse().map_err(|_| corrupt("a permission names nobody"))?;
    Ok(Permitted { staff, since: Timestamp(row.int(1)?) })
}
