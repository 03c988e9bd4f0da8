//! Facts: what happened, in the past tense, without personal data.
//!
//! The order of a struct's fields is part of its meaning: where two facts claim the same thing, the greater one wins,
//! compared field by field from the top. The source's own version stands first, so the later version wins, and equal
//! versions are decided by content, never by arrival.

mod claims;

use ledger::{Currency, Day, Money, Timestamp};
use serde::{Deserialize, Serialize};

use crate::parcel::ParcelState;
use crate::totals::DetailReplaced;
use crate::voucher::{AccountOpened, PeriodClosed, PeriodReopened, VoucherApproved, VoucherEntered, VoucherWithdrawn};
use crate::{
    Courier, CustomerId, FulfilmentId, GoodsReceipt, InventoryItemId, LineId, LocationId, OrderId, OrderName,
    PaymentState, ReceiptNumber, RefundId, Sku, StaffId, SubjectId, TrackingNumber, VariantId,
};

pub use claims::{ChargebackOutcome, ChargebackRecorded, CodWrittenOff, WriteOffKind};

/// Anything that is recorded on the log, except what the ledger posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// An order exists.
    OrderPlaced(OrderPlaced),
    /// An order's terms as of a version.
    OrderRevised(OrderRevised),
    /// An order was cancelled.
    OrderCancelled(OrderCancelled),
    /// The shop deleted an order.
    OrderDeleted(OrderDeleted),
    /// A refund was issued.
    RefundIssued(RefundIssued),
    /// A fulfilment as of a version.
    FulfilmentRecorded(FulfilmentRecorded),
    /// A courier knows a parcel.
    ParcelBooked(ParcelBooked),
    /// A courier scanned a parcel.
    ParcelScanned(ParcelScanned),
    /// A courier stated its charges and payments for a parcel, as of a version.
    CodChargesReported(CodChargesReported),
    /// A courier settled one part of a parcel's cash.
    CodPartSettled(CodPartSettled),
    /// A courier's payout reached the bank.
    PayoutBanked(PayoutBanked),
    /// Stock at a location, as of a version.
    StockCounted(StockCounted),
    /// A variant's SKU and cost, as of a version.
    ProductCosted(ProductCosted),
    /// Goods came in at a cost.
    StockReceived(StockReceived),
    /// A customer record, as of a version; the details are sealed beside it.
    CustomerRecorded(CustomerRecorded),
    /// The shop asks for a customer's erasure.
    RedactionRequested(RedactionRequested),
    /// The shop asks for a customer's data.
    DataRequested(DataRequested),
    /// The shop is gone and asks for its erasure.
    ShopRedactionRequested(ShopRedactionRequested),
    /// A subject's keys are destroyed.
    SubjectErased(SubjectErased),
    /// A person entered a voucher.
    VoucherEntered(VoucherEntered),
    /// A person approved one.
    VoucherApproved(VoucherApproved),
    /// A person withdrew one.
    VoucherWithdrawn(VoucherWithdrawn),
    /// The books were closed up to a day.
    PeriodClosed(PeriodClosed),
    /// Closed days were opened again.
    PeriodReopened(PeriodReopened),
    /// An account was added to the tenant's chart.
    AccountOpened(AccountOpened),
    /// A person gave up a parcel's cash, or claims it of the courier.
    CodWrittenOff(CodWrittenOff),
    /// A card payment is disputed, as of a version.
    ChargebackRecorded(ChargebackRecorded),
    /// Detail of cases was replaced by totals.
    DetailReplaced(DetailReplaced),
}

/// An order exists. The same in every snapshot of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderPlaced {
    /// The order.
    pub order: OrderId,
    /// Its printed name, if it has one that is an id.
    pub name: Option<OrderName>,
    /// When the shop created it.
    pub placed_at: Timestamp,
    /// The shop's customer, if any.
    pub customer: Option<CustomerId>,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LineItem {
    /// The line.
    pub line: LineId,
    /// The variant sold, if it still exists.
    pub variant: Option<VariantId>,
    /// Its SKU, if it has one.
    pub sku: Option<Sku>,
    /// Pieces.
    pub quantity: i64,
    /// Price of one piece before discounts, minor units of the order's currency.
    pub unit_price: i64,
    /// Discount on the whole line, minor units.
    pub discount: i64,
}

