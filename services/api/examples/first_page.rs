//! Serves the pages over made-up books, for work on how they look: `cargo run -p api --example first_page`.
//!
//! Two shops: `kohsar-shawls` with some weeks of orders, `new-shop` with none. The files go when the program ends.

use std::collections::BTreeMap;

use anyhow::Context;
use commerce::{
    Case, CodChargesReported, CodGateways, CodPartSettled, Courier, Fact, FulfilmentRecorded, OrderCancelled, OrderId,
    OrderPlaced, OrderRevised, ParcelBooked, ParcelScanned, ParcelState, Part, PartKey, PaymentState, SettlementPart,
    TenantId, TrackedParcel, TrackingNumber,
};
use ledger::{Balances, BusinessZone, Currency, GENESIS, Money, Posted, Reference, Timestamp};
use store::books::{self, CodRow, JournalRow, Names, OrderView, PartRow, PartRows, TenantRow};
use store::db::{Db, DbError, Dialect, Durability};
use store::schema::books_migrations;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
const CITIES: [&str; 6] = ["Karachi", "Lahore", "Faisalabad", "راولپنڈی", "Multan", "Dera Ghazi Khan"];
const COURIERS: [&str; 3] = ["postex", "leopards", "mnp"];

fn clock() -> Timestamp {
    // 2026-11-21T20:40:00Z
    Timestamp(1_795_293_600_000_000)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("books.db");
    let db = Db::open_sqlite(&file, Durability::Normal, &books_migrations(Dialect::Sqlite)).await?;
    for name in ["kohsar-shawls", "new-shop"] {
        let (zone, cod_gateways) = (BusinessZone::KARACHI, CodGateways::default());
        books::save_tenant(
            &db,
            TenantRow { tenant: name.parse()?, zone, cod_gateways, created_at: clock(), rules: Default::default() },
        )
        .await?;
    }
    let mut written = Written::new("kohsar-shawls".parse()?);
    for number in 1..=140 {
        written.add(number)?;
    }
    written.save(&db).await?;

    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    #[expect(clippy::print_stdout, reason = "the address is what the example is run for")]
    {
        println!("http://{}/", listener.local_addr()?);
    }
    axum::serve(listener, api::router(db, clock)).await.context("serving ended")
}

/// Rows of one shop, as the processor would write them.
#[derive(Clone)]
struct Written {
    tenant: TenantId,
    parts: Vec<PartRow>,
    orders: Vec<OrderView>,
    cash: Vec<CodRow>,
    shipments: Vec<books::ShipmentRow>,
    journal: Vec<JournalRow>,
    balances: Balances,
}

impl Written {
    fn new(tenant: TenantId) -> Written {
        Written {
            tenant,
            parts: vec![],
            orders: vec![],
            cash: vec![],
            shipments: vec![],
            journal: vec![],
            balances: Balances::default(),
        }
    }

    /// One order's case: merged, posted and laid out as rows.
    fn add(&mut self, number: i64) -> anyhow::Result<()> {
        let story = Story::of(number)?;
        let mut parts: BTreeMap<PartKey, Part> = BTreeMap::new();
        for fact in story.facts() {
            for key in PartKey::of(&fact) {
                parts.entry(key.clone()).or_insert_with(|| key.empty()).merge(&fact);
            }
        }
        let case: Case<'_> = parts.iter().map(|(key, part)| (key.clone(), part)).collect();
        let policy = commerce::Policy::default();
        for (key, journal) in commerce::postings(&case, &policy, &[])? {
            for transaction in journal.into_values() {
                self.post(&key, transaction)?;
            }
        }
        let parcel = PartKey::Parcel(story.courier.clone(), story.tracking.clone());
        if let Some(Part::Parcel(merged)) = parts.get(&parcel) {
            let (tenant, courier, tracking) = (self.tenant.clone(), story.courier.clone(), story.tracking.clone());
            let position = commerce::cod_position(&case, &parcel, &policy);
            self.cash.push(CodRow { tenant, courier, tracking, position });
            self.shipments.push(story.shipment(&self.tenant, merged.state()));
        }
        self.orders.push(story.order_view(&self.tenant, parts.len()));
        let parked =
            (number == 137).then(|| "order/137/sold: an amount does not fit 64 bits of minor units".to_owned());
        self.parts.extend(parts.into_iter().map(|(key, part)| PartRow {
            tenant: self.tenant.clone(),
            key,
            part,
            posted: BTreeMap::new(),
            parked: parked.clone(),
        }));
        Ok(())
    }

