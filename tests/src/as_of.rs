//! Totals of any period, as known at any time, are the sums of the transactions: whatever came late, and wherever a period
//! and what was known begin and end within a month.

use std::collections::BTreeMap;
use std::path::PathBuf;

use commerce::TenantId;
use ledger::statements::AccountTotals;
use ledger::{Balances, BusinessZone, Currency, Day, Entry, Money, Posted, Reference, Timestamp, Total, Transaction};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::sqlite::SqliteConnectOptions;
use store::books::{self, AsOf, BalancesByDayKnown, Head, JournalRow, Projection};
use store::db::{Db, DbError, Dialect, Durability};
use store::schema::books_migrations;

use crate::backend::{Backend, Kind};
use crate::books::{append, config, findings, open_hash, sample};

/// 2024-01-01, and some days into another year.
const FIRST: i32 = 19_723;
const DAYS: i32 = 400;

const MICROS_OF_DAY: i64 = 86_400_000_000;

/// Bookkeeping is told late, sometimes by months, and sometimes before the day on which it counts.
fn late(rng: &mut StdRng) -> i32 {
    match rng.random_range(0..10) {
        0 => rng.random_range(-40..0),
        1 => rng.random_range(1..120),
        2..=4 => rng.random_range(1..5),
        _ => 0,
    }
}

fn posted(head: &Head, rng: &mut StdRng) -> Posted {
    const ACCOUNTS: [&str; 4] = ["assets:bank", "income:sales", "expenses:courier-fees", "liabilities:output-tax"];
    let debit = rng.random_range(0..ACCOUNTS.len());
    let credit = (debit + rng.random_range(1..ACCOUNTS.len())) % ACCOUNTS.len();
    let currency = if rng.random_range(0..4) == 0 { Currency::USD } else { Currency::PKR };
    let money = Money::new(rng.random_range(1..1_000_000), currency);
    let pair = (
        Entry::debit(ACCOUNTS[debit].parse().unwrap(), money),
        Entry::credit(ACCOUNTS[credit].parse().unwrap(), money),
    );
    let entries = match rng.random_range(0..5) {
        0 => vec![pair.0.pending(), pair.1.pending()],
        _ => vec![pair.0, pair.1],
    };
    let part = Reference::try_from(format!("parcel/postex/{}", 26_704_560_000_000 + head.number)).unwrap();
    let key = format!("{part}/posted").try_into().unwrap();
    let day = FIRST + rng.random_range(0..DAYS);
    let transaction = Transaction::new(key, part.clone(), Day(day), entries).unwrap();
    let recorded = i64::from(day + late(rng)) * MICROS_OF_DAY + rng.random_range(0..MICROS_OF_DAY);
    let recorded = Timestamp(if rng.random_range(0..20) == 0 { recorded - recorded % MICROS_OF_DAY } else { recorded });
    Posted { number: head.number + 1, part, recorded, reverses: None, previous: head.link, transaction }
}

fn row(tenant: &TenantId, partition: u32, posted: &Posted, head: &mut Head) -> JournalRow {
    let body = events::posted_bytes(posted);
    *head = Head { number: posted.number, link: head.link.then(&body) };
    JournalRow {
        tenant: tenant.clone(),
        number: posted.number,
        partition,
        position: posted.number,
        part: posted.part.to_string(),
        effective: posted.transaction.effective(),
        recorded: posted.recorded,
        entries: books::entries_json(&posted.transaction),
        body,
        link: head.link,
    }
}

/// Posts what is drawn, batch by batch, as the processor does.
async fn fill(db: &Db, tenant: &TenantId, partition: u32, rng: &mut StdRng) -> Vec<Posted> {
    let (mut head, mut journal) = (Head::GENESIS, Vec::new());
    for _ in 0..8 {
        let (mut rows, mut balances) = (Vec::new(), BalancesByDayKnown::new());
        for _ in 0..100 {
            let posted = posted(&head, rng);
            let known = posted.recorded.day(BusinessZone::UTC);
            balances.entry((tenant.clone(), known)).or_insert_with(Balances::default).add(&posted.transaction).unwrap();
            rows.push(row(tenant, partition, &posted, &mut head));
            journal.push(posted);
        }
        let heads = BTreeMap::from([(tenant.clone(), head)]);
        let store = db.run_tx("post", move |tx| {
            let (rows, balances, heads) = (rows.clone(), balances.clone(), heads.clone());
            Box::pin(async move {
                books::append_journal(tx, &rows).await?;
                books::save_heads(tx, &heads).await?;
                books::add_balances(tx, &balances).await
            })
        });
        store.await.map_err(|error: DbError| error).unwrap();
    }
    journal
}

fn sums(journal: &[Posted], as_of: AsOf) -> AccountTotals {
    let mut sums = AccountTotals::new();
    for posted in journal {
        let day = posted.transaction.effective();
        let counts = as_of.from.is_none_or(|from| day >= from)
            && as_of.through.is_none_or(|through| day <= through)
            && as_of.known_at.is_none_or(|at| posted.recorded <= at);
        for entry in posted.transaction.entries().iter().filter(|_| counts) {
            let total = sums.entry((entry.account.clone(), entry.amount.currency)).or_default();
            *total = total.checked_add(Total::of(entry)).unwrap();
        }
    }
    sums
}

/// A day about the journal's, often the first or last of a month.
fn any_day(rng: &mut StdRng) -> Day {
    let day = Day(FIRST + rng.random_range(-40..DAYS + 40));
    match rng.random_range(0..4) {
        0 => day.month().first(),
        1 => Day(day.month().first().0 - 1),
        _ => day,
    }
}

