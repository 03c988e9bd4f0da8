//! The access log: no box is opened unless it is on record who opened it, whose it is, why, and what was shown.
//!
//! [`AccessBy`] is what an opening has to say for itself; [`KeyStore::open_many`](super::KeyStore::open_many) takes nothing
//! without it. In **one transaction** it reads the keys as they are, writes one row for each subject of whom something can
//! be opened, and only when that is committed are boxes decrypted. What cannot be opened (an erased person's box, one of
//! somebody else) is on nobody's record; a box that turns out damaged is, because that shows only in decrypting. What stays shut
//! because the person has had it restricted, objects or did not consent (`allowed`) is on record as a look that was refused. An opening
//! whose commit stayed unknown opens nothing and may be on record.
//!
//! The rows of a tenant are numbered without gaps and chained ([`chain`]). They name nobody: subjects are random ids, actors
//! and purposes are slugs, labels and fields are words of this program. They are not on the log, because their time is over
//! after some months, and a topic is kept for good.

mod allowed;
mod chain;
mod permit;
mod report;
mod unusual;

pub use chain::{AccessAudit, Purged};
pub use permit::Permitted;
pub use report::Access;
pub use unusual::{HourCount, Rule, USUAL_LIMIT, Unusual, hour_of, unusual};

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use commerce::{StaffId, SubjectId, TenantId};
use ledger::Timestamp;
use subject_keys::{IndexKey, KeyId};
use uuid::Uuid;

use allowed::Whose;

use super::boxes::key_rows;
use super::processing::Processing;
use super::requests::RequestKind;
use super::resolve::{subject, tenant};
use super::subject_key::{key_id, living};
use super::tables::ACCESS;
use super::{KeyStore, KeyStoreError, corrupt, lock};
use crate::db::{DbError, Dialect, Row, Rows, Tx, Value};

/// What an opening says for itself.
#[derive(Debug, Clone)]
pub struct AccessBy {
    /// Who opens.
    pub actor: Actor,
    /// Why.
    pub purpose: Purpose,
    /// Which command or request it belongs to: the same for everything one opens at one stroke.
    pub request: Uuid,
    /// When.
    pub at: Timestamp,
    /// How much of it anybody gets to see.
    pub shown: Shown,
    /// Which details are read from the boxes. What is in them is not known before they are open.
    pub fields: &'static [Field],
}

/// Who opens boxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The platform itself, at work.
    Daybook,
    /// Whoever runs the commands, without having said who they are.
    Operator,
    /// A member of the merchant's staff.
    Staff(StaffId),
    /// The person whose data it is, whose identity was verified.
    Person,
}

impl Actor {
    /// `daybook`, `operator`, the slug, or `self`.
    pub fn name(&self) -> &str {
        match self {
            Actor::Daybook => "daybook",
            Actor::Operator => "operator",
            Actor::Staff(staff) => staff.as_str(),
            Actor::Person => "self",
        }
    }

    /// `system`, `operator`, `staff` or `person`: what tells apart a platform and a member of staff of one name.
    pub fn role(&self) -> &'static str {
        match self {
            Actor::Daybook => "system",
            Actor::Operator => "operator",
            Actor::Staff(_) => "staff",
            Actor::Person => "person",
        }
    }
}

/// How much of what was opened anybody gets to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Enough to recognise whom one knows already.
    Masked,
    /// Everything. For permitted staff and the person themselves only.
    Clear,
    /// Nothing: a machine reads it and seals it again.
    Processed,
}

impl Shown {
    /// `masked`, `clear` or `processed`; also the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Shown::Masked => "masked",
            Shown::Clear => "clear",
            Shown::Processed => "processed",
        }
    }
}

/// What stands in the place of that when nothing was opened, because whoever asked may not see people in clear.
const REFUSED: &str = "refused";

/// A detail about a person, as the access log calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Full name.
    Name,
    /// Phone number.
    Phone,
    /// E-mail address.
    Email,
    /// Street, town, postcode.
    Address,
    /// What the person typed: notes, tags, what they wrote with a request.
    Typed,
    /// IP address and browser.
    Device,
    /// A whole body, whatever it names.
    Body,
}

impl Field {
    /// Everything that is sealed about a person.
    pub const ALL_DETAILS: &'static [Field] =
        &[Field::Name, Field::Phone, Field::Email, Field::Address, Field::Typed, Field::Device];

    /// `name`, `phone`, `email`, `address`, `typed`, `device` or `body`; also the stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Field::Name => "name",
            Field::Phone => "phone",
            Field::Email => "email",
            Field::Address => "address",
            Field::Typed => "typed",
            Field::Device => "device",
            Field::Body => "body",
        }
    }
}

