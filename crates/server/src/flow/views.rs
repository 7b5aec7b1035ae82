//! What the pages show: from what is known to plain values.

use axum::http::StatusCode;
use grantor_domain::authorize::redirect_uri;
use grantor_domain::client::Client;
use grantor_domain::consent_request::Question;
use grantor_domain::session::Session;
use grantor_domain::tenant::SignInPage;
use grantor_domain::user::User;
use grantor_oauth_types::error_code::AuthorizeErrorCode;
use grantor_oauth_types::name::RealmName;
use grantor_pages::{
    Account, AccountChoice, Asking, Consent, ConsentScope, ErrorKind, ErrorPage, Logo, Page,
    RealmChoice, Reason, Redirect, Risk, Shell, SignIn, SignInError, Step,
};

use super::{FlowFailure, Open, offered, questions, with_asking};
use crate::app::App;
use crate::directory::{ClientEntry, TenantView};
use crate::grants::Context;
use crate::reply::page::prefix;
use crate::transaction::{Stuck, Transaction};

/// The path of a page of this tenant: some live below a path of their own.
pub fn path(view: &TenantView, page: &str) -> String {
    format!("{}{page}", prefix(&view.tenant))
}

/// Where a page that continues a transaction is.
pub fn step(context: &Context, app: &App, page: &str, transaction: &Transaction) -> String {
    let sealed = transaction.seal(&app.secrets.transactions, &context.tenant.tenant.name);
    format!("{}?tx={sealed}", path(&context.tenant, page))
}

/// The client, as people are shown it. Pictures are loaded from its site only where the tenant wants
/// that: it would learn who signs in (SEC-158).
pub fn asking(view: &TenantView, client: &Client, redirect: &str) -> Asking {
    let name = if client.name.is_empty() { client.id.as_str() } else { &client.name };
    let own = &client.presentation;
    let logo = own.logo_uri.clone().filter(|_| view.tenant.settings.look.remote_logos);
    let unknown = client.registration.is_some();
    let anybody = !client.is_confidential() && redirect_uri::is_on_device(redirect);
    Asking {
        name: name.to_owned(),
        logo: logo.map(Logo::Remote),
        home: own.client_uri.clone(),
        policy: own.policy_uri.clone(),
        terms: own.tos_uri.clone(),
        redirect: Redirect(redirect.to_owned()),
        assured: !unknown && !anybody,
    }
}

/// What a sign-in page needs besides the transaction.
#[derive(Debug)]
pub struct SignInView<'a> {
    /// The transaction
    pub transaction: &'a Transaction,
    /// The client, if one asked
    pub entry: Option<&'a ClientEntry>,
    /// Who is signed in here
    pub sessions: &'a [Session],
    /// What went wrong before
    pub error: Option<SignInError>,
    /// What was typed as a name before
    pub typed: Option<&'a str>,
    /// Whether "stay signed in" was ticked
    pub remember: bool,
}

/// The sign-in page.
pub fn sign_in_page(app: &App, context: &Context, shell: &Shell, view: &SignInView<'_>) -> Page {
    let (settings, tx) = (&context.tenant.tenant.settings, view.transaction);
    let request = tx.request();
    let named = request.and_then(|request| request.realm.as_ref());
    let realms = offered(&context.tenant, view.entry.map(ClientEntry::client), named);
    let before = tx.typed.as_ref();
    let identity_first = asks_name_first(&context.tenant, &realms);
    let step = match (identity_first, before) {
        (false, _) => Step::OnePage,
        (true, None) => Step::Identity,
        (true, Some(_)) => {
            let back = tx.clone().typing(None);
            Step::Password { change: Some(self::step(context, app, "/sign-in", &back)) }
        }
    };
    let hinted = || request.and_then(|request| request.login_hint.clone());
    let username = view.typed.map(ToOwned::to_owned);
    let username = username.or_else(|| before.map(|typed| typed.1.clone())).or_else(hinted);
    let chosen = before.and_then(|typed| typed.0.clone());
    let asked_again = request.is_some_and(|r| r.prompts.login || r.max_age.is_some());
    let hides_choice = matches!(step, Step::Password { .. });
    SignIn {
        action: path(&context.tenant, "/sign-in"),
        hidden: vec![("tx", tx.seal(&app.secrets.transactions, &context.tenant.tenant.name))],
        step,
        asking: view
            .entry
            .zip(request)
            .map(|(e, r)| asking(&context.tenant, e.client(), r.to.uri())),
        error: view.error,
        reason: (asked_again && !view.sessions.is_empty()).then_some(Reason::Again),
        username: username.unwrap_or_default(),
        remember: (settings.session_remember_seconds > 0).then_some(view.remember),
        realms: if hides_choice { Vec::new() } else { choices(realms, chosen.as_ref()) },
        cancel: request.is_some(),
    }
    .page(shell)
}

/// Whether the page asks for the name first, where people of these realms can sign in.
pub fn asks_name_first(view: &TenantView, realms: &[RealmName]) -> bool {
    let known = realms.iter().filter_map(|name| view.realms.get(name));
    let page = SignInPage::of(view.tenant.settings.sign_in_page, known);
    page == SignInPage::IdentityFirst
}

fn choices(realms: Vec<RealmName>, chosen: Option<&RealmName>) -> Vec<RealmChoice> {
    let chosen = chosen.cloned().or_else(|| realms.first().cloned());
    let choice = |realm: RealmName| RealmChoice {
        value: realm.to_string(),
        label: realm.to_string(),
        chosen: chosen.as_ref() == Some(&realm),
    };
    realms.into_iter().map(choice).collect()
}

