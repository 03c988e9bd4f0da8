//! What was unwrapped lately, so that it need not be unwrapped anew for every batch. Keys, never the right to use them:
//! every batch reads in the database whether a key still lives.
//!
//! **How soon they forget.** A subject key is given out for [`KEYS_LIVE`] after it was unwrapped, and so are the keys of an
//! index page and of an epoch. A task drops what is over that age every [`SWEPT`], in an idle process too, and dropping wipes it. So within two
//! seconds of an erasure, or of the end of an epoch, no process has a key of theirs, save for a batch that is under way.
//! Unwrapping once a second and key costs a few microseconds, and the file of an epoch in use is read once a second.
//!
//! The cache is our own because moka, which forgets as soon when a task has it run what it put off, takes twice as long to look a
//! key up and five times as long to keep one, and leaves it to its reclamation, which promises no time, when memory is wiped.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use commerce::TenantId;
use secrecy::SecretString;
use subject_keys::{IndexKey, IndexPageKey, PreparedKey};
use uuid::Uuid;

use super::epochs::Epochs;
use super::{closure, secrets};

/// How long a key that ends is given out after it was unwrapped.
pub(super) const KEYS_LIVE: Duration = Duration::from_secs(1);

/// How long the index key of a tenant is. It outlives every erasure, so how long it stays promises nothing; to unwrap it
/// costs a transaction of its own.
const INDEX_KEYS_LIVE: Duration = Duration::from_secs(300);

/// How often what is too old is dropped.
const SWEPT: Duration = Duration::from_millis(500);

/// What was unwrapped lately. All are bounded, because tenants and senders are named by whoever sends a request.
pub(super) struct Caches {
    pub(super) subject_keys: Cache<Uuid, Arc<PreparedKey>>,
    pub(super) index_keys: Cache<TenantId, Arc<IndexKey>>,
    pub(super) index_pages: Cache<i64, Arc<IndexPageKey>>,
    pub(super) secrets: Cache<(TenantId, String), Arc<[SecretString]>>,
    pub(super) closed: Cache<TenantId, bool>,
}

impl Caches {
    pub(super) fn new() -> Caches {
        Caches {
            subject_keys: Cache::new(KEYS_LIVE, 50_000),
            index_keys: Cache::new(INDEX_KEYS_LIVE, 10_000),
            index_pages: Cache::new(KEYS_LIVE, 50_000),
            secrets: Cache::new(secrets::FRESH, 10_000),
            closed: Cache::new(closure::FRESH, 10_000),
        }
    }

    fn sweep(&self) {
        self.subject_keys.sweep();
        self.index_keys.sweep();
        self.index_pages.sweep();
        self.secrets.sweep();
        self.closed.sweep();
    }
}

/// Drops what is too old until the key store is dropped.
pub(super) async fn sweep(caches: Weak<Caches>, epochs: Weak<Epochs>) {
    loop {
        tokio::time::sleep(SWEPT).await;
        let (Some(caches), Some(epochs)) = (caches.upgrade(), epochs.upgrade()) else { return };
        caches.sweep();
        epochs.sweep();
    }
}

/// Values that are given out for so long, and dropped at the next sweep. A cache of the usual kind drops what is over its
/// time when somebody next works with it, and so keeps keys in the memory of an idle process.
pub(super) struct Cache<K, V> {
    held: Mutex<HashMap<K, (Instant, V)>>,
    live: Duration,
    room: usize,
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    pub(super) fn new(live: Duration, room: usize) -> Cache<K, V> {
        Cache { held: Mutex::default(), live, room }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.held().get(key).filter(|(since, _)| since.elapsed() < self.live).map(|(_, value)| value.clone())
    }

    /// Keeps a value that was just unwrapped. When there is no room for it all others go: that costs more work, and no
    /// more room.
    pub(super) fn insert(&self, key: K, value: V) {
        let mut held = self.held();
        if held.len() >= self.room && !held.contains_key(&key) {
            held.clear();
        }
        held.insert(key, (Instant::now(), value));
    }

    pub(super) fn invalidate(&self, key: &K) {
        self.held().remove(key);
    }

    pub(super) fn forget(&self, which: impl Fn(&K) -> bool) {
        self.held().retain(|key, _| !which(key));
    }

    pub(super) fn sweep(&self) {
        self.held().retain(|_, (since, _)| since.elapsed() < self.live);
    }

