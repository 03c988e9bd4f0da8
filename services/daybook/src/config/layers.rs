//! Where values come from, weakest first: defaults, `daybook.toml`, `DAYBOOK_*` variables, flags.

use std::path::{Path, PathBuf};

use clap::Args;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::ConfigError;

/// The folder of the embedded back end when nothing says otherwise, relative to where the program is started.
const DEFAULT_DATA: &str = ".daybook";

/// What is logged when nothing says otherwise. Writers of an SQLite file queue in the ordinary course of things, which the
/// pool would warn of.
const DEFAULT_LOG: &str = "warn,sqlx::pool=error,daybook=info,ingest=info,processor=info,privacy=info";

/// The file that is looked for in the data folder.
const FILE: &str = "daybook.toml";

/// The flags that set configuration; every command takes them. Kept as texts, so that a wrong one is refused like a
/// wrong line in the file: with its origin and the fix.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings (each also in daybook.toml and as DAYBOOK_…)")]
pub(crate) struct Flags {
    /// Folder of the embedded back end, of `daybook.toml` and of the root key [default: .daybook]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<String>,
    /// Configuration file [default: DATA/daybook.toml if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<String>,
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:8377]
    #[arg(long, global = true, value_name = "IP:PORT")]
    pub(crate) listen: Option<String>,
    /// Kafka brokers; together with --postgres
    #[arg(long, global = true, value_name = "HOST:PORT,…")]
    pub(crate) kafka: Option<String>,
    /// PostgreSQL URL for the books; together with --kafka
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) postgres: Option<String>,
    /// PostgreSQL URL for the keys [default: that of the books]
    #[arg(long, global = true, value_name = "URL", hide_short_help = true)]
    pub(crate) keys_postgres: Option<String>,
    /// Schema for the books; the keys' is this with `_keys` [default: daybook]
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub(crate) postgres_schema: Option<String>,
    /// Goes before every topic's name [default: nothing]
    #[arg(long, global = true, value_name = "TEXT", hide_short_help = true)]
    pub(crate) kafka_topic_prefix: Option<String>,
    /// Partitions of a new log [default: 8]
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    pub(crate) partitions: Option<String>,
    /// Copies of a new topic; -1 leaves it to the broker [default: -1]
    #[arg(long, global = true, value_name = "N", hide_short_help = true, allow_hyphen_values = true)]
    pub(crate) replication: Option<String>,
    /// Root key file [default: DATA/root.key]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) root_key: Option<String>,
    /// Who seals the root key: `file` (nobody), `aws-kms:` and a key's ARN or alias/NAME, `vault:` and MOUNT/KEY of its transit engine [default: file]
    #[arg(long, global = true, value_name = "SERVICE", hide_short_help = true)]
    pub(crate) root_key_service: Option<String>,
    /// Folder of the epoch keys, which no backup may contain [default: `epochs` beside the root key]
    #[arg(long, global = true, value_name = "DIR", hide_short_help = true)]
    pub(crate) keyring: Option<String>,
    /// Hours until the next key epoch begins [default: 24]
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    pub(crate) epoch_hours: Option<String>,
    /// Days for which a backup of the key store can be restored; then its epoch is destroyed and nothing in it opens; counts for epochs that begin afterwards; 0 keeps none, 366 is the most [default: 30]
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    pub(crate) backup_days: Option<String>,
    /// Where the servers are, such as `Pakistan`: for the register of processing [default: not stated]
    #[arg(long, global = true, value_name = "PLACE", hide_short_help = true)]
    pub(crate) servers_in: Option<String>,
    /// Log filter, such as `info` or `warn,ingest=debug`
    #[arg(long, global = true, value_name = "FILTER", hide_short_help = true)]
    pub(crate) log: Option<String>,
    /// `text` or `json` [default: text]
    #[arg(long, global = true, value_name = "FORMAT", hide_short_help = true)]
    pub(crate) log_format: Option<String>,
    /// Workers that fold the books [default: 2]
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    pub(crate) workers: Option<String>,
    /// Records in a batch of the processor, at most [default: 4000]
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    pub(crate) batch: Option<String>,
    /// Bytes of records in a batch of the processor, at most; a larger record comes alone [default: 8388608]
    #[arg(long, global = true, value_name = "BYTES", hide_short_help = true)]
    pub(crate) batch_bytes: Option<String>,
    /// Seconds after which a processor that is not heard of loses its partitions to others; brokers refuse less than 6 unless told otherwise [default: 10]
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    pub(crate) session_seconds: Option<String>,
    /// Largest body that is taken, in bytes [default: 4194304]
    #[arg(long, global = true, value_name = "BYTES", hide_short_help = true)]
    pub(crate) max_body: Option<String>,
    /// Webhooks of one merchant that each process takes in a second, over ten seconds; more are answered 429; 0 takes as many as come; `daybook tenant rate` sets another for one merchant [default: 0]
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    pub(crate) tenant_per_second: Option<String>,
}

/// What every setting is: its name and whether it is a number.
const KEYS: [(&str, bool); 23] = [
    ("data", false),
    ("listen", false),
    ("kafka", false),
    ("postgres", false),
    ("keys_postgres", false),
    ("postgres_schema", false),
    ("kafka_topic_prefix", false),
    ("partitions", true),
    ("replication", true),
    ("root_key", false),
    ("root_key_service", false),
    ("keyring", false),
    ("epoch_hours", true),
    ("backup_days", true),
    ("servers_in", false),
    ("log", false),
    ("log_format", false),
    ("workers", true),
    ("batch", true),
    ("batch_bytes", true),
    ("session_seconds", true),
    ("max_body", true),
    ("tenant_per_second", true),
];

