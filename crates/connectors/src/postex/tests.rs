//! PostEx bodies in every shape, and the facts they give.

use super::*;
use ledger::Money;

const RECEIVED: Timestamp = Timestamp(1_790_000_000_000_000);

fn facts_of(body: &str) -> Result<Vec<Fact>, NotUnderstood> {
    let drafts = read(body.as_bytes(), RECEIVED)?;
    assert!(drafts.iter().all(|draft| draft.people.is_empty()), "PostEx brings no people");
    Ok(drafts.into_iter().map(|draft| draft.fact).collect())
}

/// Facts in short, one line each.
fn lines(body: &str) -> Vec<String> {
    facts_of(body).unwrap().iter().map(line).collect()
}

fn line(fact: &Fact) -> String {
    let name = |name: &Option<OrderName>| name.as_ref().map_or("-".to_owned(), OrderName::to_string);
    let receipt = |r: &Option<ReceiptNumber>| r.as_ref().map_or("-".to_owned(), ReceiptNumber::to_string);
    match fact {
        Fact::ParcelScanned(f) => {
            let at = if f.scanned_at == RECEIVED { "received".to_owned() } else { f.scanned_at.to_string() };
            format!("scan {} {at} {:?} {} {}", f.tracking, f.state, f.code, name(&f.reference))
        }
        Fact::ParcelBooked(f) => {
            let cod = f.cod.map_or("-".to_owned(), |m| m.to_string());
            let booked_at = f.booked_at.map_or("-".to_owned(), |t| t.to_string());
            format!("booked {} {cod} {booked_at} {}", f.tracking, name(&f.reference))
        }
        Fact::CodChargesReported(f) => {
            let (back, back_tax) = (f.return_fee, f.return_fee_tax);
            format!("charges {} {} {back} {back_tax} {} {}", f.fee, f.fee_tax, f.upfront, f.reserve)
        }
        Fact::CodPartSettled(f) => format!("settled {:?} {} {}", f.part, f.settled_on, receipt(&f.receipt)),
        Fact::PayoutBanked(f) => format!("banked {} {} {}", f.receipt, f.banked_on, f.amount),
        other => format!("{other:?}"),
    }
}

fn problem(body: &str) -> (String, String) {
    match facts_of(body) {
        Err(NotUnderstood::Field { path, problem }) => (path, problem),
        other => panic!("not a field's problem: {other:?}"),
    }
}

#[test]
fn pushes_are_scans_in_each_of_their_shapes() {
    for (body, expected) in [
        (
            r##"{"trackingNumber":"26911100000011","orderReferenceNumber":"#A-7","statusUpdateDatetime":"2026-10-08 12:00:00","orderStatus":"Out For Delivery"}"##,
            "scan 26911100000011 2026-10-08T07:00:00Z OutForDelivery 0004 A-7",
        ),
        (
            r#"{"trackingNumber":26911100000011,"transactionStatus":"Delivered","statusDateTime":"2026-10-08T12:00:00.000+0500"}"#,
            "scan 26911100000011 2026-10-08T07:00:00Z Delivered 0005 -",
        ),
        (
            r#"{"trackingNumber":"cx-11","orderStatus":"Attempted","lastAttemptReason":"RFD"}"#,
            "scan CX-11 received Attempted 0013/RFD -",
        ),
        (
            r#"[{"trackingNumber":"11","lastAttemptReason":"neighbour Zubair says come back"}]"#,
            "scan 11 received Attempted 0013 -",
        ),
        (
            r#"{"trackingNumber":"11","orderStatus":"Gone fishing: 03012223334","orderReferenceNumber":"two words"}"#,
            "scan 11 received Unknown Gone fishing -",
        ),
    ] {
        assert_eq!(lines(body), [expected], "{body}");
    }
}

