//! The JSON API: the figures of the pages, for programs. The crate's documentation gives the shapes.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use ledger::{Currency, Timestamp, TrialBalance, TrialBalanceRow};
use serde::{Deserialize, Serialize};
use store::books::OrderView;

use crate::cash::{self, Cash, CurrencyCash};
use crate::refusal::{AsProblem, Refusal};
use crate::shop::{LATEST, Shop};
use crate::{App, view};

/// Orders given at once at most.
const MOST: u32 = 500;

type Answer<T> = Result<Json<Figures<T>>, AsProblem>;

/// Figures with whose they are and as of when.
#[derive(Serialize)]
pub(crate) struct Figures<T> {
    tenant: String,
    as_of: String,
    day: String,
    zone: &'static str,
    #[serde(flatten)]
    figures: T,
}

fn answer<T>(shop: &Shop<'_>, figures: T) -> Json<Figures<T>> {
    Json(Figures {
        tenant: shop.row.tenant.to_string(),
        as_of: shop.now.to_string(),
        day: shop.today().to_string(),
        zone: shop.row.zone.name(),
        figures,
    })
}

/// Figures that are kept apart by currency.
#[derive(Serialize)]
pub(crate) struct Currencies<T> {
    currencies: Vec<T>,
}

/// `/api/v1/t/{tenant}/trial-balance`.
pub(crate) async fn trial_balance(
    State(app): State<App>,
    Path(tenant): Path<String>,
) -> Answer<Currencies<TrialOfCurrency>> {
    let shop = app.shop(&tenant).await?;
    let currencies = trial_currencies(&shop.trial_balance().await?);
    Ok(answer(&shop, Currencies { currencies }))
}

/// `/api/v1/t/{tenant}/cod`.
pub(crate) async fn cod(State(app): State<App>, Path(tenant): Path<String>) -> Answer<Currencies<CashOfCurrency>> {
    let shop = app.shop(&tenant).await?;
    let currencies = cash::by_currency(&shop.cod().await?).into_iter().map(CashOfCurrency::of).collect();
    Ok(answer(&shop, Currencies { currencies }))
}

/// `?limit=`.
#[derive(Deserialize)]
pub(crate) struct Limit {
    limit: Option<u32>,
}

/// `/api/v1/t/{tenant}/orders?limit=`.
pub(crate) async fn orders(
    State(app): State<App>,
    Path(tenant): Path<String>,
    query: Result<Query<Limit>, QueryRejection>,
) -> Answer<Orders> {
    let limit = allowed(query.ok().map(|Query(asked)| asked))?;
    let shop = app.shop(&tenant).await?;
    let orders = shop.orders(limit).await?.into_iter().map(OrderOfList::of).collect();
    Ok(answer(&shop, Orders { count: shop.order_count().await?, orders }))
}

fn allowed(asked: Option<Limit>) -> Result<u32, Refusal> {
    let limit = asked.ok_or(Refusal::BadLimit)?.limit.unwrap_or(LATEST);
    if (1..=MOST).contains(&limit) { Ok(limit) } else { Err(Refusal::BadLimit) }
}

#[derive(Serialize)]
pub(crate) struct TrialOfCurrency {
    currency: String,
    decimals: u32,
    accounts: Vec<TrialBalanceRow>,
    debits: i128,
    credits: i128,
    balanced: bool,
}

fn trial_currencies(trial: &TrialBalance) -> Vec<TrialOfCurrency> {
    let of_currency = |(currency, rows): (Currency, Vec<&TrialBalanceRow>)| {
        let (debits, credits) = view::sums(&rows);
        let (decimals, balanced) = (currency.decimals(), debits == credits);
        let accounts = rows.into_iter().cloned().collect();
        TrialOfCurrency { currency: currency.to_string(), decimals, accounts, debits, credits, balanced }
    };
    view::rows_by_currency(trial).into_iter().map(of_currency).collect()
}

#[derive(Serialize)]
pub(crate) struct CashOfCurrency {
    currency: String,
    decimals: u32,
    couriers: Vec<CashOfCourier>,
    totals: Cash,
}

#[derive(Serialize)]
struct CashOfCourier {
    courier: String,
    #[serde(flatten)]
    cash: Cash,
}

impl CashOfCurrency {
    fn of((currency, cash): (Currency, CurrencyCash)) -> CashOfCurrency {
        let couriers = cash.couriers.into_iter().map(|(courier, cash)| CashOfCourier { courier, cash }).collect();
        CashOfCurrency { currency: currency.to_string(), decimals: currency.decimals(), couriers, totals: cash.totals }
    }
}

#[derive(Serialize)]
pub(crate) struct Orders {
    count: i64,
    orders: Vec<OrderOfList>,
}

/// Ids as text: they exceed what a double holds exactly.
#[derive(Serialize)]
struct OrderOfList {
    order: String,
    name: Option<String>,
    placed_at: Option<String>,
    city: Option<String>,
    country: Option<String>,
    payment: &'static str,
    currency: Option<String>,
    total: Option<i64>,
    refunded: i64,
    status: String,
    parcels: i64,
}

impl OrderOfList {
    fn of(order: OrderView) -> OrderOfList {
        OrderOfList {
            order: order.order.to_string(),
            name: order.name,
            placed_at: order.placed_at.as_ref().map(Timestamp::to_string),
            city: order.city,
            country: order.country,
            payment: if order.cod { "cod" } else { "prepaid" },
            currency: order.currency,
            total: order.total,
            refunded: order.refunded,
            status: order.status,
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
        let cash = Cash { expected: i128::from(i64::MAX) * 2, ..Cash::default() };
        let row = CashOfCourier { courier: "postex".to_owned(), cash };
        let written = serde_json::to_string(&row).unwrap();
        assert!(written.starts_with(r#"{"courier":"postex","expected":18446744073709551614,"#), "{written}");
    }
}
