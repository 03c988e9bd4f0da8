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
pub(crate) use counter::{Counter, refusal};
pub(crate) use declined::{Declined, Entered, earlier};

use crate::config::Settings;
use crate::output::Answer;

/// Runs the command.
pub(crate) async fn run(settings: &Settings, command: &Ledger) -> Result<Answer> {
    match command {
        Ledger::Enter(asked) => enter::enter(settings, asked).await,
        Ledger::Approve(asked) => enter::approve(settings, asked).await,
        Ledger::Withdraw(asked) => enter::withdraw(settings, asked).await,
        Ledger::Reverse(asked) => enter::reverse(settings, asked).await,
        Ledger::Vouchers(of) => list::run(settings, of).await,
        Ledger::Close(asked) => period::close(settings, asked).await,
        Ledger::Reopen(asked) => period::reopen(settings, asked).await,
        Ledger::Account(command) => account::run(settings, command).await,
        Ledger::Limit(asked) => account::limit(settings, asked).await,
        Ledger::Verify(asked) => audit::re_check(settings, asked).await,
        Ledger::Checkpoint(asked) => audit::checkpoint(settings, asked).await,
        Ledger::CheckpointKey(asked) => audit::new_key(asked),
    }
}
