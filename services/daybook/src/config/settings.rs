//! The settings in force, checked.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use event_log::KafkaConfig;
use figment::Figment;
use figment::error::Kind;
use root_keys::RootKeyService;
use secrecy::SecretString;
use serde::Deserialize;
use store::keys::Schedule;
use tracing_subscriber::EnvFilter;

use super::layers::names;
use super::{ConfigError, Shown};

/// A year. Whoever is erased is so for good only when the backups have expired, and no law waits for longer than that.
const MOST_BACKUP_DAYS: u32 = 366;

/// Everything this process is told.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The data folder.
    pub(crate) data: PathBuf,
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Files or servers.
    pub(crate) backend: Backend,
    /// The root key's file.
    pub(crate) root_key: PathBuf,
    /// Who seals what is in that file.
    pub(crate) root_key_service: RootKeyService,
    /// The folder of the epoch keys.
    pub(crate) keyring: PathBuf,
    /// How long key epochs last, and how long a backup of the key store is kept.
    pub(crate) schedule: Schedule,
    /// Where the servers are, if somebody said so.
    pub(crate) servers_in: Option<String>,
    /// The log filter.
    pub(crate) log: String,
    /// How log lines are written.
    pub(crate) log_format: LogFormat,
    /// Workers per projection; None leaves it to the processor.
    pub(crate) workers: Option<u32>,
    /// Records in a batch of the processor.
    pub(crate) batch: usize,
    /// Bytes of records in a batch of the processor.
    pub(crate) batch_bytes: usize,
    /// How long a processor may be silent before others are given its partitions.
    pub(crate) session: Duration,
    /// Bytes of the largest body that is taken.
    pub(crate) max_body: usize,
    /// Webhooks of one merchant that are taken in a second; 0 is as many as come.
    pub(crate) tenant_per_second: u32,
    /// All of it with origins, for `doctor`.
    pub(crate) shown: Vec<Shown>,
}

/// Where log, books and keys are.
#[derive(Debug, Clone)]
pub(crate) enum Backend {
    /// SQLite files in the data folder.
    Embedded {
        /// Partitions of a new log.
        partitions: u32,
    },
    /// Kafka and PostgreSQL.
    Servers {
        /// The log.
        kafka: KafkaConfig,
        /// The books' database.
        postgres: SecretString,
        /// The books' schema.
        schema: String,
        /// The keys' database.
        keys_postgres: SecretString,
    },
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    data: PathBuf,
    listen: String,
    kafka: Option<String>,
    postgres: Option<String>,
    keys_postgres: Option<String>,
    postgres_schema: String,
    kafka_topic_prefix: String,
    partitions: Option<u32>,
    replication: i16,
    root_key: Option<PathBuf>,
    root_key_service: String,
    keyring: Option<PathBuf>,
    epoch_hours: u32,
    backup_days: u32,
    servers_in: Option<String>,
    log: String,
    log_format: String,
    workers: Option<u32>,
    batch: usize,
    batch_bytes: usize,
    session_seconds: u32,
    max_body: usize,
    tenant_per_second: u32,
}

