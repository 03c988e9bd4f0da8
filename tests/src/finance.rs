//! The finance views on a real PostgreSQL, as a dashboard's role reads them: figures that equal the books, one tenant alone,
//! real types, and a document that lists exactly what there is.

use std::collections::BTreeMap;

use commerce::{CodGateways, Policy, TenantId};
use ledger::{BusinessZone, Day, Money, Timestamp};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use store::books::{self, TenantRow};
use store::db::{Db, DbError, Dialect, Migration};
use store::finance::{self, AddReaderError, Installed, Reader, VIEWS};
use store::schema::books_migrations;
use uuid::Uuid;

use crate::backend::{Backend, Kind};
use crate::books::{append, config, sample};

const BOOKS: &str = "daybook";

fn shop() -> TenantId {
    "sample-shop".parse().unwrap()
}

/// A sample shop's books on servers, with a role that reads them and one that reads another tenant.
struct Stage {
    backend: Backend,
    role: String,
    stranger: String,
}

impl Stage {
    async fn set() -> Stage {
        let backend = Backend::fresh(Kind::Servers, 2).await;
        for tenant in ["sample-shop", "other-shop"] {
            let (zone, cod_gateways) = (BusinessZone::KARACHI, CodGateways::default());
            let row = TenantRow {
                tenant: tenant.parse().unwrap(),
                zone,
                cod_gateways,
                created_at: Timestamp(0),
                rules: Policy::default(),
            };
            books::save_tenant(&backend.db, row).await.unwrap();
        }
        append(&backend.log, &sample(200, 7).0).await;
        processor::catch_up(config(1_000), &backend.log, &backend.db).await.unwrap();
        let (role, stranger) = (reader(&backend.db, "sample-shop").await, reader(&backend.db, "other-shop").await);
        Stage { backend, role, stranger }
    }

    async fn log_in(&self, role: &str) -> PgConnection {
        log_in(self.backend.url().unwrap(), role).await
    }

    /// Roles are the server's, not the database's, and outlive it.
    async fn clear(self) {
        for (role, tenant) in [(&self.role, "sample-shop"), (&self.stranger, "other-shop")] {
            let reader = Reader { role: role.clone(), tenant: tenant.parse().unwrap() };
            assert!(finance::remove_reader(&self.backend.db, BOOKS, reader).await.unwrap());
            drop_role(&self.backend, role).await;
        }
    }
}

async fn drop_role(backend: &Backend, role: &str) {
    let mut owner = PgConnection::connect(backend.url().unwrap()).await.unwrap();
    run(&mut owner, &format!("DROP ROLE {role}")).await.unwrap();
}

/// A role with a password that reads one tenant.
async fn reader(db: &Db, tenant: &str) -> String {
    let role = new_role();
    let reader = Reader { role: role.clone(), tenant: tenant.parse().unwrap() };
    finance::add_reader(db, BOOKS, reader, true).await.unwrap();
    let Db::Postgres(pool) = db else { panic!("not on servers") };
    sqlx::query(AssertSqlSafe(format!("ALTER ROLE {role} PASSWORD 'open'"))).execute(pool).await.unwrap();
    role
}

fn new_role() -> String {
    format!("bi{}", Uuid::new_v4().simple())
}

async fn log_in(url: &str, role: &str) -> PgConnection {
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    PgConnection::connect_with(&options.username(role).password("open")).await.unwrap()
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(|_| ())
}

/// Rows whose columns were cast to text.
async fn texts(connection: &mut PgConnection, sql: &str) -> Vec<Vec<String>> {
    let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(connection).await.unwrap();
    let cell = |row: &sqlx::postgres::PgRow, at| row.get::<Option<String>, _>(at).unwrap_or_default();
    rows.iter().map(|row| (0..row.len()).map(|at| cell(row, at)).collect()).collect()
}

/// Minor units of an amount in rupees, as a view prints it.
fn minor(text: &str) -> i64 {
    Money::parse(text, ledger::Currency::PKR).unwrap().minor
}

async fn sum(connection: &mut PgConnection, what: &str, from: &str) -> i64 {
    minor(&texts(connection, &format!("SELECT COALESCE(SUM({what}), 0)::text FROM finance.{from}")).await[0][0])
}

