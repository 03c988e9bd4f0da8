//! Who may read which tenant's finance views: a row in `finance_reader` and the grants that go with it.

use commerce::TenantId;

use super::{schema_of, view_names};
use crate::books::parsed;
use crate::db::{Db, DbError, Dialect, Tx};

/// A role that may read a tenant's views.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reader {
    /// The PostgreSQL role, as it logs in.
    pub role: String,
    /// Whose figures it sees.
    pub tenant: TenantId,
}

/// Why a role was not made a reader. Nothing has been changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddReaderError {
    /// The database did not answer; what its error says decides whether to try again.
    #[error(transparent)]
    Store(#[from] DbError),
    /// SQLite has no roles and no views.
    #[error("finance views need PostgreSQL")]
    NotHere,
    /// The views could not be made when the books were opened.
    #[error("the schema `{0}` has no finance views: let the database's owner make it for the role daybook connects as")]
    NoViews(String),
    /// No role has this name.
    #[error("the database has no such role")]
    UnknownRole,
    /// The role is a group: nobody logs in as it, so it would never see anything.
    #[error("the role cannot log in: views show what is listed for the role that logged in")]
    CannotLogIn,
    /// The role, or one it may become, is a superuser or may use the books' own tables: views would not confine it.
    #[error("the role is, or may become, one that reads the tables themselves: take a role without other rights")]
    ReadsTables,
    /// The role daybook connects as may not create roles.
    #[error("daybook's own role may not create roles: let the database's owner create it")]
    MayNotCreate,
}

/// Lets a role read a tenant's views: lists it, and grants what it needs. With `create`, makes the role first, without a
/// password, if there is none of that name.
pub async fn add_reader(db: &Db, books: &str, reader: Reader, create: bool) -> Result<(), AddReaderError> {
    if db.dialect() == Dialect::Sqlite {
        return Err(AddReaderError::NotHere);
    }
    let books = books.to_owned();
    db.run_tx("add-finance-reader", move |tx| {
        let (books, reader) = (books.clone(), reader.clone());
        Box::pin(async move { add_in(tx, &books, &reader, create).await })
    })
    .await
}

/// Takes a tenant from a role, and with the last one the grants. False if it was not listed.
pub async fn remove_reader(db: &Db, books: &str, reader: Reader) -> Result<bool, DbError> {
    let finance = schema_of(books);
    db.run_tx("remove-finance-reader", move |tx| {
        let (finance, reader) = (finance.clone(), reader.clone());
        Box::pin(async move { remove_in(tx, &finance, &reader).await })
    })
    .await
}

/// Every reader, by role and tenant.
pub async fn readers(db: &Db, books: &str) -> Result<Vec<Reader>, DbError> {
    let finance = schema_of(books);
    let found = "SELECT to_regclass($1) IS NOT NULL";
    let rows = db.query(found, vec![format!("{finance}.finance_reader").into()]).await?;
    if rows.first().map_or(Ok(0), |row| row.int(0))? == 0 {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT role_name, tenant FROM {finance}.finance_reader ORDER BY role_name, tenant");
    let rows = db.query(&sql, vec![]).await?;
    let reader = |row: &crate::db::Row| {
        Ok(Reader { role: row.text(0)?.to_owned(), tenant: parsed("finance_reader.tenant", row.text(1)?)? })
    };
    rows.iter().map(reader).collect()
}

async fn add_in(tx: &mut Tx, books: &str, reader: &Reader, create: bool) -> Result<(), AddReaderError> {
    let (finance, role) = (schema_of(books), quoted(&reader.role));
    if !has_views(tx, &finance).await? {
        return Err(AddReaderError::NoViews(finance));
    }
    if create && !exists(tx, &reader.role).await? {
        let created = tx.execute(&format!("CREATE ROLE {role} LOGIN"), vec![]).await;
        created.map_err(|error| if refuses_right(&error) { AddReaderError::MayNotCreate } else { error.into() })?;
    }
    check(tx, books, &reader.role).await?;
    let sql =
        format!("INSERT INTO {finance}.finance_reader (role_name, tenant) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    tx.execute(&sql, vec![reader.role.as_str().into(), reader.tenant.as_str().into()]).await?;
    tx.execute(&format!("GRANT USAGE ON SCHEMA {finance} TO {role}"), vec![]).await?;
    tx.execute(&format!("GRANT SELECT ON {} TO {role}", view_names(&finance)), vec![]).await?;
    Ok(())
}

async fn remove_in(tx: &mut Tx, finance: &str, reader: &Reader) -> Result<bool, DbError> {
    if !has_views(tx, finance).await? {
        return Ok(false);
    }
    let sql = format!("DELETE FROM {finance}.finance_reader WHERE role_name = $1 AND tenant = $2");
    let gone = tx.execute(&sql, vec![reader.role.as_str().into(), reader.tenant.as_str().into()]).await?;
    let left = format!("SELECT 1 FROM {finance}.finance_reader WHERE role_name = $1 LIMIT 1");
    let is_last = tx.query(&left, vec![reader.role.as_str().into()]).await?.is_empty();
    if is_last && exists(tx, &reader.role).await? {
        let role = quoted(&reader.role);
        tx.execute(&format!("REVOKE SELECT ON {} FROM {role}", view_names(finance)), vec![]).await?;
        tx.execute(&format!("REVOKE USAGE ON SCHEMA {finance} FROM {role}"), vec![]).await?;
    }
    Ok(gone > 0)
}

/// Refuses a role that the views would not confine, or that could not use them.
async fn check(tx: &mut Tx, books: &str, role: &str) -> Result<(), AddReaderError> {
    let sql = "SELECT p.rolcanlogin, EXISTS (SELECT 1 FROM pg_roles AS o WHERE pg_has_role(p.oid, o.oid, 'MEMBER') \
               AND (o.rolsuper OR has_schema_privilege(o.oid, $2, 'USAGE'))) FROM pg_roles AS p WHERE p.rolname = $1";
    let rows = tx.query(sql, vec![role.into(), books.into()]).await?;
    let row = rows.first().ok_or(AddReaderError::UnknownRole)?;
    match (row.int(0)?, row.int(1)?) {
        (_, 1) => Err(AddReaderError::ReadsTables),
        (0, _) => Err(AddReaderError::CannotLogIn),
        _ => Ok(()),
    }
}

async fn has_views(tx: &mut Tx, finance: &str) -> Result<bool, DbError> {
    let sql = "SELECT to_regclass($1) IS NOT NULL";
    let rows = tx.query(sql, vec![format!("{finance}.rto_loss").into()]).await?;
    Ok(rows.first().map_or(Ok(0), |row| row.int(0))? != 0)
}

async fn exists(tx: &mut Tx, role: &str) -> Result<bool, DbError> {
    Ok(!tx.query("SELECT 1 FROM pg_roles WHERE rolname = $1", vec![role.into()]).await?.is_empty())
}

fn refuses_right(error: &DbError) -> bool {
    matches!(error, DbError::Other { code } if code == "42501")
}

/// A name as an identifier in SQL text, whatever its characters.
fn quoted(role: &str) -> String {
    format!("\"{}\"", role.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_role_stays_one_identifier() {
        assert_eq!(super::quoted(r#"bi"; DROP"#), r#""bi""; DROP""#);
    }
}
