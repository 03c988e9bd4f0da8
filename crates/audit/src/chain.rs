//! The check of a journal, one stored transaction after the other.

use std::collections::BTreeMap;

use ledger::{
    Account, ChainHash, Currency, GENESIS, MoneyError, Posted, ReversalError, Reversals, Total, TrialBalance,
};

/// A journal as far as it has been read.
#[derive(Debug, Clone)]
pub struct Chain {
    number: u64,
    link: ChainHash,
    removed: u64,
    reversals: Reversals,
    totals: BTreeMap<(Account, Currency), Total>,
}

/// What is wrong with a transaction, or with a line that tells one. Checked in this order; the first that applies is the
/// answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The line is not of the export's form.
    #[error("the line cannot be read as {0}")]
    Form(&'static str),
    /// A number is missing, twice, or out of order.
    #[error("number {expected} should be here")]
    Number {
        /// The number that follows the last one.
        expected: u64,
    },
    /// The bytes are not those the chain covers.
    #[error("the stored bytes do not match their link in the chain")]
    Link,
    /// The bytes are no transaction, or one whose debits and credits differ.
    #[error("the stored bytes are not a balanced transaction")]
    Bytes,
    /// The bytes say another number or another link before them.
    #[error("the stored bytes belong to another place in the chain")]
    Place,
    /// What the line says in words is not what its bytes say.
    #[error("what it says is not what its stored bytes say")]
    Columns,
    /// A reversal that is none.
    #[error(transparent)]
    Reversal(#[from] ReversalError),
    /// A sum does not fit.
    #[error("with it, an account's total does not fit 64 bits of minor units")]
    Overflow,
    /// The last line counts or links something else than came before it.
    #[error("the last line does not say what came before it")]
    End,
    /// The file stops before its last line.
    #[error("the file ends without its last line: something is missing")]
    Missing,
    /// Something stands behind the last line.
    #[error("there is something behind the last line")]
    Behind,
}

impl Default for Chain {
    fn default() -> Chain {
        Chain { number: 0, link: GENESIS, removed: 0, reversals: Reversals::default(), totals: BTreeMap::new() }
    }
}

impl Chain {
    /// Checks the next transaction as it is stored, and answers what its bytes say.
    pub fn take(&mut self, number: u64, body: &[u8], link: ChainHash) -> Result<Posted, Problem> {
        let expected = self.number.saturating_add(1);
        if number != expected {
            return Err(Problem::Number { expected });
        }
        if self.link.then(body) != link {
            return Err(Problem::Link);
        }
        let posted = events::posted_from_bytes(body).map_err(|_| Problem::Bytes)?;
        if (posted.number, posted.previous) != (number, self.link) {
            return Err(Problem::Place);
        }
        self.reversals.take(&posted)?;
        self.add(&posted).map_err(|_| Problem::Overflow)?;
        (self.number, self.link) = (number, link);
        Ok(posted)
    }

    /// Takes what is left of a transaction that was taken out: its place. What its bytes were cannot be checked any more; that what
    /// follows goes on from its link can.
    pub fn take_removed(&mut self, number: u64, link: ChainHash) -> Result<(), Problem> {
        let expected = self.number.saturating_add(1);
        if number != expected {
            return Err(Problem::Number { expected });
        }
        (self.number, self.link, self.removed) = (number, link, self.removed.saturating_add(1));
        Ok(())
    }

    /// How many were taken out.
    pub fn removed(&self) -> u64 {
        self.removed
    }

    fn add(&mut self, posted: &Posted) -> Result<(), MoneyError> {
        for entry in posted.transaction.entries() {
            let total = self.totals.entry((entry.account.clone(), entry.amount.currency)).or_default();
            *total = total.checked_add(Total::of(entry))?;
        }
        Ok(())
    }

    /// The last number, 0 before the first, and its link.
    pub fn end(&self) -> (u64, ChainHash) {
        (self.number, self.link)
    }

    /// How many transactions stand, and how many were undone.
    pub fn counts(&self) -> (usize, usize) {
        self.reversals.counts()
    }

    /// Every account's net balance of what is posted.
    pub fn trial_balance(&self) -> Result<TrialBalance, MoneyError> {
        TrialBalance::from_totals(
            self.totals.iter().map(|((account, currency), total)| (account.clone(), *currency, *total)),
        )
    }
}
