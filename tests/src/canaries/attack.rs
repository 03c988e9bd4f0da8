//! The key store as the platform opens it; and as somebody holds it who has a backup from before the erasures, the log, every
//! later state of the database, and all key material of the day.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use commerce::SubjectId;
use events::{Event, Payload, SealedBox};
use ledger::Timestamp;
use store::books;
use store::db::{Db, Dialect, Durability};
use store::keys::{
    AccessBy, Actor, BoxRef, KeyStore, Keyring, OpenBoxError, OpenKeysError, Schedule, Shown, load_or_create_root,
};
use store::schema::keys_migrations;
use subject_keys::Opened;
use uuid::Uuid;

use super::search::Search;
use super::tenant;
use crate::epochs::attacker::{Attacker, StolenBox};
use crate::erasure::{MONTH, Platform, earlier};

/// What the platform's configuration says if it says nothing.
const SCHEDULE: Schedule =
    Schedule { epoch: std::time::Duration::from_secs(86_400), backups: std::time::Duration::from_secs(30 * 86_400) };

/// The key store, opened beside the platform.
pub(super) struct Vault {
    pub(super) keys: KeyStore,
    db: Db,
}

/// Whose boxes open, and whose say that they were erased.
#[derive(Default)]
pub(super) struct Opens {
    pub(super) clear: BTreeSet<SubjectId>,
    pub(super) erased: BTreeSet<SubjectId>,
}

/// A backup from before the erasures.
pub(super) struct Backup {
    folder: tempfile::TempDir,
    database: Option<testkit::TestDatabase>,
    attacker: Attacker,
}

fn now() -> Timestamp {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    Timestamp(i64::try_from(since.as_micros()).unwrap())
}

fn looking() -> AccessBy {
    AccessBy {
        actor: Actor::Daybook,
        purpose: "test".parse().unwrap(),
        request: Uuid::new_v4(),
        at: now(),
        shown: Shown::Processed,
        fields: &[],
    }
}

fn keyring(folder: &Path) -> Keyring {
    Keyring::in_folder(load_or_create_root(&folder.join("root.key")).unwrap(), &folder.join("epochs"))
}

async fn postgres(url: &str) -> Db {
    Db::open_postgres(url, "daybook_keys", 2, &keys_migrations(Dialect::Postgres)).await.unwrap()
}

async fn sqlite(path: &Path) -> Db {
    Db::open_sqlite(path, Durability::Full, &keys_migrations(Dialect::Sqlite)).await.unwrap()
}

/// Every box on the log.
async fn boxes(platform: &Platform) -> Vec<(Uuid, SealedBox)> {
    let mut boxes = Vec::new();
    for record in platform.records().await {
        let Ok(event) = Event::decode(&record) else { continue };
        if let Payload::Fact { boxes: sealed, .. } = event.payload {
            boxes.extend(sealed.into_iter().filter(|one| !one.sealed.is_empty()).map(|one| (event.id, one)));
        }
    }
    boxes
}

impl Vault {
    pub(super) async fn open(platform: &Platform) -> Vault {
        let db = match platform.url() {
            Some(url) => postgres(url).await,
            None => sqlite(&platform.data().join("keys.db")).await,
        };
        let keys = KeyStore::open(db.clone(), keyring(&platform.data()), SCHEDULE, now()).await.unwrap();
        Vault { keys, db }
    }

    pub(super) async fn count(&self, table: &str) -> i64 {
        let rows = self.db.query(&format!("SELECT COUNT(*) FROM {table}"), vec![]).await.unwrap();
        rows[0].int(0).unwrap()
    }

    /// Tries every box on the log.
    pub(super) async fn opens(&self, platform: &Platform) -> Opens {
        opens(&self.keys, &boxes(platform).await).await
    }

    /// Which people, by their place among those searched for, are named by inputs that wait in quarantine and open.
    pub(super) async fn inputs_that_name(&self, platform: &Platform, search: &Search) -> BTreeSet<usize> {
        let rows = books::quarantined(&platform.backend.db, &tenant()).await.unwrap();
        let mut named = BTreeSet::new();
        for row in &rows {
            let (subject, event, sealed) = (row.subject, row.event, row.sealed.as_slice());
            let one = BoxRef { tenant: &row.tenant, subject, event, label: "quarantine", sealed };
            if let Ok(Opened::Clear(body)) = self.keys.open_box(one, &looking()).await {
                named.extend(search.look("an input", &body).into_iter().map(|hit| hit.whose));
            }
        }
        named
    }

    /// Takes a backup as an operator does: `pg_dump`, or a copy of the file.
    pub(super) async fn back_up(&self, platform: &Platform) -> Backup {
        let (folder, mut attacker) = (testkit::scratch(), Attacker::default());
        attacker.copy(&self.db).await;
        let database = match platform.url() {
            Some(url) => {
                let dump = folder.path().join("keys.sql");
                program("pg_dump", &["--schema=daybook_keys", "--file", dump.to_str().unwrap(), url]);
                let database = testkit::postgres().await.database().await;
                program("psql", &["--quiet", "--no-psqlrc", "--file", dump.to_str().unwrap(), &database.url]);
                Some(database)
            }
            None => {
                let into = format!("VACUUM INTO '{}'", folder.path().join("keys.db").display());
                self.db.query(&into, vec![]).await.unwrap();
                None
            }
        };
        Backup { folder, database, attacker }
    }
}

