//! `daybook privacy request`: what people ask for about their data, from the day it comes to its outcome.

mod archive;
mod shown;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use commerce::{Reason, StaffId};
use privacy::requests::{CarriedOut, carry_out};
use serde_json::json;
use store::books::TenantRow;
use store::keys::{
    AccessBy, Actor, Field, Filed, KeyStoreError, NewRequest, OpenBoxError, Purpose, Request, RequestChannel,
    RequestKind, RequestState, Step, Verification, Words,
};
use subject_keys::Pii;
use uuid::Uuid;

use super::slug;
use crate::cli::{OfTenant, Whom};
use crate::config::Settings;
use crate::erase::subject_of;
use crate::output::Answer;
use crate::platform::{Platform, now};
use crate::tenant;

/// How long the read models may take to show an erasure.
const SHOWN_WITHIN: Duration = Duration::from_secs(60);

#[derive(Debug, Subcommand)]
pub(crate) enum RequestCommand {
    /// Put on record that somebody asks for something; who already does joins their open request
    File(File),
    /// What is open, with the days by which it is due; and who waits for a hold to be erased
    List(List),
    /// One request with every step of it
    Show(Show),
    /// Say that you made sure it is the person who asks
    Verify(OneBy),
    /// Approve an erasure. It takes two people, and the second approval carries it out, which cannot be undone
    Approve(OneBy),
    /// Close a request without doing what it asks for, with the reason
    Refuse(Refuse),
    /// Carry out what a request asks for and close it
    Complete(Complete),
    /// Close a request that the person has taken back
    Withdraw(OneBy),
    /// Write what is held about who asks into one encrypted file, for them; its passphrase is shown once
    Archive(archive::Archive),
    /// Whether it takes two people to have somebody erased on request, from now on
    TwoPeople(TwoPeople),
}

#[derive(Debug, Args)]
pub(crate) struct File {
    /// What they ask for: access, portability, correction, erasure, restriction, objection, consent-withdrawal,
    /// marketing-opt-out, complaint or activity-history
    #[arg(long)]
    kind: RequestKind,
    #[command(flatten)]
    of: OfTenant,
    #[command(flatten)]
    whom: Whom,
    /// Who enters it: a slug such as `support-2`, never a name
    #[arg(long, value_name = "SLUG", value_parser = slug::staff)]
    by: StaffId,
    /// A file with what they wrote, `-` for standard input: sealed under their key
    #[arg(long, value_name = "FILE")]
    words_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    of: OfTenant,
    /// Closed ones too
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its id, as `list` prints it
    id: Uuid,
    #[command(flatten)]
    of: OfTenant,
    /// Show what the person wrote, to whom `daybook privacy permit` lets see it; goes on record
    #[arg(long, requires = "by")]
    reveal: bool,
    /// Who: a slug such as `support-2`, never a name
    #[arg(long, value_name = "SLUG", value_parser = slug::staff)]
    by: Option<StaffId>,
}

#[derive(Debug, Args)]
pub(crate) struct OneBy {
    /// Its id, as `list` prints it
    id: Uuid,
    #[command(flatten)]
    of: OfTenant,
    /// Who: a slug such as `support-2`, never a name
    #[arg(long, value_name = "SLUG", value_parser = slug::staff)]
    by: StaffId,
}

#[derive(Debug, Args)]
pub(crate) struct Refuse {
    #[command(flatten)]
    one: OneBy,
    /// Why: a slug such as `not-the-buyer`
    #[arg(long, value_name = "SLUG", value_parser = slug::reason)]
    reason: Reason,
}

#[derive(Debug, Args)]
pub(crate) struct Complete {
    #[command(flatten)]
    one: OneBy,
    /// What came of it: a slug such as `fee-refunded` [default: what is usual; a complaint needs one]
    #[arg(long, value_name = "SLUG", value_parser = slug::reason)]
    outcome: Option<Reason>,
}

