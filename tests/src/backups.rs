//! Backups through the real binary. The restore drill: a shop is backed up, half of its people are erased, and that old backup is
//! restored with today's keyring into a place where nothing was. It serves nobody until the erasures are applied again; then who
//! was erased is, everybody else is readable, and the books are the same.

mod refusals;

use std::path::Path;
use std::time::Duration;

use sample_shop::{Endpoint, Plan, generate};
use serde_json::Value;
use testkit::{Daybook, scratch};

use crate::backend::{Backend, Kind};

const LONG: Duration = Duration::from_secs(120);

/// What a command printed, and how it ended.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// Asserts that the command was refused, and with these words.
    fn refused(&self, words: &str) {
        assert!(self.code == Some(1) && self.err.contains(words), "`{words}` is not in {}{}", self.out, self.err);
    }
}

/// A platform that the binary runs on, or a place for one.
struct Site {
    data: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
    _servers: Option<Backend>,
}

impl Site {
    /// A place where nothing is yet.
    async fn fresh(kind: Kind) -> Site {
        let servers = match kind {
            Kind::Embedded => None,
            Kind::Servers => Some(Backend::fresh(kind, 2).await),
        };
        let mut environment = servers.as_ref().map(Backend::environment).unwrap_or_default();
        if servers.is_none() {
            environment.extend([("DAYBOOK_KAFKA", String::new()), ("DAYBOOK_POSTGRES", String::new())]);
        }
        environment.push(("DAYBOOK_PARTITIONS", "2".to_owned()));
        Site { data: scratch(), environment, _servers: servers }
    }

    /// The same with root key and keyring of another, which are in no backup.
    async fn with_keyring_of(kind: Kind, other: &Site) -> Site {
        let mut site = Site::fresh(kind).await;
        let path = |name: &str| other.data.path().join(name).display().to_string();
        site.environment.extend([("DAYBOOK_ROOT_KEY", path("root.key")), ("DAYBOOK_KEYRING", path("epochs"))]);
        site
    }

    async fn run(&self, args: &[&str]) -> Ran {
        let environment: Vec<(&str, &str)> = self.environment.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let mut running = Daybook::start(self.data.path(), args, &environment).unwrap();
        let status = running.ended(LONG).await.unwrap();
        Ran { code: status.code(), out: running.stdout(), err: running.stderr() }
    }

    /// What an order says of its people: `masked` if their boxes open, `erased`.
    async fn people(&self, orders: &[String]) -> Vec<String> {
        let mut states = Vec::new();
        for order in orders {
            let shown = self.run(&["show", "order", order, "--json"]).await.json();
            states.push(shown["people"][0]["state"].as_str().unwrap_or("nobody").to_owned());
        }
        states
    }

    /// The hash of all books and read models, which folding them again does not change.
    async fn books(&self) -> Value {
        let rebuilt = self.run(&["rebuild", "--all", "--json"]).await.json();
        assert_eq!(rebuilt["same"], true, "{rebuilt}");
        rebuilt["after"].clone()
    }