/// Why a box is opened: one word or ticket such as `support` or `ticket-812`, of up to 40 ASCII letters, digits and `-_#/.`
/// that begins with a letter, a digit or `#`. At most nine digits, so that it is no phone number.
///
/// One that is the name of a [`Processing`], or begins with it and a slash as `legal-claims/court-7` does, serves that; `redrive`
/// serves operations; `erasure`, `request` and `self-service`, which only the platform itself gives, the person's own wish; every
/// other word serves support.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purpose(String);

/// The text is no purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a purpose is one word or ticket of up to 40 letters, nine digits and `-_#/.`, such as `support` or `ticket-812`"
)]
pub struct NotAPurpose;

impl Purpose {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The purpose that is the name of what it serves.
    pub fn of(processing: Processing) -> Purpose {
        Purpose(processing.as_str().to_owned())
    }

    /// Whether only the platform itself gives it, and nobody who looks.
    pub fn is_of_platform(&self) -> bool {
        let word = self.0.split('/').next().unwrap_or_default();
        matches!(word, "erasure" | "request" | "self-service" | "redrive")
    }

    /// What it serves.
    pub fn processing(&self) -> Processing {
        let word = self.0.split('/').next().unwrap_or_default();
        match word {
            "redrive" => Processing::Operations,
            "erasure" | "request" | "self-service" => Processing::OwnRequest,
            _ => word.parse().unwrap_or(Processing::Support),
        }
    }

    /// Input that was not understood is read again.
    pub fn redrive() -> Purpose {
        Purpose("redrive".to_owned())
    }

    /// Somebody is erased: what they are known by is looked for in input that was not understood.
    pub fn erasure() -> Purpose {
        Purpose("erasure".to_owned())
    }

    /// A person looks at what is held about them, on the merchant's page.
    pub fn self_service() -> Purpose {
        Purpose("self-service".to_owned())
    }

    /// Somebody's request about their data is worked on: `request/access`.
    pub fn request(kind: RequestKind) -> Purpose {
        Purpose(format!("request/{}", kind.as_str()))
    }

    /// An order is looked up, and nobody said what for.
    pub fn look_up() -> Purpose {
        Purpose("look-up".to_owned())
    }
}

impl FromStr for Purpose {
    type Err = NotAPurpose;

    fn from_str(text: &str) -> Result<Purpose, NotAPurpose> {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_#/.".contains(&b));
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'#');
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        if plain && begins && text.len() <= 40 && digits <= 9 { Ok(Purpose(text.to_owned())) } else { Err(NotAPurpose) }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A box that is to be opened, as far as its record goes.
pub(super) struct Asked {
    pub(super) key: KeyId,
    pub(super) tenant: TenantId,
    pub(super) subject: SubjectId,
    pub(super) label: String,
}

/// What one opening concerns of one subject.
#[derive(Default)]
struct Touched {
    labels: BTreeSet<String>,
    boxes: i64,
}

/// An opening and the keys of the chains it is recorded in.
struct Opening {
    asked: Vec<Asked>,
    by: AccessBy,
    chains: HashMap<TenantId, Arc<IndexKey>>,
}

/// An opening that is on record.
pub(super) struct OnRecord {
    /// The keys' rows.
    pub(super) keys: Vec<Row>,
    /// Whose boxes stay shut.
    pub(super) shut: HashSet<Whose>,
}

impl KeyStore {
    /// The keys' rows of what is asked for, as they are now, and whose boxes stay shut. When it answers, everything that they open
    /// is on record, and what stays shut; when it refuses to show people in clear, that it did.
    pub(super) async fn on_record(&self, asked: Vec<Asked>, by: &AccessBy) -> Result<OnRecord, KeyStoreError> {
        let mut chains = HashMap::new();
        for tenant in asked.iter().map(|one| one.tenant.clone()).collect::<BTreeSet<_>>() {
            if let Some(key) = self.existing_index_key(&tenant).await? {
                chains.insert(tenant, key);
            }
        }
        let (dialect, opening) = (self.db.dialect(), Arc::new(Opening { asked, by: by.clone(), chains }));
        self.db
            .run_tx("open-boxes", move |tx| {
                let opening = Arc::clone(&opening);
                Box::pin(async move { opening.record(tx, dialect).await })
            })
            .await?
            .ok_or(KeyStoreError::NotPermitted)
    }
}

impl Opening {
    /// Nothing if it is not permitted.
    async fn record(&self, tx: &mut Tx, dialect: Dialect) -> Result<Option<OnRecord>, KeyStoreError> {
        let tenants: BTreeSet<&TenantId> = self.asked.iter().map(|one| &one.tenant).collect();
        lock::access(tx, dialect, tenants.iter().copied()).await?;
        let permitted = permit::is_given(tx, &self.by, &tenants).await?;
        let keys = key_rows(tx, dialect, self.asked.iter().map(|one| one.key)).await?;
        let touched = self.touched(&keys)?;
        let people: Vec<Whose> = touched.keys().map(|(tenant, subject)| ((*tenant).clone(), *subject)).collect();
        let shut = allowed::shut(tx, &self.by, &people).await?;
        let mut chains = chain::load(tx, touched.keys().map(|(tenant, _)| *tenant), &self.chains).await?;
        let mut rows = Rows::new(&ACCESS);
        for ((tenant, subject), touched) in touched {
            let chain = chains.get_mut(tenant).ok_or_else(|| corrupt("an access log has no chain"))?;
            let shown = match (permitted, shut.get(&(tenant.clone(), subject))) {
                (false, _) => REFUSED,
                (true, Some(shut)) => shut.as_str(),
                (true, None) => self.by.shown.as_str(),
            };
            rows.push(chain.append(self.cells(tenant, subject, &touched, shown, chain.next()?)));
        }
        // A row that is there already would be kept, and this opening would be on no record.
        if tx.upsert(&rows).await? != rows.len() as u64 {
            return Err(corrupt("the access log goes on behind its end").into());
        }
        chain::save(tx, chains.values()).await?;
        Ok(permitted.then(|| OnRecord { keys, shut: shut.into_keys().collect() }))
    }

