//! The key store: who is known by what, under which keys their data is sealed, and who was erased.
//!
//! It is the one thing beside the log that nothing can rebuild. It names nobody: identities are blind indexes,
//! those that name a person hidden on [pages](index_pages), keys are wrapped, and a destroyed key leaves its row as a tombstone.
//!
//! **Sealing** ([`KeyStore::resolve`]) takes a batch of people in one transaction of at most nineteen statements, whatever
//! the batch's size (on SQLite each bulk statement is one per 500 rows): lock the tenants, index pages, identities on them and
//! beside them, subjects, keys, pages of keys, the current epoch, a page with room; write subjects, identities, index pages and
//! what is on them, pages, keys; and if an index page is full the current epoch, what is on it, and to delete that. A tenant seen for the first time, or not for a
//! while, costs one more transaction for its index key. Once a second it is asked beforehand
//! which epochs are in use, to see that their keys are there.
//!
//! **Erasing** ([`KeyStore::request_erasure`], [`KeyStore::destroy`], [`KeyStore::mark_announced`]) is three steps, each
//! durable before the next; [`KeyStore::unfinished_erasures`] tells where to go on after a crash.
//!
//! A database that was restored from before an erasure is compared with the keyring's list of them when it is opened, and
//! refused until [`KeyStore::reapply_erasures`] has applied again what it has forgotten. So is one from before people decided
//! something about their data, or a merchant about an account: of that the keyring has a list too ([`Decision`]).
//!
//! Both run serially within a tenant, as do index pages that move: SQLite has one writer, and on PostgreSQL each transaction first takes the tenant's
//! advisory lock, in an order all share. (This rests on PostgreSQL's default isolation, READ COMMITTED, where what is
//! read after the lock was granted includes what its last holder wrote.) So two first writers meet in one subject, and a
//! person is sealed either before the erasure, under a key that it then destroys, or after, and then not at all.
//!
//! **Caches** hold keys that were unwrapped, never the right to use them: every batch reads in the database whether the
//! key still lives. They forget within two seconds, here and in every other process, idle or not (`caches`). And nothing is
//! sealed while the key of the current epoch does not lie in the keyring ([`KeyStore::require_current_key`]).

mod access;
mod books_held;
mod boxes;
mod caches;
mod closure;
mod consent;
mod decided;
mod destroy;
mod epochs;
mod erasure;
mod hold;
mod identity;
mod index;
mod index_pages;
mod inputs;
mod keyring;
mod list;
mod lock;
mod objection;
mod passes;
mod presence;
mod processing;
mod reapply;
mod remains;
mod requests;
mod resolve;
mod restored;
mod restriction;
mod retention;
mod root_file;
mod rotation;
mod schedule;
mod secrets;
mod subject_key;
mod tables;
mod tombstones;
mod visits;

pub use access::{
    Access, AccessAudit, AccessBy, Actor, Field, HourCount, NotAPurpose, Permitted, Purged, Purpose, Rule, Shown,
    USUAL_LIMIT, Unusual, hour_of, unusual,
};
pub use books_held::BooksHeld;
pub use boxes::{BoxRef, OpenBoxError};
pub use closure::{ClosedBy, Closure, Reopened};
pub use consent::{ConsentError, ConsentFact, Said, Wording, accepted, sha256_of, standing};
pub use decided::Decision;
pub use epochs::OpenKeysError;
pub use erasure::{EraseSubjectError, Erased, Erasure, ErasureReason, Requested, Stage, UnknownErasureReason};
pub use hold::{Hold, HoldError, HoldReason, UnknownHoldReason};
pub use identity::{IdentityHint, IdentityKind, Month, PersonRef, Sealing, SubjectState};
pub use keyring::{Keyring, KeyringError};
pub use objection::Objection;
pub use passes::{NextPass, RetentionReport};
pub use presence::MissingKey;
pub use processing::{LegalBasis, Processing, UnknownProcessing};
pub use reapply::Reapplied;
pub use remains::Remains;
pub use requests::{
    Deadline, Filed, MOST_WORDS, NewRequest, NotAllowed, Request, RequestChannel, RequestError, RequestKind,
    RequestState, Step, Taken, Terms, UnknownRequestKind, Urgency, Verification, WaitingErasure, Words,
};
pub(crate) use restored::mark_restored;
pub use restriction::{
    Channel, RestrictError, Restriction, RestrictionReason, Told, UnknownChannel, UnknownRestrictionReason,
};
pub use retention::{
    DueKeys, DueMonths, KeysOf, Limit, PASS_WITHIN, RetentionClass, RetentionDays, RetentionDaysError,
    UnknownRetentionClass,
};
pub use root_file::{
    RootFileBeside, RootKeyError, has_root_file, left_beside_root_file, load_or_create_root, parse_root_file,
    read_root_file,
};
pub use rotation::{DestroyEpochError, Epoch, KeyCount, Moved};
pub use schedule::{Copies, Schedule};
pub use tombstones::Tombstone;
pub use visits::{SessionToken, VisitCode};

