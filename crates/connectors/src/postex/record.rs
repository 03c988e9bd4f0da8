//! One JSON object of PostEx, read field by field: numbers that may be texts, texts that may be numbers, amounts from
//! their literal digits and never through a float, wall-clock times without offset. Errors name the path only.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime};
use ledger::{Currency, Money, Timestamp};
use serde_json::value::RawValue;

use crate::NotUnderstood;

/// Pakistan has kept five hours ahead of UTC all year round since 2009; no PostEx record is older.
const PAKISTAN_SECONDS_EAST: i32 = 5 * 3600;

/// An object and where it stands in the body.
pub(super) struct Record<'a> {
    path: String,
    fields: BTreeMap<String, &'a RawValue>,
}

/// The records of a body, out of the envelope, the list and `trackingResponse`, without the rows PostEx did not find.
pub(super) fn rows(body: &[u8]) -> Result<Vec<Record<'_>>, NotUnderstood> {
    let text = std::str::from_utf8(body).map_err(|_| NotUnderstood::UnreadableJson)?;
    let text = text.trim_start_matches('\u{feff}');
    let root: &RawValue = serde_json::from_str(text).map_err(|_| NotUnderstood::UnreadableJson)?;
    let (path, content) = out_of_envelope(root)?;
    let list = match items(content) {
        Some(items) => items.into_iter().enumerate().map(|(i, item)| (format!("{path}[{i}]"), item)).collect(),
        None => vec![(path.to_owned(), content)],
    };
    list.into_iter().filter_map(|(path, item)| tracked(path, item).transpose()).collect()
}

/// The content of `dist`, or the body itself when it is no envelope. An envelope without content reports a failure.
fn out_of_envelope(root: &RawValue) -> Result<(&'static str, &RawValue), NotUnderstood> {
    if items(root).is_some() {
        return Ok(("", root));
    }
    let envelope = Record::read(String::new(), root).map_err(|_| NotUnderstood::UnknownTopic)?;
    match envelope.raw("dist") {
        Some(content) => Ok(("dist", content)),
        None if envelope.has("statusCode") => Err(NotUnderstood::UnknownTopic),
        None => Ok(("", root)),
    }
}

/// The record inside `trackingResponse`, or the row itself; None for a row that says its parcel was not found.
fn tracked(path: String, row: &RawValue) -> Result<Option<Record<'_>>, NotUnderstood> {
    let row = Record::read(path, row)?;
    if let Some(inner) = row.raw("trackingResponse") {
        let mut inner = Record::read(row.path_of("trackingResponse"), inner)?;
        if let (false, Some(number)) = (inner.has("trackingNumber"), row.raw("trackingNumber")) {
            inner.fields.insert("trackingNumber".to_owned(), number);
        }
        return Ok(Some(inner));
    }
    let not_found = row.text(&["message"])?.is_some_and(|m| m.to_ascii_uppercase().contains("NOT FOUND"));
    Ok(if not_found { None } else { Some(row) })
}

fn items(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

impl<'a> Record<'a> {
    fn read(path: String, raw: &'a RawValue) -> Result<Record<'a>, NotUnderstood> {
        match serde_json::from_str(raw.get()) {
            Ok(fields) => Ok(Record { path, fields }),
            Err(_) => Err(NotUnderstood::Field { path, problem: "expected an object".to_owned() }),
        }
    }

    fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.fields.get(name).copied().filter(|raw| raw.get() != "null")
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Whether the field is there and not null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// A problem with a field. Never put its value into `problem`.
    pub(super) fn problem(&self, name: &str, problem: String) -> NotUnderstood {
        NotUnderstood::Field { path: self.path_of(name), problem }
    }

    /// The field is needed and not there.
    pub(super) fn missing(&self, name: &str) -> NotUnderstood {
        self.problem(name, "missing".to_owned())
    }

    /// The first of these fields that is not blank: a text, or a number's or boolean's literal.
    pub(super) fn text(&self, names: &[&str]) -> Result<Option<String>, NotUnderstood> {
        Ok(self.first(names)?.map(|(_, text)| text))
    }

    /// An amount in PKR.
    pub(super) fn money(&self, name: &str) -> Result<Option<Money>, NotUnderstood> {
        let Some(text) = self.text(&[name])? else { return Ok(None) };
        let amount = Money::parse(&without_exponent(&text), Currency::PKR);
        amount.map(Some).map_err(|error| self.problem(name, error.to_string()))
    }

    /// The first of these fields that is not blank, as an instant.
    pub(super) fn time(&self, names: &[&str]) -> Result<Option<Timestamp>, NotUnderstood> {
        let Some((name, text)) = self.first(names)? else { return Ok(None) };
        instant(&text).map(Some).ok_or_else(|| self.problem(name, "not a date and time".to_owned()))
    }

    /// A boolean, or its word.
    pub(super) fn truth(&self, name: &str) -> Result<bool, NotUnderstood> {
        match self.text(&[name])?.map(|text| text.to_ascii_lowercase()).as_deref() {
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            _ => Err(self.problem(name, "expected true or false".to_owned())),
        }
    }

    /// A list of objects; empty when it is not there.
    pub(super) fn list(&self, name: &str) -> Result<Vec<Record<'a>>, NotUnderstood> {
        let Some(raw) = self.raw(name) else { return Ok(vec![]) };
        let items = items(raw).ok_or_else(|| self.problem(name, "expected a list".to_owned()))?;
        let path = self.path_of(name);
        items.into_iter().enumerate().map(|(i, item)| Record::read(format!("{path}[{i}]"), item)).collect()
    }

    fn first<'n>(&self, names: &[&'n str]) -> Result<Option<(&'n str, String)>, NotUnderstood> {
        for &name in names {
            let Some(raw) = self.raw(name) else { continue };
            let text = scalar(raw).ok_or_else(|| self.problem(name, "expected a text or a number".to_owned()))?;
            if !text.trim().is_empty() {
                return Ok(Some((name, text.trim().to_owned())));
            }
        }
        Ok(None)
    }
}

