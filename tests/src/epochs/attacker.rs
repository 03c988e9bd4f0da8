//! Somebody who has every copy of the key store that was ever made, and all key material that exists when they attack. They
//! use the cryptography alone, none of the platform's own code above it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use store::db::Db;
use subject_keys::{
    BoxContext, EpochId, EpochKey, IndexKey, IndexPageId, IndexPageKey, KeyId, PageId, RootKey, SubjectKey, open,
    sealed_key_id,
};
use uuid::Uuid;

/// All that was ever in the database: a base backup and the write-ahead log's archive hold no more.
#[derive(Default)]
pub(crate) struct Attacker {
    pages: BTreeSet<(i64, i64, Vec<u8>)>,
    keys: BTreeSet<(Uuid, i64, Vec<u8>)>,
    index_keys: BTreeSet<(String, i64, Vec<u8>)>,
    index_pages: BTreeSet<(i64, i64, Vec<u8>)>,
    /// Page, mark, whose, and the encrypted tag.
    on_index_pages: BTreeSet<(i64, Vec<u8>, Uuid, Vec<u8>)>,
    /// What lies in the index as it was blinded: the tag, and whose.
    in_clear: BTreeSet<(Vec<u8>, Uuid)>,
}

/// A box on a topic, with what stands in clear beside it.
pub(crate) struct StolenBox {
    pub(crate) tenant: String,
    pub(crate) subject: Uuid,
    pub(crate) event: Uuid,
    pub(crate) label: &'static str,
    pub(crate) sealed: Vec<u8>,
}

impl Attacker {
    /// Takes a copy of the key store as it is now.
    pub(crate) async fn copy(&mut self, db: &Db) {
        for row in db.query("SELECT page, epoch, wrapped FROM page", vec![]).await.unwrap() {
            self.pages.insert((row.int(0).unwrap(), row.int(1).unwrap(), row.blob(2).unwrap().to_vec()));
        }
        let sql = "SELECT key_id, page, wrapped FROM subject_key WHERE wrapped IS NOT NULL";
        for row in db.query(sql, vec![]).await.unwrap() {
            let key = row.text(0).unwrap().parse().unwrap();
            self.keys.insert((key, row.int(1).unwrap(), row.blob(2).unwrap().to_vec()));
        }
        self.copy_index(db).await;
    }

    async fn copy_index(&mut self, db: &Db) {
        for row in db.query("SELECT tenant, epoch, wrapped FROM index_key", vec![]).await.unwrap() {
            let tenant = row.text(0).unwrap().to_owned();
            self.index_keys.insert((tenant, row.int(1).unwrap(), row.blob(2).unwrap().to_vec()));
        }
        for row in db.query("SELECT page, epoch, wrapped FROM index_page", vec![]).await.unwrap() {
            self.index_pages.insert((row.int(0).unwrap(), row.int(1).unwrap(), row.blob(2).unwrap().to_vec()));
        }
        for row in db.query("SELECT page, mark, subject, sealed FROM paged_identity", vec![]).await.unwrap() {
            let (mark, sealed) = (row.blob(1).unwrap().to_vec(), row.blob(3).unwrap().to_vec());
            self.on_index_pages.insert((row.int(0).unwrap(), mark, row.text(2).unwrap().parse().unwrap(), sealed));
        }
        for row in db.query("SELECT blind, subject FROM identity", vec![]).await.unwrap() {
            self.in_clear.insert((row.blob(0).unwrap().to_vec(), row.text(1).unwrap().parse().unwrap()));
        }
    }

    /// How many of these boxes open with the root key and the epoch keys that are in the folder now.
    pub(crate) fn open(&self, root: &RootKey, keyring: &Path, boxes: &[StolenBox]) -> usize {
        let keys = self.subject_keys(root, keyring);
        let opens = |one: &StolenBox| {
            let id = sealed_key_id(&one.sealed).unwrap();
            let context = BoxContext { tenant: &one.tenant, subject: one.subject, event: one.event, label: one.label };
            keys.get(&id.0).is_some_and(|key| open(key, id, &context, &one.sealed).is_ok())
        };
        boxes.iter().filter(|one| opens(one)).count()
    }

