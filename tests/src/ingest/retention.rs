//! What is past its time goes, through the log and into the read models: customers by months, the quarantine, the access log. The
//! books print the same afterwards.

use ledger::Timestamp;
use privacy::retention::{Due, Expired, due, expire};
use store::books::{self, TenantRow};

use super::shop::{Shop, TENANT, clock, order, tenant};
use crate::books::config;

fn later(days: i64) -> Timestamp {
    Timestamp(clock().0 + days * 86_400_000_000)
}

impl Shop {
    pub(super) async fn row(&self) -> TenantRow {
        books::tenants(&self.books).await.unwrap().into_iter().find(|row| row.tenant.as_str() == TENANT).unwrap()
    }

    async fn due(&self, now: Timestamp) -> Due {
        due(&self.keys, &self.log, &self.books, &self.row().await, now).await.unwrap()
    }

    async fn expire(&self, now: Timestamp) -> Expired {
        expire(&self.keys, &self.log, &self.books, &self.row().await, now).await.unwrap()
    }

    async fn folded(&self) {
        processor::catch_up(config(100), &self.log, &self.books).await.unwrap();
    }

    /// Details that still have a box, and inputs that are listed.
    async fn left(&self) -> (i64, i64) {
        self.folded().await;
        let sql = "SELECT COUNT(*) FROM person WHERE sealed IS NOT NULL";
        let details = self.books.query(sql, vec![]).await.unwrap()[0].int(0).unwrap();
        (details, books::count_quarantined(&self.books, &tenant(TENANT)).await.unwrap())
    }
}

#[tokio::test]
async fn what_is_past_its_time_goes_and_no_amount_with_it() {
    let shop = Shop::open().await;
    for id in [7001, 7002] {
        shop.deliver("orders/create", &order(id)).await;
    }
    // It came in November, and so did two that nobody understood.
    shop.deliver("orders/reopened", &order(7003)).await;
    shop.deliver("orders/create", "{").await;
    let (event, input) = shop.quarantined().await.pop().map(|(input, event)| (event, input)).unwrap();
    shop.open_box(event, &input.content).await.unwrap();
    let (details, listed) = shop.left().await;
    assert!(details >= 2 && listed == 2);
    let books = async || processor::books_hash(&shop.books, false).await.unwrap();
    let before = books().await;

    assert_eq!(shop.expire(later(20)).await, Expired::default(), "nothing is due in the month itself");
    let dry = shop.due(later(100)).await;
    assert_eq!((dry.keys.keys, dry.quarantined, dry.accesses), (0, 2, 1));
    let gone = shop.expire(later(100)).await;
    assert_eq!(gone, Expired { quarantined: 2, accesses: 1, ..Expired::default() });
    assert_eq!(shop.left().await, (details, 0));
    assert_eq!(shop.open_box(event, &input.content).await, None, "and its key is destroyed");
    assert_eq!(shop.expire(later(100)).await, Expired::default(), "once");

    assert_eq!(shop.due(later(1_000)).await.keys.subjects, 2);
    assert_eq!(shop.expire(later(1_000)).await, Expired { erased: 2, ..Expired::default() });
    assert_eq!((shop.left().await, shop.due(later(1_000)).await), ((0, 0), Due::default()));
    assert_eq!(books().await, before, "not one amount");

    shop.deliver("orders/create", &order(7001)).await;
    assert_eq!(shop.left().await.0, 0, "a late copy brings nobody back");
}