/// The consent page.
pub fn consent_page(
    app: &App,
    context: &Context,
    shell: &Shell,
    open: &Open,
    transaction: &Transaction,
) -> Page {
    let redirect = transaction.request().map(|request| request.to.uri()).unwrap_or_default();
    let asked = questions(context, open, transaction);
    let tag = shell.language.tag();
    let shown = asked.iter().filter(|question| question.scope.as_str() != "offline_access");
    Consent {
        action: path(&context.tenant, "/consent"),
        hidden: vec![(
            "tx",
            transaction.seal(&app.secrets.transactions, &context.tenant.tenant.name),
        )],
        asking: asking(&context.tenant, open.entry.client(), redirect),
        account: account(&open.session, &open.user.user, false),
        other_account: Some(step(context, app, "/account-choice", transaction)),
        scopes: shown.map(|question| scope(&context.tenant, question, tag)).collect(),
        offline: asked.iter().any(|question| question.scope.as_str() == "offline_access"),
        remembered_days: with_asking(context, open, transaction, |asking| {
            asking.shortest().map(|seconds| seconds.div_ceil(86_400))
        }),
    }
    .page(shell)
}

/// A scope in the words of the catalogue: what an owner reads, else the summary.
fn scope(view: &TenantView, question: &Question, language: &str) -> ConsentScope {
    let known = view.scopes.get(&question.scope);
    let in_language = |texts: &std::collections::BTreeMap<String, String>| {
        texts.get(language).or_else(|| texts.get("en")).or_else(|| texts.values().next()).cloned()
    };
    let text = known.and_then(|scope| {
        in_language(&scope.user_information).or_else(|| in_language(&scope.summary))
    });
    ConsentScope {
        scope: question.scope.to_string(),
        text: text.unwrap_or_else(|| question.scope.to_string()),
        detail: String::new(),
        optional: question.optional,
        selected: question.selected,
        risk: match known.map_or(2, |scope| scope.risk) {
            0 | 1 => Risk::Low,
            2 => Risk::Medium,
            _ => Risk::High,
        },
    }
}

/// The choice among the accounts of this browser.
pub fn choice_page(
    app: &App,
    context: &Context,
    shell: &Shell,
    transaction: &Transaction,
    entry: Option<&ClientEntry>,
    accounts: &[(Session, std::sync::Arc<User>)],
) -> Page {
    let request = transaction.request();
    AccountChoice {
        action: path(&context.tenant, "/account-choice"),
        hidden: vec![(
            "tx",
            transaction.seal(&app.secrets.transactions, &context.tenant.tenant.name),
        )],
        asking: entry.zip(request).map(|(e, r)| asking(&context.tenant, e.client(), r.to.uri())),
        accounts: accounts.iter().map(|(s, user)| account(s, user, false)).collect(),
        cancel: request.is_some(),
    }
    .page(shell)
}

fn account(session: &Session, user: &User, signed_out: bool) -> Account {
    Account {
        handle: session.id.to_string(),
        name: user.display_name.clone().unwrap_or_default(),
        detail: user.name.to_string(),
        signed_out,
    }
}

/// The page of a failure, and the status that goes with it.
pub fn error_page(context: &Context, shell: &Shell, failure: &FlowFailure) -> (StatusCode, Page) {
    use AuthorizeErrorCode as Code;
    let bad = StatusCode::BAD_REQUEST;
    let (status, kind, error, detail) = match failure {
        FlowFailure::Stuck(Stuck::Unknown) => {
            (bad, ErrorKind::BadRequest, Code::InvalidRequest, Some(failure.to_string()))
        }
        FlowFailure::Stuck(Stuck::Expired) => (bad, ErrorKind::Expired, Code::InvalidRequest, None),
        FlowFailure::Stuck(Stuck::OtherBrowser) => {
            (bad, ErrorKind::OtherBrowser, Code::InvalidRequest, None)
        }
        FlowFailure::UnknownClient => {
            (bad, ErrorKind::UnknownClient, Code::InvalidClient, Some(failure.to_string()))
        }
        FlowFailure::Page(complaint) => {
            let redirect = complaint.description.contains("redirect_uri");
            let kind = if redirect { ErrorKind::Redirect } else { ErrorKind::BadRequest };
            (bad, kind, complaint.error, Some(complaint.description.to_owned()))
        }
        FlowFailure::Forged => (StatusCode::FORBIDDEN, ErrorKind::Forged, Code::AccessDenied, None),
        FlowFailure::Busy => (
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Unavailable,
            Code::TemporarilyUnavailable,
            None,
        ),
        FlowFailure::Broken(grantor_store::StoreError::Unavailable(reason)) => {
            tracing::error!(%reason, "the store is not available");
            let status = StatusCode::SERVICE_UNAVAILABLE;
            (status, ErrorKind::Unavailable, Code::TemporarilyUnavailable, None)
        }
        FlowFailure::Broken(_) | FlowFailure::NoSigner(_) => {
            tracing::error!(error = %failure, "an authorization request failed");
            (StatusCode::INTERNAL_SERVER_ERROR, ErrorKind::Internal, Code::ServerError, None)
        }
    };
    let page = ErrorPage {
        detail,
        decision: Some(context.decision.to_string()),
        ..ErrorPage::new(kind, error.as_str())
    };
    (status, page.page(shell))
}
