//! The finance views: what dashboards such as Grafana and Metabase read, with types and amounts as people know them. On
//! PostgreSQL only, in a schema beside that of the books. `finance/README.md` says how a view is written, and
//! `docs/finance-views.md` what each of them means.
//!
//! A view shows the tenants that `finance_reader` lists for the role that logged in, and nobody else's: see [`add_reader`].

mod readers;

pub use readers::{AddReaderError, Reader, add_reader, readers, remove_reader};

use ledger::Currency;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor};

use crate::db::{Db, DbError, Tx};

/// The views, each after those it stands on.
pub const VIEWS: [&str; 7] =
    ["balance_by_day", "trial_balance", "account_statement", "cod_ageing", "daily_cash", "courier_charges", "rto_loss"];

/// The texts of [`VIEWS`], after the tables they share.
const TEXTS: [&str; 8] = [
    include_str!("../finance/0_tables.sql"),
    include_str!("../finance/balance_by_day.sql"),
    include_str!("../finance/trial_balance.sql"),
    include_str!("../finance/account_statement.sql"),
    include_str!("../finance/cod_ageing.sql"),
    include_str!("../finance/daily_cash.sql"),
    include_str!("../finance/courier_charges.sql"),
    include_str!("../finance/rto_loss.sql"),
];

/// The books' schema that gives the views the plain name `finance`.
const USUAL_BOOKS: &str = "daybook";

/// The tenants of the role that logged in. `session_user` is beyond the reach of SET ROLE, and only a superuser changes it.
const READABLE: &str =
    "(SELECT r.tenant FROM {finance}.finance_reader AS r WHERE r.role_name = session_user::text COLLATE \"C\")";

/// Holds while one process makes the views; the number has no meaning.
const MAKING: i64 = 0x0066_696e_616e_6365;

/// What became of the views when they were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installed {
    /// They were made, or made anew.
    Now,
    /// They were there, from the same text.
    Already,
    /// SQLite has none.
    NotHere,
}

/// The schema of the views over the books in schema `books`.
pub fn schema_of(books: &str) -> String {
    if books == USUAL_BOOKS { "finance".to_owned() } else { format!("{books}_finance") }
}

/// Makes the views over the books in schema `books`, or brings them up to date; all of them, or on an error none. The role
/// needs the right to create schemas, or a schema of that name that belongs to it.
pub async fn install(db: &Db, books: &str) -> Result<Installed, DbError> {
    let Db::Postgres(_) = db else { return Ok(Installed::NotHere) };
    let finance = schema_of(books);
    if finance.len() > 63 {
        // PostgreSQL would cut the name, and it might then be that of the books.
        return Err(DbError::Misfit { what: "the finance views' schema: the books' name is too long".to_owned() });
    }
    let text = script(books, &finance);
    let mark = format!("Which role may read which tenant. Views {}", fingerprint(&text));
    let stored = "SELECT obj_description(to_regclass($1), 'pg_class')";
    let rows = db.query(stored, vec![format!("{finance}.finance_reader").into()]).await?;
    if rows.first().map_or(Ok(None), |row| row.opt_text(0))? == Some(mark.as_str()) {
        return Ok(Installed::Already);
    }
    db.run_script(format!("{text}\nCOMMENT ON TABLE {finance}.finance_reader IS '{mark}';")).await?;
    Ok(Installed::Now)
}

/// Before a migration of the books in schema `books`: puts empty views of the same columns in place of the views, because a
/// table under a view can be neither dropped nor altered. Rights on the views, and other people's views over them, stay;
/// [`install`] fills them again.
pub(crate) async fn stand_aside(conn: &mut PgConnection, books: &str) -> Result<(), sqlx::Error> {
    let (finance, views) = (schema_of(books), VIEWS.join("', '"));
    let text = format!(
        "DO $$ DECLARE statement TEXT; BEGIN \
         FOR statement IN SELECT format('CREATE OR REPLACE VIEW %I.%I AS SELECT %s WHERE false', n.nspname, v.relname, \
           string_agg(format('NULL::%s%s AS %I', format_type(a.atttypid, a.atttypmod), \
             CASE WHEN a.attcollation = 0 THEN '' ELSE ' COLLATE ' || a.attcollation::regcollation END, a.attname), \
             ', ' ORDER BY a.attnum)) \
           FROM pg_class AS v JOIN pg_namespace AS n ON n.oid = v.relnamespace \
           JOIN pg_attribute AS a ON a.attrelid = v.oid AND a.attnum > 0 AND NOT a.attisdropped \
           WHERE n.nspname = '{finance}' AND v.relkind = 'v' AND v.relname IN ('{views}') GROUP BY n.nspname, v.relname \
         LOOP EXECUTE statement; END LOOP; \
         IF to_regclass('{finance}.finance_reader') IS NOT NULL THEN \
           COMMENT ON TABLE {finance}.finance_reader IS NULL; END IF; END $$"
    );
    conn.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.map(|_| ())
}

