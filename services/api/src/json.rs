//! The JSON API: the figures of the pages, for programs. The crate's documentation gives the shapes.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use ledger::{Currency, Timestamp, TrialBalance, TrialBalanceRow};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::books::OrderView;

use crate::cash::{self, Cash, CurrencyCash};
use crate::refusal::{AsProblem, Refusal};
use crate::shop::{LATEST, Shop};
use crate::{App, view};

/// Orders given at once at most.
const MOST: u32 = 500;

type Answer = Result<Json<Value>, AsProblem>;

/// `?limit=`.
#[derive(Deserialize)]
pub(crate) struct Limit {
    limit: Option<u32>,
}

/// `/api/v1/t/{tenant}/trial-balance`.
pub(crate) async fn trial_balance(State(app): State<App>, Path(tenant): Path<String>) -> Answer {
    let shop = app.shop(&tenant).await?;
    let trial = shop.trial_balance().await?;
    Ok(answer(&shop, json!({ "currencies": trial_currencies(&trial) })))
}

/// `/api/v1/t/{tenant}/cod`.
pub(crate) async fn cod(State(app): State<App>, Path(tenant): Path<String>) -> Answer {
    let shop = app.shop(&tenant).await?;
    let currencies: Vec<CashOfCurrency> = cash::by_currency(&shop.cod().await?).into_iter().map(of_currency).collect();
    Ok(answer(&shop, json!({ "currencies": currencies })))
}

/// `/api/v1/t/{tenant}/orders?limit=`.
pub(crate) async fn orders(
    State(app): State<App>,
    Path(tenant): Path<String>,
    query: Result<Query<Limit>, QueryRejection>,
) -> Answer {
    let limit = allowed(query.ok().map(|Query(asked)| asked))?;
    let shop = app.shop(&tenant).await?;
    let orders: Vec<OrderOfList> = shop.orders(limit).await?.iter().map(OrderOfList::of).collect();
    Ok(answer(&shop, json!({ "count": shop.order_count().await?, "orders": orders })))
}

fn allowed(asked: Option<Limit>) -> Result<u32, Refusal> {
    let limit = asked.ok_or(Refusal::BadLimit)?.limit.unwrap_or(LATEST);
    if (1..=MOST).contains(&limit) { Ok(limit) } else { Err(Refusal::BadLimit) }
}

/// The figures with whose they are and as of when.
fn answer(shop: &Shop<'_>, mut figures: Value) -> Json<Value> {
    figures["tenant"] = shop.row.tenant.as_str().into();
    figures["as_of"] = shop.now.to_string().into();
    figures["day"] = shop.today().to_string().into();
    figures["zone"] = shop.row.zone.name().into();
    Json(figures)
}

#[derive(Serialize)]
struct TrialOfCurrency<'a> {
    currency: String,
    decimals: u32,
    accounts: Vec<&'a TrialBalanceRow>,
    debits: i128,
    credits: i128,
    balanced: bool,
}

fn trial_currencies(trial: &TrialBalance) -> Vec<TrialOfCurrency<'_>> {
    let of_currency = |(currency, accounts): (Currency, Vec<_>)| {
        let (debits, credits) = view::sums(&accounts);
        let (decimals, balanced) = (currency.decimals(), debits == credits);
        TrialOfCurrency { currency: currency.to_string(), decimals, accounts, debits, credits, balanced }
    };
    view::rows_by_currency(trial).into_iter().map(of_currency).collect()
}

#[derive(Serialize)]
struct CashOfCurrency {
    currency: String,
    decimals: u32,
    couriers: Vec<Value>,
    totals: Cash,
}

fn of_currency((currency, cash): (Currency, CurrencyCash)) -> CashOfCurrency {
    let row = |(courier, cash): &(String, Cash)| {
        let mut row = json!(cash);
        row["courier"] = courier.as_str().into();
        row
    };
    let couriers = cash.couriers.iter().map(row).collect();
    CashOfCurrency { currency: currency.to_string(), decimals: currency.decimals(), couriers, totals: cash.totals }
}

/// Ids as text: they exceed what a double holds exactly.
#[derive(Serialize)]
struct OrderOfList<'a> {
    order: String,
    name: Option<&'a str>,
    placed_at: Option<String>,
    city: Option<&'a str>,
    country: Option<&'a str>,
    payment: &'static str,
    currency: Option<&'a str>,
    total: Option<i64>,
    refunded: i64,
    status: &'a str,
    parcels: i64,
}

impl OrderOfList<'_> {
    fn of(order: &OrderView) -> OrderOfList<'_> {
        OrderOfList {
            order: order.order.to_string(),
            name: order.name.as_deref(),
            placed_at: order.placed_at.as_ref().map(Timestamp::to_string),
            city: order.city.as_deref(),
            country: order.country.as_deref(),
            payment: if order.cod { "cod" } else { "prepaid" },
            currency: order.currency.as_deref(),
            total: order.total,
            refunded: order.refunded,
            status: &order.status,
            parcels: order.parcels,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_bounded() {
        let limit = |limit| allowed(Some(Limit { limit })).ok();
        assert_eq!(
            [limit(None), limit(Some(1)), limit(Some(500)), limit(Some(0)), limit(Some(501))],
            [Some(LATEST), Some(1), Some(500), None, None]
        );
        assert!(allowed(None).is_err());
    }

    #[test]
    fn wide_sums_are_whole_numbers() {
        let cash = Cash { expected: i128::from(i64::MAX), ..Cash::default() };
        assert_eq!(json!(cash)["expected"].to_string(), "9223372036854775807");
    }
}
