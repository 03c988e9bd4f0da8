//! The first page: trial balance, couriers' cash, latest orders, what waits for a person.

use std::collections::BTreeMap;

use askama::Template;
use ledger::{Account, AccountClass, BusinessZone, Currency, TrialBalance, TrialBalanceRow};
use store::books::{CodSummary, OrderView};

use super::clock::{self, Moment};
use super::{amount, order_amount, order_title, payment, tone};
use crate::cash::{self, Cash, CurrencyCash};
use crate::shop::{Books, Shop};

/// `/t/{tenant}`.
#[derive(Template)]
#[template(path = "books.html")]
pub(crate) struct BooksPage {
    tenant: String,
    as_of: Moment,
    zone: &'static str,
    orders_in_all: String,
    balanced: bool,
    trial: Vec<TrialTable>,
    cash: Vec<CashTable>,
    orders: Vec<OrderLine>,
    /// The currency of every order listed, if they share one; it then stands above them, not beside each.
    order_currency: Option<String>,
    quarantined: Option<String>,
    parked: Option<Parked>,
}

/// Cases that cannot be posted.
#[derive(Debug, PartialEq, Eq)]
struct Parked {
    count: String,
    what: &'static str,
    /// Some of the orders among them, to begin with.
    orders: Vec<String>,
}

/// Parked orders that the note links to.
const LINKED: usize = 5;

/// The trial balance of one currency.
#[derive(Debug, PartialEq, Eq)]
struct TrialTable {
    currency: Currency,
    classes: Vec<ClassLines>,
    debits: String,
    credits: String,
    balanced: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct ClassLines {
    heading: &'static str,
    accounts: Vec<AccountLine>,
}

#[derive(Debug, PartialEq, Eq)]
struct AccountLine {
    name: String,
    path: String,
    debit: String,
    credit: String,
}

/// Couriers' cash in one currency; cells in the order of the columns.
#[derive(Debug, PartialEq, Eq)]
struct CashTable {
    currency: Currency,
    couriers: Vec<(String, [String; 10])>,
    totals: [String; 10],
}

#[derive(Debug, PartialEq, Eq)]
struct OrderLine {
    id: String,
    title: String,
    placed: Option<Moment>,
    city: String,
    payment: &'static str,
    total: String,
    currency: String,
    status: String,
    tone: &'static str,
    parcels: i64,
}

impl BooksPage {
    /// The page of a shop's books.
    pub(crate) fn of(shop: &Shop<'_>, books: &Books) -> BooksPage {
        let zone = shop.row.zone;
        BooksPage {
            tenant: shop.row.tenant.to_string(),
            as_of: clock::moment(shop.now, zone),
            zone: zone.name(),
            orders_in_all: amount::thousands(books.order_count.unsigned_abs().into()),
            balanced: books.trial.is_balanced(),
            trial: trial_tables(&books.trial),
            cash: cash_tables(&books.cod),
            orders: books.orders.iter().map(|order| order_line(order, zone)).collect(),
            order_currency: shared_currency(&books.orders),
            quarantined: (books.quarantined > 0).then(|| amount::thousands(books.quarantined.unsigned_abs().into())),
            parked: (!books.parked.is_empty()).then(|| parked(&books.parked)),
        }
    }
}

fn parked(parts: &[(String, String)]) -> Parked {
    let orders = parts.iter().filter_map(|(part, _)| part.strip_prefix("order/")).take(LINKED);
    Parked {
        count: amount::thousands(parts.len() as u128),
        what: if parts.len() == 1 { "order or parcel is" } else { "orders and parcels are" },
        orders: orders.map(str::to_owned).collect(),
    }
}

fn shared_currency(orders: &[OrderView]) -> Option<String> {
    let mut currencies = orders.iter().filter_map(|order| order.currency.as_ref());
    let first = currencies.next()?;
    currencies.all(|currency| currency == first).then(|| first.clone())
}

/// The lines of each currency, by account.
pub(crate) fn rows_by_currency(trial: &TrialBalance) -> BTreeMap<Currency, Vec<&TrialBalanceRow>> {
    let mut grouped: BTreeMap<Currency, Vec<&TrialBalanceRow>> = BTreeMap::new();
    for row in &trial.rows {
        grouped.entry(row.currency).or_default().push(row);
    }
    grouped
}

/// Debits and credits of lines of one currency, in minor units.
pub(crate) fn sums(rows: &[&TrialBalanceRow]) -> (i128, i128) {
    let sum = |side: fn(&TrialBalanceRow) -> i64| rows.iter().map(|row| i128::from(side(row))).sum();
    (sum(|row| row.debit), sum(|row| row.credit))
}

fn trial_tables(trial: &TrialBalance) -> Vec<TrialTable> {
    let table = |(currency, rows): (Currency, Vec<&TrialBalanceRow>)| {
        let (debits, credits) = sums(&rows);
        let (balanced, classes) = (debits == credits, class_lines(&rows));
        let (debits, credits) = (amount::text(debits, currency), amount::text(credits, currency));
        TrialTable { currency, classes, debits, credits, balanced }
    };
    rows_by_currency(trial).into_iter().map(table).collect()
}

fn class_lines(rows: &[&TrialBalanceRow]) -> Vec<ClassLines> {
    let mut classes: BTreeMap<AccountClass, Vec<AccountLine>> = BTreeMap::new();
    for row in rows {
        classes.entry(row.account.class()).or_default().push(AccountLine {
            name: account_name(&row.account),
            path: row.account.to_string(),
            debit: amount::or_blank(row.debit, row.currency),
            credit: amount::or_blank(row.credit, row.currency),
        });
    }
    classes.into_iter().map(|(class, accounts)| ClassLines { heading: heading(class), accounts }).collect()
}

fn heading(class: AccountClass) -> &'static str {
    match class {
        AccountClass::Assets => "Assets",
        AccountClass::Liabilities => "Liabilities",
        AccountClass::Equity => "Equity",
        AccountClass::Income => "Income",
        AccountClass::Expenses => "Expenses",
    }
}

