//! `daybook keys`: the epochs that wrap everybody's keys, begun, moved to and destroyed.

pub(crate) mod root;

use anyhow::Result;
use clap::Subcommand;
use ledger::Timestamp;
use serde::Serialize;
use store::keys::{Epoch, KeyCount, KeyStore, Moved};

use crate::config::Settings;
use crate::output::{Align, Answer, Table, bar_of_items, count, plural, strong};
use crate::platform::{Platform, now, open_keys, open_keys_for_repair};

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Epochs, what hangs on each, and when its key is destroyed; fails if one is overdue or missing
    Status,
    /// Begin the next epoch now, move everything to it, and destroy for good, without asking, epochs that are due
    Rotate,
    /// Go on with a rotation that was interrupted; also destroys for good, without asking, epochs that are due
    Rewrap,
    /// The root key: who seals it, and moving it to somebody else
    #[command(subcommand)]
    Root(root::Root),
}

/// Everything about the epochs.
#[derive(Debug, Serialize)]
struct Status {
    ok: bool,
    active_keys: i64,
    destroyed_keys: i64,
    /// Erasures from after the state that this key store was restored from.
    forgotten_erasures: usize,
    /// Decisions of people and merchants from after it.
    forgotten_decisions: usize,
    /// Whether it was restored from a backup, and serves nobody until erasures were applied again.
    restored: bool,
    epochs: Vec<EpochLine>,
}

#[derive(Debug, Serialize)]
struct EpochLine {
    epoch: u32,
    /// `current`, `retired`, `destroyed`; or what is wrong: `overdue`, `missing`, `returned`.
    state: &'static str,
    begun_at: String,
    /// When its key was destroyed, or by when it is to be: fixed when the epoch began.
    destroyed_at: String,
    pages: i64,
    /// Pages that lost a key or an identity since the epoch began: the next rotation moves what lives on them.
    lossy_pages: i64,
    tenants: i64,
}

impl EpochLine {
    fn is_trouble(&self) -> bool {
        matches!(self.state, "overdue" | "missing" | "returned")
    }
}

/// What a rotation did.
#[derive(Debug, Serialize)]
struct Rotated {
    begun: Option<u32>,
    pages: u64,
    left_pages: u64,
    moved_keys: u64,
    index_pages: u64,
    left_index_pages: u64,
    moved_identities: u64,
    tenants: u64,
    /// Pages, keys and identities that do not unwrap.
    damaged: u64,
    destroyed: Vec<u32>,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, command: &Keys) -> Result<Answer> {
    Platform::require(settings)?;
    match command {
        Keys::Root(command) => root::run(settings, command).await,
        Keys::Status => status(&open_keys_for_repair(settings).await?, now()).await,
        Keys::Rotate => {
            let keys = open_keys(settings).await?;
            let begun = keys.begin_epoch(now(), None).await?;
            rewrap(&keys, begun.map(|epoch| epoch.0)).await
        }
        Keys::Rewrap => rewrap(&open_keys(settings).await?, None).await,
    }
}

async fn status(keys: &KeyStore, now: Timestamp) -> Result<Answer> {
    let (epochs, counted) = (keys.epochs().await?, keys.count_keys().await?);
    let lines: Vec<EpochLine> = epochs.iter().map(|epoch| line(epoch, now)).collect();
    let forgotten_erasures = keys.forgotten_erasures().await?.len();
    let forgotten_decisions = keys.forgotten_decisions().await?.len();
    let restored = keys.is_restored().await?;
    let ok =
        !restored && forgotten_erasures == 0 && forgotten_decisions == 0 && !lines.iter().any(EpochLine::is_trouble);
    let KeyCount { active, destroyed } = counted;
    let status = Status {
        ok,
        active_keys: active,
        destroyed_keys: destroyed,
        forgotten_erasures,
        forgotten_decisions,
        restored,
        epochs: lines,
    };
    Ok(Answer::new(&status, text(&status)).with_verdict(ok))
}

