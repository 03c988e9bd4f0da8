//! The page on which a person sees what is held about them, over real HTTP: who gets in, who does not, and what shows of either.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use api::visit::{SelfService, router};
use ledger::Timestamp;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Response, StatusCode};
use store::keys::{RequestChannel, RequestKind, VisitCode};
use subject_keys::Pii;

use super::shop::{PERSONAL, Shop, TENANT, clock, order, tenant};
use crate::books::config;

/// A shop with two buyers, and its page.
struct Site {
    shop: Shop,
    url: String,
    codes: Arc<Mutex<Vec<VisitCode>>>,
    client: reqwest::Client,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn phone(text: &str) -> Option<Pii<String>> {
    let digits = text.strip_prefix("0300").filter(|rest| rest.len() == 7)?;
    Some(Pii::new(format!("+92300{digits}")))
}

/// The cookie that an answer sets, as a browser sends it back.
fn cookie(response: &Response) -> String {
    let set = response.headers().get(SET_COOKIE).unwrap().to_str().unwrap();
    for word in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/privacy/kohsar-shawls"] {
        assert!(set.contains(word), "{set}");
    }
    set.split(';').next().unwrap().to_owned()
}

impl Site {
    async fn open(at: fn() -> Timestamp) -> Site {
        let shop = Shop::open().await;
        for id in [7401, 7402] {
            shop.deliver("orders/create", &order(id)).await;
        }
        processor::catch_up(config(100), &shop.log, &shop.books).await.unwrap();
        let codes = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&codes);
        let page = SelfService {
            db: shop.books.clone(),
            keys: shop.keys.clone(),
            clock: at,
            phone,
            notice: Arc::new(move |_, code| told.lock().unwrap().extend(code.cloned())),
        };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/privacy/{TENANT}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router(page)).await.unwrap() });
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Site { shop, url, codes, client, serving }
    }

    async fn post(&self, path: &str, cookie: &str, form: &[(&str, &str)]) -> Response {
        let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = self.client.post(format!("{}{path}", self.url)).header(COOKIE, cookie);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body.join("&"));
        request.send().await.unwrap()
    }

    async fn get(&self, path: &str, cookie: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).header(COOKIE, cookie).send().await.unwrap()
    }

    /// Says who one is; gives the visit's cookie.
    async fn begin(&self, order: &str, phone: &str) -> String {
        let answer = self.post("", "", &[("order", order), ("phone", phone)]).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(answer.headers()[LOCATION], format!("/privacy/{TENANT}/code"));
        cookie(&answer)
    }

    fn sent(&self) -> Vec<VisitCode> {
        self.codes.lock().unwrap().clone()
    }

    /// The session of the buyer of this order.
    async fn session(&self, id: &str) -> String {
        let visit = self.begin(&format!("#{id}"), &format!("0300{:0>7}", id)).await;
        let code = self.sent().pop().unwrap().code;
        let entered = self.post("/code", &visit, &[("code", &code)]).await;
        assert_eq!(entered.headers()[LOCATION], format!("/privacy/{TENANT}/me"));
        let again = self.post("/code", &visit, &[("code", &code)]).await;
        assert_eq!(again.status(), StatusCode::FORBIDDEN, "a code is used up");
        cookie(&entered)
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The value of the first field of that name.
fn field(page: &str, name: &str) -> String {
    let from = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
    from.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_sees_themselves_asks_and_leaves() {
    let site = Site::open(clock).await;
    let session = site.session("7401").await;
    let seen = site.get("/me", &session).await;
    let headers = seen.headers().clone();
    assert_eq!(
        (&headers["cache-control"], &headers["referrer-policy"]),
        (&"no-store".parse().unwrap(), &"no-referrer".parse().unwrap())
    );
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("form-action 'self'") && !policy.contains("script")
    );
    let page = seen.text().await.unwrap();
    for theirs in ["Zarmina Unwritten", "03000007401", "Zarmina.7401@unwritten.example", "4500.00 PKR"] {
        assert!(page.contains(theirs), "{theirs}");
    }
    assert!(!page.contains("7402") && !page.contains("<script"), "nobody else, and nothing that runs");

    let (form, token) = (field(&page, "form"), field(&page, "token"));
    let words = "Please, <b>what</b> do you hold? Zarmina";
    let wish = [("form", &*form), ("token", &*token), ("kind", "access"), ("words", words)];
    for _ in 0..3 {
        assert_eq!(site.post("/me/requests", &session, &wish).await.status(), StatusCode::SEE_OTHER);
    }
    let filed = site.shop.keys.requests(&tenant(TENANT), true).await.unwrap();
    assert_eq!(filed.len(), 1, "a form that is sent again is the same request");
    assert_eq!((filed[0].channel, filed[0].state.as_str()), (RequestChannel::Page, "verified"));
    let page = site.get("/me", &session).await.text().await.unwrap();
    assert!(page.contains("access") && page.contains("verified"), "they see how it stands");

    let accesses = site.shop.keys.accesses_of(&tenant(TENANT), filed[0].subject.unwrap()).await.unwrap();
    assert!(accesses.len() >= 2, "every view is on record");
    assert!(accesses.iter().all(|one| one.actor == "self" && one.purpose == "self-service"));
    let left = site.post("/me/leave", &session, &[("form", &form), ("token", &token)]).await;
    assert!(cookie(&left).ends_with('='), "the browser forgets it");
    assert_eq!(site.get("/me", &session).await.status(), StatusCode::SEE_OTHER, "and so does the server");
    site.shop.assert_nowhere(PERSONAL);
}

#[tokio::test]
async fn who_is_not_recognised_is_answered_the_same_and_gets_nowhere() {
    let site = Site::open(clock).await;
    let mut answers = Vec::new();
    for (order, phone) in [
        ("#7401", "03000007401"),
        ("#7401", "03000007402"),
        ("#9999", "03000007401"),
        ("#7401", "nobody"),
        ("", ""),
        ("7402", "03009999999"),
    ] {
        let visit = site.begin(order, phone).await;
        let page = site.get("/code", &visit).await;
        let wrong = site.post("/code", &visit, &[("code", "not it")]).await;
        answers.push((visit.len(), page.text().await.unwrap(), wrong.status(), wrong.text().await.unwrap()));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "nobody learns which it was");
    assert_eq!(site.sent().len(), 1, "a code for whom it was right, and for nobody else");
    assert_eq!(site.get("/me", "daybook-session=00").await.status(), StatusCode::SEE_OTHER);
    // A code is of its own visit.
    let other = site.begin("#7402", "03000007401").await;
    let code = site.sent()[0].code.clone();
    assert_eq!(site.post("/code", &other, &[("code", &code)]).await.status(), StatusCode::FORBIDDEN);
    let elsewhere = site.client.get(site.url.replace(TENANT, "nobodys-shop")).send().await.unwrap();
    assert_eq!(elsewhere.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn five_wrong_codes_end_a_visit() {
    let site = Site::open(clock).await;
    let visit = site.begin("#7401", "03000007401").await;
    let code = site.sent()[0].code.clone();
    let wrong = if code == "00000000" { "00000001" } else { "00000000" };
    for _ in 0..5 {
        assert_eq!(site.post("/code", &visit, &[("code", wrong)]).await.status(), StatusCode::FORBIDDEN);
    }
    assert_eq!(site.post("/code", &visit, &[("code", &code)]).await.status(), StatusCode::FORBIDDEN, "too late");
}

#[tokio::test]
async fn a_minute_has_so_many_tries() {
    let site = Site::open(clock).await;
    let mut last = StatusCode::OK;
    for _ in 0..31 {
        last = site.post("", "", &[("order", "#7401"), ("phone", "03000007401")]).await.status();
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

static NOW: AtomicI64 = AtomicI64::new(1_794_000_000_000_000);
const MINUTE: i64 = 60_000_000;

fn moving() -> Timestamp {
    Timestamp(NOW.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_code_is_good_for_ten_minutes_and_a_session_for_fifteen() {
    let site = Site::open(moving).await;
    let visit = site.begin("#7401", "03000007401").await;
    let code = site.sent()[0].code.clone();
    NOW.fetch_add(10 * MINUTE, Ordering::SeqCst);
    assert_eq!(site.post("/code", &visit, &[("code", &code)]).await.status(), StatusCode::FORBIDDEN);
    let session = site.session("7401").await;
    NOW.fetch_add(15 * MINUTE - 1, Ordering::SeqCst);
    assert_eq!(site.get("/me", &session).await.status(), StatusCode::OK);
    NOW.fetch_add(1, Ordering::SeqCst);
    assert_eq!(site.get("/me", &session).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_form_is_of_its_session_and_an_erased_person_has_none() {
    let site = Site::open(clock).await;
    let (one, two) = (site.session("7401").await, site.session("7402").await);
    let page = site.get("/me", &one).await.text().await.unwrap();
    let (form, token) = (field(&page, "form"), field(&page, "token"));
    let wish = |form: &str, token: &str| {
        vec![("form", form.to_owned()), ("token", token.to_owned()), ("kind", "erasure".to_owned())]
    };
    let send = async |session: &str, wish: Vec<(&'static str, String)>| {
        let wish: Vec<(&str, &str)> = wish.iter().map(|(name, value)| (*name, value.as_str())).collect();
        site.post("/me/requests", session, &wish).await.status()
    };
    assert_eq!(send(&two, wish(&form, &token)).await, StatusCode::FORBIDDEN, "taken from another session");
    let other = uuid::Uuid::new_v4().to_string();
    assert_eq!(send(&one, wish(&other, &token)).await, StatusCode::FORBIDDEN, "another form");
    assert_eq!(send(&one, wish(&form, "")).await, StatusCode::FORBIDDEN);
    assert_eq!(site.shop.keys.requests(&tenant(TENANT), true).await.unwrap(), []);
    assert_eq!(send(&one, wish(&form, &token)).await, StatusCode::SEE_OTHER);
    let filed = site.shop.keys.requests(&tenant(TENANT), true).await.unwrap();
    assert_eq!(filed[0].terms.kind, RequestKind::Erasure);

    site.shop.erase(filed[0].subject.unwrap()).await;
    assert_eq!(site.get("/me", &one).await.status(), StatusCode::SEE_OTHER, "it ends with them, at once");
    assert_eq!(site.get("/me", &two).await.status(), StatusCode::OK, "and nobody else's does");
    site.begin("#7401", "03000007401").await;
    assert_eq!(site.sent().len(), 2, "there is nobody any more to send a code to");
    assert_eq!(site.get("/me", &one.replace("session=", "session=x")).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn codes_are_told_to_whom_it_is_permitted_and_stand_nowhere() {
    let site = Site::open(clock).await;
    site.begin("#7401", "03000007401").await;
    site.begin("#7401", "03000007402").await;
    let staff = "support-1".parse().unwrap();
    assert!(site.shop.keys.visit_codes(&tenant(TENANT), &staff, clock()).await.is_err());
    site.shop.keys.permit_reveal(&tenant(TENANT), &staff, clock()).await.unwrap();
    let told = site.shop.keys.visit_codes(&tenant(TENANT), &staff, clock()).await.unwrap();
    assert_eq!(told, site.sent());
    assert_eq!((told.len(), told[0].code.len()), (1, 8));
    site.shop.assert_nowhere(&[&told[0].code]);
}
