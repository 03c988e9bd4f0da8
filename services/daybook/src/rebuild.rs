//! `daybook rebuild`: read models are folds of the log, and can be folded again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result};
use processor::{Differences, Found, Pace, ProcessError, RebuildError, Refused, Told};
use serde::Serialize;
use store::beside::SwapError;
use store::books::Projection;
use store::db::OpenDbError;

use crate::cli::Rebuild;
use crate::config::Settings;
use crate::output::{Answer, bar_of_items, mark, plural, spinner};
use crate::platform::Platform;

#[derive(Serialize)]
struct Rebuilt {
    projections: Vec<&'static str>,
    before: String,
    after: String,
    same: bool,
    /// Hashes that differ, by what they cover: before and after.
    differs: BTreeMap<String, (String, String)>,
    rebuilds: Vec<One>,
    milliseconds: u64,
}

/// How one projection was rebuilt.
#[derive(Serialize)]
struct One {
    projection: &'static str,
    in_place: bool,
    /// What was there of an earlier rebuild; null in place.
    found: Option<&'static str>,
    /// For how long nobody else could fold; null in place, where that is all the time.
    fenced_milliseconds: Option<u64>,
    /// Rows that are otherwise than those they replaced; null if that was not looked at.
    rows_differ: Option<Differences>,
    /// Transactions posted because a rule was corrected; null in place.
    posted: Option<u64>,
}

impl One {
    fn is_same(&self) -> bool {
        self.posted == Some(0) && self.rows_differ.as_ref().is_some_and(Differences::is_empty)
    }
}

/// Runs `daybook rebuild`.
pub(crate) async fn run(settings: &Settings, asked: &Rebuild) -> Result<Answer> {
    let projections = chosen(asked)?;
    let platform = Platform::open(settings).await?;
    let (log, db, config) = (&platform.log, &platform.db, platform.processor_config(settings));
    if !asked.despite_damage {
        refuse_damage(&platform, &projections).await?;
    }
    // What waits is folded first, so that the two hashes are of the same facts.
    match processor::catch_up(config.clone(), log, db).await {
        // In place it does not matter how far the rows were folded.
        Err(ProcessError::LogIsShorter { .. }) if !asked.beside => {}
        caught_up => caught_up?,
    }
    let before = processor::books_hash(db, true).await?;
    let (started, mut rebuilds) = (Instant::now(), Vec::new());
    for projection in &projections {
        rebuilds.push(rebuild(&config, &platform, *projection, asked).await?);
    }
    let milliseconds = milliseconds(started.elapsed());
    let after = processor::books_hash(db, true).await?;
    let same = before == after || rebuilds.iter().all(One::is_same);
    let differs = before.parts.iter().filter_map(|(name, was)| {
        let is = after.parts.get(name).cloned().unwrap_or_default();
        (!same && is != *was).then(|| (name.clone(), (was.clone(), is)))
    });
    let rebuilt = Rebuilt {
        projections: projections.iter().map(|projection| projection.name()).collect(),
        before: before.combined(),
        after: after.combined(),
        same,
        differs: differs.collect(),
        rebuilds,
        milliseconds,
    };
    Ok(Answer::new(&rebuilt, rebuilt.text()))
}

async fn rebuild(
    config: &processor::Config,
    platform: &Platform,
    projection: Projection,
    asked: &Rebuild,
) -> Result<One> {
    let (log, db) = (&platform.log, &platform.db);
    let name = projection.name();
    if !asked.beside {
        let bar = spinner("records folded");
        processor::rebuild(config.clone(), log, db, projection, &mut |progress| bar.inc(progress.done)).await?;
        bar.finish_and_clear();
        return Ok(One {
            projection: name,
            in_place: true,
            found: None,
            fenced_milliseconds: None,
            rows_differ: None,
            posted: None,
        });
    }
    let pace = Pace::percent(asked.pace).unwrap_or_default();
    let bar = bar_of_items(name, 0);
    let mut told = |told| match told {
        Told::ToDo(more) => bar.inc_length(more),
        Told::Done(done) => bar.inc(done),
        Told::Found(Found::HalfBuilt) => bar.println(format!("{name}: goes on with what was half built")),
        Told::Waits => bar.println(format!("{name}: others hold the tables or fold the same; the swap is tried again")),
        Told::Found(_) | Told::Swapped(_) | Told::Settled(_) => {}
    };
    let swapped = processor::rebuild_beside(config.clone(), log, db, projection, pace, &mut told).await;
    let swapped = swapped.map_err(explained)?;
    bar.finish_and_clear();
    Ok(One {
        projection: name,
        in_place: false,
        found: Some(word(swapped.found)),
        fenced_milliseconds: Some(milliseconds(swapped.fenced)),
        rows_differ: swapped.differs,
        posted: Some(swapped.posted),
    })
}

fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

fn word(found: Found) -> &'static str {
    match found {
        Found::Nothing => "nothing",
        Found::HalfBuilt => "half-built",
        Found::OtherRules => "other-rules",
        Found::Overtaken => "overtaken",
        Found::Unusable => "unusable",
    }
}

/// What to do about it.
fn explained(error: RebuildError) -> Error {
    let advice = match &error {
        RebuildError::NotWhole(_) => {
            "`daybook up` finishes what was begun; or begin it again without --beside, where nobody else folds until it is done"
        }
        RebuildError::Open(OpenDbError::TakenByAnother) => {
            "another `daybook rebuild --beside` of it is at work: wait for its end"
        }
        RebuildError::Open(_) => {
            "on PostgreSQL the role needs the right to create schemas; without --beside it does without a second set of tables, but \
             nobody else folds until it is done"
        }
        RebuildError::Swap(SwapError::Guarded(_)) => {
            "nothing was replaced: without --beside the tables stay the same ones, and nobody else folds until it is done"
        }
        RebuildError::Swap(SwapError::Migrated) => "nothing was replaced: rebuild with the newer program",
        RebuildError::Swap(SwapError::StoodOn(_)) => {
            "nothing was replaced, and what was built is kept: drop them, rebuild again, and make them anew over the new tables"
        }
        RebuildError::Swap(SwapError::Db(_)) => {
            "nothing was replaced, and what was built is kept: somebody reads the tables for long; try again later"
        }
        RebuildError::Process(_) => {
            "rebuild again: it goes on with what was built. If the new rows stand already, `daybook verify` names what is not posted yet"
        }
    };
    Error::from(error).context(advice)
}

/// Scans the log once for all projections, before anything is dropped.
async fn refuse_damage(platform: &Platform, projections: &[Projection]) -> Result<()> {
    let bar = spinner("records checked");
    let checked = processor::refuse_damage(&platform.log, projections, &mut |more| bar.inc(more)).await;
    bar.finish_and_clear();
    checked.map_err(|refused| match refused {
        Refused::Process(error) => error.into(),
        damage => Error::from(damage).context(
            "nothing was rebuilt, because the log is damaged: restore it from a backup, \
             or do without those records with --despite-damage",
        ),
    })
}

fn chosen(asked: &Rebuild) -> Result<Vec<Projection>> {
    let Some(name) = &asked.projection else { return Ok(Projection::ALL.to_vec()) };
    let known = Projection::ALL.into_iter().find(|projection| projection.name() == name);
    known.map(|projection| vec![projection]).with_context(|| {
        let names: Vec<&str> = Projection::ALL.iter().map(|projection| projection.name()).collect();
        format!("there is no projection `{name}`: choose one of {}, or --all", names.join(", "))
    })
}

impl Rebuilt {
    fn text(&self) -> String {
        let mut text = format!(
            "rebuilt {} in {}.{:03} s\n  before  {}\n  after   {}\n{} ",
            self.projections.join(", "),
            self.milliseconds / 1_000,
            self.milliseconds % 1_000,
            self.before,
            self.after,
            mark(self.same)
        );
        if self.same {
            text.push_str("the same books and read models\n");
        } else {
            let names: Vec<&str> = self.differs.keys().map(String::as_str).collect();
            text.push_str(&format!(
                "differs in {}: a rule was corrected, or facts arrived meanwhile\n",
                names.join(", ")
            ));
        }
        self.rebuilds.iter().for_each(|one| text.push_str(&one.text()));
        text
    }
}

impl One {
    fn text(&self) -> String {
        let Some(fenced) = self.fenced_milliseconds else { return String::new() };
        let mut text = format!("  {:10}  nobody else could fold for {fenced} ms", self.projection);
        match self.found {
            Some("nothing") | None => {}
            Some("half-built") => text.push_str("; went on with what was half built"),
            Some(found) => text.push_str(&format!("; what was half built was begun anew ({found})")),
        }
        for (what, rows) in self.rows_differ.iter().flatten() {
            text.push_str(&format!("; {what}: {} otherwise", plural(*rows, "row", "rows")));
        }
        match self.posted {
            Some(posted) if posted > 0 => {
                text.push_str(&format!("; {} posted by the new rules", plural(posted, "transaction", "transactions")));
            }
            _ => {}
        }
        text + "\n"
    }
}
