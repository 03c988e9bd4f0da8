//! Read models that follow from a case: orders, shipments, cash positions.

use commerce::{CodPosition, CodState, Courier, OrderId, ParcelState, TenantId, TrackingNumber};
use ledger::Timestamp;

use super::tables::{COD_POSITION, ORDER_VIEW, SHIPMENT};
use crate::db::{DbError, Keys, Rows, Tx};

/// An order as a list shows it. Amounts in minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderView {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub order: OrderId,
    /// Its printed name.
    pub name: Option<String>,
    /// When it was placed.
    pub placed_at: Option<Timestamp>,
    /// Its currency, once its terms are known.
    pub currency: Option<String>,
    /// Its total, once its terms are known.
    pub total: Option<i64>,
    /// Cash on delivery.
    pub cod: bool,
    /// In a word: `open`, `paid`, `sent`, `delivered`, `returned`, `cancelled`, `deleted`, `test`.
    pub status: String,
    /// Given back so far.
    pub refunded: i64,
    /// Parcels it owns.
    pub parcels: i64,
    /// Destination city.
    pub city: Option<String>,
    /// Destination country.
    pub country: Option<String>,
}

/// A parcel as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShipmentRow {
    /// Whose.
    pub tenant: TenantId,
    /// Who carries it.
    pub courier: Courier,
    /// Under which number.
    pub tracking: TrackingNumber,
    /// The order it belongs to, once known.
    pub order: Option<OrderId>,
    /// Where it stands.
    pub state: ParcelState,
    /// Failed attempts.
    pub attempts: i64,
    /// The latest scan.
    pub last_scan_at: Option<Timestamp>,
    /// The latest scan's code, also when we do not know it.
    pub last_code: Option<String>,
    /// First delivery.
    pub delivered_at: Option<Timestamp>,
    /// When it came back.
    pub returned_at: Option<Timestamp>,
}

/// A parcel's cash position, or that it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodRow {
    /// Whose.
    pub tenant: TenantId,
    /// Who carries it.
    pub courier: Courier,
    /// Under which number.
    pub tracking: TrackingNumber,
    /// The position; None removes what was stored.
    pub position: Option<CodPosition>,
}

/// A state's word in tables and JSON.
pub fn parcel_state(state: ParcelState) -> &'static str {
    match state {
        ParcelState::Unknown => "unknown",
        ParcelState::Booked => "booked",
        ParcelState::PickedUp => "picked_up",
        ParcelState::InTransit => "in_transit",
        ParcelState::OutForDelivery => "out_for_delivery",
        ParcelState::Attempted => "attempted",
        ParcelState::UnderReview => "under_review",
        ParcelState::ReturnInTransit => "return_in_transit",
        ParcelState::Delivered => "delivered",
        ParcelState::Returned => "returned",
        ParcelState::Cancelled => "cancelled",
        ParcelState::Lost => "lost",
    }
}

/// A state's word in tables and JSON.
pub fn cod_state(state: CodState) -> &'static str {
    match state {
        CodState::None => "none",
        CodState::Expected => "expected",
        CodState::Collected => "collected",
        CodState::PartlyRemitted => "partly_remitted",
        CodState::Remitted => "remitted",
        CodState::Returned => "returned",
    }
}

/// Rows of these read models, to be stored together.
#[derive(Debug)]
pub struct ViewRows {
    orders: Rows,
    shipments: Rows,
    cash: Rows,
    cash_gone: Keys,
    orders_gone: Keys,
    shipments_gone: Keys,
}

impl Default for ViewRows {
    fn default() -> ViewRows {
        ViewRows {
            orders: Rows::new(&ORDER_VIEW),
            shipments: Rows::new(&SHIPMENT),
            cash: Rows::new(&COD_POSITION),
            cash_gone: Keys::new(&COD_POSITION),
            orders_gone: Keys::new(&ORDER_VIEW),
            shipments_gone: Keys::new(&SHIPMENT),
        }
    }
}

impl ViewRows {
    /// Adds an order.
    pub fn add_order(&mut self, order: &OrderView) {
        self.orders.push([
            order.tenant.as_str().into(),
            order.order.to_string().into(),
            order.name.as_deref().into(),
            order.placed_at.map(|at| at.0).into(),
            order.currency.as_deref().into(),
            order.total.into(),
            order.cod.into(),
            order.status.as_str().into(),
            order.refunded.into(),
            order.parcels.into(),
            order.city.as_deref().into(),
            order.country.as_deref().into(),
        ]);
    }

    /// Adds a parcel.
    pub fn add_shipment(&mut self, parcel: &ShipmentRow) {
        self.shipments.push([
            parcel.tenant.as_str().into(),
            parcel.courier.as_str().into(),
            parcel.tracking.as_str().into(),
            parcel.order.map(|order| order.to_string()).into(),
            parcel_state(parcel.state).into(),
            parcel.attempts.into(),
            parcel.last_scan_at.map(|at| at.0).into(),
            parcel.last_code.as_deref().into(),
            parcel.delivered_at.map(|at| at.0).into(),
            parcel.returned_at.map(|at| at.0).into(),
        ]);
    }

    /// Adds a cash position, or that there is none any more.
    pub fn add_cash(&mut self, row: &CodRow) {
        let key = [row.tenant.as_str().into(), row.courier.as_str().into(), row.tracking.as_str().into()];
        let Some(position) = &row.position else {
            self.cash_gone.push(key);
            return;
        };
        self.cash.push(key.into_iter().chain([
            position.order.map(|order| order.to_string()).into(),
            position.currency.code().into(),
            position.expected.into(),
            position.remitted.into(),
            position.fees.into(),
            position.written_off.into(),
            position.outstanding.into(),
            position.on_the_way.into(),
            cod_state(position.state).into(),
            position.delivered_on.map(|day| day.0).into(),
        ]));
    }

    /// Adds that an order has no row any more.
    pub fn remove_order(&mut self, tenant: &TenantId, order: OrderId) {
        self.orders_gone.push([tenant.as_str().into(), order.to_string().into()]);
    }

    /// Adds that a parcel has no rows any more.
    pub fn remove_parcel(&mut self, tenant: &TenantId, courier: &Courier, tracking: &TrackingNumber) {
        let key = || [tenant.as_str().into(), courier.as_str().into(), tracking.as_str().into()];
        self.shipments_gone.push(key());
        self.cash_gone.push(key());
    }

    /// Stores them: three writes, and a removal of each kind that is to go.
    pub async fn save(&self, tx: &mut Tx) -> Result<(), DbError> {
        tx.upsert(&self.orders).await?;
        tx.upsert(&self.shipments).await?;
        tx.delete_by_keys(&self.cash_gone).await?;
        tx.delete_by_keys(&self.orders_gone).await?;
        tx.delete_by_keys(&self.shipments_gone).await?;
        tx.upsert(&self.cash).await.map(|_| ())
    }
}
