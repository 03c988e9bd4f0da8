//! The way back: a thread that may block reads and decrypts, and what it sends goes into an empty log and empty databases.

use std::path::Path;

use event_log::EventLog;
use store::copy::{Contents, CopyError, Piece, copy_in};
use store::db::Db;
use tokio::sync::mpsc;

use crate::error::{ReadBackupError, RestoreError};
use crate::frame::{Counts, FileKind, Part};
use crate::reader::Reader;
use crate::recipients::Identities;

/// Parts that were read and wait to be put back.
const WAITING: usize = 2;

type Parts = mpsc::Receiver<Result<Option<Part>, ReadBackupError>>;

/// Puts the records of a log file back at their offsets, and the platform's own record into the books' database, which must
/// have the schema that the file was made of; both must be empty. Call [`crate::verify`] first: records that were put back
/// stay when the rest of the file turns out to be damaged.
pub async fn restore_log(
    file: &Path,
    identities: &Identities,
    log: &EventLog,
    books: &Db,
) -> Result<Counts, RestoreError> {
    let partitions = crate::manifest(file, identities, FileKind::Log)?.partitions;
    log.require_empty(partitions).await?;
    let mut parts = read(file, identities);
    let (mut counts, mut record) = (Counts::default(), Vec::new());
    while let Some(part) = next(&mut parts).await? {
        counts.add(&part);
        match part {
            Part::Records(copied) => log.put_back(copied).await?,
            // A few rows a merchant: written in one go, in a transaction that waits for nobody.
            Part::Piece(piece) => record.push(piece),
        }
    }
    let (to, from) = mpsc::channel(WAITING);
    let sending = async move {
        for piece in record.into_iter().map(Some).chain([None]) {
            // Why nobody takes it is what the other side says.
            drop(to.send(piece).await);
        }
    };
    let (copied, ()) = tokio::join!(copy_in(books, Contents::PlatformRecord, partitions, from), sending);
    copied?;
    Ok(counts)
}

/// Puts a keys file back into an empty database of the schema that it was made of: all of it, once its end was reached, or
/// none. From then on that key store serves nobody until erasures were applied again.
pub async fn restore_keys(file: &Path, identities: &Identities, keys: &Db) -> Result<Counts, RestoreError> {
    crate::manifest(file, identities, FileKind::Keys)?;
    let mut parts = read(file, identities);
    let (to, from) = mpsc::channel(WAITING);
    let sending = async move {
        let mut counts = Counts::default();
        while let Some(part) = next(&mut parts).await? {
            counts.add(&part);
            let Part::Piece(piece) = part else { continue };
            pass(&to, Some(piece)).await?;
        }
        pass(&to, None).await?;
        Ok::<_, RestoreError>(counts)
    };
    let (copied, sent) = tokio::join!(copy_in(keys, Contents::KeyStore, 0, from), sending);
    match (copied, sent) {
        // Whoever takes has a reason; without one, whoever sends.
        (Err(CopyError::NobodyTakes), Err(error)) => Err(error),
        (Err(error), _) => Err(error.into()),
        (Ok(_), sent) => sent,
    }
}

async fn pass(to: &mpsc::Sender<Option<Piece>>, piece: Option<Piece>) -> Result<(), RestoreError> {
    to.send(piece).await.map_err(|_| CopyError::NobodyTakes.into())
}

async fn next(parts: &mut Parts) -> Result<Option<Part>, RestoreError> {
    // A thread that ends without a last word has panicked: what it sent is not all.
    parts.recv().await.ok_or(CopyError::NobodyTakes)?.map_err(RestoreError::from)
}

/// Reads in a thread that may block; the last word is `Ok(None)` at the end of a whole file, or why it ends before.
fn read(file: &Path, identities: &Identities) -> Parts {
    let (to, parts) = mpsc::channel(WAITING);
    let (file, identities) = (file.to_owned(), identities.clone());
    tokio::task::spawn_blocking(move || {
        let mut reader = match Reader::open(&file, &identities) {
            Ok(reader) => reader,
            Err(error) => return drop(to.blocking_send(Err(error))),
        };
        loop {
            let part = reader.next();
            let last = !matches!(part, Ok(Some(_)));
            if to.blocking_send(part).is_err() || last {
                return;
            }
        }
    });
    parts
}
