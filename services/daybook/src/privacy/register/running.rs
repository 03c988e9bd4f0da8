//! What the configuration in force says of processing: for whom, to whom, how long, how it is protected, and where.

use std::net::SocketAddr;

use anyhow::Result;
use secrecy::ExposeSecret;
use store::books::{self, TenantRow};
use store::keys::{Limit, RetentionClass};

use super::Section;
use crate::config::{Backend, Settings};
use crate::output::plural;
use crate::platform::Platform;
use crate::tenant::{POSTEX, SHOPIFY};
use root_keys::RootKeyService;

/// A merchant, as far as the record goes.
#[derive(Debug, Clone)]
pub(super) struct Merchant {
    pub(super) tenant: String,
    pub(super) since: String,
    pub(super) closed: Option<String>,
    /// The senders whose webhooks are taken.
    pub(super) senders: Vec<&'static str>,
    pub(super) limits: Vec<Limit>,
    /// How many of the merchant's staff may see people in clear.
    pub(super) may_reveal: u64,
}

/// The platform, as far as the record goes.
#[derive(Debug, Clone)]
pub(super) struct Running {
    pub(super) listen: SocketAddr,
    pub(super) servers: bool,
    /// Whether the key store has a database of its own, where there are servers.
    pub(super) keys_apart: bool,
    pub(super) root_key: String,
    /// Who seals the root key, if anybody does: `AWS KMS`, `HashiCorp Vault`. No name of a key or a host.
    pub(super) key_service: Option<&'static str>,
    pub(super) keyring: String,
    pub(super) epoch_hours: u64,
    pub(super) backup_days: u64,
    pub(super) location: Option<String>,
}

/// Asks the stores about a merchant.
pub(super) async fn merchant(platform: &Platform, row: &TenantRow) -> Result<Merchant> {
    let mut senders = Vec::new();
    for sender in [SHOPIFY, POSTEX] {
        if !platform.keys.secrets(&row.tenant, sender).await?.is_empty() {
            senders.push(sender);
        }
    }
    Ok(Merchant {
        tenant: row.tenant.to_string(),
        since: row.created_at.to_string(),
        closed: books::closed_since(&platform.db, &row.tenant).await?.map(|at| at.to_string()),
        senders,
        limits: platform.keys.retention(&row.tenant).await?,
        may_reveal: platform.keys.permitted_to_reveal(&row.tenant).await?.len() as u64,
    })
}

impl Running {
    /// What of the settings the record tells. No secret, and no name of a host.
    pub(super) fn of(settings: &Settings) -> Running {
        let (servers, keys_apart) = match &settings.backend {
            Backend::Embedded { .. } => (false, true),
            Backend::Servers { postgres, keys_postgres, .. } => {
                (true, postgres.expose_secret() != keys_postgres.expose_secret())
            }
        };
        Running {
            listen: settings.listen,
            servers,
            keys_apart,
            root_key: settings.root_key.display().to_string(),
            key_service: match settings.root_key_service {
                RootKeyService::File => None,
                RootKeyService::AwsKms { .. } => Some("AWS KMS"),
                RootKeyService::Vault { .. } => Some("HashiCorp Vault"),
            },
            keyring: settings.keyring.display().to_string(),
            epoch_hours: settings.schedule.epoch.as_secs() / 3_600,
            backup_days: settings.schedule.backups.as_secs() / 86_400,
            location: settings.servers_in.clone(),
        }
    }
}

/// Who is controller, who processor.
pub(super) fn roles(merchants: &[Merchant]) -> Section {
    let since = |one: &Merchant| match &one.closed {
        Some(closed) => format!("{}, closed {closed}", one.since),
        None => one.since.clone(),
    };
    let mut rows: Vec<[String; 3]> =
        merchants.iter().map(|one| [one.tenant.clone(), "controller".to_owned(), since(one)]).collect();
    rows.push([
        "this platform".to_owned(),
        "processor, on the controllers' instructions; each merchant's people and books apart".to_owned(),
        String::new(),
    ]);
    Section::new("Controllers and processor", ["who", "role", "since"], rows)
}

/// Who gets what, of each transaction.
pub(super) fn recipients(merchants: &[Merchant], running: &Running) -> Section {
    let mut rows = Vec::new();
    for one in merchants {
        for sender in &one.senders {
            rows.push([one.tenant.clone(), (*sender).to_owned(), shared_with(sender).to_owned()]);
        }
        let staff = plural(one.may_reveal, "member of staff", "members of staff");
        let shown = "what they look up: masked, or in clear for a purpose; every look is on record";
        rows.push([one.tenant.clone(), format!("the merchant's staff; {staff} may see in clear"), shown.to_owned()]);
    }
    let (stores, keys) = match running.servers {
        true => {
            ("Kafka and PostgreSQL servers", "sealed details, keyed hashes, and the books; no key that is not wrapped")
        }
        false => ("nobody: all stores are files of this host", "nothing"),
    };
    rows.push(["all".to_owned(), stores.to_owned(), keys.to_owned()]);
    let (service, gets) = match running.key_service {
        None => ("key services: none, the root key is a file of this host".to_owned(), "nothing"),
        Some(service) => {
            (format!("key services: {service}"), "the platform's root key, to seal and open it; of no person anything")
        }
    };
    rows.push(["all".to_owned(), service, gets.to_owned()]);
    rows.push(["all".to_owned(), "message providers: none configured".to_owned(), "nothing".to_owned()]);
    Section::new("Recipients", ["merchant", "recipient", "what is shared, per transaction"], rows)
}

