//! `daybook ledger`: what people enter into the books themselves. Each command reads how the books stand, admits or refuses, and
//! only then puts a fact on the log; it answers when the fact is folded. Beside them, what an auditor asks of the ledger.

mod account;
mod arguments;
mod audit;
mod body;
mod counter;
mod declined;
mod enter;
mod list;
mod period;
mod standing;

use anyhow::Result;

pub(crate) use arguments::Ledger;
pub(crate) use counter::{Counter, at_counter, refusal};
pub(crate) use declined::{Declined, Entered, earlier};

use crate::config::Settings;
use crate::output::Answer;

/// Runs the command.
pub(crate) async fn run(settings: &Settings, command: &Ledger) -> Result<Answer> {
    match command {
        Ledger::Enter(asked) => enter::enter(settings, asked).await,
        Ledger::Approve(asked) => {
            at_counter(settings, &asked.of, asked.dry_run, async |counter| enter::approve(counter, asked).await).await
        }
        Ledger::Withdraw(asked) => {
            at_counter(settings, &asked.of, false, async |counter| enter::withdraw(counter, asked).await).await
        }
        Ledger::Reverse(asked) => {
            at_counter(settings, &asked.of, false, async |counter| enter::reverse(counter, asked).await).await
        }
        Ledger::Vouchers(of) => list::run(settings, of).await,
        Ledger::Close(asked) => {
            at_counter(settings, &asked.of, false, async |counter| period::close(counter, asked).await).await
        }
        Ledger::Reopen(asked) => {
            at_counter(settings, &asked.of, false, async |counter| period::reopen(counter, asked).await).await
        }
        Ledger::Account(command) => account::run(settings, command).await,
        Ledger::Limit(asked) => account::limit(settings, asked).await,
        Ledger::Verify(asked) => audit::re_check(settings, asked).await,
        Ledger::Checkpoint(asked) => audit::checkpoint(settings, asked).await,
        Ledger::CheckpointKey(asked) => audit::new_key(asked),
    }
}
