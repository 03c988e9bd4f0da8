//! `daybook quarantine`: authentic input that was not understood, listed without its content and read again after a fix.

mod outline;
mod show;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args, Subcommand};
use events::Reason;
use ingest::{Ingest, RedriveError, Redriven};
use serde::Serialize;
use store::books::{self, QuarantineRow, TenantRow};
use store::keys::Purpose;
use tokio_util::sync::CancellationToken;

use crate::cli::{OfTenant, purpose};
use crate::config::Settings;
use crate::output::{Align, Answer, Table, bar_of_items, plural};
use crate::platform::{Platform, now};
use crate::tenant;

#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// What waits, oldest first
    List(QuarantineList),
    /// One entry: of its content the places and what kind of value stands there, never a value
    Show(QuarantineShow),
    /// Read again, after a fix, oldest first
    Redrive(QuarantineRedrive),
}

#[derive(Debug, Args)]
pub(crate) struct QuarantineList {
    /// Only what waits for this reason
    #[arg(long, value_parser = PossibleValuesParser::new(Reason::NAMES))]
    reason: Option<String>,
    #[command(flatten)]
    of: OfTenant,
}

#[derive(Debug, Args)]
pub(crate) struct QuarantineShow {
    /// Its id, as `list` prints it
    id: uuid::Uuid,
    #[command(flatten)]
    of: OfTenant,
    /// Why: a word or a ticket, such as `support` or `ticket-812`; goes on record
    #[arg(long, value_name = "WORD", value_parser = purpose)]
    purpose: Option<Purpose>,
    /// Who: a slug such as `support-2`, never a name; goes on record [default: the operator]
    #[arg(long, value_name = "SLUG")]
    by: Option<commerce::StaffId>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").args(["id", "all", "reason"]).required(true))]
pub(crate) struct QuarantineRedrive {
    /// Its id, as `list` prints it
    id: Option<uuid::Uuid>,
    /// Everything that waits
    #[arg(long)]
    all: bool,
    /// Everything that waits for this reason
    #[arg(long, value_parser = PossibleValuesParser::new(Reason::NAMES))]
    reason: Option<String>,
    #[command(flatten)]
    of: OfTenant,
}

/// An entry without its content.
#[derive(Debug, Serialize)]
struct Entry {
    id: String,
    origin: String,
    topic: String,
    reason: String,
    path: String,
    problem: String,
    received_at: String,
    sealed_bytes: usize,
}

/// What became of what was read again.
#[derive(Debug, Default, Serialize)]
struct Outcome {
    redriven: u64,
    facts: u64,
    still_not_understood: Vec<Still>,
    /// Not opened: their person's data is restricted, or the box is damaged.
    not_opened: Vec<Still>,
    erased: u64,
}

#[derive(Debug, Serialize)]
struct Still {
    id: String,
    problem: String,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, command: &Quarantine) -> Result<Answer> {
    match command {
        Quarantine::List(asked) => {
            let (db, row) = tenant::books_of(settings, &asked.of).await?;
            let mut waiting = books::quarantined(&db, &row.tenant).await?;
            keep(&mut waiting, asked.reason.as_deref());
            Ok(list(&row, &waiting))
        }
        Quarantine::Show(asked) => show::run(settings, asked).await,
        Quarantine::Redrive(asked) => redrive(settings, asked).await,
    }
}

/// Those that wait for this reason, if one is meant.
fn keep(waiting: &mut Vec<QuarantineRow>, reason: Option<&str>) {
    if let Some(reason) = reason {
        waiting.retain(|one| one.reason == reason);
    }
}

fn list(row: &TenantRow, rows: &[QuarantineRow]) -> Answer {
    let mut table = Table::new([
        (Align::Left, "id"),
        (Align::Left, "received"),
        (Align::Left, "from"),
        (Align::Left, "topic"),
        (Align::Left, "reason"),
        (Align::Left, "where and what"),
    ]);
    let (entries, mut reasons): (Vec<Entry>, BTreeMap<&str, u64>) = (rows.iter().map(entry).collect(), BTreeMap::new());
    for one in &entries {
        let (id, at, from) = (one.id.clone(), one.received_at.clone(), one.origin.clone());
        table.row([id, at, from, one.topic.clone(), one.reason.clone(), place(one)]);
        let count = reasons.entry(one.reason.as_str()).or_default();
        *count = count.saturating_add(1);
    }
    let text = match entries.len() {
        0 => "nothing is in quarantine\n".to_owned(),
        waiting => {
            let by_reason: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
            format!("{table}{}: {}\n", plural(waiting as u64, "input waits", "inputs wait"), by_reason.join(", "))
        }
    };
    let json = serde_json::json!({ "tenant": row.tenant.as_str(), "reasons": reasons, "quarantined": entries });
    Answer::new(&json, text)
}

fn entry(row: &QuarantineRow) -> Entry {
    Entry {
        id: row.event.to_string(),
        origin: row.origin.clone(),
        topic: row.topic.clone(),
        reason: row.reason.clone(),
        path: row.path.clone(),
        problem: row.problem.clone(),
        received_at: row.received_at.to_string(),
        sealed_bytes: row.sealed.len(),
    }
}

fn place(entry: &Entry) -> String {
    if entry.path.is_empty() { entry.problem.clone() } else { format!("{}: {}", entry.path, entry.problem) }
}

/// Reads again what waits, oldest first. In which order that is, and what else came meanwhile, makes no difference to the books:
/// facts merge.
async fn redrive(settings: &Settings, asked: &QuarantineRedrive) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    // What comes of it is to be folded: said before anything is read.
    processor::refuse_paused(&platform.db).await?;
    let mut waiting = books::quarantined(&platform.db, &row.tenant).await?;
    keep(&mut waiting, asked.reason.as_deref());
    if let Some(id) = asked.id {
        waiting.retain(|one| one.event == id);
        waiting.first().context("there is no such entry: `daybook quarantine list` shows their ids")?;
    }
    let shutdown = CancellationToken::new();
    let (keys, log, db) = (platform.keys.clone(), platform.log.clone(), platform.db.clone());
    let ingest = Ingest::start(ingest::Config::default(), keys, log, db, shutdown.clone());
    let bar = bar_of_items("read again", waiting.len() as u64);
    let mut outcome = Outcome::default();
    for one in &waiting {
        redrive_one(&ingest, one, &mut outcome).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    shutdown.cancel();
    ingest.drained().await;
    // What was read needs its own key no more, which is on record: `daybook up` would go on with it, and so does this.
    privacy::resume(&platform.keys, &platform.log, &platform.db, now()).await?;
    // The list is a fold of the log, which says by now what has left it.
    processor::catch_up(platform.processor_config(settings), &platform.log, &platform.db).await?;
    Ok(Answer::new(&outcome, outcome.text()))
}

async fn redrive_one(ingest: &Ingest, row: &QuarantineRow, outcome: &mut Outcome) -> Result<()> {
    let redriven = match ingest.redrive(row).await {
        // One that may not be opened, or does not open, keeps nobody else's waiting.
        Err(shut @ (RedriveError::Restricted | RedriveError::Box(_))) => {
            outcome.not_opened.push(Still { id: row.event.to_string(), problem: shut.to_string() });
            return Ok(());
        }
        redriven => redriven?,
    };
    match redriven {
        Redriven::Accepted(accepted) => {
            outcome.redriven += 1;
            outcome.facts += accepted.facts as u64;
        }
        Redriven::Erased => outcome.erased += 1,
        Redriven::StillNotUnderstood(problem) => {
            outcome.still_not_understood.push(Still { id: row.event.to_string(), problem: problem.to_string() });
        }
    }
    Ok(())
}

impl Outcome {
    fn text(&self) -> String {
        let mut text = format!(
            "{} read again, {}; {} erased; {}\n",
            plural(self.redriven, "input", "inputs"),
            plural(self.facts, "fact", "facts"),
            self.erased,
            plural(self.still_not_understood.len() as u64, "is still not understood", "are still not understood"),
        );
        for still in self.still_not_understood.iter().chain(&self.not_opened) {
            text.push_str(&format!("  {}  {}\n", still.id, still.problem));
        }
        text
    }
}
