//! Index pages: where identities that name a person lie, so that they can be forgotten for good.
//!
//! A phone number's *tag*, its HMAC under the tenant's index key, can be tried against all phone numbers by whoever has that
//! key, and it lives as long as the tenant. So a tag is never stored as it is. It lies on a page that covers a
//! [stretch](stretch) of the tenant's tags, under the page's own key: as a mark, which finds it, and encrypted, so that it can
//! move. The page's key is wrapped by an epoch, and epochs end.
//!
//! **What must hold:** of an erased person nothing is left but what hangs on epochs up to the one of their erasure.
//!
//! - A page that lost an identity is *lossy*, from the same transaction on. Its key is never wrapped again: the next rotation
//!   puts the identities that are left on a new page, with a new key, in its place. So does whoever finds a page full.
//! - All of it happens under the tenant's lock: sealing, erasing and rotating come one after the other, so an erasure sees
//!   every epoch that ever wrapped the page, and none wraps it later.
//! - Only who marks all pages of all tenants ([`mark_all_lossy`](super::reapply::mark_all_lossy)) takes no such lock, and so
//!   may come between the reading of a page and its writing. The mark stays all the same: whoever adds to a page, or wraps
//!   it anew, does not write its state. A rotation that had read the page before is one that came before the mark. A page
//!   that comes in the place of a marked one has a key that nothing from before hangs on, and needs no mark.
//! - What was rolled back is in the write-ahead log all the same, and nothing knows of it. At any time one page covers a tag,
//!   and the next one comes in its place. So a person who was written in vain, and then for good, was written on the page
//!   that lost them in the end; or on one before it, whose key was wrapped no more since; or on one that was rolled back
//!   itself, whose key only the epoch of that time wraps. All of these hang on epochs up to the erasure.
//! - A payload that was written in vain and never came again leaves somebody in the write-ahead log whom nothing here knows,
//!   under the key of a page that may live on. Therefore no key lives on for ever: after at most [`MOST_EPOCHS`] epochs every
//!   page is put in another's place. Which epoch is its last is drawn when it begins, so that they do not all end at once.
//!
//! Rows that go are deleted, pages that go are overwritten: nobody reads without the tenant's lock, or else reads one state of
//! the database.

mod older;
mod rotation;
mod stretch;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use commerce::{SubjectId, TenantId};
use subject_keys::{EpochId, EpochKey, IndexPageId, IndexPageKey};

use super::erasure::{one_of, whose};
use super::identity::{Blind, Place};
use super::resolve::{blind, subject, tenant};
use super::tables::{INDEX_PAGE, INDEX_PAGE_PLACE, INDEX_PAGE_USE, PAGED_IDENTITY};
use super::{KeyStore, KeyStoreError, corrupt, damaged, random};
use crate::db::{DbError, Dialect, Keys, Row, Rows, Tx, Value};
use stretch::{ROOM, Stretch, cut, number};

/// Epochs, after the one in which a page begins, that may wrap its key.
const MOST_EPOCHS: i64 = 30;

/// Tags and whose they are: what lies on a page.
type Tags = BTreeMap<Blind, String>;

/// A page, and its key.
struct IndexPage {
    tenant: TenantId,
    stretch: Stretch,
    id: i64,
    epoch: i64,
    last_epoch: i64,
    wrapped: Vec<u8>,
    used: i64,
    state: String,
    key: Arc<IndexPageKey>,
}

/// Pages by tenant and by where they begin: those that cover the tags of a batch.
#[derive(Default)]
pub(super) struct IndexPages(BTreeMap<(TenantId, i64), IndexPage>);

/// The current epoch and its key.
type Current = (EpochId, Arc<EpochKey>);

/// What is to be written: pages that begin, that get more and that are wrapped anew, identities, and pages of which every
/// identity goes first.
struct Written {
    begun: Rows,
    used: Rows,
    wrapped: Rows,
    identities: Rows,
    emptied: Keys,
}

