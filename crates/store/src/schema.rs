//! The two schemas: one text for both dialects, rendered for the one at hand. See `migrations/README.md`.

use crate::db::{Dialect, Migration};

/// The schema of the books and read models.
pub fn books_migrations(dialect: Dialect) -> Vec<Migration> {
    let migration = |version, name, text| Migration { version, name, sql: render(text, dialect) };
    vec![
        migration(1, "books", include_str!("../migrations/books/0001_books.sql")),
        migration(2, "ledger", include_str!("../migrations/books/0002_ledger.sql")),
        migration(3, "policy", include_str!("../migrations/books/0003_policy.sql")),
        migration(4, "vouchers", include_str!("../migrations/books/0004_vouchers.sql")),
        migration(5, "stock", include_str!("../migrations/books/0005_stock.sql")),
        migration(6, "known", include_str!("../migrations/books/0006_known.sql")),
        migration(7, "months", include_str!("../migrations/books/0007_months.sql")),
        migration(8, "alerts", include_str!("../migrations/books/0008_alerts.sql")),
        migration(9, "goods", include_str!("../migrations/books/0009_goods.sql")),
        migration(10, "totals", include_str!("../migrations/books/0010_totals.sql")),
        migration(11, "declined", include_str!("../migrations/books/0011_declined.sql")),
        migration(12, "operator", include_str!("../migrations/books/0012_operator.sql")),
        migration(13, "editions", include_str!("../migrations/books/0013_editions.sql")),
    ]
}

/// The schema of the key store.
pub fn keys_migrations(dialect: Dialect) -> Vec<Migration> {
    let migration = |version, name, text| Migration { version, name, sql: render(text, dialect) };
    vec![
        migration(1, "keys", include_str!("../migrations/keys/0001_keys.sql")),
        migration(2, "epochs", include_str!("../migrations/keys/0002_epochs.sql")),
        migration(3, "access", include_str!("../migrations/keys/0003_access.sql")),
        migration(4, "tombstones", include_str!("../migrations/keys/0004_tombstones.sql")),
        migration(5, "promise", include_str!("../migrations/keys/0005_promise.sql")),
        migration(6, "index pages", include_str!("../migrations/keys/0006_index_pages.sql")),
        migration(7, "retention", include_str!("../migrations/keys/0007_retention.sql")),
        migration(8, "holds", include_str!("../migrations/keys/0008_holds.sql")),
        migration(9, "requests", include_str!("../migrations/keys/0009_requests.sql")),
        migration(10, "rights", include_str!("../migrations/keys/0010_rights.sql")),
        migration(11, "decided", include_str!("../migrations/keys/0011_decided.sql")),
        migration(12, "financial", include_str!("../migrations/keys/0012_financial.sql")),
    ]
}

fn render(text: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => {
            text.replace("TEXT", "TEXT COLLATE \"C\"").replace("{blob}", "BYTEA").replace(" {strict}", "")
        }
        Dialect::Sqlite => text.replace("BIGINT", "INTEGER").replace("{blob}", "BLOB").replace("{strict}", "STRICT"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mark_is_left() {
        for dialect in [Dialect::Postgres, Dialect::Sqlite] {
            for migration in books_migrations(dialect).into_iter().chain(keys_migrations(dialect)) {
                let statements: Vec<&str> = migration.sql.lines().filter(|line| !line.starts_with("--")).collect();
                let text = statements.join("\n");
                assert!(!text.contains("{blob}") && !text.contains("{strict}"), "{}", migration.name);
            }
        }
    }
}
