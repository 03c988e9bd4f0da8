//! What a seller's day consists of: orders, parcels, cash on delivery, stock. Facts, how they merge into the case of an
//! order, and which journal a case implies.
//!
//! Everything here is pure: no clock, no randomness, no IO, and no personal data. A fact carries ids, amounts and
//! states; what a person typed travels beside it, sealed, and this crate never sees it.

mod fact;
mod ids;
mod order;
mod ownership;
mod parcel;
mod part;
mod policy;
mod posting;
pub mod stock;

pub use fact::{
    CodChargesReported, CodPartSettled, CustomerRecorded, DataRequested, Fact, FulfilmentRecorded, LineItem,
    OrderCancelled, OrderDeleted, OrderPlaced, OrderRevised, ParcelBooked, ParcelScanned, PayoutBanked, ProductCosted,
    RedactionRequested, RefundIssued, SettlementPart, ShopRedactionRequested, StockCounted, StockReceived,
    SubjectErased, TrackedParcel,
};
pub use ids::{
    Courier, CustomerId, FulfilmentId, GoodsReceipt, IdError, InventoryItemId, LineId, LocationId, OrderId, OrderName,
    ReceiptNumber, RefundId, Sku, Staff, SubjectId, TenantId, TrackingNumber, VariantId,
};
pub use order::{Order, PaymentState};
pub use ownership::owner;
pub use parcel::{Claims, CodState, Parcel, ParcelState, Scan};
pub use part::{Part, PartKey, Payout, Receipt};
pub use policy::{Chart, CodGateways, Costing, Policy};
pub use posting::{Case, CodPosition, Postings, Unpostable, cod_position, cod_positions, postings};
