//! Retail rows, the invoices they make and what those post.

use super::*;
use commerce::{Case, Order, Part, PartKey, Policy, postings};

const HEADER: &str = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,CustomerID,Country\n";

fn read(rows: &str) -> Vec<Result<Invoice, RowError>> {
    invoices(format!("{HEADER}{rows}").as_bytes()).collect()
}

fn one(rows: &str) -> Invoice {
    let mut all = read(rows);
    assert_eq!(all.len(), 1);
    all.remove(0).unwrap()
}

fn facts(invoice: &Invoice) -> Vec<Fact> {
    drafts(invoice).unwrap().into_iter().map(|draft| draft.fact).collect()
}

fn terms_of(facts: &[Fact]) -> &OrderRevised {
    facts.iter().find_map(|fact| if let Fact::OrderRevised(terms) = fact { Some(terms) } else { None }).unwrap()
}

/// What the case of an invoice posts: the last piece of the key, then each entry.
fn posted(invoice: &Invoice, policy: &Policy) -> Vec<String> {
    let key = PartKey::Order(invoice.order);
    let mut part = Part::Order(Order::default());
    for fact in facts(invoice) {
        part.merge(&fact);
    }
    let case: Case<'_> = [(key.clone(), &part)].into_iter().collect();
    let journal = postings(&case, policy, &[]).unwrap().remove(&key).unwrap();
    let entry = |e: &ledger::Entry| format!("{:?} {} {}", e.side, e.account, e.amount.minor);
    let line = |t: &ledger::Transaction| {
        let entries: Vec<String> = t.entries().iter().map(entry).collect();
        format!("{} {}: {}", t.effective(), t.key(), entries.join(", "))
    };
    journal.values().map(line).collect()
}

#[test]
fn rows_of_one_invoice_meet_even_between_others() {
    let all = read(
        "700001,10A,TIN,2,2010-05-01 10:01:00,1.25,15001.0,EIRE\n\
         700002,B,BOX,1,2010-05-01 10:01:00,3,,Channel Islands\n\
         700001,11,\"CUP, RED\",1,2010-05-01 10:00:00,0.5,15001.0,EIRE\n",
    );
    let [Ok(second), Ok(first)] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((second.order, second.customer, second.country), (OrderId(700_002), None, None));
    assert_eq!((first.row, first.order, first.number.as_str()), (2, OrderId(700_001), "700001"));
    assert_eq!(first.invoiced_at.to_string(), "2010-05-01T10:00:00Z");
    assert_eq!((first.customer, first.country), (Some(CustomerId(15_001)), Some("IE")));
    let skus: Vec<_> = first.lines.iter().map(|l| l.sku.as_ref().unwrap().as_str()).collect();
    assert_eq!(skus, ["10A", "11"]);
}

#[test]
fn columns_go_by_either_of_their_names() {
    let csv = "\u{feff}Country,Customer ID,UnitPrice,InvoiceDate,Quantity,StockCode,InvoiceNo\n\
               RSA,9,2.5,2010-05-01 10:00:00,4,X,700001\n";
    let read: Vec<_> = invoices(csv.as_bytes()).map(Result::unwrap).collect();
    assert_eq!((read[0].order, read[0].customer, read[0].country), (OrderId(700_001), Some(CustomerId(9)), Some("ZA")));
    let without = invoices("Invoice,Quantity\n1,2\n".as_bytes()).collect::<Vec<_>>();
    assert_eq!(without, [Err(RowError { row: 1, field: "StockCode", problem: "no such column" })]);
}

#[test]
fn a_row_not_understood_costs_its_invoice_and_no_other() {
    for (row, field) in [
        ("700001,A,TIN,two,2010-05-01 10:00:00,1.25,,EIRE", "Quantity"),
        ("700001,A,TIN,2,01/05/2010 10:00,1.25,,EIRE", "InvoiceDate"),
        ("700001,A,TIN,2,2010-05-01 10:00:00,1.0000001,,EIRE", "Price"),
        ("700001,A,TIN,2,2010-05-01 10:00:00,1.25,Zubair,EIRE", "CustomerID"),
        ("700001,A,TIN", "Quantity"),
    ] {
        let rows = format!(
            "700001,A,TIN,2,2010-05-01 10:00:00,1.25,,EIRE\n{row}\n700002,A,TIN,1,2010-05-01 10:00:00,1,,EIRE\n"
        );
        let all = read(&rows);
        assert_eq!(all.len(), 2, "{row}");
        let error = all[0].as_ref().unwrap_err();
        assert_eq!((error.row, error.field), (3, field), "{row}");
        assert_eq!(all[1].as_ref().unwrap().order, OrderId(700_002));
    }
    assert_eq!(read("TEST,A,TIN,1,2010-05-01 10:00:00,1,,EIRE\n")[0].as_ref().unwrap_err().field, "Invoice");
}

#[test]
fn the_same_digits_twice_are_never_merged() {
    let row = |number: &str| format!("{number},A,TIN,1,2010-05-01 10:00:00,1,,EIRE\n");
    let prefixed = read(&(row("700001") + &row("C700001")));
    assert!(prefixed[0].is_ok());
    assert_eq!(prefixed[1].as_ref().unwrap_err().row, 3);
    let others: String = (1..=100).map(|n| row(&(700_001 + n).to_string())).collect();
    let far_apart = read(&(row("700001") + &others + &row("700001")));
    assert_eq!(far_apart.iter().filter(|invoice| invoice.is_err()).count(), 1);
    assert_eq!(far_apart.len(), 102);
}

