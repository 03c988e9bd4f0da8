//! How a merchant's webhooks are taken: turned away for a while, or so many in a second. Every process that takes webhooks sees it
//! within two seconds.

use anyhow::Result;
use commerce::TenantId;
use serde_json::json;
use store::books::{self, Intake};
use store::db::Db;

use super::{find, parse};
use crate::cli::{TenantClose, TenantRate};
use crate::config::Settings;
use crate::output::Answer;
use crate::platform::{Platform, now, open_books};

/// Runs `daybook tenant pause`.
pub(super) async fn pause(settings: &Settings, asked: &TenantClose) -> Result<Answer> {
    let (db, tenant) = merchant(settings, &asked.name).await?;
    let changed = books::pause_tenant(&db, &tenant, now()).await?;
    tracing::info!(%tenant, changed, "paused a merchant's webhooks");
    let text = format!(
        "webhooks of {tenant} are answered 503 within two seconds from now, until `daybook tenant resume {tenant}`: nothing of them \
         reaches the log but what the shop says about people\nits senders come again for as long as they do: Shopify for four \
         hours. What they give up is not here until the order changes again, or is imported\n"
    );
    answer(&db, &tenant, changed, text).await
}

/// Runs `daybook tenant resume`.
pub(super) async fn resume(settings: &Settings, asked: &TenantClose) -> Result<Answer> {
    let (db, tenant) = merchant(settings, &asked.name).await?;
    let changed = books::resume_tenant(&db, &tenant).await?;
    tracing::info!(%tenant, changed, "resumed a merchant's webhooks");
    let text = format!("webhooks of {tenant} are taken{}\n", if changed { " again" } else { "; they were not paused" });
    answer(&db, &tenant, changed, text).await
}

/// Runs `daybook tenant rate`.
pub(super) async fn rate(settings: &Settings, asked: &TenantRate) -> Result<Answer> {
    let (db, tenant) = merchant(settings, &asked.name).await?;
    let before = intake_of(&db, &tenant).await?.per_second;
    books::save_rate(&db, &tenant, asked.per_second).await?;
    tracing::info!(%tenant, per_second = asked.per_second, "set how many webhooks a merchant may send");
    let text = match asked.per_second {
        None => format!(
            "of {tenant} each process takes what the setting `tenant_per_second` says, here {}\n",
            many(settings.tenant_per_second)
        ),
        Some(per_second) => format!("of {tenant} each process takes {}\n", many(per_second)),
    };
    answer(&db, &tenant, before != asked.per_second, text).await
}

/// How they are taken, in a word or two.
pub(super) fn in_words(intake: Intake) -> String {
    match intake {
        Intake { paused_at: Some(at), .. } => format!("paused since {at}"),
        Intake { per_second: Some(per_second), .. } => many(per_second),
        Intake { .. } => "taken".to_owned(),
    }
}

fn many(per_second: u32) -> String {
    match per_second {
        0 => "as many as come".to_owned(),
        some => format!("{some} a second"),
    }
}

async fn merchant(settings: &Settings, name: &str) -> Result<(Db, TenantId)> {
    Platform::require(settings)?;
    let db = open_books(settings).await?;
    let row = find(&db, &parse(name)?).await?;
    Ok((db, row.tenant))
}

async fn intake_of(db: &Db, tenant: &TenantId) -> Result<Intake> {
    Ok(books::tenant_and_intake(db, tenant).await?.map(|(_, intake)| intake).unwrap_or_default())
}

async fn answer(db: &Db, tenant: &TenantId, changed: bool, text: String) -> Result<Answer> {
    let intake = intake_of(db, tenant).await?;
    let paused_at = intake.paused_at.map(|at| at.to_string());
    let json = json!({
        "tenant": tenant.as_str(), "paused_at": paused_at, "per_second": intake.per_second, "changed": changed,
    });
    Ok(Answer::new(&json, text))
}
