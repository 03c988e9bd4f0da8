//! The check of an exported journal, line by line, from its bytes alone.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use ledger::{ChainHash, Posted, TrialBalance};

use crate::record::link;
use crate::{Chain, End, FORMAT, FORMAT_WITH_REMOVED, Header, Line, Problem, Record};

/// More than a line ever holds. A longer one is something else, and is not read to its end.
const LONGEST_LINE: u64 = 64 << 20;

/// A journal in which nothing was found.
#[derive(Debug, Clone)]
pub struct Audited {
    /// Its first line.
    pub header: Header,
    /// How many transactions it has; the last one's number.
    pub transactions: u64,
    /// The link over the last one.
    pub link: ChainHash,
    /// How many of them were taken out, because totals stand for them: only their places in the chain are left.
    pub removed: u64,
    /// The links over those, by number.
    pub removed_links: BTreeMap<u64, ChainHash>,
    /// How many of the others stand, and how many were undone.
    pub counts: (usize, usize),
    /// Every account's net balance.
    pub trial: TrialBalance,
}

/// Why a journal cannot be trusted, or not be read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be read.
    #[error("line {line}: {source}")]
    Io {
        /// The line, from 1.
        line: u64,
        /// The operating system's answer.
        source: io::Error,
    },
    /// The file is something else, or of a format that this program does not know.
    #[error("line 1: this is no exported journal of the format {FORMAT}")]
    NotAJournal,
    /// Only some days were exported, and a chain cannot be recomputed from parts of it.
    #[error("line 1: this is an extract of some days; export the journal without --from and --to")]
    Extract,
    /// The first line that is not what it should be.
    #[error("line {line}{}: {problem}", number.map(|number| format!(", number {number}")).unwrap_or_default())]
    Bad {
        /// The line, from 1.
        line: u64,
        /// The transaction's number, as far as the line can be read.
        number: Option<u64>,
        /// What is wrong.
        problem: Problem,
    },
}

impl AuditError {
    /// True when the journal was read and found wrong; false when it could not be read at all.
    pub fn is_finding(&self) -> bool {
        matches!(self, AuditError::Bad { .. })
    }
}

/// Reads an export and checks everything that can be checked without the books. `each` gets every transaction, with its
/// link, before what follows it has been checked. Keeps one line and some forty bytes for each transaction.
pub fn audit(export: impl BufRead, each: &mut dyn FnMut(&Posted, ChainHash)) -> Result<Audited, AuditError> {
    let mut lines = Lines { export, line: 0 };
    let header = match lines.next()? {
        Some(Record::Journal(header)) if [FORMAT, FORMAT_WITH_REMOVED].contains(&header.format.as_str()) => header,
        _ => return Err(AuditError::NotAJournal),
    };
    if header.from.is_some() || header.to.is_some() {
        return Err(AuditError::Extract);
    }
    let (mut chain, mut left) = (Chain::default(), BTreeMap::new());
    loop {
        match lines.next()? {
            None => return Err(lines.bad(None, Problem::Missing)),
            Some(Record::Journal(_)) => return Err(lines.bad(None, Problem::Form("a transaction"))),
            Some(Record::Transaction(line)) => {
                let (posted, link) = checked(&mut chain, &line).map_err(|wrong| lines.bad(Some(line.number), wrong))?;
                each(&posted, link);
            }
            Some(Record::Removed(gone)) if header.format == FORMAT_WITH_REMOVED => {
                let wrong = |problem| lines.bad(Some(gone.number), problem);
                let link = link(&gone.link).ok_or(Problem::Form("a link")).map_err(wrong)?;
                chain.take_removed(gone.number, link).map_err(wrong)?;
                left.insert(gone.number, link);
            }
            Some(Record::Removed(_)) => return Err(lines.bad(None, Problem::Form("a transaction"))),
            Some(Record::End(end)) => return ended(lines, header, &chain, &end, left),
        }
    }
}

fn checked(chain: &mut Chain, line: &Line) -> Result<(Posted, ChainHash), Problem> {
    let link = link(&line.link).ok_or(Problem::Form("a link"))?;
    let body = hex::decode(&line.body).map_err(|_| Problem::Form("stored bytes"))?;
    let posted = chain.take(line.number, &body, link)?;
    if Line::of(&posted, &body, link) == *line { Ok((posted, link)) } else { Err(Problem::Columns) }
}

fn ended(
    mut lines: Lines<impl BufRead>,
    header: Header,
    chain: &Chain,
    end: &End,
    removed_links: BTreeMap<u64, ChainHash>,
) -> Result<Audited, AuditError> {
    let (number, link) = chain.end();
    if *end != (End { transactions: number, number, link: link.to_string() }) {
        return Err(lines.bad(None, Problem::End));
    }
    let trial = chain.trial_balance().map_err(|_| lines.bad(None, Problem::Overflow))?;
    let behind = lines.next();
    match behind {
        Ok(None) => {
            let (removed, counts) = (chain.removed(), chain.counts());
            Ok(Audited { header, transactions: number, link, removed, removed_links, counts, trial })
        }
        Err(error @ AuditError::Io { .. }) => Err(error),
        _ => Err(lines.bad(None, Problem::Behind)),
    }
}

/// The records, with the number of the line that was read last.
struct Lines<R> {
    export: R,
    line: u64,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<Record>, AuditError> {
        self.line += 1;
        let mut bytes = Vec::new();
        let read = self.export.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes);
        read.map_err(|source| AuditError::Io { line: self.line, source })?;
        if bytes.is_empty() {
            return Ok(None);
        }
        serde_json::from_slice(&bytes).map(Some).map_err(|_| match self.line {
            1 => AuditError::NotAJournal,
            _ => self.bad(None, Problem::Form("a record")),
        })
    }

    fn bad(&self, number: Option<u64>, problem: Problem) -> AuditError {
        AuditError::Bad { line: self.line, number, problem }
    }
}

#[cfg(test)]
mod tests;
