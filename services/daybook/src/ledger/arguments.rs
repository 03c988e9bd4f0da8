//! The arguments of `daybook ledger`.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use commerce::{Reason, StaffId, VoucherDigest, VoucherId};
use ledger::{Account, Currency};

use super::audit::{CheckpointKey, LedgerVerify, SignCheckpoint};
use crate::cli::OfTenant;

#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Enter a voucher from a JSON file, or from standard input with `-`
    Enter(Enter),
    /// Approve a voucher that waits for a second person
    Approve(Approve),
    /// Take back a voucher that waits
    Withdraw(Withdraw),
    /// Enter a voucher that takes back a posted one
    Reverse(Reverse),
    /// List the vouchers and where they stand
    Vouchers(OfTenant),
    /// Close the books up to and including a day
    Close(Close),
    /// Open closed days again
    Reopen(Reopen),
    /// Accounts people may enter on
    #[command(subcommand)]
    Account(AccountCommand),
    /// Set the sum above which a voucher or a write-off needs a second person
    Limit(Limit),
    /// Re-check chain, reversals, balances, sub-ledgers and postings, and name the first bad record
    Verify(LedgerVerify),
    /// Sign where a journal ends now, after checking it from its first transaction on
    Checkpoint(SignCheckpoint),
    /// The key that signs checkpoints
    #[command(subcommand)]
    CheckpointKey(CheckpointKey),
}

#[derive(Debug, Args)]
pub(crate) struct Enter {
    /// The file; `-` is standard input
    pub(crate) file: PathBuf,
    /// Say what would happen, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The voucher
    pub(crate) voucher: VoucherId,
    /// Who approves: a slug such as `owner`, never a name
    #[arg(long, value_name = "SLUG")]
    pub(crate) by: StaffId,
    /// Of what, as `daybook ledger vouchers` or `--dry-run` shows it [default: what stands now]
    #[arg(long, value_name = "HEX")]
    pub(crate) digest: Option<VoucherDigest>,
    /// Show what stands under the id, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

/// Who decides, and why.
#[derive(Debug, Args)]
pub(crate) struct Because {
    /// Who: a slug such as `finance-2`, never a name
    #[arg(long, value_name = "SLUG")]
    pub(crate) by: StaffId,
    /// Why: a slug such as `year-end`
    #[arg(long, value_name = "SLUG")]
    pub(crate) reason: Reason,
}

#[derive(Debug, Args)]
pub(crate) struct Withdraw {
    /// The voucher
    pub(crate) voucher: VoucherId,
    #[command(flatten)]
    pub(crate) because: Because,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

#[derive(Debug, Args)]
pub(crate) struct Reverse {
    /// The voucher
    pub(crate) voucher: VoucherId,
    /// The id of the reversal [default: the voucher's with `.reversed`]
    #[arg(long)]
    pub(crate) id: Option<VoucherId>,
    /// The day on which it counts [default: today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) day: Option<NaiveDate>,
    #[command(flatten)]
    pub(crate) because: Because,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

#[derive(Debug, Args)]
pub(crate) struct Close {
    /// The last closed day
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) through: NaiveDate,
    #[command(flatten)]
    pub(crate) because: Because,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

#[derive(Debug, Args)]
pub(crate) struct Reopen {
    /// The last day that stays closed [default: none does]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) through: Option<NaiveDate>,
    #[command(flatten)]
    pub(crate) because: Because,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Add an account to the chart, or change its rules
    Add(AccountAdd),
    /// List the accounts people may enter on
    List(OfTenant),
}

#[derive(Debug, Args)]
pub(crate) struct AccountAdd {
    /// Such as `assets:petty-cash`
    pub(crate) account: Account,
    /// The one currency it holds [default: any]
    #[arg(long, value_name = "ISO-4217")]
    pub(crate) currency: Option<Currency>,
    /// Refuse entries that take it below zero
    #[arg(long)]
    pub(crate) never_negative: bool,
    /// Who: a slug such as `owner`, never a name
    #[arg(long, value_name = "SLUG")]
    pub(crate) by: StaffId,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

#[derive(Debug, Args)]
pub(crate) struct Limit {
    /// Of which currency; without an amount nothing is changed
    #[arg(long, value_name = "ISO-4217")]
    pub(crate) currency: Option<Currency>,
    /// Sum of debits above which a second person is needed, such as `50000.00`
    #[arg(long, requires = "currency", conflicts_with = "none")]
    pub(crate) amount: Option<String>,
    /// Nothing of this currency needs a second person any more
    #[arg(long, requires = "currency")]
    pub(crate) none: bool,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}
