//! What was not understood is read again after a fix, and the log says so: the list is the same in any order, and after a rebuild.

use commerce::{SubjectId, TenantId};
use event_log::EventLog;
use events::{Event, Payload, Quarantined, Reason, SealedBox, Source, Topic};
use ingest::Redriven;
use store::books::{self, Projection, QuarantineRow};
use store::db::Db;
use uuid::Uuid;

use super::shop::{Shop, TENANT, clock, order, tenant};
use crate::backend::{Backend, Kind};
use crate::books::{append, config};

async fn listed(log: &EventLog, db: &Db, of: &TenantId) -> Vec<QuarantineRow> {
    processor::catch_up(config(100), log, db).await.unwrap();
    books::quarantined(db, of).await.unwrap()
}

/// Of everything in quarantine.
async fn hash(db: &Db) -> processor::BooksHash {
    processor::books_hash(db, true).await.unwrap()
}

impl Shop {
    async fn listed(&self) -> Vec<QuarantineRow> {
        listed(&self.log, &self.books, &tenant(TENANT)).await
    }

    async fn notices(&self) -> Vec<Uuid> {
        let notice = |event: Event| match event.payload {
            Payload::Redriven { event, at } => Some((event, at)),
            _ => None,
        };
        let notices: Vec<_> = self.facts(Topic::Quarantine).await.into_iter().filter_map(notice).collect();
        assert!(notices.iter().all(|(_, at)| *at == clock()));
        notices.into_iter().map(|(event, _)| event).collect()
    }
}

#[tokio::test]
async fn what_was_kept_is_read_again_after_a_fix() {
    let shop = Shop::open().await;
    // Sent under a topic that nothing reads: what a later version would understand.
    shop.deliver("orders/reopened", &order(7006)).await;
    let mut row = shop.listed().await.pop().unwrap();
    assert!(matches!(shop.ingest.redrive(&row).await.unwrap(), Redriven::StillNotUnderstood(_)));
    assert_eq!((shop.listed().await.len(), shop.notices().await), (1, vec![]));

    row.topic = "orders/create".to_owned();
    for _ in 0..2 {
        let redriven = shop.ingest.redrive(&row).await.unwrap();
        let Redriven::Accepted(accepted) = redriven else { panic!("it can be read now") };
        assert_eq!((accepted.facts, shop.facts(Topic::Order).await.len()), (2, 2));
        assert_eq!((shop.listed().await, shop.notices().await), (vec![], vec![row.event]));
    }
    shop.deliver("orders/reopened", &order(7006)).await;
    assert_eq!(shop.listed().await, [], "a late retry of what was redriven");

    let before = hash(&shop.books).await;
    processor::rebuild(config(100), &shop.log, &shop.books, Projection::Quarantine, &mut |_| {}).await.unwrap();
    assert_eq!((shop.listed().await, hash(&shop.books).await), (vec![], before));
}

#[tokio::test]
async fn what_nobody_can_read_any_more_leaves_the_list() {
    let shop = Shop::open().await;
    shop.deliver("orders/create", "{").await;
    let row = shop.listed().await.pop().unwrap();
    shop.erase(row.subject).await;
    assert_eq!(shop.ingest.redrive(&row).await.unwrap(), Redriven::Erased);
    assert_eq!((shop.listed().await, shop.notices().await), (vec![], vec![row.event]));
}

fn input(body: &str, sealed: u8) -> Event {
    let content =
        SealedBox { subject: SubjectId(Uuid::nil()), label: "quarantine".to_owned(), sealed: vec![sealed; 40] };
    let (origin, digest) = (Source::SHOPIFY, Uuid::new_v5(&Uuid::NAMESPACE_OID, body.as_bytes()));
    let topic = "orders/create".to_owned();
    let input = Quarantined { reason: Reason::UnreadableJson, origin, topic, received_at: clock(), digest, content };
    Event::quarantined(tenant(TENANT), input)
}

#[tokio::test]
async fn the_list_does_not_depend_on_what_the_log_tells_first() {
    let (first, again, other) = (input("one", 1), input("one", 2), input("other", 3));
    let notice = Event::redriven(tenant(TENANT), first.id, clock());
    assert_eq!(first.id, again.id);
    let orders = [
        [&first, &again, &notice, &other],
        [&first, &notice, &again, &other],
        [&notice, &other, &first, &again],
        [&other, &notice, &notice, &again],
    ];
    for kind in [Kind::Embedded, Kind::Servers] {
        let mut hashes = Vec::new();
        for (order, batch) in orders.into_iter().flat_map(|order| [(order, 1), (order, 100)]) {
            let backend = Backend::fresh(kind, 1).await;
            append(&backend.log, &order.map(Event::clone)).await;
            processor::catch_up(config(batch), &backend.log, &backend.db).await.unwrap();
            let listed = listed(&backend.log, &backend.db, &tenant(TENANT)).await;
            assert_eq!(listed.iter().map(|row| row.event).collect::<Vec<_>>(), [other.id], "{kind:?} {batch}");
            assert!(!format!("{listed:?}").contains("3, 3"), "a row shows no box");
            hashes.push(hash(&backend.db).await);
        }
        hashes.dedup();
        assert_eq!(hashes.len(), 1, "{kind:?}");
    }
}
