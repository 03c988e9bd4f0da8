//! `daybook stock alerts`: what is out of stock or oversold now.

use anyhow::Result;
use commerce::stock::{AlertKind, StockAlert};
use commerce::{TenantId, VariantId};
use serde::Serialize;
use store::books::{self, OnHand};
use store::db::Db;

use super::StockAlerts;
use crate::config::Settings;
use crate::output::{Align, Answer, Table};
use crate::tenant;

/// One alert as it is shown. `by` is who says so: `shop`, of a level it counted at a location, or `books`, of an item of
/// which more pieces left than are known to have come in.
#[derive(Serialize)]
struct Shown {
    by: &'static str,
    kind: &'static str,
    item: Option<String>,
    location: Option<String>,
    variant: Option<String>,
    sku: Option<String>,
    available: Option<i64>,
    counted_at: Option<String>,
}

pub(super) async fn run(settings: &Settings, asked: &StockAlerts) -> Result<Answer> {
    let (db, row) = tenant::books_of(settings, &asked.of).await?;
    answer(&db, &row.tenant).await
}

/// A tenant's alerts that stand now.
pub(crate) async fn answer(db: &Db, tenant: &TenantId) -> Result<Answer> {
    let standing = books::standing_alerts(db, tenant).await?;
    let items = books::on_hand(db, tenant).await?;
    let oversold = items.iter().filter(|(_, item)| item.stock.pieces() < 0);
    let shown: Vec<Shown> =
        standing.iter().map(by_shop).chain(oversold.map(|(variant, item)| by_books(*variant, item))).collect();
    let text = if shown.is_empty() { "nothing is out of stock or oversold\n".to_owned() } else { table(&shown) };
    Ok(Answer::new(&serde_json::json!({ "tenant": tenant.as_str(), "alerts": shown }), text))
}

fn by_shop(alert: &StockAlert) -> Shown {
    Shown {
        by: "shop",
        kind: alert.kind().as_str(),
        item: Some(alert.item.to_string()),
        location: Some(alert.location.to_string()),
        variant: alert.variant.map(|variant| variant.to_string()),
        sku: alert.sku.as_ref().map(ToString::to_string),
        available: alert.available,
        counted_at: Some(alert.counted_at.to_string()),
    }
}

fn by_books(variant: VariantId, item: &OnHand) -> Shown {
    Shown {
        by: "books",
        kind: AlertKind::Oversold.as_str(),
        item: item.item.map(|item| item.to_string()),
        location: None,
        variant: Some(variant.to_string()),
        sku: item.sku.as_ref().map(ToString::to_string),
        available: Some(item.stock.pieces()),
        counted_at: None,
    }
}

fn table(shown: &[Shown]) -> String {
    let mut table = Table::new([
        (Align::Left, "what"),
        (Align::Left, "by"),
        (Align::Left, "variant"),
        (Align::Left, "SKU"),
        (Align::Left, "item"),
        (Align::Left, "location"),
        (Align::Right, "pieces"),
        (Align::Left, "counted at"),
    ]);
    for one in shown {
        let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
        table.row([
            one.kind.to_owned(),
            one.by.to_owned(),
            text(&one.variant),
            text(&one.sku),
            text(&one.item),
            text(&one.location),
            one.available.map(|pieces| pieces.to_string()).unwrap_or_default(),
            text(&one.counted_at),
        ]);
    }
    table.to_string()
}
