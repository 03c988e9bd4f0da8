//! What a person has decided about their data, in the order of time: restrictions, objections and consents, standing or over.

use commerce::SubjectId;
use serde::Serialize;
use store::books::TenantRow;
use store::keys::{ConsentFact, KeyStore, KeyStoreError, Objection, Restriction};

/// A decision, as it is on record.
#[derive(Serialize)]
pub struct Decision {
    /// Since when, or when it was said.
    pub at: String,
    /// `restricted`, `objected`, `consented` or `withdrew`.
    pub what: &'static str,
    /// Why, or to what.
    pub about: String,
    /// When it ended, or is to end.
    pub ended_at: Option<String>,
    /// Who entered it: a slug.
    pub entered_by: String,
    /// The SHA-256 of the words that were consented to.
    pub wording: Option<String>,
    /// By which way it was said, and where the proof lies.
    pub evidence: Option<String>,
}

/// All of them, the earliest first.
pub(super) async fn of(keys: &KeyStore, row: &TenantRow, subject: SubjectId) -> Result<Vec<Decision>, KeyStoreError> {
    let mut all: Vec<Decision> = keys.restrictions_of(&row.tenant, subject).await?.iter().map(restricted).collect();
    all.extend(keys.objections_of(&row.tenant, subject).await?.iter().map(objected));
    all.extend(keys.consents_of(&row.tenant, subject).await?.iter().map(said));
    all.sort_by(|one, other| one.at.cmp(&other.at));
    Ok(all)
}

fn restricted(one: &Restriction) -> Decision {
    Decision {
        at: one.since.to_string(),
        what: "restricted",
        about: one.reason.as_str().to_owned(),
        ended_at: one.ends().or(one.until).map(|at| at.to_string()),
        entered_by: one.staff.to_string(),
        wording: None,
        evidence: None,
    }
}

fn objected(one: &Objection) -> Decision {
    Decision {
        at: one.since.to_string(),
        what: "objected",
        about: one.processing.as_str().to_owned(),
        ended_at: one.ended.as_ref().map(|(_, at)| at.to_string()),
        entered_by: one.staff.to_string(),
        wording: None,
        evidence: None,
    }
}

fn said(one: &ConsentFact) -> Decision {
    Decision {
        at: one.at.to_string(),
        what: if one.wording.is_some() { "consented" } else { "withdrew" },
        about: one.processing.as_str().to_owned(),
        ended_at: None,
        entered_by: one.staff.to_string(),
        wording: one.wording.clone(),
        evidence: Some(format!("{} {}", one.channel.as_str(), one.evidence)),
    }
}
