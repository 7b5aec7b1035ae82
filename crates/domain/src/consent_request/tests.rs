//! What is asked, what is remembered, and what a form can take away.

use super::*;
use crate::example;
use crate::example::{at, client, consent, now, tenant_name, user_id};
use grantor_oauth_types::client_auth::ClientAuthMethod;

fn catalogue() -> Vec<Scope> {
    example::catalogue()
}

struct World {
    client: Client,
    catalogue: Vec<Scope>,
    consents: Vec<Consent>,
}

impl World {
    fn new() -> Self {
        Self { client: client("shop"), catalogue: catalogue(), consents: Vec::new() }
    }

    fn with<T>(&self, scopes: &str, then: impl FnOnce(Asking<'_>) -> T) -> T {
        let find = |name: &str| self.catalogue.iter().find(|s| s.token.as_str() == name).unwrap();
        let scopes: Vec<&Scope> = scopes.split(' ').map(find).collect();
        then(Asking {
            client: &self.client,
            scopes: &scopes,
            consents: &self.consents,
            user: user_id(1),
            again: false,
            on_device: false,
            consent_seconds: 365 * 86_400,
        })
    }

    fn judged(&self, scopes: &str) -> Verdict {
        self.with(scopes, |asking| judge(&asking, now()))
    }

    fn remember(&mut self, scope: &str, status: ConsentStatus, expires: Option<i64>) {
        let mut consent = consent(1, "shop", scope, status);
        consent.expires = expires.map(at);
        self.consents.push(consent);
    }
}

fn names(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Settled(scopes) => format!("settled: {scopes}"),
        Verdict::Ask(questions) => {
            let shown = |q: &Question| format!("{}{}", q.scope, if q.selected { "" } else { "-" });
            format!("ask: {}", questions.iter().map(shown).collect::<Vec<_>>().join(" "))
        }
    }
}

const LATER: Option<i64> = Some(example::NOW + 1_000);

#[test]
fn what_was_agreed_to_is_not_asked_again_and_an_addition_is() {
    let mut world = World::new();
    assert_eq!(names(&world.judged("sales_order.read")), "ask: sales_order.read");
    world.remember("sales_order.read", ConsentStatus::Approved, LATER);
    assert_eq!(names(&world.judged("sales_order.read")), "settled: sales_order.read");
    let both = world.judged("sales_order.read email");
    assert_eq!(names(&both), "ask: sales_order.read email");
}

#[test]
fn sec_042_an_expired_or_withdrawn_consent_is_asked_for_again() {
    let mut world = World::new();
    world.remember("sales_order.read", ConsentStatus::Approved, Some(example::NOW - 1));
    assert_eq!(names(&world.judged("sales_order.read")), "ask: sales_order.read");
    let mut world = World::new();
    world.remember("sales_order.read", ConsentStatus::Denied, None);
    assert_eq!(names(&world.judged("sales_order.read")), "ask: sales_order.read");
}

#[test]
fn a_refusal_is_remembered_and_the_scope_left_out() {
    let mut world = World::new();
    world.remember("sales_order.read", ConsentStatus::Approved, LATER);
    world.remember("email", ConsentStatus::Denied, LATER);
    assert_eq!(names(&world.judged("sales_order.read email")), "settled: sales_order.read");
    let asked = world.judged("sales_order.read email stock.read");
    assert_eq!(names(&asked), "ask: sales_order.read email- stock.read");
}

#[test]
fn sec_042_a_program_on_a_device_that_nobody_vouches_for_is_asked_about_each_time() {
    let mut world = World::new();
    world.remember("sales_order.read", ConsentStatus::Approved, LATER);
    world.client.auth_method = ClientAuthMethod::None;
    let judged = |on_device| {
        world.with("sales_order.read", |asking| judge(&Asking { on_device, ..asking }, now()))
    };
    assert_eq!(names(&judged(false)), "settled: sales_order.read");
    assert_eq!(names(&judged(true)), "ask: sales_order.read");
}

