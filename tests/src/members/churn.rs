//! Members that come and go all the time, and databases that share a log but no group.

use std::sync::Arc;
use std::time::Duration;

use processor::{Config, ProcessError};
use store::db::Db;
use store::schema::books_migrations;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{DEADLINE, PARTITIONS, assert_sound, calm, is_folded, spread};
use crate::backend::{Backend, Kind};
use crate::books::append;
use event_log::EventLog;
use testkit::wait_until;

fn small() -> Config {
    Config { workers: 2, batch: 30, session: Duration::from_secs(6), ..Config::default() }
}

/// A processor within this process, and what ends it.
struct Member {
    stop: CancellationToken,
    running: JoinHandle<Result<(), ProcessError>>,
}

impl Member {
    fn joins(log: &EventLog, db: &Db) -> Member {
        let stop = CancellationToken::new();
        Member { running: tokio::spawn(processor::run(small(), log.clone(), db.clone(), stop.clone())), stop }
    }

    async fn leaves(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_come_and_go_under_load() {
    for kind in [Kind::Embedded, Kind::Servers] {
        let backend = Arc::new(Backend::fresh(kind, PARTITIONS).await);
        let shares = spread(&backend.log, 30, 10);
        let expected = calm(&shares, kind).await;
        let mut standing = vec![Member::joins(&backend.log, &backend.db)];
        let mut pace = tokio::time::interval(Duration::from_secs(1));
        for (round, share) in shares.iter().enumerate() {
            pace.tick().await;
            append(&backend.log, share).await;
            standing.push(Member::joins(&backend.log, &backend.db));
            // In turn the oldest and the youngest but one leave: both who has much to let go of and who has just come.
            if standing.len() > 2 {
                standing.remove(round % 2).leaves().await;
            }
        }
        is_folded(&backend).await;
        for member in standing {
            member.leaves().await;
        }
        assert_sound(&backend, &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_databases_over_one_log_each_fold_all_of_it() {
    let backend = Backend::fresh(Kind::Servers, PARTITIONS).await;
    let shares = spread(&backend.log, 10, 1);
    let expected = calm(&shares, Kind::Servers).await;
    let second = testkit::postgres().await.database().await;
    let migrations = books_migrations(store::db::Dialect::Postgres);
    let db = Db::open_postgres(&second.url, "daybook", 8, &migrations).await.unwrap();
    assert_ne!(
        store::books::identity(&backend.db).await.unwrap(),
        store::books::identity(&db).await.unwrap(),
        "each has groups of its own"
    );
    let members = [Member::joins(&backend.log, &backend.db), Member::joins(&backend.log, &db)];
    append(&backend.log, &shares[0]).await;
    is_folded(&backend).await;
    wait_until(DEADLINE, async || processor::lag(&backend.log, &db).await.unwrap() == 0).await.unwrap();
    for member in members {
        member.leaves().await;
    }
    // Both tell the one ledger topic what they posted, and which transactions lie between depends on their batches: the topic is the
    // journal of neither. What stands in the end is the same.
    assert_eq!(crate::books::open_hash(&backend.db).await, expected);
    assert_eq!(crate::books::open_hash(&db).await, expected);
}
