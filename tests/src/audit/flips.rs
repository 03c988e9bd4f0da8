//! One flipped bit anywhere in the stored journal: verification finds it and names the tenant and the number.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};

use crate::backend::{Backend, Kind};
use crate::books::{append, config, sample};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Bytes,
    Text,
    Number,
}

/// Every stored column.
const COLUMNS: [(&str, Holds); 10] = [
    ("body", Holds::Bytes),
    ("link", Holds::Bytes),
    ("entries", Holds::Text),
    ("part", Holds::Text),
    ("tenant", Holds::Text),
    ("effective", Holds::Number),
    ("recorded", Holds::Number),
    ("number", Holds::Number),
    ("position", Holds::Number),
    ("partition_no", Holds::Number),
];

/// The tables, behind the program's back.
enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Raw {
    async fn open(backend: &Backend) -> Raw {
        if let Some(url) = backend.url() {
            let mut raw = PgConnection::connect(url).await.unwrap();
            sqlx::query("SET search_path TO daybook").execute(&mut raw).await.unwrap();
            return Raw::Postgres(raw);
        }
        let file = sqlx::sqlite::SqliteConnectOptions::new().filename(backend.folder.path().join("books.db"));
        Raw::Sqlite(sqlx::ConnectOptions::connect(&file).await.unwrap())
    }

    /// A column as bytes, where `filter` leads to one row. Numbers are big-endian.
    async fn get(&mut self, column: &str, holds: Holds, filter: &str) -> Vec<u8> {
        let shown = match (&self, holds) {
            (Raw::Sqlite(_), Holds::Text) => format!("CAST({column} AS BLOB)"),
            (Raw::Postgres(_), Holds::Text) => format!("convert_to({column}, 'UTF8')"),
            _ => column.to_owned(),
        };
        let query = sqlx::AssertSqlSafe(format!("SELECT {shown} FROM journal WHERE {filter}"));
        match (self, holds) {
            (Raw::Sqlite(raw), Holds::Number) => {
                sqlx::query(query).fetch_one(raw).await.unwrap().get::<i64, _>(0).to_be_bytes().to_vec()
            }
            (Raw::Postgres(raw), Holds::Number) => {
                sqlx::query(query).fetch_one(raw).await.unwrap().get::<i64, _>(0).to_be_bytes().to_vec()
            }
            (Raw::Sqlite(raw), _) => sqlx::query(query).fetch_one(raw).await.unwrap().get(0),
            (Raw::Postgres(raw), _) => sqlx::query(query).fetch_one(raw).await.unwrap().get(0),
        }
    }

    /// Puts bytes in a column; false when the database itself refuses them.
    async fn put(&mut self, column: &str, holds: Holds, filter: &str, bytes: &[u8]) -> bool {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let value = match (&self, holds) {
            (_, Holds::Number) => i64::from_be_bytes(bytes.try_into().unwrap()).to_string(),
            (Raw::Sqlite(_), Holds::Text) => format!("CAST(x'{digits}' AS TEXT)"),
            (Raw::Sqlite(_), Holds::Bytes) => format!("x'{digits}'"),
            (Raw::Postgres(_), Holds::Text) => format!("convert_from(decode('{digits}', 'hex'), 'UTF8')"),
            (Raw::Postgres(_), Holds::Bytes) => format!("decode('{digits}', 'hex')"),
        };
        let sql = AssertSqlSafe(format!("UPDATE journal SET {column} = {value} WHERE {filter}"));
        let done = match self {
            Raw::Sqlite(raw) => sqlx::query(sql).execute(raw).await.map(|done| done.rows_affected()),
            Raw::Postgres(raw) => sqlx::query(sql).execute(raw).await.map(|done| done.rows_affected()),
        };
        done.is_ok_and(|rows| rows == 1)
    }
}

/// True when the text names this number, and not one that begins with it.
fn names(text: &str, number: u64) -> bool {
    let wanted = format!("number {number}");
    text.match_indices(&wanted).any(|(at, _)| !text[at + wanted.len()..].starts_with(|c: char| c.is_ascii_digit()))
}

async fn found(backend: &Backend) -> Vec<String> {
    let report = processor::verify_books(&backend.log, &backend.db, None, &mut |_| {}).await.unwrap();
    let findings = report.invariants.iter().flat_map(|invariant| &invariant.findings);
    findings.map(|finding| format!("{}: {}", finding.place, finding.problem)).collect()
}

async fn every_flip_is_found(kind: Kind, flips: usize) {
    let seed = std::env::var("DAYBOOK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("{flips} flips, DAYBOOK_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (events, _) = sample(14, 5);
    let backend = Backend::fresh(kind, 2).await;
    append(&backend.log, &events).await;
    processor::catch_up(config(500), &backend.log, &backend.db).await.unwrap();
    assert_eq!(found(&backend).await, Vec::<String>::new());
    let tenant = "sample-shop".parse().unwrap();
    let last = store::books::all_heads(&backend.db).await.unwrap()[&tenant].number;
    let partition = backend.log.partition_of(&tenant);
    let mut raw = Raw::open(&backend).await;
    let mut flipped = 0;
    while flipped < flips {
        let (column, holds) = COLUMNS[flipped % COLUMNS.len()];
        // One tenant alone is in the books, so its numbers are the places in its partition.
        let number = random.random_range(1..=last);
        let filter = match column {
            "position" | "partition_no" => format!("number = {number}"),
            _ => format!("partition_no = {partition} AND position = {number}"),
        };
        let before = raw.get(column, holds, &filter).await;
        let mut after = before.clone();
        let (byte, bit) = (random.random_range(0..before.len()), random.random_range(0..8));
        after[byte] ^= 1 << bit;
        if !raw.put(column, holds, &filter, &after).await {
            continue;
        }
        flipped += 1;
        let found = found(&backend).await;
        let what = format!("{kind:?}, {column} of number {number}, byte {byte}, bit {bit}: {found:?}");
        let named = |finding: &String| finding.contains("sample-shop") && names(finding, number);
        match column {
            // The row itself stands under another key then: its old place is named, or the new one by the row's own words.
            "tenant" | "number" => assert!(found.iter().any(|finding| names(finding, number)), "{what}"),
            _ => assert!(found.first().is_some_and(named), "{what}"),
        }
        assert!(found.iter().any(|finding| finding.contains("sample-shop")), "{what}");
        assert!(raw.put(column, holds, &filter, &before).await, "{what}");
    }
    assert_eq!(found(&backend).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flipped_bit_is_found_in_sqlite() {
    every_flip_is_found(Kind::Embedded, 250).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flipped_bit_is_found_in_postgresql() {
    every_flip_is_found(Kind::Servers, 50).await;
}
