//! Lists come in pages. The way to the next page is sealed, and opens only for the same caller,
//! tenant, list and filters (SEC-165).

use axum::body::Body;
use axum::http::{Response, StatusCode};
use grantor_domain::params::Params;
use serde::Serialize;

use super::{Problem, body};
use crate::access::Caller;
use crate::app::App;
use crate::reply::json;

/// How many things a page has, unless the caller says so.
const USUAL: usize = 50;

/// How many things a page has at most.
pub(crate) const MOST: usize = 200;

/// What page tokens begin with.
const PREFIX: &str = "gpt";

/// The parameters of every list.
pub(crate) const PARAMETERS: [&str; 2] = ["limit", "page_token"];

/// Which part of a list is asked for.
#[derive(Debug)]
pub(crate) struct Page {
    /// At most so many
    pub limit: usize,
    /// Behind this one
    pub after: Option<String>,
    bound_to: Vec<u8>,
}

/// A page as it goes out.
#[derive(Serialize)]
struct Answer<T> {
    items: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

impl Page {
    /// Reads `limit` and `page_token`; leaves the filters, whose names are `filters`.
    pub(crate) fn read(
        app: &App,
        caller: &Caller,
        list: &str,
        filters: &[&str],
        params: &mut Params,
    ) -> Result<Self, Problem> {
        body::only(params, &[filters, &PARAMETERS].concat())?;
        let bad = |what: &str| Problem::field(what, "is not valid here");
        for name in PARAMETERS {
            if params.peek(name) == Some("") {
                return Err(bad(name));
            }
        }
        let limit = params
            .read("limit", |text| text.parse().ok().filter(|limit| (1..=MOST).contains(limit)))
            .map_err(|_| Problem::field("limit", format!("expected a number from 1 to {MOST}")))?;
        let token = params.take("page_token");
        let filters = filters.iter().map(|name| (name, params.peek(name)));
        let bound_to = format!(
            "{}\0{}\0{list}\0{:?}",
            caller.context.tenant.tenant.name,
            caller.actor,
            filters.collect::<Vec<_>>()
        )
        .into_bytes();
        let after = token.map(|token| {
            let opened = app.secrets.page_tokens.open(PREFIX, &bound_to, &token);
            opened.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| bad("page_token"))
        });
        Ok(Self { limit: limit.unwrap_or(USUAL), after: after.transpose()?, bound_to })
    }

    /// How many to fetch: one more than is shown tells whether there is more.
    pub(crate) const fn fetch(&self) -> usize {
        self.limit + 1
    }

    /// The answer: `found` in its order, each with the cursor behind which the next one comes.
    pub(crate) fn answer<T: Serialize>(
        &self,
        app: &App,
        mut found: Vec<(String, T)>,
    ) -> Response<Body> {
        let more = found.len() > self.limit;
        found.truncate(self.limit);
        let next = found.last().filter(|_| more).map(|(cursor, _)| cursor.clone());
        self.answer_until(app, found.into_iter().map(|(_, item)| item).collect(), next)
    }

    /// The answer, where the caller of this knows itself how to go on.
    pub(crate) fn answer_until<T: Serialize>(
        &self,
        app: &App,
        items: Vec<T>,
        next: Option<String>,
    ) -> Response<Body> {
        let seal = |at: String| app.secrets.page_tokens.seal(PREFIX, &self.bound_to, at.as_bytes());
        json::private(StatusCode::OK, &Answer { items, next_page_token: next.map(seal) })
    }
}
