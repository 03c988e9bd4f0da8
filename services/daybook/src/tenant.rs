//! `daybook tenant`: merchants on the platform and the secrets by which their senders are known.

mod account;
mod intake;

use std::path::Path;

use anyhow::{Context, Result, bail};
use commerce::{CodGateways, Policy, TenantId};
use ledger::BusinessZone;
use secrecy::SecretString;
use serde::Serialize;
use store::books::{self, Intake, TenantRow};
use store::db::Db;

use crate::cli::{OfTenant, Tenant, TenantAdd, TenantSecret};
use crate::config::Settings;
use crate::output::{Align, Answer, Table, strong};
use crate::platform::{Platform, now, open_books};
use crate::policy;

/// The sender of Shopify's webhooks, as the key store knows it.
pub(crate) const SHOPIFY: &str = "shopify";

/// The sender of PostEx's pushes, the one courier whose pushes are understood.
pub(crate) const POSTEX: &str = "postex";

/// A merchant as it is listed.
#[derive(Serialize)]
struct Listed {
    tenant: String,
    zone: String,
    cod_gateways: Vec<String>,
    created_at: String,
    /// Since when its webhooks are turned away.
    paused_at: Option<String>,
    /// How many of them each process takes in a second, 0 being as many as come; null where the setting says.
    per_second: Option<u32>,
}

/// A sender's secret that was stored. Its text is there only when it was made here, once.
#[derive(Serialize)]
struct Stored {
    sender: String,
    endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, command: &Tenant) -> Result<Answer> {
    match command {
        Tenant::Add(asked) => add(settings, asked).await,
        Tenant::List => list(settings).await,
        Tenant::Secret(asked) => put_secret(settings, asked).await,
        Tenant::Reader(command) => crate::readers::run(settings, command).await,
        Tenant::Close(asked) => account::close(settings, asked).await,
        Tenant::Reopen(asked) => account::reopen(settings, asked).await,
        Tenant::Policy(asked) => policy::run(settings, asked).await,
        Tenant::Pause(asked) => intake::pause(settings, asked).await,
        Tenant::Resume(asked) => intake::resume(settings, asked).await,
        Tenant::Rate(asked) => intake::rate(settings, asked).await,
    }
}

/// The merchant that is meant: the named one, or the only one.
pub(crate) async fn chosen(db: &Db, of: &OfTenant) -> Result<TenantRow> {
    let Some(name) = &of.tenant else { return only_one(db).await };
    find(db, &parse(name)?).await
}

/// The merchant of this name.
pub(crate) async fn find(db: &Db, tenant: &TenantId) -> Result<TenantRow> {
    let found = books::tenant(db, tenant).await?;
    let Some(row) = found else {
        let known: Vec<String> = books::tenants(db).await?.iter().map(|row| row.tenant.to_string()).collect();
        match known.is_empty() {
            true => bail!("there is no tenant yet: add one with `daybook tenant add NAME`"),
            false => bail!("there is no tenant `{tenant}`: there are {}", known.join(", ")),
        }
    };
    Ok(row)
}

/// A merchant's name as it was typed.
pub(crate) fn parse(name: &str) -> Result<TenantId> {
    name.parse().context("a tenant's name is lower-case letters, digits and hyphens, up to 63")
}

async fn only_one(db: &Db) -> Result<TenantRow> {
    let mut all = books::tenants(db).await?;
    match all.len() {
        1 => Ok(all.remove(0)),
        0 => bail!("there is no tenant yet: add one with `daybook tenant add NAME`"),
        _ => {
            let names: Vec<&str> = all.iter().map(|row| row.tenant.as_str()).collect();
            bail!("there are several tenants: choose one with --tenant ({})", names.join(", "))
        }
    }
}

async fn add(settings: &Settings, asked: &TenantAdd) -> Result<Answer> {
    let tenant = parse(&asked.name)?;
    let row = new_row(tenant, &asked.zone, &asked.cod_gateways)?;
    let shopify = secret_from(asked.shopify_secret_file.as_deref())?;
    let courier = asked.courier.as_deref();
    let of_courier = courier.map(|slug| secret_from(asked.courier_secret_file.as_deref()).map(|secret| (slug, secret)));
    let platform = Platform::open_or_create(settings).await?;
    if books::tenant(&platform.db, &row.tenant).await?.is_some() {
        bail!("the tenant `{0}` exists: replace a secret with `daybook tenant secret {0} --sender …`", row.tenant);
    }
    books::save_tenant(&platform.db, row.clone()).await?;
    let mut stored = vec![store_secret(&platform, &row.tenant, SHOPIFY, shopify).await?];
    if let Some((slug, secret)) = of_courier.transpose()? {
        stored.push(store_secret(&platform, &row.tenant, slug, secret).await?);
    }
    let text = format!(
        "tenant {} added: days end at midnight in {}; cash on delivery is paid by {}\n{}{}",
        strong(row.tenant.as_str()),
        row.zone.name(),
        row.cod_gateways.names().join(", "),
        secrets_text(&stored),
        courier_hint(&row.tenant, courier)
    );
    let json = serde_json::json!({ "tenant": listed(&row, Intake::default()), "secrets": stored });
    Ok(Answer::new(&json, text))
}

/// How to add the courier that was not named.
fn courier_hint(tenant: &TenantId, courier: Option<&str>) -> String {
    match courier {
        Some(_) => String::new(),
        None => format!("to take PostEx's pushes too: `daybook tenant secret {tenant} --sender {POSTEX}`\n"),
    }
}