/// Checks what the layers say.
pub(super) fn resolve(layers: &Figment) -> Result<Settings, ConfigError> {
    let raw: Raw = layers.extract().map_err(|error| refused_by_type(layers, &error))?;
    let backend = backend(layers, &raw)?;
    if EnvFilter::try_new(&raw.log).is_err() {
        return Err(refused(
            layers,
            "log",
            "is not a log filter",
            "use a level such as `info`, or `warn,ingest=debug`",
        ));
    }
    let session = raw.session_seconds as usize;
    for (key, number) in [
        ("batch", raw.batch),
        ("batch_bytes", raw.batch_bytes),
        ("session_seconds", session),
        ("max_body", raw.max_body),
    ] {
        if number == 0 {
            return Err(refused(layers, key, "is zero", "use a number above zero"));
        }
    }
    if raw.workers == Some(0) {
        return Err(refused(layers, "workers", "is zero", "use 1 or more, or leave it out"));
    }
    if raw.epoch_hours == 0 {
        return Err(refused(layers, "epoch_hours", "is zero", "use 1 or more; 24 begins an epoch every day"));
    }
    if raw.backup_days > MOST_BACKUP_DAYS {
        let fix = "use 366 or less: who is erased can be found in a backup for as long; copies of books are exports";
        return Err(refused(layers, "backup_days", "is more than a year", fix));
    }
    Ok(Settings {
        listen: listen(layers, &raw.listen)?,
        log_format: log_format(layers, &raw.log_format)?,
        shown: names().map(|key| shown(layers, key, &raw, &backend)).collect(),
        root_key: root_key(&raw),
        root_key_service: root_key_service(layers, &raw.root_key_service)?,
        keyring: keyring(&raw),
        schedule: Schedule {
            epoch: Duration::from_secs(3_600 * u64::from(raw.epoch_hours)),
            backups: Duration::from_secs(86_400 * u64::from(raw.backup_days)),
        },
        data: raw.data,
        servers_in: raw.servers_in,
        backend,
        log: raw.log,
        workers: raw.workers,
        batch: raw.batch,
        batch_bytes: raw.batch_bytes,
        session: Duration::from_secs(raw.session_seconds.into()),
        max_body: raw.max_body,
        tenant_per_second: raw.tenant_per_second,
    })
}

fn root_key(raw: &Raw) -> PathBuf {
    raw.root_key.clone().unwrap_or_else(|| raw.data.join("root.key"))
}

fn root_key_service(layers: &Figment, text: &str) -> Result<RootKeyService, ConfigError> {
    let fix = "use `file`, `aws-kms:` and a key's ARN or alias/NAME, or `vault:` and MOUNT/KEY";
    text.trim().parse().map_err(|_| refused(layers, "root_key_service", "is no root key service", fix))
}

fn keyring(raw: &Raw) -> PathBuf {
    raw.keyring.clone().unwrap_or_else(|| root_key(raw).with_file_name("epochs"))
}

fn listen(layers: &Figment, text: &str) -> Result<SocketAddr, ConfigError> {
    let fix = "use an IP address and a port, such as 127.0.0.1:8377";
    text.parse().map_err(|_| refused(layers, "listen", "is not an address", fix))
}

fn log_format(layers: &Figment, text: &str) -> Result<LogFormat, ConfigError> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(refused(layers, "log_format", "is no format", "use `text` or `json`")),
    }
}

/// Kafka and PostgreSQL go together: a log on servers with books in a file, or the other way round, would be neither a
/// trial nor production.
fn backend(layers: &Figment, raw: &Raw) -> Result<Backend, ConfigError> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    if raw.partitions == Some(0) {
        return Err(refused(layers, "partitions", "is zero", "use 1 or more, or leave it out"));
    }
    match (given(&raw.kafka), given(&raw.postgres)) {
        (None, None) => Ok(Backend::Embedded { partitions: raw.partitions.unwrap_or(8) }),
        (Some(brokers), Some(postgres)) => Ok(Backend::Servers {
            kafka: KafkaConfig {
                brokers,
                topic_prefix: raw.kafka_topic_prefix.clone(),
                partitions: raw.partitions.unwrap_or(8),
                replication: raw.replication,
                request_timeout: Duration::from_secs(10),
            },
            schema: raw.postgres_schema.clone(),
            keys_postgres: given(&raw.keys_postgres).unwrap_or_else(|| postgres.clone()).into(),
            postgres: postgres.into(),
        }),
        (Some(_), None) => Err(missing(layers, "postgres", "kafka")),
        (None, Some(_)) => Err(missing(layers, "kafka", "postgres")),
    }
}

fn missing(layers: &Figment, key: &str, because: &str) -> ConfigError {
    ConfigError {
        key: key.to_owned(),
        origin: "nowhere".to_owned(),
        problem: format!("is missing, although `{because}` is set by {}", origin(layers, because)),
        fix: format!("set both `kafka` and `postgres` for servers (--{key} …), or neither for the embedded back end"),
    }
}

