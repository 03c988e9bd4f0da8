//! Goods at cost: the lines of the items' cards.

use std::collections::{BTreeMap, BTreeSet};

use commerce::stock::{CardLine, Movement, Origin, Value as Worth};
use commerce::{PartKey, TenantId, VariantId};
use ledger::{Money, Timestamp};

use super::tables::STOCK_MOVEMENT;
use super::{corrupt, decode, encode, parsed};
use crate::db::{DbError, Dialect, Keys, Row, Rows, Tx, Value};

/// The place of a line: whose, of which item, when, and where it comes from. In this order cards are read.
pub type MovementKey = (TenantId, VariantId, Timestamp, Origin);

/// Lines by their places.
pub type Movements = BTreeMap<MovementKey, CardLine>;

/// A place on each of some items' cards.
pub type CardPlaces = BTreeMap<(TenantId, VariantId), (Timestamp, Origin)>;

/// The lines that are posted in the journals of these parts.
pub async fn movements_by_part(tx: &mut Tx, parts: &BTreeSet<(TenantId, PartKey)>) -> Result<Movements, DbError> {
    let mut keys = Keys::by(&STOCK_MOVEMENT, &["tenant", "part"]);
    for (tenant, part) in parts {
        keys.push([tenant.as_str().into(), part.to_string().into()]);
    }
    tx.select_by_keys(&keys).await?.iter().map(line).collect()
}

/// Those of these lines that are stored.
pub async fn movements_by_key(tx: &mut Tx, wanted: &BTreeSet<MovementKey>) -> Result<Movements, DbError> {
    tx.select_by_keys(&keys(wanted)).await?.iter().map(line).collect()
}

/// Each of these cards from this place on, the place itself included.
pub async fn movements_from(tx: &mut Tx, places: &CardPlaces) -> Result<Movements, DbError> {
    let from = "s.tenant = k.tenant AND s.item = k.item AND (s.occurred, s.origin) >= (k.occurred, k.origin)";
    let columns = columns("s");
    let sql = match tx.dialect() {
        // Each card by its index, however many lines there are: the inner query is not merged because it is ordered.
        Dialect::Postgres => format!(
            "SELECT s.* FROM {PLACES_POSTGRES} CROSS JOIN LATERAL \
             (SELECT {columns} FROM stock_movement AS s WHERE {from} ORDER BY s.occurred, s.origin) AS s"
        ),
        // CROSS JOIN keeps this order of reading.
        Dialect::Sqlite => {
            format!("SELECT {columns} FROM {PLACES_SQLITE} CROSS JOIN stock_movement AS s WHERE {from}")
        }
    };
    select(tx, &sql, places).await
}

/// The last line of each of these cards before this place, if there is one.
pub async fn movements_before(tx: &mut Tx, places: &CardPlaces) -> Result<Movements, DbError> {
    let before = "s.tenant = k.tenant AND s.item = k.item AND (s.occurred, s.origin) < (k.occurred, k.origin) \
                  ORDER BY s.occurred DESC, s.origin DESC LIMIT 1";
    let sql = match tx.dialect() {
        Dialect::Postgres => format!(
            "SELECT s.* FROM {PLACES_POSTGRES} CROSS JOIN LATERAL \
             (SELECT {} FROM stock_movement AS s WHERE {before}) AS s",
            columns("s")
        ),
        Dialect::Sqlite => format!(
            "SELECT {} FROM {PLACES_SQLITE} JOIN stock_movement AS m \
             ON m.rowid = (SELECT s.rowid FROM stock_movement AS s WHERE {before})",
            columns("m")
        ),
    };
    select(tx, &sql, places).await
}

/// Up to `limit` lines after a place, in the order of the stored text, over all tenants. The last place is the one to go on
/// from; the lines of one item stand together and in order.
pub async fn movements_page(
    tx: &mut Tx,
    after: Option<&MovementKey>,
    limit: u32,
) -> Result<Vec<(MovementKey, CardLine)>, DbError> {
    let (tenant, item, at, origin) = match after {
        Some((tenant, item, at, origin)) => (tenant.to_string(), item.to_string(), at.0, origin.as_str().to_owned()),
        None => (String::new(), String::new(), i64::MIN, String::new()),
    };
    let sql = format!(
        "SELECT {} FROM stock_movement WHERE (tenant, item, occurred, origin) > ($1, $2, $3, $4) \
         ORDER BY tenant, item, occurred, origin LIMIT $5",
        columns("stock_movement")
    );
    let args = vec![tenant.into(), item.into(), at.into(), origin.into(), limit.into()];
    tx.query(&sql, args).await?.iter().map(line).collect()
}

/// Stores lines; what they say of a place takes the place of what was there.
pub async fn save_movements(tx: &mut Tx, lines: &Movements) -> Result<(), DbError> {
    let mut rows = Rows::new(&STOCK_MOVEMENT);
    for (key, line) in lines {
        rows.push(cells(key, line)?);
    }
    tx.upsert(&rows).await.map(|_| ())
}