/// A setting as `doctor` lists it; secrets are masked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Shown {
    /// Its name.
    pub(crate) key: &'static str,
    /// What is in force.
    pub(crate) value: String,
    /// Where it came from.
    pub(crate) origin: String,
}

/// Values of one origin.
struct Layer {
    origin: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// All layers, the stronger over the weaker.
pub(super) fn gather(flags: &Flags, environment: &dyn Fn(&str) -> Option<String>) -> Result<Figment, ConfigError> {
    let variable = |key: &str| environment(&variable_name(key)).filter(|value| !value.is_empty());
    let (file, must_exist) = file_to_read(flags, &variable);
    let mut layers = vec![defaults()];
    layers.extend(read_file(&file, must_exist)?);
    for (key, number) in KEYS {
        let origin = || format!("environment variable {}", variable_name(key));
        layers.extend(variable(key).map(|text| one(origin(), key, number, &text)));
    }
    for (key, number) in KEYS {
        let origin = || format!("flag --{}", key.replace('_', "-"));
        layers.extend(flags.get(key).map(|text| one(origin(), key, number, text)));
    }
    Ok(layers.into_iter().fold(Figment::new(), Figment::merge))
}

fn variable_name(key: &str) -> String {
    format!("DAYBOOK_{}", key.to_ascii_uppercase())
}

fn defaults() -> Layer {
    let texts = [
        ("data", DEFAULT_DATA),
        ("listen", "127.0.0.1:8377"),
        ("postgres_schema", "daybook"),
        ("kafka_topic_prefix", ""),
        ("root_key_service", "file"),
        ("log", DEFAULT_LOG),
        ("log_format", "text"),
    ];
    let numbers = [
        ("replication", -1_i64),
        ("epoch_hours", 24),
        ("backup_days", 30),
        ("batch", 4_000),
        ("batch_bytes", 8 << 20),
        ("session_seconds", 10),
        ("max_body", 4 << 20),
        ("tenant_per_second", 0),
    ];
    let texts = texts.map(|(key, text)| (key.to_owned(), Value::from(text)));
    let numbers = numbers.map(|(key, number)| (key.to_owned(), Value::from(number)));
    Layer { origin: "default".to_owned(), values: texts.into_iter().chain(numbers).collect() }
}

/// The file, and whether somebody named it, so that it has to be there.
fn file_to_read(flags: &Flags, variable: &dyn Fn(&str) -> Option<String>) -> (PathBuf, bool) {
    if let Some(named) = flags.config.clone().or_else(|| variable("config")) {
        return (named.into(), true);
    }
    let data = flags.data.clone().or_else(|| variable("data")).unwrap_or_else(|| DEFAULT_DATA.to_owned());
    (Path::new(&data).join(FILE), false)
}

fn read_file(path: &Path, must_exist: bool) -> Result<Option<Layer>, ConfigError> {
    let origin = format!("file {}", path.display());
    let refused = |problem: String, fix: &str| ConfigError {
        key: "config".to_owned(),
        origin: origin.clone(),
        problem,
        fix: fix.to_owned(),
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => return Ok(None),
        Err(error) => return Err(refused(error.to_string(), "name a readable file with --config, or leave it out")),
    };
    // The library's own text would quote the line, which may hold a password.
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| text.get(..span.start).map_or(1, |before| before.split('\n').count()));
        refused(format!("line {line} is not TOML: {}", error.message()), "write it as `key = \"value\"`")
    })?;
    let values = Value::serialize(&table).ok().and_then(Value::into_dict).unwrap_or_default();
    Ok(Some(Layer { origin, values }))
}

fn one(origin: String, key: &str, number: bool, text: &str) -> Layer {
    // A number that is none stays a text, and is then refused where all values are checked.
    let value = match text.trim().parse::<i64>() {
        Ok(parsed) if number => Value::from(parsed),
        _ => Value::from(text),
    };
    Layer { origin, values: Dict::from([(key.to_owned(), value)]) }
}

impl Flags {
    fn get(&self, key: &str) -> Option<&str> {
        let flag = match key {
            "data" => &self.data,
            "listen" => &self.listen,
            "kafka" => &self.kafka,
            "postgres" => &self.postgres,
            "keys_postgres" => &self.keys_postgres,
            "postgres_schema" => &self.postgres_schema,
            "kafka_topic_prefix" => &self.kafka_topic_prefix,
            "partitions" => &self.partitions,
            "replication" => &self.replication,
            "root_key" => &self.root_key,
            "root_key_service" => &self.root_key_service,
            "keyring" => &self.keyring,
            "epoch_hours" => &self.epoch_hours,
            "backup_days" => &self.backup_days,
            "servers_in" => &self.servers_in,
            "log" => &self.log,
            "log_format" => &self.log_format,
            "workers" => &self.workers,
            "batch" => &self.batch,
            "batch_bytes" => &self.batch_bytes,
            "session_seconds" => &self.session_seconds,
            "max_body" => &self.max_body,
            "tenant_per_second" => &self.tenant_per_second,
            _ => &None,
        };
        flag.as_deref()
    }
}

/// The names of all settings.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KEYS.into_iter().map(|(name, _)| name)
}