/// History newest first, one entry twice, amounts in every form.
const TRACKED: &str = r##"{"statusCode":"200","statusMessage":"OK","dist":{
    "customerName":"Zubair Khalti","customerPhone":"03012223334","deliveryAddress":"House 9, Lane 4","transactionNotes":"ring twice",
    "trackingNumber":"26911100000011","orderRefNumber":"#A-7","transactionDate":"2026-10-01 09:30:00",
    "transactionStatus":"Delivered","invoicePayment":"2,750.00","transactionFee":199.5,"transactionTax":31.92,
    "reversalFee":null,"upfrontPayment":1.5E3,"balancePayment":0,"upfrontPaymentDate":"2026-10-06",
    "transactionStatusHistory":[
        {"transactionStatusMessage":"Delivered","transactionStatusMessageCode":"0005","updatedAt":"2026-10-04 15:00:00"},
        {"transactionStatusMessage":"Attempt Made: CNA","transactionStatusMessageCode":"0013","modifiedDatetime":"2026-10-03T18:00:00.000+0500"},
        {"transactionStatusMessage":"Attempt Made: CNA","transactionStatusMessageCode":13,"updatedAt":"2026-10-03 18:00:00"},
        {"transactionStatusMessage":"At PostEx Warehouse","transactionStatusMessageCode":"0003","updatedAt":"2026-10-02 11:00:00"}]}}"##;

#[test]
fn a_tracked_order_tells_booking_scans_charges_and_payments() {
    assert_eq!(
        lines(TRACKED),
        [
            "booked 26911100000011 2750.00 PKR 2026-10-01T04:30:00Z A-7",
            "scan 26911100000011 2026-10-02T06:00:00Z InTransit 0003 A-7",
            "scan 26911100000011 2026-10-03T13:00:00Z Attempted 0013/CNA A-7",
            "scan 26911100000011 2026-10-04T10:00:00Z Delivered 0005 A-7",
            "charges 19950 3192 0 0 150000 0",
            "settled Upfront 2026-10-06 -",
        ]
    );
    let text = format!("{:?}", read(TRACKED.as_bytes(), RECEIVED).unwrap());
    for personal in ["Zubair", "03012223334", "House 9", "ring twice"] {
        assert!(!text.contains(personal), "{personal}");
    }
}

