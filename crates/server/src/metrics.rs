//! What is counted, in the Prometheus text format, on the operations listener only (SEC-018).

use std::sync::Mutex;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The counters. Labels are closed sets: nothing from a request becomes a label.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    /// Answers by class of status
    pub answers: Family<Answer, Counter>,
    /// Token requests by what came of them
    pub tokens: Family<TokenResult, Counter>,
    /// Handlers that panicked: each is a bug (SEC-193)
    pub panics: Counter,
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

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("grantor");
        let answers = Family::<Answer, Counter>::default();
        let tokens = Family::<TokenResult, Counter>::default();
        registry.register("http_answers", "Answers by class of status", answers.clone());
        registry.register("token_requests", "Token requests by result", tokens.clone());
        let panics = Counter::default();
        registry.register("panics", "Handlers that panicked: each is a bug", panics.clone());
        Self { registry: Mutex::new(registry), answers, tokens, panics }
    }
}

impl Metrics {
    /// The text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().expect("nothing panics while it holds the registry");
        encode(&mut text, &registry).expect("a String takes every line");
        text
    }
}
