//! `daybook tenant reader`: PostgreSQL roles that may read a tenant's finance views.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use store::db::Db;
use store::finance::{self, AddReaderError, VIEWS};

use crate::config::{Backend, Settings};
use crate::output::{Align, Answer, Table, strong};
use crate::platform::{Platform, open_books};
use crate::tenant::{find, parse};

#[derive(Debug, Subcommand)]
pub(crate) enum Reader {
    /// Let a role read a tenant's finance views
    Add(ReaderAdd),
    /// Take a tenant from a role
    Remove(ReaderOf),
    /// List the roles and what they read
    List,
}

#[derive(Debug, Args)]
pub(crate) struct ReaderOf {
    /// Which merchant
    pub(crate) tenant: String,
    /// The PostgreSQL role, as it logs in
    pub(crate) role: String,
}

#[derive(Debug, Args)]
pub(crate) struct ReaderAdd {
    #[command(flatten)]
    pub(crate) of: ReaderOf,
    /// Make the role if it is not there; its password is then set with psql
    #[arg(long)]
    pub(crate) create: bool,
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, command: &Reader) -> Result<Answer> {
    let Backend::Servers { schema, .. } = &settings.backend else {
        bail!("finance views need PostgreSQL, and this platform keeps its books in a file: look with `daybook show`");
    };
    Platform::require(settings)?;
    let db = open_books(settings).await?;
    match command {
        Reader::Add(asked) => add(&db, schema, asked).await,
        Reader::Remove(asked) => remove(&db, schema, asked).await,
        Reader::List => list(&db, schema).await,
    }
}

async fn add(db: &Db, schema: &str, asked: &ReaderAdd) -> Result<Answer> {
    let reader = reader(db, &asked.of).await?;
    match finance::add_reader(db, schema, reader.clone(), asked.create).await {
        Err(AddReaderError::UnknownRole) => {
            bail!(
                "the database has no role `{0}`: create it (`CREATE ROLE … LOGIN`), or let --create do it",
                reader.role
            )
        }
        other => other?,
    }
    let finance = finance::schema_of(schema);
    let mut text = format!(
        "{} reads {} in the schema {finance}: {}\n",
        strong(&reader.role),
        strong(reader.tenant.as_str()),
        VIEWS.join(", ")
    );
    if asked.create {
        text.push_str("a role that was made here has no password: set one in psql with \\password, then log in\n");
    }
    let json = serde_json::json!({
        "role": reader.role, "tenant": reader.tenant.as_str(), "schema": finance, "views": VIEWS
    });
    Ok(Answer::new(&json, text))
}

async fn remove(db: &Db, schema: &str, asked: &ReaderOf) -> Result<Answer> {
    // The tenant may be gone by now; the row still must go.
    let reader = finance::Reader { role: asked.role.clone(), tenant: parse(&asked.tenant)? };
    let removed = finance::remove_reader(db, schema, reader.clone()).await?;
    let text = match removed {
        true => format!("{} no longer reads {}\n", reader.role, reader.tenant),
        false => format!("{} did not read {}\n", reader.role, reader.tenant),
    };
    let json = serde_json::json!({ "role": reader.role, "tenant": reader.tenant.as_str(), "removed": removed });
    Ok(Answer::new(&json, text))
}

async fn list(db: &Db, schema: &str) -> Result<Answer> {
    let readers = finance::readers(db, schema).await?;
    let mut table = Table::new([(Align::Left, "role"), (Align::Left, "tenant")]);
    for reader in &readers {
        table.row([reader.role.clone(), reader.tenant.to_string()]);
    }
    let listed = readers.iter().map(|one| serde_json::json!({ "role": one.role, "tenant": one.tenant.as_str() }));
    let json = serde_json::json!({ "schema": finance::schema_of(schema), "readers": listed.collect::<Vec<_>>() });
    Ok(Answer::new(&json, table.to_string()))
}

async fn reader(db: &Db, of: &ReaderOf) -> Result<finance::Reader> {
    let tenant = find(db, &parse(&of.tenant)?).await?.tenant;
    Ok(finance::Reader { role: of.role.clone(), tenant })
}
