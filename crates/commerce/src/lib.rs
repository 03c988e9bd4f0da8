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
mod rises;
mod sold;
pub mod stock;
pub mod totals;
mod voucher;

pub use fact::{
    ChargebackOutcome, ChargebackRecorded, CodChargesReported, CodPartSettled, CodWrittenOff, CustomerRecorded,
    DataRequested, Fact, FulfilmentRecorded, LineItem, OrderCancelled, OrderDeleted, OrderPlaced, OrderRevised,
    ParcelBooked, ParcelScanned, PayoutBanked, ProductCosted, RedactionRequested, RefundIssued, SettlementPart,
    ShopRedactionRequested, StockCounted, StockReceived, SubjectErased, TrackedParcel, WriteOffKind,
};
pub use ids::{
    ClaimKey, Courier, CustomerId, FulfilmentId, GoodsReceipt, IdError, InventoryItemId, LineId, LocationId, OrderId,
    OrderName, Reason, ReceiptNumber, RefundId, Sku, StaffId, SubjectId, TenantId, TotalsId, TrackingNumber, VariantId,
    VoucherId,
};
pub use order::{Order, PaymentState};
pub use ownership::owner;
pub use parcel::{Claims, CodState, Parcel, ParcelState, Scan};
pub use part::{Part, PartKey, Payout, Receipt};
pub use policy::{Chart, CodGateways, Costing, Policy, Rate, Rates, Recognition, Withholding};
pub use posting::{Case, CodPosition, Postings, Unpostable, cod_position, cod_positions, postings};
pub use rises::Rises;
pub use voucher::{
    AccountOpened, Accounts, ApprovalLimits, Calendar, Decision, Discounted, PeriodClosed, PeriodReopened,
    StandingReversals, Voucher, VoucherApproved, VoucherDigest, VoucherEntered, VoucherKind, VoucherState,
    VoucherWithdrawn, is_above_limit, needs_approval, propose, propose_approval,
};
