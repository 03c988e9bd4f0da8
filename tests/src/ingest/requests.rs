//! Shopify's three privacy topics, from the webhook to the request on record: each opens one, however often it is sent.

use events::{Payload, Topic};
use ledger::Timestamp;
use privacy::requests::{settle, take_in};
use store::keys::{RequestChannel, RequestKind, RequestState};

use super::shop::{PERSONAL, Shop, TENANT, clock, order, tenant};
use crate::books::config;

impl Shop {
    /// What the role does every few seconds.
    async fn attend(&self) -> (usize, usize) {
        processor::catch_up(config(100), &self.log, &self.books).await.unwrap();
        let taken = take_in(&self.keys, &self.books).await.unwrap();
        (taken, settle(&self.keys, &self.log, &self.books, clock()).await.unwrap())
    }
}

const DATA: &str = r#"{"shop_id":1,"orders_requested":[7201],"data_request":{"id":9}}"#;
const REDACT: &str = r#"{"shop_id":1,"customer":{"id":507202},"orders_to_redact":[]}"#;
const REDACT_NOBODY: &str = r#"{"shop_id":1,"customer":{"id":1},"orders_to_redact":[2]}"#;
const CLOSE: &str = r#"{"shop_id":1,"shop_domain":"kohsar.example"}"#;

#[tokio::test]
async fn each_of_the_three_topics_opens_one_request_however_often_it_comes() {
    let shop = Shop::open().await;
    for id in [7201, 7202] {
        shop.deliver("orders/create", &order(id)).await;
    }
    for _ in 0..3 {
        for (topic, body) in [
            ("customers/data_request", DATA),
            ("customers/redact", REDACT),
            ("customers/redact", REDACT_NOBODY),
            ("shop/redact", CLOSE),
        ] {
            shop.deliver(topic, body).await;
        }
        shop.attend().await;
    }
    let mut stands: Vec<_> = shop.keys.requests(&tenant(TENANT), true).await.unwrap();
    stands.sort_by_key(|one| (one.terms.kind, one.state.as_str(), one.subject));
    let told: Vec<_> = stands
        .iter()
        .map(|one| match &one.state {
            RequestState::CarriedOut(outcome) => (one.terms.kind, one.subject.is_some(), outcome.to_string()),
            state => (one.terms.kind, one.subject.is_some(), state.as_str().to_owned()),
        })
        .collect();
    let mut expected = vec![
        (RequestKind::Access, true, "verified".to_owned()),
        (RequestKind::Erasure, false, "nobody-known".to_owned()),
        (RequestKind::Erasure, true, "erased".to_owned()),
        (RequestKind::Closure, false, "verified".to_owned()),
    ];
    expected.sort_by_key(|(kind, known, _)| (*kind, *known));
    assert_eq!(told, expected);
    assert!(stands.iter().all(|one| one.channel == RequestChannel::Shop && one.joined == 0));
    // Received as the shop sent it, and due thirty days later in the merchant's time.
    let received: Vec<Timestamp> = stands.iter().map(|one| one.received_at).collect();
    assert!(received.iter().all(|at| *at == received[0] && *at < clock()));
    assert_eq!(stands[0].deadline.due_at.to_string(), "2026-12-05T18:59:59Z");

    let erased = shop
        .facts(Topic::Privacy)
        .await
        .into_iter()
        .any(|event| matches!(event.payload, Payload::Fact { fact: commerce::Fact::SubjectErased(_), .. }));
    assert!(erased, "without a second person: the shop's signature is enough");
    shop.assert_nowhere(PERSONAL);
}

#[tokio::test]
async fn what_a_shop_asks_joins_what_the_person_asked_and_stands_for_its_approvals() {
    let shop = Shop::open().await;
    shop.deliver("orders/create", &order(7202)).await;
    let Payload::Fact { boxes, .. } = shop.facts(Topic::Order).await.pop().unwrap().payload else { panic!("a fact") };
    let new = store::keys::NewRequest {
        id: uuid::Uuid::new_v4(),
        subject: Some(boxes[0].subject),
        kind: RequestKind::Erasure,
        channel: RequestChannel::Operator,
        verified: None,
        by: store::keys::Actor::Staff("support-1".parse().unwrap()),
        words: None,
        received_at: clock(),
        zone: ledger::BusinessZone::KARACHI,
    };
    let first = shop.keys.file_request(&tenant(TENANT), new).await.unwrap().request().clone();
    assert_eq!(shop.attend().await, (0, 0), "nobody has made sure yet who asks");
    shop.deliver("customers/redact", REDACT).await;
    assert_eq!(shop.attend().await, (1, 1));
    let stands = shop.keys.request(&tenant(TENANT), first.id).await.unwrap().unwrap();
    assert_eq!((stands.state.as_str(), stands.joined), ("carried-out", 1));
    assert_eq!(shop.attend().await, (0, 0));
}
