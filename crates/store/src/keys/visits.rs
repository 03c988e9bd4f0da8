//! Visits: how a person shows on the merchant's page that it is they, and for how long they are believed.
//!
//! Whoever knows the printed name of an order and the phone number behind it gets a one-time code, sent to that number by the merchant.
//! The code is stored nowhere: it is an HMAC, under the tenant's index key, of the visit's random id, so that whoever sends it can have
//! it told ([`KeyStore::visit_codes`]), and a copy of the database alone tells none. It is good for ten minutes and five tries, once. Then
//! a session of fifteen minutes begins, known by an HMAC of what the browser holds. It is looked up together with the person, so it
//! ends in the moment in which they are erased.
//!
//! Order and phone number that do not belong together get a visit too, for which no code is right: what is answered, and what is
//! done for it, is the same.

use commerce::{OrderId, StaffId, SubjectId, TenantId};
use ledger::Timestamp;
use subject_keys::IndexKey;
use uuid::Uuid;

use super::erasure::{one_of, whose};
use super::resolve::subject;
use super::{KeyStore, KeyStoreError, corrupt, random};
use crate::db::{DbError, Row, Tx, Value};

const MINUTE: i64 = 60_000_000;

/// How long a code is good.
const CODE_LIVES: i64 = 10 * MINUTE;

/// How often one may be tried.
const TRIES: i64 = 5;

/// How long a session lasts.
const SESSION_LIVES: i64 = 15 * MINUTE;

/// Digits of a code.
const DIGITS: usize = 8;

/// A code that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitCode {
    /// Whom it is for.
    pub subject: SubjectId,
    /// The order that they named.
    pub order: OrderId,
    /// The code.
    pub code: String,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// What a session's browser holds: 32 random bytes in hexadecimal. Only an HMAC of it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(String);

impl SessionToken {
    /// The text of the cookie.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What a browser sent back.
    pub fn given(text: &str) -> SessionToken {
        SessionToken(text.chars().take(64).collect())
    }
}

/// Never shows it.
impl std::fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionToken")
    }
}

impl KeyStore {
    /// Begins a visit, of somebody who was recognised or of nobody; gives its id, and the code if there is somebody to send it to.
    pub async fn begin_visit(
        &self,
        tenant: &TenantId,
        whom: Option<(SubjectId, OrderId)>,
        now: Timestamp,
    ) -> Result<(Uuid, Option<VisitCode>), KeyStoreError> {
        let visit = Uuid::new_v4();
        let expires_at = Timestamp(now.0.saturating_add(CODE_LIVES));
        let args: Vec<Value> = vec![
            tenant.as_str().into(),
            visit.to_string().into(),
            whom.map(|(subject, _)| subject.to_string()).into(),
            whom.map(|(_, order)| order.to_string()).into(),
            now.0.into(),
            expires_at.0.into(),
        ];
        let tenant_of = tenant.clone();
        let unit = self.db.run_tx("begin-visit", move |tx| {
            let (args, tenant) = (args.clone(), tenant_of.clone());
            Box::pin(async move {
                forget_expired(tx, &tenant, now).await?;
                let sql = "INSERT INTO visit_code (tenant, visit, subject, order_id, tries, made_at, expires_at) \
                           VALUES ($1, $2, $3, $4, 0, $5, $6)";
                tx.execute(sql, args).await
            })
        });
        unit.await.map_err(|error: DbError| error)?;
        // Also for nobody, so that it takes as long.
        let code = self.existing_index_key(tenant).await?.map(|key| code(&key, visit));
        let told = code.zip(whom).map(|(code, (subject, order))| VisitCode { subject, order, code, expires_at });
        Ok((visit, told))
    }

    /// Tries a code. The right one, in time, begins a session and is used up; every other try counts.
    pub async fn try_code(
        &self,
        tenant: &TenantId,
        visit: Uuid,
        given: &str,
        now: Timestamp,
    ) -> Result<Option<SessionToken>, KeyStoreError> {
        let Some(key) = self.existing_index_key(tenant).await? else { return Ok(None) };
        // Both as HMACs, so that how long comparing takes says nothing of where they differ.
        let same = |text: &str| key.blind("visit-code-compared", text);
        let right = same(&code(&key, visit)) == same(given.trim());
        let mut bytes = [0_u8; 32];
        random(&mut bytes);
        let token = SessionToken(hex::encode(bytes));
        let what = (tenant.clone(), mark(&key, &token));
        let unit = self.db.run_tx("try-code", move |tx| {
            let (tenant, mark) = what.clone();
            Box::pin(async move { try_in(tx, &tenant, visit, right, mark, now).await })
        });
        let begun = unit.await.map_err(|error: DbError| error)?;
        Ok(begun.then_some(token))
    }

    /// Whose session this is, if it lasts still and they are not erased.
    pub async fn session(
        &self,
        tenant: &TenantId,
        token: &SessionToken,
        now: Timestamp,
    ) -> Result<Option<SubjectId>, KeyStoreError> {
        let Some(key) = self.existing_index_key(tenant).await? else { return Ok(None) };
        let sql = "SELECT v.subject FROM visit_session v JOIN subject s ON s.tenant = v.tenant AND s.subject = v.subject \
                   WHERE v.tenant = $1 AND v.mark = $2 AND v.expires_at > $3 AND s.state = 'active'";
        let rows = self.db.query(sql, vec![tenant.as_str().into(), mark(&key, token).into(), now.0.into()]).await?;
        Ok(rows.first().map(|row| subject(row.text(0)?)).transpose()?)
    }