    /// Of whom something opens: boxes of those who own the keys they name, of keys that live.
    fn touched(&self, keys: &[Row]) -> Result<BTreeMap<(&TenantId, SubjectId), Touched>, DbError> {
        let mut owners = HashMap::new();
        for row in keys {
            if living(row.text(3)?, row.opt_blob(4)?)?.is_some() {
                owners.insert(key_id(row.text(0)?)?, (tenant(row.text(1)?)?, subject(row.text(2)?)?));
            }
        }
        let mut all: BTreeMap<(&TenantId, SubjectId), Touched> = BTreeMap::new();
        let theirs = |one: &&Asked| owners.get(&one.key).is_some_and(|(t, s)| *t == one.tenant && *s == one.subject);
        for one in self.asked.iter().filter(theirs) {
            let touched = all.entry((&one.tenant, one.subject)).or_default();
            touched.labels.insert(word(&one.label));
            touched.boxes += 1;
        }
        Ok(all)
    }

    /// The row without its link, in the order of the table.
    fn cells(&self, tenant: &TenantId, subject: SubjectId, touched: &Touched, shown: &str, number: i64) -> Vec<Value> {
        let labels: Vec<&str> = touched.labels.iter().map(String::as_str).collect();
        let fields: Vec<&str> = self.by.fields.iter().map(|field| field.as_str()).collect();
        vec![
            tenant.as_str().into(),
            number.into(),
            self.by.at.0.into(),
            self.by.actor.name().into(),
            self.by.actor.role().into(),
            self.by.purpose.as_str().into(),
            self.by.request.to_string().into(),
            subject.to_string().into(),
            labels.join(",").into(),
            fields.join(",").into(),
            shown.into(),
            touched.boxes.into(),
        ]
    }
}

/// A label as it may be on record. Those of this program are words; a forged one could hold anything.
fn word(label: &str) -> String {
    let plain = !label.is_empty() && label.len() <= 40 && label.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    if plain { label.to_owned() } else { "other".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_is_a_word_or_a_ticket_and_names_nobody_by_number_or_address() {
        for text in ["support", "ticket-812", "#812", "Zendesk/12345", "a"] {
            assert_eq!(text.parse::<Purpose>().as_ref().map(Purpose::as_str), Ok(text));
        }
        let long = "a".repeat(41);
        for text in ["", "asked by Ali", "ali@example.com", "03001234567", "tel-0300.1234567", "=1", "-a", "+92", &long]
        {
            assert_eq!(text.parse::<Purpose>(), Err(NotAPurpose), "{text}");
        }
        let own = Processing::ALL.map(Purpose::of);
        for purpose in [Purpose::redrive(), Purpose::erasure(), Purpose::look_up()].iter().chain(&own) {
            assert_eq!(purpose.as_str().parse(), Ok(purpose.clone()));
        }
    }

    #[test]
    fn a_purpose_says_by_its_beginning_what_it_serves() {
        for (text, serves) in [
            ("marketing", Processing::Marketing),
            ("legal-claims/court-7", Processing::LegalClaims),
            ("own-request/812", Processing::OwnRequest),
            ("redrive", Processing::Operations),
            ("look-up", Processing::Support),
            ("ticket-812", Processing::Support),
            ("marketing-2", Processing::Support),
        ] {
            assert_eq!(text.parse::<Purpose>().unwrap().processing(), serves, "{text}");
        }
        for one in Processing::ALL {
            assert_eq!(Purpose::of(one).processing(), one);
        }
    }

    #[test]
    fn only_words_become_labels() {
        for (label, recorded) in
            [("buyer", "buyer"), ("order-recipient", "order-recipient"), ("Bilqis Anwar", "other"), ("", "other")]
        {
            assert_eq!(word(label), recorded);
        }
    }
}