#[derive(Debug, Args)]
pub(crate) struct TwoPeople {
    /// `on` or `off`; without it, what is in force
    #[arg(value_parser = ["on", "off"])]
    set: Option<String>,
    #[command(flatten)]
    of: OfTenant,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: &RequestCommand) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    match asked {
        RequestCommand::File(asked) => file(&platform, asked).await,
        RequestCommand::List(asked) => {
            let row = tenant::chosen(&platform.db, &asked.of).await?;
            shown::list(&platform.keys, &row, asked.all, now()).await
        }
        RequestCommand::Show(asked) => show(&platform, asked).await,
        RequestCommand::Verify(asked) => step(&platform, asked, Step::Verify(Verification::Staff)).await,
        RequestCommand::Approve(asked) => approve(settings, &platform, asked).await,
        RequestCommand::Refuse(asked) => step(&platform, &asked.one, Step::Refuse(asked.reason.clone())).await,
        RequestCommand::Complete(asked) => complete(settings, &platform, asked).await,
        RequestCommand::Withdraw(asked) => step(&platform, asked, Step::Withdraw).await,
        RequestCommand::Archive(asked) => archive::run(&platform, asked).await,
        RequestCommand::TwoPeople(asked) => two_people(&platform, asked).await,
    }
}

async fn file(platform: &Platform, asked: &File) -> Result<Answer> {
    if !asked.kind.is_of_person() {
        bail!("`{}` is what a shop asks for itself: it comes with its message", asked.kind.as_str());
    }
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let subject = subject_of(platform, &row, &asked.whom).await?;
    let words = asked.words_file.as_deref().map(words).transpose()?;
    let new = NewRequest {
        id: Uuid::new_v4(),
        subject: Some(subject),
        kind: asked.kind,
        channel: RequestChannel::Operator,
        verified: None,
        by: Actor::Staff(asked.by.clone()),
        words,
        received_at: now(),
        zone: row.zone,
    };
    let filed = platform.keys.file_request(&row.tenant, new).await?;
    let request = filed.request();
    tracing::info!(tenant = %row.tenant, id = %request.id, kind = asked.kind.as_str(), "a request was filed");
    let joined = matches!(filed, Filed::Joined(_));
    let text = match joined {
        true => format!("they have asked for that already: this joins request {}\n", request.id),
        false => format!(
            "request {} is on record, due by {}; next: `daybook privacy request verify {} --by WHO`\n",
            request.id, request.deadline.due_at, request.id
        ),
    };
    let mut told = shown::as_json(request, None, now());
    told["merged"] = joined.into();
    Ok(Answer::new(&told, text))
}

/// What somebody wrote. The words are never an argument: those stay in the shell's history.
fn words(path: &Path) -> Result<Pii<String>> {
    let text = match path.to_str() {
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text).context("standard input is not text")?;
            text
        }
        _ => std::fs::read_to_string(path).with_context(|| format!("{} cannot be read as text", path.display()))?,
    };
    match text.trim() {
        "" => bail!("there is nothing written in it"),
        text => Ok(Pii::new(text.to_owned())),
    }
}

async fn show(platform: &Platform, asked: &Show) -> Result<Answer> {
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let request = find(platform, &row, asked.id).await?;
    let words = match (&asked.by, asked.reveal) {
        (Some(staff), true) => Some(reveal(platform, &row, &request, staff).await?),
        _ => None,
    };
    shown::one(&platform.keys, &request, words, now()).await
}

/// What the person wrote; on record, and to permitted staff alone.
async fn reveal(platform: &Platform, row: &TenantRow, request: &Request, staff: &StaffId) -> Result<String> {
    let by = AccessBy {
        actor: Actor::Staff(staff.clone()),
        purpose: Purpose::request(request.terms.kind),
        request: request.id,
        at: now(),
        shown: store::keys::Shown::Clear,
        fields: &[Field::Typed],
    };
    match platform.keys.request_words(&row.tenant, request.id, &by).await {
        Ok(Words::None) => Ok(String::new()),
        Ok(Words::Written(words)) => Ok(String::from_utf8_lossy(&words).into_owned()),
        Err(OpenBoxError::Store(KeyStoreError::NotPermitted)) => bail!(
            "{staff} may not see people in clear, and nothing was opened: `daybook privacy permit {staff}` lets them"
        ),
        Err(error) => Err(error.into()),
    }
}

