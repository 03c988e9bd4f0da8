//! What a person entered, as it was entered.

use ledger::{EntryKey, Transaction};

use super::Unpostable;
use super::writer::Writer;
use crate::{StandingReversals, Voucher, VoucherState};

/// Posts a voucher as soon as nothing is missing to it, and nothing of one that waits, was withdrawn or is declined.
pub(super) fn post_voucher(
    writer: &mut Writer<'_>,
    voucher: &Voucher,
    reversals: &StandingReversals<'_>,
) -> Result<(), Unpostable> {
    let state = voucher.state(reversals);
    let (Some(entered), Some(VoucherState::Posted)) = (&voucher.entered, state) else { return Ok(()) };
    // Whoever reads the journal alone must find what a reversal takes back.
    let key = match &entered.reverses {
        None => format!("{}/entered", writer.key),
        Some(reversed) => format!("{}/reverses/{reversed}", writer.key),
    };
    let entry_key = EntryKey::try_from(key.clone())?;
    let transaction = Transaction::new(entry_key.clone(), writer.about.clone(), entered.day, entered.entries.clone())
        .map_err(|rejected| Unpostable::Rejected { key, rejected })?;
    writer.journal.insert(entry_key, transaction);
    Ok(())
}
