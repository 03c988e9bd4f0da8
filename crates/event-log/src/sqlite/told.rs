//! What SQLite says of its file, in words for whoever has to act: that a disk is full it tells as "disk I/O error" as often as not.

/// Why the log's file did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Told {
    /// There is no room, or what is written does not reach the disk.
    #[error("the disk is full or failing (SQLite code {0}): make room on it")]
    Disk(i32),
    /// Anything else, as SQLite says it.
    #[error(transparent)]
    Other(sqlx::Error),
}

/// The same error, named by what helps.
pub(super) fn told(error: sqlx::Error) -> Told {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    match code.filter(|code| is_of_the_disk(*code)) {
        Some(code) => Told::Disk(code),
        None => Told::Other(error),
    }
}

/// SQLITE_IOERR is 10 and SQLITE_FULL 13; what went on exactly is in the higher bits.
fn is_of_the_disk(code: i32) -> bool {
    matches!(code & 0xff, 10 | 13)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::Connection;

    #[test]
    fn what_the_disk_does_is_told_from_what_others_do() {
        // Written, synced, a shared-memory file made larger; busy, busy with recovery, a constraint.
        let told = [10, 13, 778, 1034, 4874, 5, 261, 2067].map(is_of_the_disk);
        assert_eq!(told, [true, true, true, true, true, false, false, false]);
    }

    #[tokio::test]
    async fn a_database_that_has_no_room_to_grow_says_so() {
        let mut connection = sqlx::SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::raw_sql("PRAGMA max_page_count = 4; CREATE TABLE t (b BLOB)").execute(&mut connection).await.unwrap();
        let refused =
            sqlx::query("INSERT INTO t VALUES (zeroblob(1000000))").execute(&mut connection).await.unwrap_err();
        assert_eq!(told(refused).to_string(), "the disk is full or failing (SQLite code 13): make room on it");
        let wrong = sqlx::query("SELECT * FROM nothing").execute(&mut connection).await.unwrap_err();
        assert!(matches!(told(wrong), Told::Other(_)));
    }
}