use std::sync::Arc;

use ledger::Timestamp;
use subject_keys::{Exhausted, RewrapError, UnwrapError};

use crate::db::{Db, DbError};
use caches::Caches;
use epochs::Epochs;

/// The open key store. Clones are cheap and share connections and caches.
#[derive(Clone)]
pub struct KeyStore {
    db: Db,
    epochs: Arc<Epochs>,
    caches: Arc<Caches>,
}

/// Why the key store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyStoreError {
    /// The database's answer, which says whether trying again helps.
    #[error("the key store: {0}")]
    Db(#[from] DbError),
    /// A stored key or secret does not unwrap: the row was damaged, or moved here from elsewhere. Restore it from a backup.
    #[error("the key store: a stored {what} is damaged: {source}")]
    Damaged {
        /// Which kind of key.
        what: &'static str,
        /// What is wrong with it.
        source: UnwrapError,
    },
    /// The keyring, where epoch keys lie.
    #[error("the key store: {0}")]
    Keyring(#[from] KeyringError),
    /// What was decided stands, and the keyring's list does not have it yet: a key store that was restored from before might forget it.
    /// It is listed by itself as soon as that works; a damaged list has to be repaired first.
    #[error(
        "the key store: it is decided, but not on the list of decisions yet, which is written by itself once that works: {0}"
    )]
    NotListed(#[source] Box<KeyStoreError>),
    /// Who asked may not see people in clear: no member of staff, or one whom the tenant has not permitted it.
    #[error("the key store: only staff whom the tenant has permitted it may see people in clear")]
    NotPermitted,
    /// A key has wrapped or sealed as much as one process may: find out what repeats itself.
    #[error("the key store: {0}")]
    Exhausted(#[from] Exhausted),
}

impl KeyStore {
    /// Opens the key store in a database that has the schema of [`keys_migrations`](crate::schema::keys_migrations). A new
    /// one gets its first epoch, beginning now. Refuses a keyring that does not hold the key of the current epoch, and a
    /// database that has forgotten erasures or decisions which the keyring lists: it was restored from before them; or one that was restored, and to
    /// which they were not applied again yet. What an earlier version
    /// stored of people as it was blinded moves to index pages first.
    ///
    /// Call it in the tokio runtime that the store is used in: a task of its own drops what caches hold for too long, and ends
    /// with the last clone.
    ///
    /// The schedule is that of epochs which this process begins. What was promised of earlier ones stays.
    pub async fn open(db: Db, keyring: Keyring, schedule: Schedule, now: Timestamp) -> Result<KeyStore, OpenKeysError> {
        let store = KeyStore::open_for_repair(db, keyring, schedule, now).await?;
        match store.forgotten_on_opening().await.map_err(OpenKeysError::of)?.len() {
            0 if store.is_restored().await.map_err(OpenKeysError::of)? => return Err(OpenKeysError::Restored),
            0 => {}
            forgotten => return Err(OpenKeysError::ForgottenErasures(forgotten)),
        }
        match store.forgotten_decisions_on_opening().await.map_err(OpenKeysError::of)?.len() {
            0 => Ok(store),
            forgotten => Err(OpenKeysError::ForgottenDecisions(forgotten)),
        }
    }

    /// The same, also if it has forgotten erasures or decisions: to look after it ([`KeyStore::reapply_erasures`]), and for nothing else,
    /// because it opens the data of people who were erased.
    pub async fn open_for_repair(
        db: Db,
        keyring: Keyring,
        schedule: Schedule,
        now: Timestamp,
    ) -> Result<KeyStore, OpenKeysError> {
        let epochs = Arc::new(Epochs::open(&db, keyring, schedule, now).await?);
        let caches = Arc::new(Caches::new());
        tokio::spawn(caches::sweep(Arc::downgrade(&caches), Arc::downgrade(&epochs)));
        let store = KeyStore { db, epochs, caches };
        store.page_older_identities().await.map_err(OpenKeysError::Identities)?;
        Ok(store)
    }
}

/// Shows nothing: what it holds are keys.
impl std::fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyStore")
    }
}

/// Fills the bytes from a cryptographically secure generator that the operating system seeds.
fn random(bytes: &mut [u8]) {
    rand::fill(bytes);
}

fn damaged<E: Into<RewrapError>>(what: &'static str) -> impl Fn(E) -> KeyStoreError {
    move |error| match error.into() {
        RewrapError::Unwrap(source) => KeyStoreError::Damaged { what, source },
        RewrapError::Exhausted(exhausted) => exhausted.into(),
    }
}

/// A stored text that is not what this program writes.
fn corrupt(what: &'static str) -> DbError {
    DbError::Corrupt { what: what.to_owned() }
}
