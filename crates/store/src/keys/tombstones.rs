//! The list of erasures in the keyring: what a restored key store must not undo.
//!
//! A key store from before an erasure still has that person's keys. The keyring is never rolled back, so the list lies
//! there, a file named `erased`: one line for each erasure, on the disk before its keys are destroyed. A line names nobody:
//! it holds the tenant, the subject's random id, the time in microseconds, the reason, and a check by which a line that was
//! cut short is told from one that was damaged. Lines are only ever added, and saying one twice is saying it once.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::erasure::ErasureReason;
use super::keyring::{Keyring, KeyringError, io_at};

/// The file's name in the keyring's folder.
pub(super) const LIST: &str = "erased";

/// Digits of a line's check.
const CHECK: usize = 8;

/// Letters of a subject's id.
const ID: usize = 36;

/// All of them: a line that is cut short in a reason that is missing here would be taken for a damaged one.
const REASONS: [ErasureReason; 3] = [ErasureReason::Person, ErasureReason::Shop, ErasureReason::Retention];

/// An erasure as the keyring lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// Whose customer.
    pub tenant: TenantId,
    /// Who, by the random id that says nothing about the person.
    pub subject: SubjectId,
    /// When their keys were destroyed.
    pub at: Timestamp,
    /// Why.
    pub reason: ErasureReason,
}

/// How far the list was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Bytes from the beginning, up to and with the end of a line.
    pub(super) position: u64,
    /// That line, without its end; empty at the beginning.
    pub(super) line: String,
}

/// What was read of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) tombstones: Vec<Tombstone>,
    /// Where the last whole line ends.
    pub(super) mark: Mark,
    /// Whether it was read from the beginning, because there was no mark in it yet, or this is not the list that it is in.
    pub(super) anew: bool,
}

impl Keyring {
    /// Adds these to the list; they are on the disk when this returns. Several processes may do so at once. Not in a folder
    /// that has gone: what is restored there later would lack them.
    pub(super) fn list_erased(&self, erased: &[Tombstone]) -> Result<(), KeyringError> {
        let path = self.folder().join(LIST);
        let lines: String = erased.iter().map(|one| format!("{}\n", line(one))).collect();
        let open = || OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path);
        self.require_bound()?;
        open().and_then(|file| append(file, &lines)).and_then(|()| self.sync()).map_err(io_at(&path))
    }

    /// What the list says from a mark on. A line that a crash has cut short is passed over: what it was to tell had not
    /// been done. A list that is not there says nothing; unless its folder has gone, which is an error.
    pub(super) fn listed_since(&self, mark: Option<&Mark>) -> Result<Listed, KeyringError> {
        let path = self.folder().join(LIST);
        let read = read_since(&path, mark).map_err(io_at(&path))?;
        if read.is_none() {
            self.require_bound()?;
        }
        let (begin, bytes) = read.unwrap_or_default();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let (mut tombstones, mut last, mut position) = (Vec::new(), None, begin.position);
        for line in bytes.get(..whole).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
            let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
            match parse(&text) {
                Line::Whole(tombstone) => tombstones.push(tombstone),
                Line::CutShort => {}
                Line::Damaged => return Err(KeyringError::DamagedList { path, byte: position }),
            }
            position += line.len() as u64;
            last = Some(text.into_owned());
        }
        let mark_now = Mark { position, line: last.unwrap_or_else(|| begin.line.clone()) };
        Ok(Listed { tombstones, mark: mark_now, anew: begin.position == 0 })
    }
}

/// One at a time, so that no line comes between the parts of another, also where a folder is shared over a network.
fn append(mut file: File, lines: &str) -> io::Result<()> {
    file.lock()?;
    let before = if ends_in_the_middle(&mut file)? { "\n" } else { "" };
    file.write_all(format!("{before}{lines}").as_bytes())?;
    file.sync_all()
}

