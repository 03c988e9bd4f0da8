//! `daybook backup`: the log and the key store, each into an encrypted file of its own; and `daybook backup verify`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use backup::{Counts, FileKind, Identities, Manifest, Recipients, Written};
use clap::{Args, Subcommand};
use event_log::LogCopy;
use ledger::Timestamp;
use serde_json::{Value, json};
use store::copy::key_store_id;
use store::schema::{books_migrations, keys_migrations};

use crate::config::Settings;
use crate::output::{Answer, count, plural, tick};
use crate::platform::{Platform, keys_database, now, open_books, open_log};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Backup {
    #[command(subcommand)]
    command: Option<BackupCommand>,
    #[command(flatten)]
    make: Make,
}

#[derive(Debug, Subcommand)]
enum BackupCommand {
    /// Read a file to its end, compare its digest, and say what is in it
    Verify(Verify),
    /// Make an identity that opens backups, for who has no `age-keygen`; says its recipient. Keep it away from the platform
    Identity(NewIdentity),
}

#[derive(Debug, Args)]
struct NewIdentity {
    /// A new file
    file: PathBuf,
}

#[derive(Debug, Args)]
struct Make {
    /// Folder for the log, with the merchants and how they keep their books
    #[arg(long, value_name = "DIR")]
    log_to: Option<PathBuf>,
    /// Folder for the key store: another disk, other people. Never has the keyring or the root key in it
    #[arg(long, value_name = "DIR")]
    keys_to: Option<PathBuf>,
    /// To whom it is encrypted: a public key of age, `age1…`; may be repeated
    #[arg(long = "recipient", value_name = "AGE1…")]
    recipients: Vec<String>,
    /// File with recipients, one a line; may be repeated
    #[arg(long = "recipients-file", value_name = "FILE")]
    recipients_files: Vec<PathBuf>,
    /// File with an identity of age: what was written is also decrypted to its end
    #[arg(long = "identity", value_name = "FILE")]
    identities: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct Verify {
    /// The file
    file: PathBuf,
    /// File with an identity of age that opens it; may be repeated
    #[arg(long = "identity", value_name = "FILE", required = true)]
    identities: Vec<PathBuf>,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: &Backup) -> Result<Answer> {
    match &asked.command {
        Some(BackupCommand::Verify(asked)) => verify(asked).await,
        Some(BackupCommand::Identity(asked)) => {
            let recipient = backup::create_identity(&asked.file)?;
            let text = format!("{} {}\nrecipient {recipient}\n", tick(), asked.file.display());
            Ok(Answer::new(&json!({ "file": asked.file, "recipient": recipient }), text))
        }
        None => make(settings, &asked.make).await,
    }
}

async fn make(settings: &Settings, asked: &Make) -> Result<Answer> {
    refuse_one_place(asked, settings)?;
    let recipients = Recipients::new(&asked.recipients, &asked.recipients_files)?;
    let check = match asked.identities.as_slice() {
        [] => None,
        files => Some(Identities::read(files)?),
    };
    Platform::require(settings)?;
    let begun = Instant::now();
    let (log, books) = (open_log(settings).await?, open_books(settings).await?);
    let keys = keys_database(settings, i64::MAX).await?;
    let manifest = async |kind| {
        let store = key_store_id(&keys).await?.context("there is no key store here yet: nothing is to be backed up")?;
        let last = |migrations: Vec<store::db::Migration>| migrations.last().map_or(0, |last| last.version);
        let schemas = (last(keys_migrations(keys.dialect())), last(books_migrations(books.dialect())));
        anyhow::Ok(Manifest::new(kind, now(), store, schemas, log.partitions()))
    };
    let mut files = Vec::new();
    if let Some(folder) = &asked.log_to {
        let copy = LogCopy::begin(&log).await.context("the log cannot be copied")?;
        let manifest = manifest(FileKind::Log).await?;
        files.push(backup::back_up_log(copy, &books, folder, manifest, &recipients, check.as_ref()).await?);
    }
    if let Some(folder) = &asked.keys_to {
        let manifest = manifest(FileKind::Keys).await?;
        files.push(backup::back_up_keys(&keys, folder, manifest, &recipients, check.as_ref()).await?);
    }
    Ok(made(&files, begun, settings))
}

/// Keys and data apart: whoever takes one folder has not both.
fn refuse_one_place(asked: &Make, settings: &Settings) -> Result<()> {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let beside_root = |to: &PathBuf| settings.root_key.parent().is_some_and(|folder| real(folder) == real(to));
    match (&asked.log_to, &asked.keys_to) {
        (log, keys) if log.iter().chain(keys).any(beside_root) => {
            bail!("a backup does not lie beside the root key: whoever takes that folder has both")
        }
        (None, None) => bail!("say where to: --log-to DIR and --keys-to DIR, two places"),
        (Some(log), Some(keys)) if real(log) == real(keys) => {
            bail!("log and keys are kept apart: name another folder with --keys-to, on another disk")
        }
        _ => Ok(()),
    }
}

fn made(files: &[Written], begun: Instant, settings: &Settings) -> Answer {
    let milliseconds = milliseconds(begun);
    let of = |kind: FileKind| files.iter().find(|one| one.manifest.kind == kind).map(file_json);
    let json = json!({ "log": of(FileKind::Log), "keys": of(FileKind::Keys), "milliseconds": milliseconds });
    let mut text = String::new();
    for one in files {
        let checked = if one.decrypted { "read back and decrypted to its end" } else { "read back" };
        text.push_str(&format!(
            "{} {}\n  {}; {} bytes, {checked}\n  sha256 {}\n",
            tick(),
            one.path.display(),
            content(&one.counts),
            count(one.bytes),
            one.sha256
        ));
    }
    text.push_str(&format!(
        "in {milliseconds} ms. Not in it, and needed to restore: the root key {} and the keyring {}, which no backup may hold\n",
        settings.root_key.display(),
        settings.keyring.display()
    ));
    Answer::new(&json, text)
}

/// What a file has, in words.
pub(crate) fn content(counts: &Counts) -> String {
    let unreadable = match counts.unreadable {
        0 => String::new(),
        some => format!(" ({} at which something lies that cannot be read)", plural(some, "place", "places")),
    };
    format!(
        "{}{unreadable}, {} of {}",
        plural(counts.records, "record", "records"),
        plural(counts.rows, "row", "rows"),
        plural(counts.tables, "table", "tables"),
    )
}

fn file_json(one: &Written) -> Value {
    let mut json = manifest_json(&one.manifest, &one.counts);
    json["file"] = json!(one.path);
    json["bytes"] = json!(one.bytes);
    json["sha256"] = json!(one.sha256);
    json["decrypted"] = json!(one.decrypted);
    json
}

/// What a file says of itself, and what is in it.
pub(crate) fn manifest_json(manifest: &Manifest, counts: &Counts) -> Value {
    json!({
        "kind": manifest.kind, "made_at": Timestamp(manifest.made_at).to_string(), "store": manifest.store,
        "epoch": manifest.epoch, "keys_schema": manifest.keys_schema, "books_schema": manifest.books_schema,
        "partitions": manifest.partitions, "program": manifest.program, "records": counts.records,
        "unreadable": counts.unreadable, "tables": counts.tables, "rows": counts.rows,
    })
}

/// Whole milliseconds since then.
pub(crate) fn milliseconds(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

async fn verify(asked: &Verify) -> Result<Answer> {
    let (begun, identities) = (Instant::now(), Identities::read(&asked.identities)?);
    let file = asked.file.clone();
    let read = tokio::task::spawn_blocking(move || backup::verify(&file, &identities)).await??;
    let milliseconds = milliseconds(begun);
    let mut json = manifest_json(&read.manifest, &read.counts);
    json["file"] = json!(asked.file);
    json["milliseconds"] = json!(milliseconds);
    let text = format!(
        "{} {} is whole: {} of {}, {}; read in {milliseconds} ms\n",
        tick(),
        asked.file.display(),
        read.manifest.kind,
        Timestamp(read.manifest.made_at),
        content(&read.counts),
    );
    Ok(Answer::new(&json, text))
}
