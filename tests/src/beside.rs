//! Rebuilds beside the live tables: others fold and read on, what was left half built is gone on with, and what takes the place of the
//! old rows is what a calm run gives. On both back ends.

mod kills;
mod servers;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use commerce::{CodGateways, Policy, TenantId};
use ledger::{BusinessZone, Timestamp};
use processor::{BooksHash, Found, Pace, Swapped, Told};
use store::books::{self, Projection, TenantRow};
use store::db::Db;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::backend::{Backend, Kind};
use crate::books::{append, config, findings, open_hash, sample};

const BOTH: [Kind; 2] = [Kind::Embedded, Kind::Servers];

fn shop() -> TenantId {
    "sample-shop".parse().unwrap()
}

async fn hash(db: &Db) -> BooksHash {
    processor::books_hash(db, true).await.unwrap()
}

async fn rebuild(backend: &Backend, batch: usize, projection: Projection) -> Swapped {
    let Backend { log, db, .. } = backend;
    processor::rebuild_beside(config(batch), log, db, projection, Pace::FULL, &mut |_| {}).await.unwrap()
}

/// Begins a rebuild, and stops waiting for it at the n-th word of a kind.
async fn rebuild_until(backend: &Backend, projection: Projection, wanted: fn(Told) -> bool, times: u64) {
    let (seen, enough) = (AtomicU64::new(0), Notify::new());
    let mut told = |told| {
        if wanted(told) && seen.fetch_add(1, Ordering::SeqCst) + 1 == times {
            enough.notify_one();
        }
    };
    let rebuilt = processor::rebuild_beside(config(60), &backend.log, &backend.db, projection, Pace::FULL, &mut told);
    tokio::select! {
        biased;
        () = enough.notified() => {}
        rebuilt = rebuilt => panic!("it was not stopped: {rebuilt:?}"),
    }
}

async fn execute(db: &Db, sql: String) {
    let done = db.run_tx("test", move |tx| {
        let sql = sql.clone();
        Box::pin(async move { tx.execute(&sql, vec![]).await })
    });
    let _: u64 = done.await.map_err(|error: store::db::DbError| error).unwrap();
}

