//! Amounts: a decimal text or a number, read from its source text so that no float ever stands between; beside it
//! often the same amount as a set of the shop's and the buyer's money.

use std::borrow::Cow;

use ledger::{Currency, Money, MoneyError};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{Loose, Place};
use crate::NotUnderstood;

/// An amount as it stands in the payload.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Amount<'a>(#[serde(borrow)] Option<&'a RawValue>);

/// An amount with its currency.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Price<'a> {
    #[serde(borrow)]
    pub(super) amount: Amount<'a>,
    pub(super) currency_code: Loose<'a>,
}

/// One amount in the shop's money and in the money the buyer was shown.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct PriceSet<'a> {
    #[serde(borrow)]
    pub(super) shop_money: Option<Price<'a>>,
    pub(super) presentment_money: Option<Price<'a>>,
}

impl Amount<'_> {
    /// Minor units of `currency`; None when absent or blank.
    pub(super) fn read(&self, currency: Currency, place: Place<'_>) -> Result<Option<i64>, NotUnderstood> {
        let Some(raw) = self.0 else { return Ok(None) };
        let text = literal(raw.get()).ok_or_else(|| place.wrong("not a decimal amount"))?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        Money::parse(&text, currency).map(|money| Some(money.minor)).map_err(|error| place.wrong(error))
    }
}

/// The digits of a JSON number, or the content of a JSON text.
fn literal(raw: &str) -> Option<Cow<'_, str>> {
    match raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if inner.contains('\\') => serde_json::from_str(raw).map(Cow::Owned).ok(),
        Some(inner) => Some(Cow::Borrowed(inner)),
        None => Some(Cow::Borrowed(raw)).filter(|raw| !raw.starts_with(['{', '['])),
    }
}

impl Price<'_> {
    /// The amount in its own currency; None when either is absent.
    pub(super) fn read(&self, place: Place<'_>) -> Result<Option<Money>, NotUnderstood> {
        let Some(currency) = currency(&self.currency_code, place.key("currency_code"))? else { return Ok(None) };
        let minor = self.amount.read(currency, place.key("amount"))?;
        Ok(minor.map(|minor| Money::new(minor, currency)))
    }
}

impl PriceSet<'_> {
    /// The shop's currency, as far as this set says it.
    pub(super) fn shop_currency(&self, place: Place<'_>) -> Result<Option<Currency>, NotUnderstood> {
        let shop_money = place.key("shop_money");
        self.shop_money
            .as_ref()
            .map_or(Ok(None), |price| currency(&price.currency_code, shop_money.key("currency_code")))
    }

    /// The amount in the shop's money.
    pub(super) fn shop(&self, place: Place<'_>) -> Result<Option<Money>, NotUnderstood> {
        self.shop_money.as_ref().map_or(Ok(None), |price| price.read(place.key("shop_money")))
    }

    /// The amount in the money the buyer was shown.
    pub(super) fn presentment(&self, place: Place<'_>) -> Result<Option<Money>, NotUnderstood> {
        self.presentment_money.as_ref().map_or(Ok(None), |price| price.read(place.key("presentment_money")))
    }
}

/// Reads a currency code; None when absent or blank.
pub(super) fn currency(code: &Loose<'_>, place: Place<'_>) -> Result<Option<Currency>, NotUnderstood> {
    code.text().map(|code| code.parse().map_err(|error| place.wrong(error))).transpose()
}

/// Minor units of `currency`: the set's shop money where there is one, else the plain field. None when neither is there.
pub(super) fn shop_amount(
    plain: &Amount<'_>,
    set: &Option<PriceSet<'_>>,
    currency: Currency,
    place: Place<'_>,
) -> Result<Option<i64>, NotUnderstood> {
    match set.as_ref().map_or(Ok(None), |set| set.shop(place.set()))? {
        Some(money) if money.currency == currency => Ok(Some(money.minor)),
        Some(_) => Err(place.set().wrong("not in the shop's currency")),
        None => plain.read(currency, place),
    }
}

/// The sum of amounts, unless it does not fit.
pub(super) fn sum(
    mut amounts: impl Iterator<Item = Result<i64, NotUnderstood>>,
    place: Place<'_>,
) -> Result<i64, NotUnderstood> {
    amounts.try_fold(0, |sum, amount| add(sum, amount?, place))
}

/// `a + b`, unless it does not fit.
pub(super) fn add(a: i64, b: i64, place: Place<'_>) -> Result<i64, NotUnderstood> {
    a.checked_add(b).ok_or_else(|| place.wrong(MoneyError::Overflow))
}

/// `a - b`, unless it does not fit.
pub(super) fn subtract(a: i64, b: i64, place: Place<'_>) -> Result<i64, NotUnderstood> {
    a.checked_sub(b).ok_or_else(|| place.wrong(MoneyError::Overflow))
}

#[cfg(test)]
mod tests {
    use super::super::json::{BODY, parse};
    use super::*;

    #[test]
    fn amounts_are_read_from_their_source_text() {
        for (json, expected) in [
            ("\"199.65\"", Ok(Some(19_965))),
            ("199.65", Ok(Some(19_965))),
            ("199", Ok(Some(19_900))),
            ("90071992547409.93", Ok(Some(9_007_199_254_740_993))),
            ("\"\\u0031\\u0030\"", Ok(Some(1_000))),
            ("null", Ok(None)),
            ("\"\"", Ok(None)),
            ("1e3", Err("price: not a decimal amount")),
            ("{}", Err("price: not a decimal amount")),
            ("true", Err("price: not a decimal amount")),
            ("\"1.005\"", Err("price: more decimals than PKR has")),
            ("\"99999999999999999999\"", Err("price: amount does not fit 64 bits of minor units")),
        ] {
            let amount: Amount<'_> = parse(json).unwrap();
            let read = amount.read(Currency::PKR, BODY.key("price")).map_err(|error| error.to_string());
            assert_eq!(read, expected.map_err(str::to_owned), "{json}");
        }
    }

    #[test]
    fn the_set_wins_over_the_plain_field_and_must_be_shop_money() {
        let set = |code: &str| format!(r#"{{"shop_money":{{"amount":"7.00","currency_code":"{code}"}}}}"#);
        for (code, expected) in
            [("AUD", Ok(Some(700))), ("USD", Err("price_set: not in the shop's currency".to_owned()))]
        {
            let json = set(code);
            let set: Option<PriceSet<'_>> = parse(&json).unwrap();
            let aud = "AUD".parse().unwrap();
            let read = shop_amount(&parse("\"9.00\"").unwrap(), &set, aud, BODY.key("price"));
            assert_eq!(read.map_err(|error| error.to_string()), expected);
        }
    }
}