/// `assets:cod-receivable:postex` as `COD receivable · postex`.
pub(super) fn account_name(account: &Account) -> String {
    let mut segments = account.as_str().split(':').skip(1);
    let first = segments.next().unwrap_or_default().replace('-', " ");
    let first = match first.strip_prefix("cod ") {
        Some(rest) => format!("COD {rest}"),
        None => capitalised(&first),
    };
    segments.fold(first, |name, segment| format!("{name} · {segment}"))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn cash_tables(summaries: &[CodSummary]) -> Vec<CashTable> {
    let table = |(currency, cash): (Currency, CurrencyCash)| CashTable {
        currency,
        couriers: cash.couriers.into_iter().map(|(courier, cash)| (courier, cells(cash, currency))).collect(),
        totals: cells(cash.totals, currency),
    };
    cash::by_currency(summaries).into_iter().map(table).collect()
}

fn cells(cash: Cash, currency: Currency) -> [String; 10] {
    let columns = [
        cash.expected,
        cash.remitted,
        cash.fees,
        cash.written_off,
        cash.outstanding,
        cash.on_the_way,
        cash.days_0_7,
        cash.days_8_14,
        cash.days_15_30,
        cash.days_31_up,
    ];
    columns.map(|minor| amount::or_dash(minor, currency))
}

fn order_line(order: &OrderView, zone: BusinessZone) -> OrderLine {
    OrderLine {
        id: order.order.to_string(),
        title: order_title(order),
        placed: order.placed_at.map(|at| clock::moment(at, zone)),
        city: order.city.clone().unwrap_or_else(|| amount::NOTHING.to_owned()),
        payment: payment(order),
        total: order_amount(order, order.total),
        currency: order.currency.clone().unwrap_or_default(),
        status: order.status.clone(),
        tone: tone(&order.status),
        parcels: order.parcels,
    }
}

#[cfg(test)]
mod tests {
    use ledger::Total;
    use store::books::Ageing;

    use super::*;

    #[test]
    fn accounts_have_names() {
        for (path, name) in [
            ("assets:bank", "Bank"),
            ("assets:cod-receivable:postex", "COD receivable · postex"),
            ("liabilities:customer-deposits", "Customer deposits"),
            ("expenses:codes", "Codes"),
        ] {
            assert_eq!(account_name(&path.parse().unwrap()), name, "{path}");
        }
    }

    fn trial(lines: &[(&str, Currency, i64)]) -> TrialBalance {
        let total = |net: i64| Total::posted(net.max(0), (-net).max(0));
        let lines = lines.iter().map(|(path, currency, net)| (path.parse().unwrap(), *currency, total(*net)));
        TrialBalance::from_totals(lines).unwrap()
    }

    #[test]
    fn the_trial_balance_is_grouped_by_currency_and_class() {
        let trial = trial(&[
            ("income:sales", Currency::PKR, -150_000),
            ("assets:bank", Currency::PKR, 100_000),
            ("assets:cod-receivable:postex", Currency::PKR, 50_000),
            ("assets:bank", Currency::JPY, 700),
        ]);
        let tables = trial_tables(&trial);
        assert_eq!(tables.len(), 2);
        let (jpy, pkr) = (&tables[0], &tables[1]);
        assert!(pkr.balanced && !jpy.balanced);
        assert_eq!((pkr.debits.as_str(), pkr.credits.as_str()), ("1,500.00", "1,500.00"));
        assert_eq!((jpy.debits.as_str(), jpy.credits.as_str()), ("700", "0"));
        let headings: Vec<_> = pkr.classes.iter().map(|class| (class.heading, class.accounts.len())).collect();
        assert_eq!(headings, [("Assets", 2), ("Income", 1)]);
        let sales = &pkr.classes[1].accounts[0];
        assert_eq!((sales.debit.as_str(), sales.credit.as_str()), ("", "1,500.00"));
    }

    #[test]
    fn cash_has_a_totals_row() {
        let ageing = Ageing { days_31_up: -500, ..Ageing::default() };
        let row = |courier: &str| CodSummary {
            courier: courier.to_owned(),
            currency: "PKR".to_owned(),
            expected: 100_000,
            remitted: 60_000,
            fees: 5_000,
            written_off: 0,
            outstanding: 35_000,
            on_the_way: 0,
            ageing,
        };
        let tables = cash_tables(&[row("mnp"), row("postex")]);
        assert_eq!(tables[0].couriers.len(), 2);
        let expected = ["2,000.00", "1,200.00", "100.00", "–", "700.00", "–", "–", "–", "–", "(10.00)"];
        assert_eq!(tables[0].totals, expected.map(str::to_owned));
        assert_eq!(cash_tables(&[]), []);
    }

    #[test]
    fn an_order_of_unknown_terms_has_dashes() {
        let order = OrderView {
            tenant: "lahore-loom".parse().unwrap(),
            order: "5001".parse().unwrap(),
            name: None,
            placed_at: None,
            currency: None,
            total: None,
            cod: false,
            status: "open".to_owned(),
            refunded: 0,
            parcels: 0,
            city: None,
            country: None,
        };
        let line = order_line(&order, BusinessZone::KARACHI);
        assert_eq!((line.title.as_str(), line.total.as_str(), line.city.as_str()), ("5001", "–", "–"));
        let of = |currency: &str| OrderView { currency: Some(currency.to_owned()), ..order.clone() };
        assert_eq!(shared_currency(&[order.clone(), of("PKR"), of("PKR")]).as_deref(), Some("PKR"));
        assert_eq!(shared_currency(&[of("PKR"), of("AED")]), None);
        assert_eq!(shared_currency(&[order]), None);
    }

    #[test]
    fn parked_orders_are_linked() {
        let parts = ["order/7", "parcel/postex/PX1"].map(|part| (part.to_owned(), "why".to_owned()));
        let both = Parked { count: "2".to_owned(), what: "orders and parcels are", orders: vec!["7".to_owned()] };
        assert_eq!(parked(&parts), both);
        assert_eq!(parked(&parts[1..]).what, "order or parcel is");
    }
}
