//! The shoe shop: a small web application that people sign in to, and that acts for them.
//!
//! It knows nothing of Grantor but the library `grantor-client`. It keeps what it knows of a browser
//! in memory under a random cookie, asks the wishlist API for what the customer allowed, and says
//! kindly when it may not.
//!
//! | module    | what it holds                                    |
//! |-----------|--------------------------------------------------|
//! | [`visit`] | what the shop remembers of a browser             |
//! | [`page`]  | the pages                                        |

mod page;
mod visit;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use grantor_client::{
    AuthorizationRequest, ClientAuth, Login, LoginError, Provider, ProviderSettings, RelyingParty,
};
use serde::Deserialize;
use tokio::net::TcpListener;

use super::wishlist::{READ, WRITE, Wish};
use page::{Notice, View};
use visit::{Begun, Customer, Visits};

/// Where the shop is told things.
#[derive(Clone, Debug)]
pub(super) struct Address {
    /// The shop itself
    pub(super) shop: String,
    /// The wishlist API
    pub(super) api: String,
}

#[derive(Clone)]
struct Shop {
    client: RelyingParty,
    http: reqwest::Client,
    address: Address,
    visits: Arc<Visits>,
}

/// Serves until the process ends.
pub(super) async fn serve(socket: TcpListener, issuer: String, client: ClientAuth, at: Address) {
    let provider = match Provider::discover(&issuer, ProviderSettings::default()).await {
        Ok(provider) => provider,
        Err(error) => return tracing::error!(%error, "the shop does not find its provider"),
    };
    let client = RelyingParty::new(provider, client, &format!("{}/callback", at.shop))
        .expect("the address of the callback is a URL");
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .no_proxy()
        .build()
        .expect("nothing in it depends on the system");
    let shop = Shop { client, http, address: at, visits: Arc::default() };
    let routes = Router::new()
        .route("/", get(window))
        .route("/shop.css", get(style))
        .route("/sign-in", post(sign_in))
        .route("/callback", get(callback))
        .route("/wishlist", post(save))
        .route("/sign-out", post(sign_out))
        .with_state(shop);
    if let Err(error) = axum::serve(socket, routes).await {
        tracing::error!(%error, "the shoe shop ended");
    }
}

