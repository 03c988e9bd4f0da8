//! Money: a whole number of minor units and an ISO 4217 currency. No floats, and overflow is an error.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An ISO 4217 alphabetic code that is in the standard's table, such as `PKR`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "[u8; 3]", into = "[u8; 3]")]
pub struct Currency([u8; 3]);

/// The text is not an ISO 4217 currency code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an ISO 4217 currency code")]
pub struct CurrencyError;

impl Currency {
    /// Pakistani rupee, two decimals.
    pub const PKR: Currency = Currency(*b"PKR");
    /// United States dollar, two decimals.
    pub const USD: Currency = Currency(*b"USD");
    /// Pound sterling, two decimals.
    pub const GBP: Currency = Currency(*b"GBP");
    /// Japanese yen, no decimals.
    pub const JPY: Currency = Currency(*b"JPY");
    /// Kuwaiti dinar, three decimals.
    pub const KWD: Currency = Currency(*b"KWD");

    /// The three letters.
    pub fn code(&self) -> &str {
        // The only constructors check that the bytes are upper-case ASCII letters.
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// Every currency there is, by code.
    pub fn all() -> impl Iterator<Item = Currency> {
        let letters = || b'A'..=b'Z';
        let codes = letters().flat_map(move |a| letters().flat_map(move |b| letters().map(move |c| [a, b, c])));
        codes.filter_map(|code| Currency::try_from(code).ok())
    }

    /// Decimal places of the minor unit: 2 for PKR, 0 for JPY, 3 for KWD.
    pub fn decimals(&self) -> u32 {
        iso_currency::Currency::from_code(self.code()).and_then(|c| c.exponent()).map_or(2, u32::from)
    }

    /// Minor units in one major unit: 100 for PKR, 1 for JPY, 1000 for KWD.
    pub fn minor_per_major(&self) -> i64 {
        10_i64.pow(self.decimals())
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        let upper = text.trim().to_ascii_uppercase();
        let bytes: [u8; 3] = upper.as_bytes().try_into().map_err(|_| CurrencyError)?;
        Currency::try_from(bytes)
    }
}

impl TryFrom<[u8; 3]> for Currency {
    type Error = CurrencyError;

    fn try_from(bytes: [u8; 3]) -> Result<Self, CurrencyError> {
        // The four currencies nearly every record carries skip the table's search.
        if [*b"PKR", *b"USD", *b"GBP", *b"EUR"].contains(&bytes) {
            return Ok(Currency(bytes));
        }
        let code = std::str::from_utf8(&bytes).map_err(|_| CurrencyError)?;
        iso_currency::Currency::from_code(code).map(|_| Currency(bytes)).ok_or(CurrencyError)
    }
}

impl From<Currency> for [u8; 3] {
    fn from(currency: Currency) -> [u8; 3] {
        currency.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount of one currency in its minor units (paisa, cents, yen).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units; negative amounts are owed the other way.
    pub minor: i64,
    /// What the units are of.
    pub currency: Currency,
}

/// Why a text or a sum is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a decimal number.
    #[error("not a decimal amount")]
    NotANumber,
    /// More decimals than the currency has, and they are not zeros.
    #[error("more decimals than {0} has")]
    TooPrecise(Currency),
    /// Does not fit 64 bits of minor units.
    #[error("amount does not fit 64 bits of minor units")]
    Overflow,
    /// Two currencies in one sum.
    #[error("{0} and {1} cannot be added")]
    CurrencyMismatch(Currency, Currency),
}

impl Money {
    /// The most that one entry, one posting or one movement of goods may come to, minor units of whatever currency: ten
    /// trillion rupees. A slip of the keyboard beyond it is refused or parked, and thousands of amounts below it still add up
    /// within 64 bits.
    pub const LARGEST: i64 = 1_000_000_000_000_000;

    /// `minor` minor units of `currency`.
    pub const fn new(minor: i64, currency: Currency) -> Money {
        Money { minor, currency }
    }

    /// Nothing, in `currency`.
    pub const fn zero(currency: Currency) -> Money {
        Money::new(0, currency)
    }

