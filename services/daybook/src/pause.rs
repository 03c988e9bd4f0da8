//! `daybook pause` and `daybook resume`: read models that no process folds for a while. The database says so, so it holds for every
//! process, those that start later too.

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use store::books::{self, Projection};
use store::db::Db;

use crate::config::Settings;
use crate::output::Answer;
use crate::platform::{Platform, now, open_books, open_log};

#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// `books`, `people`, `stock` or `quarantine`
    #[arg(required_unless_present = "all", conflicts_with = "all", value_parser = projection)]
    projection: Option<Projection>,
    /// All of them
    #[arg(long)]
    all: bool,
}

/// What is paused, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Paused {
    projection: &'static str,
    since: String,
}

/// Everything that is paused.
pub(crate) async fn paused(db: &Db) -> Result<Vec<Paused>, store::db::DbError> {
    let all = books::paused(db).await?;
    let one = |(projection, since): (Projection, ledger::Timestamp)| Paused {
        projection: projection.name(),
        since: since.to_string(),
    };
    Ok(all.into_iter().map(one).collect())
}

/// The same in words, separated by commas.
pub(crate) fn in_words(paused: &[Paused]) -> String {
    let words: Vec<String> = paused.iter().map(|one| format!("{} since {}", one.projection, one.since)).collect();
    words.join(", ")
}

/// Runs `daybook pause`.
pub(crate) async fn pause(settings: &Settings, asked: &Pause) -> Result<Answer> {
    let (db, mut changed) = (books_that_exist(settings).await?, Vec::new());
    for projection in asked.projections() {
        if books::pause(&db, projection, now()).await? {
            tracing::info!(projection = projection.name(), "paused");
            changed.push(projection.name());
        }
    }
    let next = "each process stops within a second or two, at the end of the batch it is writing; what comes waits on the log \
                until `daybook resume`. Commands that have to fold are refused until then\n";
    answer(&db, &changed, next).await
}

/// Runs `daybook resume`.
pub(crate) async fn resume(settings: &Settings, asked: &Pause) -> Result<Answer> {
    let (db, mut changed) = (books_that_exist(settings).await?, Vec::new());
    let log = open_log(settings).await?;
    for projection in asked.projections() {
        // What came meanwhile is to be folded before anything is decided by it.
        if books::resume(&db, projection, &processor::ends(&log, projection).await?).await? {
            tracing::info!(projection = projection.name(), "resumed");
            changed.push(projection.name());
        }
    }
    answer(&db, &changed, "").await
}

async fn books_that_exist(settings: &Settings) -> Result<Db> {
    Platform::require(settings)?;
    open_books(settings).await
}

async fn answer(db: &Db, changed: &[&str], next: &str) -> Result<Answer> {
    let paused = paused(db).await?;
    let text = match paused.as_slice() {
        [] => "nothing is paused\n".to_owned(),
        paused => format!("paused: {}\n{next}", in_words(paused)),
    };
    Ok(Answer::new(&serde_json::json!({ "paused": paused, "changed": changed }), text))
}

impl Pause {
    fn projections(&self) -> Vec<Projection> {
        self.projection.map_or_else(|| Projection::ALL.to_vec(), |one| vec![one])
    }
}

fn projection(text: &str) -> Result<Projection, String> {
    let names: Vec<&str> = Projection::ALL.iter().map(|projection| projection.name()).collect();
    let known = Projection::ALL.into_iter().find(|projection| projection.name() == text);
    known.ok_or_else(|| format!("choose one of {}, or --all", names.join(", ")))
}
