//! The database core on both databases: the same scenario runs on an SQLite file and on a real PostgreSQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use store::db::{
    Column, Db, DbError, Dialect, Durability, Keys, Kind, Migration, OpenDbError, Row, Rows, Table, TxFuture, Value,
};
use testkit::{TestDatabase, wait_until};

const SOON: Duration = Duration::from_secs(30);

static BALANCES: Table = Table {
    name: "balances",
    columns: &[
        Column::key("tenant", Kind::Text),
        Column::key("day", Kind::Int),
        Column::add("amount"),
        Column::replace("note", Kind::Text),
        Column::replace("proof", Kind::Blob),
        Column::keep("first_seen", Kind::Int),
    ],
};

/// Written for SQLite; PostgreSQL's words for the same take their place.
const SCHEMA: [(&str, &str); 2] = [
    (
        "balances",
        "CREATE TABLE balances (tenant TEXT NOT NULL, day INTEGER NOT NULL, amount INTEGER NOT NULL, note TEXT, proof BLOB,
         first_seen INTEGER, PRIMARY KEY (tenant, day)) STRICT;",
    ),
    ("names", "CREATE TABLE names (name TEXT PRIMARY KEY) STRICT; CREATE INDEX names_too ON names (name);"),
];

/// Where a database lives; it goes with this value.
enum Place {
    Server(TestDatabase),
    Folder(tempfile::TempDir),
}

impl Place {
    /// Opens it again, as another process would.
    async fn open(&self, migrations: &[Migration]) -> Result<Db, OpenDbError> {
        match self {
            Self::Server(database) => Db::open_postgres(&database.url, "shop", 4, migrations).await,
            Self::Folder(folder) => Db::open_sqlite(&folder.path().join("db"), Durability::Normal, migrations).await,
        }
    }

    fn migrations(&self) -> Vec<Migration> {
        let step = |(version, (name, sql))| Migration { version, name, sql: self.render(sql) };
        (1..).zip(SCHEMA).map(step).collect()
    }

    fn render(&self, sql: &str) -> String {
        match self {
            Self::Server(_) => sql.replace("INTEGER", "BIGINT").replace("BLOB", "BYTEA").replace(" STRICT", ""),
            Self::Folder(_) => sql.to_owned(),
        }
    }
}

async fn places() -> [Place; 2] {
    [Place::Folder(testkit::scratch()), Place::Server(testkit::postgres().await.database().await)]
}

async fn both() -> Vec<(Db, Place)> {
    let mut open = Vec::new();
    for place in places().await {
        open.push((place.open(&place.migrations()).await.unwrap(), place));
    }
    open
}

async fn postgres() -> (Db, Place) {
    both().await.pop().unwrap()
}

fn balance(tenant: &str, day: i64, amount: i64) -> [Value; 6] {
    [tenant.into(), day.into(), amount.into(), Value::Null, Value::Null, Value::Null]
}

fn rows(balances: impl IntoIterator<Item = [Value; 6]>) -> Rows {
    let mut rows = Rows::new(&BALANCES);
    balances.into_iter().for_each(|row| rows.push(row));
    rows
}

async fn upsert(db: &Db, rows: Rows) -> Result<u64, DbError> {
    let rows = Arc::new(rows);
    db.run_tx("test-upsert", move |tx| {
        let rows = rows.clone();
        Box::pin(async move { tx.upsert(&rows).await })
    })
    .await
}

async fn execute(db: &Db, sql: &'static str) -> Result<u64, DbError> {
    db.run_tx("test-execute", move |tx| Box::pin(async move { tx.execute(sql, vec![]).await })).await
}

async fn int(db: &Db, sql: &str) -> i64 {
    db.query(sql, vec![]).await.unwrap()[0].int(0).unwrap()
}

#[tokio::test]
async fn a_reading_transaction_sees_one_state_waits_for_no_writer_and_writes_nothing() {
    for (db, _place) in both().await {
        upsert(&db, rows([balance("a", 1, 5)])).await.unwrap();
        let writing = db.clone();
        let seen = db.run_read("test-read", move |tx| {
            let writing = writing.clone();
            Box::pin(async move {
                let sql = "SELECT CAST(SUM(amount) AS BIGINT) FROM balances";
                let before = tx.query(sql, vec![]).await?[0].int(0)?;
                upsert(&writing, rows([balance("b", 1, 7)])).await?;
                Ok::<_, DbError>((before, tx.query(sql, vec![]).await?[0].int(0)?))
            })
        });
        assert_eq!(seen.await.unwrap(), (5, 5));
        assert_eq!(int(&db, "SELECT CAST(SUM(amount) AS BIGINT) FROM balances").await, 12);
        let delete =
            db.run_read("test-read", |tx| Box::pin(async move { tx.execute("DELETE FROM balances", vec![]).await }));
        delete.await.unwrap_err();
        assert_eq!(int(&db, "SELECT CAST(SUM(amount) AS BIGINT) FROM balances").await, 12);
    }
}