/// How many epochs are not as they should be.
pub(crate) async fn troubled(keys: &KeyStore, now: Timestamp) -> Result<u64> {
    let epochs = keys.epochs().await?;
    Ok(epochs.iter().filter(|epoch| line(epoch, now).is_trouble()).count() as u64)
}

fn line(epoch: &Epoch, now: Timestamp) -> EpochLine {
    EpochLine {
        epoch: epoch.epoch.0,
        state: state(epoch, now),
        begun_at: epoch.begun_at.to_string(),
        destroyed_at: epoch.destroyed_at.unwrap_or(epoch.destroy_by).to_string(),
        pages: epoch.pages,
        lossy_pages: epoch.lossy,
        tenants: epoch.tenants,
    }
}

fn state(epoch: &Epoch, now: Timestamp) -> &'static str {
    match (epoch.destroyed_at, epoch.retired_at) {
        (Some(_), _) if epoch.held => "returned",
        (Some(_), _) => "destroyed",
        // Its key was destroyed, and the database not told yet.
        (None, Some(_)) if !epoch.held && epoch.pages == 0 && epoch.tenants == 0 => "retired",
        (None, _) if !epoch.held => "missing",
        (None, _) if epoch.destroy_by < now => "overdue",
        (None, None) => "current",
        (None, Some(_)) => "retired",
    }
}

fn text(status: &Status) -> String {
    let right = |title: &'static str| (Align::Right, title);
    let left = |title: &'static str| (Align::Left, title);
    let mut table = Table::new([
        right("epoch"),
        left("state"),
        left("begun"),
        left("key destroyed"),
        right("pages"),
        right("lossy"),
        right("tenants"),
    ]);
    for one in &status.epochs {
        let numbers = [one.pages, one.lossy_pages, one.tenants].map(|number| number.to_string());
        let [pages, lossy, tenants] = numbers;
        let by = if one.state == "destroyed" { one.destroyed_at.clone() } else { format!("by {}", one.destroyed_at) };
        table.row([one.epoch.to_string(), one.state.to_owned(), one.begun_at.clone(), by, pages, lossy, tenants]);
    }
    let keys = |number: i64| count(number.unsigned_abs());
    let forgotten = forgotten(status);
    let bad = if !status.epochs.iter().any(EpochLine::is_trouble) {
        ""
    } else {
        "overdue: see that the privacy role runs, or run `daybook keys rotate`, and a minute later `daybook keys rewrap`. missing: restore the epoch's file from the \
         keyring's copy, or everything that hangs on it stays unreadable. returned: the key was destroyed and came back with an \
         old copy of the keyring; `daybook keys rewrap` destroys it again\n"
    };
    format!(
        "{table}{} keys live, {} were destroyed\n{forgotten}{bad}",
        keys(status.active_keys),
        keys(status.destroyed_keys)
    )
}

/// What the key store has forgotten, and what to do.
fn forgotten(status: &Status) -> String {
    let erasures = plural(status.forgotten_erasures as u64, "erasure is forgotten", "erasures are forgotten");
    let decisions = plural(status.forgotten_decisions as u64, "decision is forgotten", "decisions are forgotten");
    match (status.forgotten_erasures, status.forgotten_decisions) {
        (0, 0) if status.restored => {
            "restored from a backup, and serves nobody yet: run `daybook privacy reapply`\n".to_owned()
        }
        (0, 0) => String::new(),
        (_, 0) => format!("{erasures}: run `daybook privacy reapply`\n"),
        (0, _) => format!("{decisions}: run `daybook privacy reapply`\n"),
        (_, _) => format!("{erasures}, {decisions}: run `daybook privacy reapply`\n"),
    }
}

