//! Facts of which most post: orders for cash on delivery from placing to the last payment, of goods with known costs, in the
//! order in which they happen. Six transactions for eight facts.

use std::collections::{BTreeMap, VecDeque};

use anyhow::Context;
use commerce::{
    CodChargesReported, CodPartSettled, Courier, Fact, FulfilmentId, FulfilmentRecorded, LineId, LineItem, OrderId,
    OrderRevised, ParcelScanned, ParcelState, PaymentState, PayoutBanked, SettlementPart, StockReceived, TenantId,
    TrackedParcel, TrackingNumber, VariantId,
};
use events::{Event, Record, Source};
use ledger::{BusinessZone, Currency, Money, Timestamp};

/// Shops on the log, each as large as any other.
const SHOPS: u32 = 20;

/// Items of a shop.
const ITEMS: u32 = 50;

/// Facts of one order.
const FACTS_PER_ORDER: u32 = 8;

/// Days over which the orders of a log of 100,000 events come in; a longer log covers more of them.
const DAYS: u32 = 60;

const HOUR: i64 = 3_600_000_000;

/// The first instant: 2026-01-01.
const FIRST: i64 = 20_454 * 24 * HOUR;

/// Records in the order of their times.
pub(crate) struct Dense {
    tenants: Vec<TenantId>,
    courier: Courier,
    orders: u32,
    begun: u32,
    between: i64,
    /// What will happen to the orders that were begun, by its time.
    waiting: BTreeMap<(Timestamp, u64), Record>,
    told: u64,
    ready: VecDeque<Record>,
}

impl Dense {
    /// About this many events.
    pub(crate) fn new(events: u32) -> anyhow::Result<Dense> {
        let orders = events / FACTS_PER_ORDER;
        let days = i64::from((DAYS * events).div_ceil(100_000));
        let tenants = (1..=SHOPS).map(|shop| Ok(format!("dense-{shop}").parse()?)).collect::<anyhow::Result<_>>()?;
        let mut dense = Dense {
            tenants,
            courier: "postex".parse()?,
            orders,
            begun: 0,
            between: days * 24 * HOUR / i64::from(orders.max(1)),
            waiting: BTreeMap::new(),
            told: 0,
            ready: VecDeque::new(),
        };
        dense.receive_goods()?;
        Ok(dense)
    }

    /// Every item of every shop comes in once, enough for all orders.
    fn receive_goods(&mut self) -> anyhow::Result<()> {
        for tenant in self.tenants.clone() {
            for item in 1..=ITEMS {
                let received = StockReceived {
                    received_at: Timestamp(FIRST),
                    receipt: format!("grn-{item}").parse()?,
                    variant: VariantId(item.into()),
                    item: None,
                    sku: None,
                    location: None,
                    quantity: 1_000_000,
                    unit_cost: Money::new(40_000 + i64::from(item), Currency::PKR),
                    by: "warehouse".parse()?,
                };
                self.will(&tenant, Timestamp(FIRST), Fact::StockReceived(received));
            }
        }
        Ok(())
    }

    fn will(&mut self, tenant: &TenantId, at: Timestamp, fact: Fact) {
        self.told += 1;
        let event = Event::fact(tenant.clone(), Source::SHOPIFY, at, fact, Vec::new());
        self.waiting.insert((at, self.told), event.encode());
    }

    /// Begins the next order, and makes ready what happens before the one after it.
    fn next_order(&mut self) -> anyhow::Result<()> {
        let number = self.begun;
        let placed = Timestamp(FIRST + i64::from(number) * self.between);
        if number < self.orders {
            let tenant = self.tenants.get(usize::try_from(number % SHOPS)?).cloned().context("a shop")?;
            let life = Life { number: u64::from(number) + 1, placed, courier: self.courier.clone() };
            for (hours, fact) in life.facts()? {
                self.will(&tenant, Timestamp(placed.0 + hours * HOUR), fact);
            }
        }
        self.begun += 1;
        let later = match number < self.orders {
            true => self.waiting.split_off(&(Timestamp(placed.0 + 1), 0)),
            false => BTreeMap::new(),
        };
        self.ready.extend(std::mem::replace(&mut self.waiting, later).into_values());
        Ok(())
    }

