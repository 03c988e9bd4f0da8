//! An exported journal, read back: nothing is handed on before all of it has been checked.
#![cfg_attr(
    not(test),
    expect(dead_code, reason = "the command that posts what this reads comes with people's entries")
)]

use std::io::{BufReader, Read, Seek, SeekFrom};

use audit::{AuditError, Audited};
use ledger::Posted;

/// Checks the whole export, then reads it once more and hands on every transaction in the order of their numbers. An export
/// that changes in between is found by the second reading, before `each` gets the transaction that differs.
pub(crate) fn read(export: &mut (impl Read + Seek), each: &mut dyn FnMut(&Posted)) -> Result<Audited, AuditError> {
    let checked = audit::audit(BufReader::new(&mut *export), &mut |_, _| {})?;
    export.seek(SeekFrom::Start(0)).map_err(|source| AuditError::Io { line: 1, source })?;
    audit::audit(BufReader::new(export), &mut |posted, _| each(posted))?;
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn nothing_of_a_broken_export_is_handed_on() {
        let zeros = "0".repeat(64);
        let header = "{\"journal\":{\"format\":\"daybook-journal/1\",\"tenant\":\"kohsar\",\"exported_at\":\"now\",\"from\":null,\"to\":null}}";
        let end = format!("{{\"end\":{{\"transactions\":0,\"number\":0,\"link\":\"{zeros}\"}}}}");
        let mut count = 0;
        let empty = read(&mut Cursor::new(format!("{header}\n{end}\n")), &mut |_| count += 1).unwrap();
        assert_eq!((empty.header.tenant.as_str(), empty.transactions, count), ("kohsar", 0, 0));
        assert!(read(&mut Cursor::new(format!("{header}\n")), &mut |_| count += 1).is_err());
        assert_eq!(count, 0);
    }
}
