//! `daybook doctor`: what is in force and from where, and whether everything it points to is in order.

mod waits;

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;
use store::books::{self, Projection, Stage};
use store::db::Db;
use store::schema::books_migrations;

use crate::config::{Backend, Settings, Shown};
use crate::output::{Align, Answer, Table, explain, mark, plural, strong};
use crate::platform::{Platform, now, open_books, open_keys_for_repair, open_log};

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    found: String,
    /// What to do, if it is not in order, or what to bear in mind.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
struct Examination<'a> {
    ok: bool,
    settings: &'a [Shown],
    checks: Vec<Check>,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings) -> Result<Answer> {
    let mut checks = vec![folder(settings), root_key(settings)];
    checks.extend(root_key_service(settings).await);
    checks.push(keyring(settings));
    if Platform::require(settings).is_err() {
        let next = "begin with `daybook tenant add NAME`, or name the right folder with --data";
        checks.push(Check::bad("platform", "there is none in this folder yet", next));
    } else {
        checks.extend(platform(settings).await);
    }
    let examination = Examination { ok: checks.iter().all(|check| check.ok), settings: &settings.shown, checks };
    Ok(Answer::new(&examination, examination.text()).with_verdict(examination.ok))
}

fn folder(settings: &Settings) -> Check {
    let (name, path) = ("data folder", settings.data.display().to_string());
    match std::fs::metadata(&settings.data) {
        Err(_) if matches!(settings.backend, Backend::Servers { .. }) => {
            Check::good(name, format!("{path} (not needed)"))
        }
        Err(error) => Check::bad(name, &format!("{path}: {error}"), "name another with --data"),
        Ok(found) if !found.is_dir() => Check::bad(name, &format!("{path} is no folder"), "name another with --data"),
        Ok(_) => match write_probe(&settings.data) {
            Ok(()) => Check::good(name, format!("{path} can be written")),
            Err(error) if is_full(&error) => {
                Check::bad(name, &format!("{path}: no space left"), "make room on its disk")
            }
            Err(error) => Check::bad(name, &format!("{path}: {error}"), "make it writable for this user"),
        },
    }
}

/// Bytes written to see whether there is room: what a batch of records may take.
static PROBE: [u8; 64 * 1024] = [0xda; 64 * 1024];

/// Whether a folder takes what is written, down to its disk. The file has no name, so nothing of it can stay behind.
pub(crate) fn write_probe(folder: &Path) -> std::io::Result<()> {
    put(tempfile::tempfile_in(folder)?)
}

fn put(mut file: File) -> std::io::Result<()> {
    file.write_all(&PROBE)?;
    file.sync_all()
}

/// Whether there is no room: on the disk, or in what this user may have of it.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

fn root_key(settings: &Settings) -> Check {
    let (name, path) = ("root key", settings.root_key.display().to_string());
    match std::fs::metadata(&settings.root_key) {
        Err(error) => {
            let next = "restore it from its copy; on a new platform the first command makes one";
            Check::bad(name, &format!("{path}: {error}"), next)
        }
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            Check::bad(name, &format!("{path} is open to others"), &format!("run `chmod 600 {path}`"))
        }
        Ok(_) => Check::good(name, format!("{path}, for its owner only")).unless_copied(&settings.root_key, settings),
    }
}

/// Whether whoever seals the root key gives it back.
async fn root_key_service(settings: &Settings) -> Option<Check> {
    let (name, examined) = ("root key service", crate::keys::root::examined(settings).await?);
    Some(match examined.ok {
        true => Check::good(name, examined.found),
        false => Check::bad(name, &examined.found, &examined.next),
    })
}

/// The folder of the epoch keys, and each file in it.
fn keyring(settings: &Settings) -> Check {
    let (name, path) = ("keyring", settings.keyring.display().to_string());
    match exposed(&settings.keyring) {
        Err(error) => {
            let next = "put it back from its copy; on a new platform the first command makes one";
            Check::bad(name, &format!("{path}: {error}"), next)
        }
        Ok(Some(open)) => {
            let open = open.display();
            Check::bad(name, &format!("{open} is open to others"), &format!("run `chmod -R go= {path}`"))
        }
        Ok(None) => Check::good(name, format!("{path}, for its owner only")).unless_copied(&settings.keyring, settings),
    }
}

