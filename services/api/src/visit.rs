//! The page on which a person sees what is held about them, and asks for something: `/privacy/{tenant}`.
//!
//! | path | does |
//! | --- | --- |
//! | `/privacy/{tenant}` | asks for the printed name of an order and the phone number behind it; a one-time code is sent there |
//! | `/privacy/{tenant}/code` | asks for the code, and begins a session of fifteen minutes |
//! | `/privacy/{tenant}/me` | their details and orders, who looked at them, what they asked for; `…/requests` files a request, `…/leave` ends |
//!
//! What is answered to an order and a phone number is the same whether they belong together or not, and so is the work that it costs. How
//! many tries there are in a minute is limited for each merchant, how many views for each person, and a code has five tries. Nothing personal stands in an address. Every form
//! carries a token of its session and of itself: it can be sent from this page alone, and sent twice it is one request.
//!
//! Every view opens the person's boxes as the person, and is on the access log. Whoever is erased has no session any more.

mod form;
mod limits;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, Path, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use commerce::{OrderId, OrderName, SubjectId, TenantId};
use ledger::Timestamp;
use privacy::person::{Held, gather};
use store::books::{self, TenantRow};
use store::db::Db;
use store::keys::{
    AccessBy, Actor, Field, IdentityHint, IdentityKind, KeyStore, NewRequest, Purpose, RequestChannel, RequestKind,
    SessionToken, Shown, SubjectState, Verification, VisitCode,
};
use subject_keys::Pii;
use uuid::Uuid;

use crate::headers;
use crate::refusal::{AsPage, Refusal};
use form::{Code, Sought, Wish};
use limits::Limits;

/// Tries to be recognised, in a minute and for one merchant.
const BEGUN_A_MINUTE: u32 = 30;

/// Tries of codes, in a minute and for one merchant: the five of each visit that a minute may begin.
const CODES_A_MINUTE: u32 = 150;

/// Views and requests, in a minute and of one person: each view opens all their boxes.
const VIEWS_A_MINUTE: u32 = 20;

/// So many of the looks at somebody are shown, the latest. All are in the archive that they can ask for.
const LOOKS_SHOWN: usize = 200;

const TOO_MANY: &str = "Too many tries at the moment. Please wait a minute.";

/// The largest form.
const MAX_FORM: usize = 32 * 1024;

/// The same, with forms that send to this page alone.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

/// Says that a visit has begun, with the code that waits to be sent, if it is of somebody who was recognised. Must not wait for anything:
/// whoever is not recognised is answered as soon. What it counts is counted for either, or the count tells whom an order belongs to.
pub type Notice = Arc<dyn Fn(&TenantId, Option<&VisitCode>) + Send + Sync>;

/// How a phone number is written by which somebody is known, if it is one.
pub type PhoneForm = fn(&str) -> Option<Pii<String>>;

/// What the page works on.
#[derive(Clone)]
pub struct SelfService {
    /// The books.
    pub db: Db,
    /// The keys.
    pub keys: KeyStore,
    /// The wall clock.
    pub clock: fn() -> Timestamp,
    /// How phone numbers are read.
    pub phone: PhoneForm,
    /// How codes reach people.
    pub notice: Notice,
}

#[derive(Clone)]
struct Desk {
    of: SelfService,
    limits: Arc<AllLimits>,
}

struct AllLimits {
    begun: Limits<TenantId>,
    codes: Limits<TenantId>,
    views: Limits<(TenantId, SubjectId)>,
}

/// The routes. They have no fallback.
pub fn router(of: SelfService) -> Router {
    let (begun, codes) = (Limits::new(BEGUN_A_MINUTE), Limits::new(CODES_A_MINUTE));
    let limits = Arc::new(AllLimits { begun, codes, views: Limits::new(VIEWS_A_MINUTE) });
    Router::new()
        .route("/privacy/{tenant}", get(start).post(begin))
        .route("/privacy/{tenant}/code", get(code).post(enter))
        .route("/privacy/{tenant}/me", get(me))
        .route("/privacy/{tenant}/me/requests", post(ask))
        .route("/privacy/{tenant}/me/leave", post(leave))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .layer(map_response(headers::guard))
        .layer(map_response(allow_own_forms))
        .with_state(Desk { of, limits })
}