#[test]
fn lines_round_half_to_even_after_multiplying() {
    for (quantity, price, pennies) in [
        ("3", "1.25", 375),
        ("5", "0.001", 0),
        ("15", "0.001", 2),
        ("25", "0.001", 2),
        ("-5", "0.001", 0),
        ("-15", "0.001", -2),
        ("1000000", "0.000001", 100),
        ("7", "-53594.36", -37_516_052),
    ] {
        let invoice = one(&format!("700001,A,TIN,{quantity},2010-05-01 10:00:00,{price},,EIRE\n"));
        assert_eq!(invoice.lines[0].amount(), pennies, "{quantity} × {price}");
    }
    let facts = facts(&one("700001,A,TIN,15,2010-05-01 10:00:00,0.001,,EIRE\n"));
    let line = &terms_of(&facts).lines[0];
    assert_eq!((line.quantity, line.unit_price, line.discount, terms_of(&facts).total), (15, 0, -2, 2));
}

#[test]
fn amounts_that_do_not_fit_are_an_error() {
    let most = i64::MAX;
    let invoice = one(&format!("700001,A,TIN,{most},2010-05-01 10:00:00,9.99,,EIRE\n"));
    assert_eq!(drafts(&invoice).unwrap_err().field, "Price");
}

#[test]
fn a_sale_is_captured_and_sold_on_its_day() {
    let invoice = one(
        "700001,A,TIN,2,2010-05-01 10:00:00,1.25,15001.0,France\n700001,B,BOX,1,2010-05-01 10:00:00,3.00,15001.0,France\n",
    );
    let facts = facts(&invoice);
    let terms = terms_of(&facts);
    assert_eq!((terms.total, terms.paid, terms.payment), (550, 550, PaymentState::Paid));
    assert_eq!(terms.country.as_deref(), Some("FR"));
    let Fact::FulfilmentRecorded(sent) = &facts[1] else { panic!("{facts:?}") };
    assert_eq!(sent.lines, [(LineId(1), 2), (LineId(2), 1)]);
    let policy = Policy::default();
    let (chart, at) = (&policy.chart, "2010-05-01 order/700001");
    assert_eq!(
        posted(&invoice, &policy),
        [
            format!("{at}/captured: Debit {} 550, Credit {} 550", chart.gateway_receivable, chart.customer_deposits),
            format!("{at}/sold: Debit {} 550, Credit {} 550", chart.customer_deposits, chart.sales),
        ]
    );
}

#[test]
fn a_cancellation_is_a_refund_after_the_sale() {
    let invoice = one("C700003,A,TIN,-4,2010-05-02 09:00:00,2.50,15001.0,France\n");
    let facts = facts(&invoice);
    assert_eq!((terms_of(&facts).total, terms_of(&facts).paid, terms_of(&facts).lines[0].quantity), (0, 0, 0));
    let Fact::RefundIssued(refund) = &facts[3] else { panic!("{facts:?}") };
    assert_eq!((refund.amount, refund.restocked.as_slice()), (1_000, [(LineId(1), 4)].as_slice()));
    let policy = Policy::default();
    let (chart, at) = (&policy.chart, "2010-05-02 order/700003/refund/700003");
    let (returns, payable, gateway) = (&chart.sales_returns, &chart.refunds_payable, &chart.gateway_receivable);
    assert_eq!(
        posted(&invoice, &policy),
        [
            format!("{at}: Debit {returns} 1000, Credit {payable} 1000"),
            format!("{at}/paid: Debit {payable} 1000, Credit {gateway} 1000"),
        ]
    );
}

#[test]
fn the_sign_decides_not_the_prefix() {
    let adjustment = one("A700004,B,Adjust,1,2010-05-02 09:00:00,-53.36,,United Kingdom\n");
    let Fact::RefundIssued(refund) = &facts(&adjustment)[3] else { panic!("no refund") };
    assert_eq!((refund.amount, refund.restocked.len()), (5_336, 0));
    let positive = one("C700005,M,Manual,1,2010-05-02 09:00:00,373.57,,United Kingdom\n");
    assert_eq!((facts(&positive).len(), terms_of(&facts(&positive)).total), (3, 37_357));
    let written_off = one("700006,A,,-9,2010-05-02 09:00:00,0.0,,United Kingdom\n");
    assert_eq!((facts(&written_off).len(), terms_of(&facts(&written_off)).total), (3, 0));
    assert!(posted(&written_off, &Policy::default()).is_empty());
}

/// Reads the published data set where it is at hand.
#[test]
fn the_published_year_reads_without_an_error() {
    let data = std::env::var("DAYBOOK_REAL_DATA")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data").to_owned());
    let file = std::path::Path::new(&data).join("bulk/online_retail_II_2009-2010.csv.gz");
    let Ok(file) = std::fs::File::open(file) else {
        println!("skipped: no retail data set (set DAYBOOK_REAL_DATA)");
        return;
    };
    let (mut count, mut cancellations, mut total, mut refunded) = (0, 0, 0_i128, 0_i128);
    for invoice in invoices(flate2::read::MultiGzDecoder::new(file)) {
        let invoice = invoice.unwrap();
        count += 1;
        let cancelled = invoice.number.as_str().starts_with('C');
        cancellations += usize::from(cancelled);
        let facts = facts(&invoice);
        let refund = facts.iter().find_map(|f| if let Fact::RefundIssued(r) = f { Some(r.amount) } else { None });
        if cancelled == refund.is_none() {
            println!("odd: {} total {} refund {refund:?}", invoice.number, terms_of(&facts).total);
        }
        total += i128::from(terms_of(&facts).total);
        refunded += i128::from(refund.unwrap_or(0));
    }
    println!("{count} invoices, {cancellations} cancellations, sold {total} pennies, refunded {refunded} pennies");
    assert_eq!((count, cancellations), (28_816, 4_592));
}
