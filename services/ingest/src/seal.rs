//! From a draft to an event: who the people are to the key store, and what becomes of their details. Pure.

use commerce::{Fact, OrderId, SubjectId, TenantId};
use connectors::{Draft, Person, Role};
use events::{Event, Payload, Quarantined, Reason, SealedBox, Source, event_id, fact_id};
use ledger::Timestamp;
use store::keys::{IdentityHint, IdentityKind, Month, PersonRef, Sealing};
use subject_keys::{BoxContext, Exhausted, Pii};
use uuid::Uuid;

/// The label of the box that holds a whole body.
pub const QUARANTINE: &str = "quarantine";

/// An event whose personal data is still in clear.
pub(crate) struct Unsealed {
    /// The event's id, to which its boxes will be bound.
    pub(crate) id: Uuid,
    tenant: TenantId,
    content: Content,
}

enum Content {
    Fact {
        source: Source,
        recorded_at: Timestamp,
        fact: Fact,
        people: Vec<Person>,
    },
    NotUnderstood {
        input: Quarantined,
        body: Pii<Vec<u8>>,
    },
    /// Names nobody: ready as it is.
    Redriven(Event),
}

/// An authentic body that no connector understood.
pub(crate) struct NotRead {
    pub(crate) reason: Reason,
    pub(crate) origin: Source,
    pub(crate) topic: String,
    pub(crate) received_at: Timestamp,
    pub(crate) digest: Uuid,
    pub(crate) body: Vec<u8>,
}

impl Unsealed {
    pub(crate) fn fact(tenant: &TenantId, source: &Source, recorded_at: Timestamp, draft: Draft) -> Unsealed {
        let Draft { fact, people } = draft;
        let id = fact_id(tenant, source, &fact);
        let content = Content::Fact { source: source.clone(), recorded_at, fact, people };
        Unsealed { id, tenant: tenant.clone(), content }
    }

    pub(crate) fn not_understood(tenant: &TenantId, read: NotRead) -> Unsealed {
        let NotRead { reason, origin, topic, received_at, digest, body } = read;
        // The box is no part of the id, so an empty one stands in until the id, which the box is bound to, is known.
        let content = SealedBox { subject: SubjectId(Uuid::nil()), label: QUARANTINE.to_owned(), sealed: Vec::new() };
        let input = Quarantined { reason, origin, topic, received_at, digest, content };
        let id = event_id(tenant, &input.origin, &Payload::Quarantined(input.clone()));
        Unsealed { id, tenant: tenant.clone(), content: Content::NotUnderstood { input, body: body.into() } }
    }

    /// The notice that the input which `event` quarantined has left the quarantine.
    pub(crate) fn redriven(tenant: &TenantId, event: Uuid, at: Timestamp) -> Unsealed {
        let notice = Event::redriven(tenant.clone(), event, at);
        Unsealed { id: notice.id, tenant: tenant.clone(), content: Content::Redriven(notice) }
    }

    /// Whom the key store is asked for, in the order in which [`Unsealed::seal`] expects its answers.
    pub(crate) fn people(&self) -> Vec<PersonRef> {
        match &self.content {
            Content::Fact { fact, people, .. } => {
                people.iter().map(|person| person_ref(&self.tenant, fact, person)).collect()
            }
            Content::NotUnderstood { input, .. } => vec![nobody_yet(&self.tenant, self.id, input.received_at)],
            Content::Redriven(_) => Vec::new(),
        }
    }

    /// The event, its details sealed, or dropped for those who were erased. Takes one answer for each person, also when a
    /// key refuses, so that the next event meets its own.
    pub(crate) fn seal(&self, sealings: &mut impl Iterator<Item = Sealing>) -> Result<Event, Exhausted> {
        let tenant = self.tenant.clone();
        match &self.content {
            Content::Fact { source, recorded_at, fact, people } => {
                let boxes: Vec<Result<SealedBox, Exhausted>> = people
                    .iter()
                    .zip(sealings)
                    .map(|(person, sealing)| self.sealed_box(person.role.label(), &details(person), &sealing))
                    .collect();
                let boxes = boxes.into_iter().collect::<Result<_, _>>()?;
                Ok(Event::fact(tenant, source.clone(), *recorded_at, fact.clone(), boxes))
            }
            Content::NotUnderstood { input, body } => {
                let mut input = input.clone();
                if let Some(sealing) = sealings.next() {
                    input.content = self.sealed_box(QUARANTINE, body.expose(), &sealing)?;
                }
                Ok(Event::quarantined(tenant, input))
            }
            Content::Redriven(notice) => Ok(notice.clone()),
        }
    }

