//! The platform at hand: the log, the books and the keys, opened as the configuration says.

use std::path::Path;

use anyhow::{Context, Result, bail};
use event_log::EventLog;
use ledger::Timestamp;
use secrecy::ExposeSecret;
use store::db::{Db, Dialect, Durability, Migration};
use store::keys::{KeyStore, Keyring, OpenKeysError};
use store::schema::{books_migrations, keys_migrations};

use crate::config::{Backend, Settings};

/// PostgreSQL connections for the books: every worker one, the pages and the roles the rest.
const BOOKS_CONNECTIONS: u32 = 16;

/// PostgreSQL connections for the keys.
const KEYS_CONNECTIONS: u32 = 8;

/// Everything a role or a command works on. Clones are cheap.
#[derive(Clone)]
pub(crate) struct Platform {
    /// The facts.
    pub(crate) log: EventLog,
    /// The books and read models.
    pub(crate) db: Db,
    /// The keys.
    pub(crate) keys: KeyStore,
}

impl Platform {
    /// Opens the platform, and makes what is not there yet: folder, files, root key, topics, schemas.
    pub(crate) async fn open_or_create(settings: &Settings) -> Result<Platform> {
        create_private(&settings.data)?;
        let platform = Platform {
            log: open_log(settings).await?,
            db: open_books(settings).await?,
            keys: open_keys(settings).await?,
        };
        platform.require_whole_list().await?;
        Ok(platform)
    }

    /// Where the keyring's list of erasures was deleted or cut, asks the log who was erased: a restored key store could not know.
    async fn require_whole_list(&self) -> Result<()> {
        if !self.keys.lost_its_list().await? {
            return Ok(());
        }
        match crate::privacy::forgotten_of_log(&self.keys, &self.db).await?.len() {
            0 => {}
            forgotten => return Err(refuse_forgotten(OpenKeysError::ForgottenErasures(forgotten))),
        }
        if store::books::are_whole(&self.db).await? {
            self.keys.has_its_list_again().await?;
        }
        Ok(())
    }

    /// Opens a platform that exists to look after it, also one whose key store has forgotten erasures. Nobody's box is to be
    /// opened by it.
    pub(crate) async fn open_for_repair(settings: &Settings) -> Result<Platform> {
        Platform::require(settings)?;
        create_private(&settings.data)?;
        Ok(Platform {
            log: open_log(settings).await?,
            db: open_books(settings).await?,
            keys: open_keys_for_repair(settings).await?,
        })
    }

    /// Opens a platform that exists.
    pub(crate) async fn open(settings: &Settings) -> Result<Platform> {
        Platform::require(settings)?;
        Platform::open_or_create(settings).await
    }

    /// Refuses a folder without a platform: a mistyped name is an error, and not a new and empty platform.
    pub(crate) fn require(settings: &Settings) -> Result<()> {
        let Backend::Embedded { .. } = settings.backend else { return Ok(()) };
        if !settings.data.join("books.db").exists() {
            bail!(
                "there is no daybook in {0}: name its folder with --data, or begin one there with `daybook tenant add NAME --data {0}`",
                settings.data.display()
            );
        }
        Ok(())
    }

    /// How the processor is to run here.
    pub(crate) fn processor_config(&self, settings: &Settings) -> processor::Config {
        let usual = processor::Config::default();
        processor::Config {
            workers: settings.workers.unwrap_or(usual.workers),
            batch: settings.batch,
            batch_bytes: settings.batch_bytes,
            session: settings.session,
            ..usual
        }
    }
}

/// Opens the log.
pub(crate) async fn open_log(settings: &Settings) -> Result<EventLog> {
    let opened = match &settings.backend {
        Backend::Embedded { partitions } => EventLog::open_sqlite(&settings.data.join("log.db"), *partitions).await,
        Backend::Servers { kafka, .. } => EventLog::open_kafka(kafka).await,
    };
    opened.context("the log cannot be opened: check `data` or `kafka` with `daybook doctor`")
}

/// Opens the books and brings their schema up to date, and the finance views over it.
pub(crate) async fn open_books(settings: &Settings) -> Result<Db> {
    let db = books_database(settings, i64::MAX).await?;
    install_views(settings, &db).await;
    Ok(db)
}

