//! What the bookkeeper posted.

use ledger::{ChainHash, Day, Entry, Layer, Posted, Side, Timestamp, Transaction};
use prost::Message;

use super::fact::message;
use super::field::{Read, checked, id, money};
use super::v1::ledger::v1 as wire;
use crate::DecodeError;

/// The full name of the message.
pub(crate) const POSTED_TYPE: &str = "daybook.ledger.v1.TransactionPosted";

/// The body of a `TransactionPosted`: what the ledger topic carries, a journal row stores and the hash chain covers.
pub fn posted_bytes(posted: &Posted) -> Vec<u8> {
    wire::TransactionPosted::from(posted).encode_to_vec()
}

/// Reads the body of a `TransactionPosted`. A transaction that does not balance is [`DecodeError::Malformed`].
pub fn posted_from_bytes(body: &[u8]) -> Result<Posted, DecodeError> {
    message::<wire::TransactionPosted>(body)?.try_into()
}

impl From<&Posted> for wire::TransactionPosted {
    fn from(posted: &Posted) -> Self {
        let transaction = &posted.transaction;
        wire::TransactionPosted {
            number: posted.number,
            part: posted.part.to_string(),
            recorded: posted.recorded.0,
            reverses: posted.reverses,
            previous: posted.previous.0.to_vec(),
            key: transaction.key().to_string(),
            about: transaction.about().to_string(),
            effective: transaction.effective().0,
            entries: transaction.entries().iter().map(Into::into).collect(),
            occurred: Some(transaction.occurred().0).filter(|day| *day != transaction.effective().0),
        }
    }
}

impl TryFrom<wire::TransactionPosted> for Posted {
    type Error = DecodeError;

    fn try_from(wire: wire::TransactionPosted) -> Read<Self> {
        let entries = wire.entries.into_iter().map(Entry::try_from).collect::<Read<_>>()?;
        let key = id(wire.key, "key")?;
        let about = id(wire.about, "about")?;
        let occurred = wire.occurred.unwrap_or(wire.effective);
        Ok(Posted {
            number: wire.number,
            part: id(wire.part, "part")?,
            recorded: Timestamp(wire.recorded),
            reverses: wire.reverses,
            previous: ChainHash(checked(wire.previous.as_slice().try_into(), "previous")?),
            transaction: checked(Transaction::new(key, about, Day(occurred), entries), "entries")?
                .effective_on(Day(wire.effective)),
        })
    }
}

impl From<&Entry> for wire::Entry {
    fn from(entry: &Entry) -> Self {
        let side = match entry.side {
            Side::Debit => wire::Side::Debit,
            Side::Credit => wire::Side::Credit,
        };
        let layer = match entry.layer {
            Layer::Posted => wire::Layer::Posted,
            Layer::Pending => wire::Layer::Pending,
        };
        wire::Entry {
            account: entry.account.to_string(),
            side: side.into(),
            amount: Some(entry.amount.into()),
            layer: layer.into(),
        }
    }
}

impl TryFrom<wire::Entry> for Entry {
    type Error = DecodeError;

    fn try_from(wire: wire::Entry) -> Read<Self> {
        let side = match checked(wire::Side::try_from(wire.side), "entries.side")? {
            wire::Side::Unspecified => return Err(DecodeError::Malformed { field: "entries.side" }),
            wire::Side::Debit => Side::Debit,
            wire::Side::Credit => Side::Credit,
        };
        let layer = match checked(wire::Layer::try_from(wire.layer), "entries.layer")? {
            wire::Layer::Posted => Layer::Posted,
            wire::Layer::Pending => Layer::Pending,
        };
        let account = id(wire.account, "entries.account")?;
        Ok(Entry { layer, account, side, amount: money(wire.amount, "entries.amount")? })
    }
}
