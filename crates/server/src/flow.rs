//! An authorization request on its way: who is signed in, what is asked, what comes of it.
//!
//! [`advance`] looks at a transaction from the beginning each time: nothing that a page posted is
//! believed to have happened, only what is in the store and in the sealed transaction. So there is
//! one place that decides what comes next, wherever a person comes from: a link, the back button, a
//! second tab (SEC-121).

mod agree;
mod complete;
mod foresee;
mod front_channel;
mod hint;
mod jarm;
mod people;
mod realms;
mod recognise;
mod request;
mod views;

use std::sync::Arc;

use grantor_domain::authorize::{
    Answer, AuthorizationRequest, Complaint, ReturnAddress, redirect_uri,
};
use grantor_domain::consent::{Consent, ConsentStatus};
use grantor_domain::consent_request::{self, Asking, Question, Verdict};
use grantor_domain::decision::{Ask, Entitlement, Facts, Outcome, decide};
use grantor_domain::scope::Scope;
use grantor_domain::session::Session;
use grantor_domain::sign_in::{self, Level, Next, Wanted};
use grantor_oauth_types::error_code::AuthorizeErrorCode;
use grantor_oauth_types::scope::Scopes;
use grantor_store::StoreError;

use crate::app::App;
use crate::client_keys::NoClientKey;
use crate::decisions::About;
use crate::directory::{ClientEntry, UserEntry};
use crate::grants::Context;
use crate::tokens::NoSigner;
use crate::transaction::{Purpose, Stuck, Transaction};

pub use agree::{agree, cancelled, deny};
pub use complete::complete;
pub use foresee::{complaint_of, foreseen};
use foresee::{grant_type, only, scopes_need};
pub use hint::named;
pub use jarm::place;
pub use people::{Arrival, arrive, draft};
pub use realms::{of_host, offered};
pub use recognise::{Typed, recognise};
pub use request::{Asked, URN, opened, read};
pub use views::{
    SignInView, asking, asks_name_first, choice_page, consent_page, error_page, path, sign_in_page,
    step,
};

/// What comes next.
#[derive(Debug)]
pub enum Turn {
    /// The client is answered
    Answer(Box<ReturnAddress>, Answer),
    /// Somebody has to sign in
    SignIn(Transaction),
    /// An account has to be chosen
    Choose(Transaction),
    /// Somebody has to be asked
    Consent(Transaction),
    /// Everything is settled: this may be handed out
    Ready(Box<Ready>),
    /// On to a page of the person's own account
    Own(String),
}

/// Everything that is known once nothing has to be asked any more.
#[derive(Debug)]
pub struct Ready {
    /// The generation of the directory before the facts were taken from it
    pub generation: u64,
    /// The transaction
    pub transaction: Transaction,
    /// Who asked
    pub entry: Arc<ClientEntry>,
    /// Who answered
    pub user: Arc<UserEntry>,
    /// In which session
    pub session: Session,
    /// What was agreed to
    pub scopes: Scopes,
    /// What she decided just now
    pub decided: Vec<Consent>,
}

