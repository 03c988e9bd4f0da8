//! A set of a projection's tables that is built beside the live ones, and then takes their place.
//!
//! On PostgreSQL it is a schema of its own, and its tables change their schema: whatever their size that takes milliseconds. On
//! SQLite it is a file of its own, and its rows are copied. Either is one transaction, in which the checkpoints move too: who reads
//! sees the old rows or the new ones, and a crash leaves either. What is no fold of the log stays where it is.

mod compare;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use compare::{Comparison, Differences};

use crate::books::{self, Checkpoint, Projection, Stage};
use crate::db::{Db, DbError, Dialect, Hold, OpenDbError, Place, Tx};
use crate::{finance, schema};

/// How long the swap waits for those who read the tables: less than the second after which PostgreSQL would look for a deadlock, and
/// end a reader.
const PATIENCE: &str = "SET LOCAL lock_timeout = '300ms'";

/// What was there when a set was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing: it is begun.
    Nothing,
    /// One that was left half built: it is gone on with.
    HalfBuilt,
    /// One that was built by other rules than this program's: it is begun anew.
    OtherRules,
    /// One that has been swapped in, or that another rebuild has overtaken: it is begun anew.
    Overtaken,
    /// One that cannot be read, or is of another schema or number of partitions: it is begun anew.
    Unusable,
}

/// Why a set did not take the place of the live one. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SwapError {
    /// The database's answer: a conflict means that somebody reads the tables for long.
    #[error(transparent)]
    Db(#[from] DbError),
    /// These views stand on the tables, and would go on showing what is replaced.
    #[error("the views {} stand on the tables that are to be replaced", .0.join(", "))]
    StoodOn(Vec<String>),
    /// These tables have what second ones would not have: row security, rights on columns, triggers, publications, or another owner.
    #[error("the tables {} have an owner, rights, triggers or publications that others in their place would not have", .0.join(", "))]
    Guarded(Vec<String>),
    /// A newer program has changed the schema meanwhile.
    #[error("a newer program has changed the tables meanwhile")]
    Migrated,
}

/// A set of tables beside the live ones.
#[derive(Debug, Clone)]
pub struct Beside {
    live: Db,
    db: Db,
    place: Place,
    projection: Projection,
    /// One process at a time builds in a place: another one's half-built rows must never be taken for these.
    _hold: Arc<Hold>,
}

impl Beside {
    /// Opens the half-built set of a projection, or begins one; says which.
    pub async fn open(live: &Db, projection: Projection, partitions: u32) -> Result<(Beside, Found), OpenDbError> {
        let place = live.place_beside(projection.name()).await?;
        let hold = Arc::new(live.hold_beside(&place).await?);
        let mut found = Found::Nothing;
        if live.has_beside(&place).await.map_err(OpenDbError::Database)? {
            found = match Beside::at(live, &place, projection, &hold).await {
                Ok(beside) => match beside.usable(partitions).await {
                    Ok(Found::HalfBuilt) => return Ok((beside, Found::HalfBuilt)),
                    Ok(other) => {
                        beside.db.close().await;
                        other
                    }
                    Err(passing @ (DbError::Unavailable(_) | DbError::Conflict { .. })) => {
                        return Err(OpenDbError::Database(passing));
                    }
                    Err(_) => {
                        beside.db.close().await;
                        Found::Unusable
                    }
                },
                Err(OpenDbError::Database(passing @ (DbError::Unavailable(_) | DbError::Conflict { .. }))) => {
                    return Err(OpenDbError::Database(passing));
                }
                Err(_) => Found::Unusable,
            };
        }
        // Also what was left of the tables that an earlier one replaced.
        live.remove_beside(&place, projection.tables()).await.map_err(OpenDbError::Database)?;
        let beside = Beside::at(live, &place, projection, &hold).await?;
        beside.begin(partitions).await.map_err(OpenDbError::Database)?;
        Ok((beside, found))
    }

    async fn at(live: &Db, place: &Place, projection: Projection, hold: &Arc<Hold>) -> Result<Beside, OpenDbError> {
        let db = live.open_beside(place, &schema::books_migrations(live.dialect())).await?;
        Ok(Beside { live: live.clone(), db, place: place.clone(), projection, _hold: Arc::clone(hold) })
    }