/// An order's terms as of `version`. All amounts are minor units of `currency`, the shop's currency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderRevised {
    /// The shop's `updated_at`.
    pub version: Timestamp,
    /// The order.
    pub order: OrderId,
    /// The shop's currency.
    pub currency: Currency,
    /// What the buyer owes in all: goods after discounts, shipping, tax, duties and tips.
    pub total: i64,
    /// Shipping after discounts, without its tax.
    pub shipping: i64,
    /// Tax in `total`.
    pub tax: i64,
    /// Tips in `total`.
    pub tip: i64,
    /// Discounts already taken off `total`.
    pub discounts: i64,
    /// Whether the prices of lines and shipping contain the tax.
    pub taxes_included: bool,
    /// What the buyer was shown, if that was another currency.
    pub presentment: Option<Money>,
    /// Cash on delivery, by the tenant's gateway names.
    pub cash_on_delivery: bool,
    /// How much of the money the shop says it has.
    pub payment: PaymentState,
    /// Paid so far, as far as the shop says; 0 for unpaid cash on delivery.
    pub paid: i64,
    /// A test order: kept, never booked.
    pub test: bool,
    /// Destination city in clear, as the shop wrote it.
    pub city: Option<String>,
    /// Destination country, ISO 3166 alpha-2.
    pub country: Option<String>,
    /// The lines, by id.
    pub lines: Vec<LineItem>,
    /// Import duties in `total`.
    pub duties: i64,
    /// What the till added to `total` so that it could be paid in coins; negative when it left something out.
    pub rounding: i64,
    /// Of what is paid, with gift cards, as far as the shop says.
    pub gift_card_paid: i64,
    /// Of `total`, gift cards that are sold: owed to whoever brings them.
    pub gift_cards_sold: i64,
    /// The shop names the ways by which this was paid, and no gift card is among them. False when one is, and when the
    /// shop does not say.
    pub no_gift_card: bool,
}

/// An order was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderCancelled {
    /// When.
    pub cancelled_at: Timestamp,
    /// The order.
    pub order: OrderId,
    /// The shop's reason code: `customer`, `inventory`, `fraud`, `declined`, `staff` or `other`.
    pub reason: Option<String>,
}

/// The shop deleted an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderDeleted {
    /// When the notice was triggered.
    pub deleted_at: Timestamp,
    /// The order.
    pub order: OrderId,
}

/// A refund was issued. Amounts in minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RefundIssued {
    /// When it was processed.
    pub refunded_at: Timestamp,
    /// The order.
    pub order: OrderId,
    /// The refund.
    pub refund: RefundId,
    /// The shop's currency.
    pub currency: Currency,
    /// Money given back; 0 when only goods came back.
    pub amount: i64,
    /// Tax in `amount`.
    pub tax: i64,
    /// Pieces taken back into stock, by line.
    pub restocked: Vec<(LineId, i64)>,
    /// Of `amount`, what went back onto gift cards, as far as the shop says: those that had paid it, or new ones.
    pub gift_card: i64,
    /// Of `restocked`, pieces that no fulfilment of the shop had sent yet: it took them off the order.
    pub unsent: Vec<(LineId, i64)>,
}

/// A parcel a fulfilment names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TrackedParcel {
    /// Who carries it.
    pub courier: Courier,
    /// Under which number.
    pub tracking: TrackingNumber,
}

/// A fulfilment as of `version`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FulfilmentRecorded {
    /// The shop's `updated_at`.
    pub version: Timestamp,
    /// The order.
    pub order: OrderId,
    /// The fulfilment.
    pub fulfilment: FulfilmentId,
    /// When it was created.
    pub fulfilled_at: Timestamp,
    /// False for `cancelled`, `error` and `failure`.
    pub stands: bool,
    /// The shop's own word that it was delivered (`shipment_status`).
    pub delivered: bool,
    /// Its parcels, in the shop's order.
    pub parcels: Vec<TrackedParcel>,
    /// Pieces sent, by line.
    pub lines: Vec<(LineId, i64)>,
}

/// A courier knows a parcel, as of `version`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ParcelBooked {
    /// When the courier last touched the record.
    pub version: Timestamp,
    /// The courier.
    pub courier: Courier,
    /// The parcel.
    pub tracking: TrackingNumber,
    /// The order's name as the courier has it.
    pub reference: Option<OrderName>,
    /// Cash to collect, gross; zero for prepaid parcels.
    pub cod: Option<Money>,
    /// When it was booked.
    pub booked_at: Option<Timestamp>,
}

/// A courier scanned a parcel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ParcelScanned {
    /// When, by the courier's clock.
    pub scanned_at: Timestamp,
    /// The courier.
    pub courier: Courier,
    /// The parcel.
    pub tracking: TrackingNumber,
    /// What the scan means.
    pub state: ParcelState,
    /// The courier's code or status word when it is one we know, or its cleaned text when it is not.
    pub code: String,
    /// The order's name as the courier has it.
    pub reference: Option<OrderName>,
}

