//! `daybook ledger verify`, `checkpoint` and `checkpoint-key`: re-check the books from what is stored, and sign checkpoints that
//! an auditor keeps.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use audit::{Chain, Checkpoint, load_signer, new_key_file};
use clap::{Args, Subcommand};
use commerce::TenantId;
use processor::{Finding, Report};
use serde::Serialize;
use store::books::{self, ChainAudit, Chained, Head};
use store::db::Db;

use crate::cli::OfTenant;
use crate::config::Settings;
use crate::export::write_whole;
use crate::output::{Answer, bar_of_items};
use crate::platform::{Platform, now};
use crate::{tenant, verify};

#[derive(Debug, Args)]
pub(crate) struct LedgerVerify {
    /// Which merchant [default: all of them]
    #[arg(long)]
    tenant: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SignCheckpoint {
    #[command(flatten)]
    of: OfTenant,
    /// The file with the key, from `daybook ledger checkpoint-key new`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where to [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CheckpointKey {
    /// Draw a key, write it to a new file, and show its public half
    New {
        /// A file that is not there yet
        file: PathBuf,
    },
}

/// Runs `daybook ledger verify`.
pub(super) async fn re_check(settings: &Settings, asked: &LedgerVerify) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let only = match &asked.tenant {
        Some(name) => Some(books_tenant(&platform.db, name).await?),
        None => None,
    };
    let bar = bar_of_items("rows checked", books::rows_to_audit(&platform.db, only.as_ref()).await?);
    let report = processor::verify_books(&platform.log, &platform.db, only.as_ref(), &mut |more| bar.inc(more)).await?;
    bar.finish_and_clear();
    Ok(answer(&report))
}

/// A tenant by name, or which there are.
async fn books_tenant(db: &Db, name: &str) -> Result<TenantId> {
    Ok(tenant::chosen(db, &OfTenant { tenant: Some(name.to_owned()) }).await?.tenant)
}

#[derive(Serialize)]
struct Bad<'a> {
    place: &'a str,
    problem: &'a str,
}

/// The report of `daybook verify`, led by the first bad record.
fn answer(report: &Report) -> Answer {
    let mut answer = verify::answer(report);
    let first: Option<&Finding> = report.invariants.iter().find_map(|invariant| invariant.findings.first());
    let bad = first.map(|finding| Bad { place: &finding.place, problem: &finding.problem });
    if let Some(bad) = &bad {
        answer.text = format!("first bad record: {}: {}\n{}", bad.place, bad.problem, answer.text);
    }
    if let Some(object) = answer.json.as_object_mut() {
        object.insert("first_bad".to_owned(), serde_json::to_value(&bad).unwrap_or_default());
    }
    answer
}

/// Runs `daybook ledger checkpoint`.
pub(super) async fn checkpoint(settings: &Settings, asked: &SignCheckpoint) -> Result<Answer> {
    let signer = load_signer(&asked.key)?;
    let (db, row) = tenant::books_of(settings, &asked.of).await?;
    let head = checked_head(&db, &row.tenant).await?;
    let signed = signer.sign(row.tenant.as_str(), head.number, head.link, now());
    written(&signed, asked.out.as_deref())
}

fn written(signed: &Checkpoint, out: Option<&Path>) -> Result<Answer> {
    let text = serde_json::to_string(signed)? + "\n";
    let Some(path) = out else { return Ok(Answer::new(signed, text)) };
    write_whole(path, text.as_bytes()).with_context(|| format!("the file {}", path.display()))?;
    let said = format!("number {} of {} signed in {}\n", signed.number, signed.tenant, path.display());
    Ok(Answer::new(signed, said))
}

/// The end of a tenant's journal, once all of it has been checked: nobody should sign what does not hold.
async fn checked_head(db: &Db, tenant: &TenantId) -> Result<Head> {
    let head = books::all_heads(db).await?.get(tenant).copied().unwrap_or(Head::GENESIS);
    let (mut chain, mut scan) = (Chain::default(), ChainAudit::new(db, Some(tenant)));
    let bar = bar_of_items("transactions", head.number);
    while chain.end().0 < head.number {
        let page = scan.next().await?;
        if page.is_empty() {
            break;
        }
        bar.inc(page.len() as u64);
        for row in page {
            let row = row.map_err(|damaged| anyhow!("nothing was signed: {}: {}", damaged.place, damaged.problem))?;
            if chain.end().0 == head.number {
                break;
            }
            let (number, taken) = match &row {
                Chained::Stored(row) => (row.number, chain.take(row.number, &row.body, row.link).map(drop)),
                Chained::Removed(row) => (row.number, chain.take_removed(row.number, row.link)),
            };
            taken.map_err(|problem| anyhow!("nothing was signed: journal of {tenant}, number {number}: {problem}"))?;
        }
    }
    bar.finish_and_clear();
    if chain.end() != (head.number, head.link) {
        bail!("nothing was signed: the journal of {tenant} does not end where its head says");
    }
    Ok(head)
}

/// Runs `daybook ledger checkpoint-key new`.
pub(super) fn new_key(asked: &CheckpointKey) -> Result<Answer> {
    let CheckpointKey::New { file } = asked;
    let key = new_key_file(file, &rand::random())?.public_key().to_string();
    let shown = serde_json::json!({ "file": file.display().to_string(), "public_key": key });
    let text = format!("the key is in {}; give auditors its public half: {key}\n", file.display());
    Ok(Answer::new(&shown, text))
}
