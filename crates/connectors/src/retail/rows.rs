//! The rows of a retail file, gathered into invoices.

use std::collections::{HashSet, VecDeque};
use std::io::Read;

use chrono::NaiveDateTime;
use commerce::{CustomerId, OrderId, OrderName, Sku};
use csv::ByteRecord;
use ledger::Timestamp;

use super::{Invoice, Line, RowError};

/// How many invoices may be under way at once: a till writes its rows in between those of the next one.
const OPEN_INVOICES: usize = 64;

/// The invoices in a CSV with a header, in the order in which they end. Rows of one invoice may stand between those of
/// others, up to 64 invoices apart. An invoice with a row that is not understood is one error, never a part of an invoice;
/// the rest of the file is read on.
pub fn invoices<R: Read>(reader: R) -> impl Iterator<Item = Result<Invoice, RowError>> {
    let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(reader);
    let columns = match csv.byte_headers() {
        Ok(headers) => Columns::find(headers),
        Err(_) => Err(unreadable(1)),
    };
    let (columns, failed) = match columns {
        Ok(columns) => (Some(columns), None),
        Err(error) => (None, Some(Err(error))),
    };
    let read = Invoices { csv, columns, open: VecDeque::new(), begun: HashSet::new() };
    failed.into_iter().chain(read)
}

/// Where the columns stand.
struct Columns {
    invoice: usize,
    stock: usize,
    quantity: usize,
    date: usize,
    price: usize,
    customer: usize,
    country: usize,
}

impl Columns {
    fn find(headers: &ByteRecord) -> Result<Columns, RowError> {
        let plain = |header: &[u8]| String::from_utf8_lossy(header).trim_matches(['\u{feff}', ' ']).to_owned();
        let headers: Vec<String> = headers.iter().map(plain).collect();
        let column = |field: &'static str, other: &str| {
            let found = headers.iter().position(|header| header == field || header == other);
            found.ok_or(RowError { row: 1, field, problem: "no such column" })
        };
        Ok(Columns {
            invoice: column("Invoice", "InvoiceNo")?,
            stock: column("StockCode", "Stock Code")?,
            quantity: column("Quantity", "Quantity")?,
            date: column("InvoiceDate", "Invoice Date")?,
            price: column("Price", "UnitPrice")?,
            customer: column("CustomerID", "Customer ID")?,
            country: column("Country", "Country")?,
        })
    }

    /// Fails when the row cannot be told to belong to any invoice.
    fn read(&self, record: &ByteRecord, row: u64) -> Result<Row, RowError> {
        let wrong = RowError { row, field: "Invoice", problem: "not an invoice number" };
        let number = text(record, self.invoice).and_then(OrderName::from_text).ok_or(wrong.clone())?;
        let digits = number.as_str().trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let order = digits.parse().map_err(|_| wrong)?;
        Ok(Row { number: number.clone(), order, content: self.read_line(record, row, number, order) })
    }

    fn read_line(&self, record: &ByteRecord, row: u64, number: OrderName, order: OrderId) -> Result<Invoice, RowError> {
        let wrong = |field, problem| move || RowError { row, field, problem };
        let quantity =
            text(record, self.quantity).and_then(whole).ok_or_else(wrong("Quantity", "not a whole number"))?;
        let price = text(record, self.price)
            .and_then(millionths)
            .ok_or_else(wrong("Price", "not an amount of at most six decimals"))?;
        let invoiced_at =
            text(record, self.date).and_then(wall_clock).ok_or_else(wrong("InvoiceDate", "not a time"))?;
        let customer = text(record, self.customer)
            .filter(|id| !id.is_empty())
            .map(|id| customer(id).ok_or_else(wrong("CustomerID", "not a whole number")))
            .transpose()?;
        Ok(Invoice {
            row,
            number,
            order,
            invoiced_at,
            customer,
            country: text(record, self.country).and_then(country),
            lines: vec![Line { sku: text(record, self.stock).and_then(Sku::from_text), quantity, price }],
        })
    }
}

/// A row as an invoice of one line, or an invoice under way: what is known of it, or the first thing wrong with it.
struct Row {
    number: OrderName,
    order: OrderId,
    content: Result<Invoice, RowError>,
}

impl Row {
    fn add(&mut self, row: Result<Invoice, RowError>) {
        match (&mut self.content, row) {
            (Ok(invoice), Ok(row)) => {
                invoice.invoiced_at = invoice.invoiced_at.min(row.invoiced_at);
                invoice.customer = invoice.customer.or(row.customer);
                invoice.lines.extend(row.lines);
            }
            (content @ Ok(_), Err(error)) => *content = Err(error),
            (Err(_), _) => {}
        }
    }
}

