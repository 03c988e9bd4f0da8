//! A record as a row: the numbers that stand for topics, and headers as bytes.

use commerce::TenantId;
use events::{Record, Topic};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::position::{Damage, Position};

/// The number that stands for a topic in the file. Written down, because the file outlives any order of the enum.
pub(super) const fn topic_number(topic: Topic) -> i64 {
    match topic {
        Topic::Order => 1,
        Topic::Shipment => 2,
        Topic::Cod => 3,
        Topic::Inventory => 4,
        Topic::Ledger => 5,
        Topic::Privacy => 6,
        Topic::Quarantine => 7,
        Topic::Voucher => 8,
        Topic::Alert => 9,
    }
}

/// The topic of that number.
pub(super) fn topic_of(number: i64) -> Option<Topic> {
    Topic::ALL.into_iter().find(|&topic| topic_number(topic) == number)
}

/// A row of `position, topic, partition, offset, tenant, headers, body`: its place in the file, its position, and what
/// it holds. None when its topic has no number here.
pub(super) type ReadRow = (i64, Option<Position>, Result<Record, Damage>);

pub(super) fn read(row: &SqliteRow) -> Result<ReadRow, sqlx::Error> {
    let place: i64 = row.try_get(0)?;
    let Some(topic) = topic_of(row.try_get(1)?) else {
        return Ok((place, None, Err(Damage::Key)));
    };
    let position = Position { topic, partition: row.try_get(2)?, offset: natural(row.try_get(3)?) };
    Ok((place, Some(position), record(topic, row)))
}

fn record(topic: Topic, row: &SqliteRow) -> Result<Record, Damage> {
    let tenant: String = row.try_get(4).map_err(|_| Damage::Key)?;
    let tenant = TenantId::try_from(tenant).map_err(|_| Damage::Key)?;
    let headers = row.try_get::<&[u8], _>(5).ok().and_then(decode_headers).ok_or(Damage::Headers)?;
    let body = row.try_get(6).map_err(|_| Damage::Body)?;
    Ok(Record { topic, tenant, headers, body })
}

/// Offsets are never negative in the file.
pub(super) fn natural(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// Name, value, name, value…, each as its length in four big-endian bytes and its text.
pub(super) fn encode_headers(headers: &[(String, String)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum());
    for text in headers.iter().flat_map(|(name, value)| [name, value]) {
        // A record of more than 8 MiB was refused before, so the length fits.
        bytes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

fn decode_headers(mut bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::new();
    while !bytes.is_empty() {
        headers.push((take_text(&mut bytes)?, take_text(&mut bytes)?));
    }
    Some(headers)
}

fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (text, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive_the_trip() {
        let headers = vec![("ce_id".to_owned(), "1".to_owned()), ("empty".to_owned(), String::new())];
        assert_eq!(decode_headers(&encode_headers(&headers)), Some(headers));
        assert_eq!(decode_headers(&[]), Some(vec![]));
    }

    #[test]
    fn torn_headers_are_not_read() {
        let bytes = encode_headers(&[("ce_id".to_owned(), "1".to_owned())]);
        for cut in 1..bytes.len() {
            assert_eq!(decode_headers(&bytes[..cut]), None, "{cut} bytes");
        }
        assert_eq!(decode_headers(&[0, 0, 0, 1, 0xff, 0, 0, 0, 0]), None);
    }

    #[test]
    fn topic_numbers_are_distinct() {
        for topic in Topic::ALL {
            assert_eq!(topic_of(topic_number(topic)), Some(topic));
        }
    }
}
