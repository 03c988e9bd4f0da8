//! Subject keys: one for each subject and month, wrapped by a page that holds about a thousand.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use commerce::{SubjectId, TenantId};
use subject_keys::{EpochId, EpochKey, KeyId, KeyState, PageId, PageKey, PreparedKey, SubjectKey};
use uuid::Uuid;

use super::identity::{Claimant, Month};
use super::resolve::{subject, tenant};
use super::tables::{PAGE, SUBJECT_KEY};
use super::{KeyStore, KeyStoreError, corrupt, damaged, random};
use crate::db::{DbError, Dialect, Keys, Row, Rows, Tx, Value};

/// Keys on one page. The index `page_with_room` has the same number.
const PAGE_ROOM: i64 = 1_024;

/// Whose key of which month.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct KeySlot {
    tenant: TenantId,
    subject: SubjectId,
    month: Month,
}

impl KeySlot {
    pub(super) fn of(person: &Claimant, subject: SubjectId) -> KeySlot {
        KeySlot { tenant: person.tenant.clone(), subject, month: person.month.clone() }
    }

    fn columns(&self) -> [Value; 3] {
        [self.tenant.as_str().into(), self.subject.to_string().into(), self.month.as_str().into()]
    }
}

/// The keys of a batch; `None` where the month's key was destroyed.
pub(super) type MonthKeys = HashMap<KeySlot, Option<(KeyId, Arc<PreparedKey>)>>;

/// A key's row, read in this transaction.
struct StoredKey {
    slot: KeySlot,
    id: KeyId,
    page: i64,
    wrapped: Option<Vec<u8>>,
}

/// A page that keys are put on.
struct OpenPage {
    id: i64,
    epoch: i64,
    wrapped: Vec<u8>,
    used: i64,
    key: PageKey,
}

/// Pages that keys are put on: one that had room, and new ones of the current epoch when it is full.
pub(super) struct PagesToFill {
    epoch: EpochId,
    wrapping: Arc<EpochKey>,
    pages: Vec<OpenPage>,
}

impl KeyStore {
    /// Finds the keys, and makes those that were never made. Callers ask for active subjects only, and hold their locks.
    pub(super) async fn month_keys(&self, tx: &mut Tx, wanted: BTreeSet<KeySlot>) -> Result<MonthKeys, KeyStoreError> {
        let mut keys = MonthKeys::new();
        let mut closed = Vec::new();
        for row in stored_keys(tx, &wanted).await? {
            // The row just read says whether the key lives; the cache only saves the unwrapping.
            match (row.wrapped, self.caches.subject_keys.get(&row.id.0)) {
                (None, _) => drop(keys.insert(row.slot, None)),
                (Some(_), Some(key)) => drop(keys.insert(row.slot, Some((row.id, key)))),
                (Some(wrapped), None) => closed.push((row.slot, row.id, row.page, wrapped)),
            }
        }
        let pages = self.pages(tx, closed.iter().map(|(_, _, page, _)| *page).collect()).await?;
        for (slot, id, page, wrapped) in closed {
            let page = pages.get(&page).ok_or_else(|| corrupt("a key's page is missing"))?;
            let key = prepare(page, id, &wrapped)?;
            // A new key is not kept: only when this transaction has ended is it in the database for certain.
            self.caches.subject_keys.insert(id.0, Arc::clone(&key));
            keys.insert(slot, Some((id, key)));
        }
        let missing: Vec<KeySlot> = wanted.into_iter().filter(|slot| !keys.contains_key(slot)).collect();
        self.make_keys(tx, missing, &mut keys).await?;
        Ok(keys)
    }

    async fn pages(&self, tx: &mut Tx, ids: BTreeSet<i64>) -> Result<BTreeMap<i64, PageKey>, KeyStoreError> {
        let mut keys = Keys::new(&PAGE);
        ids.into_iter().for_each(|page| keys.push([page.into()]));
        let rows = tx.select_by_keys(&keys).await?;
        let mut pages = BTreeMap::new();
        for row in &rows {
            pages.insert(row.int(0)?, self.unwrap_page(row.int(0)?, row.int(1)?, row.blob(2)?).await?);
        }
        Ok(pages)
    }

    /// Unwraps a page's key.
    pub(super) async fn unwrap_page(&self, page: i64, epoch: i64, wrapped: &[u8]) -> Result<PageKey, KeyStoreError> {
        self.epochs.of(epoch).await?.unwrap_page(page_id(page)?, wrapped).map_err(damaged("page key"))
    }

    async fn make_keys(&self, tx: &mut Tx, missing: Vec<KeySlot>, keys: &mut MonthKeys) -> Result<(), KeyStoreError> {
        if missing.is_empty() {
            return Ok(());
        }
        let current = self.epochs.current(tx).await?;
        let mut pages = self.pages_to_fill(tx, current).await?;
        let mut made = Rows::new(&SUBJECT_KEY);
        for slot in missing {
            let (id, key) = (KeyId(Uuid::new_v4()), SubjectKey::generate(&mut random));
            let (page, wrapped) = pages.put(id, &key)?;
            let active = KeyState::Active.as_str();
            let rest = [id.0.to_string().into(), page.into(), wrapped.into(), active.into(), Value::Null];
            made.push(slot.columns().into_iter().chain(rest));
            keys.insert(slot, Some((id, Arc::new(key.prepare()))));
        }
        tx.upsert(&page_rows(pages)).await?;
        tx.upsert(&made).await?;
        Ok(())
    }

