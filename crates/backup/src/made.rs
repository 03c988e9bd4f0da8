//! Making the two files: whoever reads log or database sends on, and a thread that may block encrypts and writes.

use std::path::Path;

use event_log::LogCopy;
use store::copy::{Contents, CopyError, Piece, copy_out};
use store::db::Db;
use tokio::sync::mpsc;

use crate::error::{BackupError, cannot_write};
use crate::frame::{Manifest, Part};
use crate::recipients::{Identities, Recipients};
use crate::writer::{Order, Written, write};

/// Parts that wait to be written: a read of the log is some 16 MiB at most.
const WAITING: usize = 2;

type Parts = mpsc::Sender<Option<Part>>;

/// Writes the log as it was when this copy began, and the platform's own record beside the books, into a new file in this folder. With
/// `check` the file is also decrypted to its end before it gets its name.
///
/// The manifest's `made_at` must be of after the copy has begun: a file of the keys of then, or of later, has every key of its records.
pub async fn back_up_log(
    mut copy: LogCopy,
    books: &Db,
    folder: &Path,
    manifest: Manifest,
    recipients: &Recipients,
    check: Option<&Identities>,
) -> Result<Written, BackupError> {
    let order = order(folder, manifest, recipients, check);
    written(order, async |to| {
        loop {
            let records = copy.next().await?;
            if records.is_empty() {
                break;
            }
            send(&to, Part::Records(records)).await?;
        }
        send_pieces(books, Contents::PlatformRecord, &to).await
    })
    .await
}

/// Writes the key store as it is now, all of one instant, into a new file in this folder. After [`back_up_log`], so that every
/// key of every record in that file is in this one.
pub async fn back_up_keys(
    keys: &Db,
    folder: &Path,
    manifest: Manifest,
    recipients: &Recipients,
    check: Option<&Identities>,
) -> Result<Written, BackupError> {
    let order = order(folder, manifest, recipients, check);
    written(order, async |to| send_pieces(keys, Contents::KeyStore, &to).await).await
}

fn order(folder: &Path, manifest: Manifest, recipients: &Recipients, check: Option<&Identities>) -> Order {
    Order { folder: folder.to_owned(), manifest, recipients: recipients.clone(), check: check.cloned() }
}

async fn written(
    order: Order,
    sending: impl AsyncFnOnce(Parts) -> Result<(), BackupError>,
) -> Result<Written, BackupError> {
    let folder = order.folder.clone();
    let (to, from) = mpsc::channel(WAITING);
    let writing = tokio::task::spawn_blocking(move || write(&order, from));
    let sent = match sending(to.clone()).await {
        Ok(()) => to.send(None).await.map_err(|_| CopyError::NobodyTakes.into()),
        failed => failed,
    };
    drop(to);
    let written = writing.await.map_err(|lost| cannot_write(&folder)(std::io::Error::other(lost)))?;
    match (written, sent) {
        // Why nobody took more is what the writer says.
        (Err(error), Ok(()) | Err(BackupError::Copy(CopyError::NobodyTakes))) => Err(error),
        (_, Err(error)) => Err(error),
        (Ok(written), Ok(())) => written.ok_or(BackupError::Copy(CopyError::NobodyTakes)),
    }
}

async fn send(to: &Parts, part: Part) -> Result<(), BackupError> {
    to.send(Some(part)).await.map_err(|_| CopyError::NobodyTakes.into())
}

async fn send_pieces(db: &Db, contents: Contents, to: &Parts) -> Result<(), BackupError> {
    let (piece_to, mut pieces) = mpsc::channel::<Piece>(WAITING);
    // Its receiver goes with it, so that whoever copies hears when nobody takes any more.
    let passing_on = async move {
        while let Some(piece) = pieces.recv().await {
            send(to, Part::Piece(piece)).await?;
        }
        Ok::<_, BackupError>(())
    };
    let (copied, passed_on) = tokio::join!(copy_out(db, contents, piece_to), passing_on);
    passed_on?;
    copied.map(|_| ()).map_err(BackupError::from)
}
