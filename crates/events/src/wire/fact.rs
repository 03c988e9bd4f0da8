//! Facts: which topic and message each has, its bytes, and the sealed boxes that stand behind them.

use commerce::{Fact, SubjectId};
use prost::Message;

use super::field::{Read, uuid};
use super::v1;
use super::v1::privacy::v1::Sealed;
use crate::{DecodeError, SealedBox, Topic};

/// The number of every fact's `sealed` field. No other field stands behind it, so boxes can be appended to a body.
const SEALED: u32 = 100;

/// One row a topic, one name a fact: the Rust type, the variant of [`Fact`] and the message are all called so.
macro_rules! facts {
    ($($topic:ident, $package:ident: $($name:ident)+;)+) => {
        /// The topic a fact belongs to.
        pub(crate) fn fact_topic(fact: &Fact) -> Topic {
            match fact {
                $($(Fact::$name(_))|+ => Topic::$topic,)+
            }
        }

        /// The full name of a fact's message, such as `daybook.order.v1.OrderPlaced`.
        pub(crate) fn fact_type(fact: &Fact) -> &'static str {
            match fact {
                $($(Fact::$name(_) => concat!("daybook.", stringify!($package), ".v1.", stringify!($name)),)+)+
            }
        }

        /// A fact's message without sealed boxes: what its event id is computed from.
        pub(crate) fn fact_bytes(fact: &Fact) -> Vec<u8> {
            match fact {
                $($(Fact::$name(fact) => v1::$package::v1::$name::from(fact).encode_to_vec(),)+)+
            }
        }

        /// The fact and the boxes in the body of a message of that type on that topic.
        pub(crate) fn fact_from_bytes(topic: Topic, event_type: &str, body: &[u8]) -> Read<(Fact, Vec<SealedBox>)> {
            match (topic, event_type) {
                $($((Topic::$topic, concat!("daybook.", stringify!($package), ".v1.", stringify!($name))) => {
                    let mut message: v1::$package::v1::$name = message(body)?;
                    let boxes = std::mem::take(&mut message.sealed);
                    let fact = Fact::$name(message.try_into()?);
                    Ok((fact, boxes.into_iter().map(SealedBox::try_from).collect::<Result<_, _>>()?))
                })+)+
                _ => Err(DecodeError::UnknownType),
            }
        }
    };
}

facts! {
    Order, order: OrderPlaced OrderRevised OrderCancelled OrderDeleted RefundIssued FulfilmentRecorded
        ChargebackRecorded;
    Shipment, shipment: ParcelBooked ParcelScanned;
    Cod, cod: CodChargesReported CodPartSettled PayoutBanked CodWrittenOff;
    Inventory, inventory: StockCounted ProductCosted StockReceived;
    Privacy, privacy: CustomerRecorded RedactionRequested DataRequested ShopRedactionRequested SubjectErased;
    Voucher, voucher: VoucherEntered VoucherApproved VoucherWithdrawn PeriodClosed PeriodReopened AccountOpened
        DetailReplaced;
}

/// The message in a body.
pub(super) fn message<M: Message + Default>(body: &[u8]) -> Read<M> {
    M::decode(body).map_err(|_| DecodeError::Malformed { field: "body" })
}

/// Adds boxes to a fact's message; the bytes are those of the message with its `sealed` field filled.
pub(crate) fn append_boxes(body: &mut Vec<u8>, boxes: &[SealedBox]) {
    for sealed in boxes {
        prost::encoding::message::encode(SEALED, &Sealed::from(sealed), body);
    }
}

impl From<&SealedBox> for Sealed {
    fn from(sealed: &SealedBox) -> Self {
        let subject = sealed.subject.0.as_bytes().to_vec();
        Sealed { subject, label: sealed.label.clone(), r#box: sealed.sealed.clone() }
    }
}

impl TryFrom<Sealed> for SealedBox {
    type Error = DecodeError;

    fn try_from(wire: Sealed) -> Read<Self> {
        let subject = SubjectId(uuid(&wire.subject, "sealed.subject")?);
        Ok(SealedBox { subject, label: wire.label, sealed: wire.r#box })
    }
}
