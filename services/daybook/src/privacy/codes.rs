//! `daybook privacy codes`: the one-time codes of people who want to see their data, for whoever sends them; and the page that asks for
//! them. No provider of messages is connected: the merchant sends a code to the number that the order has, by whatever means they have.

use std::sync::Arc;

use anyhow::{Result, bail};
use clap::Args;
use commerce::{PartKey, StaffId};
use serde_json::{Value, json};
use store::books;
use store::keys::{Actor, KeyStoreError, Purpose, Shown, VisitCode};

use super::slug;
use crate::cli::OfTenant;
use crate::config::Settings;
use crate::erase::phone_hint;
use crate::output::{Align, Answer, Table};
use crate::platform::{Platform, now};
use crate::show::{access, masked_phone};
use crate::tenant;

#[derive(Debug, Args)]
pub(crate) struct Codes {
    #[command(flatten)]
    of: OfTenant,
    /// Who: a slug such as `support-2`, never a name; one whom `daybook privacy permit` lets see people
    #[arg(long, value_name = "SLUG", value_parser = slug::staff)]
    by: StaffId,
}

/// The page on which people see what is held about them.
pub(crate) fn self_service(platform: &Platform) -> axum::Router {
    api::visit::router(api::visit::SelfService {
        db: platform.db.clone(),
        keys: platform.keys.clone(),
        clock: now,
        phone: |text| phone_hint(text).ok(),
        notice: Arc::new(|tenant, code| {
            // Also of whoever was not recognised: a count of codes would tell who reads it which order belongs to which number.
            metrics::counter!("privacy_visits_begun_total").increment(1);
            let Some(code) = code else { return };
            let (subject, order) = (code.subject, code.order);
            tracing::info!(%tenant, %subject, %order, "a one-time code waits to be sent: see `daybook privacy codes`");
        }),
    })
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: &Codes) -> Result<Answer> {
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let codes = match platform.keys.visit_codes(&row.tenant, &asked.by, now()).await {
        Err(KeyStoreError::NotPermitted) => {
            bail!("{0} may not see people in clear, nor codes: `daybook privacy permit {0}` lets them", asked.by)
        }
        codes => codes?,
    };
    let by = access(Actor::Staff(asked.by.clone()), Purpose::self_service(), Shown::Masked);
    let (mut listed, mut table) =
        (Vec::new(), Table::new(["order", "to", "code", "good until"].map(|name| (Align::Left, name))));
    for code in &codes {
        let about = PartKey::Order(code.order).to_string();
        let mut boxes = books::people_about(&platform.db, &row.tenant, &about).await?;
        boxes.retain(|one| one.subject == code.subject);
        let to = masked_phone(&platform.keys, &boxes, &by).await?;
        listed.push(as_json(code, to.as_deref()));
        let to = to.unwrap_or_else(|| "see the order".to_owned());
        table.row([code.order.to_string(), to, code.code.clone(), code.expires_at.to_string()]);
    }
    let text = if codes.is_empty() { "no code waits\n".to_owned() } else { table.to_string() };
    Ok(Answer::new(&json!({ "tenant": row.tenant.as_str(), "codes": listed }), text))
}

fn as_json(code: &VisitCode, to: Option<&str>) -> Value {
    json!({
        "subject": code.subject.to_string(), "order": code.order.to_string(), "to": to, "code": code.code,
        "expires_at": code.expires_at.to_string(),
    })
}
