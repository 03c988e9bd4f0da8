//! `show cod`: what each courier collected, paid and still owes, by age.

use anyhow::Result;
use ledger::{BusinessZone, Day};
use serde::Serialize;
use store::books::{self, CodSummary};

use crate::cli::ShowCod;
use crate::config::Settings;
use crate::output::{Align, Answer, Table, amount};
use crate::platform::now;
use crate::tenant;

#[derive(Serialize)]
struct Shown<'a> {
    tenant: &'a str,
    as_of: String,
    couriers: &'a [CodSummary],
}

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: &ShowCod) -> Result<Answer> {
    let (db, row) = tenant::books_of(settings, &asked.of).await?;
    let today = asked.as_of.map_or_else(|| today(row.zone), Day::from_date);
    let couriers = books::cod_by_courier(&db, &row.tenant, today).await?;
    Ok(answer(row.tenant.as_str(), today, &couriers))
}

fn today(zone: BusinessZone) -> Day {
    now().day(zone)
}

/// Couriers' cash as an answer.
pub(crate) fn answer(tenant: &str, as_of: Day, couriers: &[CodSummary]) -> Answer {
    let text = if couriers.is_empty() {
        "no cash on delivery yet\n".to_owned()
    } else {
        format!("{}\noutstanding by days since delivery, as of {as_of}\n{}", sums(couriers), ages(couriers))
    };
    Answer::new(&Shown { tenant, as_of: as_of.to_string(), couriers }, text)
}

fn sums(couriers: &[CodSummary]) -> Table {
    let mut table = Table::new([
        (Align::Left, "courier"),
        (Align::Left, ""),
        (Align::Right, "expected"),
        (Align::Right, "remitted"),
        (Align::Right, "fees"),
        (Align::Right, "written off"),
        (Align::Right, "outstanding"),
        (Align::Right, "on the way"),
    ]);
    for one in couriers {
        let columns = [one.expected, one.remitted, one.fees, one.written_off, one.outstanding, one.on_the_way];
        let [expected, remitted, fees, written_off, outstanding, on_the_way] =
            columns.map(|minor| amount(minor, &one.currency));
        let (courier, currency) = (one.courier.clone(), one.currency.clone());
        table.row([courier, currency, expected, remitted, fees, written_off, outstanding, on_the_way]);
    }
    table
}

fn ages(couriers: &[CodSummary]) -> Table {
    let mut table = Table::new([
        (Align::Left, "courier"),
        (Align::Left, ""),
        (Align::Right, "0 to 7"),
        (Align::Right, "8 to 14"),
        (Align::Right, "15 to 30"),
        (Align::Right, "31 and more"),
    ]);
    for one in couriers {
        let age = one.ageing;
        let [a, b, c, d] =
            [age.days_0_7, age.days_8_14, age.days_15_30, age.days_31_up].map(|m| amount(m, &one.currency));
        table.row([one.courier.clone(), one.currency.clone(), a, b, c, d]);
    }
    table
}
