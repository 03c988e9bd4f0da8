//! What a backup file holds once it is decrypted: [`MAGIC`], then frames, each a letter for its kind, its length in four
//! big-endian bytes, and its content. The first is the manifest and the last the closing frame, both JSON; those between are
//! postcard. The closing frame has the SHA-256 of everything before it.

use std::fmt;
use std::io;

use commerce::TenantId;
use event_log::{Copied, Position};
use events::{Record, Topic};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use store::copy::Piece;
use uuid::Uuid;

/// How every file begins. The number is the format's.
pub(crate) const MAGIC: &[u8] = b"daybook backup 1\n";

/// The format that this program writes and reads.
pub(crate) const FORMAT: u32 = 1;

/// A frame is never longer: a read of the log, or a page of rows, is far below. Whatever says otherwise is damaged.
pub(crate) const MAX_FRAME: usize = 128 * 1024 * 1024;

/// What a backup is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// The log, and the platform's own record.
    Log,
    /// The key store.
    Keys,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileKind::Log => "log",
            FileKind::Keys => "keys",
        })
    }
}

/// What a file says of itself before anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of the frames.
    pub format: u32,
    /// What it is of.
    pub kind: FileKind,
    /// Microseconds since 1970: for the log directly after it was read where it ends, for the keys before their copy began. So keys that
    /// are not older than a log have every key of its records.
    pub made_at: i64,
    /// The random id that the key store and its keyring share.
    pub store: Uuid,
    /// The key store's current epoch: its key must be in the keyring, or the copy is from before the window.
    pub epoch: u32,
    /// The last migration of the key store's schema.
    pub keys_schema: i64,
    /// The last migration of the books' schema.
    pub books_schema: i64,
    /// Partitions of each topic.
    pub partitions: u32,
    /// The version of the program that made it.
    pub program: String,
}

impl Manifest {
    /// What is written now: `made_at` says when it began.
    pub fn new(
        kind: FileKind,
        made_at: Timestamp,
        store: (Uuid, u32),
        schemas: (i64, i64),
        partitions: u32,
    ) -> Manifest {
        Manifest {
            format: FORMAT,
            kind,
            made_at: made_at.0,
            store: store.0,
            epoch: store.1,
            keys_schema: schemas.0,
            books_schema: schemas.1,
            partitions,
            program: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// What a file holds, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records of the log, those among them that cannot be read included.
    pub records: u64,
    /// Places of the log at which lies what cannot be read: of these the copy keeps the place.
    pub unreadable: u64,
    /// Tables.
    pub tables: u64,
    /// Rows of all tables.
    pub rows: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, part: &Part) {
        match part {
            Part::Records(records) => {
                self.records += records.len() as u64;
                self.unreadable += records.iter().filter(|one| one.record.is_none()).count() as u64;
            }
            Part::Piece(Piece::Table(_)) => self.tables += 1,
            Part::Piece(Piece::Rows(rows)) => self.rows += rows.len() as u64,
        }
    }
}

/// The closing frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) counts: Counts,
    /// Of all bytes before this frame, in hexadecimal digits.
    pub(crate) sha256: String,
}

/// What lies between the manifest and the end.
pub(crate) enum Part {
    Records(Vec<Copied>),
    Piece(Piece),
}

/// A frame's kind, as its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Letter {
    Manifest,
    Records,
    Piece,
    End,
}

impl Letter {
    const ALL: [Letter; 4] = [Letter::Manifest, Letter::Records, Letter::Piece, Letter::End];

    pub(crate) fn byte(self) -> u8 {
        match self {
            Letter::Manifest => b'M',
            Letter::Records => b'L',
            Letter::Piece => b'T',
            Letter::End => b'E',
        }
    }

    pub(crate) fn of(byte: u8) -> Option<Letter> {
        Letter::ALL.into_iter().find(|letter| letter.byte() == byte)
    }
}

/// A record of the log as it stands in a file. A topic is written as its name, which outlives any order of an enum.
#[derive(Serialize, Deserialize)]
struct StoredRecord {
    topic: String,
    partition: u32,
    offset: u64,
    /// None where what lies there cannot be read.
    record: Option<Content>,
}

/// What a record says.
#[derive(Serialize, Deserialize)]
struct Content {
    key: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// The bytes of a part, without its frame.
pub(crate) fn encode(part: Part) -> io::Result<(Letter, Vec<u8>)> {
    let (letter, bytes) = match part {
        Part::Records(records) => {
            (Letter::Records, postcard::to_stdvec(&records.into_iter().map(stored).collect::<Vec<StoredRecord>>()))
        }
        Part::Piece(piece) => (Letter::Piece, postcard::to_stdvec(&piece)),
    };
    bytes.map(|bytes| (letter, bytes)).map_err(io::Error::other)
}

/// A part from its bytes. None for what this program does not write.
pub(crate) fn decode(letter: Letter, bytes: &[u8]) -> Option<Part> {
    match letter {
        Letter::Records => {
            let stored: Vec<StoredRecord> = postcard::from_bytes(bytes).ok()?;
            stored.into_iter().map(copied).collect::<Option<_>>().map(Part::Records)
        }
        Letter::Piece => postcard::from_bytes(bytes).ok().map(Part::Piece),
        Letter::Manifest | Letter::End => None,
    }
}

fn stored(one: Copied) -> StoredRecord {
    let Position { topic, partition, offset } = one.position;
    let content = |Record { tenant, headers, body, .. }| Content { key: tenant.as_str().to_owned(), headers, body };
    let record = one.record.map(content);
    StoredRecord { topic: topic.name().to_owned(), partition, offset, record }
}

fn copied(one: StoredRecord) -> Option<Copied> {
    let topic = Topic::from_name(&one.topic)?;
    let record = match one.record {
        None => None,
        Some(Content { key, headers, body }) => {
            Some(Record { topic, tenant: TenantId::try_from(key).ok()?, headers, body })
        }
    };
    Some(Copied { position: Position { topic, partition: one.partition, offset: one.offset }, record })
}