/// Moves what hangs on earlier epochs and destroys those that are due.
async fn rewrap(keys: &KeyStore, begun: Option<u32>) -> Result<Answer> {
    let at = now();
    keys.reconcile_epochs(at).await?;
    let moved = move_all(keys).await?;
    let destroyed = keys.destroy_epochs(at).await?;
    let rotated = Rotated {
        begun,
        pages: moved.pages,
        left_pages: moved.left,
        moved_keys: moved.keys,
        index_pages: moved.index_pages,
        left_index_pages: moved.left_index_pages,
        moved_identities: moved.identities,
        tenants: moved.tenants,
        damaged: moved.damaged,
        destroyed: destroyed.into_iter().map(|epoch| epoch.0).collect(),
    };
    Ok(Answer::new(&rotated, rotated.text()).with_verdict(rotated.damaged == 0))
}

async fn move_all(keys: &KeyStore) -> Result<Moved> {
    let behind = |epoch: &Epoch| if epoch.retired_at.is_some() { epoch.pages.unsigned_abs() } else { 0 };
    let pages: u64 = keys.epochs().await?.iter().map(behind).sum();
    let bar = bar_of_items("rewrapping pages", pages);
    let done = |moved: &Moved| moved.pages + moved.left + moved.index_pages + moved.left_index_pages;
    let moved = keys.rewrap(|moved| bar.set_position(done(moved))).await;
    bar.finish_and_clear();
    Ok(moved?)
}

impl Rotated {
    fn text(&self) -> String {
        let begun = self.begun.map_or_else(String::new, |epoch| strong(&format!("epoch {epoch} has begun\n")));
        let destroyed = match self.destroyed.as_slice() {
            [] => String::new(),
            gone => {
                let numbers: Vec<String> = gone.iter().map(u32::to_string).collect();
                format!("destroyed for good: epoch {}\n", numbers.join(", "))
            }
        };
        let damaged = match self.damaged {
            0 => String::new(),
            some => format!(
                "{} damaged: restore from a backup what the log names\n",
                plural(some, "page, key or identity is", "pages, keys or identities are")
            ),
        };
        format!(
            "{begun}{}, {} and {} wrapped anew; {} left, {} moved off; {} left, {} moved off\n{destroyed}{damaged}",
            plural(self.pages, "page", "pages"),
            plural(self.index_pages, "index page", "index pages"),
            plural(self.tenants, "index key", "index keys"),
            plural(self.left_pages, "page that had lost keys", "pages that had lost keys"),
            plural(self.moved_keys, "key", "keys"),
            plural(self.left_index_pages, "index page", "index pages"),
            plural(self.moved_identities, "identity", "identities"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use subject_keys::EpochId;

    #[test]
    fn an_epoch_that_should_be_gone_or_is_lost_stands_out() {
        let epoch = |retired: Option<i64>, destroyed: Option<i64>, held: bool| Epoch {
            epoch: EpochId(1),
            begun_at: Timestamp(0),
            retired_at: retired.map(Timestamp),
            destroy_by: Timestamp(30_000_000),
            destroyed_at: destroyed.map(Timestamp),
            pages: 0,
            lossy: 0,
            tenants: 0,
            held,
        };
        for (one, expected, now) in [
            (epoch(None, None, true), "current", 30_000_000),
            (epoch(None, None, true), "overdue", 30_000_001),
            (epoch(None, None, false), "missing", 30_000_001),
            (epoch(Some(9_000_000), None, true), "retired", 30_000_000),
            (epoch(Some(9_000_000), None, true), "overdue", 30_000_001),
            (epoch(Some(30_000_000), None, true), "overdue", 30_000_001),
            (epoch(Some(9_000_000), Some(29_000_000), false), "destroyed", 30_000_001),
            (epoch(Some(9_000_000), Some(29_000_000), true), "returned", 30_000_001),
            (epoch(Some(9_000_000), None, false), "retired", 30_000_001),
        ] {
            assert_eq!(line(&one, Timestamp(now)).state, expected, "at {now}");
        }
    }
}