/// Whether a crash has left a line without its end.
fn ends_in_the_middle(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// The bytes after the mark, or all of them after the beginning if this is not the list that it is a mark in. None if there
/// is no list.
fn read_since(path: &std::path::Path, mark: Option<&Mark>) -> io::Result<Option<(Mark, Vec<u8>)>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    if let Some(mark) = mark.filter(|mark| mark.position > 0) {
        let end = format!("{}\n", mark.line);
        if let Some(start) = mark.position.checked_sub(end.len() as u64) {
            file.seek(SeekFrom::Start(start))?;
            file.read_to_end(&mut bytes)?;
            if let Some(rest) = bytes.strip_prefix(end.as_bytes()) {
                return Ok(Some((mark.clone(), rest.to_vec())));
            }
            bytes.clear();
            file.rewind()?;
        }
    }
    file.read_to_end(&mut bytes)?;
    Ok(Some((Mark::default(), bytes)))
}

fn line(one: &Tombstone) -> String {
    let text = format!("{} {} {} {}", one.tenant, one.subject, one.at.0, one.reason.as_str());
    format!("{text} {}", check(&text))
}

fn check(text: &str) -> String {
    hex::encode(Sha256::digest(text)).chars().take(CHECK).collect()
}

enum Line {
    Whole(Tombstone),
    CutShort,
    Damaged,
}

fn parse(line: &str) -> Line {
    let words: Vec<&str> = line.split(' ').collect();
    let (text, checked) = line.rsplit_once(' ').unwrap_or_default();
    match (tombstone(&words), words.as_slice()) {
        (Some(tombstone), [_, _, _, _, _]) if checked == check(text) => Line::Whole(tombstone),
        (Some(_), [_, _, _, _, _]) if checked.len() < CHECK && check(text).starts_with(checked) => Line::CutShort,
        (None, words) if is_cut_short(words) => Line::CutShort,
        _ => Line::Damaged,
    }
}

/// Whether a line may be the beginning of one, up to its reason: what it lacks is its end, and not a space between.
fn is_cut_short(words: &[&str]) -> bool {
    let id = |word: &str| Uuid::parse_str(word).is_ok();
    let time = |word: &str| word.parse::<i64>().is_ok();
    match words {
        [_] => true,
        [_, part] => part.len() <= ID,
        [_, subject, part] => id(subject) && (part.is_empty() || time(part)),
        [_, subject, at, part] => id(subject) && time(at) && REASONS.iter().any(|one| one.as_str().starts_with(part)),
        _ => false,
    }
}

