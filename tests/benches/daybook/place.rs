//! A log and a books database of either back end, fresh for one measure, and how another process opens the same.

use std::path::PathBuf;
use std::time::Duration;

use event_log::{EventLog, KafkaConfig};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use store::db::{Db, Dialect, Durability};
use store::keys::{KeyStore, Keyring, Schedule};
use store::schema::{books_migrations, keys_migrations};
use subject_keys::RootKey;

/// Which pair of stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// SQLite files.
    Embedded,
    /// Kafka and PostgreSQL.
    Servers,
}

impl Kind {
    pub(crate) const BOTH: [Kind; 2] = [Kind::Embedded, Kind::Servers];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Embedded => "embedded",
            Kind::Servers => "servers",
        }
    }
}

/// Where they are, with the number of partitions `daybook` gives them by default.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Place {
    Embedded { folder: PathBuf },
    Servers { brokers: String, prefix: String, url: String },
}

impl Place {
    /// What tells `daybook` where it is.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let (kafka, prefix, postgres) = match self {
            Place::Embedded { .. } => Default::default(),
            Place::Servers { brokers, prefix, url } => (brokers.clone(), prefix.clone(), url.clone()),
        };
        vec![
            ("DAYBOOK_KAFKA", kafka),
            ("DAYBOOK_KAFKA_TOPIC_PREFIX", prefix),
            ("DAYBOOK_POSTGRES", postgres),
            ("DAYBOOK_LISTEN", "127.0.0.1:0".to_owned()),
        ]
    }

    pub(crate) async fn open(&self) -> anyhow::Result<(EventLog, Db)> {
        match self {
            Place::Embedded { folder } => {
                let log = EventLog::open_sqlite(&folder.join("log.db"), 8).await?;
                let migrations = books_migrations(Dialect::Sqlite);
                Ok((log, Db::open_sqlite(&folder.join("books.db"), Durability::Normal, &migrations).await?))
            }
            Place::Servers { brokers, prefix, url } => {
                let config = KafkaConfig {
                    brokers: brokers.clone(),
                    topic_prefix: prefix.clone(),
                    partitions: 8,
                    replication: 1,
                    request_timeout: Duration::from_secs(10),
                };
                let log = EventLog::open_kafka(&config).await?;
                let migrations = books_migrations(Dialect::Postgres);
                Ok((log, Db::open_postgres(url, "daybook", 8, &migrations).await?))
            }
        }
    }
}

impl Fresh {
    /// A key store as `daybook` opens it, with a keyring in the place's folder. Its epochs begin at the beginning of time.
    pub(crate) async fn key_store(&self) -> anyhow::Result<KeyStore> {
        let (day, folder) = (Duration::from_secs(86_400), self.folder.path());
        let keyring = Keyring::in_folder(RootKey::from_bytes([7; 32]), &folder.join("epochs"));
        let db = match &self.place {
            Place::Embedded { .. } => {
                Db::open_sqlite(&folder.join("keys.db"), Durability::Full, &keys_migrations(Dialect::Sqlite)).await?
            }
            Place::Servers { url, .. } => {
                Db::open_postgres(url, "keys", 8, &keys_migrations(Dialect::Postgres)).await?
            }
        };
        Ok(KeyStore::open(db, keyring, Schedule { epoch: day, backups: day }, Timestamp(0)).await?)
    }
}

/// A place made for one measure. Dropping it removes its folder and its database; its topics go with the broker.
pub(crate) struct Fresh {
    pub(crate) place: Place,
    pub(crate) folder: tempfile::TempDir,
    _database: Option<testkit::TestDatabase>,
}

impl Fresh {
    /// An empty database over the log that another place has.
    pub(crate) async fn over(filled: &Place) -> anyhow::Result<Fresh> {
        let folder = testkit::scratch();
        match filled {
            Place::Embedded { folder: with_log } => {
                // SQLite follows the link, and keeps its other files beside the log.
                std::os::unix::fs::symlink(with_log.join("log.db"), folder.path().join("log.db"))?;
                Ok(Fresh { place: Place::Embedded { folder: folder.path().to_owned() }, folder, _database: None })
            }
            Place::Servers { brokers, prefix, .. } => {
                let database = testkit::postgres().await.database().await;
                let (url, brokers, prefix) = (database.url.clone(), brokers.clone(), prefix.clone());
                Ok(Fresh { place: Place::Servers { brokers, prefix, url }, folder, _database: Some(database) })
            }
        }
    }

    pub(crate) async fn new(kind: Kind) -> Fresh {
        let folder = testkit::scratch();
        match kind {
            Kind::Embedded => {
                Fresh { place: Place::Embedded { folder: folder.path().to_owned() }, folder, _database: None }
            }
            Kind::Servers => {
                let kafka = testkit::kafka().await;
                let database = testkit::postgres().await.database().await;
                let url = database.url.clone();
                let place = Place::Servers { prefix: kafka.prefix(), brokers: kafka.brokers, url };
                Fresh { place, folder, _database: Some(database) }
            }
        }
    }
}