    /// Reads a plain decimal such as `199.65`, `-5`, `2,750.00` or `23600`. Extra decimals are allowed only when they are zeros.
    pub fn parse(text: &str, currency: Currency) -> Result<Money, MoneyError> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let digits_only = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b',');
        if !digits.bytes().any(|b| b.is_ascii_digit()) || !digits_only(fraction) || fraction.contains(',') {
            return Err(MoneyError::NotANumber);
        }
        let decimals = currency.decimals() as usize;
        let (kept, extra) = fraction.split_at_checked(decimals.min(fraction.len())).ok_or(MoneyError::NotANumber)?;
        if extra.bytes().any(|b| b != b'0') {
            return Err(MoneyError::TooPrecise(currency));
        }
        let mut minor: i64 = 0;
        let padding = std::iter::repeat_n(b'0', decimals.saturating_sub(kept.len()));
        for byte in whole.bytes().filter(|b| *b != b',').chain(kept.bytes()).chain(padding) {
            if !byte.is_ascii_digit() {
                return Err(MoneyError::NotANumber);
            }
            let digit = i64::from(byte - b'0');
            let next = minor.checked_mul(10);
            minor = if negative {
                next.and_then(|m| m.checked_sub(digit))
            } else {
                next.and_then(|m| m.checked_add(digit))
            }
            .ok_or(MoneyError::Overflow)?;
        }
        Ok(Money::new(minor, currency))
    }

    /// The sum, if both are of one currency and it fits.
    pub fn checked_add(self, other: Money) -> Result<Money, MoneyError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Money::new(minor, self.currency))
    }

    /// The difference, if both are of one currency and it fits.
    pub fn checked_sub(self, other: Money) -> Result<Money, MoneyError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_sub(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Money::new(minor, self.currency))
    }

    /// True for a zero amount.
    pub fn is_zero(self) -> bool {
        self.minor == 0
    }

    fn same_currency(self, other: Money) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch(self.currency, other.currency))
        }
    }
}

/// A plain decimal and the code, `2750.00 PKR`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = self.currency.minor_per_major().unsigned_abs();
        let magnitude = self.minor.unsigned_abs();
        let sign = if self.minor < 0 { "-" } else { "" };
        let decimals = self.currency.decimals() as usize;
        if decimals == 0 {
            write!(f, "{sign}{magnitude} {}", self.currency)
        } else {
            write!(f, "{sign}{}.{:0decimals$} {}", magnitude / scale, magnitude % scale, self.currency)
        }
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_their_currency_counts() {
        let cases: &[(&str, Currency, Result<i64, MoneyError>)] = &[
            ("199.65", Currency::PKR, Ok(19_965)),
            ("23600", Currency::JPY, Ok(23_600)),
            ("23600.00", Currency::JPY, Ok(23_600)),
            ("1.5", Currency::KWD, Ok(1_500)),
            ("2,750.00", Currency::PKR, Ok(275_000)),
            ("-5", Currency::USD, Ok(-500)),
            (".5", Currency::USD, Ok(50)),
            ("0.001", Currency::PKR, Err(MoneyError::TooPrecise(Currency::PKR))),
            ("", Currency::PKR, Err(MoneyError::NotANumber)),
            ("12a", Currency::PKR, Err(MoneyError::NotANumber)),
            ("1.2.3", Currency::PKR, Err(MoneyError::NotANumber)),
            ("NaN", Currency::PKR, Err(MoneyError::NotANumber)),
            (",", Currency::PKR, Err(MoneyError::NotANumber)),
            ("-,.", Currency::PKR, Err(MoneyError::NotANumber)),
            ("1.0,0", Currency::PKR, Err(MoneyError::NotANumber)),
            ("92233720368547758.07", Currency::PKR, Ok(i64::MAX)),
            ("-92233720368547758.08", Currency::PKR, Ok(i64::MIN)),
            ("92233720368547758.08", Currency::PKR, Err(MoneyError::Overflow)),
        ];
        for (text, currency, expected) in cases {
            assert_eq!(Money::parse(text, *currency).map(|m| m.minor), *expected, "{text}");
        }
    }

    #[test]
    fn amounts_print_with_their_decimals() {
        assert_eq!(Money::new(275_000, Currency::PKR).to_string(), "2750.00 PKR");
        assert_eq!(Money::new(-5, Currency::PKR).to_string(), "-0.05 PKR");
        assert_eq!(Money::new(23_600, Currency::JPY).to_string(), "23600 JPY");
        assert_eq!(Money::new(1_500, Currency::KWD).to_string(), "1.500 KWD");
    }

    #[test]
    fn sums_refuse_overflow_and_foreign_money() {
        let most = Money::new(i64::MAX, Currency::PKR);
        assert_eq!(most.checked_add(Money::new(1, Currency::PKR)), Err(MoneyError::Overflow));
        let dollars = Money::new(1, Currency::USD);
        assert_eq!(most.checked_add(dollars), Err(MoneyError::CurrencyMismatch(Currency::PKR, Currency::USD)));
    }

    #[test]
    fn unknown_codes_are_refused() {
        assert_eq!("RUP".parse::<Currency>(), Err(CurrencyError));
        assert_eq!("pkr".parse::<Currency>(), Ok(Currency::PKR));
        assert_eq!("P".parse::<Currency>(), Err(CurrencyError));
    }

    #[test]
    fn all_currencies_are_listed_once_and_in_order() {
        let all: Vec<Currency> = Currency::all().collect();
        assert!(all.is_sorted() && all.len() > 150);
        assert!([Currency::PKR, Currency::JPY, Currency::KWD].iter().all(|one| all.contains(one)));
    }
}
