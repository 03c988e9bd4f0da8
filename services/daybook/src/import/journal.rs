//! An exported journal, read back: checked to its end before anything of it is used, then handed on page by page as the
//! vouchers it becomes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use audit::{AuditError, Audited};
use ledger::{Day, Layer, Posted, Transaction};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

/// Transactions that are handed on at once.
const PAGE: usize = 500;

/// A whole journal in which nothing was found, and what of it is to be brought in.
#[derive(Debug)]
pub(super) struct Checked {
    /// Its header, its end and its balances.
    pub(super) audited: Audited,
    /// Transactions that become vouchers, by number.
    kept: BTreeMap<u64, Kept>,
}

/// What is remembered of a transaction until all are read, because a later one may take it back.
#[derive(Debug)]
struct Kept {
    day: Day,
    posted: bool,
    pending: u64,
}

impl Checked {
    /// Checks the whole export. Keeps some sixty bytes for each transaction.
    pub(super) fn read(export: impl Read) -> Result<Checked, AuditError> {
        let mut kept = BTreeMap::new();
        let audited = audit::audit(BufReader::new(export), &mut |posted, _| note(&mut kept, posted))?;
        Ok(Checked { audited, kept })
    }

    /// True of a transaction that becomes a voucher.
    pub(super) fn is_brought_in(&self, number: u64) -> bool {
        self.kept.get(&number).is_some_and(|kept| kept.posted)
    }

    /// How many transactions become vouchers.
    pub(super) fn vouchers(&self) -> u64 {
        self.kept.values().filter(|kept| kept.posted).count() as u64
    }

    /// How many transactions took each other back on one day, and are left out.
    pub(super) fn undone(&self) -> u64 {
        self.audited.transactions.saturating_sub(self.kept.len() as u64)
    }

    /// How many entries are of money that was only promised, and are left out.
    pub(super) fn pending(&self) -> u64 {
        self.kept.values().map(|kept| kept.pending).sum()
    }

    /// The first day on which anything of it counts.
    pub(super) fn first_day(&self) -> Option<Day> {
        self.kept.values().filter(|kept| kept.posted).map(|kept| kept.day).min()
    }
}

/// A reversal that counts on the day of what it takes back leaves with it: neither moves a balance of any day. On another day,
/// which a closed period brings about, both are kept.
fn note(kept: &mut BTreeMap<u64, Kept>, posted: &Posted) {
    let day = posted.transaction.effective();
    let undone = posted.reverses.filter(|number| kept.get(number).is_some_and(|original| original.day == day));
    if let Some(number) = undone {
        kept.remove(&number);
        return;
    }
    let pending = posted.transaction.entries().iter().filter(|entry| entry.layer == Layer::Pending).count();
    let posts = pending < posted.transaction.entries().len();
    kept.insert(posted.number, Kept { day, posted: posts, pending: pending as u64 });
}

/// The entries of a transaction that are posted and not only promised; they balance by themselves.
pub(super) fn posted_entries(transaction: &Transaction) -> impl Iterator<Item = &ledger::Entry> {
    transaction.entries().iter().filter(|entry| entry.layer == Layer::Posted)
}

/// Reads the export once more from its beginning, on a thread of its own, and hands on its transactions in the order of their
/// numbers. The second value says at the end whether it could be read and is still what `expected` says.
pub(super) fn pages(export: File, expected: &Audited) -> (Receiver<Vec<Posted>>, JoinHandle<anyhow::Result<()>>) {
    let (sender, receiver) = channel(4);
    let link = expected.link;
    let reading = tokio::task::spawn_blocking(move || {
        let again = hand_on(export, &sender)?;
        anyhow::ensure!(again.link == link, "the file changed while it was read: start again");
        Ok(())
    });
    (receiver, reading)
}

fn hand_on(mut export: File, sender: &Sender<Vec<Posted>>) -> Result<Audited, AuditError> {
    export.seek(SeekFrom::Start(0)).map_err(|source| AuditError::Io { line: 1, source })?;
    let mut page = Vec::new();
    let audited = audit::audit(BufReader::new(export), &mut |posted, _| {
        page.push(posted.clone());
        if page.len() == PAGE {
            // Whoever asked has gone when nobody receives: the rest is read for nothing.
            let _gone = sender.blocking_send(std::mem::take(&mut page));
        }
    })?;
    let _gone = sender.blocking_send(page);
    Ok(audited)
}

#[cfg(test)]
mod tests {
    use ledger::{Currency, Entry, EntryKey, GENESIS, Money, Reference, Timestamp};

    use super::*;

    fn posted(number: u64, reverses: Option<u64>, day: i32, pending: bool) -> Posted {
        let amount = Money::new(500, Currency::PKR);
        let mut entries = vec![
            Entry::debit("assets:bank".parse().unwrap(), amount),
            Entry::credit("income:sales".parse().unwrap(), amount),
        ];
        if pending {
            entries = entries.into_iter().map(Entry::pending).collect();
        }
        let key = EntryKey::try_from("order/1/captured".to_owned()).unwrap();
        let part = Reference::try_from("order/1".to_owned()).unwrap();
        let transaction = Transaction::new(key, part.clone(), Day(day), entries).unwrap();
        Posted { number, part, recorded: Timestamp(0), reverses, previous: GENESIS, transaction }
    }

    #[test]
    fn what_took_each_other_back_on_one_day_is_left_out_and_on_two_days_is_kept() {
        let mut kept = BTreeMap::new();
        for posted in [
            posted(1, None, 3, false),
            posted(2, Some(1), 3, false),
            posted(3, None, 3, false),
            posted(4, Some(3), 9, false),
            posted(5, None, 4, true),
        ] {
            note(&mut kept, &posted);
        }
        let told: Vec<_> = kept.iter().map(|(number, kept)| (*number, kept.posted, kept.pending)).collect();
        assert_eq!(told, [(3, true, 0), (4, true, 0), (5, false, 2)]);
    }

    #[test]
    fn a_broken_export_is_refused_whole() {
        let zeros = "0".repeat(64);
        let header = "{\"journal\":{\"format\":\"daybook-journal/1\",\"tenant\":\"kohsar\",\"exported_at\":\"now\",\"from\":null,\"to\":null}}";
        let end = format!("{{\"end\":{{\"transactions\":0,\"number\":0,\"link\":\"{zeros}\"}}}}");
        let empty = Checked::read(format!("{header}\n{end}\n").as_bytes()).unwrap();
        assert_eq!((empty.audited.header.tenant.as_str(), empty.vouchers(), empty.first_day()), ("kohsar", 0, None));
        assert!(Checked::read(format!("{header}\n").as_bytes()).is_err());
    }
}