async fn style() -> impl IntoResponse {
    let headers =
        [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=3600")];
    (headers, page::STYLE)
}

/// The shop window, with the notice of what happened last.
async fn window(State(shop): State<Shop>, headers: HeaderMap) -> Response {
    let key = visit::key(&headers);
    let (mut customer, notice) = shop.visits.look(&key);
    let mut wishes = None;
    if let Some(customer) = &mut customer {
        wishes = shop.wishes(customer).await;
        shop.visits.keep(&key, customer.clone());
    }
    shop.page(&View { customer: customer.as_ref(), wishes: wishes.as_deref(), notice })
}

/// What a form of the shop says.
#[derive(Debug, Deserialize)]
struct Wanted {
    /// A shoe to save, by its id
    #[serde(default)]
    shoe: String,
    /// Whether the customer is to be asked again although she said no before
    #[serde(default)]
    again: bool,
}

async fn sign_in(
    State(shop): State<Shop>,
    headers: HeaderMap,
    Form(form): Form<Wanted>,
) -> Response {
    shop.send_to_sign_in(&visit::key(&headers), &form)
}

/// Saves a shoe, or goes and asks whether the shop may.
async fn save(State(shop): State<Shop>, headers: HeaderMap, Form(form): Form<Wanted>) -> Response {
    let key = visit::key(&headers);
    let Some(name) = page::name_of(&form.shoe) else { return Redirect::to("/").into_response() };
    let (Some(mut customer), _) = shop.visits.look(&key) else {
        return shop.send_to_sign_in(&key, &form);
    };
    let notice = shop.add(&mut customer, name, &form.shoe).await;
    shop.visits.keep(&key, customer);
    shop.visits.tell(&key, notice);
    Redirect::to("/").into_response()
}

/// Where the customer comes back to.
async fn callback(
    State(shop): State<Shop>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let key = visit::key(&headers);
    let Some(begun) = shop.visits.take_begun(&key) else {
        return shop.tell(&key, Notice::Lost);
    };
    let login = match shop.client.finish(begun.pending, &query.unwrap_or_default()).await {
        Ok(login) => login,
        Err(LoginError::Refused(no)) if no.error == "access_denied" => {
            return shop.tell(&key, Notice::Denied);
        }
        Err(error) => {
            tracing::warn!(%error, "a customer could not sign in");
            return shop.tell(&key, Notice::Lost);
        }
    };
    let mut customer = Customer { name: shop.name_of(&login).await, login };
    let notice = match page::name_of(&begun.shoe) {
        Some(name) => shop.add(&mut customer, name, &begun.shoe).await,
        None => Notice::Welcome,
    };
    // A new cookie for a new standing: what the old one was is worth nothing now.
    let key = shop.visits.welcome(&key, customer);
    shop.visits.tell(&key, notice);
    ([(SET_COOKIE, visit::cookie(&key))], Redirect::to("/")).into_response()
}

/// Forgets the customer, and lets the provider know.
async fn sign_out(State(shop): State<Shop>, headers: HeaderMap) -> Response {
    let key = visit::key(&headers);
    let gone = shop.visits.forget(&key);
    let id_token = gone.as_ref().and_then(|customer| customer.login.id_token.as_ref());
    match shop.client.logout_url(id_token, Some((&shop.address.shop, "bye"))) {
        Ok(url) => Redirect::to(url.as_str()).into_response(),
        Err(_) => Redirect::to("/").into_response(),
    }
}

impl Shop {
    fn page(&self, view: &View<'_>) -> Response {
        page::render(view, self.client.provider().issuer()).into_response()
    }

    fn tell(&self, key: &str, notice: Notice) -> Response {
        let key = self.visits.tell(key, notice);
        ([(SET_COOKIE, visit::cookie(&key))], Redirect::to("/")).into_response()
    }

    fn send_to_sign_in(&self, key: &str, wanted: &Wanted) -> Response {
        let mut request = AuthorizationRequest::new(["openid", "profile", READ, WRITE]);
        if wanted.again {
            request = request.prompt("consent");
        }
        let (url, pending) = self.client.start(&request);
        let key = self.visits.begin(key, Begun { pending, shoe: wanted.shoe.clone() });
        ([(SET_COOKIE, visit::cookie(&key))], Redirect::to(url.as_str())).into_response()
    }

    /// How to greet her; a stranger's name is no reason to fail.
    async fn name_of(&self, login: &Login) -> String {
        let Some(who) = &login.id_token else { return "customer".to_owned() };
        let claims = self.client.userinfo(&login.access_token, who.subject()).await;
        let claims = claims.unwrap_or_default();
        let name = ["given_name", "name", "preferred_username"]
            .into_iter()
            .find_map(|claim| claims.get(claim)?.as_str());
        name.unwrap_or("dear customer").to_owned()
    }

    /// Adds to her list; what is to be said of it.
    async fn add(&self, customer: &mut Customer, name: &str, shoe: &str) -> Notice {
        let wish = Wish { item: name.to_owned() };
        let request = |token: &str| self.http.post(self.list()).bearer_auth(token).json(&wish);
        match self.send(customer, request).await.map(|answer| answer.status()) {
            Some(status) if status.is_success() => Notice::Saved(name.to_owned()),
            Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Notice::Refused(shoe.to_owned())
            }
            _ => Notice::Away,
        }
    }

    /// Her list; `None` when the shop may not see it.
    async fn wishes(&self, customer: &mut Customer) -> Option<Vec<Wish>> {
        let request = |token: &str| self.http.get(self.list()).bearer_auth(token);
        let answer = self.send(customer, request).await?;
        if answer.status() == StatusCode::OK { answer.json().await.ok() } else { None }
    }

    fn list(&self) -> String {
        format!("{}/wishlist", self.address.api)
    }

    /// Asks the API; when it no longer takes the token, once more with a new one. The new token may
    /// carry less than the old: that is how a withdrawn permission is noticed.
    async fn send(
        &self,
        customer: &mut Customer,
        request: impl Fn(&str) -> reqwest::RequestBuilder,
    ) -> Option<reqwest::Response> {
        let first = request(customer.login.access_token.reveal()).send().await.ok()?;
        if first.status() != StatusCode::UNAUTHORIZED {
            return Some(first);
        }
        let Some(refresh_token) = customer.login.refresh_token.clone() else { return Some(first) };
        let before = customer.login.id_token.clone();
        match self.client.refresh(&refresh_token, before.as_ref()).await {
            Ok(mut renewed) => {
                renewed.id_token = renewed.id_token.or(before);
                customer.login = renewed;
                request(customer.login.access_token.reveal()).send().await.ok()
            }
            Err(error) => {
                tracing::info!(%error, "the shop's permission is over");
                Some(first)
            }
        }
    }
}