#[tokio::test]
async fn upserts_add_replace_and_keep() {
    for (db, _place) in both().await {
        let first: [Value; 6] = ["a".into(), 1.into(), 5.into(), "old".into(), vec![1_u8].into(), 100.into()];
        let newer: [Value; 6] = ["a".into(), 1.into(), (-7).into(), Value::Null, vec![2_u8].into(), 200.into()];
        assert_eq!(upsert(&db, rows([first])).await, Ok(1));
        assert_eq!(upsert(&db, rows([newer, balance("b", 1, 3)])).await, Ok(2));
        let stored = db.query("SELECT * FROM balances ORDER BY tenant", vec![]).await.unwrap();
        let merged: [Value; 6] = ["a".into(), 1.into(), (-2).into(), Value::Null, vec![2_u8].into(), 100.into()];
        assert_eq!(stored, [Row::new(merged.to_vec()), Row::new(balance("b", 1, 3).to_vec())]);
    }
}

#[tokio::test]
async fn adding_beyond_64_bits_is_an_error_and_changes_nothing() {
    for (db, _place) in both().await {
        upsert(&db, rows([balance("most", 1, i64::MAX), balance("least", 1, i64::MIN)])).await.unwrap();
        assert!(upsert(&db, rows([balance("most", 1, 1)])).await.is_err());
        assert!(upsert(&db, rows([balance("least", 1, -1)])).await.is_err());
        assert_eq!(int(&db, "SELECT amount FROM balances WHERE tenant = 'most'").await, i64::MAX);
        assert_eq!(int(&db, "SELECT amount FROM balances WHERE tenant = 'least'").await, i64::MIN);
    }
}

#[tokio::test]
async fn rows_are_read_and_deleted_by_thousands_of_keys() {
    for (db, _place) in both().await {
        upsert(&db, rows((0..6_000).map(|day| balance("a", day, day)))).await.unwrap();
        let mut keys = Keys::new(&BALANCES);
        // A thousand of them are not there.
        (2_000..7_000_i64).for_each(|day| keys.push(["a".into(), day.into()]));
        let keys = Arc::new(keys);
        let (found, deleted, left) = db
            .run_tx::<_, DbError, _>("test-keys", move |tx| {
                let keys = keys.clone();
                Box::pin(async move {
                    let found = tx.select_by_keys(&keys).await?;
                    let deleted = tx.delete_by_keys(&keys).await?;
                    let mut by_tenant = Keys::by(&BALANCES, &["tenant"]);
                    by_tenant.push(["a".into()]);
                    Ok((found, deleted, tx.select_by_keys(&by_tenant).await?.len()))
                })
            })
            .await
            .unwrap();
        let mut days: Vec<i64> = found.iter().map(|row| row.int(1).unwrap()).collect();
        days.sort_unstable();
        assert_eq!(days, (2_000..6_000).collect::<Vec<_>>());
        assert_eq!((deleted, left), (4_000, 2_000));
    }
}

#[tokio::test]
async fn values_of_every_kind_travel_both_ways() {
    for (db, _place) in both().await {
        let sent = balance("نام 🧾", i64::MIN, i64::MAX);
        let [tenant, day, ..] = sent.clone();
        db.run_tx::<_, DbError, _>("test-values", move |tx| {
            let args = sent.to_vec();
            Box::pin(async move {
                tx.execute("INSERT INTO balances VALUES ($1, $2, $3, $4, $5, $6)", args).await?;
                // The same statement again, with values where there were NULLs before.
                let full = vec!["b".into(), 1.into(), true.into(), "".into(), vec![0_u8; 3].into(), 4.into()];
                tx.execute("INSERT INTO balances VALUES ($1, $2, $3, $4, $5, $6)", full).await
            })
        })
        .await
        .unwrap();
        let sql =
            "SELECT tenant, day, note, proof, CAST(SUM(amount) AS BIGINT) FROM balances WHERE tenant = $1 AND day = $2
                   GROUP BY tenant, day, note, proof";
        let row = db.query(sql, vec![tenant.clone(), day.clone()]).await.unwrap().pop().unwrap();
        assert_eq!(row.into_values(), [tenant, day, Value::Null, Value::Null, i64::MAX.into()]);
        let row = db.query("SELECT note, proof FROM balances WHERE tenant = $1", vec!["b".into()]).await.unwrap();
        assert_eq!((row[0].text(0).unwrap(), row[0].blob(1).unwrap()), ("", [0_u8; 3].as_slice()));
    }
}

