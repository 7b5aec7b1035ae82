//! What is counted, in the Prometheus text format, on the operations listener only (SEC-018).

use std::sync::Mutex;

use axum::http::StatusCode;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The counters. Labels are closed sets: nothing from a request becomes a label.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    /// Answers by class of status: 1xx to 5xx. Looked up once, for every answer counts
    answers: [Counter; 5],
    /// Requests of authenticated clients for tokens that were granted
    pub granted: Counter,
    /// Requests of authenticated clients for tokens that were refused
    pub refused: Counter,
    /// Handlers that panicked: each is a bug (SEC-193)
    pub panics: Counter,
    /// Requests that were turned away because too much was asked at once (REL-034)
    pub shed: Counter,
    /// Access tokens that were signed
    pub signatures: Family<Signature, Counter>,
    /// Requests to the STUPS token endpoint
    pub stups_tokens: Family<StupsToken, Counter>,
    /// Tokens that token info knew
    pub tokeninfo: Family<TokenInfo, Counter>,
    /// Requests to token info that it refused
    pub tokeninfo_errors: Family<TokenInfoError, Counter>,
}

/// A class of answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Answer {
    /// 2, 3, 4 or 5
    pub class: u16,
}

/// What came of a token request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TokenResult {
    /// Granted or refused
    pub result: TokenOutcome,
}

/// Granted or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum TokenOutcome {
    /// A token was issued
    Granted,
    /// None was
    Refused,
}

/// A signed access token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Signature {
    /// Its `alg`
    pub alg: &'static str,
}

/// A request to the STUPS token endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StupsToken {
    /// A realm that exists; empty if the request could not be given to one
    pub realm: String,
    /// What came of it
    pub outcome: StupsOutcome,
}

/// What came of a request to the STUPS token endpoint, in Plan B's classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum StupsOutcome {
    /// A token was issued
    Success,
    /// The client was not who it said, or may not do this
    Client,
    /// The user was not who he said
    User,
    /// Anything else
    Other,
}

/// A token that token info knew.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TokenInfo {
    /// Signed, or sealed
    pub form: TokenForm,
    /// The realm of its user; empty where there is no user
    pub realm: String,
}

/// Signed or sealed, judged by looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum TokenForm {
    /// Three parts
    Jwt,
    /// Anything else
    Other,
}

/// A request that token info refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TokenInfoError {
    /// Of what was sent; of nothing, Plan B said it was a JWT
    pub form: TokenForm,
    /// What it was told
    pub error: TokenInfoRefusal,
}

/// The two codes of token info.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum TokenInfoRefusal {
    /// No token
    InvalidRequest,
    /// A token that is worth nothing
    InvalidToken,
}

impl Default for Metrics {
    fn default() -> Self {
        let (answers, classes) = (Family::<Answer, Counter>::default(), [1, 2, 3, 4, 5]);
        let tokens = Family::<TokenResult, Counter>::default();
        let came = |result| tokens.get_or_create_owned(&TokenResult { result });
        let metrics = Self {
            registry: Mutex::default(),
            answers: classes.map(|class| answers.get_or_create_owned(&Answer { class })),
            granted: came(TokenOutcome::Granted),
            refused: came(TokenOutcome::Refused),
            panics: Counter::default(),
            shed: Counter::default(),
            signatures: Family::default(),
            stups_tokens: Family::default(),
            tokeninfo: Family::default(),
            tokeninfo_errors: Family::default(),
        };
        let mut registry = Registry::with_prefix("grantor");
        registry.register("http_answers", "Answers by class of status", answers);
        registry.register("token_requests", "Token requests by result", tokens);
        let help = "Handlers that panicked: each is a bug";
        registry.register("panics", help, metrics.panics.clone());
        let help = "Requests turned away because too much was asked at once";
        registry.register("shed", help, metrics.shed.clone());
        registry.register("signatures", "Signed access tokens", metrics.signatures.clone());
        let Self { stups_tokens, tokeninfo, tokeninfo_errors, .. } = &metrics;
        let help = "Requests to the STUPS token endpoint by result";
        registry.register("stups_token_requests", help, stups_tokens.clone());
        registry.register("tokeninfo", "Tokens that token info knew", tokeninfo.clone());
        let help = "Requests that token info refused";
        registry.register("tokeninfo_errors", help, tokeninfo_errors.clone());
        Self { registry: Mutex::new(registry), ..metrics }
    }
}

/// What was counted under these labels; nothing is 0.
pub(crate) fn count<S>(family: &Family<S, Counter>, labels: &S) -> u64
where
    S: Clone + std::hash::Hash + Eq,
{
    family.get(labels).map_or(0, |counter| counter.get())
}

impl Metrics {
    /// Counts an answer.
    pub fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100);
        if let Some(answers) = class.checked_sub(1).and_then(|place| self.answers.get(place)) {
            answers.inc();
        }
    }

    /// The text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().expect("nothing panics while it holds the registry");
        encode(&mut text, &registry).expect("a String takes every line");
        text
    }
}
