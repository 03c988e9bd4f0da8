//! Whose boxes stay shut for what is asked: people who are restricted, who object to it, or who did not consent to it.

use std::collections::{BTreeMap, HashMap, HashSet};

use commerce::{SubjectId, TenantId};
use ledger::Timestamp;

use super::super::consent::{accepted, processing, standing};
use super::super::processing::Processing;
use super::super::resolve::{subject, tenant};
use super::super::restriction::end;
use super::super::tables::{CONSENT, CONSENT_WORDING, OBJECTION, RESTRICTION};
use super::{AccessBy, Actor};
use crate::db::{DbError, Keys, Row, Table, Tx};

/// Somebody, and whose customer.
pub(crate) type Whose = (TenantId, SubjectId);

/// Why a box stays shut although its key lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    /// Their data is only kept.
    Restricted,
    /// They object to that purpose.
    Objected,
    /// It takes a consent that does not stand.
    NoConsent,
}

impl Shut {
    /// What stands on the access log in the place of how much was shown.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Shut::Restricted => "restricted",
            Shut::Objected => "objected",
            Shut::NoConsent => "no-consent",
        }
    }
}

/// What one person has asked for, as far as one purpose goes.
#[derive(Debug, Clone, Copy, Default)]
struct Asks {
    restricted: bool,
    objected: bool,
    consented: bool,
}

/// The rule. Everybody may see their own; to keep it, to answer the person and to defend a claim go on always.
fn decide(actor: &Actor, processing: Processing, asks: Asks) -> Option<Shut> {
    match asks {
        _ if *actor == Actor::Person || processing.goes_on_restricted() => None,
        Asks { objected: true, .. } => Some(Shut::Objected),
        Asks { consented: true, .. } => None,
        Asks { restricted: true, .. } => Some(Shut::Restricted),
        _ if processing == Processing::Marketing => Some(Shut::NoConsent),
        _ => None,
    }
}

/// Of these people, those whose boxes stay shut, and why. Two statements; two more if it takes a consent.
pub(super) async fn shut(tx: &mut Tx, by: &AccessBy, people: &[Whose]) -> Result<HashMap<Whose, Shut>, DbError> {
    let processing = by.purpose.processing();
    if people.is_empty() || by.actor == Actor::Person || processing.goes_on_restricted() {
        return Ok(HashMap::new());
    }
    let restricted = restricted(tx, people, by.at).await?;
    let objected = objected(tx, people, processing).await?;
    let consented = match restricted.is_empty() && processing != Processing::Marketing {
        true => HashSet::new(),
        false => consented(tx, people, processing).await?,
    };
    let asks = |one: &Whose| Asks {
        restricted: restricted.contains(one),
        objected: objected.contains(one),
        consented: consented.contains(one),
    };
    let of = |one: &Whose| decide(&by.actor, processing, asks(one)).map(|shut| (one.clone(), shut));
    Ok(people.iter().filter_map(of).collect())
}

async fn restricted(tx: &mut Tx, people: &[Whose], now: Timestamp) -> Result<HashSet<Whose>, DbError> {
    let mut found = HashSet::new();
    for row in &rows_of(tx, &RESTRICTION, people).await? {
        let time = |column| row.opt_int(column).map(|at| at.map(Timestamp));
        if end(time(4)?, time(5)?, time(6)?).is_none_or(|end| now < end) {
            found.insert(whose(row)?);
        }
    }
    Ok(found)
}

async fn objected(tx: &mut Tx, people: &[Whose], to: Processing) -> Result<HashSet<Whose>, DbError> {
    let rows = rows_of(tx, &OBJECTION, people).await?;
    let mut found = HashSet::new();
    for row in &rows {
        if row.text(2)? == to.as_str() && row.opt_int(4)?.is_none() {
            found.insert(whose(row)?);
        }
    }
    Ok(found)
}

/// Those whose consent to that purpose stands and counts.
async fn consented(tx: &mut Tx, people: &[Whose], to: Processing) -> Result<HashSet<Whose>, DbError> {
    let mut facts: HashMap<Whose, BTreeMap<i64, Option<String>>> = HashMap::new();
    for row in &rows_of(tx, &CONSENT, people).await? {
        if processing(row.text(3)?)? == to {
            let said = facts.entry(whose(row)?).or_default();
            said.insert(row.int(2)?, row.opt_text(4)?.map(str::to_owned));
        }
    }
    let mut wanted = Keys::by(&CONSENT_WORDING, &["tenant", "processing"]);
    let tenants: HashSet<&TenantId> = facts.keys().map(|(tenant, _)| tenant).collect();
    tenants.iter().for_each(|tenant| wanted.push([tenant.as_str().into(), to.as_str().into()]));
    let mut wordings: HashMap<TenantId, Vec<(Timestamp, String, bool)>> = HashMap::new();
    for row in &tx.select_by_keys(&wanted).await? {
        let wording = (Timestamp(row.int(3)?), row.text(4)?.to_owned(), row.int(5)? != 0);
        wordings.entry(tenant(row.text(0)?)?).or_default().push(wording);
    }
    let counts = |(whose, said): &(Whose, BTreeMap<i64, Option<String>>)| {
        let asked = wordings.get(&whose.0).into_iter().flatten();
        let counting = accepted(asked.map(|(since, sha256, keeps_older)| (*since, sha256.as_str(), *keeps_older)));
        let standing = standing(said.values().map(|wording| (to, wording.as_deref())));
        standing.get(&to).is_some_and(|sha256| counting.contains(sha256))
    };
    Ok(facts.into_iter().filter(counts).map(|(whose, _)| whose).collect())
}

async fn rows_of(tx: &mut Tx, table: &'static Table, people: &[Whose]) -> Result<Vec<Row>, DbError> {
    let mut wanted = Keys::by(table, &["tenant", "subject"]);
    people.iter().for_each(|(tenant, subject)| wanted.push([tenant.as_str().into(), subject.to_string().into()]));
    tx.select_by_keys(&wanted).await
}

fn whose(row: &Row) -> Result<Whose, DbError> {
    Ok((tenant(row.text(0)?)?, subject(row.text(1)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Processing::{Delivery, LegalClaims, Marketing, OwnRequest, Storage, Support};

    #[test]
    fn what_opens_for_whom() {
        let none = Asks::default();
        let restricted = Asks { restricted: true, ..none };
        let objected = Asks { objected: true, ..none };
        let consented = Asks { consented: true, ..none };
        let both = Asks { restricted: true, consented: true, ..none };
        let all = Asks { objected: true, ..both };
        for (processing, asks, expected) in [
            (Support, none, None),
            (Support, restricted, Some(Shut::Restricted)),
            (Support, objected, Some(Shut::Objected)),
            (Support, both, None),
            (Support, all, Some(Shut::Objected)),
            (Delivery, restricted, Some(Shut::Restricted)),
            (Marketing, none, Some(Shut::NoConsent)),
            (Marketing, restricted, Some(Shut::Restricted)),
            (Marketing, consented, None),
            (Marketing, both, None),
            (Marketing, all, Some(Shut::Objected)),
            (LegalClaims, all, None),
            (OwnRequest, restricted, None),
            (Storage, restricted, None),
        ] {
            for actor in [Actor::Daybook, Actor::Operator, Actor::Staff("support-2".parse().unwrap())] {
                assert_eq!(decide(&actor, processing, asks), expected, "{processing:?} {asks:?}");
            }
            assert_eq!(decide(&Actor::Person, processing, asks), None, "their own, always");
        }
    }
}