fn refused(layers: &Figment, key: &str, problem: &str, fix: &str) -> ConfigError {
    ConfigError { key: key.to_owned(), origin: origin(layers, key), problem: problem.to_owned(), fix: fix.to_owned() }
}

fn origin(layers: &Figment, key: &str) -> String {
    layers.find_metadata(key).map_or_else(|| "default".to_owned(), |found| found.name.to_string())
}

/// What the library says of a value's type, without the value.
fn refused_by_type(layers: &Figment, error: &figment::Error) -> ConfigError {
    let key = error.path.join(".");
    match &error.kind {
        Kind::UnknownField(name, known) => {
            let fix = format!("remove it, or use one of: {}", known.join(", "));
            refused(layers, name, "is not a setting", &fix)
        }
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            refused(layers, &key, &format!("is not {expected}"), "correct it, or remove it to use the default")
        }
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => {
            refused(layers, &key, "is out of range", "correct it, or remove it to use the default")
        }
        _ => refused(layers, &key, "cannot be read", "correct it, or remove it to use the default"),
    }
}

fn shown(layers: &Figment, key: &'static str, raw: &Raw, backend: &Backend) -> Shown {
    let text = |text: &Option<String>| text.as_deref().map_or_else(|| "not set".to_owned(), masked);
    let value = match key {
        "data" => raw.data.display().to_string(),
        "listen" => raw.listen.clone(),
        "kafka" => text(&raw.kafka),
        "postgres" => text(&raw.postgres),
        "keys_postgres" => text(&raw.keys_postgres.clone().or_else(|| raw.postgres.clone())),
        "postgres_schema" => raw.postgres_schema.clone(),
        "kafka_topic_prefix" => raw.kafka_topic_prefix.clone(),
        "partitions" => match backend {
            Backend::Embedded { partitions } => partitions.to_string(),
            Backend::Servers { kafka, .. } => kafka.partitions.to_string(),
        },
        "replication" => raw.replication.to_string(),
        "root_key" => root_key(raw).display().to_string(),
        "root_key_service" => raw.root_key_service.clone(),
        "keyring" => keyring(raw).display().to_string(),
        "epoch_hours" => raw.epoch_hours.to_string(),
        "backup_days" => raw.backup_days.to_string(),
        "servers_in" => raw.servers_in.clone().unwrap_or_else(|| "not stated".to_owned()),
        "log" => raw.log.clone(),
        "log_format" => raw.log_format.clone(),
        "workers" => raw.workers.unwrap_or(processor::Config::default().workers).to_string(),
        "batch" => raw.batch.to_string(),
        "batch_bytes" => raw.batch_bytes.to_string(),
        "session_seconds" => raw.session_seconds.to_string(),
        "max_body" => raw.max_body.to_string(),
        _ => raw.tenant_per_second.to_string(),
    };
    Shown { key, value, origin: origin(layers, key) }
}

/// A URL without its password and without its query, which may hold one as well; any other text as it is.
fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, "?***"));
    let rest = match rest.rsplit_once('@') {
        Some((user, host)) => {
            format!("{}@{host}", user.split_once(':').map_or(user.to_owned(), |(user, _)| format!("{user}:***")))
        }
        None => rest.to_owned(),
    };
    format!("{scheme}://{rest}{query}")
}

impl Settings {
    /// The same with another folder and a free port: what a demo uses. The keys go along, and no service is asked for them.
    pub(crate) fn moved_to(&self, data: &Path) -> Settings {
        Settings {
            data: data.to_owned(),
            root_key: data.join("root.key"),
            root_key_service: RootKeyService::File,
            keyring: data.join("epochs"),
            listen: SocketAddr::new(self.listen.ip(), 0),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn a_password_is_never_shown() {
        for (url, expected) in [
            ("postgres://anna:geheim@db:5432/books", "postgres://anna:***@db:5432/books"),
            ("postgres://anna@db/books?password=geheim", "postgres://anna@db/books?***"),
            ("postgres://a:p@ss@db/books", "postgres://a:***@db/books"),
            ("127.0.0.1:9092", "127.0.0.1:9092"),
        ] {
            assert_eq!(masked(url), expected);
        }
    }
}
