//! What the code itself says of processing: whose data, which data, and what for. Every match is exhaustive, so that a new kind of
//! box, field or purpose does not compile until it stands here.

use connectors::Role;
use store::keys::{Field, Processing};

use super::Section;

const ROLES: [Role; 3] = [Role::Buyer, Role::Recipient, Role::Customer];

/// Categories of people.
pub(super) fn people() -> Section {
    let mut rows: Vec<[String; 3]> = ROLES
        .into_iter()
        .map(|role| [label_of(role), who(role).to_owned(), "sealed, under a key of their own".to_owned()])
        .collect();
    rows.push([
        "quarantine".to_owned(),
        "whomever an authentic input names that was not understood".to_owned(),
        "sealed whole, under a key of its own for each input".to_owned(),
    ]);
    rows.push([
        "staff".to_owned(),
        "the merchant's staff".to_owned(),
        "slugs such as support-2, never names".to_owned(),
    ]);
    Section::new("Categories of people", ["label", "who", "how it is kept"], rows)
}

fn label_of(role: Role) -> String {
    role.label().to_owned()
}

fn who(role: Role) -> &'static str {
    match role {
        Role::Buyer => "who ordered",
        Role::Recipient => "to whom the goods go, when that is somebody else",
        Role::Customer => "who has a customer record with the shop",
    }
}

/// Categories of data.
pub(super) fn data() -> Section {
    let fields = Field::ALL_DETAILS.iter().chain([&Field::Body]);
    let row = |field: &Field| [field.as_str().to_owned(), what(*field).to_owned(), kept(*field).to_owned()];
    let mut rows: Vec<[String; 3]> = fields.map(row).collect();
    rows.push([
        "order".to_owned(),
        "order and customer numbers, items, amounts, status, city and country, courier and tracking number".to_owned(),
        "in clear, under a random number in the person's place".to_owned(),
    ]);
    rows.push([
        "index".to_owned(),
        "order number, customer number, phone, e-mail: by which somebody is found".to_owned(),
        "as keyed hashes, those that name somebody on sealed pages".to_owned(),
    ]);
    rows.push([
        "access".to_owned(),
        "who looked at whom, when, why and at what".to_owned(),
        "in clear, by slugs and random numbers".to_owned(),
    ]);
    rows.push([
        "rights".to_owned(),
        "restrictions, objections, consents, holds, erasures".to_owned(),
        "in clear, by slugs and random numbers".to_owned(),
    ]);
    rows.push([
        "requests".to_owned(),
        "what people ask for about their data, in their words, and what was done, when and by whom".to_owned(),
        "words sealed, under a key of their own; the trail in clear, by slugs and random numbers".to_owned(),
    ]);
    rows.push([
        "visits".to_owned(),
        "one-time codes (ten minutes) and sessions (fifteen) of people on their own page".to_owned(),
        "codes nowhere, sessions as keyed hashes; under random numbers".to_owned(),
    ]);
    Section::new("Categories of data", ["data", "what it is", "how it is kept"], rows)
}

fn what(field: Field) -> &'static str {
    match field {
        Field::Name => "full name",
        Field::Phone => "phone number",
        Field::Email => "e-mail address",
        Field::Address => "street, town, postcode",
        Field::Typed => "what they typed: notes, tags, properties of items",
        Field::Device => "IP address and browser",
        Field::Body => "a whole input that was not understood, whatever it names",
    }
}

fn kept(field: Field) -> &'static str {
    match field {
        Field::Name | Field::Phone | Field::Email | Field::Address => "sealed; shown masked, in clear on record",
        Field::Typed => "sealed; staff see only how many, the person sees it in clear",
        Field::Device => "sealed; never shown",
        Field::Body => "sealed; read again by the program, never shown",
    }
}

/// Purposes, each with its ground.
pub(super) fn purposes() -> Section {
    let yes = |holds: bool| if holds { "yes" } else { "no" }.to_owned();
    let row = |one: Processing| {
        [
            one.as_str().to_owned(),
            done_for(one).to_owned(),
            one.basis().as_str().to_owned(),
            article(one).to_owned(),
            yes(one.may_be_objected_to()),
        ]
    };
    let rows = Processing::ALL.into_iter().map(row).collect();
    Section::new("Purposes", ["purpose", "what is done", "legal basis", "GDPR", "can be objected to"], rows)
}

fn done_for(one: Processing) -> &'static str {
    match one {
        Processing::Delivery => "consignments and parcels are followed, by what couriers report of them",
        Processing::ShopSync => "orders and customer records are kept as the shop has them",
        Processing::Finance => "cash on delivery is reconciled; the ledger and its reports are kept, which know nobody",
        Processing::Notices => "the merchant is told how orders and stock stand; nothing of a person is opened for it",
        Processing::Support => "staff look up an order that somebody asks about",
        Processing::Marketing => "offers, only to whoever has consented to the wording in force",
        Processing::LegalClaims => "claims are made, exercised or defended",
        Processing::OwnRequest => "people see, correct, take along, restrict or erase what is known of them",
        Processing::Operations => "the platform is kept running: inputs read again, faults found",
        Processing::Storage => "what is sealed is kept, copied and sealed anew; nobody looks",
    }
}

fn article(one: Processing) -> &'static str {
    use store::keys::LegalBasis::{Consent, Contract, LegalObligation, LegitimateInterest};
    match one.basis() {
        Consent => "6(1)(a)",
        Contract => "6(1)(b)",
        LegalObligation => "6(1)(c)",
        LegitimateInterest => "6(1)(f)",
    }
}
