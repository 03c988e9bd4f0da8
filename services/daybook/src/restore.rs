//! `daybook restore`: the two files of a backup, into a place where nothing is. What it needs beside them, and what is to be
//! done then, it says plainly.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use backup::{FileKind, Identities, Manifest, Verified};
use clap::Args;
use event_log::EventLog;
use ledger::Timestamp;
use serde_json::json;
use store::copy::require_empty;
use store::db::Db;
use store::keys::Keyring;
use store::schema::{books_migrations, keys_migrations};

use crate::backup::{content, manifest_json, milliseconds};
use crate::config::{Backend, Settings};
use crate::output::{Answer, tick};
use crate::platform::{books_database, create_private, keys_database, open_log};

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The file of the log
    #[arg(long, value_name = "FILE")]
    log_file: PathBuf,
    /// The file of the keys: of the same backup, or a later one
    #[arg(long, value_name = "FILE")]
    keys_file: PathBuf,
    /// What `daybook backup` said of the file of the log: any other is refused
    #[arg(long, value_name = "SHA256")]
    log_sha256: Option<String>,
    /// What `daybook backup` said of the file of the keys: any other is refused
    #[arg(long, value_name = "SHA256")]
    keys_sha256: Option<String>,
    /// File with an identity of age that opens both; may be repeated
    #[arg(long = "identity", value_name = "FILE", required = true)]
    identities: Vec<PathBuf>,
}

/// The files of the embedded back end, without what SQLite puts beside each.
const FILES: [&str; 3] = ["log.db", "books.db", "keys.db"];

/// What SQLite puts beside a file.
const BESIDE: [&str; 3] = ["", "-wal", "-shm"];

/// What has to be done after it.
const NEXT: [&str; 3] = ["daybook privacy reapply", "daybook up", "daybook verify"];

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: &Restore) -> Result<Answer> {
    let begun = Instant::now();
    let identities = Identities::read(&asked.identities)?;
    refuse_files(&settings.data, &settings.backend)?;
    let [log, keys] = read_through(asked, &identities).await?;
    refuse_mismatch(&log.manifest, &keys.manifest)?;
    refuse_keyring(settings, &keys.manifest).await?;
    let read = milliseconds(begun);
    claim_files(&settings.data, &settings.backend)?;
    let place = empty_place(settings, &log.manifest, &keys.manifest).await;
    let place = place.inspect_err(|_| remove_files(settings))?;
    if let Err(error) = put_back(place, asked, &identities).await {
        remove_files(settings);
        return Err(error.context(left(&settings.backend)));
    }
    Ok(answer(&log, &keys, read, milliseconds(begun)))
}

/// Both files to their ends, before anything is made of them.
async fn read_through(asked: &Restore, identities: &Identities) -> Result<[Verified; 2]> {
    let (log, keys, identities) = (asked.log_file.clone(), asked.keys_file.clone(), identities.clone());
    let (log_sha256, keys_sha256) = (asked.log_sha256.clone(), asked.keys_sha256.clone());
    let read = tokio::task::spawn_blocking(move || {
        refuse_other(&log, log_sha256.as_deref())?;
        refuse_other(&keys, keys_sha256.as_deref())?;
        // The wrong file is found at its beginning.
        backup::manifest(&log, &identities, FileKind::Log)?;
        backup::manifest(&keys, &identities, FileKind::Keys)?;
        anyhow::Ok([backup::verify(&log, &identities)?, backup::verify(&keys, &identities)?])
    });
    read.await?
}

/// Anybody can encrypt a file to public recipients: only its digest says that it is the one that was made here.
fn refuse_other(file: &Path, expected: Option<&str>) -> Result<()> {
    let Some(expected) = expected else { return Ok(()) };
    let found = backup::sha256_of_file(file)?;
    if !found.eq_ignore_ascii_case(expected.trim()) {
        bail!("{} is another file than was made: its SHA-256 is {found}", file.display());
    }
    Ok(())
}

