//! The archive that a person gets: what is held about them as JSON, as tables and as a page to read, in one ZIP file that opens with a
//! passphrase alone. It is made in memory and nowhere else; what leaves here is encrypted.
//!
//! The format is age (`age-encryption.org/v1`) with a passphrase, so that anybody can open it with a program that is not ours:
//! `age --decrypt`. The passphrase is drawn here, shown once, and kept nowhere.

mod readable;
mod tables;

pub use tables::csv_cell;

use std::io::{Cursor, Write};

use secrecy::SecretString;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::person::Held;

/// The most bytes that are put into one archive, before they are compressed.
const MOST: usize = 64 * 1024 * 1024;

/// Without what looks alike: 0 and o, 1 and l.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Characters of a passphrase: 130 bits.
const LETTERS: usize = 26;

/// What stretching the passphrase costs: 2^15. It is random and long, so that nobody can try it however cheap a try is.
const WORK: u8 = 15;

/// An archive, encrypted, and what opens it.
pub struct Sealed {
    /// The bytes of the file.
    pub bytes: Vec<u8>,
    /// Tell it to the person, by another way than the file, and to nobody else.
    pub passphrase: SecretString,
}

/// Why there is no archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// More is held than an archive may have.
    #[error("what is held is more than the {MOST} bytes of an archive")]
    TooLarge,
    /// It could not be packed: a mistake in the program. What went wrong names nobody.
    #[error("the archive could not be packed")]
    NotPacked,
}

/// Packs and encrypts what is held about somebody.
pub fn seal(held: &Held) -> Result<Sealed, ArchiveError> {
    let packed = pack(&files(held)?).ok_or(ArchiveError::NotPacked)?;
    let passphrase = draw();
    let mut recipient = age::scrypt::Recipient::new(passphrase.clone());
    recipient.set_work_factor(WORK);
    let bytes = age::encrypt(&recipient, &packed).map_err(|_| ArchiveError::NotPacked)?;
    Ok(Sealed { bytes, passphrase })
}

/// What is in an archive: names that say nothing, and contents.
fn files(held: &Held) -> Result<Vec<(&'static str, Vec<u8>)>, ArchiveError> {
    let json = serde_json::to_vec_pretty(held).map_err(|_| ArchiveError::NotPacked)?;
    let mut files = vec![("index.html", readable::page(held).into_bytes()), ("data.json", json)];
    files.extend(tables::all(held).map(|(name, text)| (name, text.into_bytes())));
    match files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > MOST {
        true => Err(ArchiveError::TooLarge),
        false => Ok(files),
    }
}

fn pack(files: &[(&str, Vec<u8>)]) -> Option<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in files {
        zip.start_file(*name, options).ok()?;
        zip.write_all(bytes).ok()?;
    }
    zip.finish().ok().map(Cursor::into_inner)
}

/// `k3v9e-…`: letters in groups of five that can be read out on a telephone.
fn draw() -> SecretString {
    let mut drawn = [0_u8; LETTERS];
    rand::fill(&mut drawn);
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).copied().map_or('a', char::from);
    let letters: Vec<char> = drawn.iter().map(letter).collect();
    let groups: Vec<String> = letters.chunks(5).map(|group| group.iter().collect()).collect();
    SecretString::from(groups.join("-"))
}

/// Shows neither the content nor the passphrase.
impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} bytes)", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_passphrases_are_one_and_each_is_long() {
        let drawn: BTreeSet<String> = (0..200).map(|_| draw().expose_secret().to_owned()).collect();
        assert_eq!(drawn.len(), 200);
        assert!(drawn.iter().all(|text| text.chars().filter(|c| *c != '-').count() == LETTERS));
        assert_eq!(ALPHABET.iter().collect::<BTreeSet<_>>().len(), 32, "each letter once");
    }
}