    /// The names of what lies in the data folder.
    fn files(&self) -> Vec<String> {
        names(self.data.path())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// Opens a shop and takes some orders of people; gives the ids of those orders.
async fn play(site: &Site, orders: u32) -> Vec<String> {
    let files = scratch();
    let workload = generate(&Plan { orders, malformed_percent: 0, duplicates_percent: 0, ..Plan::default() });
    for (index, delivery) in workload.deliveries.iter().enumerate() {
        if matches!(delivery.endpoint, Endpoint::Shopify { topic: "orders/create" }) {
            std::fs::write(files.path().join(format!("{index}.json")), &delivery.body).unwrap();
        }
    }
    site.run(&["tenant", "add", "kohsar", "--json"]).await.json();
    site.run(&["import", "shopify-orders", files.path().to_str().unwrap(), "--json"]).await.json();
    let mut ids: Vec<String> = workload.people.iter().map(|person| person.order_id.to_string()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Folders for log and keys, and who may open what is in them.
struct Vault {
    folder: tempfile::TempDir,
    recipient: String,
}

impl Vault {
    async fn new(site: &Site) -> Vault {
        let folder = with_both_folders();
        let made = site.run(&["backup", "identity", &text(&folder.path().join("identity")), "--json"]).await.json();
        Vault { recipient: made["recipient"].as_str().unwrap().to_owned(), folder }
    }

    /// Other folders, whose files the same identity opens.
    fn another(&self) -> Vault {
        let other = Vault { folder: with_both_folders(), recipient: self.recipient.clone() };
        std::fs::copy(self.identity(), other.identity()).unwrap();
        other
    }

    fn identity(&self) -> String {
        text(&self.folder.path().join("identity"))
    }

    /// Both files; gives their paths.
    async fn back_up(&self, site: &Site) -> [String; 2] {
        let [log, keys] = ["log", "keys"].map(|name| text(&self.folder.path().join(name)));
        let to = ["backup", "--log-to", &log, "--keys-to", &keys, "--recipient", &self.recipient];
        let made = site.run(&[&to[..], &["--identity", &self.identity(), "--json"]].concat()).await.json();
        assert!(made["log"]["decrypted"] == true && made["keys"]["decrypted"] == true, "{made}");
        ["log", "keys"].map(|name| made[name]["file"].as_str().unwrap().to_owned())
    }

    async fn restore(&self, site: &Site, [log, keys]: &[String; 2]) -> Ran {
        site.run(&["restore", "--log-file", log, "--keys-file", keys, "--identity", &self.identity(), "--json"]).await
    }
}

fn with_both_folders() -> tempfile::TempDir {
    let folder = scratch();
    for name in ["log", "keys"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    folder
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Backs a shop up, erases every second of its people, and restores the backup elsewhere.
async fn drill(from: Kind, to: Kind, orders: u32) {
    let shop = Site::fresh(from).await;
    let ids = play(&shop, orders).await;
    assert!(shop.people(&ids).await.iter().all(|state| state == "masked"), "all of them open");
    let vault = Vault::new(&shop).await;
    let files = vault.back_up(&shop).await;
    let mut erased = 0;
    for id in ids.iter().step_by(2) {
        let receipt = shop.run(&["erase", "--order", id, "--yes", "--json"]).await.json();
        erased += u64::from(receipt["already"] == false);
    }
    let (expected, books) = (shop.people(&ids).await, shop.books().await);
    assert!(
        expected.iter().step_by(2).all(|state| state == "erased") && expected.iter().any(|state| state == "masked")
    );

    let place = Site::with_keyring_of(to, &shop).await;
    let restored = vault.restore(&place, &files).await.json();
    for refused in [&["show", "order", &ids[0]][..], &["up", "--listen", "127.0.0.1:0"], &["rebuild", "--all"]] {
        place.run(refused).await.refused("daybook privacy reapply");
    }
    let again = vault.restore(&place, &files).await;
    again.refused(if to == Kind::Embedded { "is there already" } else { "is not empty" });

    let done = place.run(&["privacy", "reapply", "--json"]).await.json();
    assert_eq!((done["applied"].as_u64(), done["announced"].as_u64()), (Some(erased), Some(erased)), "{done}");
    assert_eq!(place.books().await, books, "{from:?} to {to:?}: the same books");
    assert_eq!(place.people(&ids).await, expected);
    assert_eq!(place.run(&["verify", "--json"]).await.json()["holds"], true);
    println!(
        "{from:?} to {to:?}: {} records and {} rows restored in {} ms, {erased} erasures applied again in {} ms; 0 of them readable",
        restored["log"]["records"], restored["keys"]["rows"], restored["milliseconds"], done["milliseconds"]
    );
}

#[tokio::test]
async fn an_old_backup_undoes_no_erasure_embedded() {
    drill(Kind::Embedded, Kind::Embedded, 24).await;
}

#[tokio::test]
async fn an_old_backup_undoes_no_erasure_with_servers() {
    drill(Kind::Servers, Kind::Servers, 12).await;
}

#[tokio::test]
async fn a_backup_of_files_is_restored_into_servers() {
    drill(Kind::Embedded, Kind::Servers, 12).await;
}

/// Nobody was erased since: it serves once somebody has made sure of that.
#[tokio::test]
async fn a_restored_platform_is_looked_after_before_it_serves() {
    let shop = Site::fresh(Kind::Embedded).await;
    let ids = play(&shop, 3).await;
    let vault = Vault::new(&shop).await;
    let files = vault.back_up(&shop).await;
    for file in &files {
        let read = shop.run(&["backup", "verify", file, "--identity", &vault.identity(), "--json"]).await.json();
        assert!(read["rows"].as_u64() > Some(0), "{read}");
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    let place = Site::with_keyring_of(Kind::Embedded, &shop).await;
    vault.restore(&place, &files).await.json();
    place.run(&["show", "order", &ids[0]]).await.refused("daybook privacy reapply");
    assert_eq!(place.run(&["privacy", "reapply", "--json"]).await.json()["applied"], 0);
    assert_eq!(place.books().await, shop.books().await);
    assert_eq!(place.people(&ids).await, shop.people(&ids).await);
}
