//! Who is who: which subject a person of a payload is, decided from what they are known by.
//!
//! Pure. [`Register`] holds what the database knows of a batch's identities, settles one person after the other, and
//! remembers what must be written. A batch gives what its people would give one by one.
//!
//! - The first identity that is known decides; weaker ones that nobody owns are added to that subject. Subjects are never
//!   merged: an identity that belongs to another subject stays there.
//! - An erased subject keeps the identities of its orders and its customer id as a *fence*. A person who meets it by an
//!   order, or by the customer id in a payload from before the erasure, is erased. So is an input that was not understood,
//!   whenever the very same comes again. A later payload with the customer id
//!   is somebody coming back: a new subject, and the customer id remembers until when it stood for the old one.

use std::collections::HashMap;

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;
use subject_keys::{KeyId, Pii, PreparedKey};

use std::sync::Arc;

/// A person in a payload, by what they can be recognised.
#[derive(Debug, Clone)]
pub struct PersonRef {
    /// Whose customer they are.
    pub tenant: TenantId,
    /// What identifies them, strongest first. None at all gives a subject that nothing leads back to.
    pub identities: Vec<IdentityHint>,
    /// In which month's key their data is sealed.
    pub month: Month,
    /// The payload's own time: what is older than an erasure stays erased.
    pub at: Timestamp,
}

/// One thing that identifies a person within a tenant.
#[derive(Debug, Clone)]
pub struct IdentityHint {
    /// What it is.
    pub kind: IdentityKind,
    /// Its text in its one normal form: ids in decimal, phones in E.164, e-mail addresses trimmed and in lower case.
    pub value: Pii<String>,
}

/// What identifies a person. Each kind is a name space of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentityKind {
    /// Whoever placed this order.
    Order,
    /// Whoever receives this order, when that is somebody else.
    OrderRecipient,
    /// The shop's customer id.
    Customer,
    /// A phone number.
    Phone,
    /// An e-mail address.
    Email,
    /// Whoever is named in what was not understood of one month. Only versions before [`IdentityKind::Input`] made such.
    Quarantine,
    /// Whoever is named in one input that was not understood: the id of the event that keeps it.
    Input,
}

impl IdentityKind {
    /// The stored form; also the name space of its blind index. Never changes.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            IdentityKind::Order => "order",
            IdentityKind::OrderRecipient => "order-recipient",
            IdentityKind::Customer => "customer",
            IdentityKind::Phone => "phone",
            IdentityKind::Email => "email",
            IdentityKind::Quarantine => "quarantine",
            IdentityKind::Input => "input",
        }
    }

    /// Whether it stays after an erasure. These are the shop's numbers and our own; all others would name the person.
    pub(super) fn is_fence(self) -> bool {
        self.is_of_one() || self == IdentityKind::Customer
    }

    /// Whether it never stands for anybody else, whatever comes later: an order, or an input, is one and the same for good.
    fn is_of_one(self) -> bool {
        matches!(self, IdentityKind::Order | IdentityKind::OrderRecipient | IdentityKind::Input)
    }
}

/// A retention month in UTC, such as `2026-11`. A subject has one key for each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(String);

impl Month {
    /// The month of this instant.
    pub fn of(at: Timestamp) -> Month {
        Month(at.to_utc().format("%Y-%m").to_string())
    }

    /// A month that [`Month::of`] gave, as it was stored.
    pub(super) fn stored(text: &str) -> Month {
        Month(text.to_owned())
    }

    /// `2026-11`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a subject still exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectState {
    /// Their data can be sealed and opened.
    Active,
    /// Their keys were destroyed, for good.
    Erased {
        /// When.
        at: Timestamp,
    },
}

/// How a person's data is to be treated.
#[derive(Clone)]
pub enum Sealing {
    /// Seal it under this key.
    Seal {
        /// Whose it is.
        subject: SubjectId,
        /// The key's id, which the box carries.
        key_id: KeyId,
        /// The key.
        key: Arc<PreparedKey>,
    },
    /// Drop it: they were erased, or the month's key was destroyed.
    Erased {
        /// Whose it was.
        subject: SubjectId,
    },
}

impl Sealing {
    /// Whom it concerns, in either case.
    pub fn subject(&self) -> SubjectId {
        match self {
            Sealing::Seal { subject, .. } | Sealing::Erased { subject } => *subject,
        }
    }
}

impl std::fmt::Debug for Sealing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Sealing::Seal { subject, .. } => write!(f, "Seal({subject})"),
            Sealing::Erased { subject } => write!(f, "Erased({subject})"),
        }
    }
}

/// An identity as the index has it.
pub(super) type Blind = [u8; 32];

/// A person whose identities are blinded: all that reaches the database.
#[derive(Debug, Clone)]
pub(super) struct Claimant {
    pub(super) tenant: TenantId,
    pub(super) identities: Vec<(IdentityKind, Blind)>,
    pub(super) month: Month,
    pub(super) at: Timestamp,
}

/// Until when an identity stood for somebody who was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fence {
    pub(super) subject: SubjectId,
    pub(super) at: Timestamp,
}