#[test]
fn a_bypass_is_no_question_unless_the_client_itself_wants_one() {
    let mut world = World::new();
    world.client.consent_bypass = true;
    assert_eq!(names(&world.judged("sales_order.read email")), "settled: sales_order.read email");
    let again = world.with("email", |asking| judge(&Asking { again: true, ..asking }, now()));
    assert_eq!(names(&again), "ask: email");
}

#[test]
fn a_client_that_is_registered_so_is_asked_for_each_time() {
    let mut world = World::new();
    world.remember("email", ConsentStatus::Approved, LATER);
    assert_eq!(names(&world.judged("email")), "settled: email");
    world.client.authorization.ask_every_time = true;
    assert_eq!(names(&world.judged("email")), "ask: email");
    assert_eq!(names(&world.judged("auth-none")), "settled: auth-none");
}

#[test]
fn a_selector_alone_is_nothing_to_agree_to() {
    assert_eq!(names(&World::new().judged("auth-none")), "settled: auth-none");
}

#[test]
fn other_peoples_and_other_clients_consents_do_not_count() {
    let mut world = World::new();
    world.consents.push(consent(2, "shop", "email", ConsentStatus::Approved));
    world.consents.push(consent(1, "other", "email", ConsentStatus::Approved));
    assert_eq!(names(&world.judged("email")), "ask: email");
}

#[test]
fn sec_041_what_is_posted_can_only_take_away() {
    let world = World::new();
    let ticked = ["email", "sales_order.read_all", "admin"].map(str::to_owned);
    let (scopes, consents) = world
        .with("sales_order.read email auth-none", |asking| {
            answered(&tenant_name(), &asking, &ticked, now())
        })
        .unwrap();
    assert_eq!(scopes.to_string(), "email auth-none");
    let decided: Vec<_> = consents.iter().map(|c| (c.scope.as_str(), c.status)).collect();
    assert_eq!(
        decided,
        [("sales_order.read", ConsentStatus::Denied), ("email", ConsentStatus::Approved)]
    );
    assert!(consents.iter().all(|c| c.expires.is_some() && c.user == user_id(1)));
    // What is answered is what is asked next time.
    let world = World { consents, ..world };
    assert_eq!(names(&world.judged("sales_order.read email")), "settled: email");
}

#[test]
fn whoever_ticks_nothing_has_agreed_to_nothing() {
    let world = World::new();
    let answer =
        world.with("sales_order.read", |asking| answered(&tenant_name(), &asking, &[], now()));
    assert_eq!(answer, None);
}

#[test]
fn a_decision_is_remembered_as_long_as_the_scope_says_or_else_the_tenant() {
    let mut world = World::new();
    for scope in &mut world.catalogue {
        scope.consent_seconds = (scope.token.as_str() == "sales_order.read").then_some(3_600);
    }
    let given = world.with("uid sales_order.read", |asking| {
        let asking = Asking { consent_seconds: 7_200, ..asking };
        assert_eq!(asking.shortest(), Some(3_600));
        answered(&tenant_name(), &asking, &["uid".to_owned()], now())
    });
    let decided = given.unwrap().1;
    let expires = |at: usize| decided[at].expires.unwrap().as_second() - now().as_second();
    // Also what was refused is asked again then.
    assert_eq!((expires(0), expires(1)), (7_200, 3_600));
    assert_eq!(decided[1].status, ConsentStatus::Denied);
}

#[test]
fn a_no_to_everything_is_remembered_and_asked_again() {
    let mut world = World::new();
    world.remember("sales_order.read", ConsentStatus::Approved, LATER);
    let scopes = "email sales_order.read sales_order.write";
    let refused = world.with(scopes, |asking| denied(&tenant_name(), &asking, now()));
    let said: Vec<_> = refused.iter().map(|c| (c.scope.as_str(), c.status, c.expires)).collect();
    let no = ConsentStatus::Denied;
    let all = ["email", "sales_order.read", "sales_order.write"];
    assert_eq!(said, all.map(|scope| (scope, no, None)));
    world.consents = refused;
    assert!(names(&world.judged(scopes)).starts_with("ask: "), "{:?}", world.judged(scopes));
    world.client.consent_bypass = true;
    assert_eq!(world.with(scopes, |asking| denied(&tenant_name(), &asking, now())), []);
}
