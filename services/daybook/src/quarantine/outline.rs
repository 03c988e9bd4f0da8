//! What a body looks like without anything that stands in it: its places, and what kind of value each has. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

/// Places that are told apart; a body with more has names of its own for each of them.
const MOST: usize = 500;

/// What stands for a name that does not look like the name of a field.
const HIDDEN: &str = "…";

/// What a body looks like.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Outline {
    /// How long the body is.
    pub(super) bytes: usize,
    /// Where it stops being JSON, if it is none: line and column, from 1.
    pub(super) breaks_off: Option<(usize, usize)>,
    /// Whether there are more places than are told.
    pub(super) shortened: bool,
    /// The places, by name.
    pub(super) fields: Vec<Place>,
}

/// A place in a body. Items of a list are one place.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Place {
    /// Such as `line_items[].price`.
    pub(super) path: String,
    /// What stands there: `text`, `number`, …
    pub(super) kinds: Vec<&'static str>,
    /// How often it is there.
    pub(super) times: u64,
}

impl Outline {
    /// What kind of body it is, in words.
    pub(super) fn what(&self) -> String {
        match self.breaks_off {
            Some((line, column)) => format!("not JSON from line {line}, column {column} on"),
            None if self.shortened => format!("JSON, of which {MOST} places are shown"),
            None => "JSON".to_owned(),
        }
    }
}

/// Describes a body.
pub(super) fn outline(body: &[u8]) -> Outline {
    match serde_json::from_slice::<Value>(body) {
        Err(error) => {
            let breaks_off = Some((error.line(), error.column()));
            Outline { bytes: body.len(), breaks_off, shortened: false, fields: Vec::new() }
        }
        Ok(value) => {
            let mut seen = Seen::default();
            seen.look(&value, "");
            let place = |(path, (kinds, times)): (String, (BTreeSet<&'static str>, u64))| Place {
                path,
                kinds: kinds.into_iter().collect(),
                times,
            };
            let fields = seen.places.into_iter().map(place).collect();
            Outline { bytes: body.len(), breaks_off: None, shortened: seen.shortened, fields }
        }
    }
}

#[derive(Default)]
struct Seen {
    places: BTreeMap<String, (BTreeSet<&'static str>, u64)>,
    shortened: bool,
}

impl Seen {
    fn look(&mut self, value: &Value, path: &str) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                for (name, member) in members {
                    let (name, dot) = (shown(name), if path.is_empty() { "" } else { "." });
                    self.look(member, &format!("{path}{dot}{name}"));
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for item in items {
                    self.look(item, &format!("{path}[]"));
                }
            }
            _ => self.note(path, kind(value)),
        }
    }

    fn note(&mut self, path: &str, kind: &'static str) {
        if self.places.len() >= MOST && !self.places.contains_key(path) {
            self.shortened = true;
            return;
        }
        let (kinds, times) = self.places.entry(path.to_owned()).or_default();
        kinds.insert(kind);
        *times = times.saturating_add(1);
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "number",
        Value::String(text) if text.trim().is_empty() => "empty text",
        Value::String(_) => "text",
        Value::Array(_) => "empty list",
        Value::Object(_) => "empty object",
    }
}

/// A name as the names of fields are: one word of letters, with `_` and a digit or two. Bodies name their fields themselves, and one
/// with something else there may have put a person in the place of a name.
fn shown(name: &str) -> &str {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let is_word = !name.is_empty() && name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_word && digits <= 2 { name } else { HIDDEN }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(body: &str) -> Vec<String> {
        let fields = outline(body.as_bytes()).fields;
        fields.iter().map(|one| format!("{} {} {}", one.path, one.kinds.join("/"), one.times)).collect()
    }

    #[test]
    fn places_and_kinds_are_told_and_no_value() {
        let body = r#"{"id":7,"name":"Bilqis Anwar","note":null,"test":false,"lines":[{"price":"1.00"},{"price":2},{}],
            "tags":[],"address":{},"email":" ","matrix":[[1],[2]]}"#;
        assert_eq!(
            lines(body),
            [
                "address empty object 1",
                "email empty text 1",
                "id number 1",
                "lines[] empty object 1",
                "lines[].price number/text 2",
                "matrix[][] number 2",
                "name text 1",
                "note null 1",
                "tags empty list 1",
                "test true or false 1",
            ]
        );
        assert_eq!(lines("3"), [" number 1"]);
    }

    #[test]
    fn a_name_that_may_be_a_persons_is_hidden() {
        let body = r#"{"Bilqis Anwar":1,"+923001234567":1,"03001234567":1,"b@example.com":1,"":1,"address1":1,"trackingNumber":1}"#;
        assert_eq!(lines(body), ["address1 number 1", "trackingNumber number 1", "… number 5"]);
    }

    #[test]
    fn a_body_that_is_no_json_says_where() {
        let broken = outline(b"{\"id\": 1,\n \"total_price\":");
        assert_eq!((broken.breaks_off, broken.fields.len()), (Some((2, 15)), 0));
        assert_eq!(outline(&[0xff, 0xfe]).breaks_off, Some((1, 1)));
    }

    #[test]
    fn many_places_are_not_all_told() {
        let names: Vec<String> = (0..700_u32)
            .map(|n| {
                format!("\"{}\":1", char::from_u32(97 + n % 26).unwrap().to_string().repeat(1 + (n / 26) as usize))
            })
            .collect();
        let told = outline(format!("{{{}}}", names.join(",")).as_bytes());
        assert!(told.shortened && told.fields.len() == MOST, "{}", told.fields.len());
    }
}