async fn nets(db: &Db) -> BTreeMap<String, i64> {
    let rows = books::trial_balance(db, &shop()).await.unwrap().rows;
    rows.into_iter().map(|row| (row.account.to_string(), row.debit - row.credit)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_agrees_with_the_books() {
    let stage = Stage::set().await;
    let mut bi = stage.log_in(&stage.role).await;
    let nets = nets(&stage.backend.db).await;
    let net = |account: &str| nets.get(account).copied().unwrap_or(0);

    for sql in [
        "SELECT account, (debit_balance - credit_balance)::text FROM finance.trial_balance",
        "SELECT account, SUM(movement)::text FROM finance.balance_by_day GROUP BY account",
        "SELECT DISTINCT ON (account) account, closing_balance::text FROM finance.balance_by_day ORDER BY account, day DESC",
        "SELECT account, SUM(debit - credit)::text FROM finance.account_statement WHERE status = 'posted' GROUP BY account",
        "SELECT DISTINCT ON (account) account, running_balance::text FROM finance.account_statement \
         ORDER BY account, day DESC, number DESC, line DESC",
    ] {
        let found = texts(&mut bi, sql).await.into_iter().map(|row| (row[0].clone(), minor(&row[1])));
        assert_eq!(found.filter(|(_, net)| *net != 0).collect::<BTreeMap<_, _>>(), nets, "{sql}");
    }

    let today = texts(&mut bi, "SELECT ((now() AT TIME ZONE 'Asia/Karachi')::date - DATE '1970-01-01')::text").await;
    let today = Day(today[0][0].parse().unwrap());
    let cash = books::cod_by_courier(&stage.backend.db, &shop(), today).await.unwrap();
    let sql = "SELECT courier, currency, expected::text, remitted::text, fees::text, outstanding::text, on_the_way::text, \
               days_0_7::text, days_8_14::text, days_15_30::text, days_31_up::text FROM finance.cod_ageing ORDER BY 1, 2";
    let found = texts(&mut bi, sql).await;
    let expected = cash.iter().map(|one| {
        let ageing = [one.ageing.days_0_7, one.ageing.days_8_14, one.ageing.days_15_30, one.ageing.days_31_up];
        let amounts = [one.expected, one.remitted, one.fees, one.outstanding, one.on_the_way];
        let amounts: Vec<i64> = amounts.into_iter().chain(ageing).collect();
        (one.courier.clone(), one.currency.clone(), amounts)
    });
    let read = |row: &Vec<String>| (row[0].clone(), row[1].clone(), row[2..].iter().map(|text| minor(text)).collect());
    assert_eq!(found.iter().map(read).collect::<Vec<(String, String, Vec<i64>)>>(), expected.collect::<Vec<_>>());

    let in_hand: i64 = ["assets:bank", "assets:cash", "assets:remittance-clearing"].map(net).iter().sum();
    assert_ne!(in_hand, 0);
    assert_eq!(sum(&mut bi, "net", "daily_cash").await, in_hand);
    assert_eq!(sum(&mut bi, "money_in - money_out", "daily_cash").await, in_hand);

    let (fees, return_fees, tax) =
        (net("expenses:courier-fees"), net("expenses:courier-return-fees"), net("assets:input-tax"));
    assert!(fees > 0 && return_fees > 0 && tax > 0, "the sample shop has all of them");
    assert_eq!(sum(&mut bi, "delivery_fees", "courier_charges").await, fees);
    assert_eq!(sum(&mut bi, "return_fees", "courier_charges").await, return_fees);
    assert_eq!(sum(&mut bi, "input_tax", "courier_charges").await, tax);
    assert_eq!(sum(&mut bi, "total", "courier_charges").await, fees + return_fees + tax);
    assert_eq!(sum(&mut bi, "return_fees", "rto_loss").await, return_fees);

    let base = "SELECT CAST(COUNT(*) AS BIGINT), CAST(SUM(total) AS BIGINT) FROM shipment \
                JOIN order_view USING (tenant, order_id) WHERE returned_at IS NOT NULL";
    let base = stage.backend.db.query(base, vec![]).await.unwrap();
    let parcels = texts(&mut bi, "SELECT SUM(returned_parcels)::text FROM finance.rto_loss").await;
    assert_eq!(parcels[0][0], base[0].int(0).unwrap().to_string());
    assert_eq!(sum(&mut bi, "returned_order_value", "rto_loss").await, base[0].int(1).unwrap());
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_its_tenant_and_nothing_else() {
    let stage = Stage::set().await;
    let mut stranger = stage.log_in(&stage.stranger).await;
    let seen = |view: &str| format!("SELECT COUNT(*)::text FROM finance.{view}");
    for view in VIEWS {
        assert_eq!(texts(&mut stranger, &seen(view)).await[0][0], "0", "{view}");
    }

    // Nothing it can set makes it somebody else, and what leads to the tables is refused.
    let role = &stage.role;
    for refused in [
        format!("SET ROLE {role}"),
        format!("SET SESSION AUTHORIZATION {role}"),
        format!("SELECT set_config('session_authorization', '{role}', false)"),
        format!("SELECT set_config('role', '{role}', false)"),
        "SELECT * FROM daybook.balance".to_owned(),
        "SELECT * FROM daybook.journal".to_owned(),
        "SELECT * FROM daybook.tenant".to_owned(),
        "SELECT * FROM finance.finance_reader".to_owned(),
        "SELECT * FROM finance.finance_currency".to_owned(),
        format!("INSERT INTO finance.finance_reader VALUES ('{}', 'sample-shop')", stage.stranger),
        "CREATE VIEW finance.mine AS SELECT 1".to_owned(),
        "DELETE FROM finance.trial_balance".to_owned(),
    ] {
        assert!(run(&mut stranger, &refused).await.is_err(), "{refused}");
    }
    for harmless in ["SET search_path = daybook, finance", "SET row_security = off", "SET enable_seqscan = off"] {
        run(&mut stranger, harmless).await.unwrap();
    }
    // A function that is cheap and tells what it was shown is still run behind the filter.
    run(
        &mut stranger,
        "CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS \
         $$ BEGIN RAISE EXCEPTION 'shown %', $1; END $$",
    )
    .await
    .unwrap();
    for view in VIEWS {
        run(&mut stranger, &format!("SELECT * FROM finance.{view} WHERE pg_temp.leak(tenant)")).await.unwrap();
        assert_eq!(texts(&mut stranger, &seen(view)).await[0][0], "0", "{view}");
    }
    run(&mut stranger, "DROP FUNCTION pg_temp.leak").await.unwrap();

    let mut bi = stage.log_in(role).await;
    for view in VIEWS {
        let tenants = texts(&mut bi, &format!("SELECT DISTINCT tenant FROM finance.{view}")).await;
        assert_eq!(tenants, [["sample-shop"]], "{view}");
    }
    let both = Reader { role: stage.stranger.clone(), tenant: shop() };
    finance::add_reader(&stage.backend.db, BOOKS, both.clone(), false).await.unwrap();
    assert_ne!(texts(&mut stranger, &seen("trial_balance")).await[0][0], "0", "it is listed for the shop now");
    assert!(finance::remove_reader(&stage.backend.db, BOOKS, both.clone()).await.unwrap());
    assert!(!finance::remove_reader(&stage.backend.db, BOOKS, both).await.unwrap());
    assert_eq!(texts(&mut stranger, &seen("trial_balance")).await[0][0], "0");
    assert_eq!(finance::readers(&stage.backend.db, BOOKS).await.unwrap().len(), 2);
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_that_views_would_not_confine_are_refused() {
    let backend = Backend::fresh(Kind::Servers, 1).await;
    let mut owner = PgConnection::connect(backend.url().unwrap()).await.unwrap();
    let names: Vec<String> = (0..4).map(|_| new_role()).collect();
    let [group, wide, member, quoted] = names.as_slice() else { panic!("four") };
    let quoted = format!("{quoted} \"; x");
    let sql = format!(
        "CREATE ROLE {group}; CREATE ROLE {wide} LOGIN; GRANT USAGE ON SCHEMA daybook TO {wide}; \
         CREATE ROLE {member} LOGIN; GRANT {wide} TO {member}"
    );
    run(&mut owner, &sql).await.unwrap();
    let superuser = texts(&mut owner, "SELECT session_user::text").await.remove(0).remove(0);
    for (role, why) in [
        ("nobody-of-this-name", AddReaderError::UnknownRole),
        (group, AddReaderError::CannotLogIn),
        (wide, AddReaderError::ReadsTables),
        (member, AddReaderError::ReadsTables),
        (&superuser, AddReaderError::ReadsTables),
    ] {
        let reader = Reader { role: role.to_owned(), tenant: shop() };
        assert_eq!(finance::add_reader(&backend.db, BOOKS, reader, false).await, Err(why), "{role}");
    }
    let odd = Reader { role: quoted.clone(), tenant: shop() };
    finance::add_reader(&backend.db, BOOKS, odd.clone(), true).await.unwrap();
    assert_eq!(finance::readers(&backend.db, BOOKS).await.unwrap(), std::slice::from_ref(&odd));
    assert!(finance::remove_reader(&backend.db, BOOKS, odd).await.unwrap());
    let drop = format!(
        "REVOKE USAGE ON SCHEMA daybook FROM {wide}; DROP ROLE {group}, {member}, {wide}, \"{}\"",
        quoted.replace('"', "\"\"")
    );
    run(&mut owner, &drop).await.unwrap();

    let embedded = Backend::fresh(Kind::Embedded, 1).await;
    let reader = Reader { role: "bi".to_owned(), tenant: shop() };
    assert_eq!(finance::install(&embedded.db, BOOKS).await, Ok(Installed::NotHere));
    assert_eq!(finance::add_reader(&embedded.db, BOOKS, reader, true).await, Err(AddReaderError::NotHere));
}

#[tokio::test(flavor = "multi_thread")]
async fn views_survive_migrations_and_are_made_once() {
    let stage = Stage::set().await;
    assert_eq!(finance::install(&stage.backend.db, BOOKS).await, Ok(Installed::Already));
    let url = stage.backend.url().unwrap();
    let mut owner = PgConnection::connect(url).await.unwrap();
    run(&mut owner, "CREATE VIEW public.theirs AS SELECT * FROM finance.trial_balance").await.unwrap();
    let before = columns(&mut owner).await;

    let mut migrations = books_migrations(Dialect::Postgres);
    let version = migrations.last().unwrap().version + 1;
    let sql = "ALTER TABLE balance ALTER COLUMN debits TYPE NUMERIC; ALTER TABLE balance ALTER COLUMN debits TYPE BIGINT; \
               DROP TABLE cod_position; CREATE TABLE cod_position AS SELECT tenant, tracking AS courier, tracking, currency, \
               balance.day AS expected, day AS remitted, day AS fees, day AS outstanding, day AS on_the_way, day AS written_off, \
               day AS delivered_on FROM balance JOIN shipment USING (tenant) WHERE false";
    migrations.push(Migration { version, name: "reshape", sql: sql.to_owned() });
    let newer = Db::open_postgres(url, BOOKS, 2, &migrations).await.unwrap();
    assert_eq!(columns(&mut owner).await, before, "the empty views have the same columns");
    let mut bi = stage.log_in(&stage.role).await;
    let count = "SELECT COUNT(*)::text FROM finance.trial_balance";
    assert_eq!(texts(&mut bi, count).await[0][0], "0");
    assert_eq!(finance::install(&newer, BOOKS).await, Ok(Installed::Now));
    assert_eq!(columns(&mut owner).await, before);
    assert_ne!(texts(&mut bi, count).await[0][0], "0", "the rights stayed");
    let (one, other) = tokio::join!(finance::install(&newer, BOOKS), finance::install(&newer, BOOKS));
    assert_eq!((one, other), (Ok(Installed::Already), Ok(Installed::Already)));
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_rights_is_told_and_changes_nothing() {
    let backend = Backend::fresh(Kind::Servers, 1).await;
    let url = backend.url().unwrap();
    let mut owner = PgConnection::connect(url).await.unwrap();
    let role = new_role();
    let sql = format!("CREATE ROLE {role} LOGIN PASSWORD 'open'; CREATE SCHEMA small AUTHORIZATION {role}");
    run(&mut owner, &sql).await.unwrap();
    let authority = url.split("://").nth(1).unwrap();
    let theirs = format!("postgres://{role}:open@{}", authority.split_once('@').unwrap().1);
    let db = Db::open_postgres(&theirs, "small", 2, &books_migrations(Dialect::Postgres)).await.unwrap();
    assert_eq!(finance::install(&db, "small").await, Err(DbError::Other { code: "42501".to_owned() }));
    let reader = Reader { role: role.clone(), tenant: shop() };
    let refused = finance::add_reader(&db, "small", reader, false).await;
    assert_eq!(refused, Err(AddReaderError::NoViews("small_finance".to_owned())));
    assert_eq!(finance::readers(&db, "small").await, Ok(Vec::new()));

    run(&mut owner, &format!("CREATE SCHEMA small_finance AUTHORIZATION {role}")).await.unwrap();
    assert_eq!(finance::install(&db, "small").await, Ok(Installed::Now), "a schema made for it is enough");
    db.close().await;
    run(&mut owner, &format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}

/// View, column, type and comment of everything there is.
async fn columns(owner: &mut PgConnection) -> Vec<Vec<String>> {
    let sql = "SELECT table_name::text, column_name::text, data_type::text, \
               col_description(format('finance.%I', table_name)::regclass, ordinal_position) \
               FROM information_schema.columns JOIN information_schema.views USING (table_schema, table_name) \
               WHERE table_schema = 'finance' ORDER BY table_name, ordinal_position";
    texts(owner, sql).await
}

/// The same, as the document has it: a heading for a view, a row for a column.
fn documented(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut view = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## `finance.") {
            view = name.trim_end_matches('`').to_owned();
        } else if let Some(row) = line.strip_prefix("| `") {
            let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
            let [name, kind, unit, meaning] = cells.as_slice() else { panic!("four cells: {line}") };
            let unit = if *unit == "—" { String::new() } else { format!(" Unit: {unit}.") };
            rows.push(vec![
                view.clone(),
                name.trim_end_matches('`').into(),
                (*kind).into(),
                format!("{meaning}{unit}"),
            ]);
        }
    }
    rows.sort_by(|one, other| one[0].cmp(&other[0]));
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_lists_what_there_is_with_real_types() {
    let backend = Backend::fresh(Kind::Servers, 1).await;
    let mut owner = PgConnection::connect(backend.url().unwrap()).await.unwrap();
    let columns = columns(&mut owner).await;
    if let Some(path) = std::env::var_os("DAYBOOK_WRITE_COLUMNS") {
        let table = columns.iter().map(|row| row.join(" | ")).collect::<Vec<_>>().join("\n");
        std::fs::write(path, table).unwrap();
    }
    assert_eq!(documented(include_str!("../../docs/finance-views.md")), columns);
    for row in &columns {
        let expected = match row[1].as_str() {
            "day" | "month" | "as_of" | "oldest_delivery" => "date",
            "recorded_at" => "timestamp with time zone",
            "number" | "line" | "outstanding_parcels" | "returned_parcels" => "bigint",
            _ if row[3].ends_with("Unit: currency.") => "numeric",
            _ => "text",
        };
        assert_eq!(row[2], expected, "{}.{}", row[0], row[1]);
    }

    // Amounts have their currency's decimals.
    let insert = "INSERT INTO daybook.balance SELECT 'sample-shop', 'assets:bank', currency, 1, 1, 123456, 0, 0, 0 \
                  FROM UNNEST(ARRAY['PKR', 'JPY', 'KWD']) AS currency";
    run(&mut owner, insert).await.unwrap();
    let role = reader(&backend.db, "sample-shop").await;
    let mut bi = log_in(backend.url().unwrap(), &role).await;
    let amounts = texts(&mut bi, "SELECT currency, debits::text FROM finance.trial_balance ORDER BY 1").await;
    assert_eq!(amounts, [["JPY", "123456"], ["KWD", "123.456"], ["PKR", "1234.56"]]);
    finance::remove_reader(&backend.db, BOOKS, Reader { role: role.clone(), tenant: shop() }).await.unwrap();
    drop_role(&backend, &role).await;
}
