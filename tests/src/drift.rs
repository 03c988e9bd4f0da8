//! Books never drift: random facts of many tenants in three currencies, and after every batch debits equal credits and what
//! couriers hold is the ledger's receivable. `DAYBOOK_RANDOM_FACTS` says how many facts, `DAYBOOK_SEED` which.

use commerce::{
    ChargebackOutcome, ChargebackRecorded, CodChargesReported, CodPartSettled, CodWrittenOff, Courier, Fact,
    FulfilmentId, FulfilmentRecorded, LineId, LineItem, OrderCancelled, OrderId, OrderPlaced, OrderRevised,
    ParcelBooked, ParcelScanned, ParcelState, PaymentState, PayoutBanked, PeriodClosed, ProductCosted, Reason,
    RefundId, RefundIssued, SettlementPart, StaffId, StockReceived, TenantId, TrackedParcel, VariantId, VoucherEntered,
    VoucherKind, WriteOffKind,
};
use events::{Event, Source};
use ledger::{Currency, Day, Entry, Money, Timestamp};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use store::db::Db;

use crate::backend::{Backend, Kind};
use crate::books::{append, config, findings};

const TENANTS: u64 = 200;

/// Facts appended, folded and checked at a time.
const BATCH: u64 = 5_000;

/// Facts of an ordinary run of the suite.
const FACTS: u64 = 10_000;

/// Facts about one order, on average. Few enough orders for facts to meet, many enough for all kinds of endings.
const FACTS_PER_ORDER: u64 = 12;