    fn post(&mut self, key: &PartKey, transaction: ledger::Transaction) -> anyhow::Result<()> {
        self.balances.add(&transaction)?;
        let number = self.journal.len() as u64 + 1;
        let (part, effective, recorded) = (Reference::try_from(key.to_string())?, transaction.effective(), clock());
        let posted = Posted { number, part, recorded, reverses: None, previous: GENESIS, transaction };
        self.journal.push(JournalRow {
            tenant: self.tenant.clone(),
            number,
            partition: 0,
            position: number,
            part: key.to_string(),
            effective,
            recorded,
            entries: books::entries_json(&posted.transaction),
            body: events::posted_bytes(&posted),
            link: GENESIS,
        });
        Ok(())
    }

    fn parts(&self) -> Result<PartRows, DbError> {
        let mut rows = PartRows::default();
        for PartRow { tenant, key, part, posted, parked } in &self.parts {
            rows.add(tenant, key, part, posted, parked.as_deref(), Names::Changed)?;
        }
        Ok(rows)
    }

    fn views(&self) -> books::ViewRows {
        let mut rows = books::ViewRows::default();
        self.orders.iter().for_each(|order| rows.add_order(order));
        self.shipments.iter().for_each(|parcel| rows.add_shipment(parcel));
        self.cash.iter().for_each(|cash| rows.add_cash(cash));
        rows
    }

    async fn save(&self, db: &Db) -> Result<(), DbError> {
        let (written, known) = (self.clone(), clock().day(BusinessZone::UTC));
        db.run_tx("example", move |tx| {
            let written = written.clone();
            Box::pin(async move {
                written.parts()?.save(tx).await?;
                written.views().save(tx).await?;
                books::append_journal(tx, &written.journal).await?;
                books::add_balances(tx, &BTreeMap::from([((written.tenant, known), written.balances)])).await
            })
        })
        .await
    }
}

/// What becomes of the order with this number.
struct Story {
    number: i64,
    city: &'static str,
    order: OrderId,
    placed_at: Timestamp,
    total: i64,
    cod: bool,
    courier: Courier,
    tracking: TrackingNumber,
}

impl Story {
    fn of(number: i64) -> anyhow::Result<Story> {
        let index = usize::try_from(number)?;
        Ok(Story {
            number,
            city: CITIES[index % CITIES.len()],
            order: OrderId(5_550_000_000_000 + index as u64),
            placed_at: Timestamp(clock().0 - (141 - number) * 8 * HOUR - number % 7 * HOUR / 3),
            total: 185_000 + number * 7_919 % 900_000,
            cod: number % 4 != 0,
            courier: COURIERS[index * 7 % 10 % 3].parse()?,
            tracking: format!("{}", 26_704_560_000_000_i64 + number * 37).parse()?,
        })
    }

    fn age(&self) -> i64 {
        (clock().0 - self.placed_at.0) / DAY
    }

    fn ends_as(&self) -> ParcelState {
        match self.number % 11 {
            3 => ParcelState::Returned,
            _ if self.age() >= 4 => ParcelState::Delivered,
            5 => ParcelState::Attempted,
            _ => ParcelState::InTransit,
        }
    }

    fn is_cancelled(&self) -> bool {
        self.number % 13 == 6
    }

    fn facts(&self) -> Vec<Fact> {
        let placed = OrderPlaced { order: self.order, name: self.name(), placed_at: self.placed_at, customer: None };
        let mut facts = vec![Fact::OrderPlaced(placed), Fact::OrderRevised(self.terms())];
        if self.is_cancelled() {
            let cancelled_at = Timestamp(self.placed_at.0 + 2 * HOUR);
            let reason = Some("customer".to_owned());
            facts.push(Fact::OrderCancelled(OrderCancelled { cancelled_at, order: self.order, reason }));
        } else if self.age() >= 1 {
            facts.extend(self.journey());
        }
        facts
    }

    fn name(&self) -> Option<commerce::OrderName> {
        commerce::OrderName::from_text(&format!("#{}", 9_100 + self.number))
    }

