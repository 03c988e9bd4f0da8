//! `daybook privacy reapply`: the erasures that a restored key store has forgotten are applied again, and announced again in
//! case the log was restored with it; and what people and merchants decided is entered again. Until then whatever needs that key store
//! refuses it.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::{Context, Result};
use commerce::{SubjectId, TenantId};
use processor::{Finding, Invariant};
use serde_json::json;
use store::books;
use store::db::Db;
use store::keys::{ErasureReason, KeyStore, Reapplied, Tombstone};

use crate::config::Settings;
use crate::output::{Answer, plural, tick};
use crate::platform::{Platform, now, open_books, open_keys_for_repair, open_log};

/// What no list outside the key store tells of.
const LOST: &str = "  the key store was restored: what was entered after its backup is lost, save what the keyring lists: restrictions, \
                    objections, consents, closures of accounts, `permit` and holds. Set again what there was of time limits, \
                    `book-holds`, wordings of consents and requests of people. What is past its time is destroyed in an hour at the \
                    earliest\n";

/// Runs the command.
pub(super) async fn run(settings: &Settings) -> Result<Answer> {
    Platform::require(settings)?;
    let begun = Instant::now();
    let keys = open_keys_for_repair(settings).await?;
    let db = open_books(settings).await?;
    let untold = forgotten_of_log(&keys, &db).await?;
    keys.list_again(untold).await.context("the list of erasures in the keyring cannot be written")?;
    let done = keys.reapply_erasures(now()).await.context("not all erasures are applied: run the command again")?;
    if books::are_whole(&db).await? {
        keys.has_its_list_again().await?;
    }
    let Reapplied { erasures, keys: destroyed, decisions, .. } = done;
    tracing::info!(erasures, keys = destroyed, decisions, "applied again what was forgotten");
    let announced = async { anyhow::Ok(privacy::resume(&keys, &open_log(settings).await?, &db, now()).await?) };
    let announced = announced.await.context(
        "what was forgotten is applied again, but not every erasure that waits is carried out and announced: `daybook up` or \
         `daybook privacy` goes on with that, or this command again",
    )?;
    let milliseconds = begun.elapsed().as_millis();
    let json = json!({
        "applied": done.erasures, "destroyed_keys": done.keys, "begun": done.begun.map(|epoch| epoch.0), "decisions": done.decisions,
        "restored": done.restored, "announced": announced, "milliseconds": u64::try_from(milliseconds).unwrap_or(u64::MAX),
    });
    Ok(Answer::new(&json, text(&done, announced as u64, milliseconds)))
}

fn text(done: &Reapplied, announced: u64, milliseconds: u128) -> String {
    let announced = plural(announced, "erasure announced", "erasures announced");
    let lost = if done.restored { LOST } else { "" };
    let decided = match done.decisions {
        0 => String::new(),
        number => format!("  {} entered again\n", plural(number, "decision", "decisions")),
    };
    let Some(epoch) = done.begun else {
        return format!(
            "{} this key store has forgotten no erasure that the keyring or the log tells of; {announced}\n{decided}{lost}",
            tick()
        );
    };
    format!(
        "{} {} applied again, {} destroyed, {announced}, in {milliseconds} ms\n  epoch {} has begun: what lives moves to new \
         pages with the next look of the privacy role, or `daybook keys rewrap`\n{decided}{lost}",
        tick(),
        plural(done.erasures, "erasure", "erasures"),
        plural(done.keys, "key", "keys"),
        epoch.0,
    )
}

/// Erasures that the log tells of, as far as it is folded, and the key store knows nothing of. They are missing from the keyring's
/// list when that was restored with the key store. The log does not say why somebody was erased; it is taken for their own wish.
pub(crate) async fn forgotten_of_log(keys: &KeyStore, db: &Db) -> Result<Vec<Tombstone>> {
    let told = books::all_erased(db).await?.into_iter().map(|row| Tombstone {
        tenant: row.tenant,
        subject: row.subject,
        at: row.erased_at,
        reason: ErasureReason::Person,
    });
    Ok(keys.forgotten_among(&told.collect::<Vec<_>>()).await?)
}

/// What `daybook verify` says of erasures and decisions: no restored key store has undone one, by the keyring's lists or by the log.
pub(crate) async fn invariant(platform: &Platform) -> Result<Invariant> {
    let mut forgotten: BTreeSet<(TenantId, SubjectId)> = BTreeSet::new();
    let listed = platform.keys.forgotten_erasures().await?;
    let told = forgotten_of_log(&platform.keys, &platform.db).await?;
    forgotten.extend(listed.into_iter().chain(told).map(|one| (one.tenant, one.subject)));
    let forgotten = forgotten.len() as u64;
    let figures = plural(forgotten, "erasure forgotten", "erasures forgotten");
    let problem = || format!("{figures}: it was restored from before them; run `daybook privacy reapply`");
    let finding = |_| Finding { place: "key store".to_owned(), problem: problem() };
    let mut findings: Vec<Finding> = (forgotten > 0).then_some(()).map(finding).into_iter().collect();
    let decisions = platform.keys.forgotten_decisions().await?.len() as u64;
    if decisions > 0 {
        let decisions = plural(decisions, "decision forgotten", "decisions forgotten");
        let problem = format!("{decisions}: it was restored from before them; run `daybook privacy reapply`");
        findings.push(Finding { place: "key store".to_owned(), problem });
    }
    if platform.keys.is_restored().await? {
        let problem = "it was restored from a backup, and serves nobody until `daybook privacy reapply` has run";
        findings.push(Finding { place: "key store".to_owned(), problem: problem.to_owned() });
    }
    Ok(Invariant { name: "no erasure was forgotten", figures, findings })
}