async fn step(platform: &Platform, asked: &OneBy, step: Step) -> Result<Answer> {
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let by = Actor::Staff(asked.by.clone());
    let request = platform.keys.step_request(&row.tenant, asked.id, step, &by, now()).await?;
    told(&request);
    Ok(Answer::new(&shown::as_json(&request, None, now()), shown::line(&request)))
}

/// The second approval carries the erasure out.
async fn approve(settings: &Settings, platform: &Platform, asked: &OneBy) -> Result<Answer> {
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let by = Actor::Staff(asked.by.clone());
    let request = platform.keys.step_request(&row.tenant, asked.id, Step::Approve, &by, now()).await?;
    told(&request);
    match request.state {
        RequestState::Approved => work(settings, platform, &request, None, &by).await,
        _ => Ok(Answer::new(&shown::as_json(&request, None, now()), shown::line(&request))),
    }
}

async fn complete(settings: &Settings, platform: &Platform, asked: &Complete) -> Result<Answer> {
    let row = tenant::chosen(&platform.db, &asked.one.of).await?;
    let request = find(platform, &row, asked.one.id).await?;
    let by = Actor::Staff(asked.one.by.clone());
    work(settings, platform, &request, asked.outcome.clone(), &by).await
}

async fn work(
    settings: &Settings,
    platform: &Platform,
    request: &Request,
    outcome: Option<Reason>,
    by: &Actor,
) -> Result<Answer> {
    match carry_out(&platform.keys, &platform.log, &platform.db, request, outcome, by, now()).await? {
        CarriedOut::Done(request) => {
            told(&request);
            if request.terms.kind == RequestKind::Erasure {
                let folded = processor::catch_up(platform.processor_config(settings), &platform.log, &platform.db);
                // If it takes longer, the processor shows it when it has caught up.
                drop(tokio::time::timeout(SHOWN_WITHIN, folded).await);
            }
            Ok(Answer::new(&shown::as_json(&request, None, now()), shown::line(&request)))
        }
        CarriedOut::Waits { request, reason, until } => {
            let text = format!(
                "the erasure is on record and waits for a hold ({}) until {until}; it is then carried out by itself\n",
                reason.as_str()
            );
            let hold = json!({ "reason": reason.as_str(), "until": until.to_string() });
            Ok(Answer::new(&shown::as_json(&request, Some(hold), now()), text))
        }
    }
}

async fn two_people(platform: &Platform, asked: &TwoPeople) -> Result<Answer> {
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    if let Some(set) = &asked.set {
        platform.keys.set_erasure_takes_two(&row.tenant, set == "on").await?;
        tracing::info!(tenant = %row.tenant, two_people = set, "who has to approve an erasure on request");
    }
    let two = platform.keys.erasure_takes_two(&row.tenant).await?;
    let text = match two {
        true => format!("it takes two people to have somebody of {} erased on request\n", row.tenant),
        false => format!("one person is enough to have somebody of {} erased on request\n", row.tenant),
    };
    Ok(Answer::new(&json!({ "tenant": row.tenant.as_str(), "two_people": two }), text))
}

async fn find(platform: &Platform, row: &TenantRow, id: Uuid) -> Result<Request> {
    let found = platform.keys.request(&row.tenant, id).await?;
    found.with_context(|| {
        format!("there is no such request of {}: see `daybook privacy request list --all`", row.tenant)
    })
}

fn told(request: &Request) {
    let (id, kind, state) = (request.id, request.terms.kind.as_str(), request.state.as_str());
    tracing::info!(tenant = %request.tenant, %id, kind, state, "a request has gone on");
}
