//! `/account/activity`: what happened of late, from what is remembered of sessions, decisions, grants
//! and passwords. The audit log has all of it and more, for those who may read it.

use axum::body::Body;
use axum::http::Response;
use grantor_domain::consent::ConsentStatus;
use grantor_oauth_types::name::ClientId;
use grantor_pages::account::{Activity, Entry, Happening};
use grantor_store::{SessionQuery, StoreError};
use jiff::{SignedDuration, Timestamp};

use super::{Person, Refused, applications};

/// How many are shown.
const MOST: usize = 50;

/// How far back.
const SINCE: SignedDuration = SignedDuration::from_hours(90 * 24);

pub(super) async fn get(person: Person) -> Response<Body> {
    match entries(&person).await {
        Ok(entries) => person.page(Activity { entries, earlier: None }.page(&person.shell())),
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

async fn entries(person: &Person) -> Result<Vec<Entry>, StoreError> {
    let mut all = of_sessions(person).await?;
    all.extend(of_consents(person));
    all.extend(of_grants(person).await?);
    all.extend(of_account(person));
    let since = person.now().saturating_sub(SINCE).unwrap_or(Timestamp::MIN);
    all.retain(|happened| happened.at >= since);
    all.sort_by_key(|happened| std::cmp::Reverse(happened.at));
    all.truncate(MOST);
    let mut entries = Vec::with_capacity(all.len());
    for happened in all {
        let application = match &happened.client {
            Some(client) => person.client_name(client).await?,
            None => String::new(),
        };
        let Happened { what, at, address, .. } = happened;
        entries.push(Entry { what, at: person.when(at), address, application });
    }
    Ok(entries)
}

async fn of_sessions(person: &Person) -> Result<Vec<Happened>, StoreError> {
    let query = SessionQuery {
        tenant: person.context.tenant.tenant.name.clone(),
        user: person.user().id,
        before: None,
        limit: MOST,
    };
    let mut all = Vec::new();
    for session in person.app.store.sessions(&query).await? {
        let address = session.address.map(|address| address.to_string()).unwrap_or_default();
        let mut add = |what, at, address: &str| {
            all.push(Happened { what, at, address: address.to_owned(), client: None });
        };
        add(Happening::SignedIn, session.created, &address);
        if session.authenticated_at() > session.created {
            add(Happening::SignedIn, session.authenticated_at(), &address);
        }
        if let Some(ended) = session.ended {
            // Who ended it may have been somewhere else.
            add(Happening::SessionEnded, ended, "");
        }
    }
    Ok(all)
}

/// One decision about several scopes is one entry.
fn of_consents(person: &Person) -> Vec<Happened> {
    let mut all: Vec<Happened> = Vec::new();
    for consent in &person.entry.consents {
        let what = match (consent.status, consent.expires) {
            (ConsentStatus::Approved, _) => Happening::Allowed,
            (ConsentStatus::Denied, Some(_)) => Happening::Refused,
            (ConsentStatus::Denied, None) => Happening::Withdrawn,
        };
        let (at, client) = (consent.decided, Some(consent.client.clone()));
        let same = |h: &Happened| h.what == what && h.at == at && h.client == client;
        if !all.iter().any(same) {
            all.push(Happened { what, at, address: String::new(), client });
        }
    }
    all
}

async fn of_grants(person: &Person) -> Result<Vec<Happened>, StoreError> {
    let grants = applications::grants(person, None).await?;
    let used = grants.iter().filter_map(|grant| {
        let at = grant.refresh.previous.as_ref()?.rotated;
        let client = Some(grant.client.clone());
        Some(Happened { what: Happening::Used, at, address: String::new(), client })
    });
    Ok(used.collect())
}

fn of_account(person: &Person) -> Vec<Happened> {
    let user = person.user();
    let of = |what, at| Happened { what, at, address: String::new(), client: None };
    let passwords = user.passwords.iter();
    let passwords = passwords.map(|stored| of(Happening::PasswordChanged, stored.created));
    let profile = user.person.updated_at.map(|at| of(Happening::ProfileChanged, at));
    passwords.chain(profile).collect()
}
