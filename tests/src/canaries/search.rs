//! Looks for markers in bytes: as they are, in any case, in UTF-16, JSON's escapes, percent signs, HTML entities, hexadecimal
//! digits and base64 of any alignment, and in what was compressed with deflate.

use std::collections::BTreeMap;
use std::io::Read;

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::people::Marker;

/// How much of a compressed stream is looked at.
const MOST_UNPACKED: u64 = 256 << 20;
/// A stream inside a stream inside a stream, and no deeper.
const DEEPEST: usize = 3;

/// All spellings of all markers.
pub(super) struct Search {
    any_case: AhoCorasick,
    as_written: AhoCorasick,
    /// Of each pattern of the first: whether a digit before or behind it makes it another number.
    is_number: Vec<bool>,
    /// Of each pattern, of the first and then of the second: whose marker it is.
    whose: [Vec<usize>; 2],
}

/// Where a marker stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) whose: usize,
    pub(super) place: String,
    pub(super) at: usize,
}

impl Search {
    /// For the markers of each of these people.
    pub(super) fn new(people: &[Vec<Marker>]) -> Search {
        let (mut any, mut exact) = (BTreeMap::new(), BTreeMap::new());
        for (whose, marker) in
            people.iter().enumerate().flat_map(|(whose, all)| all.iter().map(move |one| (whose, one)))
        {
            for text in texts(marker) {
                let digits = !matches!(marker, Marker::Word(_));
                any.insert(text.clone().into_bytes(), (whose, digits));
                any.extend(spelled(&text).into_iter().map(|bytes| (bytes, (whose, false))));
                exact.extend(base64s(&text).into_iter().map(|bytes| (bytes, whose)));
            }
        }
        let any_case = AhoCorasick::builder().ascii_case_insensitive(true).build(any.keys()).unwrap();
        Search {
            any_case,
            as_written: AhoCorasick::new(exact.keys()).unwrap(),
            is_number: any.values().map(|(_, digits)| *digits).collect(),
            whose: [any.values().map(|(whose, _)| *whose).collect(), exact.into_values().collect()],
        }
    }

    pub(super) fn spellings(&self) -> usize {
        self.whose.iter().map(Vec::len).sum()
    }

    /// Everything of these bytes, and of what is compressed in them.
    pub(super) fn look(&self, place: &str, bytes: &[u8]) -> Vec<Hit> {
        self.look_into(place, bytes, DEEPEST)
    }

    fn look_into(&self, place: &str, bytes: &[u8], depth: usize) -> Vec<Hit> {
        let mut hits = self.look_at(place, bytes);
        if depth > 0 {
            for (at, unpacked) in unpacked(bytes) {
                hits.extend(self.look_into(&format!("{place}, unpacked from byte {at}"), &unpacked, depth - 1));
            }
        }
        hits
    }

    fn look_at(&self, place: &str, bytes: &[u8]) -> Vec<Hit> {
        let hit = |whose: usize, at: usize| Hit { whose, place: place.to_owned(), at };
        let found = self.any_case.find_overlapping_iter(bytes);
        let mut hits: Vec<Hit> = found
            .filter(|one| !self.is_number[one.pattern()] || stands_alone(bytes, one.start(), one.end()))
            .map(|one| hit(self.whose[0][one.pattern()], one.start()))
            .collect();
        let exact = self.as_written.find_iter(bytes);
        hits.extend(exact.map(|one| hit(self.whose[1][one.pattern()], one.start())));
        hits
    }
}

/// Whether a number is not part of a longer one. A phone's digits may follow a `0` or `92`.
fn stands_alone(bytes: &[u8], from: usize, to: usize) -> bool {
    let digit = |at: Option<&u8>| at.is_some_and(u8::is_ascii_digit);
    let before = &bytes[..from];
    let prefix =
        [&b"0092"[..], b"92", b"0", b""].into_iter().find(|prefix| before.ends_with(prefix)).unwrap_or_default();
    let ahead = before[..before.len() - prefix.len()].last();
    !digit(bytes.get(to)) && (!digit(ahead) || (!prefix.is_empty() && !digit(before.last())))
}

/// The ways in which a person or a program writes it.
fn texts(marker: &Marker) -> Vec<String> {
    match marker {
        Marker::Word(word) => vec![word.clone()],
        Marker::Address(ip) => vec![ip.clone()],
        Marker::Phone(digits) => {
            let (area, number) = digits.split_at(3);
            vec![digits.clone(), format!("{area}-{number}"), format!("{area} {number}")]
        }
    }
}

