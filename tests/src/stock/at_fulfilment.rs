//! Tenants who sell at fulfilment: goods cost something when they leave, come back at that, and once every parcel has come to
//! its end the books of goods are the same as those of a tenant who sells at delivery.

use commerce::{CodGateways, Policy, Recognition};
use ledger::BusinessZone;
use store::books::TenantRow;

use super::*;

async fn sells(backend: &Backend, recognition: Recognition) {
    let rules = Policy { recognition, ..Policy::default() };
    let (zone, cod_gateways) = (BusinessZone::KARACHI, CodGateways::default());
    let row = TenantRow { tenant: shop(), zone, cod_gateways, created_at: Timestamp(0), rules };
    books::save_tenant(&backend.db, row).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_cost_something_when_they_leave() {
    let expected = nets(&[
        ("assets:inventory", 450 + 120),
        ("expenses:cost-of-goods-sold", 400 + 1_125 + 225 - 112 + 150 + 30),
        ("expenses:lost-goods", 112),
        ("liabilities:goods-received", -2_500),
    ]);
    for kind in BOTH {
        let backend = Backend::fresh(kind, 2).await;
        sells(&backend, Recognition::Fulfilment).await;
        fold(&backend, &fortnight(), 3).await;
        assert_eq!(goods(&backend.db).await, expected, "{kind:?}: every parcel has come to its end");
        assert_eq!(findings(&backend).await, Vec::<String>::new(), "{kind:?}");
        let journal = books::recent_journal(&backend.db, &shop(), 1_000).await.unwrap();
        // Several topics of a broker are not read in the order in which things happened.
        let reversals = journal.iter().filter(|line| line.posted.reverses.is_some()).count();
        assert!(reversals == 0 || kind == Kind::Servers, "told in order, nothing is reversed");
        let (hash, posted) = (open_hash(&backend.db).await, journal.len());
        processor::rebuild(config(5), &backend.log, &backend.db, Projection::Books, &mut |_| {}).await.unwrap();
        let again = books::recent_journal(&backend.db, &shop(), 1_000).await.unwrap();
        assert_eq!((open_hash(&backend.db).await, again.len()), (hash, posted), "{kind:?}: nothing is posted again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_of_arrival_and_batch_size_do_not_matter() {
    for seed in 1..4 {
        let mut facts = wild(seed);
        let mut hashes = Vec::new();
        for batch in [10_000, 13, 5] {
            facts.shuffle(&mut StdRng::seed_from_u64(seed + batch as u64));
            let backend = Backend::fresh(Kind::Embedded, 1).await;
            sells(&backend, Recognition::Fulfilment).await;
            fold(&backend, &facts, batch).await;
            assert_eq!(findings(&backend).await, Vec::<String>::new(), "seed {seed}, batches of {batch}");
            hashes.push((open_hash(&backend.db).await, goods(&backend.db).await));
        }
        assert!(hashes.iter().all(|hash| *hash == hashes[0]), "seed {seed}: {hashes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_policy_is_named_until_a_rebuild_follows_it() {
    let backend = Backend::fresh(Kind::Embedded, 1).await;
    let under_way = [received("grn-1", 0, 1, 10, 100), ordered(1, 2, &[(1, 4)]), sent(1, 3, true, &[(1, 4)])];
    fold(&backend, &under_way, 100).await;
    let stock = |cost: i64| {
        nets(&[
            ("assets:inventory", 1_000 - cost),
            ("expenses:cost-of-goods-sold", cost),
            ("liabilities:goods-received", -1_000),
        ])
    };
    let of = |goods: BTreeMap<String, i64>| {
        goods.into_iter().filter(|(_, net)| *net != 0).collect::<BTreeMap<String, i64>>()
    };
    assert_eq!(goods(&backend.db).await, of(stock(0)), "not delivered yet");
    sells(&backend, Recognition::Fulfilment).await;
    let named = findings(&backend).await;
    assert!(named.iter().any(|finding| finding.contains("out/order/1/10/1/issued")), "{named:?}");
    processor::rebuild(config(5), &backend.log, &backend.db, Projection::Books, &mut |_| {}).await.unwrap();
    assert_eq!(goods(&backend.db).await, of(stock(400)));
    assert_eq!(findings(&backend).await, Vec::<String>::new());
}
