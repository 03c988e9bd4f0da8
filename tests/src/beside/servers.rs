//! What stands on the tables on a server: the finance views, rights, and other people's views.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use store::finance::{self, Reader};
use uuid::Uuid;

use super::*;

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(|_| ())
}

async fn count(connection: &mut PgConnection, of: &str) -> i64 {
    let sql = AssertSqlSafe(format!("SELECT COUNT(*) FROM {of}"));
    sqlx::query(sql).fetch_one(connection).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn views_and_rights_stay() {
    let backend = Backend::fresh(Kind::Servers, 2).await;
    append(&backend.log, &sample(40, 43).0).await;
    processor::catch_up(config(300), &backend.log, &backend.db).await.unwrap();
    let (bi, plain) = (format!("bi{}", Uuid::new_v4().simple()), format!("plain{}", Uuid::new_v4().simple()));
    finance::add_reader(&backend.db, "daybook", Reader { role: bi.clone(), tenant: shop() }, true).await.unwrap();
    let mut owner = PgConnection::connect(backend.url().unwrap()).await.unwrap();
    for sql in [
        format!("ALTER ROLE {bi} PASSWORD 'open'"),
        format!("CREATE ROLE {plain} LOGIN PASSWORD 'open'"),
        format!("GRANT USAGE ON SCHEMA daybook TO {plain}"),
        format!("GRANT SELECT ON daybook.order_view TO {plain}"),
    ] {
        run(&mut owner, &sql).await.unwrap();
    }
    let options: sqlx::postgres::PgConnectOptions = backend.url().unwrap().parse().unwrap();
    let log_in =
        async |role: &str| PgConnection::connect_with(&options.clone().username(role).password("open")).await.unwrap();
    let (mut of_bi, mut of_plain) = (log_in(&bi).await, log_in(&plain).await);
    let before = (count(&mut of_bi, "finance.trial_balance").await, count(&mut of_plain, "daybook.order_view").await);
    assert!(before.0 > 0 && before.1 > 0);
    rebuild(&backend, 100, Projection::Books).await;
    append(&backend.log, &sample(60, 43).0).await;
    processor::catch_up(config(300), &backend.log, &backend.db).await.unwrap();
    let after = (count(&mut of_bi, "finance.trial_balance").await, count(&mut of_plain, "daybook.order_view").await);
    assert!(after.0 >= before.0 && after.1 > before.1, "they read the new rows: {before:?}, {after:?}");
    assert!(run(&mut of_plain, "SELECT 1 FROM daybook.part").await.is_err(), "no more rights than before");
    assert!(run(&mut of_bi, "SELECT 1 FROM daybook.order_view").await.is_err(), "no more rights than before");
    // As freshly installed.
    assert_eq!(finance::install(&backend.db, "daybook").await.unwrap(), finance::Installed::Already);
    let left = count(&mut owner, "pg_namespace WHERE nspname LIKE 'daybook\\_%'").await;
    assert_eq!(left, 0, "nothing is left beside");

    run(&mut owner, "CREATE SCHEMA mine; CREATE VIEW mine.parcels AS SELECT * FROM daybook.shipment").await.unwrap();
    let (log, db) = (&backend.log, &backend.db);
    let hash_before = hash(db).await;
    let refused = processor::rebuild_beside(config(100), log, db, Projection::Books, Pace::FULL, &mut |_| {}).await;
    assert!(refused.unwrap_err().to_string().contains("mine.parcels"));
    assert_eq!(hash(db).await, hash_before);
    run(&mut owner, "DROP VIEW mine.parcels").await.unwrap();
    assert_eq!(rebuild(&backend, 100, Projection::Books).await.found, Found::HalfBuilt);
    assert_eq!(findings(&backend).await, Vec::<String>::new());

    finance::remove_reader(db, "daybook", Reader { role: bi.clone(), tenant: shop() }).await.unwrap();
    for sql in [format!("DROP OWNED BY {plain}"), format!("DROP ROLE {plain}"), format!("DROP ROLE {bi}")] {
        run(&mut owner, &sql).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_for_long_is_waited_for_and_stops_nobody() {
    let backend = Backend::fresh(Kind::Servers, 1).await;
    append(&backend.log, &sample(20, 47).0).await;
    processor::catch_up(config(300), &backend.log, &backend.db).await.unwrap();
    let mut reader = PgConnection::connect(backend.url().unwrap()).await.unwrap();
    run(&mut reader, "BEGIN; SELECT 1 FROM daybook.person").await.unwrap();
    let is_begun = Notify::new();
    let mut told = |told| {
        if told == Told::Waits {
            is_begun.notify_one();
        }
    };
    let (log, db) = (&backend.log, &backend.db);
    let rebuilding = processor::rebuild_beside(config(100), log, db, Projection::People, Pace::FULL, &mut told);
    let meanwhile = async {
        is_begun.notified().await;
        // Tries that come to nothing: between them others fold.
        append(log, &sample(30, 47).0).await;
        processor::catch_up(config(300), log, db).await.unwrap();
        run(&mut reader, "COMMIT").await.unwrap();
    };
    tokio::pin!(rebuilding);
    tokio::select! {
        rebuilt = &mut rebuilding => panic!("nobody was waited for: {rebuilt:?}"),
        () = meanwhile => {}
    }
    assert_eq!(rebuilding.await.unwrap().differs, Some(BTreeMap::new()));
    assert_eq!(findings(&backend).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_state_of_the_rows_is_read_to_its_end() {
    let backend = Backend::fresh(Kind::Servers, 1).await;
    append(&backend.log, &sample(20, 59).0).await;
    processor::catch_up(config(300), &backend.log, &backend.db).await.unwrap();
    let (held, waits) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let signals = (Arc::clone(&held), Arc::clone(&waits));
    let reading = backend.db.run_read("look", move |tx| {
        let (held, waits) = signals.clone();
        Box::pin(async move {
            store::beside::hold_still(tx, Projection::Books).await?;
            let parts = "SELECT COUNT(*) FROM part";
            tx.query("SELECT COUNT(*) FROM checkpoint", vec![]).await?;
            held.notify_one();
            waits.notified().await;
            tx.query(parts, vec![]).await?[0].int(0)
        })
    });
    let mut told = |told| {
        if told == Told::Waits {
            waits.notify_one();
        }
    };
    let rebuilding = async {
        held.notified().await;
        processor::rebuild_beside(config(100), &backend.log, &backend.db, Projection::Books, Pace::FULL, &mut told)
            .await
    };
    tokio::pin!(rebuilding);
    let read: Result<i64, store::db::DbError> = tokio::select! {
        rebuilt = &mut rebuilding => panic!("who reads was not waited for: {rebuilt:?}"),
        read = reading => read,
    };
    let parts = read.unwrap();
    assert_eq!(rebuilding.await.unwrap().differs, Some(BTreeMap::new()));
    assert_eq!(books::count_parts(&backend.db).await.unwrap(), u64::try_from(parts).unwrap());
}