async fn allow_own_forms(mut response: Response) -> Response {
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

type Answer = Result<Response, AsPage>;

#[derive(Template)]
#[template(path = "visit.html")]
struct VisitPage {
    tenant: String,
    /// The form for the code, rather than that for order and phone number.
    code: bool,
    note: &'static str,
}

#[derive(Template)]
#[template(path = "me.html")]
struct MePage {
    tenant: String,
    held: Held,
    form: String,
    token: String,
    kinds: Vec<&'static str>,
    note: &'static str,
}

/// A session, with whose it is.
struct Session {
    row: TenantRow,
    token: SessionToken,
    subject: SubjectId,
    now: Timestamp,
}

async fn start(State(desk): State<Desk>, Path(tenant): Path<String>) -> Answer {
    let row = desk.tenant(&tenant).await?;
    Ok(visit_page(&row, false, "", StatusCode::OK)?)
}

async fn begin(State(desk): State<Desk>, Path(tenant): Path<String>, Form(sought): Form<Sought>) -> Answer {
    let row = desk.tenant(&tenant).await?;
    let now = (desk.of.clock)();
    if !desk.limits.begun.admit(row.tenant.clone(), now) {
        return Ok(visit_page(&row, false, TOO_MANY, StatusCode::TOO_MANY_REQUESTS)?);
    }
    let whom = desk.recognised(&row, &sought).await?;
    let (visit, told) = desk.of.keys.begin_visit(&row.tenant, whom, now).await.map_err(Refusal::from)?;
    (desk.of.notice)(&row.tenant, told.as_ref());
    Ok(went(&row, "/code", Some(cookie(&row, "daybook-visit", &visit.to_string(), 600))))
}

async fn code(State(desk): State<Desk>, Path(tenant): Path<String>) -> Answer {
    let row = desk.tenant(&tenant).await?;
    Ok(visit_page(&row, true, "", StatusCode::OK)?)
}

async fn enter(
    State(desk): State<Desk>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    Form(given): Form<Code>,
) -> Answer {
    let row = desk.tenant(&tenant).await?;
    let now = (desk.of.clock)();
    if !desk.limits.codes.admit(row.tenant.clone(), now) {
        return Ok(visit_page(&row, true, TOO_MANY, StatusCode::TOO_MANY_REQUESTS)?);
    }
    let visit = cookie_of(&headers, "daybook-visit").and_then(|text| Uuid::parse_str(text).ok()).unwrap_or_default();
    match desk.of.keys.try_code(&row.tenant, visit, &given.code, now).await.map_err(Refusal::from)? {
        Some(token) => Ok(went(&row, "/me", Some(cookie(&row, "daybook-session", token.expose(), 900)))),
        None => {
            let note = "That code is not right, or its time is over. After five tries, begin again.";
            Ok(visit_page(&row, true, note, StatusCode::FORBIDDEN)?)
        }
    }
}

async fn me(State(desk): State<Desk>, Path(tenant): Path<String>, headers: HeaderMap) -> Answer {
    let row = desk.tenant(&tenant).await?;
    match desk.session(row, &headers).await? {
        Ok(session) if !desk.may_view(&session) => Ok(too_many(&session)?),
        Ok(session) => Ok(desk.me_page(&session, "", StatusCode::OK).await?),
        Err(row) => Ok(went(&row, "", None)),
    }
}

async fn ask(
    State(desk): State<Desk>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    Form(wish): Form<Wish>,
) -> Answer {
    let row = desk.tenant(&tenant).await?;
    let session = match desk.session(row, &headers).await? {
        Ok(session) => session,
        Err(row) => return Ok(went(&row, "", None)),
    };
    if !desk.may_view(&session) {
        return Ok(too_many(&session)?);
    }
    let Some(id) = desk.own_form(&session, &wish.form, &wish.token).await? else {
        let note = "That form was not from this page, or is too old. Nothing was filed: please use this one.";
        return Ok(desk.me_page(&session, note, StatusCode::FORBIDDEN).await?);
    };
    let kind = wish.kind.parse().ok().filter(|kind: &RequestKind| kind.is_of_person());
    let Some(kind) = kind else {
        return Ok(desk.me_page(&session, "Please choose what you ask for.", StatusCode::BAD_REQUEST).await?);
    };
    let written = wish.words.trim();
    let new = NewRequest {
        id,
        subject: Some(session.subject),
        kind,
        channel: RequestChannel::Page,
        verified: Some(Verification::Code),
        by: Actor::Person,
        words: (!written.is_empty()).then(|| Pii::new(written.to_owned())),
        received_at: session.now,
        zone: session.row.zone,
    };
    match desk.of.keys.file_request(&session.row.tenant, new).await {
        Ok(_) => Ok(went(&session.row, "/me", None)),
        Err(store::keys::RequestError::TooLong) => {
            let note = "That is more than can be taken: please write less.";
            Ok(desk.me_page(&session, note, StatusCode::BAD_REQUEST).await?)
        }
        Err(error) => Err(Refusal::from(error).into()),
    }
}

async fn leave(
    State(desk): State<Desk>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    Form(wish): Form<form::Leave>,
) -> Answer {
    let row = desk.tenant(&tenant).await?;
    if let Ok(session) = desk.session(row.clone(), &headers).await?
        && desk.own_form(&session, &wish.form, &wish.token).await?.is_some()
    {
        desk.of.keys.end_session(&row.tenant, &session.token).await.map_err(Refusal::from)?;
    }
    Ok(went(&row, "", Some(cookie(&row, "daybook-session", "", 0))))
}

impl Desk {
    async fn tenant(&self, tenant: &str) -> Result<TenantRow, Refusal> {
        let tenant: TenantId = tenant.parse().map_err(|_| Refusal::NotFound)?;
        books::tenant(&self.of.db, &tenant).await?.ok_or(Refusal::NotFound)
    }

    /// Whom an order and a phone number mean, if they belong together. The same questions are asked either way.
    async fn recognised(&self, row: &TenantRow, sought: &Sought) -> Result<Option<(SubjectId, OrderId)>, Refusal> {
        let name = OrderName::from_text(sought.order.trim());
        let asked = name.as_ref().map_or("-", |name| name.as_str());
        let order = books::order_by_name(&self.of.db, &row.tenant, asked).await?;
        let order = order.map_or(OrderId(0), |order| order.order);
        let phone = (self.of.phone)(&sought.phone).unwrap_or_else(|| Pii::new("-".to_owned()));
        let number = || Pii::new(order.to_string());
        let mut known = Vec::new();
        for (kind, value) in
            [(IdentityKind::Phone, phone), (IdentityKind::Order, number()), (IdentityKind::OrderRecipient, number())]
        {
            known.push(self.of.keys.find_subject(&row.tenant, &[IdentityHint { kind, value }]).await?);
        }
        let lives = |one: &(SubjectId, SubjectState)| one.1 == SubjectState::Active;
        let behind = known.first().copied().flatten().filter(lives).map(|(subject, _)| subject);
        let of_order = known.iter().skip(1).flatten().any(|(subject, _)| Some(*subject) == behind);
        Ok(behind.filter(|_| of_order).map(|subject| (subject, order)))
    }

    /// Whose session it is; without one, the merchant.
    async fn session(&self, row: TenantRow, headers: &HeaderMap) -> Result<Result<Session, TenantRow>, Refusal> {
        let now = (self.of.clock)();
        let Some(token) = cookie_of(headers, "daybook-session").map(SessionToken::given) else { return Ok(Err(row)) };
        Ok(match self.of.keys.session(&row.tenant, &token, now).await? {
            Some(subject) => Ok(Session { row, token, subject, now }),
            None => Err(row),
        })
    }

    /// Whether this person may see or ask for something once more in this minute; it counts.
    fn may_view(&self, session: &Session) -> bool {
        self.limits.views.admit((session.row.tenant.clone(), session.subject), session.now)
    }

    /// The id of a form that this session was shown, if it is one.
    async fn own_form(&self, session: &Session, form: &str, token: &str) -> Result<Option<Uuid>, Refusal> {
        let Ok(form) = Uuid::parse_str(form) else { return Ok(None) };
        let right = self.of.keys.form_token(&session.row.tenant, &session.token, form).await?;
        Ok(right.filter(|right| form::same(right, token)).map(|_| form))
    }

    async fn me_page(&self, session: &Session, note: &'static str, status: StatusCode) -> Result<Response, Refusal> {
        let Session { row, token, subject, now } = session;
        let by = AccessBy {
            actor: Actor::Person,
            purpose: Purpose::self_service(),
            request: Uuid::new_v4(),
            at: *now,
            shown: Shown::Clear,
            fields: Field::ALL_DETAILS,
        };
        let mut held = gather(&self.of.keys, &self.of.db, row, *subject, &by).await?;
        // The latest come last.
        held.accesses.drain(..held.accesses.len().saturating_sub(LOOKS_SHOWN));
        let form = Uuid::new_v4();
        let token = self.of.keys.form_token(&row.tenant, token, form).await?.unwrap_or_default();
        let kinds = RequestKind::ALL.into_iter().filter(|kind| kind.is_of_person()).map(RequestKind::as_str).collect();
        let page = MePage { tenant: row.tenant.to_string(), held, form: form.to_string(), token, kinds, note };
        Ok((status, Html(page.render()?)).into_response())
    }
}

fn visit_page(row: &TenantRow, code: bool, note: &'static str, status: StatusCode) -> Result<Response, Refusal> {
    let page = VisitPage { tenant: row.tenant.to_string(), code, note };
    Ok((status, Html(page.render()?)).into_response())
}

fn too_many(session: &Session) -> Result<Response, Refusal> {
    visit_page(&session.row, false, TOO_MANY, StatusCode::TOO_MANY_REQUESTS)
}

/// On to another of these pages.
fn went(row: &TenantRow, to: &str, cookie: Option<String>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    if let Ok(place) = HeaderValue::from_str(&format!("/privacy/{}{to}", row.tenant)) {
        headers.insert(LOCATION, place);
    }
    if let Some(cookie) = cookie.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.append(SET_COOKIE, cookie);
    }
    response
}

fn cookie(row: &TenantRow, name: &str, value: &str, seconds: u32) -> String {
    let place = &row.tenant;
    format!("{name}={value}; Path=/privacy/{place}; Max-Age={seconds}; HttpOnly; Secure; SameSite=Strict")
}

fn cookie_of<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|text| text.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}
