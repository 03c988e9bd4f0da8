//! Paused read models wait, in every process, and go on where they were; a tenant's lag is that of its partition.

use std::collections::BTreeMap;

use commerce::TenantId;
use ledger::Timestamp;
use processor::{ProcessError, TenantLag};
use store::books::{self, Checkpoint, Projection};

use super::*;

/// The projections that have something to fold.
async fn behind(backend: &Backend) -> Vec<&'static str> {
    let lags = processor::lags(&backend.log, &backend.db).await.unwrap();
    lags.into_iter().filter(|(_, lag)| *lag > 0).map(|(projection, _)| projection).collect()
}

async fn only_books_wait(backend: &Backend) {
    wait_until(DEADLINE, async || behind(backend).await == ["books"]).await.unwrap();
}

async fn stands(backend: &Backend) -> BTreeMap<u32, Checkpoint> {
    books::checkpoints(&backend.db, Projection::Books.name()).await.unwrap()
}

impl Processor {
    async fn is_paused(&self, paused: u64) {
        let seen = wait_until(DEADLINE, async || self.metric("processor_paused").await == paused).await;
        seen.unwrap_or_else(|error| panic!("{error}: {}", self.process.stderr()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paused_waits_and_goes_on_where_it_was() {
    for kind in [Kind::Embedded, Kind::Servers] {
        let backend = Backend::fresh(kind, PARTITIONS).await;
        let shares = spread(&backend.log, 16, 3);
        let expected = calm(&shares, kind).await;
        append(&backend.log, &shares[0]).await;
        let mut one = Processor::start(&backend, backend.folder.path()).await;
        one.is_paused(0).await;
        is_folded(&backend).await;
        let folded = stands(&backend).await;

        let (db, since) = (&backend.db, Timestamp(7));
        assert!(books::pause(db, Projection::Books, since).await.unwrap());
        assert!(!books::pause(db, Projection::Books, Timestamp(8)).await.unwrap(), "it is already");
        assert_eq!(books::paused(db).await.unwrap(), BTreeMap::from([(Projection::Books, since)]));
        assert!(!books::are_whole(db).await.unwrap(), "nothing is decided by what is paused");
        one.is_paused(1).await;
        append(&backend.log, &shares[1]).await;
        only_books_wait(&backend).await;
        assert_eq!(stands(&backend).await, folded, "{kind:?}: nobody has moved them");

        // Whoever folds to the end is told, and does not wait; so is whoever asks before.
        let refused = processor::catch_up(config(100), &backend.log, db).await;
        assert!(matches!(refused, Err(ProcessError::Paused { consumer: "books" })), "{refused:?}");
        assert!(matches!(processor::refuse_paused(db).await, Err(ProcessError::Paused { consumer: "books" })));

        // It holds for those that start later, and nobody who waits holds a rebalance up.
        let other = match kind {
            Kind::Embedded => one,
            Kind::Servers => {
                let other = Processor::start(&backend, backend.folder.path()).await;
                other.is_paused(1).await;
                let ended = one.process.terminate(DEADLINE).await.unwrap();
                assert!(ended.success(), "{}", one.process.stderr());
                other
            }
        };
        append(&backend.log, &shares[2]).await;
        only_books_wait(&backend).await;
        assert_eq!(stands(&backend).await, folded, "{kind:?}");

        let ends = processor::ends(&backend.log, Projection::Books).await.unwrap();
        assert!(books::resume(db, Projection::Books, &ends).await.unwrap());
        assert!(!books::resume(db, Projection::Books, &ends).await.unwrap(), "it was already");
        is_folded(&backend).await;
        other.is_paused(0).await;
        assert_sound(&backend, &expected).await;
        assert!(books::are_whole(db).await.unwrap());
        processor::refuse_paused(db).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_lag_is_that_of_its_partition() {
    for kind in [Kind::Embedded, Kind::Servers] {
        let backend = Backend::fresh(kind, PARTITIONS).await;
        let (log, db) = (&backend.log, &backend.db);
        let events = spread(log, 4, 1).remove(0);
        let of = async |tenant: &TenantId| {
            let lags = processor::tenant_lag(log, db, tenant).await.unwrap();
            lags.into_iter().find(|lag| lag.projection == "books").unwrap()
        };
        let (mine, next) = (events[0].tenant.clone(), events.last().unwrap().tenant.clone());
        assert_ne!(log.partition_of(&mine), log.partition_of(&next));
        append(log, &events).await;
        let topics = [Topic::Order, Topic::Shipment, Topic::Cod, Topic::Inventory, Topic::Voucher];
        let is_ours = |event: &&Event| event.tenant == mine && topics.contains(&event.encode().topic);
        assert_eq!(of(&mine).await.records, events.iter().filter(is_ours).count() as u64, "{kind:?}");
        processor::catch_up(config(1_000), log, db).await.unwrap();
        let none = TenantLag { projection: "books", records: 0, oldest: None };
        assert_eq!((of(&mine).await, of(&next).await), (none.clone(), none.clone()), "{kind:?}");

        // Two more, of which the one that lies in another topic was recorded before.
        let first_of = |topic: Topic| events.iter().find(|e| e.tenant == mine && e.encode().topic == topic).unwrap();
        let (mut order, mut shipment) = (first_of(Topic::Order).clone(), first_of(Topic::Shipment).clone());
        (order.recorded_at, shipment.recorded_at) = (Timestamp(9_000_000), Timestamp(5_000_000));
        append(log, &[order, shipment]).await;
        let expected = TenantLag { projection: "books", records: 2, oldest: Some(Timestamp(5_000_000)) };
        assert_eq!((of(&mine).await, of(&next).await), (expected, none), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_decided_before_what_came_meanwhile_is_folded() {
    for kind in [Kind::Embedded, Kind::Servers] {
        let backend = Backend::fresh(kind, PARTITIONS).await;
        let (log, db) = (&backend.log, &backend.db);
        let shares = spread(log, 4, 2);
        append(log, &shares[0]).await;
        processor::catch_up(config(1_000), log, db).await.unwrap();
        assert!(books::pause(db, Projection::People, Timestamp(7)).await.unwrap());
        append(log, &shares[1]).await;
        let ends = processor::ends(log, Projection::People).await.unwrap();
        assert!(books::resume(db, Projection::People, &ends).await.unwrap());
        assert_eq!(books::paused(db).await.unwrap(), BTreeMap::new());
        assert!(!books::are_whole(db).await.unwrap(), "{kind:?}: resumed, and nobody has folded yet");
        processor::catch_up(config(1_000), log, db).await.unwrap();
        assert!(books::are_whole(db).await.unwrap(), "{kind:?}");
        assert!(books::pause(db, Projection::People, Timestamp(8)).await.unwrap(), "it can be paused again");
        assert!(!books::are_whole(db).await.unwrap());
    }
}
