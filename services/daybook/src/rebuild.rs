//! `daybook rebuild`: read models are folds of the log, and can be folded again.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Error, Result};
use processor::Refused;
use serde::Serialize;
use store::books::Projection;

use crate::cli::Rebuild;
use crate::config::Settings;
use crate::output::{Answer, mark, spinner};
use crate::platform::Platform;

#[derive(Serialize)]
struct Rebuilt {
    projections: Vec<&'static str>,
    before: String,
    after: String,
    same: bool,
    /// Hashes that differ, by what they cover: before and after.
    differs: BTreeMap<String, (String, String)>,
    milliseconds: u64,
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
    processor::catch_up(config.clone(), log, db).await?;
    let before = processor::books_hash(db, true).await?;
    let (started, bar) = (Instant::now(), spinner("records folded"));
    for projection in &projections {
        processor::rebuild(config.clone(), log, db, *projection, &mut |progress| bar.inc(progress.done)).await?;
    }
    bar.finish_and_clear();
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let after = processor::books_hash(db, true).await?;
    let differs = before.parts.iter().filter_map(|(name, was)| {
        let is = after.parts.get(name).cloned().unwrap_or_default();
        (is != *was).then(|| (name.clone(), (was.clone(), is)))
    });
    let rebuilt = Rebuilt {
        projections: projections.iter().map(|projection| projection.name()).collect(),
        before: before.combined(),
        after: after.combined(),
        same: before == after,
        differs: differs.collect(),
        milliseconds,
    };
    Ok(Answer::new(&rebuilt, rebuilt.text()))
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
        text
    }
}