/// A courier's charges and payments for a parcel as of `version`, in minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CodChargesReported {
    /// When the courier last touched the record.
    pub version: Timestamp,
    /// The courier.
    pub courier: Courier,
    /// The parcel.
    pub tracking: TrackingNumber,
    /// Currency of every amount.
    pub currency: Currency,
    /// Delivery fee.
    pub fee: i64,
    /// Tax on the delivery fee.
    pub fee_tax: i64,
    /// Fee for bringing it back.
    pub return_fee: i64,
    /// Tax on the return fee.
    pub return_fee_tax: i64,
    /// Paid out in advance, net.
    pub upfront: i64,
    /// Paid out after the reserve period, net.
    pub reserve: i64,
}

/// Which part of a parcel's payout: PostEx pays one part upfront and the rest after a reserve period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SettlementPart {
    /// The first part.
    Upfront,
    /// The rest.
    Reserve,
}

/// A courier settled one part of a parcel's cash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CodPartSettled {
    /// The courier's own date of the payment.
    pub settled_on: Day,
    /// The courier.
    pub courier: Courier,
    /// The parcel.
    pub tracking: TrackingNumber,
    /// Which part.
    pub part: SettlementPart,
    /// The document it is on.
    pub receipt: Option<ReceiptNumber>,
}

/// A courier's payout reached the bank.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PayoutBanked {
    /// When the courier approved or paid it.
    pub banked_on: Day,
    /// The courier.
    pub courier: Courier,
    /// The document.
    pub receipt: ReceiptNumber,
    /// What arrived.
    pub amount: Money,
}

/// Stock at a location, as of `version`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StockCounted {
    /// The shop's `updated_at`.
    pub version: Timestamp,
    /// The item.
    pub item: InventoryItemId,
    /// Where.
    pub location: LocationId,
    /// Pieces available; None when the shop does not track it.
    pub available: Option<i64>,
}

/// A variant's SKU and cost, as of `version`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProductCosted {
    /// The shop's `updated_at`.
    pub version: Timestamp,
    /// The variant.
    pub variant: VariantId,
    /// Its inventory item.
    pub item: Option<InventoryItemId>,
    /// Its SKU.
    pub sku: Option<Sku>,
    /// What one piece cost the merchant, if the shop knows.
    pub cost: Option<Money>,
}

/// Goods came in, as somebody of the merchant's recorded it. Of two under one receipt the greater stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StockReceived {
    /// When they came in.
    pub received_at: Timestamp,
    /// The document they came with, as the merchant names it.
    pub receipt: GoodsReceipt,
    /// What came in.
    pub variant: VariantId,
    /// Its inventory item, if known.
    pub item: Option<InventoryItemId>,
    /// Its SKU, if known.
    pub sku: Option<Sku>,
    /// Where it was put, if known.
    pub location: Option<LocationId>,
    /// Pieces, more than none.
    pub quantity: i64,
    /// What one piece cost, not negative.
    pub unit_cost: Money,
    /// Who recorded it.
    pub by: StaffId,
}

/// A customer record exists, as of `version`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CustomerRecorded {
    /// The shop's `updated_at`.
    pub version: Timestamp,
    /// The customer.
    pub customer: CustomerId,
}

/// The shop asks for a customer's erasure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RedactionRequested {
    /// When the notice was triggered.
    pub requested_at: Timestamp,
    /// The customer; absent when the notice has only an e-mail address.
    pub customer: Option<CustomerId>,
    /// Whom it concerns here, if anyone is known by those identifiers.
    pub subject: Option<SubjectId>,
    /// Orders named in the notice.
    pub orders: Vec<OrderId>,
}

/// The shop asks for a customer's data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DataRequested {
    /// When the notice was triggered.
    pub requested_at: Timestamp,
    /// The customer; absent when the notice has only an e-mail address.
    pub customer: Option<CustomerId>,
    /// Whom it concerns here, if anyone is known by those identifiers.
    pub subject: Option<SubjectId>,
    /// Orders named in the notice.
    pub orders: Vec<OrderId>,
    /// The shop's id of the request.
    pub request: Option<u64>,
}

/// The shop is gone and asks for its erasure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ShopRedactionRequested {
    /// When the notice was triggered.
    pub requested_at: Timestamp,
    /// The shop's numeric id.
    pub shop: u64,
}

/// A subject's keys are destroyed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SubjectErased {
    /// When the keys were destroyed.
    pub erased_at: Timestamp,
    /// Who.
    pub subject: SubjectId,
}