#[tokio::test]
async fn a_nul_in_a_text_becomes_the_replacement_character() {
    for (db, _place) in both().await {
        let mut with_nul = balance("a\0b", 1, 7);
        with_nul[3] = "\0".into();
        upsert(&db, rows([with_nul])).await.unwrap();
        let sql = "SELECT tenant, note FROM balances WHERE tenant = $1";
        let found = db.query(sql, vec!["a\0b".into()]).await.unwrap();
        assert_eq!((found[0].text(0).unwrap(), found[0].text(1).unwrap()), ("a\u{fffd}b", "\u{fffd}"));
    }
}

#[tokio::test]
async fn sqlite_readers_cannot_write() {
    let (db, _place) = both().await.swap_remove(0);
    assert_eq!(db.dialect(), Dialect::Sqlite);
    assert!(db.query("DELETE FROM balances", vec![]).await.is_err());
}

#[tokio::test]
async fn errors_name_constraints_and_never_values() {
    const SECRET: &str = "0300-1234567";
    for (db, _place) in both().await {
        let name: fn(&mut store::db::Tx) -> TxFuture<'_, u64, DbError> =
            |tx| Box::pin(async { tx.execute("INSERT INTO names VALUES ($1)", vec![SECRET.into()]).await });
        db.run_tx("test-name", name).await.unwrap();
        let twice = db.run_tx("test-name", name).await.unwrap_err();
        assert!(matches!(&twice, DbError::Unique { constraint } if constraint.contains("names")), "{twice}");
        let wrong = db.query("SELECT nothing FROM names WHERE name = $1", vec![SECRET.into()]).await.unwrap_err();
        assert!(matches!(&wrong, DbError::Statement { message, .. } if message.contains("nothing")), "{wrong}");
        let missing =
            upsert(&db, rows([[SECRET.into(), 1.into(), Value::Null, Value::Null, Value::Null, Value::Null]]));
        let missing = missing.await.unwrap_err();
        assert!(
            matches!(&missing, DbError::Constraint { constraint, .. } if constraint.contains("amount")),
            "{missing}"
        );
        for error in [twice, wrong, missing] {
            assert!(!format!("{error} {error:?}").contains(SECRET));
        }
    }
    let (db, _place) = postgres().await;
    // PostgreSQL quotes the text it cannot cast.
    let cast = db.query("SELECT CAST(CAST($1 AS TEXT) AS BIGINT)", vec![SECRET.into()]).await.unwrap_err();
    assert_eq!(format!("{cast}"), "the database refused the statement (code 22P02)");
}

#[derive(Debug, PartialEq)]
enum Refused {
    TooMuch,
    Database(DbError),
}

