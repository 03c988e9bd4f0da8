//! The SQL text of the bulk statements, as pure functions of a table.

use super::rows::{Column, Kind, Role, Table};

/// PostgreSQL: insert all rows of the arrays at once, whatever their number.
pub(super) fn upsert_postgres(table: &Table) -> String {
    let names = names(table.columns.iter());
    let arrays = arrays(table.columns.iter());
    format!("INSERT INTO {} ({names}) SELECT * FROM UNNEST({arrays}) {}", table.name, on_conflict(table))
}

/// SQLite: insert this many rows.
pub(super) fn upsert_sqlite(table: &Table, rows: usize) -> String {
    let names = names(table.columns.iter());
    let values = values(table.columns.len(), rows);
    format!("INSERT INTO {} ({names}) VALUES {values} {}", table.name, on_conflict(table))
}

/// PostgreSQL: the rows whose `by` columns are among the arrays.
pub(super) fn select_postgres(table: &Table, by: &[&Column]) -> String {
    format!("SELECT {} FROM {} WHERE {}", names(table.columns.iter()), table.name, in_arrays(by))
}

/// SQLite: the rows whose `by` columns are among this many keys.
pub(super) fn select_sqlite(table: &Table, by: &[&Column], keys: usize) -> String {
    format!("SELECT {} FROM {} WHERE {}", names(table.columns.iter()), table.name, in_values(by, keys))
}

/// PostgreSQL: delete the rows whose `by` columns are among the arrays.
pub(super) fn delete_postgres(table: &Table, by: &[&Column]) -> String {
    format!("DELETE FROM {} WHERE {}", table.name, in_arrays(by))
}

/// SQLite: delete the rows whose `by` columns are among this many keys.
pub(super) fn delete_sqlite(table: &Table, by: &[&Column], keys: usize) -> String {
    format!("DELETE FROM {} WHERE {}", table.name, in_values(by, keys))
}

fn in_arrays(by: &[&Column]) -> String {
    let columns = by.iter().copied();
    format!("({}) IN (SELECT * FROM UNNEST({}))", names(columns.clone()), arrays(columns))
}

fn in_values(by: &[&Column], keys: usize) -> String {
    format!("({}) IN (VALUES {})", names(by.iter().copied()), values(by.len(), keys))
}

fn names<'a>(columns: impl Iterator<Item = &'a Column>) -> String {
    columns.map(|column| column.name).collect::<Vec<_>>().join(", ")
}

/// `$1::int8[], $2::text[], …`
fn arrays<'a>(columns: impl Iterator<Item = &'a Column>) -> String {
    let typed = columns.zip(1..).map(|(column, place)| match column.kind {
        Kind::Int => format!("${place}::int8[]"),
        Kind::Text => format!("${place}::text[]"),
        Kind::Blob => format!("${place}::bytea[]"),
    });
    typed.collect::<Vec<_>>().join(", ")
}

/// `(?,?),(?,?)`. Anonymous places, because binding thousands of numbered ones looks each of them up by name.
fn values(width: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; width].join(","));
    vec![row.as_str(); rows].join(",")
}

fn on_conflict(table: &Table) -> String {
    let updates: Vec<String> = table.columns.iter().filter_map(|column| update(table.name, column)).collect();
    let keys = names(table.keys());
    match updates.is_empty() {
        true => format!("ON CONFLICT ({keys}) DO NOTHING"),
        false => {
            format!("ON CONFLICT ({keys}) DO UPDATE SET {}{}", updates.join(", "), only_if_different(table))
        }
    }
}

/// A row that would stay as it is is not written: that costs its indexes and the write-ahead log as much as a change.
fn only_if_different(table: &Table) -> String {
    let columns = table.columns.iter();
    if columns.clone().any(|column| column.role == Role::Add) {
        return String::new();
    }
    let replaced = columns.filter(|column| column.role == Role::Replace);
    let differs = replaced.map(|Column { name, .. }| format!("{}.{name} IS DISTINCT FROM EXCLUDED.{name}", table.name));
    format!(" WHERE {}", differs.collect::<Vec<_>>().join(" OR "))
}

fn update(table: &str, Column { name, role, .. }: &Column) -> Option<String> {
    match role {
        Role::Key | Role::Keep => None,
        Role::Replace => Some(format!("{name} = EXCLUDED.{name}")),
        Role::Add => Some(format!("{name} = {table}.{name} + EXCLUDED.{name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static BALANCES: Table = Table {
        name: "balances",
        columns: &[
            Column::key("tenant", Kind::Text),
            Column::key("day", Kind::Int),
            Column::add("debit"),
            Column::replace("proof", Kind::Blob),
            Column::keep("first_seen", Kind::Int),
        ],
    };

    static ORDERS: Table = Table {
        name: "orders",
        columns: &[
            Column::key("id", Kind::Text),
            Column::replace("total", Kind::Int),
            Column::replace("city", Kind::Text),
        ],
    };

    static SEEN: Table =
        Table { name: "seen", columns: &[Column::key("id", Kind::Text), Column::keep("at", Kind::Int)] };

    #[test]
    fn upserts_replace_add_and_keep() {
        let update =
            "ON CONFLICT (tenant, day) DO UPDATE SET debit = balances.debit + EXCLUDED.debit, proof = EXCLUDED.proof";
        assert_eq!(
            upsert_postgres(&BALANCES),
            format!(
                "INSERT INTO balances (tenant, day, debit, proof, first_seen) SELECT * FROM \
                 UNNEST($1::text[], $2::int8[], $3::int8[], $4::bytea[], $5::int8[]) {update}"
            )
        );
        assert_eq!(
            upsert_sqlite(&BALANCES, 2),
            format!(
                "INSERT INTO balances (tenant, day, debit, proof, first_seen) VALUES (?,?,?,?,?),(?,?,?,?,?) {update}"
            )
        );
    }

    #[test]
    fn rows_that_stay_as_they_are_are_not_written() {
        assert_eq!(
            upsert_sqlite(&ORDERS, 1),
            "INSERT INTO orders (id, total, city) VALUES (?,?,?) ON CONFLICT (id) DO UPDATE SET \
             total = EXCLUDED.total, city = EXCLUDED.city \
             WHERE orders.total IS DISTINCT FROM EXCLUDED.total OR orders.city IS DISTINCT FROM EXCLUDED.city"
        );
    }

    #[test]
    fn nothing_to_update_does_nothing() {
        assert_eq!(upsert_sqlite(&SEEN, 1), "INSERT INTO seen (id, at) VALUES (?,?) ON CONFLICT (id) DO NOTHING");
    }

    #[test]
    fn keys_select_and_delete() {
        let by: Vec<&Column> = BALANCES.keys().collect();
        assert_eq!(
            select_postgres(&BALANCES, &by),
            "SELECT tenant, day, debit, proof, first_seen FROM balances \
             WHERE (tenant, day) IN (SELECT * FROM UNNEST($1::text[], $2::int8[]))"
        );
        assert_eq!(
            select_sqlite(&BALANCES, &by, 2),
            "SELECT tenant, day, debit, proof, first_seen FROM balances WHERE (tenant, day) IN (VALUES (?,?),(?,?))"
        );
        assert_eq!(
            delete_postgres(&SEEN, &SEEN.keys().collect::<Vec<_>>()),
            "DELETE FROM seen WHERE (id) IN (SELECT * FROM UNNEST($1::text[]))"
        );
        assert_eq!(
            delete_sqlite(&SEEN, &SEEN.keys().collect::<Vec<_>>(), 1),
            "DELETE FROM seen WHERE (id) IN (VALUES (?))"
        );
    }
}
