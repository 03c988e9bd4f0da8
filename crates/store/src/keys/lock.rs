//! The locks that make the key store's transactions serial within a tenant.

use std::collections::BTreeSet;

use commerce::TenantId;
use sha2::{Digest, Sha256};

use crate::db::{DbError, Dialect, Tx};

/// Waits until no other transaction works on these tenants, and keeps others out until the end of this one.
///
/// SQLite needs nothing: the transaction holds the write lock already.
pub(super) async fn tenants<'a>(
    tx: &mut Tx,
    dialect: Dialect,
    tenants: impl IntoIterator<Item = &'a TenantId>,
) -> Result<(), DbError> {
    let numbers: BTreeSet<i64> = tenants.into_iter().map(|tenant| number("tenant", tenant.as_str())).collect();
    take(tx, dialect, &numbers).await
}

/// The same for the access logs of these tenants, which wait for nothing else of theirs.
pub(super) async fn access<'a>(
    tx: &mut Tx,
    dialect: Dialect,
    tenants: impl IntoIterator<Item = &'a TenantId>,
) -> Result<(), DbError> {
    let numbers: BTreeSet<i64> = tenants.into_iter().map(|tenant| number("access", tenant.as_str())).collect();
    take(tx, dialect, &numbers).await
}

/// The same for the beginning of an epoch.
pub(super) async fn epochs(tx: &mut Tx) -> Result<(), DbError> {
    let dialect = tx.dialect();
    take(tx, dialect, &BTreeSet::from([number("epochs", "")])).await
}

/// The same for what is told to the list of decisions. The last that a transaction takes.
pub(super) async fn decided(tx: &mut Tx) -> Result<(), DbError> {
    let dialect = tx.dialect();
    take(tx, dialect, &BTreeSet::from([number("decided", "")])).await
}

/// Takes the locks in ascending order, as everybody does, so that no two transactions wait for each other.
async fn take(tx: &mut Tx, dialect: Dialect, numbers: &BTreeSet<i64>) -> Result<(), DbError> {
    if dialect == Dialect::Sqlite {
        return Ok(());
    }
    let list: Vec<String> = numbers.iter().map(i64::to_string).collect();
    let sql = "SELECT pg_advisory_xact_lock(number) FROM \
               (SELECT number FROM unnest(string_to_array($1, ',')::int8[]) AS number ORDER BY number) AS sorted";
    tx.query(sql, vec![list.join(",").into()]).await.map(|_| ())
}

/// Two names with one number wait for each other needlessly, and nothing else.
fn number(kind: &str, name: &str) -> i64 {
    let hash = Sha256::digest(format!("daybook keys: {kind} {name}"));
    hash.iter().take(8).fold(0, |number, byte| number << 8 | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_own_numbers() {
        let numbers =
            BTreeSet::from([number("tenant", "a"), number("tenant", "b"), number("epochs", ""), number("decided", "")]);
        assert_eq!(numbers.len(), 4);
    }
}
