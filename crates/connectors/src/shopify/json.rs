//! Reading JSON that several generations of one API have written: ids as numbers or texts, `{}` for an empty list,
//! money as text or number. What cannot be read is reported by its place, never by its value.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use chrono::DateTime;
use ledger::Timestamp;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::NotUnderstood;

/// The body as text, without a byte order mark.
pub(super) fn text(body: &[u8]) -> Result<&str, NotUnderstood> {
    let text = std::str::from_utf8(body).map_err(|_| NotUnderstood::UnreadableJson)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Reads a body. serde's own error text quotes the value it choked on, so only the place is taken from it, by reading
/// a second time with the path recorded.
pub(super) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, NotUnderstood> {
    serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Data => misfit::<T>(text),
        Category::Io | Category::Syntax | Category::Eof => NotUnderstood::UnreadableJson,
    })
}

fn misfit<'a, T: Deserialize<'a>>(text: &'a str) -> NotUnderstood {
    let mut json = serde_json::Deserializer::from_str(text);
    let found = serde_path_to_error::deserialize::<_, T>(&mut json);
    let path = found.err().map(|error| error.path().to_string()).unwrap_or_default();
    // The path is one of known keys; were one of the body's own ever in it, that would be somebody's text.
    let known = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.[]?".contains(&b));
    let path = if known { path } else { String::new() };
    NotUnderstood::Field { path, problem: "not of the expected type".to_owned() }
}

/// The members of a JSON object, each unread.
pub(super) type Members<'a> = BTreeMap<String, &'a RawValue>;

/// The resource itself, whether the body is the resource or wraps it as `{"order": {…}}`.
pub(super) fn resource<'a>(text: &'a str, key: &str) -> Result<&'a str, NotUnderstood> {
    // Shopify sends the bare resource, which does not hold this key: the search spares it a second reading.
    if !text.contains(&format!("\"{key}\"")) {
        return Ok(text);
    }
    let members: Members<'a> = parse(text)?;
    Ok(members.get(key).map(|raw| raw.get()).filter(|inner| inner.starts_with('{')).unwrap_or(text))
}

/// A place in a payload, made of known keys and positions.
#[derive(Clone, Copy)]
pub(super) enum Place<'p> {
    Body,
    Key(&'p Place<'p>, &'static str),
    Item(&'p Place<'p>, usize),
    /// The `…_set` beside a plain amount.
    Set(&'p Place<'p>),
}

/// Where every place starts.
pub(super) const BODY: &Place<'static> = &Place::Body;

impl<'p> Place<'p> {
    pub(super) fn key(&'p self, key: &'static str) -> Place<'p> {
        Place::Key(self, key)
    }

    pub(super) fn item(&'p self, position: usize) -> Place<'p> {
        Place::Item(self, position)
    }

    pub(super) fn set(&'p self) -> Place<'p> {
        Place::Set(self)
    }

    /// What is wrong here; `problem` never holds the value.
    pub(super) fn wrong(&self, problem: impl fmt::Display) -> NotUnderstood {
        NotUnderstood::Field { path: self.to_string(), problem: problem.to_string() }
    }

    pub(super) fn missing(&self) -> NotUnderstood {
        self.wrong("missing")
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Body => Ok(()),
            Place::Key(Place::Body, key) => f.write_str(key),
            Place::Key(parent, key) => write!(f, "{parent}.{key}"),
            Place::Set(plain) => write!(f, "{plain}_set"),
            Place::Item(parent, position) => write!(f, "{parent}[{position}]"),
        }
    }
}