    /// The next records, none at the end.
    pub(crate) fn batch(&mut self, most: usize) -> anyhow::Result<Vec<Record>> {
        while self.ready.len() < most && self.begun <= self.orders {
            self.next_order()?;
        }
        Ok(self.ready.drain(..most.min(self.ready.len())).collect())
    }
}

/// One order of two items, delivered, and paid for in two parts.
struct Life {
    number: u64,
    placed: Timestamp,
    courier: Courier,
}

impl Life {
    /// What happens, and how many hours after it was placed.
    fn facts(&self) -> anyhow::Result<Vec<(i64, Fact)>> {
        Ok(vec![
            (0, self.ordered()),
            (20, self.sent()?),
            (24, self.scanned(24, ParcelState::PickedUp)?),
            (72, self.scanned(72, ParcelState::Delivered)?),
            (170, self.charged()?),
            (171, self.settled(171, SettlementPart::Upfront)?),
            (300, self.settled(300, SettlementPart::Reserve)?),
            (340, self.banked()?),
        ])
    }

    fn at(&self, hours: i64) -> Timestamp {
        Timestamp(self.placed.0 + hours * HOUR)
    }

    fn tracking(&self) -> anyhow::Result<TrackingNumber> {
        Ok(format!("PX-{}", self.number).parse()?)
    }

    fn lines(&self) -> Vec<LineItem> {
        let item = |line: u64| (self.number / u64::from(SHOPS) * line) % u64::from(ITEMS) + 1;
        let line = |line: u64| LineItem {
            line: LineId(line),
            variant: Some(VariantId(item(line))),
            sku: None,
            quantity: 1,
            unit_price: 100_000,
            discount: 0,
        };
        vec![line(1), line(2)]
    }

    fn ordered(&self) -> Fact {
        Fact::OrderRevised(OrderRevised {
            version: self.placed,
            order: OrderId(self.number),
            currency: Currency::PKR,
            total: 220_000,
            shipping: 20_000,
            tax: 0,
            tip: 0,
            discounts: 0,
            taxes_included: false,
            presentment: None,
            cash_on_delivery: true,
            payment: PaymentState::Unpaid,
            paid: 0,
            test: false,
            city: Some("Lahore".to_owned()),
            country: None,
            lines: self.lines(),
            duties: 0,
            rounding: 0,
            gift_card_paid: 0,
            gift_cards_sold: 0,
            no_gift_card: false,
        })
    }

    fn sent(&self) -> anyhow::Result<Fact> {
        Ok(Fact::FulfilmentRecorded(FulfilmentRecorded {
            version: self.at(20),
            order: OrderId(self.number),
            fulfilment: FulfilmentId(self.number),
            fulfilled_at: self.at(20),
            stands: true,
            delivered: false,
            parcels: vec![TrackedParcel { courier: self.courier.clone(), tracking: self.tracking()? }],
            lines: vec![(LineId(1), 1), (LineId(2), 1)],
        }))
    }

    fn scanned(&self, hours: i64, state: ParcelState) -> anyhow::Result<Fact> {
        let (courier, tracking) = (self.courier.clone(), self.tracking()?);
        let (scanned_at, code) = (self.at(hours), format!("{state:?}"));
        Ok(Fact::ParcelScanned(ParcelScanned { scanned_at, courier, tracking, state, code, reference: None }))
    }

    fn charged(&self) -> anyhow::Result<Fact> {
        Ok(Fact::CodChargesReported(CodChargesReported {
            version: self.at(170),
            courier: self.courier.clone(),
            tracking: self.tracking()?,
            currency: Currency::PKR,
            fee: 20_000,
            fee_tax: 3_200,
            return_fee: 0,
            return_fee_tax: 0,
            upfront: 150_000,
            reserve: 46_800,
        }))
    }

    fn settled(&self, hours: i64, part: SettlementPart) -> anyhow::Result<Fact> {
        Ok(Fact::CodPartSettled(CodPartSettled {
            settled_on: self.at(hours).day(BusinessZone::UTC),
            courier: self.courier.clone(),
            tracking: self.tracking()?,
            part,
            receipt: None,
        }))
    }

    fn banked(&self) -> anyhow::Result<Fact> {
        Ok(Fact::PayoutBanked(PayoutBanked {
            banked_on: self.at(340).day(BusinessZone::UTC),
            courier: self.courier.clone(),
            receipt: format!("CPR-{}", self.number).parse()?,
            amount: Money::new(196_800, Currency::PKR),
        }))
    }
}