/// The books' database with its schema at a version, the latest at most; for who restores what was of that version.
pub(crate) async fn books_database(settings: &Settings, version: i64) -> Result<Db> {
    let opened = match &settings.backend {
        Backend::Embedded { .. } => {
            let path = settings.data.join("books.db");
            let migrations = up_to(version, books_migrations(Dialect::Sqlite));
            Db::open_sqlite(&path, Durability::Normal, &migrations).await
        }
        Backend::Servers { postgres, schema, .. } => {
            let migrations = up_to(version, books_migrations(Dialect::Postgres));
            Db::open_postgres(postgres.expose_secret(), schema, BOOKS_CONNECTIONS, &migrations).await
        }
    };
    opened.context("the books cannot be opened: check `data` or `postgres` with `daybook doctor`")
}

fn up_to(version: i64, mut migrations: Vec<Migration>) -> Vec<Migration> {
    migrations.retain(|migration| migration.version <= version);
    migrations
}

/// The books work without the finance views, and a role without rights to make them must still be able to work.
async fn install_views(settings: &Settings, db: &Db) {
    let Backend::Servers { schema, .. } = &settings.backend else { return };
    if let Err(error) = store::finance::install(db, schema).await {
        let views = store::finance::schema_of(schema);
        tracing::warn!(schema = views, %error, "the finance views could not be made; all else goes on without them");
    }
}

/// Opens the key store with its keyring. Refuses one that has forgotten erasures or decisions.
pub(crate) async fn open_keys(settings: &Settings) -> Result<KeyStore> {
    let (db, keyring) = keys_with_keyring(settings).await?;
    match KeyStore::open(db, keyring, settings.schedule, now()).await {
        Err(
            forgotten @ (OpenKeysError::ForgottenErasures(_)
            | OpenKeysError::ForgottenDecisions(_)
            | OpenKeysError::Restored),
        ) => Err(refuse_forgotten(forgotten)),
        opened => Ok(opened?),
    }
}

/// Why a key store that has forgotten erasures or decisions is refused, and what to do.
pub(crate) fn refuse_forgotten(forgotten: OpenKeysError) -> anyhow::Error {
    anyhow::Error::new(forgotten).context(
        "what needs the key store waits until what it has forgotten is applied again: run `daybook privacy reapply`",
    )
}

/// Opens the key store also if it has forgotten erasures or decisions, for those who open nobody's box.
pub(crate) async fn open_keys_for_repair(settings: &Settings) -> Result<KeyStore> {
    let (db, keyring) = keys_with_keyring(settings).await?;
    Ok(KeyStore::open_for_repair(db, keyring, settings.schedule, now()).await?)
}

async fn keys_with_keyring(settings: &Settings) -> Result<(Db, Keyring)> {
    let db = keys_database(settings, i64::MAX).await?;
    refuse_lost_root(settings, &db).await?;
    let root = root_keys::load_or_create(&settings.root_key, &settings.root_key_service).await?;
    Ok((db, Keyring::in_folder(root, &settings.keyring)))
}

/// The key store's database alone, with its schema at a version, the latest at most: nothing in it opens without the keyring.
pub(crate) async fn keys_database(settings: &Settings, version: i64) -> Result<Db> {
    let opened = match &settings.backend {
        Backend::Embedded { .. } => {
            let path = settings.data.join("keys.db");
            Db::open_sqlite(&path, Durability::Full, &up_to(version, keys_migrations(Dialect::Sqlite))).await
        }
        Backend::Servers { keys_postgres, schema, .. } => {
            let migrations = up_to(version, keys_migrations(Dialect::Postgres));
            let schema = format!("{schema}_keys");
            Db::open_postgres(keys_postgres.expose_secret(), &schema, KEYS_CONNECTIONS, &migrations).await
        }
    };
    opened.context("the key store cannot be opened: check `data` or `keys_postgres` with `daybook doctor`")
}

/// A key store in use whose root key is gone must not get a new one, which could open nothing and would look like the
/// right one.
async fn refuse_lost_root(settings: &Settings, keys: &Db) -> Result<()> {
    // Asked in this order: a process that starts beside this one makes the root key first and its epoch then.
    if keys.query("SELECT epoch FROM epoch LIMIT 1", vec![]).await?.is_empty() || settings.root_key.exists() {
        return Ok(());
    }
    bail!(
        "the root key {} is gone, and without it nothing that was sealed can be read: restore it from its copy",
        settings.root_key.display()
    )
}

/// The data folder holds keys: nobody but its owner has business there.
pub(crate) fn create_private(folder: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("the data folder {} cannot be made: name another with --data", folder.display()))
}

/// The wall clock. Only commands and roles read it; what they call is told the time.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::from(chrono::Utc::now());
    fail::fail_point!("clock", |by| ingest::jumped(now, by));
    now
}
