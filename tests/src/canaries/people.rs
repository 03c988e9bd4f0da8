//! Invented people, each with eight markers that stand nowhere else, and what a shop and a courier send about them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// Somebody with eight markers, an order in two parcels, and a customer record.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) customer: u64,
    pub(super) order: u64,
    pub(super) parcels: [String; 2],
    given: String,
    family: String,
    urdu: String,
    /// Ten digits, as they follow `0` or `+92`.
    digits: String,
    mailbox: String,
    street: String,
    note: String,
    ip: String,
    engraved: String,
}

/// A marker as it is looked for. Digits have an end: what is part of a longer number is no marker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Marker {
    Word(String),
    Phone(String),
    Address(String),
}

/// So many people; the same ones for the same seed.
pub(super) fn people(number: usize, seed: u64) -> Vec<Person> {
    let people: Vec<Person> = (0..number as u64).map(|place| Person::new(place, seed)).collect();
    let markers: BTreeSet<Marker> = people.iter().flat_map(Person::markers).collect();
    assert_eq!(markers.len(), number * 9, "no two people share a marker");
    people
}

impl Person {
    fn new(place: u64, seed: u64) -> Person {
        let draw = |what: u64| mixed(seed ^ mixed(place.wrapping_mul(16).wrapping_add(what)));
        let (ip, order) = (draw(8), 7_300_000_000_000 + place);
        Person {
            customer: 8_400_000_000_000 + place,
            order,
            parcels: [0, 1].map(|parcel| format!("2670{:010}", place * 2 + parcel)),
            given: capital(&word(draw(0))),
            family: capital(&word(draw(1))),
            urdu: urdu(draw(2)),
            digits: format!("3{:02}{:07}", draw(3) % 50, place * 9_973 % 10_000_000),
            mailbox: word(draw(4)),
            street: capital(&word(draw(5))),
            note: word(draw(6)),
            ip: format!("39.{}.{}.{}", 32 + ip % 32, 100 + ip / 32 % 150, 100 + place % 150),
            engraved: word(draw(7)),
        }
    }

    pub(super) fn markers(&self) -> Vec<Marker> {
        let words = [&self.given, &self.family, &self.urdu, &self.mailbox, &self.street, &self.note, &self.engraved];
        let mut markers: Vec<Marker> = words.into_iter().cloned().map(Marker::Word).collect();
        markers.extend([Marker::Phone(self.digits.clone()), Marker::Address(self.ip.clone())]);
        markers
    }

    pub(super) fn given(&self) -> &str {
        &self.given
    }

    /// As typed at home.
    pub(super) fn phone(&self) -> String {
        format!("0{}", self.digits)
    }

    pub(super) fn email(&self) -> String {
        format!("{}@post.example", self.mailbox)
    }

    fn customer_record(&self) -> Value {
        json!({ "id": self.customer, "first_name": self.given, "last_name": self.family, "email": self.email(),
            "phone": format!("+92{}", self.digits), "note": self.note, "tags": format!("vip, {}", self.engraved),
            "created_at": "2026-10-01T10:00:00+05:00", "updated_at": "2026-10-02T10:00:00+05:00",
            "default_address": self.address() })
    }

    fn address(&self) -> Value {
        let (area, number) = self.digits.split_at(3);
        json!({ "name": self.urdu, "address1": format!("House 7, {} Street", self.street), "city": "Lahore",
            "country": "Pakistan", "country_code": "PK", "phone": format!("+92 {area} {number}") })
    }