/// What goes to a sender of webhooks.
fn shared_with(sender: &str) -> &'static str {
    match sender {
        SHOPIFY => "nothing: the shop sends its orders and customers here, and gets an answer without personal data",
        POSTEX => "nothing: the courier has the consignment from the shop and reports on it here",
        _ => "nothing",
    }
}

/// How long what is kept.
pub(super) fn retention(merchants: &[Merchant]) -> Section {
    let mut rows = Vec::new();
    for one in merchants {
        for limit in &one.limits {
            let by = if limit.own { "the merchant" } else { "the published policies" };
            rows.push([
                one.tenant.clone(),
                limit.class.as_str().to_owned(),
                format!("{} days {}", limit.days.get(), from(limit.class)),
                by.to_owned(),
            ]);
        }
        let ledger =
            "totals, open cases, cases with goods on a card of stock, and the event log: kept, and name nobody";
        rows.push([
            one.tenant.clone(),
            "ledger".to_owned(),
            ledger.to_owned(),
            "the law on financial records".to_owned(),
        ]);
    }
    Section::new("Retention", ["merchant", "class", "how long", "set by"], rows)
}

fn from(class: RetentionClass) -> &'static str {
    match class {
        RetentionClass::Customers => "from the order on, by whole months; sooner when they ask",
        RetentionClass::Quarantine => "from the day it came, by whole months",
        RetentionClass::Accesses => "from each look on",
        RetentionClass::Closed => "from the closing of the account on: everything personal",
        RetentionClass::Financial => {
            "from the last entry of a finished case on, by whole months: then totals by month stand for its detail"
        }
    }
}

/// What the running configuration protects with, and what it does not.
pub(super) fn security(running: &Running) -> Section {
    let row = |measure: &str, state: String| [measure.to_owned(), state];
    let listening = match running.listen.ip().is_loopback() {
        true => "this host only, without TLS: whatever faces the network in front of it has to have it",
        false => "the network, WITHOUT TLS: put a proxy that has it in front",
    };
    let stores = match running.servers {
        true => {
            "without TLS to PostgreSQL and Kafka: they belong on a private network; what is personal crosses it sealed"
        }
        false => "no network: files of this host",
    };
    let apart = match (running.servers, running.keys_apart) {
        (true, true) => "a PostgreSQL database of its own",
        (true, false) => "a schema of its own in the books' PostgreSQL database: its backups go with the books'",
        (false, _) => "a file of its own",
    };
    let Running { root_key, keyring, epoch_hours, backup_days, .. } = running;
    let window = format!(
        "an epoch lasts {epoch_hours} hours; {backup_days} days after it its key is destroyed, and copies of then open nobody"
    );
    let rows = vec![
        row(
            "sealing",
            "every person's details by AES-256-GCM under keys of their own, a key for each month".to_owned(),
        ),
        row("key store", apart.to_owned()),
        row("root key", sealed_by(running, root_key)),
        row("epoch keys", format!("the folder {keyring}, in no database")),
        row("backups", window),
        row("webhooks", "taken only with the sender's signature or secret".to_owned()),
        row("listening on", listening.to_owned()),
        row("to the stores", stores.to_owned()),
        row("display", "masked; in clear only to permitted staff, for a purpose".to_owned()),
        row("access log", "every look is on record before it is shown; rows are chained".to_owned()),
        row("logs and metrics", "no personal data".to_owned()),
    ];
    Section::new("Security", ["measure", "as it is"], rows)
}

fn sealed_by(running: &Running, root_key: &str) -> String {
    match running.key_service {
        None => format!("the file {root_key}"),
        Some(service) => format!("the file {root_key}, sealed by {service}"),
    }
}

/// Where the servers are.
pub(super) fn transfers(running: &Running) -> Section {
    let location = running.location.clone().unwrap_or_else(|| "not stated (setting `servers_in`)".to_owned());
    let rows = vec![
        ["this platform and its stores".to_owned(), location],
        ["anybody else".to_owned(), "nothing is sent anywhere but to the recipients above".to_owned()],
    ];
    Section::new("Transfers", ["of what", "where to"], rows)
}
