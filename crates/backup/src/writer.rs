//! Writing a file: beside its place, encrypted, synced, read back, and only then named. Whatever fails, nothing stays.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use age::stream::StreamWriter;
use age::{Encryptor, Recipient};
use ledger::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::error::{BackupError, cannot_write};
use crate::frame::{Counts, End, FileKind, Letter, MAGIC, MAX_FRAME, Manifest, Part, encode};
use crate::reader;
use crate::recipients::{Identities, Recipients};

/// Bytes that are gathered before the operating system gets them, and that are read back at a time.
const CHUNK: usize = 256 * 1024;

/// A file that was written and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where it is.
    pub path: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
    /// What is in it.
    pub counts: Counts,
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 of the encrypted file, in hexadecimal digits: what `sha256sum` says of every true copy.
    pub sha256: String,
    /// Whether it was also decrypted to its end.
    pub decrypted: bool,
}

/// What to write, and where.
pub(crate) struct Order {
    pub(crate) folder: PathBuf,
    pub(crate) manifest: Manifest,
    pub(crate) recipients: Recipients,
    /// Who can check it by decrypting it to its end.
    pub(crate) check: Option<Identities>,
}

/// Takes what comes until the closing `None`, and gives the file once it is checked and named. Without a `None` whoever sends
/// has failed: then nothing stays either, and there is nothing to give. Blocks.
pub(crate) fn write(order: &Order, parts: mpsc::Receiver<Option<Part>>) -> Result<Option<Written>, BackupError> {
    let Order { folder, manifest, .. } = order;
    let path = folder.join(name(manifest.kind, Timestamp(manifest.made_at)));
    if fs::symlink_metadata(&path).is_ok() {
        return Err(BackupError::Exists(path));
    }
    let beside = Beside::create(folder)?;
    let Some((counts, written)) = fill(order, &beside, parts)? else { return Ok(None) };
    let (bytes, sha256) = read_back(&beside.path)?;
    if (bytes, &sha256) != (written.bytes, &written.sha256) {
        return Err(BackupError::ReadBack(path));
    }
    if let Some(identities) = &order.check {
        let read = reader::verify(&beside.path, identities).map_err(BackupError::Check)?;
        if read.counts != counts {
            return Err(BackupError::ReadBack(path));
        }
    }
    beside.name(&path, folder)?;
    let (manifest, decrypted) = (manifest.clone(), order.check.is_some());
    Ok(Some(Written { path, manifest, counts, bytes, sha256, decrypted }))
}

/// `daybook-log-20260305T060708Z.age`
fn name(kind: FileKind, made_at: Timestamp) -> String {
    format!("daybook-{kind}-{}.age", made_at.to_string().replace(['-', ':'], ""))
}

/// A file that is being written, and is removed unless it got its name.
struct Beside {
    path: PathBuf,
    named: bool,
}

impl Beside {
    fn create(folder: &Path) -> Result<Beside, BackupError> {
        let path = folder.join(format!(".daybook-backup-{:016x}", rand::random::<u64>()));
        let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        created.map(|_| Beside { path, named: false }).map_err(cannot_write(folder))
    }

    /// Gives it its name, on the disk. A file that came there meanwhile stays.
    fn name(mut self, path: &Path, folder: &Path) -> Result<(), BackupError> {
        match fs::hard_link(&self.path, path) {
            Ok(()) => drop(fs::remove_file(&self.path)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(BackupError::Exists(path.to_owned())),
            // Some file systems that backups go to know no second name.
            Err(_) => fs::rename(&self.path, path).map_err(cannot_write(path))?,
        }
        self.named = true;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(cannot_write(folder))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.named {
            drop(fs::remove_file(&self.path));
        }
    }
}

/// What went to the disk.
struct Sum {
    bytes: u64,
    sha256: String,
}

fn fill(
    order: &Order,
    beside: &Beside,
    mut parts: mpsc::Receiver<Option<Part>>,
) -> Result<Option<(Counts, Sum)>, BackupError> {
    let io = cannot_write(&order.folder);
    let file = OpenOptions::new().write(true).open(&beside.path).map_err(&io)?;
    let encryptor = Encryptor::with_recipients(order.recipients.0.iter().map(|one| one as &dyn Recipient))
        .map_err(|error| BackupError::Recipients(error.to_string()))?;
    let encrypted = encryptor.wrap_output(Summed::new(BufWriter::with_capacity(CHUNK, file))).map_err(&io)?;
    let mut out = Frames { out: Summed::new(encrypted), counts: Counts::default() };
    out.begin(&order.manifest).map_err(&io)?;
    loop {
        match parts.blocking_recv() {
            Some(Some(part)) => out.part(part).map_err(&io)?,
            Some(None) => break,
            None => return Ok(None),
        }
    }
    let (counts, encrypted) = out.end().map_err(&io)?;
    let mut file = encrypted.finish().map_err(&io)?;
    file.flush().map_err(&io)?;
    let sum = Sum { bytes: file.bytes, sha256: file.digest() };
    file.inner.into_inner().map_err(|error| io(error.into_error()))?.sync_all().map_err(&io)?;
    Ok(Some((counts, sum)))
}

/// The frames, on their way into the encryption.
struct Frames<W: Write> {
    out: Summed<StreamWriter<W>>,
    counts: Counts,
}

impl<W: Write> Frames<W> {
    fn begin(&mut self, manifest: &Manifest) -> io::Result<()> {
        self.out.write_all(MAGIC)?;
        self.frame(Letter::Manifest, &serde_json::to_vec(manifest)?)
    }

    fn part(&mut self, part: Part) -> io::Result<()> {
        self.counts.add(&part);
        let (letter, bytes) = encode(part)?;
        self.frame(letter, &bytes)
    }

    fn end(mut self) -> io::Result<(Counts, StreamWriter<W>)> {
        let end = End { counts: self.counts, sha256: self.out.digest() };
        self.frame(Letter::End, &serde_json::to_vec(&end)?)?;
        Ok((self.counts, self.out.inner))
    }

    fn frame(&mut self, letter: Letter, content: &[u8]) -> io::Result<()> {
        let length = frame_length(content.len())?;
        self.out.write_all(&[letter.byte()])?;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(content)
    }
}

/// Refuses what no reader would take.
fn frame_length(bytes: usize) -> io::Result<u32> {
    if bytes > MAX_FRAME {
        return Err(io::Error::other("a record, or a page of rows, is larger than a frame of a backup may be"));
    }
    u32::try_from(bytes).map_err(io::Error::other)
}

/// Sums up what goes through.
struct Summed<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W> Summed<W> {
    fn new(inner: W) -> Summed<W> {
        Summed { inner, hash: Sha256::new(), bytes: 0 }
    }

    fn digest(&self) -> String {
        hex::encode(self.hash.clone().finalize())
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn read_back(path: &Path) -> Result<(u64, String), BackupError> {
    let io = cannot_write(path);
    let mut file = BufReader::with_capacity(CHUNK, File::open(path).map_err(&io)?);
    let (mut hash, mut bytes, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        let read = file.read(&mut chunk).map_err(&io)?;
        if read == 0 {
            return Ok((bytes, hex::encode(hash.finalize())));
        }
        hash.update(chunk.get(..read).unwrap_or_default());
        bytes += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_frame_is_written_that_could_not_be_read() {
        assert_eq!(frame_length(MAX_FRAME).unwrap() as usize, MAX_FRAME);
        assert!(frame_length(MAX_FRAME + 1).is_err());
    }
}
