//! The list of erasures in the keyring: what a restored key store must not undo.
//!
//! A key store from before an erasure still has that person's keys. The keyring is never rolled back, so the list lies
//! there, a file named `erased` ([`list`](super::list)): one line for each erasure, on the disk before its keys are destroyed. A line
//! names nobody: it holds the tenant, the subject's random id, the time in microseconds and the reason. Saying one twice is saying
//! it once.

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;
use uuid::Uuid;

use super::erasure::ErasureReason;
use super::keyring::{Keyring, KeyringError};
use super::list::{List, Listed, Mark, Word, line};

/// The list of erasures.
pub(super) static ERASED: List<Tombstone> = List {
    name: "erased",
    form: |_| Some(vec![Word::Any, Word::Id, Word::Number, Word::OneOf(&["person", "shop", "retention"])]),
    parse: tombstone,
};

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

impl Keyring {
    /// Adds these to the list; they are on the disk when this returns.
    pub(super) fn list_erased(&self, erased: &[Tombstone]) -> Result<(), KeyringError> {
        self.append_to_list(&ERASED, &erased.iter().map(line_of).collect::<Vec<_>>())
    }

    /// What the list says from a mark on.
    pub(super) fn erased_since(&self, mark: Option<&Mark>) -> Result<Listed<Tombstone>, KeyringError> {
        self.read_list(&ERASED, mark)
    }
}

fn line_of(one: &Tombstone) -> String {
    line(&format!("{} {} {} {}", one.tenant, one.subject, one.at.0, one.reason.as_str()))
}

fn tombstone(words: &[&str]) -> Option<Tombstone> {
    let [tenant, subject, at, reason] = words else { return None };
    Some(Tombstone {
        tenant: tenant.parse().ok()?,
        subject: SubjectId(Uuid::parse_str(subject).ok()?),
        at: Timestamp(at.parse().ok()?),
        reason: reason.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::list::Line;
    use super::*;
    use std::fs::{self, OpenOptions};
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
        let none = ring.erased_since(None).unwrap();
        assert_eq!(none, Listed { entries: vec![], mark: Mark::default(), anew: true });

        ring.list_erased(&[erased(1), erased(2)]).unwrap();
        let first = ring.erased_since(Some(&none.mark)).unwrap();
        assert_eq!(first.entries, [erased(1), erased(2)]);
        ring.list_erased(&[erased(3)]).unwrap();
        ring.list_erased(&[erased(2)]).unwrap();
        let rest = ring.erased_since(Some(&first.mark)).unwrap();
        assert_eq!((rest.entries, rest.anew), (vec![erased(3), erased(2)], false));
        assert_eq!(ring.erased_since(None).unwrap().entries.len(), 4);
        assert_eq!(ring.erased_since(Some(&rest.mark)).unwrap().mark, rest.mark);
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
            assert_eq!(ring.erased_since(None).unwrap().mark.position, length as u64, "cut at {cut}");
            ring.list_erased(&[erased(3)]).unwrap();
            let listed = ring.erased_since(None).unwrap().entries;
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
        let mark = ring.erased_since(None).unwrap().mark;
        ring.list_erased(&[erased(2)]).unwrap();
        let damaged = fs::read_to_string(&path).unwrap().replacen("0002 179", "0003 179", 1);
        fs::write(&path, damaged).unwrap();
        let refused = KeyringError::DamagedList { path: path.clone(), byte: mark.position };
        assert_eq!(ring.erased_since(Some(&mark)), Err(refused));

        fs::remove_file(&path).unwrap();
        assert!(ring.erased_since(Some(&mark)).unwrap().anew, "the list is gone");
        ring.list_erased(&[erased(4), erased(5)]).unwrap();
        let other = ring.erased_since(Some(&mark)).unwrap();
        assert_eq!((other.entries.len(), other.anew), (2, true));
    }

    /// A byte that is damaged is one that was there: the line is as long as it was.
    #[test]
    fn a_line_is_damaged_wherever_its_byte_is() {
        let whole = line_of(&erased(1));
        for at in 0..whole.len() {
            for wrong in ["~", " ", "0"] {
                let mut damaged = whole.clone();
                damaged.replace_range(at..=at, wrong);
                assert!(damaged == whole || matches!(ERASED.read_line(&damaged), Line::Damaged), "{damaged}");
            }
        }
        let joined = format!("{whole}~{}", line_of(&erased(2)));
        assert!(matches!(ERASED.read_line(&joined), Line::Damaged), "the end of a line is one of its bytes");
    }

    #[test]
    fn a_folder_that_has_gone_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let (ring, path) = (keyring(folder.path()), folder.path().join("epochs"));
        ring.list_erased(&[erased(1)]).unwrap();
        let aside = folder.path().join("aside");
        fs::rename(&path, &aside).unwrap();
        assert!(matches!(ring.list_erased(&[erased(2)]), Err(KeyringError::Io { .. })));
        assert!(matches!(ring.erased_since(None), Err(KeyringError::Io { .. })), "nobody knows what it says");
        assert!(!path.exists());
        fs::rename(&aside, &path).unwrap();
        assert_eq!(ring.erased_since(None).unwrap().entries, [erased(1)]);
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
            ring.erased_since(None).unwrap().entries.iter().map(|one| one.subject.0.as_u128()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..80).collect::<Vec<_>>());
    }
}