/// Nothing is ever overwritten.
fn refuse_files(data: &Path, backend: &Backend) -> Result<()> {
    let Backend::Embedded { .. } = backend else { return Ok(()) };
    for path in embedded_files(data) {
        if std::fs::symlink_metadata(&path).is_ok() {
            bail!(
                "{} is there already: restore into a folder without a daybook, named with --data; if a restore was interrupted \
                 here, remove log.db*, books.db* and keys.db* first, and keep root.key and the keyring",
                path.display()
            );
        }
    }
    Ok(())
}

/// Makes the files of this restore, all of them or none: reading the backup took its time, and what came meanwhile is somebody else's,
/// neither written to nor removed. SQLite takes an empty file for a new database.
fn claim_files(data: &Path, backend: &Backend) -> Result<()> {
    let Backend::Embedded { .. } = backend else { return Ok(()) };
    refuse_files(data, backend)?;
    create_private(data)?;
    let mut made: Vec<PathBuf> = Vec::new();
    for path in FILES.map(|file| data.join(file)) {
        if let Err(error) = File::options().write(true).create_new(true).mode(0o600).open(&path) {
            made.iter().for_each(|path| drop(std::fs::remove_file(path)));
            return Err(error).with_context(|| format!("{} cannot be made, or came meanwhile", path.display()));
        }
        made.push(path);
    }
    Ok(())
}

fn embedded_files(data: &Path) -> impl Iterator<Item = PathBuf> {
    FILES.into_iter().flat_map(move |file| BESIDE.map(|beside| data.join(format!("{file}{beside}"))))
}

/// Two files of which the one does not have the keys of the other are no backup.
fn refuse_mismatch(log: &Manifest, keys: &Manifest) -> Result<()> {
    if log.store != keys.store {
        bail!("the two files are of different platforms: {} and {}", log.store, keys.store);
    }
    if keys.made_at < log.made_at {
        bail!(
            "the keys are of {} and the log is of {}: keys made in between are missing; take a later file of the keys",
            Timestamp(keys.made_at),
            Timestamp(log.made_at)
        );
    }
    let known = |migrations: Vec<store::db::Migration>| migrations.last().map_or(0, |last| last.version);
    let dialect = store::db::Dialect::Sqlite;
    let newer =
        keys.keys_schema > known(keys_migrations(dialect)) || log.books_schema > known(books_migrations(dialect));
    if newer {
        bail!("the backup is of a newer program ({}): restore it with that one", keys.program);
    }
    Ok(())
}

/// Root key and keyring are in no backup. They must be there, and be those of this key store.
async fn refuse_keyring(settings: &Settings, keys: &Manifest) -> Result<()> {
    let (root, ring) = (settings.root_key.display(), settings.keyring.display());
    if !settings.root_key.exists() {
        bail!(
            "the root key {root} is missing: it is in no backup; put it there from its copy, or name it with --root-key"
        );
    }
    let root = root_keys::load(&settings.root_key, &settings.root_key_service).await?;
    let keyring = Keyring::in_folder(root, &settings.keyring);
    match keyring.belongs_to(keys.epoch)? {
        None => bail!(
            "the keyring is not in {ring}: it is in no backup; put it there from its copy, or name it with --keyring"
        ),
        Some((store, _)) if store != keys.store => {
            bail!("the keyring {ring} belongs to another key store ({store}); the backup is of {}", keys.store)
        }
        Some((_, false)) => bail!(
            "the key of epoch {} is not in the keyring {ring}: if the backup is from before the window (`backup_days`), it was \
             destroyed on purpose and no copy of these keys opens any more; else put its file back from the keyring's copy",
            keys.epoch
        ),
        Some((_, true)) => Ok(()),
    }
}

/// Where a backup goes: opened, of its schema versions, and without a row or record.
struct Place {
    log: EventLog,
    books: Db,
    keys: Db,
}

