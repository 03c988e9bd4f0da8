//! What is turned away: with which answer, and leaving nothing behind.

use std::collections::BTreeSet;

use ingest::Config;
use reqwest::StatusCode;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::shop::{COURIER_SECRET, SECRET, Shop, TENANT, config, order, tenant};

const ELSEWHERE: &str = "another shop's secret";

#[tokio::test]
async fn whoever_has_no_valid_secret_gets_one_answer_and_leaves_nothing() {
    let shop = Shop::open().await;
    let body = order(9001);
    let mut answers = Vec::new();
    for (to, secret) in [
        (TENANT, "no secret of anybody"),
        (TENANT, ELSEWHERE),
        (TENANT, ""),
        ("swat-honey", SECRET),
        ("nobody-here", SECRET),
        ("Not A Tenant", SECRET),
        ("no-secret-yet", SECRET),
        ("no-secret-yet", ""),
    ] {
        answers.push(shop.deliver_signed(to, secret, "orders/create", &body).await);
    }
    let path = format!("/webhooks/shopify/{TENANT}");
    let of_another_body = sample_shop::sign_shopify(SECRET, order(9002).as_bytes());
    for signature in [None, Some(""), Some("no base64!"), Some("AAAA"), Some(of_another_body.as_str())] {
        let headers: Vec<_> = signature.map(|signature| ("X-Shopify-Hmac-Sha256", signature)).into_iter().collect();
        answers.push(shop.post_json(&path, &headers, body.clone().into_bytes()).await);
    }
    let path = format!("/webhooks/couriers/{TENANT}/postex");
    for headers in [&[][..], &[("X-Webhook-Secret", SECRET)], &[("Authorization", COURIER_SECRET)]] {
        answers.push(shop.post_json(&path, headers, body.clone().into_bytes()).await);
    }
    for answer in &answers {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.content_type.as_deref(), Some("application/problem+json"));
    }
    let bodies: BTreeSet<_> = answers.iter().map(|answer| answer.body.as_str()).collect();
    assert_eq!(bodies.len(), 1, "the answer does not tell why: {bodies:?}");
    assert_eq!(shop.events().await, []);
}

#[tokio::test]
async fn what_is_not_json_too_large_or_of_no_known_courier() {
    let shop = Shop::open().await;
    let body = order(9003).into_bytes();
    let signature = sample_shop::sign_shopify(SECRET, &body);
    let signed = ("X-Shopify-Hmac-Sha256", signature.as_str());
    let path = format!("/webhooks/shopify/{TENANT}");
    for content_type in [None, Some("text/plain"), Some("application/jsonp"), Some("application/x-www-form-urlencoded")]
    {
        let typed = content_type.map(|content_type| ("Content-Type", content_type));
        let headers: Vec<_> = [Some(signed), typed].into_iter().flatten().collect();
        let answer = shop.post(&path, &headers, body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type:?}");
    }
    let large = vec![b' '; config().max_body + 1];
    let signature = sample_shop::sign_shopify(SECRET, &large);
    let answer = shop.post_json(&path, &[("X-Shopify-Hmac-Sha256", &signature)], large).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let secret = ("X-Webhook-Secret", COURIER_SECRET);
    let answer = shop.post_json(&format!("/webhooks/couriers/{TENANT}/pigeon"), &[secret], body).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(shop.events().await, []);
}

#[tokio::test]
async fn a_tenant_that_exists_is_answered_like_one_that_does_not() {
    let shop = Shop::open().await;
    let (json, large) = (("Content-Type", "application/json"), vec![b' '; config().max_body + 1]);
    let signed = ("X-Shopify-Hmac-Sha256", "AAAA");
    for (sender, secret) in [("shopify/{}", signed), ("couriers/{}/postex", ("X-Webhook-Secret", "guessed"))] {
        let mut answers = BTreeSet::new();
        for tenant in [TENANT, "swat-honey", "no-secret-yet", "nobody-here", "Not A Tenant"] {
            let path = format!("/webhooks/{}", sender.replace("{}", tenant));
            let mut answered = Vec::new();
            for (headers, body) in [
                (&[secret][..], &b"{}"[..]),
                (&[("Content-Type", "text/plain"), secret], b"{}"),
                (&[json, secret], large.as_slice()),
                (&[json], large.as_slice()),
                (&[json], b"{}"),
                (&[json, secret], b"{}"),
            ] {
                let answer = shop.post(&path, headers, body.to_vec()).await;
                answered.push((answer.status, answer.content_type, answer.body));
            }
            let statuses: Vec<_> = answered.iter().map(|(status, ..)| status.as_u16()).collect();
            assert_eq!(statuses, [415, 415, 413, 413, 401, 401], "{path}");
            answers.insert(format!("{answered:?}"));
        }
        assert_eq!(answers.len(), 1, "{answers:?}");
    }
}

#[tokio::test]
async fn a_large_body_is_cut_off_before_it_is_read_or_at_the_limit() {
    let shop = Shop::open().await;
    let chunk = [format!("{:x}\r\n", 16 * 1024).into_bytes(), vec![b' '; 16 * 1024], b"\r\n".to_vec()].concat();
    // Nothing is sent of a body whose length is said; one chunk beyond the limit, and no end, of one whose length is not.
    let bodies = [("Content-Length: 70000", Vec::new()), ("Transfer-Encoding: chunked", chunk.repeat(5))];
    let cases = bodies.into_iter().flat_map(|case| [TENANT, "nobody-here"].map(|tenant| (tenant, case.clone())));
    for (tenant, (length, body)) in cases {
        let head = format!(
            "POST /webhooks/shopify/{tenant} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n\
             X-Shopify-Hmac-Sha256: AAAA\r\n{length}\r\n\r\n"
        );
        let mut connection = tokio::net::TcpStream::connect(shop.address).await.unwrap();
        connection.write_all(&[head.into_bytes(), body].concat()).await.unwrap();
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 413", "{tenant} {length}");
    }
    assert_eq!(shop.events().await, []);
}

#[tokio::test]
async fn two_secrets_live_while_one_is_replaced() {
    let shop = Shop::open().await;
    for (replacement, live, dead) in [("second", ["second", SECRET], "third"), ("third", ["third", "second"], SECRET)] {
        shop.keys.put_secret(&tenant(TENANT), "shopify", &SecretString::from(replacement)).await.unwrap();
        for secret in live {
            let answer = shop.deliver_signed(TENANT, secret, "orders/create", &order(9004)).await;
            assert_eq!(answer.status, StatusCode::OK, "{secret}");
        }
        let answer = shop.deliver_signed(TENANT, dead, "orders/create", &order(9004)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{dead}");
    }
}

#[tokio::test]
async fn bytes_under_way_are_bounded() {
    let shop = Shop::with(Config { memory: 500, ..config() }).await;
    let answer = shop.deliver("orders/create", &order(9005)).await;
    assert_eq!((answer.status, answer.retry_after.as_deref()), (StatusCode::SERVICE_UNAVAILABLE, Some("5")));
    assert_eq!(shop.deliver("orders/create", "{}").await.status, StatusCode::OK, "a small one still fits");
    assert!(shop.facts(events::Topic::Order).await.is_empty());
}