impl From<DbError> for Refused {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

#[tokio::test]
async fn a_unit_that_refuses_leaves_nothing() {
    for (db, _place) in both().await {
        let refused = db
            .run_tx::<(), _, _>("test-refuse", |tx| {
                Box::pin(async move {
                    tx.upsert(&rows([balance("a", 1, 1)])).await?;
                    Err(Refused::TooMuch)
                })
            })
            .await;
        assert_eq!(refused, Err(Refused::TooMuch));
        assert_eq!(int(&db, "SELECT COUNT(*) FROM balances").await, 0);
    }
}

#[tokio::test]
async fn a_failed_statement_dooms_the_transaction_even_if_it_is_ignored() {
    for (db, _place) in both().await {
        execute(&db, "INSERT INTO names VALUES ('taken')").await.unwrap();
        let ignored = db
            .run_tx::<(), DbError, _>("test-ignore", |tx| {
                Box::pin(async move {
                    tx.execute("INSERT INTO names VALUES ('new')", vec![]).await?;
                    drop(tx.execute("INSERT INTO names VALUES ('taken')", vec![]).await);
                    Ok(())
                })
            })
            .await;
        assert!(matches!(ignored, Err(DbError::Unique { .. })));
        let misfit = db
            .run_tx::<(), DbError, _>("test-misfit", |tx| {
                Box::pin(async move {
                    tx.execute("INSERT INTO names VALUES ('new')", vec![]).await?;
                    let mut rows = Rows::new(&BALANCES);
                    rows.push(["short".into()]);
                    drop(tx.upsert(&rows).await);
                    Ok(())
                })
            })
            .await;
        assert!(matches!(misfit, Err(DbError::Misfit { .. })));
        assert_eq!(int(&db, "SELECT COUNT(*) FROM names").await, 1);
    }
}

#[tokio::test]
async fn a_panic_reaches_the_caller_and_leaves_no_transaction() {
    for (db, _place) in both().await {
        let panicking = db.clone();
        let panicked = tokio::spawn(async move {
            panicking
                .run_tx::<(), DbError, _>("test-panic", |tx| {
                    Box::pin(async move {
                        tx.execute("INSERT INTO names VALUES ('half')", vec![]).await?;
                        panic!("on purpose")
                    })
                })
                .await
        });
        assert!(panicked.await.unwrap_err().is_panic());
        execute(&db, "INSERT INTO names VALUES ('whole')").await.unwrap();
        assert_eq!(int(&db, "SELECT COUNT(*) FROM names").await, 1);
    }
}

/// Runs `unit` on PostgreSQL, telling it which attempt it is; gives the outcome and how many there were.
async fn attempts<F>(db: &Db, unit: F) -> (Result<(), DbError>, u32)
where
    F: for<'t> Fn(&'t mut store::db::Tx, u32) -> TxFuture<'t, (), DbError> + Send + 'static,
{
    let count = Arc::new(AtomicU32::new(0));
    let counting = count.clone();
    let outcome = db.run_tx("test-attempts", move |tx| unit(tx, counting.fetch_add(1, Ordering::SeqCst) + 1)).await;
    (outcome, count.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_serialization_failure_is_run_again() {
    let (db, _place) = postgres().await;
    upsert(&db, rows([balance("a", 1, 1)])).await.unwrap();
    let other = db.clone();
    let outcome = attempts(&db, move |tx, attempt| {
        let other = other.clone();
        Box::pin(async move {
            tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", vec![]).await?;
            tx.query("SELECT amount FROM balances", vec![]).await?;
            if attempt == 1 {
                execute(&other, "UPDATE balances SET amount = amount + 10").await?;
            }
            tx.execute("UPDATE balances SET amount = amount * 2", vec![]).await.map(|_| ())
        })
    })
    .await;
    assert_eq!(outcome, (Ok(()), 2));
    assert_eq!(int(&db, "SELECT amount FROM balances").await, 22);
}

#[tokio::test]
async fn a_connection_lost_before_commit_is_replaced() {
    let (db, _place) = postgres().await;
    let outcome = attempts(&db, |tx, attempt| {
        Box::pin(async move {
            tx.execute("INSERT INTO names VALUES ('once')", vec![]).await?;
            if attempt == 1 {
                tx.query("SELECT pg_terminate_backend(pg_backend_pid())", vec![]).await?;
            }
            Ok(())
        })
    })
    .await;
    assert_eq!(outcome, (Ok(()), 2));
    assert_eq!(int(&db, "SELECT COUNT(*) FROM names").await, 1);
}

#[tokio::test]
async fn a_connection_lost_during_commit_is_not_run_again() {
    let (db, _place) = postgres().await;
    for sql in [
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'",
        "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON names DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()",
    ] {
        execute(&db, sql).await.unwrap();
    }
    let outcome = attempts(&db, |tx, _| {
        Box::pin(async move { tx.execute("INSERT INTO names VALUES ('lost')", vec![]).await.map(|_| ()) })
    })
    .await;
    assert_eq!(outcome, (Err(DbError::CommitUnknown), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_go_away_lose_no_write_and_leave_no_transaction() {
    for (db, place) in both().await {
        let mut acknowledged = Vec::new();
        for day in 0..500 {
            let patience = Duration::from_micros(rand::random_range(0..2_000));
            let cancelled = tokio::time::timeout(patience, upsert(&db, rows([balance("gone", day, 1)]))).await;
            if matches!(cancelled, Ok(Ok(_))) {
                acknowledged.push(("gone", day));
            }
            if day % 5 == 0 {
                upsert(&db, rows([balance("stays", day, 1)])).await.unwrap();
                acknowledged.push(("stays", day));
            }
        }
        // What was begun goes to its end, so a second process soon sees every row, and can write.
        let elsewhere = place.open(&place.migrations()).await.unwrap();
        let all_there = async || int(&elsewhere, "SELECT COUNT(*) FROM balances").await == 600;
        wait_until(SOON, all_there).await.unwrap();
        let seen = elsewhere.query("SELECT tenant, day FROM balances", vec![]).await.unwrap();
        for (tenant, day) in acknowledged {
            assert!(seen.iter().any(|row| row.text(0) == Ok(tenant) && row.int(1) == Ok(day)), "{tenant} {day}");
        }
        upsert(&elsewhere, rows([balance("last", 1, 1)])).await.unwrap();
        if db.dialect() == Dialect::Postgres {
            let idle =
                "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
            assert_eq!(int(&elsewhere, idle).await, 0);
        }
    }
}

#[tokio::test]
async fn a_database_is_opened_by_several_at_once_and_again() {
    for place in places().await {
        let migrations = place.migrations();
        let open = || place.open(&migrations);
        let (one, two, three) = tokio::join!(open(), open(), open());
        for db in [one, two, three] {
            upsert(&db.unwrap(), rows([balance("a", 1, 1)])).await.unwrap();
        }
        let again = open().await.unwrap();
        assert_eq!(int(&again, "SELECT amount FROM balances").await, 3);
        again.close().await;
        assert!(matches!(again.query("SELECT 1", vec![]).await, Err(DbError::Unavailable(_))));
    }
}

#[tokio::test]
async fn databases_that_do_not_match_the_program_are_refused() {
    for (_, place) in both().await {
        let newer = place.open(&place.migrations()[..1]).await.unwrap_err();
        assert!(matches!(newer, OpenDbError::DatabaseIsNewer { found: 2, known: 1 }), "{newer}");

        let mut changed = place.migrations();
        changed[1].sql.push_str(" -- an afterthought");
        let changed = place.open(&changed).await.unwrap_err();
        assert!(matches!(changed, OpenDbError::MigrationChanged { version: 2 }), "{changed}");

        let mut broken = place.migrations();
        let sql = "CREATE TABLE third (id TEXT); INSERT INTO nowhere VALUES (1)".to_owned();
        broken.push(Migration { version: 3, name: "wrong", sql });
        let broken = place.open(&broken).await.unwrap_err();
        assert!(matches!(broken, OpenDbError::MigrationFailed { version: 3, .. }), "{broken}");
        let db = place.open(&place.migrations()).await.unwrap();
        assert!(db.query("SELECT id FROM third", vec![]).await.is_err(), "half a migration stayed");
    }
}

#[tokio::test]
async fn a_postgres_url_or_schema_that_cannot_be_is_refused_without_repeating_it() {
    let url = Db::open_postgres("postgres://u:hunter2@host:notaport/x", "shop", 1, &[]).await.unwrap_err();
    assert!(matches!(url, OpenDbError::BadUrl) && !format!("{url:?}").contains("hunter2"));
    let schema = Db::open_postgres("postgres://127.0.0.1/x", "shop; DROP", 1, &[]).await.unwrap_err();
    assert!(matches!(schema, OpenDbError::BadSchemaName));
    // Port 1 of the loopback: nobody listens.
    let nobody = Db::open_postgres("postgres://u:hunter2@127.0.0.1:1/x", "shop", 1, &[]).await.unwrap_err();
    assert!(matches!(nobody, OpenDbError::Database(DbError::Unavailable(_))), "{nobody:?}");
}

/// Prints how fast bulk upserts are here; what is fast enough is for the benchmarks to say.
#[tokio::test]
async fn bulk_upserts_have_a_speed() {
    for (db, _place) in both().await {
        let batches: Vec<Rows> = (0..10).map(|batch| rows((0..2_000).map(|day| wide(batch * 1_000 + day)))).collect();
        let started = Instant::now();
        for batch in batches {
            upsert(&db, batch).await.unwrap();
        }
        println!("{:?}: {} rows/s", db.dialect(), 20_000_000 / started.elapsed().as_millis().max(1));
    }
}

fn wide(day: i64) -> [Value; 6] {
    ["tenant-1".into(), day.into(), day.into(), "in transit".into(), vec![7_u8; 120].into(), day.into()]
}