/// Removes lines.
pub async fn delete_movements(tx: &mut Tx, gone: &BTreeSet<MovementKey>) -> Result<(), DbError> {
    tx.delete_by_keys(&keys(gone)).await.map(|_| ())
}

/// The places, given as one JSON text: `[[tenant, item, occurred, origin], …]`.
const PLACES_SQLITE: &str = "(SELECT value->>0 AS tenant, value->>1 AS item, value->>2 AS occurred, \
                             value->>3 AS origin FROM json_each($1)) AS k";
const PLACES_POSTGRES: &str = "(SELECT value->>0 AS tenant, value->>1 AS item, CAST(value->>2 AS BIGINT) AS occurred, \
                               value->>3 AS origin FROM json_array_elements(CAST($1 AS json))) AS k";

async fn select(tx: &mut Tx, sql: &str, places: &CardPlaces) -> Result<Movements, DbError> {
    if places.is_empty() {
        return Ok(Movements::new());
    }
    let place = |((tenant, item), (at, origin)): (&(TenantId, VariantId), &(Timestamp, Origin))| {
        serde_json::json!([tenant.as_str(), item.to_string(), at.0, origin.as_str()])
    };
    let places: serde_json::Value = places.iter().map(place).collect();
    tx.query(sql, vec![places.to_string().into()]).await?.iter().map(line).collect()
}

fn columns(of: &str) -> String {
    let names: Vec<String> = STOCK_MOVEMENT.columns.iter().map(|column| format!("{of}.{}", column.name)).collect();
    names.join(", ")
}

fn keys(of: &BTreeSet<MovementKey>) -> Keys {
    let mut keys = Keys::new(&STOCK_MOVEMENT);
    for (tenant, item, at, origin) in of {
        keys.push([tenant.as_str().into(), item.to_string().into(), at.0.into(), origin.as_str().into()]);
    }
    keys
}

fn cells((tenant, item, at, origin): &MovementKey, line: &CardLine) -> Result<[Value; 15], DbError> {
    let (kind, unit_cost, issue, earlier) = match &line.movement {
        Movement::CostNoted { unit_cost } => ("cost", Some(*unit_cost), None, 0),
        Movement::Received { unit_cost, .. } => ("received", Some(*unit_cost), None, 0),
        Movement::Issued { .. } => ("issued", None, None, 0),
        Movement::Returned { issue, earlier, .. } => ("returned", None, Some(issue.as_str()), *earlier),
        Movement::Lost { issue, .. } => ("lost", None, issue.as_ref().map(Origin::as_str), 0),
    };
    Ok([
        tenant.as_str().into(),
        item.to_string().into(),
        at.0.into(),
        origin.as_str().into(),
        line.part.as_ref().map(ToString::to_string).into(),
        kind.into(),
        line.movement.quantity().into(),
        unit_cost.map(|cost| cost.minor).into(),
        unit_cost.map(|cost| cost.currency.to_string()).into(),
        issue.into(),
        earlier.into(),
        line.value.map(|value| value.cost).into(),
        line.value.map(|value| value.correction).into(),
        line.value.map(|value| value.currency.to_string()).into(),
        line.after.as_ref().map(|stock| encode("stock_movement.state", stock)).transpose()?.into(),
    ])
}

fn line<T: From<(MovementKey, CardLine)>>(row: &Row) -> Result<T, DbError> {
    let origin = Origin::stored(row.text(3)?.to_owned());
    let at = Timestamp(row.int(2)?);
    let key = (
        parsed("stock_movement.tenant", row.text(0)?)?,
        parsed("stock_movement.item", row.text(1)?)?,
        at,
        origin.clone(),
    );
    let line = CardLine {
        at,
        origin,
        part: row.opt_text(4)?.map(|part| parsed("stock_movement.part", part)).transpose()?,
        movement: movement(row)?,
        value: worth(row)?,
        after: row.opt_blob(14)?.map(|state| decode("stock_movement.state", state)).transpose()?,
    };
    Ok(T::from((key, line)))
}

fn movement(row: &Row) -> Result<Movement, DbError> {
    let quantity = row.int(6)?;
    Ok(match row.text(5)? {
        "cost" => Movement::CostNoted { unit_cost: unit_cost(row)? },
        "received" => Movement::Received { quantity, unit_cost: unit_cost(row)? },
        "issued" => Movement::Issued { quantity },
        "returned" => {
            Movement::Returned { quantity, earlier: row.int(10)?, issue: Origin::stored(row.text(9)?.to_owned()) }
        }
        "lost" => Movement::Lost { quantity, issue: row.opt_text(9)?.map(|issue| Origin::stored(issue.to_owned())) },
        _ => return Err(corrupt("stock_movement.kind")),
    })
}

fn unit_cost(row: &Row) -> Result<Money, DbError> {
    Ok(Money::new(row.int(7)?, parsed("stock_movement.unit_currency", row.text(8)?)?))
}

fn worth(row: &Row) -> Result<Option<Worth>, DbError> {
    let Some(cost) = row.opt_int(11)? else { return Ok(None) };
    let currency = parsed("stock_movement.currency", row.text(13)?)?;
    Ok(Some(Worth { cost, correction: row.int(12)?, currency }))
}