fn tombstone(words: &[&str]) -> Option<Tombstone> {
    let [tenant, subject, at, reason, _] = words else { return None };
    Some(Tombstone {
        tenant: tenant.parse().ok()?,
        subject: SubjectId(Uuid::parse_str(subject).ok()?),
        at: Timestamp(at.parse().ok()?),
        reason: reason.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use subject_keys::RootKey;

    fn keyring(folder: &Path) -> Keyring {
        let ring = Keyring::in_folder(RootKey::from_bytes([7; 32]), &folder.join("epochs"));
        ring.bind(Uuid::from_u128(1)).unwrap();
        ring
    }

    fn erased(number: u128) -> Tombstone {
        let at = Timestamp(1_794_000_000_000_000 + i64::try_from(number).unwrap());
        let (tenant, subject) = ("kohsar-shawls".parse().unwrap(), SubjectId(Uuid::from_u128(number)));
        Tombstone { tenant, subject, at, reason: ErasureReason::Person }
    }

    #[test]
    fn what_was_listed_is_read_from_any_mark_on() {
        let folder = tempfile::tempdir().unwrap();
        let ring = keyring(folder.path());
        let none = ring.listed_since(None).unwrap();
        assert_eq!(none, Listed { tombstones: vec![], mark: Mark::default(), anew: true });

        ring.list_erased(&[erased(1), erased(2)]).unwrap();
        let first = ring.listed_since(Some(&none.mark)).unwrap();
        assert_eq!(first.tombstones, [erased(1), erased(2)]);
        ring.list_erased(&[erased(3)]).unwrap();
        ring.list_erased(&[erased(2)]).unwrap();
        let rest = ring.listed_since(Some(&first.mark)).unwrap();
        assert_eq!((rest.tombstones, rest.anew), (vec![erased(3), erased(2)], false));
        assert_eq!(ring.listed_since(None).unwrap().tombstones.len(), 4);
        assert_eq!(ring.listed_since(Some(&rest.mark)).unwrap().mark, rest.mark);
        let mode = fs::metadata(folder.path().join("epochs/erased")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_line_cut_short_at_any_byte_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let (ring, path) = (keyring(folder.path()), folder.path().join("epochs/erased"));
        ring.list_erased(&[erased(1)]).unwrap();
        let length = fs::read(&path).unwrap().len();
        for cut in 0..length {
            fs::remove_file(&path).unwrap();
            ring.list_erased(&[erased(1), erased(2)]).unwrap();
            OpenOptions::new().write(true).open(&path).unwrap().set_len((length + cut) as u64).unwrap();
            assert_eq!(ring.listed_since(None).unwrap().mark.position, length as u64, "cut at {cut}");
            ring.list_erased(&[erased(3)]).unwrap();
            let listed = ring.listed_since(None).unwrap().tombstones;
            // All of the line but its end may be there: it is whole then.
            let whole = cut + 1 == length;
            let expected = if whole { vec![erased(1), erased(2), erased(3)] } else { vec![erased(1), erased(3)] };
            assert_eq!(listed, expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_damaged_line_is_named_and_another_list_is_read_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let (ring, path) = (keyring(folder.path()), folder.path().join("epochs/erased"));
        ring.list_erased(&[erased(1)]).unwrap();
        let mark = ring.listed_since(None).unwrap().mark;
        ring.list_erased(&[erased(2)]).unwrap();
        let damaged = fs::read_to_string(&path).unwrap().replacen("0002 179", "0003 179", 1);
        fs::write(&path, damaged).unwrap();
        let refused = KeyringError::DamagedList { path: path.clone(), byte: mark.position };
        assert_eq!(ring.listed_since(Some(&mark)), Err(refused));

        fs::remove_file(&path).unwrap();
        assert!(ring.listed_since(Some(&mark)).unwrap().anew, "the list is gone");
        ring.list_erased(&[erased(4), erased(5)]).unwrap();
        let other = ring.listed_since(Some(&mark)).unwrap();
        assert_eq!((other.tombstones.len(), other.anew), (2, true));
    }

    /// A byte that is damaged is one that was there: the line is as long as it was.
    #[test]
    fn a_line_is_damaged_wherever_its_byte_is() {
        let whole = line(&erased(1));
        for at in 0..whole.len() {
            for wrong in ["~", " ", "0"] {
                let mut damaged = whole.clone();
                damaged.replace_range(at..=at, wrong);
                assert!(damaged == whole || matches!(parse(&damaged), Line::Damaged), "{damaged}");
            }
        }
        let joined = format!("{whole}~{}", line(&erased(2)));
        assert!(matches!(parse(&joined), Line::Damaged), "the end of a line is one of its bytes");
    }

    #[test]
    fn a_folder_that_has_gone_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let (ring, path) = (keyring(folder.path()), folder.path().join("epochs"));
        ring.list_erased(&[erased(1)]).unwrap();
        let aside = folder.path().join("aside");
        fs::rename(&path, &aside).unwrap();
        assert!(matches!(ring.list_erased(&[erased(2)]), Err(KeyringError::Io { .. })));
        assert!(matches!(ring.listed_since(None), Err(KeyringError::Io { .. })), "nobody knows what it says");
        assert!(!path.exists());
        fs::rename(&aside, &path).unwrap();
        assert_eq!(ring.listed_since(None).unwrap().tombstones, [erased(1)]);
    }

    #[test]
    fn many_at_once_lose_no_line() {
        let folder = tempfile::tempdir().unwrap();
        let ring = keyring(folder.path());
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let ring = ring.clone();
                scope.spawn(move || (0..10).for_each(|n| ring.list_erased(&[erased(writer * 10 + n)]).unwrap()));
            }
        });
        let mut numbers: Vec<u128> =
            ring.listed_since(None).unwrap().tombstones.iter().map(|one| one.subject.0.as_u128()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..80).collect::<Vec<_>>());
    }
}
