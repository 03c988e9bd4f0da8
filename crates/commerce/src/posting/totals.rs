//! What stands for detail that was replaced: a transaction a month, on the month's last day; what is of a courier for itself.

use ledger::{EntryKey, Transaction};

use super::Unpostable;
use super::writer::Writer;
use crate::PartKey;
use crate::totals::Totals;

/// Posts what the replaced parts came to in each month, as far as this part is of the same courier, or of none.
pub(super) fn post_totals(writer: &mut Writer<'_>, totals: &Totals) -> Result<(), Unpostable> {
    let PartKey::Totals(_, of) = writer.key else { return Ok(()) };
    let months = totals.replaced.iter().flat_map(|replaced| &replaced.months);
    for ((last_day, _), entries) in months.filter(|((_, courier), _)| courier == of) {
        let key = format!("{}/{}", writer.key, last_day.month());
        let entry_key = EntryKey::try_from(key.clone())?;
        let transaction = Transaction::new(entry_key.clone(), writer.about.clone(), *last_day, entries.clone())
            .map_err(|rejected| Unpostable::Rejected { key, rejected })?;
        writer.journal.insert(entry_key, transaction);
    }
    Ok(())
}