impl KeyStore {
    /// The pages that cover these tags: one statement. Tenants that have none yet are left out.
    pub(super) async fn index_pages(&self, tx: &mut Tx, places: &[&Place]) -> Result<IndexPages, KeyStoreError> {
        let mut pages = IndexPages::default();
        if places.is_empty() {
            return Ok(pages);
        }
        for row in &covering(tx, places).await? {
            let page = self.index_page(row).await?;
            pages.0.insert((page.tenant.clone(), page.stretch.begins), page);
        }
        Ok(pages)
    }

    /// Puts identities on the pages that were read for them. What does not fit there is spread over new ones. At most six
    /// statements; the tenants' locks are held.
    pub(super) async fn put_on_pages<'a>(
        &self,
        tx: &mut Tx,
        mut pages: IndexPages,
        identities: impl Iterator<Item = (&'a Place, SubjectId)>,
    ) -> Result<(), KeyStoreError> {
        let mut added: BTreeMap<(TenantId, i64), Tags> = BTreeMap::new();
        for (place, subject) in identities {
            let begins = pages.covering(place)?.map_or(0, |page| page.stretch.begins);
            added.entry((place.0.clone(), begins)).or_default().insert(place.1, subject.to_string());
        }
        let (mut written, mut full) = (Written::new(), Vec::new());
        for (at, tags) in added {
            match pages.0.remove(&at) {
                Some(page) if page.has_room(tags.len()) => written.add_to(page, &tags)?,
                page => full.push((at.0, page, tags)),
            }
        }
        if !full.is_empty() {
            self.spread(tx, full, &mut written).await?;
        }
        Ok(written.store(tx).await?)
    }

    /// Puts new pages in the place of full ones, and of none.
    async fn spread(
        &self,
        tx: &mut Tx,
        full: Vec<(TenantId, Option<IndexPage>, Tags)>,
        written: &mut Written,
    ) -> Result<(), KeyStoreError> {
        let current = self.epochs.current(tx).await?;
        let stored = stored_on(tx, full.iter().filter_map(|(_, page, _)| page.as_ref())).await?;
        for (tenant, page, mut tags) in full {
            let stretch = page.as_ref().map_or(Stretch::WHOLE, |page| page.stretch);
            if let Some(page) = &page {
                let (there, _) = page.tags(&stored)?;
                for (tag, subject) in there {
                    tags.entry(tag).or_insert(subject);
                }
                written.empty(page);
            }
            written.begin(&current, &tenant, stretch, tags)?;
        }
        Ok(())
    }

    async fn index_page(&self, row: &Row) -> Result<IndexPage, KeyStoreError> {
        let bits = u32::try_from(row.int(2)?).map_err(|_| corrupt("an index page's bits are out of range"))?;
        let (id, epoch, wrapped) = (row.int(3)?, row.int(4)?, row.blob(6)?.to_vec());
        Ok(IndexPage {
            tenant: tenant(row.text(0)?)?,
            stretch: Stretch { begins: row.int(1)?, bits },
            key: self.index_page_key(id, epoch, &wrapped).await?,
            id,
            epoch,
            last_epoch: row.int(5)?,
            wrapped,
            used: row.int(7)?,
            state: row.text(8)?.to_owned(),
        })
    }

    /// A page's key is always the same, so the cache saves unwrapping it. The row that was just read says that it lives.
    async fn index_page_key(&self, id: i64, epoch: i64, wrapped: &[u8]) -> Result<Arc<IndexPageKey>, KeyStoreError> {
        if let Some(key) = self.caches.index_pages.get(&id) {
            return Ok(key);
        }
        let epoch = self.epochs.of(epoch).await?;
        let key = epoch.unwrap_index_page(page_id(id)?, wrapped).map_err(damaged("key of an index page"))?;
        let key = Arc::new(key);
        self.caches.index_pages.insert(id, Arc::clone(&key));
        Ok(key)
    }
}

impl IndexPages {
    /// The page of a tag that was asked for; none if its tenant has no page yet.
    fn covering(&self, (tenant, tag): &Place) -> Result<Option<&IndexPage>, DbError> {
        let number = number(tag);
        let before = self.0.range(..=(tenant.clone(), number)).next_back();
        match before.map(|(_, page)| page).filter(|page| page.tenant == *tenant) {
            Some(page) if !page.stretch.covers(number) => Err(corrupt("no index page covers a tag")),
            page => Ok(page),
        }
    }
}

