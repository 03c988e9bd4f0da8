//! What a connector reads out of a payload: facts without personal data, and beside them the personal details with what
//! identifies the person, still to be sealed.

use commerce::{CustomerId, Fact, OrderId};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use subject_keys::Pii;

/// A fact, and the personal details that arrived with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What happened.
    pub fact: Fact,
    /// Whom it names, one entry for each person.
    pub people: Vec<Person>,
}

/// In which role a person appears in a fact; also the label that a sealed box is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Who ordered.
    Buyer,
    /// To whom the goods go, when that is somebody else.
    Recipient,
    /// A customer record of the shop.
    Customer,
}

impl Role {
    /// The label a sealed box of this role is bound to.
    pub fn label(self) -> &'static str {
        match self {
            Role::Buyer => "buyer",
            Role::Recipient => "recipient",
            Role::Customer => "customer",
        }
    }
}

/// A person in a payload.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// In which role.
    pub role: Role,
    /// By what they can be recognised.
    pub identity: Identity,
    /// The instant that decides in which month's key the details are sealed: when the order was placed, or the customer
    /// record was changed.
    pub retained_from: Timestamp,
    /// What is to be sealed.
    pub details: Pii<Details>,
}

/// What identifies a person within a tenant, strongest first. An order identifies its buyer when nothing else does.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Identity {
    /// The order they appear in, if any, with their role in it.
    pub order: Option<OrderId>,
    /// The shop's customer id.
    pub customer: Option<CustomerId>,
    /// Phone number in E.164, such as `+923001234567`.
    pub phone: Option<Pii<String>>,
    /// E-mail address, trimmed and in lower case.
    pub email: Option<Pii<String>>,
}

/// What is sealed about a person. Absent and blank fields are left out.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Details {
    /// Full name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Phone as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// E-mail as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Address lines, in the order they are written on a parcel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub address: Vec<String>,
    /// Postcode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postcode: Option<String>,
    /// Anything a person typed: note, note attributes, tags, line-item properties, as label and text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub typed: Vec<(String, String)>,
    /// The buyer's IP address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The buyer's browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// Why a payload is not understood. Says where, never what stood there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// The body is not JSON (or not UTF-8).
    #[error("the body is not readable JSON")]
    UnreadableJson,
    /// No connector reads this topic or shape.
    #[error("unknown topic or shape")]
    UnknownTopic,
    /// A field is missing, of another type, or out of range.
    #[error("{path}: {problem}")]
    Field {
        /// Where, such as `refunds[0].transactions[1].amount`.
        path: String,
        /// What is wrong, without the value: `missing`, `not a decimal amount`, `expected a number`.
        problem: String,
    },
}
