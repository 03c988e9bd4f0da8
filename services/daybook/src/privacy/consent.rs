//! `daybook privacy consent`: what people are asked, what they said, and what of it stands.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use commerce::StaffId;
use serde_json::{Value, json};
use store::keys::{Channel, ConsentFact, Processing, Purpose, Said, Wording, accepted, sha256_of, standing};

use crate::cli::{OfTenant, Whom};
use crate::config::Settings;
use crate::erase::subject_of;
use crate::output::{Align, Answer, Table};
use crate::platform::{Platform, now};
use crate::tenant;

/// The longest wording, in bytes.
const MOST_WORDING: u64 = 64 * 1024;

#[derive(Debug, Args)]
pub(crate) struct Consent {
    #[command(subcommand)]
    command: ConsentCommand,
}

#[derive(Debug, Subcommand)]
enum ConsentCommand {
    /// Record that somebody consented
    Give(Give),
    /// Record that somebody withdrew; from marketing it is an objection too
    Withdraw(Say),
    /// What somebody said, and what of it stands
    Show(Show),
    /// Set the words in which people are asked from now on
    Wording(SetWording),
    /// The words in which people are and were asked
    Wordings(OfTenant),
}

#[derive(Debug, Args)]
struct Say {
    #[command(flatten)]
    of: OfTenant,
    #[command(flatten)]
    whom: Whom,
    /// For which purpose, such as `marketing`
    #[arg(long = "for", value_name = "PURPOSE")]
    processing: Processing,
    /// By which way they said it: `page`, `email`, `message`, `phone` or `letter`
    #[arg(long)]
    channel: Channel,
    /// Where the proof lies: one word or ticket, such as `ticket-812`
    #[arg(long, value_name = "WORD")]
    evidence: Purpose,
    /// Who enters it: a slug such as `support-2`, never a name
    #[arg(long, value_name = "SLUG", value_parser = super::slug::staff)]
    by: StaffId,
}

#[derive(Debug, Args)]
struct Give {
    #[command(flatten)]
    said: Say,
    /// To which wording, by its name
    #[arg(long, value_name = "WORD")]
    wording: Purpose,
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    of: OfTenant,
    #[command(flatten)]
    whom: Whom,
}

#[derive(Debug, Args)]
struct SetWording {
    #[command(flatten)]
    of: OfTenant,
    /// For which purpose, such as `marketing`
    #[arg(long = "for", value_name = "PURPOSE")]
    processing: Processing,
    /// Its name, such as `2026-11`
    #[arg(long, value_name = "WORD")]
    wording: Purpose,
    /// File with the text, as people read it
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Consents to the wordings before it go on counting [default: everybody is asked anew]
    #[arg(long)]
    keeps_older: bool,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: &Consent) -> Result<Answer> {
    match &asked.command {
        ConsentCommand::Give(asked) => say(settings, &asked.said, Some(&asked.wording)).await,
        ConsentCommand::Withdraw(asked) => say(settings, asked, None).await,
        ConsentCommand::Show(asked) => show(settings, asked).await,
        ConsentCommand::Wording(asked) => set_wording(settings, asked).await,
        ConsentCommand::Wordings(of) => wordings(settings, of).await,
    }
}

async fn say(settings: &Settings, asked: &Say, version: Option<&Purpose>) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let subject = subject_of(&platform, &row, &asked.whom).await?;
    let said = Said {
        subject,
        processing: asked.processing,
        channel: asked.channel,
        evidence: asked.evidence.clone(),
        staff: asked.by.clone(),
        at: now(),
    };
    let (processing, given) = (asked.processing.as_str(), version.is_some());
    let number = match version {
        Some(version) => platform.keys.give_consent(&row.tenant, said, version).await?,
        None => platform.keys.withdraw_consent(&row.tenant, said).await?,
    };
    tracing::info!(tenant = %row.tenant, %subject, processing, given, "a consent");
    let does = if given { "consents to" } else { "has withdrawn from" };
    let text = format!("subject {subject} of {} {does} {processing}: number {number} of what they said\n", row.tenant);
    let json = json!({
        "tenant": row.tenant.as_str(), "subject": subject.to_string(), "for": processing, "given": given, "number": number,
    });
    Ok(Answer::new(&json, text))
}

async fn show(settings: &Settings, asked: &Show) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let subject = subject_of(&platform, &row, &asked.whom).await?;
    let facts = platform.keys.consents_of(&row.tenant, subject).await?;
    let wordings = platform.keys.wordings(&row.tenant).await?;
    let stands = counting(&facts, &wordings);
    let mut table = Table::new([
        (Align::Right, "number"),
        (Align::Left, "when"),
        (Align::Left, "for"),
        (Align::Left, "what"),
        (Align::Left, "by which way"),
        (Align::Left, "proof"),
        (Align::Left, "entered by"),
    ]);
    for fact in &facts {
        table.row([
            fact.number.to_string(),
            fact.at.to_string(),
            fact.processing.as_str().to_owned(),
            what(fact, &wordings),
            fact.channel.as_str().to_owned(),
            fact.evidence.to_string(),
            fact.staff.to_string(),
        ]);
    }
    let words: Vec<&str> = stands.iter().map(|processing| processing.as_str()).collect();
    let sum = if words.is_empty() { "no consent stands".to_owned() } else { format!("stands: {}", words.join(", ")) };
    let text = if facts.is_empty() { format!("{sum}\n") } else { format!("{table}{sum}\n") };
    let json = json!({
        "tenant": row.tenant.as_str(), "subject": subject.to_string(), "stands": words,
        "said": facts.iter().map(fact_json).collect::<Vec<_>>(),
    });
    Ok(Answer::new(&json, text))
}

