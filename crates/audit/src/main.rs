//! `daybook-audit`: checks an exported journal, or a certificate of an erasure, without the books, the log, or a network. Exit code 0 when everything
//! holds, 1 when something was found, 2 when the files cannot be read or the command line is wrong.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what was found is printed, and this is where")]

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use audit::{AuditError, Audited, Certificate, Checkpoint, CheckpointError, PublicKey};
use clap::Parser;
use ledger::{ChainHash, Money, MoneyError};
use serde::de::DeserializeOwned;

/// Check an exported journal offline: recompute its chain from the stored bytes, its balances and its reversals. Or check the
/// signature of a certificate.
#[derive(Debug, Parser)]
#[command(name = "daybook-audit", version, about, max_term_width = 120)]
struct Cli {
    /// What `daybook export journal --format jsonl` wrote
    #[arg(required_unless_present = "certificate", conflicts_with = "certificate")]
    export: Option<PathBuf>,
    /// What `daybook ledger checkpoint` wrote
    #[arg(long, value_name = "FILE", requires = "public_key", group = "signed")]
    checkpoint: Option<PathBuf>,
    /// Instead of a journal: what `daybook privacy certificate` wrote, whose signature is checked and whose words are shown
    #[arg(long, value_name = "FILE", requires = "public_key", group = "signed")]
    certificate: Option<PathBuf>,
    /// The key that signs, as its owner told you, and not as the file says
    #[arg(long, value_name = "HEX", requires = "signed")]
    public_key: Option<PublicKey>,
}

/// Why the journal is not confirmed.
enum Failure {
    /// It was read and is wrong.
    Found(String),
    /// It could not be read.
    Unreadable(String),
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(Failure::Found(what)) => {
            println!("NOT CONFIRMED: {what}");
            ExitCode::from(1)
        }
        Err(Failure::Unreadable(why)) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> Result<String, Failure> {
    match (&cli.export, cli.certificate.as_deref().zip(cli.public_key)) {
        (_, Some((path, key))) => certified(path, &key),
        (Some(export), None) => journal(cli, export),
        (None, None) => Err(Failure::Unreadable("name what is to be checked".to_owned())),
    }
}

fn certified(path: &Path, key: &PublicKey) -> Result<String, Failure> {
    let certificate: Certificate = signed(path, "certificate")?;
    certificate.verify(key).map_err(|error| Failure::Found(error.to_string()))?;
    Ok(format!("{certificate}the signature is good; whether it still holds, only `daybook privacy verify` can tell\n"))
}

fn journal(cli: &Cli, export: &Path) -> Result<String, Failure> {
    let signed = cli.checkpoint.as_deref().zip(cli.public_key);
    let checkpoint = signed.map(|(path, key)| trusted(path, &key)).transpose()?;
    let file = File::open(export).map_err(|error| unreadable(export, &error))?;
    // A checkpoint taken before the first transaction covers the link that the first one builds on.
    let mut found = checkpoint.as_ref().filter(|signed| signed.number == 0).map(|_| ledger::GENESIS);
    let audited = audit::audit(BufReader::new(file), &mut |posted, link| {
        if checkpoint.as_ref().is_some_and(|signed| signed.number == posted.number) {
            found = Some(link);
        }
    });
    let audited = audited.map_err(|error| named(export, &error))?;
    let at_removed = checkpoint.as_ref().and_then(|signed| audited.removed_links.get(&signed.number).copied());
    found = found.or(at_removed);
    let confirmed = checkpoint.map(|signed| confirmed(&signed, &audited, found)).transpose()?.unwrap_or_default();
    report(&audited, &confirmed).map_err(|error| Failure::Found(error.to_string()))
}

fn trusted(path: &Path, key: &PublicKey) -> Result<Checkpoint, Failure> {
    let signed: Checkpoint = signed(path, "checkpoint")?;
    signed.verify(key).map_err(wrong_checkpoint)?;
    Ok(signed)
}

/// Reads a signed thing from its file.
fn signed<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T, Failure> {
    let text = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    let not_one = |_| Failure::Unreadable(format!("{}: this is no {what}", path.display()));
    serde_json::from_slice(&text).map_err(not_one)
}

fn confirmed(signed: &Checkpoint, audited: &Audited, found: Option<ChainHash>) -> Result<String, Failure> {
    signed.agrees(&audited.header.tenant, found).map_err(wrong_checkpoint)?;
    let at = ledger::Timestamp(signed.signed_at);
    Ok(format!("the checkpoint of {at} at number {} matches, and its signature is good\n", signed.number))
}

fn report(audited: &Audited, confirmed: &str) -> Result<String, MoneyError> {
    let (standing, undone) = audited.counts;
    let removed = match audited.removed {
        0 => String::new(),
        gone => format!(
            ", {gone} taken out with what undid them: totals stand for them, and only their places in the chain were checked"
        ),
    };
    let mut text = format!(
        "journal of {}, exported at {}\n{} transactions, {standing} standing, {undone} reversed{removed}\n\
         every number, link, balance and reversal holds; the last link is {}\n{confirmed}",
        audited.header.tenant, audited.header.exported_at, audited.transactions, audited.link
    );
    for (currency, total) in audited.trial.sums()? {
        text.push_str(&format!("\ntrial balance in {currency}\n"));
        for row in audited.trial.rows.iter().filter(|row| row.currency == currency) {
            let (side, minor) = if row.debit > 0 { ("debit", row.debit) } else { ("credit", row.credit) };
            text.push_str(&line(row.account.as_str(), side, Money::new(minor, currency)));
        }
        text.push_str(&line("total", "debit", Money::new(total.debits, currency)));
        text.push_str(&line("total", "credit", Money::new(total.credits, currency)));
    }
    Ok(text)
}

fn line(account: &str, side: &str, amount: Money) -> String {
    let amount = amount.to_string();
    format!("  {account:<44} {side:<6} {amount:>26}\n")
}

fn named(path: &Path, error: &AuditError) -> Failure {
    let text = format!("{}: {error}", path.display());
    if error.is_finding() { Failure::Found(text) } else { Failure::Unreadable(text) }
}

fn wrong_checkpoint(error: CheckpointError) -> Failure {
    Failure::Found(error.to_string())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Unreadable(format!("{}: {error}", path.display()))
}
