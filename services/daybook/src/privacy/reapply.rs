//! `daybook privacy reapply`: the erasures that a restored key store has forgotten are applied again, and announced again in
//! case the log was restored with it. Until then whatever needs that key store refuses it.

use std::time::Instant;

use anyhow::{Context, Result};
use processor::{Finding, Invariant};
use serde_json::json;
use store::keys::Reapplied;

use crate::config::Settings;
use crate::output::{Answer, plural, tick};
use crate::platform::{Platform, now, open_keys_for_repair, open_log};

/// Runs the command.
pub(super) async fn run(settings: &Settings) -> Result<Answer> {
    Platform::require(settings)?;
    let begun = Instant::now();
    let keys = open_keys_for_repair(settings).await?;
    let done = keys.reapply_erasures(now()).await.context("not all erasures are applied: run the command again")?;
    tracing::info!(erasures = done.erasures, keys = done.keys, "applied erasures again");
    let announced = async { anyhow::Ok(privacy::resume(&keys, &open_log(settings).await?, now()).await?) };
    let announced = announced.await.context(
        "the erasures are applied, but not all of them announced: `daybook up` or `daybook privacy` goes on with that",
    )?;
    let milliseconds = begun.elapsed().as_millis();
    let json = json!({
        "applied": done.erasures, "destroyed_keys": done.keys, "begun": done.begun.map(|epoch| epoch.0),
        "announced": announced, "milliseconds": u64::try_from(milliseconds).unwrap_or(u64::MAX),
    });
    Ok(Answer::new(&json, text(&done, announced as u64, milliseconds)))
}

fn text(done: &Reapplied, announced: u64, milliseconds: u128) -> String {
    let announced = plural(announced, "erasure announced", "erasures announced");
    let Some(epoch) = done.begun else {
        return format!("{} this key store has forgotten no erasure; {announced}\n", tick());
    };
    format!(
        "{} {} applied again, {} destroyed, {announced}, in {milliseconds} ms\n  epoch {} has begun: what lives moves to new \
         pages with the next look of the privacy role, or `daybook keys rewrap`\n",
        tick(),
        plural(done.erasures, "erasure", "erasures"),
        plural(done.keys, "key", "keys"),
        epoch.0,
    )
}

/// What `daybook verify` says of erasures: no restored key store has undone one.
pub(crate) async fn invariant(platform: &Platform) -> Result<Invariant> {
    let forgotten = platform.keys.forgotten_erasures().await?.len() as u64;
    let figures = plural(forgotten, "erasure forgotten", "erasures forgotten");
    let problem = || format!("{figures}: it was restored from before them; run `daybook privacy reapply`");
    let finding = |_| Finding { place: "key store".to_owned(), problem: problem() };
    let findings = (forgotten > 0).then_some(()).map(finding).into_iter().collect();
    Ok(Invariant { name: "erased people stay erased", figures, findings })
}
