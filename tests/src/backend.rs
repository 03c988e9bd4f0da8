//! A log and a books database of either back end, fresh for one test.

use std::time::Duration;

use event_log::{EventLog, KafkaConfig};
use store::db::{Db, Dialect, Durability};
use store::schema::books_migrations;

/// Which pair of stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Embedded,
    Servers,
}

/// An open log and database. Dropping it removes both.
pub(crate) struct Backend {
    pub(crate) log: EventLog,
    pub(crate) db: Db,
    pub(crate) folder: tempfile::TempDir,
    servers: Option<Servers>,
}

struct Servers {
    database: testkit::TestDatabase,
    brokers: String,
    prefix: String,
}

impl Backend {
    /// Nothing in it yet. `partitions` is how many the topics have.
    pub(crate) async fn fresh(kind: Kind, partitions: u32) -> Backend {
        let folder = testkit::scratch();
        match kind {
            Kind::Embedded => Self::in_folder(folder, partitions).await,
            Kind::Servers => {
                Self::on_servers(testkit::kafka().await, testkit::postgres().await, folder, partitions).await
            }
        }
    }

    /// Files in this folder.
    pub(crate) async fn in_folder(folder: tempfile::TempDir, partitions: u32) -> Backend {
        let log = EventLog::open_sqlite(&folder.path().join("log.db"), partitions).await.unwrap();
        let migrations = books_migrations(Dialect::Sqlite);
        let db = Db::open_sqlite(&folder.path().join("books.db"), Durability::Normal, &migrations).await.unwrap();
        Backend { log, db, folder, servers: None }
    }

    /// On servers of this test's own.
    pub(crate) async fn on(rig: &testkit::Rig, partitions: u32) -> Backend {
        Self::on_servers(rig.brokers(), rig.database_server(), testkit::scratch(), partitions).await
    }

    async fn on_servers(
        kafka: testkit::Kafka,
        postgres: testkit::Postgres,
        folder: tempfile::TempDir,
        partitions: u32,
    ) -> Backend {
        let config = KafkaConfig {
            brokers: kafka.brokers.clone(),
            topic_prefix: kafka.prefix(),
            partitions,
            replication: 1,
            request_timeout: Duration::from_secs(10),
        };
        let log = EventLog::open_kafka(&config).await.unwrap();
        let database = postgres.database().await;
        let migrations = books_migrations(Dialect::Postgres);
        let db = Db::open_postgres(&database.url, "daybook", 8, &migrations).await.unwrap();
        store::finance::install(&db, "daybook").await.unwrap();
        let servers = Servers { database, brokers: config.brokers, prefix: config.topic_prefix };
        Backend { log, db, folder, servers: Some(servers) }
    }

    /// The PostgreSQL database's URL, if that is what it is.
    pub(crate) fn url(&self) -> Option<&str> {
        self.servers.as_ref().map(|servers| servers.database.url.as_str())
    }

    /// How the binary is told where this back end is. Embedded, the servers that the suite itself runs with are unset.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let (postgres, kafka, prefix) = match &self.servers {
            Some(servers) => (servers.database.url.clone(), servers.brokers.clone(), servers.prefix.clone()),
            None => Default::default(),
        };
        vec![
            ("DAYBOOK_POSTGRES", postgres),
            ("DAYBOOK_KAFKA", kafka),
            ("DAYBOOK_KAFKA_TOPIC_PREFIX", prefix),
            ("DAYBOOK_LISTEN", "127.0.0.1:0".to_owned()),
        ]
    }
}
