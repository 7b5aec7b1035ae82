//! `/account/activity`: what happened of late, from the person's own log ([`AuditEvent::persons`]): what
//! she did, what was tried as her, and what was done to her account. Only in words of ours, whatever an
//! event says; and of others only that it was they.

use axum::body::Body;
use axum::http::Response;
use grantor_domain::audit::AuditEvent;
use grantor_domain::params::Params;
use grantor_oauth_types::name::ClientId;
use grantor_pages::account::{Activity, Entry, Happening};
use grantor_store::audit::events_of;
use grantor_store::{PersonQuery, StoreError};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Person, Refused, applications};

/// How many are on a page, or a few more.
const MOST: usize = 30;

/// How many rows are looked at for a page at most: most of them are worth an entry.
const LOOKED_AT: usize = 300;

/// How far back.
const SINCE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The prefix of a sealed place in the log.
const PREFIX: &str = "gal";

pub(super) async fn get(person: Person) -> Response<Body> {
    match page(&person).await {
        Ok(activity) => person.page(activity.page(&person.shell())),
        Err(error) => person.refused(&Refused::Broken(error)),
    }
}

/// Something that happened, before it is put into words.
struct Happened {
    what: Happening,
    at: Timestamp,
    address: String,
    client: Option<ClientId>,
}

async fn page(person: &Person) -> Result<Activity, StoreError> {
    let before = place(person);
    let (mut all, earlier) = log(person, before).await?;
    // Where a refresh token was used last is not in the log: it happens all day.
    if before.is_none() {
        let until = all.last().map(|last| last.at).filter(|_| earlier.is_some());
        all.extend(of_grants(person, until.unwrap_or(since(person))).await?);
    }
    all.sort_by_key(|happened| std::cmp::Reverse(happened.at));
    let mut entries = Vec::with_capacity(all.len());
    for happened in all {
        let application = match &happened.client {
            Some(client) => person.client_name(client).await?,
            None => String::new(),
        };
        let Happened { what, at, address, .. } = happened;
        entries.push(Entry { what, at: person.when(at), address, application });
    }
    Ok(Activity { entries, earlier: earlier.map(|place| address(person, place)) })
}

fn since(person: &Person) -> Timestamp {
    person.now().saturating_sub(SINCE).unwrap_or(Timestamp::MIN)
}

/// SEC-165: a place is sealed, and opens for this person only.
fn context(person: &Person) -> Vec<u8> {
    format!("{}\0{}", person.context.tenant.tenant.name, person.user().id).into_bytes()
}

fn place(person: &Person) -> Option<i64> {
    let text = Params::parse(person.query.as_bytes()).ok()?.take("before")?;
    let opened = person.app.secrets.page_tokens.open(PREFIX, &context(person), &text)?;
    Some(i64::from_be_bytes(opened.try_into().ok()?))
}

fn address(person: &Person, place: i64) -> String {
    let sealed =
        person.app.secrets.page_tokens.seal(PREFIX, &context(person), &place.to_be_bytes());
    format!("{}/account/activity?before={sealed}", person.browser.visit.prefix)
}

/// A page of the log, newest first, and where it goes on.
async fn log(
    person: &Person,
    mut before: Option<i64>,
) -> Result<(Vec<Happened>, Option<i64>), StoreError> {
    let (mut all, since) = (Vec::new(), since(person));
    for _ in 0..LOOKED_AT / MOST {
        let query = PersonQuery {
            tenant: person.context.tenant.tenant.name.clone(),
            user: person.user().id,
            before,
            limit: MOST,
        };
        let rows = person.app.store.audit_of(&query).await?;
        for row in &rows {
            let events = events_of(&row.body)?;
            // A batch has them oldest first.
            let hers = events.iter().rev().filter(|event| event.at >= since);
            let hers = hers.filter(|event| event.persons().contains(&person.user().id));
            all.extend(hers.filter_map(|event| told(person, event)));
            before = Some(row.seq);
            if all.len() >= MOST {
                return Ok((all, before));
            }
            // A row of before: so are those behind it.
            if events.iter().all(|event| event.at < since) {
                return Ok((all, None));
            }
        }
        if rows.len() < MOST {
            return Ok((all, None));
        }
    }
    Ok((all, before))
}

/// What an event means to the person whose log it is in; `None`: nothing.
fn told(person: &Person, event: &AuditEvent) -> Option<Happened> {
    let (user, detail) = (person.user().id, &event.detail);
    let by_her = event.actor == format!("user:{user}");
    let about_her = event.subject.as_deref() == Some(&format!("user/{user}"));
    let what = match event.kind.as_str() {
        "session.opened" => Happening::SignedIn,
        "sign_in.failed" => Happening::SignInFailed,
        "session.ended" | "session.others_ended" => Happening::SessionEnded,
        "user.password_changed" | "user.password_set" => Happening::PasswordChanged,
        "user.profile_changed" => Happening::ProfileChanged,
        "consent.given" if approves(detail) => Happening::Allowed,
        "consent.given" => Happening::Refused,
        "consent.withdrawn" | "grant.revoked" => Happening::Withdrawn,
        "grant.opened" => Happening::Used,
        "refresh.reuse_detected" | "code.replay_detected" => Happening::Misused,
        _ if about_her => Happening::Other,
        _ => return None,
    };
    let client = detail.get("client").and_then(Value::as_str);
    let client = client.or_else(|| event.actor.strip_prefix("client:"));
    // Where an administrator or an application was is nobody else's business.
    let address = event.address.clone().filter(|_| by_her).unwrap_or_default();
    let client = client.and_then(|client| ClientId::parse(client).ok());
    Some(Happened { what, at: event.at, address, client })
}

fn approves(detail: &Value) -> bool {
    let decided = detail.get("decided").and_then(Value::as_array);
    let approved = |one: &Value| one.get("status").and_then(Value::as_str) == Some("APPROVED");
    decided.is_some_and(|decided| decided.iter().any(approved))
}

/// When each application used its access last, where that was since then.
async fn of_grants(person: &Person, since: Timestamp) -> Result<Vec<Happened>, StoreError> {
    let grants = applications::grants(person, None).await?;
    let used = grants.iter().filter_map(|grant| {
        let at = grant.refresh.previous.as_ref()?.rotated;
        let client = Some(grant.client.clone());
        let happened = Happened { what: Happening::Used, at, address: String::new(), client };
        (at >= since).then_some(happened)
    });
    Ok(used.collect())
}