/// Any JSON value, kept until its use decides what it must be.
#[derive(Default)]
pub(super) enum Loose<'a> {
    #[default]
    Nothing,
    Flag(bool),
    Whole(u64),
    /// A negative number or one with a fraction, as text: never an id.
    Number(String),
    Text(Cow<'a, str>),
    List(Vec<Loose<'a>>),
    Object(Vec<(Loose<'a>, Loose<'a>)>),
}

impl<'a> Loose<'a> {
    /// What a person can read of it, trimmed; None when blank. A list of texts is joined by commas.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        let text = match self {
            Loose::Nothing | Loose::Object(_) => return None,
            Loose::Flag(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
            Loose::Whole(whole) => Cow::Owned(whole.to_string()),
            Loose::Number(number) => Cow::Borrowed(number.as_str()),
            Loose::Text(text) => Cow::Borrowed(text.trim()),
            Loose::List(items) => Cow::Owned(items.iter().filter_map(Loose::text).collect::<Vec<_>>().join(", ")),
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// The same as an owned text.
    pub(super) fn owned(&self) -> Option<String> {
        self.text().map(Cow::into_owned)
    }

    /// True for `true`, however it is written.
    pub(super) fn is_true(&self) -> bool {
        matches!(self, Loose::Flag(true)) || self.text().is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// An id up to 2^64, as a number or a numeric text; None when absent or blank.
    pub(super) fn id(&self, place: Place<'_>) -> Result<Option<u64>, NotUnderstood> {
        match self {
            Loose::Nothing => Ok(None),
            Loose::Whole(id) => Ok(Some(*id)),
            Loose::Text(text) if text.trim().is_empty() => Ok(None),
            Loose::Text(text) => text.trim().parse().map(Some).map_err(|_| place.wrong("not an id")),
            _ => Err(place.wrong("not an id")),
        }
    }

    /// An id that must be there.
    pub(super) fn required_id(&self, place: Place<'_>) -> Result<u64, NotUnderstood> {
        self.id(place)?.ok_or_else(|| place.missing())
    }

    /// A count of pieces; None when absent.
    pub(super) fn count(&self, place: Place<'_>) -> Result<Option<i64>, NotUnderstood> {
        let count = match self {
            Loose::Nothing => return Ok(None),
            Loose::Whole(count) => i64::try_from(*count).ok(),
            Loose::Number(text) => text.parse().ok(),
            Loose::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        count.map(Some).ok_or_else(|| place.wrong("not a whole number"))
    }

    /// An RFC 3339 time with any offset; None when absent or blank.
    pub(super) fn time(&self, place: Place<'_>) -> Result<Option<Timestamp>, NotUnderstood> {
        let read = |text: Cow<'_, str>| DateTime::parse_from_rfc3339(&text).map(Timestamp::from);
        self.text().map(|text| read(text).map_err(|_| place.wrong("not an RFC 3339 time"))).transpose()
    }

    /// The value under `key`, if this is an object that has it.
    fn member(&self, key: &str) -> Option<&Loose<'a>> {
        let Loose::Object(members) = self else { return None };
        members.iter().find(|(name, _)| matches!(name, Loose::Text(name) if name == key)).map(|(_, value)| value)
    }

    /// Labels and texts, from `[{"name": …, "value": …}]` or from an object's own keys and values. Blank texts are
    /// left out.
    pub(super) fn pairs(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        match self {
            Loose::List(items) => items.iter().filter_map(Loose::pair).collect(),
            Loose::Object(members) => {
                members.iter().filter_map(|(name, value)| Some((name.text()?, value.text()?))).collect()
            }
            _ => Vec::new(),
        }
    }

    fn pair(&self) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
        let label = self.member("name").and_then(Loose::text).unwrap_or_default();
        Some((label, self.member("value").and_then(Loose::text).or_else(|| self.text())?))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor(PhantomData))
    }
}

struct LooseVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for LooseVisitor<'a> {
    type Value = Loose<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Loose<'a>, E> {
        Ok(Loose::Nothing)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Loose<'a>, E> {
        Ok(Loose::Flag(flag))
    }

    fn visit_u64<E>(self, whole: u64) -> Result<Loose<'a>, E> {
        Ok(Loose::Whole(whole))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Loose<'a>, E> {
        Ok(Loose::Number(number.to_string()))
    }

    // Amounts never pass here: they are read from their source text. This is a number somebody typed into a form.
    fn visit_f64<E>(self, number: f64) -> Result<Loose<'a>, E> {
        Ok(Loose::Number(number.to_string()))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Loose<'a>, E> {
        Ok(Loose::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose<'a>, E> {
        Ok(Loose::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Loose<'a>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Loose::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Loose<'a>, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Loose::Object(object))
    }
}

/// A list; null and `{}`, as some clients write an empty one, are empty.
pub(super) struct Many<T>(pub(super) Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Many<T> {
        Many(Vec::new())
    }
}

impl<T> Many<T> {
    /// Each item with its place.
    pub(super) fn at<'s, 'p>(&'s self, place: &'p Place<'p>) -> impl Iterator<Item = (&'s T, Place<'p>)> {
        self.0.iter().enumerate().map(|(position, item)| (item, place.item(position)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ManyVisitor(PhantomData))
    }
}

struct ManyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ManyVisitor<T> {
    type Value = Many<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Many<T>, E> {
        Ok(Many::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Many<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Many(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Many<T>, A::Error> {
        match members.next_key::<de::IgnoredAny>()? {
            None => Ok(Many::default()),
            Some(_) => Err(de::Error::custom("an object that is not empty")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loose(text: &str) -> Loose<'_> {
        parse(text).unwrap()
    }

    #[test]
    fn ids_are_whole_up_to_64_bits_and_never_floats() {
        for (text, expected) in [
            ("820982911946154508", Ok(Some(820_982_911_946_154_508))),
            ("\"18446744073709551615\"", Ok(Some(u64::MAX))),
            ("null", Ok(None)),
            ("\" \"", Ok(None)),
            ("7.880321196742929e+17", Err("id: not an id")),
            ("-5", Err("id: not an id")),
            ("\"gid:\\/\\/shop\\/Order\\/5\"", Err("id: not an id")),
            ("{}", Err("id: not an id")),
        ] {
            let read = loose(text).id(BODY.key("id")).map_err(|error| error.to_string());
            assert_eq!(read, expected.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn pairs_are_read_from_every_shape_clients_write() {
        for (text, expected) in [
            (r#"[{"name":"Colour","value":"Red"},{"name":"Size","value":7}]"#, vec![("Colour", "Red"), ("Size", "7")]),
            (r#"{"Colour":"Red","Gift":true,"Blank":""}"#, vec![("Colour", "Red"), ("Gift", "true")]),
            (r#"[{"name":2}, "loose", null]"#, vec![("", "loose")]),
            ("{}", vec![]),
            ("null", vec![]),
            ("\"prose\"", vec![]),
        ] {
            let value = loose(text);
            let pairs = value.pairs();
            let pairs: Vec<_> = pairs.iter().map(|(label, text)| (label.as_ref(), text.as_ref())).collect();
            assert_eq!(pairs, expected, "{text}");
        }
    }

    #[test]
    fn a_wrapped_resource_is_found_behind_other_members() {
        for (text, expected) in [
            (r#"{"notice":"x","order":{"id":1}}"#, r#"{"id":1}"#),
            (r#"{"id":1}"#, r#"{"id":1}"#),
            (r#"{"id":1,"source":"order","order":7}"#, r#"{"id":1,"source":"order","order":7}"#),
        ] {
            assert_eq!(resource(text, "order"), Ok(expected));
        }
    }
}
