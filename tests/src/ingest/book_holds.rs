//! Somebody wishes to be erased while their parcel is on the way, or their bank disputes a payment: the books hold them, and let go.

use commerce::{ChargebackOutcome, ChargebackRecorded, Fact, SubjectId};
use events::{Event, Source};
use ledger::{Day, Timestamp};
use privacy::book_holds::look;
use store::books::{self, PersonKey, PersonRow};
use store::db::{Db, DbError};
use store::keys::{ErasureReason, HoldReason};

use super::shop::{Shop, TENANT, clock, order, tenant};
use crate::backend::{Backend, Kind};
use crate::books::config;

fn later(days: i64) -> Timestamp {
    Timestamp(clock().0 + days * 86_400_000_000)
}

async fn execute(db: &Db, statements: &[&str]) {
    for sql in statements {
        let sql = (*sql).to_owned();
        let done = db.run_tx("test", move |tx| {
            let sql = sql.clone();
            Box::pin(async move { tx.execute(&sql, vec![]).await })
        });
        done.await.map_err(|error: DbError| error).unwrap();
    }
}

/// A parcel of an order whose cash is not here yet.
async fn on_the_way(db: &Db, order: &str) {
    let shipment = format!(
        "INSERT INTO shipment (tenant, courier, tracking, order_id, state, attempts) \
         VALUES ('{TENANT}', 'postex', '1', '{order}', 'in_transit', 0)"
    );
    let position = format!(
        "INSERT INTO cod_position (tenant, courier, tracking, order_id, currency, expected, remitted, fees, outstanding, \
         on_the_way, state) VALUES ('{TENANT}', 'postex', '1', '{order}', 'PKR', 0, 0, 0, 0, 5000, 'on_the_way')"
    );
    execute(db, &[&shipment, &position]).await;
}

#[tokio::test]
async fn whoever_has_cash_or_a_dispute_open_is_held_until_that_has_ended() {
    let (shop, acme) = (Shop::open().await, tenant(TENANT));
    shop.deliver("orders/create", &order(7001)).await;
    let folded = async || processor::catch_up(config(100), &shop.log, &shop.books).await.unwrap();
    folded().await;
    let people = shop.books.query("SELECT subject FROM person WHERE about = 'order/7001'", vec![]).await.unwrap();
    let subject = SubjectId(people[0].text(0).unwrap().parse().unwrap());
    shop.keys.request_erasure(&acme, subject, ErasureReason::Person, later(0)).await.unwrap();
    let held = async |day| {
        look(&shop.keys, &shop.books, &acme, subject, later(day)).await.unwrap();
        let holds = shop.keys.holds(&acme, later(day)).await.unwrap();
        holds.iter().map(|hold| (hold.reason, hold.staff.to_string())).collect::<Vec<_>>()
    };
    let by_books = |reason| (reason, "daybook".to_owned());

    on_the_way(&shop.books, "7001").await;
    assert_eq!(held(1).await, [], "the merchant has not asked for it");
    assert!(shop.keys.set_book_holds(&acme, true, later(1)).await.unwrap());
    assert_eq!(held(1).await, [by_books(HoldReason::Cod)]);
    assert_eq!(held(7).await, [by_books(HoldReason::Cod)]);
    assert_eq!(held(13).await, [by_books(HoldReason::Cod)], "it is renewed");
    assert_eq!(privacy::resume(&shop.keys, &shop.log, &shop.books, later(13)).await.unwrap(), 0, "the wish waits");

    let dispute = |outcome, at: i64| {
        let fact = ChargebackRecorded {
            version: later(at),
            order: "7001".parse().unwrap(),
            key: "dispute-1".parse().unwrap(),
            on: Day(20_000),
            amount: 5_000,
            fee: 0,
            currency: "PKR".parse().unwrap(),
            outcome,
        };
        Event::fact(acme.clone(), Source::DAYBOOK, later(at), Fact::ChargebackRecorded(fact), Vec::new()).encode()
    };
    shop.log.append(vec![dispute(ChargebackOutcome::Open, 13)]).await.unwrap();
    folded().await;
    execute(&shop.books, &["UPDATE cod_position SET on_the_way = 0 WHERE tracking = '1'"]).await;
    assert_eq!(held(14).await, [by_books(HoldReason::Dispute)], "the cash came, and the bank disputes it");
    shop.log.append(vec![dispute(ChargebackOutcome::Lost, 15)]).await.unwrap();
    folded().await;
    assert_eq!(held(15).await, []);
    assert_eq!(
        privacy::resume(&shop.keys, &shop.log, &shop.books, later(15)).await.unwrap(),
        1,
        "and the wish is carried out by itself"
    );
    assert_eq!(held(16).await, [], "of who is gone nothing can be held");
}

#[tokio::test]
async fn both_databases_find_the_parcels_of_a_person() {
    for kind in [Kind::Embedded, Kind::Servers] {
        let backend = Backend::fresh(kind, 1).await;
        let subject = SubjectId(uuid::Uuid::from_u128(7));
        let row = |about: &str| PersonRow {
            key: PersonKey { tenant: tenant(TENANT), about: about.to_owned(), role: "buyer".to_owned() },
            subject,
            event: uuid::Uuid::from_u128(1),
            version: clock(),
            sealed: None,
        };
        let rows = vec![row("order/7001"), row("order/7001/refund/1"), row("customer/9")];
        let saved = backend.db.run_tx("people", move |tx| {
            let rows = rows.clone();
            Box::pin(async move { books::save_people(tx, &rows).await })
        });
        saved.await.map_err(|error: DbError| error).unwrap();
        let open = async || books::has_open_cod(&backend.db, &tenant(TENANT), subject).await.unwrap();
        assert!(!open().await);
        on_the_way(&backend.db, "7001").await;
        assert!(open().await);
        let other = SubjectId(uuid::Uuid::from_u128(8));
        assert!(!books::has_open_cod(&backend.db, &tenant(TENANT), other).await.unwrap());
        assert_eq!(books::orders_of(&backend.db, &tenant(TENANT), subject).await.unwrap().len(), 0);
    }
}