/// What is known of one identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) kind: IdentityKind,
    pub(super) subject: SubjectId,
    pub(super) state: SubjectState,
    /// Whom it stood for before, if they were erased.
    pub(super) fence: Option<Fence>,
}

impl Standing {
    /// What this identity says of a payload of that time; `None` if it says nothing.
    fn verdict(&self, at: Timestamp) -> Option<Verdict> {
        match self.state {
            _ if self.fence.is_some_and(|fence| at <= fence.at) => self.fence.map(Verdict::Erased),
            SubjectState::Active => Some(Verdict::Active(self.subject)),
            SubjectState::Erased { at: erased_at } => {
                let fenced = self.kind.is_of_one() || (self.kind.is_fence() && at <= erased_at);
                fenced.then_some(Verdict::Erased(Fence { subject: self.subject, at: erased_at }))
            }
        }
    }

    /// The same identity in new hands.
    fn passed_to(&self, subject: SubjectId) -> Standing {
        let fence = match self.state {
            SubjectState::Erased { at } => Some(Fence { subject: self.subject, at }),
            SubjectState::Active => self.fence,
        };
        Standing { kind: self.kind, subject, state: SubjectState::Active, fence }
    }
}

/// Whom a person turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Active(SubjectId),
    /// Who they were, and when they were erased: what joins the fence stands for them until then.
    Erased(Fence),
}

/// Where an identity stands in the index.
pub(super) type Place = (TenantId, Blind);

/// What is known of a batch's identities, and what settling the batch added.
#[derive(Debug, Default)]
pub(super) struct Register {
    standings: HashMap<Place, Standing>,
    changed: HashMap<Place, Standing>,
    new_subjects: Vec<(TenantId, SubjectId, Timestamp)>,
}

impl Register {
    pub(super) fn new(standings: HashMap<Place, Standing>) -> Register {
        Register { standings, ..Register::default() }
    }

    /// Decides who this is. `draw` gives the random id of a new subject.
    pub(super) fn settle(&mut self, person: &Claimant, draw: impl FnOnce() -> SubjectId) -> Verdict {
        let known = person.identities.iter().find_map(|(_, blind)| self.at(person, blind)?.verdict(person.at));
        let verdict = known.unwrap_or_else(|| self.begin(person, draw()));
        for (kind, blind) in &person.identities {
            if let Some(standing) = self.claim(person, *kind, blind, verdict) {
                let place = (person.tenant.clone(), *blind);
                self.changed.insert(place.clone(), standing);
                self.standings.insert(place, standing);
            }
        }
        verdict
    }

    fn at(&self, person: &Claimant, blind: &Blind) -> Option<&Standing> {
        self.standings.get(&(person.tenant.clone(), *blind))
    }

    fn begin(&mut self, person: &Claimant, subject: SubjectId) -> Verdict {
        self.new_subjects.push((person.tenant.clone(), subject, person.at));
        Verdict::Active(subject)
    }

    /// What the identity becomes once its person is settled; `None` if it stays as it is.
    fn claim(&self, person: &Claimant, kind: IdentityKind, blind: &Blind, verdict: Verdict) -> Option<Standing> {
        match (self.at(person, blind), verdict) {
            (None, Verdict::Active(subject)) => {
                Some(Standing { kind, subject, state: SubjectState::Active, fence: None })
            }
            // The fence grows: the next payload of this order may not name the customer.
            (None, Verdict::Erased(Fence { subject, at })) => {
                kind.is_fence().then_some(Standing { kind, subject, state: SubjectState::Erased { at }, fence: None })
            }
            (Some(standing), Verdict::Active(subject)) => {
                let left_behind = standing.verdict(person.at).is_none();
                left_behind.then(|| standing.passed_to(subject))
            }
            (Some(_), Verdict::Erased(_)) => None,
        }
    }

    /// Identities to write.
    pub(super) fn changed(&self) -> impl Iterator<Item = (&Place, &Standing)> {
        self.changed.iter()
    }