#[test]
fn a_record_is_as_new_as_its_latest_time() {
    let version = |fields: &str| {
        let body = format!(r#"{{"trackingNumber":"11","invoicePayment":1{fields}}}"#);
        match facts_of(&body).unwrap().remove(0) {
            Fact::ParcelBooked(f) => f.version,
            other => panic!("{other:?}"),
        }
    };
    let history = r#","transactionDate":"2026-10-01","transactionStatusHistory":[
        {"transactionStatusMessageCode":"0001","updatedAt":"2026-10-02"},
        {"transactionStatusMessageCode":"0003","updatedAt":"2026-10-03"}]"#;
    assert_eq!(version(&format!(r#","statusUpdatedAt":"2026-10-04"{history}"#)).to_string(), "2026-10-03T19:00:00Z");
    assert_eq!(version(history).to_string(), "2026-10-02T19:00:00Z");
    assert_eq!(version(r#","transactionDate":"2026-10-01""#).to_string(), "2026-09-30T19:00:00Z");
    assert_eq!(version(""), RECEIVED);
}

#[test]
fn without_history_the_current_status_is_the_scan() {
    let body = r#"{"statusCode":200,"dist":[
        {"trackingNumber":"11","message":"","trackingResponse":{"trackingNumber":"11","transactionStatus":"Delivered","orderDeliveryDate":"2026-10-04 15:00:00","transactionDate":"2026-10-01","transactionStatusHistory":[]}},
        {"trackingNumber":"12","message":"ORDER NOT FOUND"},
        {"trackingNumber":"13","message":"","trackingResponse":{"transactionStatus":"Out For Return","transactionDate":"2026-10-01","invoicePayment":0}},
        {"trackingNumber":"14","orderRefNumber":15,"transactionStatus":"UnBooked","transactionDate":"2026-10-01"}]}"#;
    assert_eq!(
        lines(body),
        [
            "booked 11 - 2026-09-30T19:00:00Z -",
            "scan 11 2026-10-04T10:00:00Z Delivered 0005 -",
            "booked 13 0.00 PKR 2026-09-30T19:00:00Z -",
            "scan 13 received ReturnInTransit Out For Return -",
            "booked 14 - 2026-09-30T19:00:00Z 15",
            "scan 14 2026-09-30T19:00:00Z Booked UnBooked 15",
        ]
    );
}

#[test]
fn the_guest_page_gives_scans_only() {
    let body = r#"{"statusCode":"200","dist":{"customerName":"Zubair Khalti","trackingNumber":"11","orderPickupDate":"2026-10-01T10:00:00.000+0500",
        "transactionStatusHistory":[{"transactionStatusMessage":"Delivered to Customer","transactionStatusMessageCode":"0005","modifiedDatetime":"2026-10-04T15:00:00.000+0500"}]}}"#;
    assert_eq!(lines(body), ["scan 11 2026-10-04T10:00:00Z Delivered 0005 -"]);
}

#[test]
fn a_payment_status_settles_the_parts_it_names() {
    for (fields, expected) in [
        (r#""settle":false"#, vec![]),
        (r#""settle":"False","settlementDate":null"#, vec![]),
        (r#""settle":true,"settlementDate":"2026-10-09""#, vec!["settled Upfront 2026-10-09 -"]),
        (
            r#""settle":"true","settlementDate":"2026-10-20","upfrontPaymentDate":"2026-10-06","cprNumber_1":"CPR-1","reservePaymentDate":"2026-10-19 00:00:00","cprNumber_2":"CPR-2""#,
            vec!["settled Upfront 2026-10-06 CPR-1", "settled Reserve 2026-10-19 CPR-2"],
        ),
        (
            r#""settle":true,"cpr1":91,"cpr1Date":"2026-10-06T23:30:00","cpr2":"""#,
            vec!["settled Upfront 2026-10-06 91"],
        ),
        (
            r#""settle":true,"settlementDate":"2026-10-20","cprNumber_1":"CPR-1","cpr2":"CPR-2""#,
            vec!["settled Upfront 2026-10-20 CPR-1", "settled Reserve 2026-10-20 CPR-2"],
        ),
    ] {
        let body =
            format!(r#"{{"statusCode":"200","dist":{{"orderRefNumber":"A-7","trackingNumber":"11",{fields}}}}}"#);
        assert_eq!(lines(&body), expected, "{fields}");
    }
    let undated = r#"{"trackingNumber":"11","settle":true,"cpr1":"CPR-1"}"#;
    assert_eq!(problem(undated), ("settlementDate".to_owned(), "missing".to_owned()));
}

#[test]
fn approved_payouts_are_banked() {
    let body = r#"{"statusCode":"200","pagination":{"totalPages":1},"dist":[
        {"cashPaymentReceiptMasterId":5,"cashPaymentReceiptNumber":"CPR-1","cashPaymentReceiptStatus":"Approved","approveDate":"2026-10-07T11:00:00.000+0500","netAmount":"12,518.58"},
        {"cashPaymentReceiptMasterId":6,"cashPaymentReceiptNumber":"CPR-2","cashPaymentReceiptStatus":"Pending","netAmount":"1.00"}]}"#;
    assert_eq!(lines(body), ["banked CPR-1 2026-10-07 12518.58 PKR"]);
}

#[test]
fn failures_and_strangers_are_of_unknown_shape() {
    for body in [
        r#"{"statusCode":"404","statusMessage":"RECORD NOT FOUND"}"#,
        r#"{"statusCode":"401","statusMessage":"TOKEN IS INVALID","dist":null}"#,
        r#"{"status":400,"error":"Bad Request","trace":"…"}"#,
        r#"{"trackingNumber":"11"}"#,
        "{}",
        "7",
    ] {
        assert_eq!(facts_of(body), Err(NotUnderstood::UnknownTopic), "{body}");
    }
    for body in ["", "not json", "{\"a\":", "[1,]"] {
        assert_eq!(facts_of(body), Err(NotUnderstood::UnreadableJson), "{body}");
    }
    assert_eq!(read(&[0xff, 0xfe], RECEIVED), Err(NotUnderstood::UnreadableJson));
    assert_eq!(facts_of(r#"{"statusCode":"200","dist":[]}"#), Ok(vec![]));
    let nested = "[".repeat(100_000) + &"]".repeat(100_000);
    assert_eq!(problem(&nested), ("[0]".to_owned(), "expected an object".to_owned()));
}

#[test]
fn problems_name_the_path_and_never_the_value() {
    for (body, path, says) in [
        (r#"{"orderStatus":"Booked"}"#, "trackingNumber", "missing"),
        (r#"{"orderStatus":"Booked","trackingNumber":"given to Zubair"}"#, "trackingNumber", "not a tracking number"),
        (r#"{"orderStatus":"Booked","trackingNumber":["11"]}"#, "trackingNumber", "expected a text or a number"),
        (
            r#"{"orderStatus":"Booked","trackingNumber":"11","statusUpdateDatetime":"yesterday"}"#,
            "statusUpdateDatetime",
            "not a date and time",
        ),
        (
            r#"{"dist":[{"trackingResponse":{"trackingNumber":"11","invoicePayment":"lots"}}]}"#,
            "dist[0].trackingResponse.invoicePayment",
            "not a decimal amount",
        ),
        (r#"{"trackingNumber":"11","transactionFee":31.925}"#, "transactionFee", "more decimals than PKR has"),
        (
            r#"{"trackingNumber":"11","invoicePayment":99999999999999999999}"#,
            "invoicePayment",
            "amount does not fit 64 bits of minor units",
        ),
        (
            r#"{"dist":{"trackingNumber":"11","transactionStatusHistory":[{"transactionStatusMessageCode":"0005"}]}}"#,
            "dist.transactionStatusHistory[0].updatedAt",
            "missing",
        ),
        (
            r#"{"trackingNumber":"11","transactionStatusHistory":"Delivered"}"#,
            "transactionStatusHistory",
            "expected a list",
        ),
        (r#"{"trackingNumber":"11","settle":"perhaps"}"#, "settle", "expected true or false"),
        (r#"{"cashPaymentReceiptMasterId":5,"approveDate":"2026-10-07"}"#, "cashPaymentReceiptNumber", "missing"),
        (r#"["11"]"#, "[0]", "expected an object"),
    ] {
        assert_eq!(problem(body), (path.to_owned(), says.to_owned()), "{body}");
    }
}

#[test]
fn amounts_are_read_from_their_digits() {
    for (literal, minor) in
        [("2750", 275_000), ("2750.10", 275_010), (r#""5299.00""#, 529_900), ("1.0E7", 1_000_000_000)]
    {
        let body = format!(r#"{{"trackingNumber":"11","invoicePayment":{literal}}}"#);
        let Fact::ParcelBooked(booked) = facts_of(&body).unwrap().remove(0) else { panic!("{literal}") };
        assert_eq!(booked.cod, Some(Money::new(minor, Currency::PKR)), "{literal}");
    }
}

/// Reads recorded answers where they are at hand; their outcome is for a person to look at.
#[test]
fn recorded_answers_are_read_or_refused() {
    let data = std::env::var("DAYBOOK_REAL_DATA")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data").to_owned());
    let Ok(files) = std::fs::read_dir(std::path::Path::new(&data).join("courier/postex")) else {
        println!("skipped: no recorded answers (set DAYBOOK_REAL_DATA)");
        return;
    };
    for file in files.map(Result::unwrap) {
        let outcome = read(&std::fs::read(file.path()).unwrap(), RECEIVED);
        let short = outcome.map(|drafts| drafts.iter().map(|d| line(&d.fact)).collect::<Vec<_>>());
        println!("{}: {short:?}", file.file_name().display());
    }
}
