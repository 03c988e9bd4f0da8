//! `daybook erase`: a person is erased, and the receipt says what that means and what it does not.

use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use commerce::{CustomerId, SubjectId};
use connectors::shopify;
use ledger::Timestamp;
use privacy::CopiesError;
use processor::ProcessError;
use serde::Serialize;
use store::books::{self, Projection, TenantRow};
use store::keys::{Copies, Erased, ErasureReason, IdentityHint, IdentityKind};
use subject_keys::Pii;

use crate::cli::{Erase, Whom};
use crate::config::Settings;
use crate::output::{Answer, plural, say, strong, tick};
use crate::platform::{Platform, now};
use crate::{show, tenant};

/// How long the read models may take to show the erasure.
const SHOWN_WITHIN: Duration = Duration::from_secs(60);

/// Proof of an erasure.
#[derive(Debug, Serialize)]
pub(crate) struct Receipt {
    tenant: String,
    /// The random id of the subject, which says nothing about the person.
    pub(crate) subject: String,
    reason: &'static str,
    /// True when the keys had been destroyed before.
    already: bool,
    /// Since when nobody can read what was sealed here.
    unreadable_since: String,
    /// Since when, or from when on, no copy of the keys opens anywhere, backups included. Unknown for who was erased before
    /// there were key epochs.
    copies_gone: Option<String>,
    /// Whether they are gone.
    copies_are_gone: bool,
    /// Whether they were to be gone by then, and are not: an operator has to see to the key epochs.
    copies_overdue: bool,
    /// Sealed details in the read models, all of them empty now.
    erased_details: usize,
    /// Whether the read models show it already.
    pub(crate) shown_as_erased: bool,
    /// Inputs in quarantine that named the person, and are destroyed with them now.
    quarantined_destroyed: u64,
    /// Inputs in quarantine that name the person and are held.
    quarantined_held: u64,
    /// Inputs in quarantine.
    quarantined: u64,
    /// Those of them that may name anybody, because an earlier version sealed them by months.
    quarantined_older: u64,
    /// When the last of these is destroyed.
    quarantined_older_until: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: &Erase, as_json: bool) -> Result<Answer> {
    let reason: ErasureReason = asked.reason.parse().context("--reason")?;
    let platform = Platform::open(settings).await?;
    let row = tenant::chosen(&platform.db, &asked.of).await?;
    let subject = subject_of(&platform, &row, &asked.whom).await?;
    confirm(&row, subject, asked.yes, as_json)?;
    let receipt = erase(&platform, settings, &row, subject, reason).await?;
    let text = text(&receipt);
    Ok(Answer::new(&receipt, text).with_verdict(receipt.shown_as_erased))
}

/// Erases, and folds what the log says of it, here or in the process whose work that is.
pub(crate) async fn erase(
    platform: &Platform,
    settings: &Settings,
    row: &TenantRow,
    subject: SubjectId,
    reason: ErasureReason,
) -> Result<Receipt> {
    let (keys, log, db) = (&platform.keys, &platform.log, &platform.db);
    // What has just come says by what else they are known, and what is open. A processor elsewhere may fold at the same time; each
    // batch counts once, whoever writes it.
    let fold = || tokio::time::timeout(SHOWN_WITHIN, processor::catch_up(platform.processor_config(settings), log, db));
    drop(fold().await);
    privacy::book_holds::look(keys, db, &row.tenant, subject, now()).await?;
    let receipt = privacy::erase(keys, log, db, &row.tenant, subject, reason, now()).await?;
    // Whether something else is paused does not matter to what is shown of people.
    let folded = fold().await.is_ok_and(|done| match done {
        Ok(()) => true,
        Err(ProcessError::Paused { consumer }) => consumer != Projection::People.name(),
        Err(_) => false,
    });
    let held = books::people_of(&platform.db, &row.tenant, subject).await?;
    let copies = match privacy::copies(&platform.keys, &row.tenant, subject, now()).await {
        Err(CopiesError::Unknown) => None,
        told => Some(told?),
    };
    let copies_overdue = matches!(copies, Some(Copies::Overdue(_)));
    let older = privacy::older(keys, db, &row.tenant).await?;
    let (copies_gone, copies_are_gone) = match copies {
        None => (None, false),
        Some(Copies::GoneSince(at)) => (Some(at.to_string()), true),
        Some(Copies::OpenUntil(at) | Copies::Overdue(at)) => (Some(at.to_string()), false),
    };
    Ok(Receipt {
        tenant: row.tenant.to_string(),
        subject: subject.to_string(),
        reason: reason.as_str(),
        already: matches!(receipt.erased, Erased::Already(_)),
        unreadable_since: receipt.erased.at().to_string(),
        copies_gone,
        copies_are_gone,
        copies_overdue,
        erased_details: held.len(),
        shown_as_erased: folded && held.iter().all(|person| person.sealed.is_none()),
        quarantined_destroyed: receipt.inputs.destroyed,
        quarantined_held: receipt.inputs.held,
        quarantined: books::count_quarantined(&platform.db, &row.tenant).await?.unsigned_abs(),
        quarantined_older: older.inputs,
        quarantined_older_until: older.until.map(|at| at.to_string()),
    })
}

/// Whom the words on the command line mean.
pub(crate) async fn subject_of(platform: &Platform, row: &TenantRow, whom: &Whom) -> Result<SubjectId> {
    if let Some(subject) = whom.subject {
        return Ok(SubjectId(subject));
    }
    let hint = hint(platform, row, whom).await?;
    let found = platform.keys.find_subject(&row.tenant, &[hint]).await?;
    let (subject, _) = found.with_context(|| {
        let why = match whom {
            Whom { phone: Some(_), .. } | Whom { email: Some(_), .. } => {
                ". Phone and e-mail are forgotten with a person: the receipt of one who was erased is to be had by order or customer"
            }
            _ => "",
        };
        format!("nobody is known to `{}` by that: try --order with one of their orders, or --customer{why}", row.tenant)
    })?;
    Ok(subject)
}