    fn sealed_box(&self, label: &str, plain: &[u8], sealing: &Sealing) -> Result<SealedBox, Exhausted> {
        let subject = sealing.subject();
        let sealed = match sealing {
            Sealing::Seal { key_id, key, .. } => {
                let tenant = self.tenant.as_str();
                let context = BoxContext { tenant, subject: subject.0, event: self.id, label };
                key.seal(*key_id, &context, plain, &mut |bytes: &mut [u8]| rand::fill(bytes))?
            }
            // An empty box says that there was somebody, who was erased.
            Sealing::Erased { .. } => Vec::new(),
        };
        Ok(SealedBox { subject, label: label.to_owned(), sealed })
    }
}

#[expect(clippy::expect_used, reason = "texts and lists of texts always have a JSON form")]
fn details(person: &Person) -> Vec<u8> {
    serde_json::to_vec(person.details.expose()).expect("plain texts")
}

fn person_ref(tenant: &TenantId, fact: &Fact, person: &Person) -> PersonRef {
    PersonRef {
        tenant: tenant.clone(),
        identities: hints(person),
        month: Month::of(person.retained_from),
        at: version(fact).unwrap_or(person.retained_from),
    }
}

/// Whom a body names that was not understood nobody knows yet, so each is a subject of its own: what becomes of one touches no
/// other. The same body again is the same event, and so the same subject; erased, it stays so. Of another topic it is another
/// event, since each may be read on its own.
fn nobody_yet(tenant: &TenantId, event: Uuid, received_at: Timestamp) -> PersonRef {
    let identities = vec![input_hint(event)];
    PersonRef { tenant: tenant.clone(), identities, month: Month::of(received_at), at: received_at }
}

/// By what the person is known, strongest first.
pub(crate) fn hints(person: &Person) -> Vec<IdentityHint> {
    let identity = &person.identity;
    let of_order = match person.role {
        Role::Recipient => IdentityKind::OrderRecipient,
        Role::Buyer | Role::Customer => IdentityKind::Order,
    };
    let order = identity.order.map(|order| hint(of_order, order.to_string()));
    let customer = identity.customer.map(|customer| hint(IdentityKind::Customer, customer.to_string()));
    let phone = identity.phone.clone().map(|value| IdentityHint { kind: IdentityKind::Phone, value });
    let email = identity.email.clone().map(|value| IdentityHint { kind: IdentityKind::Email, value });
    [order, customer, phone, email].into_iter().flatten().collect()
}

/// Whoever placed this order.
pub(crate) fn order_hint(order: OrderId) -> IdentityHint {
    hint(IdentityKind::Order, order.to_string())
}

/// The input that this event keeps.
pub(crate) fn input_hint(event: Uuid) -> IdentityHint {
    hint(IdentityKind::Input, event.to_string())
}

fn hint(kind: IdentityKind, value: String) -> IdentityHint {
    IdentityHint { kind, value: value.into() }
}

/// The payload's own time, which says whether it is older than an erasure. Only facts that can name a person have one here.
fn version(fact: &Fact) -> Option<Timestamp> {
    match fact {
        Fact::OrderPlaced(f) => Some(f.placed_at),
        Fact::OrderRevised(f) => Some(f.version),
        Fact::OrderCancelled(f) => Some(f.cancelled_at),
        Fact::RefundIssued(f) => Some(f.refunded_at),
        Fact::FulfilmentRecorded(f) => Some(f.version),
        Fact::CustomerRecorded(f) => Some(f.version),
        _ => None,
    }
}