fn scalar(raw: &RawValue) -> Option<String> {
    match raw.get().as_bytes().first()? {
        b'"' => serde_json::from_str(raw.get()).ok(),
        b'{' | b'[' => None,
        _ => Some(raw.get().to_owned()),
    }
}

/// `1.05E7` as `10500000`: how Java writes a double from ten million up. Anything else is returned as it is.
fn without_exponent(literal: &str) -> Cow<'_, str> {
    let Some((mantissa, exponent)) = literal.split_once(['e', 'E']) else { return Cow::Borrowed(literal) };
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let exponent = exponent.parse::<i16>().ok().filter(|e| e.unsigned_abs() <= 30);
    let (Some(exponent), false) = (exponent, whole.is_empty()) else { return Cow::Borrowed(literal) };
    let shift = usize::from(exponent.unsigned_abs());
    let zeros = "0".repeat(shift);
    let (all, point) = if exponent < 0 {
        (format!("{zeros}{whole}{fraction}"), whole.len())
    } else {
        (format!("{whole}{fraction}{zeros}"), whole.len() + shift)
    };
    match all.split_at_checked(point) {
        Some((whole, fraction)) => Cow::Owned(format!("{sign}{whole}.{fraction}")),
        None => Cow::Borrowed(literal),
    }
}

/// `2026-06-27 16:00:00`, with `T`, fractions of a second or `Z`, `+0500`, `+05:00`, or the date alone; without an offset
/// it is Pakistan's wall clock. None for anything else, and for years no parcel was ever tracked in.
fn instant(text: &str) -> Option<Timestamp> {
    let text = text.replacen('T', " ", 1);
    let with_offset = DateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f%#z").ok();
    let time = with_offset.or_else(|| {
        let date_alone = || NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
        let wall_clock = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok())
            .or_else(date_alone)?;
        wall_clock.and_local_timezone(FixedOffset::east_opt(PAKISTAN_SECONDS_EAST)?).single()
    })?;
    (2010..2100).contains(&time.year()).then(|| Timestamp::from(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_pakistans_unless_they_say_otherwise() {
        for (text, expected) in [
            ("2026-06-27 16:00:00", Some("2026-06-27T11:00:00Z")),
            ("2026-06-27T16:00:00", Some("2026-06-27T11:00:00Z")),
            ("2026-06-27T16:00:00.123", Some("2026-06-27T11:00:00Z")),
            ("2026-06-27 16:00", Some("2026-06-27T11:00:00Z")),
            ("2026-06-27", Some("2026-06-26T19:00:00Z")),
            ("2026-06-27T16:00:00.000+0500", Some("2026-06-27T11:00:00Z")),
            ("2026-06-27T16:00:00+05:00", Some("2026-06-27T11:00:00Z")),
            ("2026-06-27T16:00:00Z", Some("2026-06-27T16:00:00Z")),
            ("27/06/2026", None),
            ("2026-02-30", None),
            ("0001-01-01 00:00:00", None),
            ("soon", None),
        ] {
            assert_eq!(instant(text).map(|t| t.to_string()).as_deref(), expected, "{text}");
        }
        assert_eq!(instant("2026-06-27 16:00:00.25").unwrap().0 % 1_000_000, 250_000);
    }

    #[test]
    fn javas_exponents_are_moved_not_computed() {
        for (literal, plain) in [
            ("2750.0", "2750.0"),
            ("1.05E7", "10500000.00"),
            ("1.234567891E7", "12345678.910000000"),
            ("-1e3", "-1000."),
            ("5.0E-1", "0.50"),
            ("5E-3", "0.005"),
            ("1E999", "1E999"),
            ("E7", "E7"),
        ] {
            assert_eq!(without_exponent(literal), plain, "{literal}");
        }
    }
}
