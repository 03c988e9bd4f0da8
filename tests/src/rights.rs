//! A person's rights, one by one, as the procedures they are: what is asked for, what then happens, and what it is proved by. On both
//! databases.

mod closure;
mod commands;
mod consent;
mod objection;
mod others;
mod places;
mod restriction;

use store::keys::{Access, AccessBy, Actor, Field, IdentityKind, KeyStore, Processing, Purpose, Shown};
use subject_keys::Opened;

use commerce::{StaffId, SubjectId};
use ledger::Timestamp;

use crate::keys::{EVENT, after, looking, person, resolve, seal, shop};

/// A customer with one sealed detail, their name.
struct Customer {
    subject: SubjectId,
    name: Vec<u8>,
}

async fn customer(keys: &KeyStore, number: &str, at: Timestamp) -> Customer {
    let sealing = resolve(keys, person(at, &[(IdentityKind::Order, number), (IdentityKind::Customer, number)])).await;
    Customer { subject: sealing.subject(), name: seal(&sealing, "Zarmina") }
}

fn staff() -> StaffId {
    "support-2".parse().unwrap()
}

/// A member of staff, looking for that purpose then.
fn for_purpose(purpose: &str, at: Timestamp) -> AccessBy {
    let fields = &[Field::Name];
    AccessBy { actor: Actor::Staff(staff()), purpose: purpose.parse().unwrap(), at, fields, ..looking() }
}

/// The person themselves, looking at everything.
fn themselves(at: Timestamp) -> AccessBy {
    AccessBy {
        actor: Actor::Person,
        purpose: Purpose::of(Processing::OwnRequest),
        shown: Shown::Clear,
        at,
        ..looking()
    }
}

/// `name`, `erased` or `restricted`.
async fn seen(keys: &KeyStore, one: &Customer, by: &AccessBy) -> &'static str {
    let tenant = shop();
    let sealed =
        store::keys::BoxRef { tenant: &tenant, subject: one.subject, event: EVENT, label: "buyer", sealed: &one.name };
    match keys.open_box(sealed, by).await.unwrap() {
        Opened::Clear(_) => "name",
        Opened::Erased => "erased",
        Opened::Restricted => "restricted",
    }
}

/// `who why how`, of everything on record about somebody.
async fn looks(keys: &KeyStore, one: &Customer) -> Vec<String> {
    let line = |access: Access| format!("{} {} {}", access.actor, access.purpose, access.shown);
    keys.accesses_of(&shop(), one.subject).await.unwrap().into_iter().map(line).collect()
}

fn day(number: i64) -> Timestamp {
    after(number)
}