/// The text that has the views stand on the tables that now bear their names, if there are views over the books in schema
/// `books`: rights on them, and other people's views over them, stay.
pub(crate) async fn standing_anew(tx: &mut Tx, books: &str) -> Result<Option<String>, DbError> {
    let finance = schema_of(books);
    let rows = tx.query("SELECT to_regclass($1) IS NOT NULL", vec![format!("{finance}.rto_loss").into()]).await?;
    let has_views = rows.first().map_or(Ok(0), |row| row.int(0))? != 0;
    Ok(has_views.then(|| script(books, &finance)))
}

/// Everything that makes the views, in one text.
fn script(books: &str, finance: &str) -> String {
    let mut text = format!(
        "SELECT pg_advisory_xact_lock({MAKING});\n\
         DO $$ BEGIN IF to_regnamespace('{finance}') IS NULL THEN CREATE SCHEMA {finance}; END IF; END $$;\n"
    );
    let [tables, views @ ..] = TEXTS;
    text.push_str(tables);
    text.push_str(&currencies());
    views.iter().for_each(|view| text.push_str(view));
    text.push_str(&grants());
    text.replace("{readable}", READABLE).replace("{finance}", finance).replace("{books}", books)
}

/// The ledger's own table of currencies.
fn currencies() -> String {
    let row = |currency: Currency| {
        let decimals = currency.decimals();
        let unit = if decimals == 0 { "1".to_owned() } else { format!("0.{:0>1$}", 1, decimals as usize) };
        format!("('{}', {decimals}, {unit})", currency.code())
    };
    let rows: Vec<String> = Currency::all().map(row).collect();
    format!(
        "INSERT INTO {{finance}}.finance_currency (code, decimals, unit) VALUES {} \
         ON CONFLICT (code) DO UPDATE SET decimals = EXCLUDED.decimals, unit = EXCLUDED.unit;\n",
        rows.join(", ")
    )
}

/// Gives readers who are listed the views that are new. A role that is gone is passed over.
fn grants() -> String {
    format!(
        "DO $$ DECLARE reader TEXT; BEGIN \
         FOR reader IN SELECT DISTINCT r.role_name FROM {{finance}}.finance_reader AS r \
           JOIN pg_roles AS p ON p.rolname = r.role_name \
         LOOP EXECUTE format('GRANT SELECT ON {} TO %I', reader); END LOOP; END $$;\n",
        view_names("{finance}")
    )
}

/// All views with their schema, as GRANT and REVOKE list them.
fn view_names(finance: &str) -> String {
    VIEWS.map(|view| format!("{finance}.{view}")).join(", ")
}

fn fingerprint(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_views_stand_beside_their_books() {
        assert_eq!((schema_of("daybook"), schema_of("shop")), ("finance".to_owned(), "shop_finance".to_owned()));
    }

    #[test]
    fn every_mark_is_filled_in() {
        let text = script("daybook", "finance");
        let statements: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
        assert!(!statements.iter().any(|line| line.contains('{')), "a mark is left");
        assert!(VIEWS.iter().all(|view| text.contains(&format!("VIEW finance.{view} WITH (security_barrier = true)"))));
    }

    #[test]
    fn units_have_the_currencys_decimals() {
        let rows = currencies();
        for row in ["('PKR', 2, 0.01)", "('JPY', 0, 1)", "('KWD', 3, 0.001)"] {
            assert!(rows.contains(row), "{row}");
        }
    }
}