impl IndexPage {
    fn begin(current: &Current, tenant: &TenantId, stretch: Stretch) -> Result<IndexPage, KeyStoreError> {
        let (epoch, wrapping) = current;
        let key = IndexPageKey::generate(&mut random);
        // Random, so that two processes may begin one each at the same time.
        let id = rand::random_range(1..=i64::MAX);
        let epoch = i64::from(epoch.0);
        Ok(IndexPage {
            tenant: tenant.clone(),
            stretch,
            id,
            epoch,
            last_epoch: epoch.saturating_add(rand::random_range(1..=MOST_EPOCHS)),
            wrapped: wrapping.wrap_index_page(page_id(id)?, &key, &mut random)?,
            used: 0,
            state: "in-use".to_owned(),
            key: Arc::new(key),
        })
    }

    /// Whether so many more fit. What was deleted counts until the page is put in another's place.
    fn has_room(&self, more: usize) -> bool {
        usize::try_from(self.used).is_ok_and(|used| used.saturating_add(more) <= ROOM)
    }

    /// What lies on the page, of rows of any page, and how many do not open. Those are let go: their people are found by
    /// what else they are known by.
    fn tags(&self, stored: &[Row]) -> Result<(Tags, u64), DbError> {
        let (mut tags, mut damaged) = (Tags::new(), 0);
        for row in stored {
            if row.int(0)? != self.id {
                continue;
            }
            match self.key.open_tag(&blind(row.blob(1)?)?, row.blob(4)?) {
                Ok(tag) => drop(tags.insert(tag, row.text(3)?.to_owned())),
                Err(_) => {
                    tracing::error!(tenant = %self.tenant, subject = row.text(3)?, "an identity on an index page is damaged");
                    damaged += 1;
                }
            }
        }
        Ok((tags, damaged))
    }

    fn row(&self) -> [Value; 9] {
        [
            self.tenant.as_str().into(),
            self.stretch.begins.into(),
            i64::from(self.stretch.bits).into(),
            self.id.into(),
            self.epoch.into(),
            self.last_epoch.into(),
            self.wrapped.clone().into(),
            self.used.into(),
            self.state.as_str().into(),
        ]
    }
}

impl Written {
    fn new() -> Written {
        Written {
            begun: Rows::new(&INDEX_PAGE),
            used: Rows::new(&INDEX_PAGE_USE),
            wrapped: Rows::new(&INDEX_PAGE_PLACE),
            identities: Rows::new(&PAGED_IDENTITY),
            emptied: Keys::by(&PAGED_IDENTITY, &["page"]),
        }
    }

    /// Puts tags on a page that is there, and has room for them.
    fn add_to(&mut self, page: IndexPage, tags: &Tags) -> Result<(), KeyStoreError> {
        let page = self.put(page, tags)?;
        self.used.push(page.row());
        Ok(())
    }

    /// Gives the page as it is with these tags.
    fn put(&mut self, mut page: IndexPage, tags: &Tags) -> Result<IndexPage, KeyStoreError> {
        for (tag, subject) in tags {
            let mark = page.key.mark(tag);
            let sealed = page.key.seal_tag(&mark, tag, &mut random)?;
            let (tenant, subject) = (page.tenant.as_str().into(), subject.as_str().into());
            self.identities.push([page.id.into(), mark.as_slice().into(), tenant, subject, sealed.into()]);
            page.used = page.used.saturating_add(1);
        }
        Ok(page)
    }

    /// Puts tags on new pages that cover the stretch, in the place of whatever covered it.
    fn begin(
        &mut self,
        current: &Current,
        tenant: &TenantId,
        stretch: Stretch,
        tags: Tags,
    ) -> Result<(), KeyStoreError> {
        for (part, tags) in cut(stretch, tags) {
            let page = self.put(IndexPage::begin(current, tenant, part)?, &tags)?;
            self.begun.push(page.row());
        }
        Ok(())
    }

    fn empty(&mut self, page: &IndexPage) {
        self.emptied.push([page.id.into()]);
    }

    async fn store(self, tx: &mut Tx) -> Result<(), DbError> {
        tx.delete_by_keys(&self.emptied).await?;
        tx.upsert(&self.begun).await?;
        tx.upsert(&self.used).await?;
        tx.upsert(&self.wrapped).await?;
        tx.upsert(&self.identities).await?;
        Ok(())
    }
}

