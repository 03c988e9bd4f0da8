//! `daybook keys root`: who seals the root key, whether they give it back, and moving it to somebody else.

use anyhow::Result;
use clap::Subcommand;
use root_keys::{Found, RootKeyService};
use serde::Serialize;
use store::keys::Keyring;

use crate::config::Settings;
use crate::output::{Align, Answer, Table, explain, mark, strong};

#[derive(Debug, Subcommand)]
pub(crate) enum Root {
    /// Who seals the root key, and whether they open it now; fails if not
    Status,
    /// Put the same root key under another service or key; then set `root_key_service` and destroy what is told
    Move {
        /// `file`, `aws-kms:` and a key's ARN or alias/NAME, or `vault:` and MOUNT/KEY
        #[arg(long, value_name = "SERVICE")]
        to: RootKeyService,
    },
}

/// The root key file and who can open it.
#[derive(Debug, Serialize)]
struct Status {
    ok: bool,
    /// What the configuration says.
    configured: String,
    /// What the file says.
    service: String,
    /// What the service calls its key; null for a key in clear.
    sealed_by: Option<String>,
    /// Whether the key is to be had now.
    opens: bool,
    /// The newest epoch in the keyring that it opens; null where there is none to try it on.
    opens_epoch: Option<u32>,
    /// Why not.
    problem: Option<String>,
    /// Files that killed processes left beside it.
    left: Vec<String>,
}

/// What a move did, and what it leaves to do.
#[derive(Debug, Serialize)]
struct Moved {
    from: String,
    to: String,
    sealed_by: Option<String>,
    /// What still opens without the new service.
    destroy: Vec<String>,
}

/// How the service fared in an examination.
pub(crate) struct Examined {
    pub(crate) ok: bool,
    pub(crate) found: String,
    pub(crate) next: String,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, command: &Root) -> Result<Answer> {
    match command {
        Root::Status => {
            let status = status(settings).await?;
            Ok(Answer::new(&status, status.text()).with_verdict(status.ok))
        }
        Root::Move { to } => {
            let before = root_keys::move_to(&settings.root_key, to).await?;
            let moved = Moved {
                from: before.service.to_string(),
                to: to.to_string(),
                sealed_by: root_keys::found(&settings.root_key)?.sealed_by,
                destroy: to_destroy(settings, &before),
            };
            Ok(Answer::new(&moved, moved.text()))
        }
    }
}

async fn status(settings: &Settings) -> Result<Status> {
    let found = root_keys::found(&settings.root_key)?;
    let opened = root_keys::load(&settings.root_key, &settings.root_key_service).await;
    let left: Vec<String> = found.left.iter().map(|path| path.display().to_string()).collect();
    // A key that is given back is of no use if it is not the one under which the keyring lies.
    let opened = opened
        .map_err(anyhow::Error::from)
        .and_then(|root| Keyring::in_folder(root, &settings.keyring).try_root().map_err(anyhow::Error::from));
    let opens_epoch = opened.as_ref().ok().copied().flatten();
    Ok(Status {
        ok: opened.is_ok() && left.is_empty(),
        configured: settings.root_key_service.to_string(),
        service: found.service.to_string(),
        sealed_by: found.sealed_by,
        opens: opened.is_ok(),
        opens_epoch,
        problem: opened.err().map(|error| explain(&error)),
        left,
    })
}

/// What `doctor` says; nothing where there is no file, because then it has said so.
pub(crate) async fn examined(settings: &Settings) -> Option<Examined> {
    if !settings.root_key.exists() {
        return None;
    }
    let next = "see `daybook keys root status`";
    let bad = |found: String, next: &str| Some(Examined { ok: false, found, next: next.to_owned() });
    match status(settings).await {
        Err(error) => bad(explain(&error), next),
        Ok(Status { problem: Some(problem), .. }) => bad(problem, next),
        Ok(status) if !status.left.is_empty() => bad(
            format!("left by a process that was killed: {}", status.left.join(", ")),
            "remove it: it may hold the key",
        ),
        Ok(status) if status.sealed_by.is_none() => Some(Examined {
            ok: true,
            found: "none: the key lies in its file in clear".to_owned(),
            next: String::new(),
        }),
        Ok(status) => {
            Some(Examined { ok: true, found: format!("{} opens the key", status.service), next: String::new() })
        }
    }
}

/// What opens without the new service: it says who could have read the key until now, and no move takes that back.
fn to_destroy(settings: &Settings, before: &Found) -> Vec<String> {
    let path = settings.root_key.display();
    let mut list = match before.service {
        RootKeyService::File => vec![
            format!("every copy of {path} from before this move: it is the key in clear"),
            format!(
                "backups and snapshots of the disk of {path}, and its free blocks: they may still hold the key in clear"
            ),
        ],
        _ => vec![format!("every copy of {path} from before this move: {} still opens it", before.service)],
    };
    list.extend(before.left.iter().map(|path| format!("{}: left by a process that was killed", path.display())));
    list
}

impl Status {
    fn text(&self) -> String {
        let mut table = Table::plain([Align::Left, Align::Left]);
        let mut row = |name: &str, value: &str| table.row([name.to_owned(), value.to_owned()]);
        row("configured", &self.configured);
        row("the file says", &self.service);
        row("sealed by", self.sealed_by.as_deref().unwrap_or("nobody: the key lies in its file in clear"));
        let tried = match (&self.problem, self.opens_epoch) {
            (Some(problem), _) => problem.clone(),
            (None, Some(epoch)) => format!("also epoch {epoch}, the newest in the keyring"),
            (None, None) => "there is no epoch yet to try it on".to_owned(),
        };
        row("opens", &format!("{} {tried}", mark(self.opens)));
        for path in &self.left {
            row("left behind", &format!("{} {path}: remove it, it may hold the key", mark(false)));
        }
        table.to_string()
    }
}

impl Moved {
    fn text(&self) -> String {
        let list: String = self.destroy.iter().map(|what| format!("  {what}\n")).collect();
        let clear = match self.sealed_by {
            None => "the key lies in its file in clear now\n",
            Some(_) => "",
        };
        format!(
            "{}\n{clear}set `root_key_service` to it before the next start; what runs goes on, and needs no restart\n\
             to destroy, because it opens without {}:\n{list}whoever had one of these, and could open it, knows the key: it is \
             the same one as before\n",
            strong(&format!("the root key is with {} now, and was with {}", self.to, self.from)),
            self.to,
        )
    }
}