async fn opens(keys: &KeyStore, boxes: &[(Uuid, SealedBox)]) -> Opens {
    let (tenant, mut found) = (tenant(), Opens::default());
    for some in boxes.chunks(500) {
        let refs: Vec<BoxRef<'_>> = some
            .iter()
            .map(|(event, one)| BoxRef {
                tenant: &tenant,
                subject: one.subject,
                event: *event,
                label: &one.label,
                sealed: &one.sealed,
            })
            .collect();
        for ((_, one), opened) in some.iter().zip(keys.open_many(&refs, &looking()).await.unwrap()) {
            match opened {
                Ok(Opened::Clear(_)) => found.clear.insert(one.subject),
                Ok(Opened::Erased | Opened::Restricted) | Err(OpenBoxError::NoSuchKey) => {
                    found.erased.insert(one.subject)
                }
                Err(error) => panic!("a box is damaged: {error}"),
            };
        }
    }
    found
}

impl Backup {
    async fn restored(&self) -> Db {
        match &self.database {
            Some(database) => postgres(&database.url).await,
            None => sqlite(&self.folder.path().join("keys.db")).await,
        }
    }

    /// A copy of the keys of the day, so that what is tried here does nothing to the platform.
    fn keys_of_the_day(&self, platform: &Platform, name: &str) -> PathBuf {
        let copy = self.folder.path().join(name);
        std::fs::create_dir_all(copy.join("epochs")).unwrap();
        std::fs::copy(platform.data().join("root.key"), copy.join("root.key")).unwrap();
        for entry in std::fs::read_dir(platform.data().join("epochs")).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.join("epochs").join(entry.file_name())).unwrap();
        }
        copy
    }

    /// Before the window is over the backup opens people who were erased; it does not serve; once the erasures are applied
    /// again it opens nobody of them; and when the window is over neither does what its holder has kept.
    pub(super) async fn attack(mut self, platform: &Platform, erased: &BTreeSet<SubjectId>) {
        let boxes = boxes(platform).await;
        let of_erased: Vec<(Uuid, SealedBox)> =
            boxes.iter().filter(|(_, one)| erased.contains(&one.subject)).cloned().collect();
        let stolen: Vec<StolenBox> = of_erased.iter().map(stolen).collect();
        let today = self.keys_of_the_day(platform, "today");
        let root = || load_or_create_root(&today.join("root.key")).unwrap();
        let before = self.attacker.open(&root(), &today.join("epochs"), &stolen);
        assert!(
            before >= erased.len(),
            "with the backup and the keys of the day {before} boxes open: this attack can succeed"
        );

        self.drill(&today, &boxes, erased).await;

        let live = Vault::open(platform).await;
        self.attacker.copy(&live.db).await;
        platform.run(&["keys", "rotate"]).await;
        self.attacker.copy(&live.db).await;
        earlier(platform, MONTH).await;
        platform.run(&["keys", "rewrap"]).await;
        self.attacker.copy(&live.db).await;
        let later = self.keys_of_the_day(platform, "later");
        assert_eq!(
            self.attacker.open(&root(), &later.join("epochs"), &stolen),
            0,
            "after the window none of them opens"
        );
        let all: Vec<StolenBox> = boxes.iter().map(stolen_of).collect();
        let living = self.attacker.open(&root(), &later.join("epochs"), &all);
        assert!(living > 0, "with all keys of the day the living open, as they must");
        println!(
            "with everything: {before} boxes of {} erased people open before the window, 0 after it",
            erased.len()
        );
    }

    async fn drill(&self, today: &Path, boxes: &[(Uuid, SealedBox)], erased: &BTreeSet<SubjectId>) {
        let started = Instant::now();
        let refused = KeyStore::open(self.restored().await, keyring(today), SCHEDULE, now()).await.err();
        assert!(
            matches!(refused, Some(OpenKeysError::ForgottenErasures(forgotten)) if forgotten >= erased.len()),
            "{refused:?}"
        );
        let keys = KeyStore::open_for_repair(self.restored().await, keyring(today), SCHEDULE, now()).await.unwrap();
        keys.reapply_erasures(now()).await.unwrap();
        let after = opens(&keys, boxes).await;
        assert!(after.clear.is_disjoint(erased), "0 of {} are readable", erased.len());
        assert!(!after.clear.is_empty(), "everybody else is");
        drop(KeyStore::open(self.restored().await, keyring(today), SCHEDULE, now()).await.unwrap());
        println!(
            "the restored key store was refused, repaired and opened, and {} boxes tried, in {:?}",
            boxes.len(),
            started.elapsed()
        );
    }
}

fn stolen((event, one): &(Uuid, SealedBox)) -> StolenBox {
    // The attacker is told the labels that the platform uses.
    let label = ["buyer", "recipient", "customer"].into_iter().find(|label| *label == one.label).unwrap();
    StolenBox { tenant: tenant().to_string(), subject: one.subject.0, event: *event, label, sealed: one.sealed.clone() }
}

fn stolen_of(one: &(Uuid, SealedBox)) -> StolenBox {
    stolen(one)
}

/// Runs one of PostgreSQL's own programs, of the newest version that is here.
pub(super) fn program(name: &str, args: &[&str]) {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin").join(name))
        .filter(|path| path.is_file())
        .collect();
    versions.sort();
    let program = versions.pop().unwrap_or_else(|| name.into());
    let ran = Command::new(program).args(args).stdin(Stdio::null()).stdout(Stdio::null()).output().unwrap();
    assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
}