/// Why there is neither an answer nor a page to go on with.
#[derive(Debug, thiserror::Error)]
pub enum FlowFailure {
    /// The transaction cannot go on
    #[error(transparent)]
    Stuck(#[from] Stuck),
    /// The client is gone since, or never was
    #[error("unknown client")]
    UnknownClient,
    /// There is nobody to send an error to
    #[error("{}", .0.description)]
    Page(Complaint),
    /// A form that did not come from our page (SEC-112)
    #[error("the form did not come from here")]
    Forged,
    /// Too much work is waiting
    #[error("busy")]
    Busy,
    /// Our doing
    #[error(transparent)]
    Broken(#[from] StoreError),
    /// Our doing as well
    #[error(transparent)]
    NoSigner(#[from] NoSigner),
}

impl From<NoClientKey> for FlowFailure {
    /// Where the answer itself cannot be encrypted, it is for nobody.
    fn from(error: NoClientKey) -> Self {
        match error {
            NoClientKey::Unreachable => Self::Busy,
            NoClientKey::Unfit => Self::Page(unencrypted(error)),
        }
    }
}

/// What the client hears where something for it cannot be encrypted (RFC 6749 §4.1.2.1).
fn unencrypted(error: NoClientKey) -> Complaint {
    use AuthorizeErrorCode as Code;
    match error {
        NoClientKey::Unreachable => Complaint::new(Code::TemporarilyUnavailable, error.words()),
        NoClientKey::Unfit => Complaint::new(Code::ServerError, error.words()),
    }
}

/// A question that is open: who is asked for what, by whom.
#[derive(Debug)]
pub struct Open {
    /// The generation of the directory before the facts were taken from it
    pub generation: u64,
    /// Who asks
    pub entry: Arc<ClientEntry>,
    /// Who is asked
    pub user: Arc<UserEntry>,
    /// In which session
    pub session: Session,
    /// What would be granted if she agreed to everything
    pub entitled: Entitlement,
}

/// Finds out what comes next. `sessions` are the live ones of this browser.
pub async fn advance(
    app: &App,
    context: &Context,
    sessions: &[Session],
    transaction: Transaction,
) -> Result<Turn, FlowFailure> {
    let to = match &transaction.purpose {
        Purpose::Own { to } => {
            let signed_in = transaction.chosen.is_some() || !sessions.is_empty();
            return Ok(if signed_in { Turn::Own(to.clone()) } else { Turn::SignIn(transaction) });
        }
        Purpose::Authorize { request, .. } => Box::new(request.to.clone()),
    };
    let refused = |complaint| Ok(Turn::Answer(to, Answer::Refused(complaint)));
    let open = match question(app, context, sessions, &transaction).await? {
        Ok(open) => open,
        Err(Unanswered::Refused(complaint)) => return refused(complaint),
        Err(Unanswered::SignIn) => return Ok(Turn::SignIn(transaction)),
        Err(Unanswered::Choose) => return Ok(Turn::Choose(transaction)),
    };
    let request = transaction.request().expect("looked at above");
    let verdict = with_asking(context, &open, &transaction, |asking| {
        consent_request::judge(asking, context.now)
    });
    match verdict {
        Verdict::Settled(scopes) => {
            let Open { generation, entry, user, session, .. } = open;
            let decided = Vec::new();
            let ready = Ready { generation, transaction, entry, user, session, scopes, decided };
            Ok(Turn::Ready(Box::new(ready)))
        }
        Verdict::Ask(_) if request.prompts.none => {
            let words = "the person has not agreed to this yet";
            refused(Complaint::new(AuthorizeErrorCode::ConsentRequired, words))
        }
        Verdict::Ask(_) => {
            // The answer will be that of the account which is shown (SEC-132).
            Ok(Turn::Consent(transaction.choosing(Some(open.session.id))))
        }
    }
}

/// What comes next, completed where nothing is left to ask.
pub async fn proceed(
    app: &App,
    context: &Context,
    sessions: &[Session],
    transaction: Transaction,
) -> Result<Turn, FlowFailure> {
    match advance(app, context, sessions, transaction).await? {
        Turn::Ready(ready) => complete(app, context, *ready).await,
        turn => Ok(turn),
    }
}

/// Why nothing can be asked or settled yet.
#[derive(Debug)]
pub enum Unanswered {
    /// Never
    Refused(Complaint),
    /// Somebody has to sign in
    SignIn,
    /// An account has to be chosen
    Choose,
}

/// Who is asked for what: client, sign-in and scopes, judged in this order.
pub async fn question(
    app: &App,
    context: &Context,
    sessions: &[Session],
    transaction: &Transaction,
) -> Result<Result<Open, Unanswered>, FlowFailure> {
    let request = transaction.request().ok_or(Stuck::Unknown)?;
    let tenant = &context.tenant.tenant.name;
    let generation = app.directory.generation();
    let entry = app.directory.client(tenant, request.client()).await?;
    let entry = entry.ok_or(FlowFailure::UnknownClient)?;
    // What was registered when the request came in may have been taken back since.
    if redirect_uri::allowed(entry.client(), request.to.uri()).is_none() {
        let words = "redirect_uri is not registered for this client";
        return Err(FlowFailure::Page(Complaint::invalid(words)));
    }
    if let Some(complaint) = foreseen(app, context, &entry, request) {
        return Ok(Err(Unanswered::Refused(complaint)));
    }
    let wanted = Wanted {
        request,
        started: transaction.began(),
        named: transaction
            .named
            .as_deref()
            .map(|sub| hint::among(app, entry.client(), sub, sessions)),
        chosen: transaction.chosen,
        realms: &entry.client().realms,
        scopes_need: scopes_need(context, &entry, request),
        reachable: Level::Single,
    };
    let session = match sign_in::next(&wanted, sessions, context.now) {
        Next::As(at) => sessions[at].clone(),
        Next::Choose => return Ok(Err(Unanswered::Choose)),
        Next::SignIn(_) => return Ok(Err(Unanswered::SignIn)),
        Next::Fail(complaint) => return Ok(Err(Unanswered::Refused(complaint))),
    };
    let Some(user) = app.directory.user(tenant, session.user).await? else {
        return Ok(Err(Unanswered::SignIn));
    };
    // If she agreed to everything: what cannot be granted is not asked for.
    let everything = imagined(context, &entry, &user, request.scopes.as_ref());
    let ask = ask(request, &user, request.scopes.clone());
    let about = about(context, &entry, &user, &session);
    let facts = with_consents(&about, &everything);
    match decide(&ask, &facts, context.now).outcome {
        Outcome::Granted(entitled) => Ok(Ok(Open { generation, entry, user, session, entitled })),
        Outcome::Refused(refusal) => {
            let record = app.decisions.decide_anew(ask, &about, &facts, generation, context.now);
            let complaint = foresee::refused(app, context, &record, &refusal);
            Ok(Err(Unanswered::Refused(complaint)))
        }
    }
}

/// The question to the one decision.
fn ask(request: &AuthorizationRequest, user: &UserEntry, scopes: Option<Scopes>) -> Ask {
    Ask {
        grant_type: grant_type(request.to.response_type()),
        client: request.client().clone(),
        realm: Some(user.user.realm.clone()),
        scopes,
        resource: only(&request.resources),
    }
}

/// Whom it is about.
fn about<'a>(
    context: &'a Context,
    entry: &'a ClientEntry,
    user: &'a UserEntry,
    session: &Session,
) -> About<'a> {
    About {
        tenant: &context.tenant,
        client: entry,
        realm: Some(&user.user.realm),
        user: Some(user),
        gave_password: false,
        level: Level::of(&session.methods),
    }
}

/// The facts as they are with these consents.
fn with_consents<'a>(about: &About<'a>, consents: &'a [Consent]) -> Facts<'a> {
    let mut facts = about.facts();
    if let Some(subject) = &mut facts.subject {
        subject.consents = consents;
    }
    facts
}

/// Her consents as they would be if she agreed to everything.
fn imagined(
    context: &Context,
    entry: &ClientEntry,
    user: &UserEntry,
    scopes: Option<&Scopes>,
) -> Vec<Consent> {
    let client = entry.client();
    let realm = context.tenant.realms.get(&user.user.realm).map(|realm| &realm.default_scopes);
    let all = scopes.into_iter().chain([&client.default_scopes]).chain(realm);
    let agreed = |scope: &grantor_oauth_types::scope::ScopeToken| Consent {
        tenant: user.user.tenant.clone(),
        user: user.user.id,
        client: client.id.clone(),
        scope: scope.clone(),
        status: ConsentStatus::Approved,
        decided: context.now,
        expires: None,
    };
    all.flat_map(Scopes::iter).map(agreed).collect()
}

/// Hands on what has to be asked about.
pub fn with_asking<T>(
    context: &Context,
    open: &Open,
    transaction: &Transaction,
    then: impl FnOnce(&Asking<'_>) -> T,
) -> T {
    let known = |token| context.tenant.scopes.get(token);
    let scopes: Vec<&Scope> = open.entitled.scopes.iter().filter_map(known).collect();
    let request = transaction.request();
    then(&Asking {
        client: open.entry.client(),
        scopes: &scopes,
        consents: &open.user.consents,
        user: open.user.user.id,
        again: request.is_some_and(|request| request.prompts.consent),
        consent_seconds: context.tenant.tenant.settings.consent_seconds,
        on_device: request.is_some_and(|r| redirect_uri::is_on_device(r.to.uri())),
    })
}

/// The questions of a consent page.
pub fn questions(context: &Context, open: &Open, transaction: &Transaction) -> Vec<Question> {
    let verdict = with_asking(context, open, transaction, |asking| {
        // Whoever is on the page is asked, whatever is remembered.
        consent_request::judge(&Asking { again: true, ..asking.clone() }, context.now)
    });
    match verdict {
        Verdict::Ask(questions) => questions,
        Verdict::Settled(_) => Vec::new(),
    }
}