    /// Its database, in which the projection's tables alone are of use.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Notes which edition of the live rows it is to replace.
    async fn begin(&self, partitions: u32) -> Result<(), DbError> {
        let (live, projection) = (books::checkpoints(&self.live, self.projection.name()).await?, self.projection);
        self.db
            .run_tx("begin-beside", move |tx| {
                let live = live.clone();
                Box::pin(async move {
                    for partition in 0..partitions {
                        let edition = live.get(&partition).map_or(0, |stored| stored.edition);
                        let start = Checkpoint { edition, ..Checkpoint::start(Stage::Rebuilding) };
                        books::save_checkpoint(tx, projection.name(), partition, &start).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Whether it can be gone on with.
    async fn usable(&self, partitions: u32) -> Result<Found, DbError> {
        let stored = books::checkpoints(&self.db, self.projection.name()).await?;
        let live = books::checkpoints(&self.live, self.projection.name()).await?;
        let versions = books::versions(&self.db, self.projection).await?;
        let edition = |of: &BTreeMap<u32, Checkpoint>, partition| of.get(partition).map_or(0, |one| one.edition);
        Ok(match () {
            () if !stored.keys().copied().eq(0..partitions) => Found::Unusable,
            () if versions.values().any(|version| *version != u64::from(self.projection.version())) => {
                Found::OtherRules
            }
            () if stored.keys().any(|partition| edition(&stored, partition) != edition(&live, partition)) => {
                Found::Overtaken
            }
            () => Found::HalfBuilt,
        })
    }

    /// Has the server learn what is in the tables, so that from the first statement on it reads the new ones as it read the old.
    pub async fn learn(&self) -> Result<(), DbError> {
        if self.db.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let sql = format!("ANALYZE {}", self.projection.tables().join(", "));
        self.db
            .run_tx("learn-beside", move |tx| {
                let sql = sql.clone();
                Box::pin(async move { tx.execute(&sql, vec![]).await.map(|_| ()) })
            })
            .await
    }

    /// Puts its tables in the place of the live ones, in a transaction of the live database that has locked their checkpoints. What
    /// is listed of records that could not be read goes with them.
    pub async fn swap(&self, tx: &mut Tx) -> Result<(), SwapError> {
        match &self.place {
            Place::Schemas { live, beside, old } => self.change_schemas(tx, live, beside, old).await?,
            Place::File(path) => {
                tx.attach(path).await?;
                for table in self.projection.tables() {
                    tx.execute(&format!("DELETE FROM main.{table}"), vec![]).await?;
                    tx.execute(&format!("INSERT INTO main.{table} SELECT * FROM beside.{table}"), vec![]).await?;
                }
            }
        }
        let beside = match &self.place {
            Place::Schemas { beside, .. } => beside.as_str(),
            Place::File(_) => "beside",
        };
        let name = self.projection.name();
        tx.execute("DELETE FROM poison WHERE consumer = $1", vec![name.into()]).await?;
        let listed = format!("INSERT INTO poison SELECT * FROM {beside}.poison WHERE consumer = $1");
        tx.execute(&listed, vec![name.into()]).await?;
        Ok(())
    }

    /// Tables of one schema go to another; who holds rights on them keeps them, and the finance views stand on the new ones.
    async fn change_schemas(&self, tx: &mut Tx, live: &str, beside: &str, old: &str) -> Result<(), SwapError> {
        let tables = self.projection.tables();
        tx.execute(PATIENCE, vec![]).await?;
        let others = views_over(tx, live, tables).await?;
        if !others.is_empty() {
            return Err(SwapError::StoodOn(others));
        }
        let guarded = guarded(tx, live, tables).await?;
        if !guarded.is_empty() {
            return Err(SwapError::Guarded(guarded));
        }
        let same = format!(
            "SELECT 1 WHERE (SELECT MAX(version) FROM {live}._sqlx_migrations) = (SELECT MAX(version) FROM {beside}._sqlx_migrations)"
        );
        if tx.query(&same, vec![]).await?.is_empty() {
            return Err(SwapError::Migrated);
        }
        let mut script = format!("CREATE SCHEMA {old};\nLOCK TABLE {} IN ACCESS EXCLUSIVE MODE;\n", tables.join(", "));
        script.push_str(&same_rights(live, beside, tables));
        for table in tables {
            script.push_str(&format!(
                "ALTER TABLE {live}.{table} SET SCHEMA {old};\nALTER TABLE {beside}.{table} SET SCHEMA {live};\n"
            ));
        }
        tx.script(script).await?;
        if let Some(views) = finance::standing_anew(tx, live).await? {
            tx.script(views).await?;
        }
        Ok(())
    }

    /// Removes it, and what it has replaced.
    pub async fn remove(self) -> Result<(), DbError> {
        self.db.close().await;
        self.live.remove_beside(&self.place, self.projection.tables()).await
    }
}

/// Has the statements of a transaction that only reads see one state of a projection's tables, also while they are replaced: for
/// the first statement of the transaction. PostgreSQL finds a table by its name anew in each statement, but its rows as they were
/// in the beginning.
pub async fn hold_still(tx: &mut Tx, projection: Projection) -> Result<(), DbError> {
    match tx.dialect() {
        Dialect::Sqlite => Ok(()),
        Dialect::Postgres => {
            let tables = projection.tables().join(", ");
            tx.execute(&format!("LOCK TABLE {tables} IN ACCESS SHARE MODE"), vec![]).await.map(|_| ())
        }
    }
}

/// Other people's views that stand on these tables. The finance views can be told to stand elsewhere; these cannot.
async fn views_over(tx: &mut Tx, live: &str, tables: &[&str]) -> Result<Vec<String>, DbError> {
    let sql = format!(
        "SELECT DISTINCT CAST(v.oid::regclass AS TEXT) FROM pg_depend AS d \
         JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid \
         JOIN pg_class AS v ON v.oid = r.ev_class JOIN pg_class AS t ON d.refclassid = 'pg_class'::regclass AND t.oid = d.refobjid \
         JOIN pg_namespace AS n ON n.oid = t.relnamespace JOIN pg_namespace AS o ON o.oid = v.relnamespace \
         WHERE n.nspname = $1 AND t.relname IN ('{}') AND v.oid <> t.oid \
         AND NOT (o.nspname = $2 AND v.relname IN ('{}'))",
        tables.join("', '"),
        finance::VIEWS.join("', '")
    );
    let rows = tx.query(&sql, vec![live.into(), finance::schema_of(live).into()]).await?;
    rows.iter().map(|row| row.text(0).map(str::to_owned)).collect()
}

/// Those of these tables that have what is not carried over to others in their place.
async fn guarded(tx: &mut Tx, live: &str, tables: &[&str]) -> Result<Vec<String>, DbError> {
    let sql = format!(
        "SELECT CAST(c.relname AS TEXT) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE n.nspname = $1 AND c.relname IN ('{}') AND (c.relrowsecurity OR pg_get_userbyid(c.relowner) <> current_user \
         OR EXISTS (SELECT 1 FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL) \
         OR EXISTS (SELECT 1 FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) \
         OR EXISTS (SELECT 1 FROM pg_publication_rel AS p WHERE p.prrelid = c.oid)) ORDER BY c.relname",
        tables.join("', '")
    );
    let rows = tx.query(&sql, vec![live.into()]).await?;
    rows.iter().map(|row| row.text(0).map(str::to_owned)).collect()
}

/// Grants on the second tables what others were granted on the first.
fn same_rights(live: &str, beside: &str, tables: &[&str]) -> String {
    format!(
        "DO $$ DECLARE held RECORD; BEGIN \
         FOR held IN SELECT c.relname, a.privilege_type, a.is_grantable, \
           CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS whose \
           FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace, aclexplode(c.relacl) AS a \
           WHERE n.nspname = '{live}' AND c.relname IN ('{}') AND a.grantee <> c.relowner \
         LOOP EXECUTE format('GRANT %s ON {beside}.%I TO %s%s', held.privilege_type, held.relname, held.whose, \
           CASE WHEN held.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END); END LOOP; END $$;\n",
        tables.join("', '")
    )
}
