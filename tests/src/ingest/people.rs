//! The people in what arrives: sealed, findable by what they are known by, and not there any more once erased.

use commerce::{Fact, SubjectId};
use connectors::Details;
use events::{Event, Payload, SealedBox, Topic};
use reqwest::StatusCode;

use super::shop::{PERSONAL, Shop, clock, order};

/// The boxes of the newest fact on the order topic.
async fn last_boxes(shop: &Shop) -> (Event, Vec<SealedBox>) {
    let event = shop.facts(Topic::Order).await.pop().unwrap();
    let Payload::Fact { boxes, .. } = event.payload.clone() else { panic!("a fact") };
    (event, boxes)
}

async fn buyer(shop: &Shop) -> SubjectId {
    last_boxes(shop).await.1[0].subject
}

#[tokio::test]
async fn a_buyer_is_sealed_and_nowhere_in_clear() {
    let shop = Shop::open().await;
    shop.deliver("orders/create", &order(7101)).await;
    let (event, boxes) = last_boxes(&shop).await;
    assert_eq!(boxes.iter().map(|one| one.label.as_str()).collect::<Vec<_>>(), ["buyer"]);
    let opened = shop.open_box(event.id, &boxes[0]).await.unwrap();
    let details: Details = serde_json::from_slice(&opened).unwrap();
    assert_eq!(details.name.as_deref(), Some("Zarmina Unwritten"));
    assert_eq!(details.phone.as_deref(), Some("03000007101"));
    assert!(shop.stands_somewhere("SHAWL-7"), "what is clear on purpose is found, so the search works");
    shop.assert_nowhere(PERSONAL);
}

#[tokio::test]
async fn the_details_of_an_erased_person_do_not_come_back_with_a_late_retry() {
    let shop = Shop::open().await;
    shop.deliver("orders/create", &order(7102)).await;
    let erased = buyer(&shop).await;
    shop.erase(erased).await;
    // A revision the log has not seen, of before the erasure and of after it.
    for updated in ["2026-11-02T12:00:00+05:00", "2026-11-20T12:00:00+05:00"] {
        let late = order(7102).replace("2026-11-02T11:30:00+05:00", updated);
        assert_eq!(shop.deliver("orders/updated", &late).await.status, StatusCode::OK);
        let (event, boxes) = last_boxes(&shop).await;
        assert!(matches!(event.payload, Payload::Fact { fact: Fact::OrderRevised(_), .. }), "the fact is kept");
        assert_eq!(boxes.len(), 1);
        assert_eq!((boxes[0].subject, boxes[0].sealed.len()), (erased, 0), "who it was, and nothing of them");
    }
    // The first delivery's box is still on the log, and opens no more.
    let first = shop.facts(Topic::Order).await.into_iter().find(|event| {
        matches!(&event.payload,
        Payload::Fact { boxes, .. } if boxes.iter().any(|one| !one.sealed.is_empty()))
    });
    let Some(Event { id, payload: Payload::Fact { boxes, .. }, .. }) = first else { panic!("it is still there") };
    assert_eq!(shop.open_box(id, &boxes[0]).await, None);
    shop.assert_nowhere(PERSONAL);
}

#[tokio::test]
async fn an_erased_customer_who_orders_again_is_somebody_new() {
    let shop = Shop::open().await;
    shop.deliver("orders/create", &order(7103)).await;
    let erased = buyer(&shop).await;
    shop.erase(erased).await;
    let again = order(7104).replace("\"id\":507104", "\"id\":507103").replace("2026-11-02T11:30", "2026-11-20T11:30");
    shop.deliver("orders/create", &again).await;
    let (event, boxes) = last_boxes(&shop).await;
    assert_ne!(boxes[0].subject, erased);
    assert!(shop.open_box(event.id, &boxes[0]).await.is_some());
}

#[tokio::test]
async fn the_shops_requests_say_whom_they_mean_and_seal_nothing() {
    let shop = Shop::open().await;
    shop.deliver("orders/create", &order(7105)).await;
    let buyer = buyer(&shop).await;
    let by_customer = r#"{"shop_id":1,"customer":{"id":507105,"email":"x@unwritten.example"},"orders_to_redact":[]}"#;
    let by_order = r#"{"shop_id":1,"orders_requested":[7105],"data_request":{"id":9}}"#;
    let by_email = r#"{"shop_id":1,"customer":{"email":"zarmina.7105@unwritten.example"},"orders_to_redact":[]}"#;
    let of_nobody = r#"{"shop_id":1,"customer":{"id":1},"orders_requested":[2]}"#;
    for (topic, body, expected) in [
        ("customers/redact", by_customer, Some(buyer)),
        ("customers/data_request", by_order, Some(buyer)),
        ("customers/redact", by_email, Some(buyer)),
        ("customers/data_request", of_nobody, None),
    ] {
        assert_eq!(shop.deliver(topic, body).await.body, r#"{"accepted":1}"#);
        let Payload::Fact { fact, boxes } = shop.facts(Topic::Privacy).await.pop().unwrap().payload else {
            panic!("a fact")
        };
        let meant = match fact {
            Fact::RedactionRequested(asked) => asked.subject,
            Fact::DataRequested(asked) => asked.subject,
            other => panic!("{other:?}"),
        };
        assert_eq!((meant, boxes.len()), (expected, 0), "{body}");
    }
    shop.assert_nowhere(PERSONAL);
}

#[tokio::test]
async fn each_input_that_was_not_understood_is_a_subject_of_its_own_in_the_month_of_its_arrival() {
    let shop = Shop::open().await;
    shop.deliver("orders/create", "{").await;
    shop.deliver("orders/create", "[").await;
    let kept = shop.quarantined().await;
    assert_ne!(kept[0].0.content.subject, kept[1].0.content.subject, "one can go without the other");
    assert!(kept.iter().all(|(input, _)| input.received_at == clock()));
    assert_ne!(kept[0].0.digest, kept[1].0.digest);
}
