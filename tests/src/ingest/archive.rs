//! What a person is handed: one file that opens with its passphrase alone, and holds exactly them.

use std::io::{Cursor, Read};

use commerce::SubjectId;
use events::{Payload, Topic};
use privacy::person::{GatherError, gather};
use secrecy::{ExposeSecret, SecretString};
use store::books::{self, TenantRow};
use store::keys::{
    AccessBy, Actor, Field, KeyStoreError, NewRequest, Purpose, RequestChannel, RequestKind, Shown, Verification,
};
use uuid::Uuid;

use super::shop::{PERSONAL, Shop, TENANT, clock, order, tenant};
use crate::books::config;

const TYPED: &str = "=HYPERLINK(\"http://unwritten.example\") <b>and my complaint</b>";

async fn buyers(shop: &Shop) -> Vec<SubjectId> {
    let events = shop.facts(Topic::Order).await;
    let boxes = events.into_iter().filter_map(|event| match event.payload {
        Payload::Fact { boxes, .. } => boxes.into_iter().next(),
        _ => None,
    });
    boxes.map(|one| one.subject).collect()
}

async fn row(shop: &Shop) -> TenantRow {
    books::tenant(&shop.books, &tenant(TENANT)).await.unwrap().unwrap()
}

fn by(actor: Actor, request: Uuid) -> AccessBy {
    let purpose = Purpose::request(RequestKind::Access);
    AccessBy { actor, purpose, request, at: clock(), shown: Shown::Clear, fields: Field::ALL_DETAILS }
}

/// The archive's files, if this opens it.
fn opened(bytes: &[u8], passphrase: &str) -> Option<Vec<(String, String)>> {
    let identity = age::scrypt::Identity::new(SecretString::from(passphrase));
    let packed = age::decrypt(&identity, bytes).ok()?;
    let mut zip = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
    let mut files = Vec::new();
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        files.push((file.name().unwrap().into_owned(), text));
    }
    Some(files)
}

/// What an archive holds.
const FILES: [&str; 8] = [
    "index.html",
    "data.json",
    "details.csv",
    "orders.csv",
    "order-lines.csv",
    "who-looked.csv",
    "requests.csv",
    "decisions.csv",
];

#[tokio::test]
async fn an_archive_opens_with_its_passphrase_alone_and_holds_exactly_that_person() {
    let shop = Shop::open().await;
    for id in [7301, 7302] {
        shop.deliver("orders/create", &order(id)).await;
    }
    processor::catch_up(config(100), &shop.log, &shop.books).await.unwrap();
    let buyers = buyers(&shop).await;
    let (one, other) = (buyers[0], *buyers.last().unwrap());
    assert_ne!(one, other);
    let row = row(&shop).await;
    let new = NewRequest {
        id: Uuid::new_v4(),
        subject: Some(one),
        kind: RequestKind::Access,
        channel: RequestChannel::Page,
        verified: Some(Verification::Code),
        by: Actor::Person,
        words: Some(TYPED.to_owned().into()),
        received_at: clock(),
        zone: row.zone,
    };
    let request = shop.keys.file_request(&row.tenant, new).await.unwrap().request().id;

    let staff = || Actor::Staff("support-1".parse().unwrap());
    for who in [staff(), Actor::Operator] {
        let refused = gather(&shop.keys, &shop.books, &row, one, &by(who, request)).await;
        assert!(matches!(refused, Err(GatherError::Keys(KeyStoreError::NotPermitted))), "{refused:?}");
    }
    shop.keys.permit_reveal(&row.tenant, &"support-1".parse().unwrap(), clock()).await.unwrap();
    let held = gather(&shop.keys, &shop.books, &row, one, &by(staff(), request)).await.unwrap();
    let sealed = privacy::archive::seal(&held).unwrap();
    let passphrase = sealed.passphrase.expose_secret();
    for wrong in ["", "another-passphrase", &passphrase.replace('-', "")] {
        assert!(opened(&sealed.bytes, wrong).is_none(), "it opened with {wrong:?}");
    }
    let files = opened(&sealed.bytes, passphrase).unwrap();
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let expected = FILES;
    assert_eq!(names, expected);

    let text: String = files.iter().map(|(_, text)| text.as_str()).collect();
    for theirs in ["Zarmina Unwritten", "03000007301", "Zarmina.7301@unwritten.example", "House 7", "SHAWL-7", "7301"] {
        assert!(text.contains(theirs), "{theirs} is missing");
    }
    for of_the_other in ["7302", &other.to_string()] {
        assert!(!text.contains(of_the_other), "{of_the_other} is somebody else's");
    }
    let file = |wanted: &str| &files.iter().find(|(name, _)| name == wanted).unwrap().1;
    let json: serde_json::Value = serde_json::from_str(file("data.json")).unwrap();
    assert_eq!(json["orders"][0]["total"], "4500.00 PKR", "{json}");
    assert_eq!(json["orders"][0]["lines"][0]["sku"], "SHAWL-7");
    assert_eq!(json["requests"][0]["words"], TYPED);
    assert!(
        json["accesses"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["who"] == "support-1" && one["purpose"] == "request/access")
    );
    assert!(!json["kept"].as_array().unwrap().is_empty());
    let (requests, page) = (file("requests.csv"), file("index.html"));
    assert!(requests.contains("\"'=HYPERLINK("), "no cell is a formula: {requests}");
    assert!(page.contains("&lt;b&gt;and my complaint") && !page.contains("<b>and"), "no text is markup");

    std::fs::write(shop.folder.path().join("request.zip.age"), &sealed.bytes).unwrap();
    shop.assert_nowhere(PERSONAL);
    let again = privacy::archive::seal(&held).unwrap();
    assert!(opened(&again.bytes, passphrase).is_none(), "each has its own passphrase");
}
