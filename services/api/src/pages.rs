//! The HTML pages: read, view, render.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Html;
use commerce::OrderId;

use crate::App;
use crate::refusal::{AsPage, Refusal, Words};
use crate::shop::Shop;
use crate::view::{BooksPage, OrderPage};

type Page = Result<Html<String>, AsPage>;

#[derive(Template)]
#[template(path = "tenants.html")]
struct TenantsPage {
    tenants: Vec<String>,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct NoticePage {
    title: &'static str,
    advice: &'static str,
}

/// `/`: the books of the only tenant, else every tenant.
pub(crate) async fn first(State(app): State<App>) -> Page {
    let mut tenants = app.tenants().await?;
    match tenants.pop() {
        Some(only) if tenants.is_empty() => books_page(&app.open(only)).await,
        last => {
            let tenants = tenants.into_iter().chain(last).map(|row| row.tenant.to_string()).collect();
            Ok(Html(TenantsPage { tenants }.render()?))
        }
    }
}

/// `/t/{tenant}`.
pub(crate) async fn books(State(app): State<App>, Path(tenant): Path<String>) -> Page {
    books_page(&app.shop(&tenant).await?).await
}

async fn books_page(shop: &Shop<'_>) -> Page {
    Ok(Html(BooksPage::of(shop, &shop.books().await?).render()?))
}

/// `/t/{tenant}/orders/{order}`.
pub(crate) async fn order(State(app): State<App>, Path((tenant, order)): Path<(String, String)>) -> Page {
    let shop = app.shop(&tenant).await?;
    let order: OrderId = order.parse().map_err(|_| Refusal::NotFound)?;
    Ok(Html(OrderPage::of(&shop, &shop.order(order).await?).render()?))
}

/// Every other path.
pub(crate) async fn not_found() -> AsPage {
    Refusal::NotFound.into()
}

/// A page that says why there is none. If even that cannot be rendered, the bare words do.
pub(crate) fn notice(words: &Words) -> Html<String> {
    let page = NoticePage { title: words.title, advice: words.advice };
    Html(page.render().unwrap_or_else(|_| words.title.to_owned()))
}