/// The numbers of the last transactions, by tenant.
async fn heads(db: &Db) -> BTreeMap<TenantId, u64> {
    books::all_heads(db).await.unwrap().into_iter().map(|(tenant, head)| (tenant, head.number)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_took_the_place_of_the_rows_is_the_same() {
    let (events, _) = sample(150, 11);
    for kind in BOTH {
        let backend = Backend::fresh(kind, 2).await;
        append(&backend.log, &events).await;
        processor::catch_up(config(300), &backend.log, &backend.db).await.unwrap();
        let (before, numbers) = (hash(&backend.db).await, heads(&backend.db).await);
        let stood = books::checkpoints(&backend.db, "books").await.unwrap();
        for projection in Projection::ALL {
            let swapped = rebuild(&backend, 200, projection).await;
            assert_eq!(swapped.found, Found::Nothing, "{kind:?}, {projection:?}");
            assert_eq!(swapped.differs, Some(BTreeMap::new()), "{kind:?}, {projection:?}");
            assert_eq!(swapped.posted, 0, "{kind:?}, {projection:?}");
        }
        assert_eq!(hash(&backend.db).await, before, "{kind:?}");
        assert_eq!(heads(&backend.db).await, numbers, "{kind:?}");
        // What was decided over the old rows is not written, although no fact has been folded since.
        let written = backend.db.run_tx("decided-before", move |tx| {
            let stood = stood[&0].clone();
            Box::pin(async move { books::lock(tx, "books", 0, &stood).await })
        });
        assert!(matches!(written.await, Err(books::Fenced::Moved { .. })), "{kind:?}");
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
        // The live processor goes on from there.
        append(&backend.log, &sample(170, 11).0).await;
        processor::catch_up(config(300), &backend.log, &backend.db).await.unwrap();
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_fold_and_read_on() {
    for kind in BOTH {
        let (events, _) = sample(100, 37);
        let calm = Backend::fresh(kind, 2).await;
        append(&calm.log, &events).await;
        processor::catch_up(config(500), &calm.log, &calm.db).await.unwrap();

        let busy = Backend::fresh(kind, 2).await;
        let (first, rest) = events.split_at(events.len() / 3);
        append(&busy.log, first).await;
        processor::catch_up(config(500), &busy.log, &busy.db).await.unwrap();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(processor::run(config(40), busy.log.clone(), busy.db.clone(), shutdown.clone()));
        let reading = tokio::spawn(read_on(busy.db.clone(), shutdown.clone()));
        let is_fed = AtomicBool::new(false);
        let feeding = async {
            feed(&busy, rest).await;
            is_fed.store(true, Ordering::SeqCst);
        };
        let rebuilding = async {
            // Another one, as long as there is traffic.
            let mut rebuilt = 0;
            while rebuilt == 0 || !is_fed.load(Ordering::SeqCst) {
                for projection in Projection::ALL {
                    let swapped = rebuild(&busy, 90, projection).await;
                    assert_eq!(swapped.differs, Some(BTreeMap::new()), "{kind:?}, {projection:?}");
                }
                rebuilt += 1;
            }
            rebuilt
        };
        let ((), rebuilt) = tokio::join!(feeding, rebuilding);
        println!("{kind:?}: rebuilt {rebuilt} times");
        let folded = async || processor::lag(&busy.log, &busy.db).await.is_ok_and(|lag| lag == 0);
        testkit::wait_until(Duration::from_secs(60), folded).await.unwrap();
        shutdown.cancel();
        running.await.unwrap().unwrap();
        let looks = reading.await.unwrap();
        println!("{kind:?}: {looks} looks");
        assert!(looks > 20, "{kind:?}: {looks} looks say little");
        processor::relay_all(&busy.log, &busy.db).await.unwrap();
        assert_eq!(findings(&busy).await, Vec::<String>::new(), "{kind:?}");
        assert_eq!(open_hash(&busy.db).await, open_hash(&calm.db).await, "{kind:?}");
    }
}

/// Appends a few events at a time, each when those before are folded.
async fn feed(backend: &Backend, events: &[events::Event]) {
    for share in events.chunks(20) {
        append(&backend.log, share).await;
        let folded = async || processor::lag(&backend.log, &backend.db).await.is_ok_and(|lag| lag == 0);
        testkit::wait_until(Duration::from_secs(60), folded).await.unwrap();
    }
}

/// Reads until told to stop: what was there never goes, and the read models are whole all the time. Gives how often it looked.
async fn read_on(db: Db, shutdown: CancellationToken) -> u64 {
    let (mut looks, mut seen) = (0, [0; 3]);
    while !shutdown.is_cancelled() {
        assert!(books::are_whole(&db).await.unwrap());
        let mut now = [books::count_orders(&db, &shop()).await.unwrap(), 0, 0];
        for (place, sql) in [(1, "SELECT COUNT(*) FROM journal"), (2, "SELECT COUNT(*) FROM part")] {
            now[place] = db.query(sql, vec![]).await.unwrap()[0].int(0).unwrap();
        }
        // Over one state of the database, as who decides by it reads: parts and journal together.
        let known = db.run_read("look", |tx| {
            Box::pin(async move {
                store::beside::hold_still(tx, Projection::Books).await?;
                let orders = tx.query("SELECT COUNT(*) FROM order_view", vec![]).await?[0].int(0)?;
                let parts = tx.query("SELECT COUNT(*) FROM part WHERE part LIKE 'order/%'", vec![]).await?[0].int(0)?;
                Ok::<_, store::db::DbError>((orders, parts))
            })
        });
        let (orders, parts) = known.await.unwrap();
        assert_eq!(orders, parts, "every order has its row");
        assert!(now.iter().zip(seen).all(|(now, seen)| *now >= seen), "{now:?} after {seen:?}");
        (looks, seen) = (looks + 1, now);
    }
    looks
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_half_built_is_gone_on_with() {
    let (events, _) = sample(80, 23);
    for kind in BOTH {
        let backend = Backend::fresh(kind, 2).await;
        append(&backend.log, &events[..events.len() / 2]).await;
        processor::catch_up(config(300), &backend.log, &backend.db).await.unwrap();
        for projection in [Projection::Books, Projection::Stock] {
            for times in [1, 2, 5] {
                if projection == Projection::Books || times == 1 {
                    rebuild_until(&backend, projection, |told| matches!(told, Told::Done(_)), times).await;
                }
            }
        }
        // Meanwhile others fold.
        append(&backend.log, &events[events.len() / 2..]).await;
        processor::catch_up(config(300), &backend.log, &backend.db).await.unwrap();
        let before = hash(&backend.db).await;
        for projection in [Projection::Books, Projection::Stock] {
            let swapped = rebuild(&backend, 300, projection).await;
            assert_eq!(swapped.found, Found::HalfBuilt, "{kind:?}, {projection:?}");
            assert_eq!(swapped.differs, Some(BTreeMap::new()), "{kind:?}, {projection:?}");
        }
        assert_eq!(hash(&backend.db).await, before, "{kind:?}");
        // Left between the swap and the end: what was swapped in is not swapped in again.
        rebuild_until(&backend, Projection::Books, |told| matches!(told, Told::Swapped(_)), 1).await;
        assert_eq!(rebuild(&backend, 300, Projection::Books).await.found, Found::Overtaken, "{kind:?}");
        assert_eq!(hash(&backend.db).await, before, "{kind:?}");
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_no_use_is_begun_anew() {
    let (events, _) = sample(20, 29);
    for kind in BOTH {
        let backend = Backend::fresh(kind, 1).await;
        append(&backend.log, &events).await;
        processor::catch_up(config(300), &backend.log, &backend.db).await.unwrap();
        let before = hash(&backend.db).await;
        match kind {
            Kind::Embedded => {
                std::fs::write(backend.folder.path().join("books-beside-stock.db"), [7; 5_000]).unwrap();
            }
            Kind::Servers => execute(&backend.db, "CREATE SCHEMA daybook_beside_stock".to_owned()).await,
        }
        assert_eq!(rebuild(&backend, 100, Projection::Stock).await.found, Found::Unusable, "{kind:?}");
        assert_eq!(hash(&backend.db).await, before, "{kind:?}");
        // Built by another version of the rules.
        rebuild_until(&backend, Projection::People, |told| matches!(told, Told::Done(_)), 1).await;
        let other_rules = "UPDATE checkpoint SET version = 9 WHERE consumer = 'people'";
        match kind {
            Kind::Embedded => {
                let path = backend.folder.path().join("books-beside-people.db");
                let migrations = store::schema::books_migrations(store::db::Dialect::Sqlite);
                let set = Db::open_sqlite(&path, store::db::Durability::Normal, &migrations).await.unwrap();
                execute(&set, other_rules.to_owned()).await;
                set.close().await;
            }
            Kind::Servers => {
                execute(&backend.db, other_rules.replace("checkpoint", "daybook_beside_people.checkpoint")).await
            }
        }
        assert_eq!(rebuild(&backend, 100, Projection::People).await.found, Found::OtherRules, "{kind:?}");
        assert_eq!(processor::outdated(&backend.db).await.unwrap(), Vec::<&str>::new(), "{kind:?}");
        execute(&backend.db, other_rules.to_owned()).await;
        assert_eq!(processor::outdated(&backend.db).await.unwrap(), ["people"], "{kind:?}");
        rebuild(&backend, 100, Projection::People).await;
        assert_eq!(processor::outdated(&backend.db).await.unwrap(), Vec::<&str>::new(), "{kind:?}");
        // A rebuild in place overtakes what is built beside.
        rebuild_until(&backend, Projection::Books, |told| matches!(told, Told::Done(_)), 1).await;
        processor::rebuild(config(100), &backend.log, &backend.db, Projection::Books, &mut |_| {}).await.unwrap();
        assert_eq!(rebuild(&backend, 100, Projection::Books).await.found, Found::Overtaken, "{kind:?}");
        assert_eq!(hash(&backend.db).await, before, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_rule_posts_only_corrections() {
    let (events, _) = sample(60, 31);
    for kind in BOTH {
        let backend = Backend::fresh(kind, 2).await;
        append(&backend.log, &events).await;
        processor::catch_up(config(300), &backend.log, &backend.db).await.unwrap();
        let last = heads(&backend.db).await[&shop()];
        let mut rules = Policy::default();
        rules.chart.sales = "income:retail".parse().unwrap();
        let (zone, cod_gateways) = (BusinessZone::KARACHI, CodGateways::default());
        let row = TenantRow { tenant: shop(), zone, cod_gateways, created_at: Timestamp(0), rules };
        books::save_tenant(&backend.db, row).await.unwrap();

        let swapped = rebuild(&backend, 200, Projection::Books).await;
        assert!(swapped.posted > 0, "{kind:?}");
        assert_eq!(swapped.differs, Some(BTreeMap::new()), "{kind:?}: until it is posted, all is as it was");
        assert_eq!(heads(&backend.db).await[&shop()], last + swapped.posted, "{kind:?}: numbers go on");
        let trial = books::trial_balance(&backend.db, &shop()).await.unwrap();
        assert!(trial.rows.iter().all(|row| row.account.to_string() != "income:sales" || row.debit == row.credit));
        assert!(trial.rows.iter().any(|row| row.account.to_string() == "income:retail"));
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
        let again = rebuild(&backend, 200, Projection::Books).await;
        assert_eq!((again.posted, again.differs), (0, Some(BTreeMap::new())), "{kind:?}: nothing more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_at_a_time_builds_beside() {
    use store::beside::Beside;
    use store::db::OpenDbError;

    for kind in BOTH {
        let backend = Backend::fresh(kind, 2).await;
        let open = async || Beside::open(&backend.db, Projection::Stock, 2).await;
        let (first, _) = open().await.unwrap();
        let second = open().await;
        assert!(matches!(second, Err(OpenDbError::TakenByAnother)), "{kind:?}: {second:?}");
        drop(first);
        // A session on PostgreSQL ends a moment after it was let go.
        testkit::wait_until(Duration::from_secs(30), async || open().await.is_ok()).await.unwrap();
    }
}
