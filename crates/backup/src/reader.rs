//! Reading a file: what it says is given as it comes, and only the end tells that it was all.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use age::stream::StreamReader;
use age::{DecryptError, Decryptor, Identity};
use sha2::{Digest, Sha256};

use crate::error::ReadBackupError;
use crate::frame::{Counts, End, FORMAT, FileKind, Letter, MAGIC, MAX_FRAME, Manifest, Part, decode};
use crate::recipients::Identities;

/// A file that was read to its end, and is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it says of itself.
    pub manifest: Manifest,
    /// What is in it.
    pub counts: Counts,
}

/// What a file says of itself, of the kind that is expected. Whether the rest is whole is not looked at. Blocks.
pub fn manifest(path: &Path, identities: &Identities, expected: FileKind) -> Result<Manifest, ReadBackupError> {
    let manifest = Reader::open(path, identities)?.manifest;
    match manifest.kind {
        found if found == expected => Ok(manifest),
        found => Err(ReadBackupError::Kind { path: path.to_owned(), found, expected }),
    }
}

/// Reads a file to its end and compares its digest and its counts. Blocks.
pub fn verify(path: &Path, identities: &Identities) -> Result<Verified, ReadBackupError> {
    let mut reader = Reader::open(path, identities)?;
    while reader.next()?.is_some() {}
    Ok(Verified { manifest: reader.manifest, counts: reader.counts })
}

/// The SHA-256 of a file as it lies there, in hexadecimal digits: what was said when it was made. Encryption to public recipients does
/// not say who encrypted, so this is how a file is known to be one's own. Blocks.
pub fn sha256_of_file(path: &Path) -> Result<String, ReadBackupError> {
    let mut file = File::open(path).map_err(|error| cannot_read(path, &error))?;
    let (mut hash, mut chunk) = (Sha256::new(), vec![0; 256 * 1024]);
    loop {
        let read = file.read(&mut chunk).map_err(|error| cannot_read(path, &error))?;
        if read == 0 {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(chunk.get(..read).unwrap_or_default());
    }
}

/// A file that is being read.
pub(crate) struct Reader {
    from: Frames,
    pub(crate) manifest: Manifest,
    pub(crate) counts: Counts,
}

impl Reader {
    pub(crate) fn open(path: &Path, identities: &Identities) -> Result<Reader, ReadBackupError> {
        let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
        let decryptor = Decryptor::new_buffered(BufReader::new(file)).map_err(|error| refused(path, error))?;
        let opened = decryptor.decrypt(identities.0.iter().map(|one| one as &dyn Identity));
        let stream = opened.map_err(|error| refused(path, error))?;
        let mut from = Frames { path: path.to_owned(), stream, hash: Sha256::new() };
        let manifest = from.begin()?;
        Ok(Reader { from, manifest, counts: Counts::default() })
    }

    /// What comes next; None once its end was reached and everything is as the end says. Nothing before that is sure.
    pub(crate) fn next(&mut self) -> Result<Option<Part>, ReadBackupError> {
        let before = hex::encode(self.from.hash.clone().finalize());
        let (letter, content) = self.from.frame()?;
        if letter == Letter::End {
            let end: Option<End> = serde_json::from_slice(&content).ok();
            let whole = end.is_some_and(|end| end.counts == self.counts && end.sha256 == before);
            if !whole {
                return Err(self.from.damaged("its end does not agree with what is before it"));
            }
            return self.from.ends().map(|()| None);
        }
        let part = decode(letter, &content).ok_or_else(|| self.from.damaged("a frame does not say what it should"))?;
        self.counts.add(&part);
        Ok(Some(part))
    }
}

/// The decrypted bytes, frame by frame, summed up.
struct Frames {
    path: PathBuf,
    stream: StreamReader<BufReader<File>>,
    hash: Sha256,
}

impl Frames {
    fn begin(&mut self) -> Result<Manifest, ReadBackupError> {
        let mut magic = [0; MAGIC.len()];
        self.fill(&mut magic)?;
        if magic != *MAGIC {
            return Err(ReadBackupError::NotABackup(self.path.clone()));
        }
        let (letter, content) = self.frame()?;
        let manifest: Option<Manifest> = serde_json::from_slice(&content).ok();
        match manifest.filter(|_| letter == Letter::Manifest) {
            Some(Manifest { format: found, .. }) if found != FORMAT => {
                Err(ReadBackupError::Format { path: self.path.clone(), found, known: FORMAT })
            }
            Some(manifest) => Ok(manifest),
            None => Err(self.damaged("its manifest does not say what it is")),
        }
    }

    fn ends(&mut self) -> Result<(), ReadBackupError> {
        match self.stream.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.damaged("something follows its end")),
            Err(error) => Err(self.explain(&error)),
        }
    }

    fn frame(&mut self) -> Result<(Letter, Vec<u8>), ReadBackupError> {
        let mut head = [0; 5];
        self.fill(&mut head)?;
        let [letter, length @ ..] = head;
        let letter = Letter::of(letter).ok_or_else(|| self.damaged("a frame is of no known kind"))?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MAX_FRAME {
            return Err(self.damaged("a frame is too long"));
        }
        let mut content = vec![0; length];
        self.fill(&mut content)?;
        Ok((letter, content))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), ReadBackupError> {
        self.stream.read_exact(bytes).map_err(|error| self.explain(&error))?;
        self.hash.update(bytes);
        Ok(())
    }

    fn explain(&self, error: &io::Error) -> ReadBackupError {
        match error.kind() {
            ErrorKind::UnexpectedEof => self.damaged("its end is missing"),
            ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::Other => {
                self.damaged("a part of it does not decrypt")
            }
            _ => cannot_read(&self.path, error),
        }
    }

    fn damaged(&self, what: &'static str) -> ReadBackupError {
        ReadBackupError::Damaged { path: self.path.clone(), what }
    }
}

fn cannot_read(path: &Path, error: &io::Error) -> ReadBackupError {
    ReadBackupError::Io { path: path.to_owned(), reason: error.to_string() }
}

/// What age says of a head that it does not take.
fn refused(path: &Path, error: DecryptError) -> ReadBackupError {
    let damaged = |what| ReadBackupError::Damaged { path: path.to_owned(), what };
    match error {
        DecryptError::NoMatchingKeys => ReadBackupError::WrongIdentity(path.to_owned()),
        DecryptError::InvalidMac | DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
            damaged("its head was changed")
        }
        DecryptError::Io(error) if error.kind() == ErrorKind::UnexpectedEof => damaged("its head is cut short"),
        DecryptError::Io(error) if error.kind() != ErrorKind::InvalidData => cannot_read(path, &error),
        _ => ReadBackupError::NotABackup(path.to_owned()),
    }
}