fn asked(rng: &mut StdRng) -> AsOf {
    let maybe = |rng: &mut StdRng| (rng.random_range(0..4) > 0).then(|| any_day(rng));
    let (from, through) = (maybe(rng), maybe(rng));
    let known_at = maybe(rng).map(|day| {
        let begin = i64::from(day.0) * MICROS_OF_DAY;
        Timestamp(begin + [0, -1, rng.random_range(0..MICROS_OF_DAY)][rng.random_range(0..3)])
    });
    AsOf { from, through, known_at }
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_are_the_sums_of_what_was_posted() {
    for (kind, seed) in [(Kind::Embedded, 1), (Kind::Embedded, 2), (Kind::Servers, 3)] {
        let (backend, mut rng) = (Backend::fresh(kind, 1).await, StdRng::seed_from_u64(seed));
        let tenant: TenantId = "kohsar".parse().unwrap();
        let journal = fill(&backend.db, &tenant, 0, &mut rng).await;
        fill(&backend.db, &"another".parse().unwrap(), 1, &mut rng).await;
        for _ in 0..400 {
            let as_of = asked(&mut rng);
            let found = books::totals(&backend.db, &tenant, as_of).await.unwrap();
            let found: AccountTotals = found.into_iter().filter(|(_, total)| *total != Total::default()).collect();
            assert_eq!(found, sums(&journal, as_of), "{kind:?}, seed {seed}: {as_of:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_that_is_not_the_sum_of_its_days_is_named() {
    let (events, _) = sample(30, 29);
    for kind in [Kind::Embedded, Kind::Servers] {
        let backend = Backend::fresh(kind, 1).await;
        append(&backend.log, &events).await;
        processor::catch_up(config(500), &backend.log, &backend.db).await.unwrap();
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
        for (damage, problem) in [
            ("UPDATE balance_month SET debits = debits + 1, credits = credits + 1", "is not the sum of its days"),
            ("DELETE FROM balance_month", "is missing"),
            ("UPDATE balance_month SET known_month = 24001", "no transaction accounts for it"),
        ] {
            let damage = format!("{damage} WHERE account = 'income:sales'");
            let tamper = backend.db.run_tx("tamper", move |tx| {
                let damage = damage.clone();
                Box::pin(async move { tx.execute(&damage, vec![]).await })
            });
            assert!(tamper.await.map_err(|error: DbError| error).unwrap() > 0);
            let found = findings(&backend).await;
            let named = |found: &String| found.contains("income:sales") && found.contains(problem);
            assert!(found.iter().any(named), "{kind:?}: {found:?}");
            assert!(found.iter().all(|one| one.starts_with("balances by month")), "{kind:?}: {found:?}");
            processor::rebuild(config(500), &backend.log, &backend.db, Projection::Books, &mut |_| {}).await.unwrap();
            assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}: they are a fold of the log");
        }
    }
}

/// The books as a program of that version kept them: its schema, and in it what today's books hold, as far as it had a place
/// for it.
async fn books_of(version: usize, backend: &Backend) -> PathBuf {
    let [now, then] =
        ["books.db".to_owned(), format!("books-{version}.db")].map(|name| backend.folder.path().join(name));
    let migrations = books_migrations(Dialect::Sqlite);
    drop(Db::open_sqlite(&then, Durability::Normal, &migrations[..version]).await.unwrap());
    let mut raw = sqlx::ConnectOptions::connect(&SqliteConnectOptions::new().filename(&then)).await.unwrap();
    sqlx::query("ATTACH DATABASE $1 AS now").bind(now.to_str().unwrap()).execute(&mut raw).await.unwrap();
    let columns = "SELECT old.name, group_concat(c.name) FROM main.sqlite_master AS old, pragma_table_info(old.name, 'main') AS c \
                   WHERE old.type = 'table' AND old.name NOT LIKE '\\_%' ESCAPE '\\' \
                   AND c.name IN (SELECT name FROM pragma_table_info(old.name, 'now')) GROUP BY old.name";
    let tables: Vec<(String, String)> = sqlx::query_as(columns).fetch_all(&mut raw).await.unwrap();
    for (table, columns) in tables {
        let copy = format!("INSERT OR REPLACE INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}");
        sqlx::query(sqlx::AssertSqlSafe(copy)).execute(&mut raw).await.unwrap();
    }
    let kept: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM main.journal").fetch_one(&mut raw).await.unwrap();
    assert!(kept > 0, "books of version {version} with a journal");
    sqlx::Connection::close(raw).await.unwrap();
    then
}

/// Opened by this program, the books of an older one are folded again to the same bytes.
#[tokio::test(flavor = "multi_thread")]
async fn books_of_an_older_version_are_folded_again() {
    let (events, _) = sample(30, 29);
    let mut backend = Backend::fresh(Kind::Embedded, 1).await;
    append(&backend.log, &events).await;
    processor::catch_up(config(500), &backend.log, &backend.db).await.unwrap();
    let (trial, hash) = (
        books::trial_balance(&backend.db, &"sample-shop".parse().unwrap()).await.unwrap(),
        open_hash(&backend.db).await,
    );
    assert!(!trial.rows.is_empty());
    // The first, and those before the months and before the alerts.
    for version in [1, 6, 7] {
        let old = books_of(version, &backend).await;
        backend.db = Db::open_sqlite(&old, Durability::Normal, &books_migrations(Dialect::Sqlite)).await.unwrap();
        processor::catch_up(config(500), &backend.log, &backend.db).await.unwrap();
        let again = books::trial_balance(&backend.db, &"sample-shop".parse().unwrap()).await.unwrap();
        assert_eq!((again, open_hash(&backend.db).await), (trial.clone(), hash.clone()), "from version {version}");
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "from version {version}");
    }
}