/// A merchant that is not stored yet.
pub(crate) fn new_row(tenant: TenantId, zone: &str, cod_gateways: &[String]) -> Result<TenantRow> {
    let zone: BusinessZone = zone.parse().context("--zone")?;
    let cod_gateways = match cod_gateways {
        [] => CodGateways::default(),
        named => CodGateways::new(named),
    };
    Ok(TenantRow { tenant, zone, cod_gateways, created_at: now(), rules: Policy::default() })
}

async fn list(settings: &Settings) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let (rows, intakes) = (books::tenants(&platform.db).await?, books::intakes(&platform.db).await?);
    let mut table =
        Table::new([(Align::Left, "tenant"), (Align::Left, "zone"), (Align::Left, "since"), (Align::Left, "webhooks")]);
    let mut tenants = Vec::with_capacity(rows.len());
    for row in &rows {
        let intake = intakes.get(&row.tenant).copied().unwrap_or_default();
        let (name, zone, since) = (row.tenant.to_string(), row.zone.name().to_owned(), row.created_at.to_string());
        table.row([name, zone, since, intake::in_words(intake)]);
        tenants.push(listed(row, intake));
    }
    Ok(Answer::new(&serde_json::json!({ "tenants": tenants }), table.to_string()))
}

async fn put_secret(settings: &Settings, asked: &TenantSecret) -> Result<Answer> {
    let secret = secret_from(asked.secret_file.as_deref())?;
    let platform = Platform::open(settings).await?;
    let row = find(&platform.db, &parse(&asked.name)?).await?;
    let is_first = platform.keys.secrets(&row.tenant, &asked.sender).await?.is_empty();
    let stored = store_secret(&platform, &row.tenant, &asked.sender, secret).await?;
    let text = format!(
        "the secret of {} is {}\n{}",
        asked.sender,
        what_became(is_first, stored.secret.is_some()),
        secrets_text(std::slice::from_ref(&stored))
    );
    let json = serde_json::json!({ "tenant": row.tenant.as_str(), "secrets": [stored] });
    Ok(Answer::new(&json, text))
}

/// What became of a sender's secret: whether it is the sender's first, and whether it was made here or came in a file.
fn what_became(is_first: bool, is_made_here: bool) -> &'static str {
    match (is_first, is_made_here) {
        (true, true) => "made",
        (true, false) => "stored",
        (false, _) => "replaced; the previous one stays valid until the next replacement",
    }
}

/// A secret from a file, or a new one, which is then the answer's to show.
enum Secret {
    Given(SecretString),
    Made(String),
}

fn secret_from(file: Option<&Path>) -> Result<Secret> {
    let Some(path) = file else { return Ok(Secret::Made(new_secret())) };
    let text = std::fs::read_to_string(path).with_context(|| format!("the secret file {}", path.display()))?;
    match text.trim() {
        "" => bail!("the secret file {} is empty", path.display()),
        secret => Ok(Secret::Given(secret.to_owned().into())),
    }
}

/// 256 random bits in hexadecimal.
pub(crate) fn new_secret() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

async fn store_secret(platform: &Platform, tenant: &TenantId, sender: &str, secret: Secret) -> Result<Stored> {
    let (secret, shown) = match secret {
        Secret::Given(secret) => (secret, None),
        Secret::Made(text) => (text.clone().into(), Some(text)),
    };
    platform.keys.put_secret(tenant, sender, &secret).await?;
    let endpoint = match sender {
        SHOPIFY => format!("/webhooks/shopify/{tenant}"),
        courier => format!("/webhooks/couriers/{tenant}/{courier}"),
    };
    Ok(Stored { sender: sender.to_owned(), endpoint, secret: shown })
}

fn secrets_text(stored: &[Stored]) -> String {
    let mut table = Table::plain([Align::Left, Align::Left, Align::Left]).indented(2);
    for one in stored {
        let shown = match &one.secret {
            Some(secret) => format!("secret {secret}   (shown once: keep it)"),
            None => "secret as in the file".to_owned(),
        };
        table.row([one.sender.clone(), format!("POST {}", one.endpoint), shown]);
    }
    table.to_string()
}

fn listed(row: &TenantRow, intake: Intake) -> Listed {
    Listed {
        tenant: row.tenant.to_string(),
        zone: row.zone.name().to_owned(),
        cod_gateways: row.cod_gateways.names().to_vec(),
        created_at: row.created_at.to_string(),
        paused_at: intake.paused_at.map(|at| at.to_string()),
        per_second: intake.per_second,
    }
}

/// The books of a platform that must exist, for commands that need nothing else.
pub(crate) async fn books_of(settings: &Settings, of: &OfTenant) -> Result<(Db, TenantRow)> {
    let db = Platform::require(settings).map(|()| open_books(settings))?.await?;
    let row = chosen(&db, of).await?;
    Ok((db, row))
}

#[cfg(test)]
mod tests {
    use super::{courier_hint, what_became};

    #[test]
    fn only_a_second_secret_replaces() {
        assert_eq!((what_became(true, true), what_became(true, false)), ("made", "stored"));
        assert!(what_became(false, true).starts_with("replaced") && what_became(false, false).starts_with("replaced"));
    }

    #[test]
    fn a_courier_that_was_not_named_is_pointed_to() {
        let tenant = "kohsar".parse().unwrap();
        assert_eq!(courier_hint(&tenant, Some("postex")), "");
        assert!(courier_hint(&tenant, None).contains("`daybook tenant secret kohsar --sender postex`"));
    }
}
