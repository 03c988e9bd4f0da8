use proptest::prelude::*;

use super::*;

/// Whether somebody of this phone, address, customer id and order would be found in a text.
fn names(text: &str) -> Vec<&'static str> {
    let body = traces(text.as_bytes());
    let known: [(&str, Traces); 5] = [
        ("phone", of_phone("0300 1234567")),
        ("email", of_email(" Bilqis.Anwar@Example.com ")),
        ("customer", of_number("6001234567890").into_iter().collect()),
        ("order", of_order_name("#1001").into_iter().collect()),
        ("lettered order", of_order_name("KS-2044").into_iter().collect()),
    ];
    known.into_iter().filter(|(_, of)| of.iter().any(|trace| body.contains(trace))).map(|(name, _)| name).collect()
}

#[test]
fn a_text_names_whom_it_names_however_it_is_written() {
    let nobody: &[&str] = &[];
    for (text, expected) in [
        (r#"{"phone":"+92 300 123-4567"}"#, &["phone"][..]),
        (r#"{"phone":"03001234567"}"#, &["phone"]),
        (r#"{"phone":3001234567}"#, &["phone"]),
        ("call 0092(300)1234567 please", &["phone"]),
        ("0321 7654321 / 0300 1234567 / 042 1234", &["phone"]),
        ("House 12 0300-1234567", &["phone"]),
        ("\u{6f0}\u{6f3}\u{6f0}\u{6f0}\u{6f1}\u{6f2}\u{6f3}\u{6f4}\u{6f5}\u{6f6}\u{6f7}", &["phone"]),
        (r#"{"phone":"\u002B92\u00a03001234567"}"#, &["phone"]),
        (r#"{"inner":"{\"phone\":\"\\u002b92 300\\/1234567\"}"}"#, &["phone"]),
        ("phone=%2B92+300+1234567&x=1", &["phone"]),
        (r#"{"phone":"0300123456"#, nobody),
        (r#"{"phone":"03001234568"}"#, nobody),
        (r#"{"tracking":"12345678903001234567"}"#, nobody),
        (r#"{"a":300,"b":1234567}"#, nobody),
        (r#"{"email":"bilqis.anwar@example.com"}"#, &["email"]),
        (r#"{"email":"BILQIS.ANWAR\u0040EXAMPLE.COM"}"#, &["email"]),
        ("email=bilqis.anwar%40example.com&y=2", &["email"]),
        ("note=write+to+bilqis.anwar%2540example.com", &["email"]),
        ("<mailto:Bilqis.Anwar@example.com>.", &["email"]),
        ("لکھیںbilqis.anwar@example.comپر", &["email"]),
        ("x.bilqis.anwar@example.com", nobody),
        ("bilqis.anwar@example.com.pk", nobody),
        ("anwar@example.com", nobody),
        (r#"{"customer":{"id":6001234567890}}"#, &["customer"]),
        ("gid://shopify/Customer/6001234567890", &["customer"]),
        (r#"gid:\/\/shopify\/Customer\/6001234567890"#, &["customer"]),
        ("16001234567890", nobody),
        ("60012345678901", nobody),
        (r##"{"name":"#1001"}"##, &["order"]),
        ("your order #1001, thank you", &["order"]),
        (r#"{"orderRefNumber": "1001"}"#, &["order"]),
        ("order=%231001&", &["order"]),
        (r#"{"zip":"1001","price":1001,"total":"1001.00"}"#, nobody),
        ("color #1001ff, #10012, 1001", nobody),
        (r#"["KS-2044"]"#, &["lettered order"]),
        ("see #ks-2044.", &["lettered order"]),
        ("KS-2044", nobody),
        ("", nobody),
    ] {
        assert_eq!(names(text), expected, "{text}");
    }
}

#[test]
fn what_is_too_short_or_shared_by_many_is_nobodys() {
    for phone in ["", "none", "12345", "0300 0000000", "11111111111"] {
        assert!(of_phone(phone).is_empty(), "{phone}");
    }
    assert!(of_phone("0300 0000001") == [Trace::Phone("3000000001".to_owned())].into());
    assert!(of_phone("042 35761") == [Trace::Phone("04235761".to_owned())].into());
    for number in ["", "12345", "12a456"] {
        assert!(of_number(number).is_none(), "{number}");
    }
    for name in ["", "#", "#7", "#100", "EID"] {
        assert!(of_order_name(name).is_none(), "{name}");
    }
}

#[test]
fn bytes_that_are_no_text_and_escapes_that_are_none_are_passed_over() {
    let mut body = vec![0xff, 0xfe, b'\\', b'u', b'd', b'8', b'0', b'0', b'%', b'z', b'%'];
    body.extend(b"03001234567\\u12");
    assert!(traces(&body).contains(&Trace::Phone("3001234567".to_owned())));
}

/// One character, escaped as a sender may: not, as JSON does, for a link, or one within the other.
fn escaped(c: char, how: u8) -> String {
    let percent = |text: &str| text.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
    let json = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    match how % 5 {
        0 | 1 => c.to_string(),
        2 => json(c),
        3 => percent(&c.to_string()),
        _ => percent(&json(c)),
    }
}

const SEPARATORS: [&str; 12] = ["", "", "", " ", "-", ".", " (", ") ", "/", "\u{a0}", "\u{2011}", " - "];

/// A number written with these separators between its digits, each character escaped somehow.
fn written(prefix: &str, digits: &str, separators: &[usize], escapes: &[u8]) -> String {
    let mut text = String::from(prefix);
    for (digit, separator) in digits.chars().zip(separators) {
        text.push(digit);
        text.push_str(SEPARATORS[*separator % SEPARATORS.len()]);
    }
    text.chars().zip(escapes.iter().cycle()).map(|(c, how)| escaped(c, *how)).collect()
}

proptest! {
    #[test]
    fn a_phone_is_found_whatever_stands_between_its_digits_and_however_it_is_escaped(
        digits in "3[0-9]{9}",
        other in "3[0-9]{9}",
        prefix in prop::sample::select(vec!["0", "+92", "0092 ", "92-", ""]),
        separators in prop::collection::vec(0_usize..12, 10),
        escapes in prop::collection::vec(any::<u8>(), 1..40),
        around in prop::sample::select(vec![("{\"phone\":\"", "\"}"), ("{\"note\":\"call ", " now"), ("", "")]),
    ) {
        prop_assume!(!is_nobodys(&digits) && !is_nobodys(&other) && digits != other);
        let body = format!("{}{}{}", around.0, written(prefix, &digits, &separators, &escapes), around.1);
        let (found, theirs) = (traces(body.as_bytes()), of_phone(&format!("0{digits}")));
        prop_assert!(theirs.len() == 1 && theirs.iter().all(|trace| found.contains(trace)), "{body}");
        prop_assert!(of_phone(&other).iter().all(|trace| !found.contains(trace)), "{other} in {body}");
    }

    #[test]
    fn an_address_is_found_in_any_case_and_however_it_is_escaped(
        address in "[a-z][a-z0-9._+-]{0,10}[a-z0-9]@[a-z0-9]{1,8}\\.(com|pk)",
        other in "[a-z][a-z0-9._+-]{0,10}[a-z0-9]@[a-z0-9]{1,8}\\.(com|pk)",
        upper in any::<bool>(),
        escapes in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        prop_assume!(address != other);
        let said = if upper { address.to_uppercase() } else { address.clone() };
        let said: String = said.chars().zip(escapes.iter().cycle()).map(|(c, how)| escaped(c, *how)).collect();
        let found = traces(format!("{{\"email\":\"{said}\",").as_bytes());
        prop_assert!(of_email(&address).iter().all(|trace| found.contains(trace)), "{said}");
        prop_assert!(of_email(&other).iter().all(|trace| !found.contains(trace)), "{other} in {said}");
    }

    #[test]
    fn no_bytes_are_too_much(body in prop::collection::vec(any::<u8>(), 0..300)) {
        traces(&body);
    }
}