/// Whose these tags are, of those that lie on the pages read for them: one statement.
pub(super) async fn paged(
    tx: &mut Tx,
    pages: &IndexPages,
    places: &[&Place],
) -> Result<Vec<(Place, SubjectId)>, DbError> {
    let mut asked: HashMap<(i64, Blind), &Place> = HashMap::with_capacity(places.len());
    for place in places {
        if let Some(page) = pages.covering(place)? {
            asked.insert((page.id, page.key.mark(&place.1)), place);
        }
    }
    let mut keys = Keys::new(&PAGED_IDENTITY);
    asked.keys().for_each(|(page, mark)| keys.push([(*page).into(), mark.as_slice().into()]));
    let found = |row: &Row| {
        let at = (row.int(0)?, blind(row.blob(1)?)?);
        let place = asked.get(&at).ok_or_else(|| corrupt("an identity that was not asked for"))?;
        Ok(((*place).clone(), subject(row.text(3)?)?))
    };
    tx.select_by_keys(&keys).await?.iter().map(found).collect()
}

/// Deletes what these subjects of a tenant are known by on pages, which are lossy from now on. The tenant's lock is held.
pub(super) async fn forget(tx: &mut Tx, tenant: &TenantId, subjects: &[SubjectId]) -> Result<(), DbError> {
    let (dialect, theirs) = (tx.dialect(), one_of(tx.dialect(), "subject"));
    let lossy = format!(
        "UPDATE index_page SET state = 'lossy' WHERE state = 'in-use' AND page IN \
         (SELECT page FROM paged_identity WHERE tenant = $1 AND {theirs})"
    );
    tx.execute(&lossy, whose(dialect, tenant, subjects)).await?;
    let delete = format!("DELETE FROM paged_identity WHERE tenant = $1 AND {theirs}");
    tx.execute(&delete, whose(dialect, tenant, subjects)).await.map(|_| ())
}

/// The rows of the pages that cover these tags: for each tag the last page that begins at it or before.
async fn covering(tx: &mut Tx, places: &[&Place]) -> Result<Vec<Row>, DbError> {
    let asked = match tx.dialect() {
        Dialect::Postgres => {
            "SELECT split_part(one, ' ', 1) AS tenant, split_part(one, ' ', 2)::int8 AS tag \
             FROM unnest(string_to_array($1, ',')) AS one"
        }
        Dialect::Sqlite => {
            "SELECT json_extract(value, '$[0]') AS tenant, json_extract(value, '$[1]') AS tag FROM json_each($1)"
        }
    };
    let sql = format!(
        "SELECT tenant, begins, bits, page, epoch, last_epoch, wrapped, used, state FROM index_page WHERE page IN \
         (SELECT (SELECT p.page FROM index_page p WHERE p.tenant = asked.tenant AND p.begins <= asked.tag \
                  ORDER BY p.begins DESC LIMIT 1) FROM ({asked}) AS asked)"
    );
    // A tenant's name has letters, digits and hyphens alone.
    let one = |(tenant, tag): &&Place| match tx.dialect() {
        Dialect::Postgres => format!("{tenant} {}", number(tag)),
        Dialect::Sqlite => format!("[\"{tenant}\",{}]", number(tag)),
    };
    let list = places.iter().map(one).collect::<Vec<_>>().join(",");
    let list = match tx.dialect() {
        Dialect::Postgres => list,
        Dialect::Sqlite => format!("[{list}]"),
    };
    tx.query(&sql, vec![list.into()]).await
}

/// All rows on these pages: one statement.
async fn stored_on(tx: &mut Tx, pages: impl Iterator<Item = &IndexPage>) -> Result<Vec<Row>, DbError> {
    let mut keys = Keys::by(&PAGED_IDENTITY, &["page"]);
    pages.for_each(|page| keys.push([page.id.into()]));
    tx.select_by_keys(&keys).await
}

fn page_id(stored: i64) -> Result<IndexPageId, DbError> {
    u64::try_from(stored).map(IndexPageId).map_err(|_| corrupt("an index page's number is out of range"))
}