/// Reads rows and gives out each invoice once enough others have been touched since.
struct Invoices<R> {
    csv: csv::Reader<R>,
    /// None when there is nothing more to read.
    columns: Option<Columns>,
    /// The one touched last stands last.
    open: VecDeque<Row>,
    begun: HashSet<OrderId>,
}

impl<R: Read> Iterator for Invoices<R> {
    type Item = Result<Invoice, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.open.len() <= OPEN_INVOICES {
            match self.next_row() {
                Some(Ok(row)) => self.enter(row),
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        self.open.pop_front().map(|invoice| invoice.content)
    }
}

impl<R: Read> Invoices<R> {
    fn next_row(&mut self) -> Option<Result<Row, RowError>> {
        let columns = self.columns.as_ref()?;
        let mut record = ByteRecord::new();
        match self.csv.read_byte_record(&mut record) {
            Ok(true) => Some(columns.read(&record, record.position().map_or(0, csv::Position::line))),
            Ok(false) => None,
            Err(_) => {
                self.columns = None;
                Some(Err(unreadable(self.csv.position().line())))
            }
        }
    }

    fn enter(&mut self, row: Row) {
        if let Some(at) = self.open.iter().rposition(|open| open.number == row.number) {
            if let Some(mut known) = self.open.remove(at) {
                known.add(row.content);
                self.open.push_back(known);
            }
            return;
        }
        let line = row.content.as_ref().map_or_else(|error| error.row, |invoice| invoice.row);
        let again = RowError { row: line, field: "Invoice", problem: "another invoice had the same digits" };
        let content = if self.begun.insert(row.order) { row.content } else { Err(again) };
        self.open.push_back(Row { content, ..row });
    }
}

fn unreadable(row: u64) -> RowError {
    RowError { row, field: "row", problem: "not readable as CSV" }
}

/// A field without surrounding space; None when it is not there or not UTF-8.
fn text(record: &ByteRecord, column: usize) -> Option<&str> {
    std::str::from_utf8(record.get(column)?).ok().map(str::trim)
}

/// `13085`, or `13085.0` as spreadsheets write it.
fn whole(text: &str) -> Option<i64> {
    text.strip_suffix(".0").unwrap_or(text).parse().ok()
}

fn customer(text: &str) -> Option<CustomerId> {
    whole(text).and_then(|id| u64::try_from(id).ok()).map(CustomerId)
}

/// `6.95` as 6950000.
fn millionths(text: &str) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = [whole, fraction].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    if !all_digits || (whole.is_empty() && fraction.is_empty()) || fraction.len() > 6 {
        return None;
    }
    let magnitude: i64 = format!("{whole}{fraction:0<6}").parse().ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

fn wall_clock(text: &str) -> Option<Timestamp> {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
    Some(Timestamp::from(time.and_utc()))
}

/// ISO 3166 alpha-2 of the names the data sets use.
fn country(name: &str) -> Option<&'static str> {
    const COUNTRIES: &[(&str, &str)] = &[
        ("Australia", "AU"),
        ("Austria", "AT"),
        ("Bahrain", "BH"),
        ("Belgium", "BE"),
        ("Bermuda", "BM"),
        ("Brazil", "BR"),
        ("Canada", "CA"),
        ("Cyprus", "CY"),
        ("Czech Republic", "CZ"),
        ("Denmark", "DK"),
        ("EIRE", "IE"),
        ("Finland", "FI"),
        ("France", "FR"),
        ("Germany", "DE"),
        ("Greece", "GR"),
        ("Hong Kong", "HK"),
        ("Iceland", "IS"),
        ("Israel", "IL"),
        ("Italy", "IT"),
        ("Japan", "JP"),
        ("Korea", "KR"),
        ("Lebanon", "LB"),
        ("Lithuania", "LT"),
        ("Malta", "MT"),
        ("Netherlands", "NL"),
        ("Nigeria", "NG"),
        ("Norway", "NO"),
        ("Poland", "PL"),
        ("Portugal", "PT"),
        ("RSA", "ZA"),
        ("Saudi Arabia", "SA"),
        ("Singapore", "SG"),
        ("Spain", "ES"),
        ("Sweden", "SE"),
        ("Switzerland", "CH"),
        ("Thailand", "TH"),
        ("USA", "US"),
        ("United Arab Emirates", "AE"),
        ("United Kingdom", "GB"),
    ];
    COUNTRIES.iter().find(|(known, _)| *known == name).map(|(_, code)| *code)
}