fn spelled(text: &str) -> Vec<Vec<u8>> {
    let utf16: Vec<u16> = text.encode_utf16().collect();
    let mut spelled: Vec<Vec<u8>> = vec![
        utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        hex::encode(text).into_bytes(),
    ];
    if !text.is_ascii() {
        let of_units = |form: fn(u16) -> String| utf16.iter().map(|unit| form(*unit)).collect::<String>().into_bytes();
        spelled.push(of_units(|unit| format!("\\u{unit:04x}")));
        spelled.push(of_units(|unit| format!("&#{unit};")));
        spelled.push(of_units(|unit| format!("&#x{unit:x};")));
        spelled.push(text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>().into_bytes());
        spelled.push(text.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>().into_bytes());
    }
    spelled
}

/// What is the same in every base64 text that holds it: for each of the three alignments, and the usual cases.
fn base64s(text: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for cased in [text.to_owned(), text.to_lowercase(), text.to_uppercase()] {
        for ahead in 0..3 {
            let padded = [vec![0; ahead], cased.clone().into_bytes()].concat();
            // A letter holds six bits: the first and last may belong to what stands beside.
            let (from, to) = ((ahead * 8).div_ceil(6), padded.len() * 8 / 6);
            for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
                found.push(encoded.as_bytes()[from..to].to_vec());
            }
        }
    }
    found
}

/// Every stream of gzip, zlib or a ZIP entry that begins anywhere in these bytes, unpacked.
fn unpacked(bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at + 32 < bytes.len() {
        if let Some((read, content)) = unpack(&bytes[at..]) {
            found.push((at, content));
            at += read.max(1);
        } else {
            at += 1;
        }
    }
    found
}

/// The stream that begins here, with how many bytes it takes; None if none does, or it holds next to nothing.
fn unpack(bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
    let mut content = Vec::new();
    let left = match bytes {
        [0x1f, 0x8b, 8, ..] => {
            let mut stream = flate2::bufread::GzDecoder::new(bytes);
            let _cut = stream.by_ref().take(MOST_UNPACKED).read_to_end(&mut content);
            stream.into_inner().len()
        }
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => {
            let mut stream = flate2::bufread::ZlibDecoder::new(bytes);
            let _cut = stream.by_ref().take(MOST_UNPACKED).read_to_end(&mut content);
            stream.into_inner().len()
        }
        [b'P', b'K', 3, 4, _, _, _, _, 8, 0, ..] => {
            let length = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
            let body = bytes.get(30 + length(26) + length(28)..)?;
            let mut stream = flate2::bufread::DeflateDecoder::new(body);
            let _cut = stream.by_ref().take(MOST_UNPACKED).read_to_end(&mut content);
            stream.into_inner().len()
        }
        _ => return None,
    };
    (content.len() >= 32).then(|| (bytes.len() - left, content))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::canaries::people::people;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    /// Every marker of somebody in every spelling, and in each of them packed: the search can find.
    #[test]
    fn whatever_is_written_anyhow_is_found() {
        let people = people(3, 5);
        let markers: Vec<Vec<Marker>> = people.iter().map(|person| person.markers()).collect();
        let search = Search::new(&markers);
        for (whose, marker) in
            markers.iter().enumerate().flat_map(|(whose, all)| all.iter().map(move |one| (whose, one)))
        {
            for text in texts(marker) {
                let mut forms: Vec<Vec<u8>> = vec![text.clone().into_bytes(), text.to_uppercase().into_bytes()];
                forms.extend(spelled(&text));
                forms.extend(
                    (0..3).map(|ahead| STANDARD_NO_PAD.encode(format!("{}{text}??", &"abc"[..ahead])).into_bytes()),
                );
                for form in forms {
                    let around =
                        [&b"some bytes that stand ahead of it: "[..], &form, b" and some more behind"].concat();
                    for bytes in
                        [around.clone(), gzip(&around), zlib(&[&b"packed twice "[..], &gzip(&around)].concat())]
                    {
                        let hits = search.look("here", &bytes);
                        assert!(
                            hits.iter().any(|hit| hit.whose == whose),
                            "{marker:?} as {:?}",
                            String::from_utf8_lossy(&form)
                        );
                        assert!(hits.iter().all(|hit| hit.whose == whose), "nobody else is found in it");
                    }
                }
            }
        }
    }

    #[test]
    fn a_number_within_a_longer_one_is_somebody_elses() {
        let search =
            Search::new(&[vec![Marker::Phone("3001234567".to_owned()), Marker::Address("39.40.101.102".to_owned())]]);
        for (text, found) in [
            ("3001234567", true),
            ("03001234567,", true),
            ("+923001234567", true),
            ("00923001234567", true),
            ("tel:923001234567;", true),
            ("13001234567", false),
            ("1792300123456780", false),
            ("30012345678", false),
            ("39.40.101.102", true),
            ("139.40.101.102", false),
            ("39.40.101.1021", false),
        ] {
            assert_eq!(!search.look("here", text.as_bytes()).is_empty(), found, "{text}");
        }
    }
}
