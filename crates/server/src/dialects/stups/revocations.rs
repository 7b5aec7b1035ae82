//! `/revocations`: the Plan B view of the revocation sequence (`stups.md` 3.7–3.9).

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;
use grantor_domain::params::Params;
use grantor_domain::revocation::{self, CLAIMS_OF_OTHERS, Revocation, Target, hash};
use grantor_store::{Effect, Effects, StoreError, operations};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::audit_events;
use crate::directory::TenantView;
use crate::extract::{Here, Peer, authorization, bearer};
use crate::grants::Context;
use crate::reply::json as reply;
use crate::revoke::remembered_until;
use crate::tokens::{self, LiveToken};

/// How far back a consumer may ask, and a revocation may reach, in seconds: 31 days.
const MAX_TIME_DELTA: i64 = 2_678_400;

/// How far ahead of us a caller's clock may be, in seconds.
const AHEAD: i64 = 5;

/// One answer carries at most this many; a consumer asks again from the newest it saw.
const AT_ONCE: usize = 100_000;

/// Why a request is turned down: status and words (3.9).
struct Problem(StatusCode, &'static str);

/// `GET /revocations?from=<epoch s>`.
pub(super) async fn get(
    State(app): State<App>,
    Here(tenant): Here,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let now = app.clock.now();
    match list(&app, &tenant, query.as_deref().unwrap_or_default(), now).await {
        Ok(body) => reply::private(StatusCode::OK, &body),
        Err(problem) => problem.into_response(),
    }
}

async fn list(
    app: &App,
    tenant: &TenantView,
    query: &str,
    now: Timestamp,
) -> Result<Value, Problem> {
    let bad = |text| Problem(StatusCode::BAD_REQUEST, text);
    let mut params = Params::parse(query.as_bytes()).map_err(|_| bad("the query is malformed"))?;
    let from: i64 = params
        .take("from")
        .and_then(|text| text.parse().ok())
        .ok_or(bad("'from' is a timestamp in seconds since 1970"))?;
    // A minute more than the month that consumers start with.
    if from < now.as_second() - MAX_TIME_DELTA - 60 {
        return Err(bad("'from' timestamp is too old!"));
    }
    let from = Timestamp::from_second(from).map_err(|_| bad("'from' is too far ahead"))?;
    let found = app.store.revocations_since(&tenant.tenant.name, from, AT_ONCE).await?;
    let since: Vec<Value> = found.iter().map(render).collect();
    Ok(json!({ "meta": { "MAX_TIME_DELTA": MAX_TIME_DELTA }, "revocations": since }))
}

fn render(revocation: &Revocation) -> Value {
    let issued_before = revocation.issued_before;
    let (kind, data) = match &revocation.target {
        Target::Token(hash) => (
            "TOKEN",
            json!({ "token_hash": BASE64_URL_SAFE.encode(hash), "hash_algorithm": "SHA-256",
                "issued_before": issued_before }),
        ),
        Target::Claims { names, hash } => (
            "CLAIM",
            json!({ "names": names, "value_hash": BASE64_URL_SAFE.encode(hash),
                "hash_algorithm": "SHA-256", "separator": "|", "issued_before": issued_before }),
        ),
        Target::Global => ("GLOBAL", json!({ "issued_before": issued_before })),
    };
    json!({ "type": kind, "revoked_at": revocation.revoked.as_second(), "data": data })
}

/// What a caller wants revoked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    data: Data,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum Kind {
    Token,
    Claim,
    Global,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Data {
    token: Option<String>,
    claims: BTreeMap<String, String>,
    issued_before: Option<i64>,
}

/// `POST /revocations`.
pub(super) async fn post(
    State(app): State<App>,
    Here(tenant): Here,
    peer: Peer,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let now = app.clock.now();
    let context = Context::new(&app, tenant, peer, now);
    match add(&app, &context, &headers, &body).await {
        Ok(()) => reply::private_bytes(StatusCode::CREATED, Bytes::new()),
        Err(problem) => problem.into_response(),
    }
}

async fn add(
    app: &App,
    context: &Context,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), Problem> {
    let bad = |text| Problem(StatusCode::BAD_REQUEST, text);
    let sent = authorization(headers).ok().flatten().and_then(bearer).unwrap_or_default();
    let caller = tokens::presented(context, sent);
    let caller =
        caller.map_err(|_| Problem(StatusCode::UNAUTHORIZED, "a valid token is needed"))?;
    let wanted = grantor_crypto::parse_strict(body).map_err(|_| bad("the body is not JSON"))?;
    let wanted: Wanted =
        serde_json::from_value(wanted).map_err(|_| bad("the body is not a revocation"))?;
    let second = context.now.as_second();
    let issued_before = wanted.data.issued_before.unwrap_or(second);
    if issued_before > second + AHEAD {
        return Err(bad("'issued_before' cannot be set in the future."));
    }
    if issued_before < second - MAX_TIME_DELTA {
        return Err(bad("'issued_before' is too old."));
    }
    if wanted.data.token.as_deref() != Some(sent) && !may_revoke(context, &caller) {
        let needs = "needs the scope uid, and a user of the realms services or employees";
        return Err(Problem(StatusCode::FORBIDDEN, needs));
    }
    if is_nothing(context, &caller, &wanted) {
        return Ok(());
    }
    let (target, issued_before) = target(context, &caller, &wanted, issued_before)?;
    let revocation = Revocation {
        tenant: context.tenant.tenant.name.clone(),
        target,
        issued_before,
        revoked: context.now,
        until: remembered_until(context.now),
    };
    let event = audit_events::revoked(context, &format!("token:{}", caller.token.sub), &revocation);
    let effects = Effects::from(Effect::Revoke(Box::new(revocation))).audit(event);
    operations::write(&*app.store, effects).await?;
    Ok(app.directory.catch_up(context.now).await?)
}

/// 3.9: the rule of access to the list.
fn may_revoke(context: &Context, caller: &LiveToken) -> bool {
    let realm = caller.token.realm.as_ref().and_then(|name| context.tenant.realms.get(name));
    revocation::may_add(&caller.token.scopes, realm)
}

/// What is no token of ours there is nothing to revoke of (RFC 7009 §2.2). Who may revoke for others may
/// do so in advance.
fn is_nothing(context: &Context, caller: &LiveToken, wanted: &Wanted) -> bool {
    let token = wanted.data.token.as_deref().filter(|_| wanted.kind == Kind::Token);
    let known = |text| tokens::verify(&context.tenant, text, context.now).is_ok();
    token.is_some_and(|text| !known(text)) && !caller.token.scopes.contains(CLAIMS_OF_OTHERS)
}

/// What is matched; and whether this caller may revoke it. Whoever holds a token may end it, and
/// everybody may end what is his own; what belongs to others needs a scope.
fn target(
    context: &Context,
    caller: &LiveToken,
    wanted: &Wanted,
    issued_before: i64,
) -> Result<(Target, i64), Problem> {
    let salt = &context.tenant.tenant.settings.revocation_salt;
    match wanted.kind {
        Kind::Global => {
            Err(Problem(StatusCode::FORBIDDEN, "Permission denied to create global revocations."))
        }
        Kind::Token => {
            let token = wanted.data.token.as_deref();
            let token = token.ok_or(Problem(StatusCode::BAD_REQUEST, "'token' is missing"))?;
            // A token issued in this very second dies too.
            Ok((Target::Token(hash(salt, token)), issued_before + 1))
        }
        Kind::Claim => {
            let claims: Vec<(&str, &str)> =
                wanted.data.claims.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            if claims.is_empty() {
                return Err(Problem(StatusCode::BAD_REQUEST, "'claims' is missing"));
            }
            let own = claims.iter().all(|(name, value)| {
                use grantor_domain::revocation::RevocableClaims as _;
                *name != "realm" && caller.token.claim(name).is_some_and(|own| own == *value)
            });
            if !own && !caller.token.scopes.contains(CLAIMS_OF_OTHERS) {
                return Err(Problem(
                    StatusCode::UNAUTHORIZED,
                    "Not authorized to revoke the claims of others.",
                ));
            }
            Ok((Target::claims(salt, &claims), issued_before))
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "revocation could not be stored");
        Self(StatusCode::SERVICE_UNAVAILABLE, "the revocation could not be stored, try again")
    }
}

impl Problem {
    /// Problem JSON as Plan B writes it, the status as a number.
    fn into_response(self) -> Response<Body> {
        let body = json!({ "type": "about:blank", "title": self.0.canonical_reason(),
            "status": self.0.as_u16(), "detail": self.1 });
        let mut response = reply::private(self.0, &body);
        let problem = HeaderValue::from_static("application/x.problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, problem);
        if self.0 == StatusCode::SERVICE_UNAVAILABLE {
            return reply::retry_after(response, 1);
        }
        response
    }
}
