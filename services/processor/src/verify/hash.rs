//! The canonical hash: what must be equal after a rebuild, on either back end, and for any order of arrival. It covers
//! merged facts, the live journal by entry key, net balances by account, currency and effective day, and the read models;
//! it leaves out numbers and recorded times, which batch sizes may change.

use std::collections::BTreeMap;

use commerce::TenantId;
use store::books::{self, SetHash};
use store::db::Db;

use super::each_part;
use crate::ProcessError;

/// Hexadecimal hashes by what they cover.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BooksHash {
    /// `cases`, `journal`, `balances` and the read models by table.
    pub parts: BTreeMap<String, String>,
}

impl BooksHash {
    /// One hash over all of them.
    pub fn combined(&self) -> String {
        let mut hash = SetHash::default();
        for (name, part) in &self.parts {
            hash.add([name.as_bytes(), part.as_bytes()]);
        }
        hash.to_hex()
    }
}

/// Hashes the books and every read model that holds no boxes; with `sealed`, those that do as well.
pub async fn books_hash(db: &Db, sealed: bool) -> Result<BooksHash, ProcessError> {
    let (mut cases, mut journal) = (SetHash::default(), SetHash::default());
    each_part(db, |row| {
        let key = row.key.to_string();
        cases.add([row.tenant.as_str().as_bytes(), key.as_bytes(), &row.fact_bytes()?]);
        for live in row.live_bytes()? {
            journal.add([row.tenant.as_str().as_bytes(), key.as_bytes(), &live]);
        }
        Ok(())
    })
    .await?;
    let mut nets: BTreeMap<(TenantId, String, String, i64), (i128, i128)> = BTreeMap::new();
    for (tenant, account, currency, day, _, total) in books::balances(db).await? {
        let (posted, pending) = nets.entry((tenant, account, currency, day)).or_default();
        *posted += i128::from(total.debits) - i128::from(total.credits);
        *pending += i128::from(total.pending_debits) - i128::from(total.pending_credits);
    }
    let mut balances = SetHash::default();
    for ((tenant, account, currency, day), (posted, pending)) in nets.iter().filter(|(_, nets)| **nets != (0, 0)) {
        let key = [tenant.as_str().as_bytes(), account.as_bytes(), currency.as_bytes()];
        let amounts = [&day.to_be_bytes()[..], &posted.to_be_bytes(), &pending.to_be_bytes()];
        balances.add(key.into_iter().chain(amounts));
    }
    let mut parts = BTreeMap::from([
        ("cases".to_owned(), cases.to_hex()),
        ("journal".to_owned(), journal.to_hex()),
        ("balances".to_owned(), balances.to_hex()),
    ]);
    let mut tables = books::read_model_hashes(db).await?;
    if sealed {
        tables.extend(books::sealed_table_hashes(db).await?);
    }
    parts.extend(tables.into_iter().map(|(table, hash)| (table.to_owned(), hash.to_hex())));
    Ok(BooksHash { parts })
}
