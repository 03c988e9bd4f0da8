//! `daybook privacy request archive`: what is held about a person, in one encrypted file for them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use privacy::person::{GatherError, gather};
use secrecy::ExposeSecret;
use serde_json::json;
use store::keys::{AccessBy, Actor, Field, KeyStoreError, Purpose, Request, RequestKind, RequestState, Shown};

use super::{OneBy, find};
use crate::export::write_whole;
use crate::output::Answer;
use crate::platform::{Platform, now};
use crate::privacy::slug;
use crate::tenant;

#[derive(Debug, Args)]
pub(crate) struct Archive {
    #[command(flatten)]
    one: OneBy,
    /// Where to write it: a file that is not there yet, or a folder. Its name stays in backups and listings: no name of a person
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// Runs the command.
pub(crate) async fn run(platform: &Platform, asked: &Archive) -> Result<Answer> {
    let row = tenant::chosen(&platform.db, &asked.one.of).await?;
    let request = find(platform, &row, asked.one.id).await?;
    let subject = fit(&request)?;
    let path = path(&asked.to, &request)?;
    let by = AccessBy {
        actor: Actor::Staff(asked.one.by.clone()),
        purpose: Purpose::request(request.terms.kind),
        request: request.id,
        at: now(),
        shown: Shown::Clear,
        fields: Field::ALL_DETAILS,
    };
    let held = match gather(&platform.keys, &platform.db, &row, subject, &by).await {
        Err(GatherError::Keys(KeyStoreError::NotPermitted)) => bail!(
            "{0} may not see people in clear, and nothing was opened: `daybook privacy permit {0}` lets them",
            asked.one.by
        ),
        gathered => gathered?,
    };
    let sealed = privacy::archive::seal(&held)?;
    write_whole(&path, &sealed.bytes).with_context(|| format!("{} cannot be written", path.display()))?;
    tracing::info!(tenant = %row.tenant, id = %request.id, bytes = sealed.bytes.len(), "an archive was made for a person");
    let passphrase = sealed.passphrase.expose_secret();
    let file = path.display().to_string();
    let text = format!(
        "{file}: everything that is held about who asks, encrypted\npassphrase: {passphrase}\n\
         It is shown this once and kept nowhere. Send it by another way than the file; `age --decrypt` opens it.\n"
    );
    let json = json!({
        "tenant": row.tenant.as_str(), "request": request.id.to_string(), "file": file, "bytes": sealed.bytes.len(),
        "details": held.details.len(), "orders": held.orders.len(), "passphrase": passphrase,
    });
    Ok(Answer::new(&json, text))
}

/// Whose archive a request is for, if it may be made.
fn fit(request: &Request) -> Result<commerce::SubjectId> {
    let kinds = [RequestKind::Access, RequestKind::Portability, RequestKind::ActivityHistory];
    if !kinds.contains(&request.terms.kind) {
        bail!(
            "an archive is made for access, portability or activity-history, and this is {}",
            request.terms.kind.as_str()
        );
    }
    match &request.state {
        RequestState::Received => bail!("nobody has made sure yet who asks: verify it first"),
        state if !state.is_open() => bail!("the request is closed: file another"),
        _ => request.subject.context("nobody who is known here is meant: there is nothing to hand over"),
    }
}

/// The file, named by the request alone where only a folder was given.
fn path(to: &Path, request: &Request) -> Result<PathBuf> {
    let path = match to.is_dir() {
        true => to.join(format!("request-{}.zip.age", request.id)),
        false => {
            let name = to.file_name().and_then(|name| name.to_str()).context("--to names no file")?;
            slug::refuse_phone(name).map_err(anyhow::Error::msg)?;
            to.to_owned()
        }
    };
    if path.exists() {
        bail!("{} is there already: name another file", path.display());
    }
    Ok(path)
}
