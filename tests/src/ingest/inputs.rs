//! Erasing somebody reaches input that was not understood and names them, and no other; whatever crashes, lags or is held.

use commerce::SubjectId;
use events::{Event, Quarantined, Reason, SealedBox, Source};
use ingest::Redriven;
use ledger::Timestamp;
use privacy::certificate::{look, statement};
use privacy::{EraseError, Older, Reached, Receipt};
use store::books::{self, QuarantineRow};
use store::keys::{
    EraseSubjectError, ErasureReason, Hold, HoldReason, IdentityHint, IdentityKind, Month, PersonRef, RetentionClass,
    RetentionDays, Sealing,
};
use subject_keys::BoxContext;
use uuid::Uuid;

use super::shop::{Shop, TENANT, clock, order, tenant};
use crate::books::config;

/// Two customers, by the last digits of their orders and of their phones.
const GONE: u64 = 7101;
const STAYS: u64 = 7102;

/// When the inputs of the clock's month that an earlier version took in are over: 30 days after its end.
const OVER: &str = "2026-12-31T00:00:00Z";

fn later(days: i64) -> Timestamp {
    Timestamp(clock().0 + days * 86_400_000_000)
}

/// What nobody understands and names a customer: an order cut short, one under an unknown topic, and three ways of writing a phone.
fn inputs(of: u64) -> [(&'static str, String); 5] {
    let whole = order(of);
    let cut = whole.get(..whole.len() * 2 / 3).unwrap().to_owned();
    [
        ("orders/create", cut),
        ("orders/reopened", whole),
        ("notes/create", format!(r#"{{"text":"call +92 (300) 000-{of}"}}"#)),
        ("notes/create", format!(r#"{{"text":"\u0030300.000\/{of} after six"}}"#)),
        ("notes/create", format!("to=%2B92300000{of}&x=1")),
    ]
}

impl Shop {
    async fn caught_up(&self) {
        processor::catch_up(config(100), &self.log, &self.books).await.unwrap();
    }

    /// Both customers are known by an order each, and then what nobody understands comes of both.
    async fn with_inputs() -> Shop {
        let shop = Shop::open().await;
        for of in [GONE, STAYS] {
            shop.deliver("orders/create", &order(of)).await;
        }
        shop.caught_up().await;
        for (topic, body) in [GONE, STAYS].into_iter().flat_map(inputs) {
            assert!(shop.deliver(topic, &body).await.body.contains("quarantined"));
        }
        shop
    }

    async fn customer(&self, of: u64) -> SubjectId {
        let hint = IdentityHint { kind: IdentityKind::Order, value: of.to_string().into() };
        self.keys.find_subject(&tenant(TENANT), &[hint]).await.unwrap().unwrap().0
    }

    async fn erase_customer(&self, of: u64) -> Result<Receipt, EraseError> {
        let (subject, tenant) = (self.customer(of).await, tenant(TENANT));
        privacy::erase(&self.keys, &self.log, &self.books, &tenant, subject, ErasureReason::Person, clock()).await
    }

    async fn resume(&self, at: Timestamp) -> usize {
        privacy::resume(&self.keys, &self.log, &self.books, at).await.unwrap()
    }

    async fn waiting(&self) -> Vec<QuarantineRow> {
        self.caught_up().await;
        books::quarantined(&self.books, &tenant(TENANT)).await.unwrap()
    }

    /// What whoever has the log and the key store reads of everything that ever came into quarantine.
    async fn readable(&self) -> Vec<String> {
        let mut bodies = Vec::new();
        for (input, event) in self.quarantined().await {
            if !input.content.sealed.is_empty() {
                bodies.extend(self.open_box(event, &input.content).await);
            }
        }
        bodies.into_iter().map(|body| String::from_utf8(body).unwrap()).collect()
    }

    /// Nothing of the one is listed, or opens; everything of the other.
    async fn only_one_is_gone(&self) {
        let (waiting, readable) = (self.waiting().await, self.readable().await);
        assert_eq!((waiting.len(), readable.len()), (5, 5));
        assert!(readable.iter().all(|body| body.contains(&STAYS.to_string())), "{readable:?}");
        assert_eq!(self.keys.unfinished_erasures().await.unwrap(), []);
    }

    /// Takes in what nobody understands under a key that is known by this, as of then.
    async fn take_in(&self, kind: IdentityKind, value: String, received_at: Timestamp, body: &str) {
        let identities = vec![IdentityHint { kind, value: value.into() }];
        let person = PersonRef { tenant: tenant(TENANT), identities, month: Month::of(received_at), at: received_at };
        let Sealing::Seal { subject, key_id, key } = self.keys.resolve(vec![person]).await.unwrap().remove(0) else {
            panic!("nobody was erased")
        };
        let content = SealedBox { subject, label: "quarantine".to_owned(), sealed: Vec::new() };
        let (origin, digest) = (Source::SHOPIFY, Uuid::new_v5(&Uuid::NAMESPACE_OID, body.as_bytes()));
        let topic = "orders/edited".to_owned();
        let mut input = Quarantined { reason: Reason::UnknownTopic, origin, topic, received_at, digest, content };
        let event = Event::quarantined(tenant(TENANT), input.clone()).id;
        let context = BoxContext { tenant: TENANT, subject: subject.0, event, label: "quarantine" };
        let mut random = |bytes: &mut [u8]| rand::fill(bytes);
        input.content.sealed = key.seal(key_id, &context, body.as_bytes(), &mut random).unwrap();
        self.log.append(vec![Event::quarantined(tenant(TENANT), input).encode()]).await.unwrap();
    }

    /// As earlier versions did: all of a month under one key.
    async fn take_in_as_before(&self, body: &str) {
        let month = Month::of(clock()).as_str().to_owned();
        self.take_in(IdentityKind::Quarantine, month, clock(), body).await;
    }
}

#[tokio::test]
async fn an_erasure_reaches_what_names_the_person_listed_or_not() {
    for listed in [true, false] {
        let shop = Shop::with_inputs().await;
        if listed {
            assert_eq!(shop.waiting().await.len(), 10);
        }
        assert_eq!(shop.readable().await.len(), 10);
        let receipt = shop.erase_customer(GONE).await.unwrap();
        assert_eq!(receipt.inputs, Reached { destroyed: 5, ..Reached::default() }, "listed: {listed}");
        shop.only_one_is_gone().await;
        assert_eq!(shop.erase_customer(GONE).await.unwrap().inputs, Reached::default(), "once");
        shop.only_one_is_gone().await;

        let seen = shop.keys.accesses_of(&tenant(TENANT), shop.customer(GONE).await).await.unwrap();
        assert!(seen.iter().all(|one| (one.purpose.as_str(), one.shown.as_str()) == ("erasure", "processed")));
        assert_eq!(seen.len(), 1, "their own boxes were opened once, and it is on record");
    }
}

#[tokio::test]
async fn a_crash_between_any_two_steps_is_made_good() {
    for steps in 0..=6 {
        let shop = Shop::with_inputs().await;
        let all = shop.waiting().await;
        let mut theirs = Vec::new();
        for row in all {
            let content =
                SealedBox { subject: row.subject, label: "quarantine".to_owned(), sealed: row.sealed.clone() };
            let body = String::from_utf8(shop.open_box(row.event, &content).await.unwrap()).unwrap();
            theirs.extend(body.contains(&GONE.to_string()).then_some(row));
        }
        assert_eq!(theirs.len(), 5);
        shop.stop_after(steps, &theirs).await;
        assert!(shop.resume(later(1)).await >= 1, "stopped after step {steps}");
        shop.only_one_is_gone().await;
        assert_eq!(shop.resume(later(1)).await, 0);
        shop.only_one_is_gone().await;
    }
}

impl Shop {
    /// Does the first steps of an erasure and of what goes with it, and stops there.
    async fn stop_after(&self, steps: usize, theirs: &[QuarantineRow]) {
        let (tenant, person, input) = (tenant(TENANT), self.customer(GONE).await, &theirs[0]);
        let request = async |subject| {
            self.keys.request_erasure(&tenant, subject, ErasureReason::Person, clock()).await.unwrap();
        };
        let notice = |row: &QuarantineRow| Event::redriven(tenant.clone(), row.event, clock()).encode();
        request(person).await;
        if steps > 0 {
            request(input.subject).await;
        }
        if steps > 1 {
            self.keys.destroy(&tenant, input.subject, clock()).await.unwrap();
        }
        if steps > 2 {
            self.keys.mark_announced(&tenant, input.subject).await.unwrap();
        }
        if steps > 3 {
            self.log.append(vec![notice(input)]).await.unwrap();
        }
        if steps > 4 {
            for row in &theirs[1..] {
                self.erase(row.subject).await;
                self.log.append(vec![notice(row)]).await.unwrap();
            }
        }
        if steps > 5 {
            self.keys.destroy(&tenant, person, clock()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_a_hold_keeps_is_kept_and_its_inputs_with_it() {
    let shop = Shop::with_inputs().await;
    let subject = shop.customer(GONE).await;
    let hold = |subject, until| Hold {
        subject,
        reason: HoldReason::Dispute,
        staff: "support-2".parse().unwrap(),
        since: clock(),
        until,
    };
    shop.keys.hold(&tenant(TENANT), hold(subject, later(2))).await.unwrap();
    let refused = shop.erase_customer(GONE).await;
    assert!(matches!(refused, Err(EraseError::Keys(EraseSubjectError::Held { .. }))));
    assert_eq!((shop.readable().await.len(), shop.waiting().await.len()), (10, 10));

    // One of the inputs is held by itself, and longer.
    let one = shop.quarantined().await.remove(1).0.content.subject;
    shop.keys.hold(&tenant(TENANT), hold(one, later(4))).await.unwrap();
    assert_eq!(shop.resume(later(1)).await, 0);
    assert_eq!(shop.resume(later(3)).await, 1);
    assert_eq!((shop.readable().await.len(), shop.waiting().await.len()), (6, 6));
    assert_eq!(shop.resume(later(5)).await, 1);
    assert_eq!(shop.readable().await.len(), 5);
}

#[tokio::test]
async fn what_an_earlier_version_took_in_stays_until_its_month_is_over_and_it_is_said() {
    let shop = Shop::with_inputs().await;
    for of in [GONE, STAYS] {
        shop.take_in_as_before(&order(of)).await;
    }
    assert_eq!((shop.waiting().await.len(), shop.readable().await.len()), (12, 12));
    let receipt = shop.erase_customer(GONE).await.unwrap();
    let Reached { destroyed, held, older, older_until } = receipt.inputs;
    assert_eq!((destroyed, held, older), (5, 0, 1));
    assert_eq!(older_until.unwrap().to_string(), OVER);
    assert_eq!((shop.waiting().await.len(), shop.readable().await.len()), (7, 7));
    let left = privacy::older(&shop.keys, &shop.books, &tenant(TENANT)).await.unwrap();
    assert_eq!(left, Older { inputs: 2, until: older_until });

    let found = look(&shop.keys, &shop.books, &tenant(TENANT), receipt.subject, clock()).await.unwrap();
    let places = statement(&found, clock()).unwrap().places;
    let said = places.into_iter().find(|place| place.place == "quarantine").unwrap();
    assert!(said.done.contains("7 inputs wait now, 2 of them") && said.done.ends_with(OVER), "{}", said.done);
    assert!(said.opens_until.is_some_and(|until| until.as_str() >= OVER));

    let over = older_until.unwrap();
    for (at, left) in [(Timestamp(over.0 - 1), 7), (over, 0), (over, 0)] {
        privacy::retention::expire(&shop.keys, &shop.log, &shop.books, &shop.row().await, at).await.unwrap();
        assert_eq!((shop.waiting().await.len(), shop.readable().await.len()), (left, left), "{at}");
    }
}

#[tokio::test]
async fn whoever_goes_because_their_time_is_over_takes_along_what_is_as_old() {
    let shop = Shop::with_inputs().await;
    let set = async |class, days| {
        let days = Some(RetentionDays::new(days).unwrap());
        shop.keys.set_retention(&tenant(TENANT), class, days).await.unwrap();
    };
    set(RetentionClass::Customers, 7).await;
    set(RetentionClass::Quarantine, 3_650).await;
    shop.take_in(IdentityKind::Input, "since".to_owned(), later(95), &order(GONE)).await;
    let row = shop.row().await;
    let gone = privacy::retention::expire(&shop.keys, &shop.log, &shop.books, &row, later(100)).await.unwrap();
    assert_eq!((gone.erased, gone.quarantined), (2, 0));
    assert_eq!((shop.waiting().await.len(), shop.readable().await), (1, vec![order(GONE)]));
}

#[tokio::test]
async fn what_was_read_after_all_gives_up_its_key_and_the_same_under_another_topic_does_not() {
    let shop = Shop::open().await;
    for topic in ["orders/reopened", "orders/edited"] {
        shop.deliver(topic, &order(GONE)).await;
    }
    let mut waiting = shop.waiting().await;
    let mut row = waiting.remove(0);
    row.topic = "orders/create".to_owned();
    assert!(matches!(shop.ingest.redrive(&row).await.unwrap(), Redriven::Accepted(_)));
    assert_eq!(shop.resume(clock()).await, 1);
    assert_eq!((shop.waiting().await, shop.readable().await.len()), (waiting, 1));
    assert_eq!(shop.erase_customer(GONE).await.unwrap().inputs.destroyed, 1);
    assert_eq!((shop.waiting().await, shop.readable().await.len()), (vec![], 0));
}
