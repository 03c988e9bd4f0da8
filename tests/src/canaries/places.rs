//! Everywhere that bytes of a platform can lie: its files, its servers' files and logs, what it printed and answered, and what
//! it leaves behind when it crashes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use testkit::Daybook;

use super::attack::program;
use super::search::{Hit, Search};
use crate::erasure::{LONG, Platform, files};

/// What was kept of answers, and folders for what is written.
pub(super) struct Places {
    kept: Mutex<Vec<(String, Vec<u8>)>>,
    written: tempfile::TempDir,
    prefix: String,
}

/// What a search came to.
pub(super) struct Searched {
    pub(super) hits: Vec<Hit>,
    pub(super) bytes: usize,
    pub(super) places: usize,
}

impl Places {
    pub(super) fn of(platform: &Platform) -> Places {
        let prefix =
            platform.environment.iter().find(|(name, _)| *name == "DAYBOOK_KAFKA_TOPIC_PREFIX").unwrap().1.clone();
        Places { kept: Mutex::default(), written: testkit::scratch(), prefix }
    }

    /// Keeps what was printed or answered.
    pub(super) fn keep(&self, place: &str, bytes: &[u8]) {
        self.kept.lock().unwrap().push((place.to_owned(), bytes.to_vec()));
    }

    /// A folder for files that are searched.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.written.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Lets the platform die as a fault in memory would, on a machine that writes core dumps, and keeps the dump if it wrote one.
    pub(super) async fn crash(&self, up: &mut Daybook) {
        let control = self.folder("control");
        let script = "ulimit -c unlimited; kill -s ABRT $$";
        let _crashed = Command::new("sh").args(["-c", script]).current_dir(&control).status().unwrap();
        if files(&control).is_empty() {
            println!("this machine writes no core dumps where a test can find them");
        }
        let id = up.id().to_string();
        let allowed = Command::new("prlimit").args(["--core=unlimited:unlimited", "--pid", &id]).status().unwrap();
        assert!(allowed.success());
        assert!(Command::new("kill").args(["-s", "ABRT", &id]).status().unwrap().success());
        up.ended(LONG).await.unwrap();
        let dumps = files(up.folder()).into_iter().filter(|path| name_of(path).starts_with("core"));
        for dump in dumps {
            self.keep("a core dump", &std::fs::read(dump).unwrap());
        }
    }

    /// Looks everywhere.
    pub(super) async fn search(&self, platform: &Platform, search: &Search) -> Searched {
        let mut searched = Searched { hits: Vec::new(), bytes: 0, places: 0 };
        let mut look = |place: &str, bytes: &[u8]| {
            searched.bytes += bytes.len();
            searched.places += 1;
            searched.hits.extend(search.look(place, bytes).into_iter().take(3));
        };
        for (place, bytes) in self.kept.lock().unwrap().iter() {
            look(place, bytes);
        }
        for record in platform.records().await {
            let headers: String = record.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
            look("a record's headers and key", format!("{headers}{}", record.tenant).as_bytes());
            look("a record's body", &record.body);
        }
        let mut everywhere = files(&platform.data());
        everywhere.extend(files(self.written.path()));
        if let Some(url) = platform.url() {
            self.dump(url);
            everywhere = files(&platform.data());
            everywhere.extend(files(self.written.path()));
            everywhere.extend(database_files(platform).await);
            everywhere.extend(self.broker_files());
        }
        for path in everywhere {
            // A server removes files while it works.
            if let Ok(bytes) = std::fs::read(&path) {
                look(&path.display().to_string(), &bytes);
            }
        }
        searched
    }

    /// Backups as an operator takes them: as text, and packed.
    fn dump(&self, url: &str) {
        let folder = self.folder("backups");
        for (format, name) in [("plain", "all.sql"), ("custom", "all.dump")] {
            let file = folder.join(name);
            program("pg_dump", &["--format", format, "--file", file.to_str().unwrap(), url]);
        }
    }

    /// The broker's files of this platform's topics, and its log.
    fn broker_files(&self) -> Vec<PathBuf> {
        let Some(servers) = std::env::var_os("DAYBOOK_SERVERS").map(PathBuf::from) else {
            println!("the broker's own files are not searched: DAYBOOK_SERVERS does not say where they are");
            return Vec::new();
        };
        let mut found = vec![servers.join("kafka.log")];
        for entry in std::fs::read_dir(servers.join("kafka")).unwrap().flatten() {
            if name_of(&entry.path()).starts_with(&self.prefix) {
                found.extend(files(&entry.path()));
            }
        }
        assert!(found.len() > 1, "the topics' files are found");
        found
    }
}

/// The database's files, the write-ahead log, its archive if there is one, and the server's log.
async fn database_files(platform: &Platform) -> Vec<PathBuf> {
    let sql = "SELECT current_setting('data_directory'), CAST((SELECT oid FROM pg_database WHERE datname = \
               current_database()) AS TEXT), current_setting('archive_mode')";
    let rows = platform.backend.db.query(sql, vec![]).await.unwrap();
    let data = PathBuf::from(rows[0].text(0).unwrap());
    let home = data.parent().unwrap();
    if rows[0].text(2).unwrap() == "on" {
        archived(platform, &home.join("archive")).await;
    } else {
        println!("the server has no archive of its write-ahead log");
    }
    let mut found = vec![home.join("log")];
    for folder in [
        data.join("base").join(rows[0].text(1).unwrap()),
        data.join("pg_wal"),
        data.join("pg_stat"),
        home.join("archive"),
    ] {
        found.extend(files(&folder));
    }
    found
}

/// Waits until what was written so far is in the archive.
async fn archived(platform: &Platform, archive: &Path) {
    let sql = "SELECT CAST(pg_walfile_name(pg_switch_wal()) AS TEXT)";
    let rows = platform.backend.db.query(sql, vec![]).await.unwrap();
    let last = archive.join(rows[0].text(0).unwrap());
    testkit::wait_until(LONG, async || last.exists()).await.unwrap();
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
