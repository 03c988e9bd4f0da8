//! A log's worth of events: sample shops of different sizes, side by side, in about the order in which things happened.

use std::collections::BTreeMap;

use anyhow::Context;
use commerce::{CodGateways, SubjectId, TenantId};
use connectors::{Draft, Person};
use events::{Event, Record, SealedBox, Source};
use ledger::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use sample_shop::{BodySize, Delivery, Endpoint, Plan, Shop};
use uuid::Uuid;

/// Shops on the log. The second is half as large as the first, the third a third, and so on.
const SHOPS: u32 = 20;

/// Days that a log of 100,000 events covers. A longer log covers more of them with the same shops, so that what one day or one
/// payout holds stays the same, and what is compared is the length of the log.
const DAYS: u32 = 30;

/// Events that one order of the sample shop comes to, nearly: with its scans, payments, stock counts and repeats.
const EVENTS_PER_ORDER: u32 = 24;

/// What is added to a person's details when they are sealed: version, key id, commitment, nonce and tag.
const SEAL: usize = 77;

/// One shop, and how often it is its turn.
struct Lane {
    tenant: TenantId,
    shop: Shop,
    share: u32,
}

/// Events held back while later ones are already told.
const MOST_WAITING: usize = 10_000;

/// Records in the order of arrival. Some are held back to be put in the order of their times: the shops tell
/// order by order, but an order's events arrive over days, among those of others.
pub(crate) struct Feed {
    lanes: Vec<Lane>,
    waiting: BTreeMap<(String, u64), Record>,
    taken: u64,
    rng: StdRng,
}

impl Feed {
    /// About this many events.
    pub(crate) fn new(events: u32) -> anyhow::Result<Feed> {
        let whole: f64 = (1..=SHOPS).map(|rank| 1.0 / f64::from(rank)).sum();
        let orders = |rank: u32| f64::from(events / EVENTS_PER_ORDER) / f64::from(rank) / whole;
        let days = (DAYS * events).div_ceil(100_000);
        let lanes = (1..=SHOPS).map(|rank| Lane::new(rank, orders(rank), days)).collect::<anyhow::Result<_>>()?;
        Ok(Feed { lanes, waiting: BTreeMap::new(), taken: 0, rng: StdRng::seed_from_u64(1) })
    }

    /// The shop whose turn it is: each by its share, so that all end at about the same time.
    fn lane(&mut self) -> Option<usize> {
        let whole: u32 = self.lanes.iter().map(|lane| lane.share).sum();
        if whole == 0 {
            return None;
        }
        let mut place = self.rng.random_range(0..whole);
        self.lanes.iter().position(|lane| {
            let here = place < lane.share;
            place = place.saturating_sub(lane.share);
            here
        })
    }

    /// Takes one delivery in. False when there are no more.
    fn take(&mut self) -> bool {
        let Some(index) = self.lane() else { return false };
        let Some(lane) = self.lanes.get_mut(index) else { return false };
        let Some(delivery) = lane.shop.next() else {
            self.lanes.swap_remove(index);
            return true;
        };
        for event in events(&lane.tenant, &delivery, &mut self.rng) {
            self.taken += 1;
            self.waiting.insert((delivery.triggered_at.clone(), self.taken), event.encode());
        }
        true
    }
}

impl Iterator for Feed {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        while self.waiting.len() <= MOST_WAITING && self.take() {}
        self.waiting.pop_first().map(|(_, record)| record)
    }
}

impl Lane {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a number of orders")]
    fn new(rank: u32, orders: f64, days: u32) -> anyhow::Result<Lane> {
        let orders = (orders as u32).max(1);
        let plan =
            Plan { seed: rank.into(), orders, days, malformed_percent: 0, size: BodySize::Lean, ..Plan::default() };
        let tenant = format!("shop-{rank}").parse().ok().context("a tenant's name")?;
        Ok(Lane { tenant, shop: sample_shop::stream(&plan), share: orders })
    }
}

/// The events that a delivery holds, recorded when it was triggered.
fn events(tenant: &TenantId, delivery: &Delivery, rng: &mut StdRng) -> Vec<Event> {
    let gateways = CodGateways::default();
    let settings = connectors::shopify::Settings { cod_gateways: &gateways, default_country_code: "92" };
    let (source, drafts) = match delivery.endpoint {
        Endpoint::Shopify { topic } => {
            (Source::SHOPIFY, connectors::shopify::read(topic, Timestamp(0), &delivery.body, &settings))
        }
        Endpoint::Courier { .. } => (Source::POSTEX, connectors::postex::read(&delivery.body, Timestamp(0))),
    };
    let event = |Draft { fact, people }: Draft| {
        let boxes = people.iter().filter_map(|person| stand_in(tenant, person, rng)).collect();
        Event::fact(tenant.clone(), source.clone(), Timestamp(0), fact, boxes)
    };
    drafts.unwrap_or_default().into_iter().map(event).collect()
}

/// A box of the size that sealing would give, which no compression can shrink. Nobody opens it here.
fn stand_in(tenant: &TenantId, person: &Person, rng: &mut StdRng) -> Option<SealedBox> {
    let identity = match (person.identity.customer, person.identity.order) {
        (Some(customer), _) => format!("{tenant}/customer/{customer}"),
        (None, Some(order)) => format!("{tenant}/order/{order}/{}", person.role.label()),
        (None, None) => return None,
    };
    let details = serde_json::to_vec(person.details.expose()).ok()?;
    let mut sealed = vec![0; SEAL + details.len().next_multiple_of(32)];
    rng.fill_bytes(&mut sealed);
    let subject = SubjectId(Uuid::new_v5(&Uuid::NAMESPACE_OID, identity.as_bytes()));
    Some(SealedBox { subject, label: person.role.label().to_owned(), sealed })
}