async fn hint(platform: &Platform, row: &TenantRow, whom: &Whom) -> Result<IdentityHint> {
    let (kind, value) = match whom {
        Whom { customer: Some(id), .. } => {
            let id: CustomerId = id.parse().context("--customer takes the shop's numeric customer id")?;
            (IdentityKind::Customer, Pii::new(id.to_string()))
        }
        Whom { order: Some(order), .. } => {
            (IdentityKind::Order, Pii::new(show::id_of(&platform.db, row, order).await?.to_string()))
        }
        Whom { phone: Some(phone), .. } => (IdentityKind::Phone, phone_hint(phone)?),
        Whom { email: Some(email), .. } => (IdentityKind::Email, Pii::new(email.trim().to_lowercase())),
        _ => bail!("say whom: --customer, --order, --phone, --email or --subject"),
    };
    Ok(IdentityHint { kind, value })
}

/// The form in which phone numbers identify people. Read by the connector itself, from a customer record that holds
/// nothing else, so that both always agree.
pub(crate) fn phone_hint(phone: &str) -> Result<Pii<String>> {
    let record = serde_json::json!({ "id": 1, "updated_at": "2000-01-01T00:00:00Z", "phone": phone });
    let gateways = commerce::CodGateways::default();
    let settings = shopify::Settings { cod_gateways: &gateways, default_country_code: "92" };
    let drafts = shopify::read("customers/update", Timestamp(0), record.to_string().as_bytes(), &settings);
    let people = drafts.unwrap_or_default().into_iter().flat_map(|draft| draft.people);
    let number = people.into_iter().find_map(|person| person.identity.phone);
    number.context("--phone takes a Pakistani mobile number, or one that begins with + and its country's code")
}

fn confirm(row: &TenantRow, subject: SubjectId, yes: bool, as_json: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    if as_json || !std::io::stdin().is_terminal() {
        bail!("an erasure cannot be undone: add --yes to go ahead");
    }
    say(&format!("erase subject {subject} of {}? This cannot be undone. Type `erase`: ", row.tenant), false);
    let mut typed = String::new();
    std::io::stdin().lock().read_line(&mut typed)?;
    if typed.trim() == "erase" { Ok(()) } else { bail!("nothing was erased") }
}

/// The receipt for people.
pub(crate) fn text(receipt: &Receipt) -> String {
    let before = if receipt.already { " (it had been erased before)" } else { "" };
    let shown = if receipt.shown_as_erased {
        let details = plural(receipt.erased_details as u64, "sealed record", "sealed records");
        format!("{} {details} in the read models, all erased", tick())
    } else {
        "the read models do not show it yet: they will once the processor has caught up (`daybook lag`)".to_owned()
    };
    let quarantined = quarantined(receipt);
    format!(
        "{}{before}\n  subject          {}\n  reason           {}\n  unreadable       since {}: all keys of the subject are \
         destroyed\n  backups          {}\n  index            from then on such a copy cannot be tried for the phone number and e-mail address either, unless a version of daybook made it that had no index pages\n  read models      {shown}\n  parcels          of those \
         under way nobody can look up name, phone or address here any more: the courier delivers by its own copy, and what is still \
         sent about these orders is kept without the person's details\n{quarantined}  ledger           kept, pseudonymously: \
         no amount has changed\n",
        strong("cryptographically erased"),
        receipt.subject,
        receipt.reason,
        receipt.unreadable_since,
        copies(receipt),
    )
}

/// What became of input that nobody understood; nothing if there is nothing to say.
fn quarantined(receipt: &Receipt) -> String {
    let mut lines = String::new();
    let mut line = |inputs: u64, what: &str| {
        if inputs > 0 {
            lines += &format!("  in quarantine    {} {what}\n", plural(inputs, "input", "inputs"));
        }
    };
    line(receipt.quarantined_destroyed, "named the person, with keys of their own, which are destroyed too");
    line(receipt.quarantined_held, "held by `daybook privacy hold` that name the person: destroyed when the hold ends");
    if let Some(until) = &receipt.quarantined_older_until {
        let older =
            format!("from before this version may name the person too, and cannot go alone: destroyed by {until}");
        line(receipt.quarantined_older, &older);
    }
    lines
}

/// What an old backup is worth, said plainly.
fn copies(receipt: &Receipt) -> String {
    match (&receipt.copies_gone, receipt.copies_are_gone) {
        (None, _) => {
            "no date is known: the keys were destroyed before there were key epochs, so copies of the key store from \
                      before then must be destroyed themselves"
                .to_owned()
        }
        (Some(since), true) => {
            format!("no copy opens since {since}: the last key epoch that wrapped these keys is destroyed")
        }
        (Some(by), false) if receipt.copies_overdue => format!(
            "no copy was to open after {by}, but the key of an epoch that wrapped these keys is still there, or came back with \
             an old copy of the keyring: `daybook keys status` names it, and says what to do"
        ),
        (Some(until), false) => format!(
            "until {until}, whoever has a copy of the key store from before this erasure, the keyring and the root key can \
             open the data; by then that epoch is destroyed, if `daybook up` or `daybook privacy` runs and nobody has copied \
             the keyring (`daybook keys status`)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::phone_hint;

    #[test]
    fn a_phone_number_is_known_in_every_form() {
        for written in ["0300 1234567", "+92 300 1234567", "3001234567"] {
            assert_eq!(phone_hint(written).unwrap().expose(), "+923001234567", "{written}");
        }
        assert!(phone_hint("nobody").is_err());
    }
}