    /// Subjects to write, each with the time of the payload that brought them.
    pub(super) fn new_subjects(&self) -> &[(TenantId, SubjectId, Timestamp)] {
        &self.new_subjects
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use IdentityKind::{Customer, Email, Input, Order, Phone};
    use uuid::Uuid;

    /// Identities are written as kind and letter, subjects as numbers.
    fn person(at: i64, identities: &[(IdentityKind, u8)]) -> Claimant {
        Claimant {
            tenant: "shop".parse().unwrap(),
            identities: identities.iter().map(|(kind, letter)| (*kind, [*letter; 32])).collect(),
            month: Month::of(Timestamp(at)),
            at: Timestamp(at),
        }
    }

    fn subject(number: u128) -> SubjectId {
        SubjectId(Uuid::from_u128(number))
    }

    fn erased(kind: IdentityKind, number: u128, at: i64) -> Standing {
        Standing { kind, subject: subject(number), state: SubjectState::Erased { at: Timestamp(at) }, fence: None }
    }

    fn gone(number: u128, at: i64) -> Verdict {
        Verdict::Erased(Fence { subject: subject(number), at: Timestamp(at) })
    }

    fn known(standings: &[(u8, Standing)]) -> Register {
        let place = |letter: u8| ("shop".parse().unwrap(), [letter; 32]);
        Register::new(standings.iter().map(|(letter, standing)| (place(*letter), *standing)).collect())
    }

    /// Settles people one after the other, new subjects numbered from 100.
    fn settle(register: &mut Register, people: &[Claimant]) -> Vec<Verdict> {
        let numbered = (100..).zip(people);
        numbered.map(|(number, person)| register.settle(person, || subject(number))).collect()
    }

    #[test]
    fn people_of_one_batch_meet_in_what_they_share() {
        let people = [
            person(1, &[(Order, b'o'), (Phone, b'p')]),
            person(2, &[(Customer, b'c'), (Phone, b'p')]),
            person(3, &[(Customer, b'c'), (Email, b'e')]),
            person(4, &[(Email, b'e')]),
            person(5, &[(Order, b'x')]),
        ];
        let mut register = known(&[]);
        let one = Verdict::Active(subject(100));
        assert_eq!(settle(&mut register, &people), [one, one, one, one, Verdict::Active(subject(104))]);
        assert_eq!((register.new_subjects().len(), register.changed().count()), (2, 5));
    }

    #[test]
    fn nobody_is_merged() {
        let people = [
            person(1, &[(Order, b'o')]),
            person(1, &[(Customer, b'c')]),
            person(1, &[(Order, b'o'), (Customer, b'c')]),
            person(1, &[(Customer, b'c')]),
        ];
        let [first, second] = [100, 101].map(|number| Verdict::Active(subject(number)));
        assert_eq!(settle(&mut known(&[]), &people), [first, second, first, second]);
    }

    #[test]
    fn a_fence_decides_by_kind_and_time() {
        let register = || known(&[(b'o', erased(Order, 1, 50)), (b'c', erased(Customer, 1, 50))]);
        let (gone, new) = (gone(1, 50), Verdict::Active(subject(100)));
        for (at, identities, expected) in [
            (40, vec![(Order, b'o')], gone),
            (60, vec![(Order, b'o'), (Customer, b'c')], gone),
            (50, vec![(Customer, b'c')], gone),
            (50, vec![(Order, b'n'), (Customer, b'c')], gone),
            (51, vec![(Order, b'n'), (Customer, b'c')], new),
            (40, vec![(Phone, b'p')], new),
        ] {
            assert_eq!(settle(&mut register(), &[person(at, &identities)]), [expected], "{at} {identities:?}");
        }
    }

    #[test]
    fn an_input_that_was_erased_stays_so_whenever_it_comes_again() {
        for at in [i64::MIN, 40, 50, 51, i64::MAX] {
            let mut register = known(&[(b'i', erased(Input, 1, 50))]);
            assert_eq!(settle(&mut register, &[person(at, &[(Input, b'i')])]), [gone(1, 50)], "{at}");
            assert_eq!((register.new_subjects().len(), register.changed().count()), (0, 0));
        }
    }

    #[test]
    fn an_unseen_order_of_an_erased_customer_joins_the_fence_and_nothing_else_does() {
        let mut register = known(&[(b'c', erased(Customer, 1, 50))]);
        let people = [
            person(40, &[(Order, b'n'), (Customer, b'c'), (Phone, b'p')]),
            person(60, &[(Order, b'n')]),
            person(60, &[(Phone, b'p')]),
        ];
        assert_eq!(settle(&mut register, &people), [gone(1, 50), gone(1, 50), Verdict::Active(subject(102))]);
    }

    #[test]
    fn what_joins_the_fence_is_fenced_until_the_erasure_and_not_until_the_payload_that_brought_it() {
        let mut register = known(&[(b'o', erased(Order, 1, 50))]);
        let people = [
            person(10, &[(Order, b'o'), (Customer, b'c')]),
            person(40, &[(Order, b'n'), (Customer, b'c')]),
            person(51, &[(Order, b'm'), (Customer, b'c')]),
            person(50, &[(Order, b'l'), (Customer, b'c')]),
        ];
        let new = Verdict::Active(subject(102));
        assert_eq!(settle(&mut register, &people), [gone(1, 50), gone(1, 50), new, gone(1, 50)]);
    }

    #[test]
    fn a_customer_who_came_back_is_still_fenced_for_the_time_before() {
        let mut register = known(&[(b'c', erased(Customer, 1, 50))]);
        let people = [
            person(60, &[(Order, b'n'), (Customer, b'c')]),
            person(45, &[(Order, b'l'), (Customer, b'c')]),
            person(70, &[(Customer, b'c')]),
        ];
        let new = Verdict::Active(subject(100));
        assert_eq!(settle(&mut register, &people), [new, gone(1, 50), new]);
    }

    #[test]
    fn months_are_counted_in_utc() {
        let last_instant_of_october = 1_793_491_199_999_999;
        assert_eq!(Month::of(Timestamp(last_instant_of_october)).as_str(), "2026-10");
        assert_eq!(Month::of(Timestamp(last_instant_of_october + 1)).as_str(), "2026-11");
    }
}
