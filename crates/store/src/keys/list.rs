//! An append-only list in the keyring's folder: what a restored database must not forget. There are two, of erasures
//! ([`tombstones`](super::tombstones)) and of what people decided ([`decided`](super::decided)).
//!
//! A line is words with one space between, and ends with a check of the words before it, by which a line that a crash has cut short
//! is told from one that was damaged. Lines are only ever added, one writer at a time, and are on the disk when that returns.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::keyring::{Keyring, KeyringError, io_at};

/// Digits of a line's check.
const CHECK: usize = 8;

/// Letters of an id.
const ID: usize = 36;

/// A list: its file, and what its lines say.
pub(super) struct List<T> {
    /// The file's name in the keyring's folder.
    pub(super) name: &'static str,
    /// Of what words a line is made that begins with this one, without its check. None if no line begins so.
    pub(super) form: fn(&str) -> Option<Vec<Word>>,
    /// What such a line says. None if its words are not what this program writes.
    pub(super) parse: fn(&[&str]) -> Option<T>,
}

/// What a word of a line is, as far as it takes to see that a line was cut off in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Any.
    Any,
    /// A random id.
    Id,
    /// A whole number, such as a time in microseconds.
    Number,
    /// The same, or [`NOTHING`].
    MaybeNumber,
    /// One of these. All of them are here: a line cut short in one that is missing would be taken for a damaged one.
    OneOf(&'static [&'static str]),
}

/// The word for what is not there.
pub(super) const NOTHING: &str = "-";

/// How far a list was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Bytes from the beginning, up to and with the end of a line.
    pub(super) position: u64,
    /// That line, without its end; empty at the beginning.
    pub(super) line: String,
}

/// What was read of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed<T> {
    pub(super) entries: Vec<T>,
    /// Where the last whole line ends.
    pub(super) mark: Mark,
    /// Whether it was read from the beginning, because there was no mark in it yet, or this is not the list that it is in.
    pub(super) anew: bool,
}

/// What a line turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<T> {
    Whole(T),
    CutShort,
    Damaged,
}

impl Keyring {
    /// Adds lines to a list; they are on the disk when this returns. Several processes may do so at once. Not in a folder
    /// that has gone: what is restored there later would lack them.
    pub(super) fn append_to_list<T>(&self, list: &List<T>, lines: &[String]) -> Result<(), KeyringError> {
        let path = self.folder().join(list.name);
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let open = || OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path);
        self.require_bound()?;
        open().and_then(|file| append(file, &lines)).and_then(|()| self.sync()).map_err(io_at(&path))
    }

    /// What a list says from a mark on. A line that a crash has cut short is passed over: whoever wrote it writes it again, or
    /// what it was to tell had not been done. A list that is not there says nothing; unless its folder has gone, which is an error.
    pub(super) fn read_list<T>(&self, list: &List<T>, mark: Option<&Mark>) -> Result<Listed<T>, KeyringError> {
        let path = self.folder().join(list.name);
        let read = read_since(&path, mark).map_err(io_at(&path))?;
        if read.is_none() {
            self.require_bound()?;
        }
        let (begin, bytes) = read.unwrap_or_default();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let (mut entries, mut last, mut position) = (Vec::new(), None, begin.position);
        for line in bytes.get(..whole).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
            let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
            match list.read_line(&text) {
                Line::Whole(entry) => entries.push(entry),
                Line::CutShort => {}
                Line::Damaged => return Err(KeyringError::DamagedList { path, byte: position }),
            }
            position += line.len() as u64;
            last = Some(text.into_owned());
        }
        let mark_now = Mark { position, line: last.unwrap_or_else(|| begin.line.clone()) };
        Ok(Listed { entries, mark: mark_now, anew: begin.position == 0 })
    }
}

impl<T> List<T> {
    /// What a line says, without its end.
    pub(super) fn read_line(&self, line: &str) -> Line<T> {
        let words: Vec<&str> = line.split(' ').collect();
        let (text, checked) = line.rsplit_once(' ').unwrap_or_default();
        let Some(form) = words.first().and_then(|first| (self.form)(first)) else {
            // Cut off in its first word.
            return if words.len() == 1 { Line::CutShort } else { Line::Damaged };
        };
        let said = match words.split_last() {
            Some((_, said)) if said.len() == form.len() => (self.parse)(said),
            _ => None,
        };
        match said {
            Some(said) if checked == check(text) => Line::Whole(said),
            Some(_) if checked.len() < CHECK && check(text).starts_with(checked) => Line::CutShort,
            None if is_cut_short(&form, &words) => Line::CutShort,
            _ => Line::Damaged,
        }
    }
}

/// A line of these words, with its check.
pub(super) fn line(text: &str) -> String {
    format!("{text} {}", check(text))
}

fn check(text: &str) -> String {
    hex::encode(Sha256::digest(text)).chars().take(CHECK).collect()
}

/// Whether a line may be the beginning of one, up to its last word: what it lacks is its end, and not a space between.
fn is_cut_short(form: &[Word], words: &[&str]) -> bool {
    let Some((part, whole)) = words.split_last() else { return true };
    let begins = form.get(whole.len()).is_some_and(|word| word.may_begin(part));
    begins && form.iter().zip(whole).all(|(word, text)| word.is(text))
}

impl Word {
    fn is(self, text: &str) -> bool {
        match self {
            Word::Any => true,
            Word::Id => Uuid::parse_str(text).is_ok(),
            Word::Number => text.parse::<i64>().is_ok(),
            Word::MaybeNumber => text == NOTHING || Word::Number.is(text),
            Word::OneOf(all) => all.contains(&text),
        }
    }

    fn may_begin(self, part: &str) -> bool {
        match self {
            Word::Any => true,
            Word::Id => part.len() <= ID,
            Word::Number | Word::MaybeNumber => part.is_empty() || part == NOTHING || Word::Number.is(part),
            Word::OneOf(all) => all.iter().any(|one| one.starts_with(part)),
        }
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
fn read_since(path: &Path, mark: Option<&Mark>) -> io::Result<Option<(Mark, Vec<u8>)>> {
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