    fn terms(&self) -> OrderRevised {
        OrderRevised {
            version: Timestamp(self.placed_at.0 + HOUR),
            order: self.order,
            currency: Currency::PKR,
            total: self.total,
            shipping: 20_000,
            tax: 0,
            tip: 0,
            discounts: 0,
            taxes_included: true,
            presentment: None,
            cash_on_delivery: self.cod,
            payment: if self.cod { PaymentState::Unpaid } else { PaymentState::Paid },
            paid: if self.cod { 0 } else { self.total },
            test: false,
            city: Some(self.city.to_owned()),
            country: Some("PK".to_owned()),
            lines: vec![],
            duties: 0,
            rounding: 0,
            gift_card_paid: 0,
            gift_cards_sold: 0,
            no_gift_card: false,
        }
    }

    fn journey(&self) -> Vec<Fact> {
        let (courier, tracking) = (self.courier.clone(), self.tracking.clone());
        let sent = Timestamp(self.placed_at.0 + 20 * HOUR);
        let cod = self.cod.then(|| Money::new(self.total, Currency::PKR));
        let scan = |days: i64, state, code: &str| {
            Fact::ParcelScanned(ParcelScanned {
                scanned_at: Timestamp(sent.0 + days * DAY + 40 * 60_000_000),
                courier: self.courier.clone(),
                tracking: self.tracking.clone(),
                state,
                code: code.to_owned(),
                reference: None,
            })
        };
        let mut facts = vec![
            Fact::FulfilmentRecorded(FulfilmentRecorded {
                version: sent,
                order: self.order,
                fulfilment: commerce::FulfilmentId(self.order.0 + 1),
                fulfilled_at: sent,
                stands: true,
                delivered: false,
                parcels: vec![TrackedParcel { courier: courier.clone(), tracking: tracking.clone() }],
                lines: vec![],
            }),
            Fact::ParcelBooked(ParcelBooked {
                version: sent,
                courier,
                tracking,
                reference: None,
                cod,
                booked_at: None,
            }),
            scan(0, ParcelState::PickedUp, "0003"),
            scan(1, ParcelState::OutForDelivery, "0004"),
            scan(2, self.ends_as(), "0005"),
        ];
        if self.cod && self.ends_as() == ParcelState::Delivered && self.age() > 12 && self.number % 9 != 2 {
            facts.extend(self.settlement(Timestamp(sent.0 + 7 * DAY)));
        }
        facts
    }

    fn settlement(&self, at: Timestamp) -> Vec<Fact> {
        let (fee, fee_tax) = (22_000, 3_300);
        let upfront = (self.total - fee - fee_tax) * 9 / 10;
        let charges = CodChargesReported {
            version: at,
            courier: self.courier.clone(),
            tracking: self.tracking.clone(),
            currency: Currency::PKR,
            fee,
            fee_tax,
            return_fee: 0,
            return_fee_tax: 0,
            upfront,
            reserve: self.total - fee - fee_tax - upfront,
        };
        let settled = |part, days| CodPartSettled {
            settled_on: Timestamp(at.0 + days * DAY).day(BusinessZone::KARACHI),
            courier: self.courier.clone(),
            tracking: self.tracking.clone(),
            part,
            receipt: "CPR-4471".parse().ok(),
        };
        let mut facts =
            vec![Fact::CodChargesReported(charges), Fact::CodPartSettled(settled(SettlementPart::Upfront, 0))];
        if self.age() > 20 {
            facts.push(Fact::CodPartSettled(settled(SettlementPart::Reserve, 7)));
        }
        facts
    }

    fn status(&self) -> &'static str {
        match self.ends_as() {
            _ if self.is_cancelled() => "cancelled",
            _ if self.age() < 1 && self.cod => "open",
            _ if self.age() < 1 => "paid",
            ParcelState::Delivered => "delivered",
            ParcelState::Returned => "returned",
            _ => "sent",
        }
    }

    fn order_view(&self, tenant: &TenantId, parts: usize) -> OrderView {
        OrderView {
            tenant: tenant.clone(),
            order: self.order,
            name: self.name().map(|name| name.to_string()),
            placed_at: Some(self.placed_at),
            currency: Some("PKR".to_owned()),
            total: Some(self.total),
            cod: self.cod,
            status: self.status().to_owned(),
            refunded: 0,
            parcels: i64::from(parts > 1),
            city: Some(self.city.to_owned()),
            country: Some("PK".to_owned()),
        }
    }

    fn shipment(&self, tenant: &TenantId, state: ParcelState) -> books::ShipmentRow {
        books::ShipmentRow {
            tenant: tenant.clone(),
            courier: self.courier.clone(),
            tracking: self.tracking.clone(),
            order: Some(self.order),
            state,
            attempts: 0,
            last_scan_at: None,
            last_code: None,
            delivered_at: None,
            returned_at: None,
        }
    }
}
