//! Somebody who has every copy of the key store that was ever made, and all key material that exists when they attack. They
//! use the cryptography alone, none of the platform's own code above it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use store::db::Db;
use subject_keys::{BoxContext, EpochId, EpochKey, KeyId, PageId, RootKey, SubjectKey, open, sealed_key_id};
use uuid::Uuid;

/// All that was ever in the database: a base backup and the write-ahead log's archive hold no more.
#[derive(Default)]
pub(super) struct Attacker {
    pages: BTreeSet<(i64, i64, Vec<u8>)>,
    keys: BTreeSet<(Uuid, i64, Vec<u8>)>,
}

/// A box on a topic, with what stands in clear beside it.
pub(super) struct StolenBox {
    pub(super) tenant: String,
    pub(super) subject: Uuid,
    pub(super) event: Uuid,
    pub(super) label: &'static str,
    pub(super) sealed: Vec<u8>,
}

impl Attacker {
    /// Takes a copy of the key store as it is now.
    pub(super) async fn copy(&mut self, db: &Db) {
        for row in db.query("SELECT page, epoch, wrapped FROM page", vec![]).await.unwrap() {
            self.pages.insert((row.int(0).unwrap(), row.int(1).unwrap(), row.blob(2).unwrap().to_vec()));
        }
        let sql = "SELECT key_id, page, wrapped FROM subject_key WHERE wrapped IS NOT NULL";
        for row in db.query(sql, vec![]).await.unwrap() {
            let key = row.text(0).unwrap().parse().unwrap();
            self.keys.insert((key, row.int(1).unwrap(), row.blob(2).unwrap().to_vec()));
        }
    }

    /// How many of these boxes open with the root key and the epoch keys that are in the folder now.
    pub(super) fn open(&self, root: &RootKey, keyring: &Path, boxes: &[StolenBox]) -> usize {
        let keys = self.subject_keys(root, keyring);
        let opens = |one: &StolenBox| {
            let id = sealed_key_id(&one.sealed).unwrap();
            let context = BoxContext { tenant: &one.tenant, subject: one.subject, event: one.event, label: one.label };
            keys.get(&id.0).is_some_and(|key| open(key, id, &context, &one.sealed).is_ok())
        };
        boxes.iter().filter(|one| opens(one)).count()
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