/// The purposes to which a consent stands and counts.
fn counting(facts: &[ConsentFact], wordings: &[Wording]) -> Vec<Processing> {
    let said = standing(facts.iter().map(|fact| (fact.processing, fact.wording.as_deref())));
    let counts = |processing: Processing, sha256: &str| {
        let asked = wordings.iter().filter(|wording| wording.processing == processing);
        accepted(asked.map(|one| (one.since, one.sha256.as_str(), one.keeps_older))).contains(sha256)
    };
    said.into_iter()
        .filter(|(processing, sha256)| counts(*processing, sha256))
        .map(|(processing, _)| processing)
        .collect()
}

/// `consented to 2026-11`, or `withdrew`.
fn what(fact: &ConsentFact, wordings: &[Wording]) -> String {
    let Some(sha256) = &fact.wording else { return "withdrew".to_owned() };
    let asked = wordings.iter().find(|one| one.processing == fact.processing && one.sha256 == *sha256);
    format!("consented to {}", asked.map_or(sha256.as_str(), |one| one.version.as_str()))
}

fn fact_json(fact: &ConsentFact) -> Value {
    json!({
        "number": fact.number, "at": fact.at.to_string(), "for": fact.processing.as_str(), "given": fact.wording.is_some(),
        "wording_sha256": fact.wording, "channel": fact.channel.as_str(), "evidence": fact.evidence.as_str(), "by": fact.staff,
    })
}

async fn set_wording(settings: &Settings, asked: &SetWording) -> Result<Answer> {
    let text = read_wording(&asked.file)?;
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let wording = Wording {
        processing: asked.processing,
        version: asked.wording.clone(),
        since: now(),
        sha256: sha256_of(&text),
        text,
        keeps_older: asked.keeps_older,
    };
    platform.keys.set_wording(&row.tenant, wording.clone()).await?;
    let older = if asked.keeps_older { "go on counting" } else { "count no more" };
    let text = format!(
        "people of {} are asked for {} as version {} says (SHA-256 {}); consents to earlier wordings {older}\n",
        row.tenant,
        asked.processing.as_str(),
        asked.wording,
        wording.sha256
    );
    Ok(Answer::new(&json!({ "tenant": row.tenant.as_str(), "wording": wording_json(&wording) }), text))
}

/// The words, if they are no more than people can be asked to read.
fn read_wording(path: &Path) -> Result<String> {
    let named = || format!("the file {}", path.display());
    let mut text = String::new();
    let file = File::open(path).with_context(named)?;
    file.take(MOST_WORDING + 1).read_to_string(&mut text).with_context(named)?;
    if text.len() as u64 > MOST_WORDING {
        bail!("{} has more than 64 KiB: nobody can be asked to read that", path.display());
    }
    Ok(text)
}

async fn wordings(settings: &Settings, of: &OfTenant) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, of).await?;
    let all = platform.keys.wordings(&row.tenant).await?;
    let mut table = Table::new([
        (Align::Left, "for"),
        (Align::Left, "version"),
        (Align::Left, "since"),
        (Align::Left, "SHA-256"),
        (Align::Left, "earlier ones"),
    ]);
    for one in &all {
        let older = if one.keeps_older { "go on counting" } else { "count no more" };
        table.row([
            one.processing.as_str().to_owned(),
            one.version.to_string(),
            one.since.to_string(),
            one.sha256.clone(),
            older.to_owned(),
        ]);
    }
    let text = if all.is_empty() { "people are asked for nothing\n".to_owned() } else { table.to_string() };
    let listed: Vec<Value> = all.iter().map(wording_json).collect();
    Ok(Answer::new(&json!({ "tenant": row.tenant.as_str(), "wordings": listed }), text))
}

fn wording_json(one: &Wording) -> Value {
    json!({
        "for": one.processing.as_str(), "version": one.version.as_str(), "since": one.since.to_string(), "sha256": one.sha256,
        "text": one.text, "keeps_older": one.keeps_older,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wording_is_no_longer_than_people_can_be_asked_to_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wording.txt");
        for (bytes, taken) in [(MOST_WORDING, true), (MOST_WORDING + 1, false)] {
            std::fs::write(&path, "a".repeat(usize::try_from(bytes).unwrap())).unwrap();
            assert_eq!(read_wording(&path).is_ok(), taken, "{bytes}");
        }
    }
}