    /// Ends a session before its time.
    pub async fn end_session(&self, tenant: &TenantId, token: &SessionToken) -> Result<(), KeyStoreError> {
        let Some(key) = self.existing_index_key(tenant).await? else { return Ok(()) };
        let args: Vec<Value> = vec![tenant.as_str().into(), mark(&key, token).into()];
        let unit = self.db.run_tx("end-session", move |tx| {
            let args = args.clone();
            let sql = "DELETE FROM visit_session WHERE tenant = $1 AND mark = $2";
            Box::pin(async move { tx.execute(sql, args).await })
        });
        unit.await.map_err(|error: DbError| error)?;
        Ok(())
    }

    /// What a form of this session carries: bound to the session and to the form, so that neither another page nor another
    /// session can send it. Nothing if the tenant has no keys, and so no sessions.
    pub async fn form_token(
        &self,
        tenant: &TenantId,
        token: &SessionToken,
        form: Uuid,
    ) -> Result<Option<String>, KeyStoreError> {
        let key = self.existing_index_key(tenant).await?;
        Ok(key.map(|key| hex::encode(key.blind("visit-form", &format!("{form} {}", token.expose())))))
    }

    /// Codes that are good and wait to be sent, for staff who may see people in clear: whoever knows one can see what the person sees.
    pub async fn visit_codes(
        &self,
        tenant: &TenantId,
        staff: &StaffId,
        now: Timestamp,
    ) -> Result<Vec<VisitCode>, KeyStoreError> {
        let permitted = self.permitted_to_reveal(tenant).await?;
        if !permitted.iter().any(|one| one.staff == *staff) {
            return Err(KeyStoreError::NotPermitted);
        }
        let Some(key) = self.existing_index_key(tenant).await? else { return Ok(Vec::new()) };
        let sql = "SELECT visit, subject, order_id, expires_at FROM visit_code \
                   WHERE tenant = $1 AND subject IS NOT NULL AND expires_at > $2 AND tries < $3 ORDER BY made_at, visit";
        let rows = self.db.query(sql, vec![tenant.as_str().into(), now.0.into(), TRIES.into()]).await?;
        let read = |row: &Row| -> Result<VisitCode, DbError> {
            let visit = Uuid::parse_str(row.text(0)?).map_err(|_| corrupt("a visit's id is not a UUID"))?;
            let order = row.text(2)?.parse().map_err(|_| corrupt("a visit's order is no id"))?;
            let (subject, expires_at) = (subject(row.text(1)?)?, Timestamp(row.int(3)?));
            Ok(VisitCode { subject, order, code: code(&key, visit), expires_at })
        };
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }
}

/// Whether the try began a session.
async fn try_in(
    tx: &mut Tx,
    tenant: &TenantId,
    visit: Uuid,
    right: bool,
    mark: Vec<u8>,
    now: Timestamp,
) -> Result<bool, DbError> {
    let place = || vec![tenant.as_str().into(), visit.to_string().into()];
    let counted = "UPDATE visit_code SET tries = tries + 1 \
                   WHERE tenant = $1 AND visit = $2 AND expires_at > $3 AND tries < $4";
    let args = place().into_iter().chain([now.0.into(), TRIES.into()]).collect();
    if tx.execute(counted, args).await? == 0 || !right {
        return Ok(false);
    }
    let sql = "SELECT c.subject FROM visit_code c JOIN subject s ON s.tenant = c.tenant AND s.subject = c.subject \
               WHERE c.tenant = $1 AND c.visit = $2 AND s.state = 'active'";
    let rows = tx.query(sql, place()).await?;
    let Some(row) = rows.first() else { return Ok(false) };
    let expires_at = now.0.saturating_add(SESSION_LIVES);
    let args = vec![tenant.as_str().into(), mark.into(), row.text(0)?.into(), expires_at.into()];
    tx.execute("DELETE FROM visit_code WHERE tenant = $1 AND visit = $2", place()).await?;
    tx.execute("INSERT INTO visit_session (tenant, mark, subject, expires_at) VALUES ($1, $2, $3, $4)", args).await?;
    Ok(true)
}

async fn forget_expired(tx: &mut Tx, tenant: &TenantId, now: Timestamp) -> Result<(), DbError> {
    for table in ["visit_code", "visit_session"] {
        let sql = format!("DELETE FROM {table} WHERE tenant = $1 AND expires_at <= $2");
        tx.execute(&sql, vec![tenant.as_str().into(), now.0.into()]).await?;
    }
    Ok(())
}

/// Ends whatever people who are erased have begun.
pub(super) async fn forget(tx: &mut Tx, tenant: &TenantId, subjects: &[SubjectId]) -> Result<(), DbError> {
    let (dialect, theirs) = (tx.dialect(), one_of(tx.dialect(), "subject"));
    for table in ["visit_code", "visit_session"] {
        let sql = format!("DELETE FROM {table} WHERE tenant = $1 AND {theirs}");
        tx.execute(&sql, whose(dialect, tenant, subjects)).await?;
    }
    Ok(())
}

/// Ends all visits: of a key store that was restored nobody knows which were ended since.
pub(super) async fn forget_all(tx: &mut Tx) -> Result<(), DbError> {
    for table in ["visit_code", "visit_session"] {
        tx.execute(&format!("DELETE FROM {table}"), vec![]).await?;
    }
    Ok(())
}

fn code(key: &IndexKey, visit: Uuid) -> String {
    let drawn = key.blind("visit-code", &visit.to_string());
    let number = drawn.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{:0DIGITS$}", number % 10_u64.pow(8))
}

fn mark(key: &IndexKey, token: &SessionToken) -> Vec<u8> {
    key.blind("visit-session", token.expose()).to_vec()
}