    /// Nothing is left half done by a thread that panics with the lock.
    fn held(&self) -> MutexGuard<'_, HashMap<K, (Instant, V)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Db, Dialect, Durability};
    use crate::keys::{
        ErasureReason, IdentityHint, IdentityKind, KeyStore, Keyring, Month, PersonRef, Schedule, Sealing,
    };
    use crate::schema::keys_migrations;
    use ledger::Timestamp;
    use std::path::Path;
    use subject_keys::{EpochId, RootKey};

    const LONG: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_value_is_given_out_for_so_long_and_dropped_by_the_next_sweep() {
        for (live, given) in [(LONG, true), (Duration::ZERO, false)] {
            let (cache, value) = (Cache::new(live, 8), Arc::new("a key"));
            let watched = Arc::downgrade(&value);
            cache.insert(7, value);
            assert_eq!((cache.get(&7).is_some(), watched.upgrade().is_some()), (given, true), "{live:?}");
            cache.sweep();
            assert_eq!(watched.upgrade().is_some(), given, "{live:?}");
            cache.invalidate(&7);
            assert!(watched.upgrade().is_none());
        }
    }

    /// A key store of a new process.
    async fn process(folder: &Path) -> KeyStore {
        let schema = keys_migrations(Dialect::Sqlite);
        let db = Db::open_sqlite(&folder.join("keys.db"), Durability::Full, &schema).await.unwrap();
        let keyring = Keyring::in_folder(RootKey::from_bytes([7; 32]), &folder.join("epochs"));
        let schedule = Schedule { epoch: LONG, backups: LONG };
        KeyStore::open(db, keyring, schedule, Timestamp(0)).await.unwrap()
    }

    /// Polled here and not looked up, because to look something up is what a busy process does.
    async fn gone<T>(what: &str, value: Weak<T>, since: Instant) {
        while value.strong_count() > 0 {
            assert!(since.elapsed() < Duration::from_secs(30), "{what} is still in memory");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        println!("{what} was gone from the memory of an idle process after {} ms", since.elapsed().as_millis());
    }

    #[tokio::test]
    async fn an_idle_process_forgets_the_keys_of_whoever_was_erased_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let (idle, erasing) = (process(folder.path()).await, process(folder.path()).await);
        let tenant: TenantId = "kohsar-shawls".parse().unwrap();
        let hint = IdentityHint { kind: IdentityKind::Order, value: "7001".to_owned().into() };
        let (at, month) = (Timestamp(0), Month::of(Timestamp(0)));
        let person = PersonRef { tenant: tenant.clone(), identities: vec![hint], month, at };
        erasing.resolve(vec![person.clone()]).await.unwrap();
        let Ok([Sealing::Seal { subject, key_id, key }]) =
            <[Sealing; 1]>::try_from(idle.resolve(vec![person]).await.unwrap())
        else {
            panic!("a living person is sealed")
        };
        let held = idle.caches.subject_keys.get(&key_id.0).expect("kept, to be used again");
        let (of_person, since) = (Arc::downgrade(&held), Instant::now());
        drop((key, held));
        let of_epoch = idle.epochs.held(EpochId(1)).expect("kept, to be used again");
        erasing.request_erasure(&tenant, subject, ErasureReason::Person, at).await.unwrap();
        erasing.destroy(&tenant, subject, at).await.unwrap();
        gone("the key of a person", of_person, since).await;
        gone("the key of an epoch", of_epoch, since).await;
    }

    #[tokio::test]
    async fn the_task_that_sweeps_ends_with_the_key_store() {
        let folder = tempfile::tempdir().unwrap();
        let keys = process(folder.path()).await;
        let (caches, epochs) = (Arc::downgrade(&keys.caches), Arc::downgrade(&keys.epochs));
        let task = tokio::spawn(sweep(caches.clone(), epochs));
        drop(keys);
        tokio::time::timeout(LONG, task).await.unwrap().unwrap();
        assert_eq!(caches.strong_count(), 0);
    }

    #[test]
    fn it_never_holds_more_than_it_has_room_for() {
        let cache = Cache::new(LONG, 3);
        for number in 0..10 {
            cache.insert(number, ());
            cache.insert(number, ());
            assert!(cache.get(&number).is_some() && cache.held().len() <= 3);
        }
    }
}