/// The first of a folder and what lies in it that others than its owner may read or change.
fn exposed(folder: &Path) -> std::io::Result<Option<PathBuf>> {
    let mut paths = vec![folder.to_owned()];
    for entry in std::fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    for path in paths {
        if std::fs::metadata(&path)?.permissions().mode() & 0o077 != 0 {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Everything that has to be opened first. What cannot be opened is a problem of its own, and the rest goes on without it.
async fn platform(settings: &Settings) -> Vec<Check> {
    let (log, db) = (open_log(settings).await, open_books(settings).await);
    let keys = open_keys_for_repair(settings).await;
    let next = match settings.backend {
        Backend::Embedded { .. } => "see what is said of the data folder, the root key and the keyring above",
        Backend::Servers { .. } => "check the settings above, and that the server runs",
    };
    let mut checks = vec![
        opened("log", &log, next, |log| plural(u64::from(log.partitions()), "partition", "partitions")),
        opened("books", &db, next, |db| {
            let version = books_migrations(db.dialect()).last().map_or(0, |migration| migration.version);
            format!("schema at version {version}")
        }),
        opened("keys", &keys, next, |_| "open with this root key".to_owned()),
    ];
    if let (Ok(log), Ok(db)) = (&log, &db) {
        let lag = processor::lag(log, db).await.map_err(anyhow::Error::from);
        checks.push(counted("lag", lag, u64::MAX, "records wait to be folded", "run `daybook up`"));
    }
    if let Ok(db) = &db {
        checks.extend(of_books(db).await);
    }
    if let Ok(keys) = &keys {
        let unfinished = keys.due_erasures(now()).await.map(|list| list.len() as u64).map_err(anyhow::Error::from);
        let next = "run `daybook up` or `daybook privacy`: they finish it";
        checks.push(counted("erasures", unfinished, 0, "erasures are not finished", next));
        let forgotten = keys.forgotten_erasures().await.map(|list| list.len() as u64).map_err(anyhow::Error::from);
        let next =
            "the key store was restored from before them: run `daybook privacy reapply`; nothing is served until then";
        checks.push(counted("forgotten erasures", forgotten, 0, "erasures are forgotten", next));
        let forgotten = keys.forgotten_decisions().await.map(|list| list.len() as u64).map_err(anyhow::Error::from);
        checks.push(counted("forgotten decisions", forgotten, 0, "decisions are forgotten", next));
        let restored = keys.is_restored().await.map(u64::from).map_err(anyhow::Error::from);
        let next = "run `daybook privacy reapply`: nothing is served until then";
        checks.push(counted("restored key store", restored, 0, "key stores are restored and not looked after", next));
        let open = keys.open_requests().await.map_err(anyhow::Error::from);
        let overdue = open.map(|open| u64::from(privacy::requests::Pressing::of(&open, now()).overdue));
        let next = "answer them: `daybook privacy request list` names them";
        checks.push(counted("requests", overdue, 0, "requests of people are overdue", next));
        let listed = keys.listed_erasures().await.map_err(anyhow::Error::from);
        checks.push(counted("list of erasures", listed, u64::MAX, "erasures are listed in the keyring", ""));
        let listed = keys.listed_decisions().await.map_err(anyhow::Error::from);
        checks.push(counted("list of decisions", listed, u64::MAX, "decisions are listed in the keyring", ""));
        let troubled = crate::keys::troubled(keys, now()).await;
        let next = "see `daybook keys status`, and that `daybook up` or `daybook privacy` runs";
        checks.push(counted("key epochs", troubled, 0, "key epochs are overdue or missing", next));
    }
    checks
}

async fn of_books(db: &Db) -> Vec<Check> {
    let unfinished = unfinished_rebuilds(db).await;
    let (paused, waiting) = (waits::paused(db).await, waits::quarantine(db).await);
    let outdated = processor::outdated(db).await.map(|names| names.len() as u64).map_err(anyhow::Error::from);
    let rows = |sql: &'static str| async move {
        let rows = db.query(sql, vec![]).await?;
        let count = rows.first().map_or(Ok(0), |row| row.int(0))?;
        anyhow::Ok(count.unsigned_abs())
    };
    let poison = rows("SELECT COUNT(*) FROM poison").await;
    let parked = rows("SELECT COUNT(*) FROM part WHERE parked IS NOT NULL").await;
    let unreadable =
        "run `daybook verify`: it names them. Once this version reads them, `daybook rebuild --all` folds them";
    vec![
        counted("rebuilds", unfinished, 0, "partitions are being rebuilt", "run `daybook up`: it finishes them"),
        paused,
        counted("rules", outdated, 0, "projections were folded by other rules", "run `daybook rebuild --all`"),
        counted("unreadable", poison, 0, "records on the log cannot be read", unreadable),
        counted("parked", parked, u64::MAX, "parts of cases are parked", "see `daybook show parked`"),
        waiting,
    ]
}

async fn unfinished_rebuilds(db: &Db) -> Result<u64> {
    let mut unfinished = 0;
    for projection in Projection::ALL {
        let stored = books::checkpoints(db, projection.name()).await?;
        unfinished += stored.values().filter(|checkpoint| checkpoint.stage == Stage::Rebuilding).count() as u64;
    }
    Ok(unfinished)
}

fn opened<T>(name: &'static str, opened: &Result<T>, next: &str, describe: impl Fn(&T) -> String) -> Check {
    match opened {
        Ok(it) => Check::good(name, describe(it)),
        Err(error) => Check::bad(name, &explain(error), next),
    }
}

/// A count that is a problem beyond `most`.
fn counted(name: &'static str, count: Result<u64>, most: u64, what: &str, next: &str) -> Check {
    match count {
        Ok(count) if count > most => Check::bad(name, &format!("{count} {what}"), next),
        Ok(count) => Check::good(name, format!("{count} {what}")),
        Err(error) => Check::bad(name, &explain(&error), "put in order what is named above, and ask again"),
    }
}

impl Check {
    fn good(name: &'static str, found: impl Into<String>) -> Check {
        Check { name, ok: true, found: found.into(), next: None }
    }

    /// In order, and still something to bear in mind.
    fn noted(name: &'static str, found: impl Into<String>, next: &str) -> Check {
        Check { name, ok: true, found: found.into(), next: Some(next.to_owned()) }
    }

    /// Says of a key in the data folder that a copy of that folder takes it along.
    fn unless_copied(self, key: &Path, settings: &Settings) -> Check {
        let beside = key.starts_with(&settings.data);
        let warning =
            "in the data folder: no backup of that folder may hold it, or erasing ends nowhere (name another place)";
        Check { next: beside.then(|| warning.to_owned()), ..self }
    }

    fn bad(name: &'static str, found: &str, next: &str) -> Check {
        Check { name, ok: false, found: found.to_owned(), next: Some(next.to_owned()) }
    }
}

impl Examination<'_> {
    fn text(&self) -> String {
        let mut settings = Table::new([(Align::Left, "setting"), (Align::Left, "value"), (Align::Left, "from")]);
        for shown in self.settings {
            settings.row([shown.key.to_owned(), shown.value.clone(), shown.origin.clone()]);
        }
        let mut checks = Table::plain([Align::Left, Align::Left, Align::Left]);
        for check in &self.checks {
            checks.row([mark(check.ok), check.name.to_owned(), check.found.clone()]);
            if let Some(next) = &check.next {
                checks.row([String::new(), String::new(), format!("-> {next}")]);
            }
        }
        let verdict = if self.ok { "all is in order" } else { "there are problems" };
        format!("{settings}\n{checks}{}\n", strong(verdict))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_folder_that_is_not_there() {
        let full = put(File::options().write(true).open("/dev/full").unwrap()).unwrap_err();
        assert!(is_full(&full), "{full}");
        let folder = tempfile::tempdir().unwrap();
        write_probe(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing stays behind");
        assert!(!is_full(&write_probe(&folder.path().join("none")).unwrap_err()));
    }

    #[test]
    fn a_key_that_others_may_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (ring, key) = (folder.path().join("epochs"), folder.path().join("epochs/1.key"));
        assert!(exposed(&ring).is_err(), "there is none yet");
        std::fs::create_dir(&ring).unwrap();
        std::fs::write(&key, "a key").unwrap();
        let set = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        for (of_ring, of_key, expected) in
            [(0o700, 0o600, None), (0o750, 0o600, Some(&ring)), (0o700, 0o604, Some(&key)), (0o700, 0o400, None)]
        {
            set(&ring, of_ring);
            set(&key, of_key);
            assert_eq!(exposed(&ring).unwrap().as_ref(), expected, "{of_ring:o} {of_key:o}");
        }
    }
}