    /// Tries these phone numbers against every row of every copy, by marks and by what their encryption gives; gives whose
    /// each one is that it finds.
    pub(crate) fn try_phones(&self, root: &RootKey, keyring: &Path, phones: &[String]) -> BTreeSet<(String, Uuid)> {
        let epochs = epoch_keys(root, keyring);
        let mut found = BTreeSet::new();
        for (tenant, epoch, wrapped) in &self.index_keys {
            let Some(key) = epochs.get(epoch).and_then(|key| key.unwrap_index(tenant, wrapped).ok()) else { continue };
            let tags = tags(&key, phones);
            let known = self.in_clear.iter().filter_map(|(tag, whose)| Some((*tags.get(tag.as_slice())?, *whose)));
            found.extend(known.map(|(phone, whose)| (phone.clone(), whose)));
            for (page, page_key) in self.index_page_keys(&epochs) {
                found.extend(self.try_page(page, &page_key, &tags));
            }
        }
        found
    }

    /// The keys of index pages that any of the copies gives.
    fn index_page_keys(&self, epochs: &BTreeMap<i64, EpochKey>) -> BTreeMap<i64, IndexPageKey> {
        let unwrapped = |(page, epoch, wrapped): &(i64, i64, Vec<u8>)| {
            let number = IndexPageId(u64::try_from(*page).unwrap());
            Some((*page, epochs.get(epoch)?.unwrap_index_page(number, wrapped).ok()?))
        };
        self.index_pages.iter().filter_map(unwrapped).collect()
    }

    fn try_page(&self, page: i64, key: &IndexPageKey, tags: &Tags<'_>) -> Vec<(String, Uuid)> {
        let marks: BTreeMap<[u8; 32], &String> = tags.iter().map(|(tag, phone)| (key.mark(tag), *phone)).collect();
        let whose = |(_, mark, whose, sealed): &(i64, Vec<u8>, Uuid, Vec<u8>)| {
            let mark = mark.as_slice().try_into().unwrap();
            let by_mark = marks.get(&mark).copied();
            let by_tag = key.open_tag(&mark, sealed).ok().and_then(|tag| tags.get(&tag).copied());
            by_mark.or(by_tag).map(|phone| (phone.clone(), *whose))
        };
        self.on_index_pages.iter().filter(|(on, ..)| *on == page).filter_map(whose).collect()
    }

    /// Every subject key that any of the copies gives.
    fn subject_keys(&self, root: &RootKey, keyring: &Path) -> BTreeMap<Uuid, SubjectKey> {
        let epochs = epoch_keys(root, keyring);
        let mut found = BTreeMap::new();
        for (page, epoch, wrapped) in &self.pages {
            let number = PageId(u64::try_from(*page).unwrap());
            let Some(page_key) = epochs.get(epoch).and_then(|key| key.unwrap_page(number, wrapped).ok()) else {
                continue;
            };
            for (id, _, wrapped) in self.keys.iter().filter(|(_, on, _)| on == page) {
                if let Ok(key) = page_key.unwrap_key(KeyId(*id), wrapped) {
                    found.insert(*id, key);
                }
            }
        }
        found
    }
}

/// Phone numbers by their tags.
type Tags<'a> = BTreeMap<[u8; 32], &'a String>;

fn tags<'a>(key: &IndexKey, phones: &'a [String]) -> Tags<'a> {
    phones.iter().map(|phone| (key.blind("phone", phone), phone)).collect()
}

fn epoch_keys(root: &RootKey, keyring: &Path) -> BTreeMap<i64, EpochKey> {
    let mut keys = BTreeMap::new();
    for entry in std::fs::read_dir(keyring).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "key") {
            continue;
        }
        let epoch: u32 = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let wrapped = hex::decode(std::fs::read_to_string(&path).unwrap().trim()).unwrap();
        if let Ok(key) = root.unwrap_epoch(EpochId(epoch), &wrapped) {
            keys.insert(i64::from(epoch), key);
        }
    }
    keys
}