    /// An order paid in cash, under this id, in two parcels.
    pub(super) fn order_body(&self, order: u64, revised: &str) -> Value {
        let line = |id: u64| {
            json!({ "id": order * 10 + id, "variant_id": 4_310 + id, "product_id": 4_530 + id, "sku": format!("RING-{id}"),
                "title": "Ring", "quantity": 1, "price": "1250.00", "properties": [{ "name": "Engraving", "value": self.engraved }] })
        };
        let fulfilment = |id: u64, parcel: &String| {
            json!({ "id": order * 10 + id, "status": "success", "created_at": "2026-11-02T10:00:00+05:00",
                "updated_at": "2026-11-02T10:00:00+05:00", "tracking_company": "PostEx", "tracking_number": parcel,
                "line_items": [{ "id": order * 10 + id, "quantity": 1 }] })
        };
        json!({ "id": order, "name": format!("#{order}"), "created_at": "2026-11-01T10:00:00+05:00", "updated_at": revised,
            "currency": "PKR", "total_price": "2500.00", "subtotal_price": "2500.00", "financial_status": "pending",
            "payment_gateway_names": ["Cash on Delivery (COD)"], "email": self.email(), "phone": self.phone(),
            "note": format!("please ring twice, {}", self.note), "browser_ip": self.ip,
            "client_details": { "browser_ip": self.ip, "user_agent": format!("Mozilla/5.0 {}", self.note) },
            "customer": self.customer_record(), "shipping_address": self.address(), "billing_address": self.address(),
            "line_items": [line(1), line(2)],
            "fulfillments": [fulfilment(1, &self.parcels[0]), fulfilment(2, &self.parcels[1])] })
    }

    pub(super) fn customer_body(&self) -> Value {
        self.customer_record()
    }

    /// The shop's wish that they be forgotten.
    pub(super) fn redaction(&self) -> Value {
        json!({ "shop_id": 1, "shop_domain": "acme.example", "orders_to_redact": [self.order],
            "customer": { "id": self.customer, "email": self.email(), "phone": self.phone() } })
    }

    /// A status with all that the courier knows of whom it goes to.
    pub(super) fn scan(&self, parcel: &str, status: &str) -> Value {
        let (area, number) = self.digits.split_at(3);
        json!({ "trackingNumber": parcel, "orderReferenceNumber": format!("#{}", self.order), "orderStatus": status,
            "statusUpdateDatetime": "2026-11-05 16:00:00", "customerName": format!("{} {}", self.given, self.family),
            "customerPhone": format!("0{area}-{number}"), "deliveryAddress": format!("House 7, {} Street", self.street),
            "receivedBy": self.urdu })
    }

    /// Bodies that nobody understands: an order cut in the middle of a word, an unknown kind, and one without its id.
    pub(super) fn unreadable(&self) -> [(&'static str, Vec<u8>); 3] {
        let body = self.order_body(self.order, "2026-11-03T10:00:00+05:00");
        let text = body.to_string();
        let mut nameless = body;
        nameless.as_object_mut().unwrap().remove("id");
        let cut = text.floor_char_boundary(text.len() * 9 / 10);
        let dispute = json!({ "dispute": 1, "customer": self.customer_record() });
        [
            ("orders/updated", text.as_bytes()[..cut].to_vec()),
            ("disputes/create", dispute.to_string().into_bytes()),
            ("orders/updated", nameless.to_string().into_bytes()),
        ]
    }
}

/// Spreads neighbouring numbers over all there are (the finaliser of SplitMix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Twelve letters that can be spoken.
fn word(mut drawn: u64) -> String {
    const CONSONANTS: &[u8] = b"bdfghjklmnprstvz";
    const VOWELS: &[u8] = b"aeiou";
    let mut letters = String::new();
    for _ in 0..6 {
        letters.push(char::from(CONSONANTS[(drawn % 16) as usize]));
        letters.push(char::from(VOWELS[(drawn / 16 % 5) as usize]));
        drawn /= 80;
    }
    letters
}

fn capital(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

/// Ten letters of Urdu's alphabet.
fn urdu(mut drawn: u64) -> String {
    let alphabet: Vec<char> = "ابپتٹثجچحخدڈذرڑزژسشصضطظعغفقکگلمن".chars().collect();
    let mut letters = String::new();
    for _ in 0..10 {
        let (rest, letter) = (drawn / alphabet.len() as u64, drawn % alphabet.len() as u64);
        letters.extend(alphabet.get(usize::try_from(letter).unwrap()));
        drawn = rest;
    }
    letters
}