async fn empty_place(settings: &Settings, log_file: &Manifest, keys_file: &Manifest) -> Result<Place> {
    create_private(&settings.data)?;
    let empty = "restore into a database whose schemas are not there, or are of the backup's version and empty";
    let keys = keys_database(settings, keys_file.keys_schema).await.context(empty)?;
    let books = books_database(settings, log_file.books_schema).await.context(empty)?;
    require_empty(&keys).await?;
    require_empty(&books).await?;
    let log = open_log(&with_partitions(settings, log_file.partitions)).await?;
    log.require_empty(log_file.partitions).await?;
    Ok(Place { log, books, keys })
}

/// The keys last, in one transaction: until then whatever opens the key store finds that the keyring belongs to another.
async fn put_back(place: Place, asked: &Restore, identities: &Identities) -> Result<()> {
    let Place { log, books, keys } = place;
    backup::restore_log(&asked.log_file, identities, &log, &books).await?;
    backup::restore_keys(&asked.keys_file, identities, &keys).await?;
    keys.close().await;
    books.close().await;
    Ok(())
}

/// New topics, or a new file, get as many partitions as the backup has.
fn with_partitions(settings: &Settings, partitions: u32) -> Settings {
    let mut settings = settings.clone();
    match &mut settings.backend {
        Backend::Embedded { partitions: number } => *number = partitions,
        Backend::Servers { kafka, .. } => kafka.partitions = partitions,
    }
    settings
}

/// Removes the files that [`claim_files`] made, and what SQLite put beside them.
fn remove_files(settings: &Settings) {
    if let Backend::Embedded { .. } = settings.backend {
        embedded_files(&settings.data).for_each(|path| drop(std::fs::remove_file(path)));
    }
}

/// What is left of a restore that failed.
fn left(backend: &Backend) -> &'static str {
    match backend {
        Backend::Embedded { .. } => "nothing was restored, and nothing is left of it",
        Backend::Servers { .. } => {
            "not all was restored, and nothing serves from it: delete the topics and the two schemas before you try again"
        }
    }
}

fn answer(log: &Verified, keys: &Verified, read: u64, milliseconds: u64) -> Answer {
    let json = json!({
        "log": manifest_json(&log.manifest, &log.counts), "keys": manifest_json(&keys.manifest, &keys.counts),
        "read_milliseconds": read, "milliseconds": milliseconds, "next": NEXT,
    });
    let [reapply, up, verify] = NEXT;
    let text = format!(
        "{} the log of {}: {}\n{} the keys of {}: {}\nread through in {read} ms, restored in {milliseconds} ms\nnext:\n  \
         {reapply}   applies again the erasures and decisions since; until then nothing is served\n  \
         {up}                folds the books again from the log, and announces erasures again\n  \
         {verify}            checks every invariant\n",
        tick(),
        Timestamp(log.manifest.made_at),
        content(&log.counts),
        tick(),
        Timestamp(keys.manifest.made_at),
        content(&keys.counts),
    );
    Answer::new(&json, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_into_the_folder_meanwhile_is_neither_taken_nor_removed() {
        let (folder, backend) = (tempfile::tempdir().unwrap(), Backend::Embedded { partitions: 1 });
        let data = folder.path().join("data");
        claim_files(&data, &backend).unwrap();
        assert!(claim_files(&data, &backend).is_err(), "these are another restore's");
        for file in FILES {
            std::fs::remove_file(data.join(file)).unwrap();
        }
        std::fs::write(data.join("books.db-wal"), "somebody's").unwrap();
        assert!(claim_files(&data, &backend).is_err());
        assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1, "nothing was made beside it");
    }

    #[test]
    fn another_file_than_was_made_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup.age");
        std::fs::write(&file, "abc").unwrap();
        let digest = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
        refuse_other(&file, None).unwrap();
        refuse_other(&file, Some(digest)).unwrap();
        std::fs::write(&file, "abd").unwrap();
        assert!(refuse_other(&file, Some(digest)).is_err());
    }
}
