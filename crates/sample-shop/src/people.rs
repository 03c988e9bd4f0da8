//! The people who buy: invented names, phones that no operator hands out, and addresses in streets that do not exist.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

/// Somebody who orders, or to whom an order is sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Person {
    pub(crate) first: &'static str,
    pub(crate) last: &'static str,
    /// As typed, `03` and nine digits.
    pub(crate) phone: String,
    pub(crate) email: Option<String>,
    pub(crate) street: String,
    pub(crate) city: &'static City,
    /// The shop's customer record; none for those who order by the shop's cash-on-delivery form.
    pub(crate) customer: Option<u64>,
}

/// A destination.
#[derive(Debug, PartialEq)]
pub(crate) struct City {
    pub(crate) name: &'static str,
    pub(crate) province: &'static str,
    pub(crate) zip: &'static str,
}

const CITIES: [City; 10] = [
    City { name: "Karachi", province: "Sindh", zip: "74600" },
    City { name: "Lahore", province: "Punjab", zip: "54000" },
    City { name: "Faisalabad", province: "Punjab", zip: "38000" },
    City { name: "Rawalpindi", province: "Punjab", zip: "46000" },
    City { name: "Islamabad", province: "Islamabad", zip: "44000" },
    City { name: "Multan", province: "Punjab", zip: "60000" },
    City { name: "Peshawar", province: "Khyber Pakhtunkhwa", zip: "25000" },
    City { name: "Hyderabad", province: "Sindh", zip: "71000" },
    City { name: "Quetta", province: "Balochistan", zip: "87300" },
    City { name: "Sialkot", province: "Punjab", zip: "51310" },
];

const FIRST: [&str; 24] = [
    "Ayesha", "Bilal", "Danish", "Erum", "Farhan", "Ghazala", "Hamza", "Iqra", "Junaid", "Kiran", "Laiba", "Moiz",
    "Nadia", "Osman", "Parveen", "Qasim", "Rabia", "Saad", "Tehmina", "Umair", "Wajiha", "Yasir", "Zainab", "Zeeshan",
];
const LAST: [&str; 18] = [
    "Abbasi",
    "Baloch",
    "Chaudhry",
    "Durrani",
    "Farooqi",
    "Gondal",
    "Hashmi",
    "Jatoi",
    "Khattak",
    "Lodhi",
    "Memon",
    "Niazi",
    "Qureshi",
    "Rizvi",
    "Siddiqui",
    "Tareen",
    "Wattoo",
    "Yousafzai",
];
/// Urdu names with what their e-mail addresses are made of.
const FIRST_URDU: [(&str, &str); 10] = [
    ("عائشہ", "ayesha"),
    ("بلال", "bilal"),
    ("فاطمہ", "fatima"),
    ("حمزہ", "hamza"),
    ("نادیہ", "nadia"),
    ("عثمان", "usman"),
    ("زینب", "zainab"),
    ("یاسر", "yasir"),
    ("ثنا", "sana"),
    ("کاشف", "kashif"),
];
const LAST_URDU: [&str; 8] = ["قریشی", "بلوچ", "صدیقی", "چوہدری", "خٹک", "رضوی", "میمن", "درانی"];
const AREAS: [&str; 8] = [
    "Nargis Town",
    "Chinar Colony",
    "Block 9, Bahar Housing",
    "Sector K, New Mehran",
    "Anarkali Gardens",
    "Neelam Avenue",
    "Phase 3, Koh-e-Noor Homes",
    "Old Shalimar Mohalla",
];
const AREAS_URDU: [&str; 4] = ["نرگس ٹاؤن", "چنار کالونی", "بہار ہاؤسنگ", "نیلم ایونیو"];

impl Person {
    /// The `number`th customer of the shop: always the same person for the same seed.
    pub(crate) fn customer(seed: u64, number: u32) -> Person {
        let mut rng = StdRng::seed_from_u64(seed ^ (u64::from(number) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let by_form = rng.random_ratio(25, 100);
        let mut person = Person::draw(&mut rng, &unassigned_phone("038", seed, number), number);
        if by_form {
            person.email = None;
        } else {
            person.customer = Some(7_100_000_000_003 + 2 * u64::from(number));
        }
        person
    }

    /// Somebody to whom the `order`th order is sent instead of to its buyer.
    pub(crate) fn recipient(rng: &mut StdRng, seed: u64, order: u32) -> Person {
        let person = Person::draw(rng, &unassigned_phone("039", seed, order), order);
        Person { email: None, ..person }
    }

    fn draw(rng: &mut StdRng, phone: &str, number: u32) -> Person {
        let urdu = rng.random_ratio(35, 100);
        let (first, last, latin) = if urdu {
            let (first, latin) = *pick(rng, &FIRST_URDU);
            (first, *pick(rng, &LAST_URDU), latin.to_owned())
        } else {
            let first = *pick(rng, &FIRST);
            (first, *pick(rng, &LAST), first.to_lowercase())
        };
        let (house, street) = (rng.random_range(1..900), rng.random_range(1..90));
        let street = if urdu {
            format!("مکان نمبر {house}، گلی {street}، {}", pick(rng, &AREAS_URDU))
        } else {
            format!("House {house}, Street {street}, {}", pick(rng, &AREAS))
        };
        let email = Some(format!("{latin}.{number}@example.{}", pick(rng, &["com", "org", "net"])));
        Person { first, last, phone: phone.to_owned(), email, street, city: pick(rng, &CITIES), customer: None }
    }

    /// First and last name.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.first, self.last)
    }

    /// The phone with country code and without the leading zero: `+92…`.
    pub(crate) fn international_phone(&self) -> String {
        format!("+92{}", self.phone.trim_start_matches('0'))
    }
}

/// A phone number of its own for each of the first hundred million people: `038…` and `039…` belong to no operator.
fn unassigned_phone(prefix: &str, seed: u64, number: u32) -> String {
    // The factor has no divisor in common with the modulus, so no two numbers below it meet.
    let digits = (u64::from(number) * 67_004_171 + seed % 100_000_000) % 100_000_000;
    format!("{prefix}{digits:08}")
}

fn pick<'a, T>(rng: &mut StdRng, from: &'a [T]) -> &'a T {
    from.choose(rng).unwrap_or(&from[0])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_customer_is_always_the_same_person() {
        assert_eq!(Person::customer(7, 12), Person::customer(7, 12));
        assert_ne!(Person::customer(7, 12), Person::customer(8, 12));
    }

    #[test]
    fn no_two_people_share_a_phone() {
        let phones: BTreeSet<String> = (0..5_000).map(|n| Person::customer(7, n).phone).collect();
        assert_eq!(phones.len(), 5_000);
        assert!(phones.iter().all(|p| p.len() == 11 && p.starts_with("038")));
    }
}
