//! `daybook privacy`: alone it is the role that finishes erasures; with a word behind it, the procedures about people's
//! data: who looked at whom, who may see people in clear, how long what is personal is
//! kept, and what proves an erasure.

mod accesses;
mod certificate;
mod codes;
mod consent;
mod hold;
mod reapply;
mod register;
mod request;
mod restriction;
mod retention;
mod slug;

use anyhow::Result;
use clap::{Args, Subcommand};
use commerce::StaffId;
use serde_json::json;

use crate::cli::OfTenant;
use crate::config::Settings;
use crate::output::{Align, Answer, Table, plural};
use crate::platform::{Platform, now};
use crate::roles::{self, Role};
use crate::tenant;

pub(crate) use accesses::invariant;
pub(crate) use codes::self_service;
pub(crate) use reapply::{forgotten_of_log, invariant as erased_stay_erased};

#[derive(Debug, Args)]
pub(crate) struct Privacy {
    #[command(subcommand)]
    command: Option<PrivacyCommand>,
}

#[derive(Debug, Subcommand)]
enum PrivacyCommand {
    /// Who looked at a person, when, why and at what; without a person, the latest of all
    Accesses(accesses::Accesses),
    /// A signed certificate of somebody's erasure: what was done in every place, and until when a copy of a key may open
    Certificate(certificate::Certify),
    /// Re-check a certificate: its signature, and what it says against this platform as it is now
    Verify(certificate::Verify),
    /// Keep somebody from being erased until a day, while cash is open, a dispute runs or the law forbids it
    Hold(hold::Keep),
    /// End a hold before its day
    Release(hold::Release),
    /// Who is held, why, and until when
    Holds(OfTenant),
    /// Have the books asked before somebody is erased (`on`), or not (`off`): while their cash or a dispute is open, they are held
    BookHolds(hold::BookHolds),
    /// Only keep what is known of somebody: nothing of it opens until that is lifted
    Restrict(restriction::Restrict),
    /// Lift a restriction; before that, with --told, record that the person was told
    Lift(restriction::Lift),
    /// Who is restricted and who objects, why and since when; with a person, also what is over
    Restrictions(restriction::Restrictions),
    /// Record that somebody objects to a purpose: nothing opens for it any more
    Object(restriction::Object),
    /// What people are asked to consent to, and what they said
    Consent(consent::Consent),
    /// The record of processing activities (GDPR Art. 30): from the configuration in force and the code
    Register(register::Register),
    /// What people ask for about their data, from the day it comes to its outcome
    #[command(subcommand)]
    Request(request::RequestCommand),
    /// How long what is personal is kept, and what is past its time
    Retention(retention::Retention),
    /// One-time codes that wait to be sent to people who asked to see their data
    Codes(codes::Codes),
    /// Let a member of staff see people in clear
    Permit(OfStaff),
    /// Take that back
    Forbid(OfStaff),
    /// List the staff who may see people in clear
    Permitted(OfTenant),
    /// Apply again the erasures and decisions that a restored key store has forgotten; nothing is served until then
    Reapply,
    /// Set how many people one may look at in an hour before it counts as unusual
    Limit(Limit),
}

#[derive(Debug, Args)]
struct OfStaff {
    /// Who: a slug such as `support-2`, never a name
    #[arg(value_parser = slug::staff)]
    staff: StaffId,
    #[command(flatten)]
    of: OfTenant,
}

#[derive(Debug, Args)]
struct Limit {
    /// How many
    people: u32,
    #[command(flatten)]
    of: OfTenant,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: &Privacy, as_json: bool) -> Result<Answer> {
    match &asked.command {
        None => roles::run(settings, &[Role::Privacy], as_json).await,
        Some(PrivacyCommand::Accesses(asked)) => accesses::run(settings, asked, as_json).await,
        Some(PrivacyCommand::Certificate(asked)) => certificate::certify(settings, asked).await,
        Some(PrivacyCommand::Verify(asked)) => certificate::verify(settings, asked).await,
        Some(PrivacyCommand::Hold(asked)) => hold::keep(settings, asked).await,
        Some(PrivacyCommand::Release(asked)) => hold::release(settings, asked).await,
        Some(PrivacyCommand::Holds(of)) => hold::list(settings, of).await,
        Some(PrivacyCommand::BookHolds(asked)) => hold::ask_books(settings, asked).await,
        Some(PrivacyCommand::Restrict(asked)) => restriction::restrict(settings, asked).await,
        Some(PrivacyCommand::Lift(asked)) => restriction::lift(settings, asked).await,
        Some(PrivacyCommand::Restrictions(asked)) => restriction::list(settings, asked).await,
        Some(PrivacyCommand::Object(asked)) => restriction::object(settings, asked).await,
        Some(PrivacyCommand::Consent(asked)) => consent::run(settings, asked).await,
        Some(PrivacyCommand::Register(asked)) => register::run(settings, asked, as_json).await,
        Some(PrivacyCommand::Request(asked)) => request::run(settings, asked).await,
        Some(PrivacyCommand::Retention(asked)) => retention::run(settings, asked).await,
        Some(PrivacyCommand::Codes(asked)) => codes::run(settings, asked).await,
        Some(PrivacyCommand::Permit(asked)) => permit(settings, asked, true).await,
        Some(PrivacyCommand::Forbid(asked)) => permit(settings, asked, false).await,
        Some(PrivacyCommand::Permitted(of)) => permitted(settings, of).await,
        Some(PrivacyCommand::Reapply) => reapply::run(settings).await,
        Some(PrivacyCommand::Limit(asked)) => limit(settings, asked).await,
    }
}

async fn permit(settings: &Settings, asked: &OfStaff, may: bool) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let (keys, staff) = (&platform.keys, &asked.staff);
    let changed = match may {
        true => keys.permit_reveal(&row.tenant, staff, now()).await?,
        false => keys.forbid_reveal(&row.tenant, staff, now()).await?,
    };
    tracing::info!(tenant = %row.tenant, %staff, may, changed, "who may see people in clear");
    let text = format!(
        "{staff} {} see people of {} in clear{}\n",
        if may { "may" } else { "may not" },
        row.tenant,
        if changed { "" } else { "; that was so before" }
    );
    let json = json!({ "tenant": row.tenant.as_str(), "staff": staff, "may_reveal": may, "changed": changed });
    Ok(Answer::new(&json, text))
}

async fn permitted(settings: &Settings, of: &OfTenant) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, of).await?;
    let all = platform.keys.permitted_to_reveal(&row.tenant).await?;
    let mut table = Table::new([(Align::Left, "staff"), (Align::Left, "since")]);
    for one in &all {
        table.row([one.staff.to_string(), one.since.to_string()]);
    }
    let text = match all.is_empty() {
        true => "nobody may see people in clear\n".to_owned(),
        false => table.to_string(),
    };
    let listed = all.iter().map(|one| json!({ "staff": one.staff, "since": one.since.to_string() }));
    let json = json!({ "tenant": row.tenant.as_str(), "permitted": listed.collect::<Vec<_>>() });
    Ok(Answer::new(&json, text))
}

async fn limit(settings: &Settings, asked: &Limit) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    platform.keys.set_access_limit(&row.tenant, asked.people).await?;
    let people = plural(asked.people.into(), "person", "people");
    let text = format!("looking at more than {people} of {} in an hour is unusual\n", row.tenant);
    Ok(Answer::new(&json!({ "tenant": row.tenant.as_str(), "people_an_hour": asked.people }), text))
}