    /// A page that takes more keys, and where new ones come from. Other processes take other pages meanwhile, rather than
    /// wait.
    pub(super) async fn pages_to_fill(
        &self,
        tx: &mut Tx,
        (epoch, wrapping): (EpochId, Arc<EpochKey>),
    ) -> Result<PagesToFill, KeyStoreError> {
        const SELECT: &str =
            "SELECT page, epoch, wrapped, used FROM page WHERE used < 1024 AND state = 'in-use' LIMIT 1";
        let sql = match tx.dialect() {
            Dialect::Postgres => format!("{SELECT} FOR UPDATE SKIP LOCKED"),
            Dialect::Sqlite => SELECT.to_owned(),
        };
        let rows = tx.query(&sql, vec![]).await?;
        let mut pages = Vec::new();
        if let Some(row) = rows.first() {
            let (id, epoch, wrapped, used) = (row.int(0)?, row.int(1)?, row.blob(2)?.to_vec(), row.int(3)?);
            let key = self.unwrap_page(id, epoch, &wrapped).await?;
            pages.push(OpenPage { id, epoch, wrapped, used, key });
        }
        Ok(PagesToFill { epoch, wrapping, pages })
    }
}

impl PagesToFill {
    /// New pages only. A key that moves must not be wrapped by a page that lives on: if the move were rolled back, the
    /// write-ahead log would still hold it so, and no later erasure would know of that page.
    pub(super) fn new_ones((epoch, wrapping): (EpochId, Arc<EpochKey>)) -> PagesToFill {
        PagesToFill { epoch, wrapping, pages: Vec::new() }
    }

    /// Puts a key on a page; gives the page's number and the key as wrapped by it.
    pub(super) fn put(&mut self, id: KeyId, key: &SubjectKey) -> Result<(i64, Vec<u8>), KeyStoreError> {
        let mut page = match self.pages.pop() {
            Some(page) if page.used < PAGE_ROOM => page,
            full => {
                self.pages.extend(full);
                self.new_page()?
            }
        };
        page.used += 1;
        let put = (page.id, page.key.wrap_key(id, key, &mut random)?);
        self.pages.push(page);
        Ok(put)
    }

    /// Pages have random numbers, so that two processes may begin one each at the same time.
    fn new_page(&self) -> Result<OpenPage, KeyStoreError> {
        let key = PageKey::generate(&mut random);
        let id = rand::random_range(1..=i64::MAX);
        let wrapped = self.wrapping.wrap_page(page_id(id)?, &key, &mut random)?;
        Ok(OpenPage { id, epoch: self.epoch.0.into(), wrapped, used: 0, key })
    }
}

/// The pages as they are now, to be written.
pub(super) fn page_rows(filled: PagesToFill) -> Rows {
    let mut rows = Rows::new(&PAGE);
    for OpenPage { id, epoch, wrapped, used, .. } in filled.pages {
        rows.push([id.into(), epoch.into(), wrapped.into(), used.into(), "in-use".into()]);
    }
    rows
}

async fn stored_keys(tx: &mut Tx, wanted: &BTreeSet<KeySlot>) -> Result<Vec<StoredKey>, DbError> {
    let mut keys = Keys::new(&SUBJECT_KEY);
    wanted.iter().for_each(|slot| keys.push(slot.columns()));
    tx.select_by_keys(&keys).await?.iter().map(stored_key).collect()
}

fn stored_key(row: &Row) -> Result<StoredKey, DbError> {
    let month = Month::stored(row.text(2)?);
    Ok(StoredKey {
        slot: KeySlot { tenant: tenant(row.text(0)?)?, subject: subject(row.text(1)?)?, month },
        id: key_id(row.text(3)?)?,
        page: row.int(4)?,
        wrapped: living(row.text(6)?, row.opt_blob(5)?)?.map(<[u8]>::to_vec),
    })
}

/// The wrapped key, or `None` for a destroyed one. A row that is neither is damage, and never a reason to make a key.
pub(super) fn living<'a>(state: &str, wrapped: Option<&'a [u8]>) -> Result<Option<&'a [u8]>, DbError> {
    match (KeyState::parse(state), wrapped) {
        (Ok(KeyState::Active), Some(wrapped)) => Ok(Some(wrapped)),
        (Ok(KeyState::Destroyed), None) => Ok(None),
        _ => Err(corrupt("a key is neither active nor destroyed")),
    }
}

/// Unwraps a subject key and makes it ready.
pub(super) fn prepare(page: &PageKey, id: KeyId, wrapped: &[u8]) -> Result<Arc<PreparedKey>, KeyStoreError> {
    let key = page.unwrap_key(id, wrapped).map_err(damaged("subject key"))?;
    Ok(Arc::new(key.prepare()))
}

pub(super) fn key_id(text: &str) -> Result<KeyId, DbError> {
    Uuid::parse_str(text).map(KeyId).map_err(|_| corrupt("a key's id is not a UUID"))
}

pub(super) fn page_id(stored: i64) -> Result<PageId, DbError> {
    u64::try_from(stored).map(PageId).map_err(|_| corrupt("a page's number is out of range"))
}
