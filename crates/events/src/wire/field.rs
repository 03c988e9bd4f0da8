//! Reading one field: what is right becomes a domain value, what is wrong names the field.

use commerce::SubjectId;
use ledger::{Currency, Money};
use uuid::Uuid;

use super::v1::money::v1 as wire;
use crate::DecodeError;

/// What a decoded field is, or that it is malformed.
pub(super) type Read<T> = Result<T, DecodeError>;

/// A value that may have failed its own checks.
pub(super) fn checked<T, E>(value: Result<T, E>, field: &'static str) -> Read<T> {
    value.map_err(|_| DecodeError::Malformed { field })
}

/// A value that has to be there.
pub(super) fn present<T>(value: Option<T>, field: &'static str) -> Read<T> {
    value.ok_or(DecodeError::Malformed { field })
}

/// A text that is an id.
pub(super) fn id<T: TryFrom<String>>(text: String, field: &'static str) -> Read<T> {
    checked(T::try_from(text), field)
}

/// A text that is an id, or nothing.
pub(super) fn maybe_id<T: TryFrom<String>>(text: Option<String>, field: &'static str) -> Read<Option<T>> {
    text.map(|text| id(text, field)).transpose()
}

/// Sixteen bytes.
pub(super) fn uuid(bytes: &[u8], field: &'static str) -> Read<Uuid> {
    checked(Uuid::from_slice(bytes), field)
}

/// A subject, or nothing.
pub(super) fn maybe_subject(bytes: Option<Vec<u8>>, field: &'static str) -> Read<Option<SubjectId>> {
    bytes.map(|bytes| uuid(&bytes, field).map(SubjectId)).transpose()
}

/// An ISO 4217 code in upper case.
pub(super) fn currency(text: &str, field: &'static str) -> Read<Currency> {
    let code: [u8; 3] = checked(text.as_bytes().try_into(), field)?;
    checked(Currency::try_from(code), field)
}

/// An amount, or nothing.
pub(super) fn maybe_money(money: Option<wire::Money>, field: &'static str) -> Read<Option<Money>> {
    money.map(|m| Ok(Money::new(m.minor, currency(&m.currency, field)?))).transpose()
}

/// An amount that has to be there.
pub(super) fn money(money: Option<wire::Money>, field: &'static str) -> Read<Money> {
    present(maybe_money(money, field)?, field)
}

impl From<Money> for wire::Money {
    fn from(money: Money) -> Self {
        wire::Money { minor: money.minor, currency: money.currency.code().to_owned() }
    }
}

/// The text of an optional id.
pub(super) fn text(id: Option<&impl ToString>) -> Option<String> {
    id.map(ToString::to_string)
}