/// Orders of one item, on average: a late cost changes what every later one of them cost.
const ORDERS_PER_ITEM: u64 = 20;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a whole number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn books_never_drift_embedded() {
    never_drift(Kind::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn books_never_drift_with_servers() {
    never_drift(Kind::Servers).await;
}

async fn never_drift(kind: Kind) {
    let (facts, seed) = (number("DAYBOOK_RANDOM_FACTS", FACTS), number("DAYBOOK_SEED", rand::random()));
    println!("{facts} random facts of {TENANTS} tenants; DAYBOOK_SEED={seed}");
    let backend = Backend::fresh(kind, 4).await;
    let mut world = World::of(facts, seed);
    let (mut told, mut batches) = (0, 0);
    while told < facts {
        let batch: Vec<Event> = (0..BATCH.min(facts - told)).map(|_| world.event()).collect();
        told += batch.len() as u64;
        batches += 1;
        append(&backend.log, &batch).await;
        processor::catch_up(config(4_000), &backend.log, &backend.db).await.unwrap();
        assert_eq!(drift(&backend.db).await, Vec::<String>::new(), "after {told} facts, seed {seed}");
    }
    let posted = count(&backend.db, "SELECT COUNT(*) FROM journal").await;
    let parked = count(&backend.db, "SELECT COUNT(*) FROM part WHERE parked IS NOT NULL").await;
    println!("{kind:?}: {batches} batches, {posted} transactions, {parked} parts parked, 0 drift");
    assert!(posted > facts / 20, "the facts are eventful");
    assert_eq!(findings(&backend).await, Vec::<String>::new(), "seed {seed}");
}

/// Wherever debits and credits differ, or couriers' cash and the ledger's receivable do.
async fn drift(db: &Db) -> Vec<String> {
    let unbalanced = "SELECT tenant || ' ' || currency FROM balance GROUP BY tenant, currency \
                      HAVING SUM(debits) <> SUM(credits) OR SUM(pending_debits) <> SUM(pending_credits)";
    let apart = "SELECT tenant || ' ' || account || ' ' || currency FROM ( \
                   SELECT tenant, account, currency, debits - credits AS net FROM balance \
                   WHERE account LIKE 'assets:cod-receivable:%' UNION ALL \
                   SELECT tenant, 'assets:cod-receivable:' || courier, currency, -outstanding FROM cod_position) AS both_sides \
                 GROUP BY tenant, account, currency HAVING SUM(net) <> 0";
    let mut found = Vec::new();
    for sql in [unbalanced, apart] {
        let rows = db.query(sql, vec![]).await.unwrap();
        found.extend(rows.iter().map(|row| row.text(0).unwrap().to_owned()));
    }
    found
}

async fn count(db: &Db, sql: &str) -> u64 {
    let rows = db.query(sql, vec![]).await.unwrap();
    u64::try_from(rows[0].int(0).unwrap()).unwrap()
}

/// Where facts come from: each about a random order of a random tenant.
struct World {
    rng: StdRng,
    orders: u64,
    items: u64,
}

impl World {
    fn of(facts: u64, seed: u64) -> World {
        let orders = (facts / TENANTS / FACTS_PER_ORDER).max(1);
        World { rng: StdRng::seed_from_u64(seed), orders, items: (orders / ORDERS_PER_ITEM).max(3) }
    }

    fn event(&mut self) -> Event {
        let tenant = self.rng.random_range(0..TENANTS);
        let fact = self.fact([Currency::PKR, Currency::JPY, Currency::KWD][usize::try_from(tenant % 3).unwrap()]);
        let name: TenantId = format!("shop-{tenant}").parse().unwrap();
        Event::fact(name, Source::SHOPIFY, Timestamp(0), fact, Vec::new())
    }

    fn fact(&mut self, currency: Currency) -> Fact {
        let order = OrderId(self.rng.random_range(1..=self.orders));
        match self.rng.random_range(0..32) {
            0 => Fact::OrderPlaced(OrderPlaced { order, name: None, placed_at: Timestamp(0), customer: None }),
            1..=5 => Fact::OrderRevised(self.terms(order, currency)),
            6 => Fact::OrderCancelled(OrderCancelled { cancelled_at: self.time(), order, reason: None }),
            7..=8 => Fact::RefundIssued(self.refund(order, currency)),
            9..=11 => Fact::FulfilmentRecorded(self.fulfilment(order)),
            12..=13 => Fact::ParcelBooked(self.booking(order, currency)),
            14..=18 => Fact::ParcelScanned(self.scan(order)),
            19..=20 => Fact::CodChargesReported(self.charges(order, currency)),
            21..=22 => Fact::CodPartSettled(self.settlement(order)),
            23 => Fact::CodWrittenOff(self.write_off(order, currency)),
            24 => Fact::ChargebackRecorded(self.chargeback(order, currency)),
            25 => Fact::VoucherEntered(self.voucher(currency)),
            27 => Fact::ProductCosted(self.cost(currency)),
            28 => Fact::StockReceived(self.goods(currency)),
            26 if self.rng.random_bool(0.02) => Fact::PeriodClosed(self.closed()),
            _ => Fact::PayoutBanked(PayoutBanked {
                banked_on: self.day(),
                courier: courier(),
                receipt: format!("CPR-{}", self.rng.random_range(1..=self.orders)).parse().unwrap(),
                amount: Money::new(self.amount(), currency),
            }),
        }
    }

    fn terms(&mut self, order: OrderId, currency: Currency) -> OrderRevised {
        let total = self.amount();
        let payment =
            *[PaymentState::Unpaid, PaymentState::PartlyPaid, PaymentState::Paid].choose(&mut self.rng).unwrap();
        let paid = match payment {
            PaymentState::Paid => total,
            PaymentState::PartlyPaid => total / 3,
            PaymentState::Unpaid | PaymentState::Unknown => 0,
        };
        let variant = Some(self.variant());
        let line = LineItem { line: LineId(1), variant, sku: None, quantity: 1, unit_price: total, discount: 0 };
        OrderRevised {
            version: self.time(),
            order,
            currency,
            total,
            shipping: total / self.rng.random_range(5..50),
            tax: total / self.rng.random_range(5..50),
            tip: total / self.rng.random_range(20..90),
            discounts: 0,
            taxes_included: true,
            presentment: None,
            cash_on_delivery: self.rng.random_bool(0.7),
            payment,
            paid,
            test: self.rng.random_bool(0.02),
            city: None,
            country: None,
            lines: vec![line],
            duties: total / self.rng.random_range(9..90),
            rounding: self.rng.random_range(-2..3),
            gift_card_paid: if self.rng.random_bool(0.1) { paid / 2 } else { 0 },
            gift_cards_sold: if self.rng.random_bool(0.1) { total / 9 } else { 0 },
            no_gift_card: total % 2 == 0,
        }
    }

    fn refund(&mut self, order: OrderId, currency: Currency) -> RefundIssued {
        let amount = self.amount();
        let (refund, tax) = (RefundId(self.rng.random_range(1..3)), amount / self.rng.random_range(5..50));
        let gift_card = if self.rng.random_bool(0.2) { amount / self.rng.random_range(1..4) } else { 0 };
        let (refunded_at, nothing) = (self.time(), Vec::new());
        let (restocked, unsent) = (nothing.clone(), nothing);
        RefundIssued { refunded_at, order, refund, currency, amount, tax, restocked, gift_card, unsent }
    }

    fn fulfilment(&mut self, order: OrderId) -> FulfilmentRecorded {
        let parcels = (0..self.rng.random_range(0..3)).map(|_| self.parcel(order)).collect();
        let (version, number) = (self.time(), self.rng.random_range(0..2));
        FulfilmentRecorded {
            version,
            order,
            fulfilment: FulfilmentId(order.0 * 10 + number),
            fulfilled_at: version,
            stands: self.rng.random_bool(0.9),
            delivered: self.rng.random_bool(0.2),
            parcels,
            lines: vec![(LineId(1), 1)],
        }
    }

    fn booking(&mut self, order: OrderId, currency: Currency) -> ParcelBooked {
        let TrackedParcel { courier, tracking } = self.parcel(order);
        let cod = self.rng.random_bool(0.8).then(|| Money::new(self.amount(), currency));
        ParcelBooked { version: self.time(), courier, tracking, reference: None, cod, booked_at: None }
    }

    fn scan(&mut self, order: OrderId) -> ParcelScanned {
        use ParcelState::{Attempted, Cancelled, Delivered, InTransit, Lost, PickedUp, Returned};
        let TrackedParcel { courier, tracking } = self.parcel(order);
        let states = [Attempted, Cancelled, Delivered, Delivered, Delivered, InTransit, Lost, PickedUp, Returned];
        let state = *states.choose(&mut self.rng).unwrap();
        let code = format!("{state:?}");
        ParcelScanned { scanned_at: self.time(), courier, tracking, state, code, reference: None }
    }

    fn charges(&mut self, order: OrderId, currency: Currency) -> CodChargesReported {
        let TrackedParcel { courier, tracking } = self.parcel(order);
        let (fee, upfront, reserve) = (self.amount() / 20, self.amount(), self.amount() / 2);
        CodChargesReported {
            version: self.time(),
            courier,
            tracking,
            currency,
            fee,
            fee_tax: fee / 6,
            return_fee: fee / 2,
            return_fee_tax: fee / 12,
            upfront,
            reserve,
        }
    }

    fn settlement(&mut self, order: OrderId) -> CodPartSettled {
        let TrackedParcel { courier, tracking } = self.parcel(order);
        let part = *[SettlementPart::Upfront, SettlementPart::Reserve].choose(&mut self.rng).unwrap();
        CodPartSettled { settled_on: self.day(), courier, tracking, part, receipt: None }
    }

    fn write_off(&mut self, order: OrderId, currency: Currency) -> CodWrittenOff {
        let TrackedParcel { courier, tracking } = self.parcel(order);
        let kind = *[WriteOffKind::Shortfall, WriteOffKind::Lost, WriteOffKind::Claim].choose(&mut self.rng).unwrap();
        CodWrittenOff {
            on: self.day(),
            courier,
            tracking,
            key: format!("w-{}", self.rng.random_range(1..3)).parse().unwrap(),
            amount: Money::new(self.amount() / 10 + 1, currency),
            kind,
            by: staff(),
            reason: reason(),
            approved_by: None,
        }
    }

    fn chargeback(&mut self, order: OrderId, currency: Currency) -> ChargebackRecorded {
        use ChargebackOutcome::{Lost, Open, Won};
        ChargebackRecorded {
            version: self.time(),
            order,
            key: format!("c-{}", self.rng.random_range(1..3)).parse().unwrap(),
            on: self.day(),
            amount: self.amount() / 3,
            fee: self.amount() / 90,
            currency,
            outcome: *[Open, Won, Lost].choose(&mut self.rng).unwrap(),
        }
    }

    fn voucher(&mut self, currency: Currency) -> VoucherEntered {
        let amount = Money::new(self.amount() + 1, currency);
        let entries = vec![
            Entry::debit("expenses:rent".parse().unwrap(), amount),
            Entry::credit("assets:bank".parse().unwrap(), amount),
        ];
        VoucherEntered {
            entered_at: self.time(),
            voucher: format!("v-{}", self.rng.random_range(1..=self.orders)).parse().unwrap(),
            kind: VoucherKind::Expense,
            day: self.day(),
            entries,
            reverses: None,
            by: staff(),
            reason: reason(),
            attachments: vec![],
            needs_approval: self.rng.random_bool(0.2),
        }
    }

    fn cost(&mut self, currency: Currency) -> ProductCosted {
        let (version, variant) = (self.time(), self.variant());
        let cost = Some(Money::new(self.amount() / 2, currency));
        ProductCosted { version, variant, item: None, sku: None, cost }
    }

    fn goods(&mut self, currency: Currency) -> StockReceived {
        StockReceived {
            received_at: self.time(),
            receipt: format!("grn-{}", self.rng.random_range(1..=self.orders)).parse().unwrap(),
            variant: self.variant(),
            item: None,
            sku: None,
            location: None,
            quantity: self.rng.random_range(1..20),
            unit_cost: Money::new(self.amount() / 2, currency),
            by: staff(),
        }
    }

    fn variant(&mut self) -> VariantId {
        VariantId(self.rng.random_range(1..=self.items))
    }

    /// Days are closed up to anywhere, and again: what is late counts on the first open day.
    fn closed(&mut self) -> PeriodClosed {
        PeriodClosed { decided_at: self.time(), through: self.day(), by: staff(), reason: reason() }
    }

    /// One of the order's two numbers; now and then one that other orders claim too.
    fn parcel(&mut self, order: OrderId) -> TrackedParcel {
        let near = if self.rng.random_bool(0.05) { order.0.saturating_add(1) } else { order.0 };
        let tracking = format!("{}{}", near, self.rng.random_range(1..3)).parse().unwrap();
        TrackedParcel { courier: courier(), tracking }
    }

    /// Up to ten million minor units, now and then nothing.
    fn amount(&mut self) -> i64 {
        if self.rng.random_bool(0.05) { 0 } else { self.rng.random_range(1..10_000_000) }
    }

    /// Within sixty days.
    fn time(&mut self) -> Timestamp {
        Timestamp(1_772_640_000_000_000 + self.rng.random_range(0..60 * 86_400) * 1_000_000)
    }

    fn day(&mut self) -> Day {
        Day(self.rng.random_range(20_516..20_576))
    }
}

fn staff() -> StaffId {
    "finance-1".parse().unwrap()
}

fn reason() -> Reason {
    "as-agreed".parse().unwrap()
}

fn courier() -> Courier {
    "postex".parse().unwrap()
}
