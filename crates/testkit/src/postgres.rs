//! The PostgreSQL of the test run. Tests share the server and get a database each.

use anyhow::Context;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::servers;

static POSTGRES: OnceCell<Postgres> = OnceCell::const_new();

/// A running PostgreSQL server, reached as a superuser.
#[derive(Clone, Debug)]
pub struct Postgres {
    /// `postgres://user:password@host:port/database`, a database to give orders from rather than to test in.
    pub url: String,
}

impl Postgres {
    /// Creates an empty database with a name no other test has.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn database(&self) -> TestDatabase {
        let name = format!("t{}", Uuid::new_v4().simple());
        let created = execute(&self.url, format!("CREATE DATABASE {name}")).await;
        created.unwrap_or_else(|error| panic!("no database for the test: {error:#}"));
        TestDatabase { url: with_database(&self.url, &name), server: self.url.clone(), name }
    }
}

/// A database of one test. It is dropped with this value, connections and all, unless the server is gone already.
#[derive(Debug)]
pub struct TestDatabase {
    /// `postgres://user:password@host:port/database`, its owner a superuser.
    pub url: String,
    server: String,
    name: String,
}

impl Drop for TestDatabase {
    /// Runs in a thread of its own, because the test's runtime may be ending. What fails here goes with the server.
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let server = self.server.clone();
        let dropping = std::thread::spawn(move || -> anyhow::Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(execute(&server, sql))
        });
        drop(dropping.join());
    }
}

/// The server of this process: the one `DAYBOOK_POSTGRES` names, or one started at the first call (about a second) and stopped
/// when the process ends.
///
/// # Panics
/// When it does not start; the message has the server's own words.
pub async fn postgres() -> Postgres {
    let started = POSTGRES
        .get_or_try_init(|| async {
            servers::address("postgres", "DAYBOOK_POSTGRES").await.map(|url| Postgres { url })
        })
        .await;
    started.unwrap_or_else(|error| panic!("{error:#}")).clone()
}

/// One statement on one connection; the names in it were made here, of letters and digits.
async fn execute(url: &str, sql: String) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await.context("PostgreSQL does not answer")?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// `url` with another database in it, its parameters kept.
fn with_database(url: &str, name: &str) -> String {
    let (address, parameters) = url.split_once('?').map_or((url, String::new()), |(a, p)| (a, format!("?{p}")));
    let after_scheme = address.find("://").map_or(0, |at| at + 3);
    let server = address[after_scheme..].find('/').map_or(address, |at| &address[..after_scheme + at]);
    format!("{server}/{name}{parameters}")
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn a_database_takes_the_place_of_the_one_in_the_url() {
        for (url, expected) in [
            ("postgres://u:p@127.0.0.1:5/postgres", "postgres://u:p@127.0.0.1:5/t1"),
            ("postgres://127.0.0.1:5", "postgres://127.0.0.1:5/t1"),
            ("postgres://h/db?sslmode=disable", "postgres://h/t1?sslmode=disable"),
        ] {
            assert_eq!(with_database(url, "t1"), expected);
        }
    }
}
