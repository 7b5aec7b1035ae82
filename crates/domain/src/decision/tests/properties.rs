//! What holds whatever is asked and known.

use grantor_oauth_types::scope::{ScopeToken, Scopes};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::Case;
use crate::assignment::{Assignment, Principal};
use crate::consent::{Consent, ConsentStatus};
use crate::decision::{Outcome, RecordedDecision, complete};
use crate::example::*;
use crate::scope::{GrantRule, Scope};

const NAMES: [&str; 9] = [
    "sales_order.read",
    "sales_order.write",
    "sales_order.read_all",
    "stock.read",
    "uid",
    "email",
    "staff",
    "auth-none",
    "unknown",
];

fn some_scopes() -> impl Strategy<Value = Scopes> {
    subsequence(NAMES.to_vec(), 0..=NAMES.len())
        .prop_map(|names| names.into_iter().map(token).collect())
}

/// An end around now, or none.
fn some_end() -> impl Strategy<Value = Option<jiff::Timestamp>> {
    prop::option::of((-3..6_i64).prop_map(|seconds| at(NOW + seconds)))
}

fn some_assignments() -> impl Strategy<Value = Vec<Assignment>> {
    let principal = select(vec![
        Principal::User(user_id(1)),
        Principal::User(user_id(2)),
        Principal::Client(client_id("shop")),
        Principal::Client(client_id("other")),
        Principal::Group(group_id(1)),
        Principal::Group(group_id(2)),
    ]);
    let one = (principal, select(NAMES.to_vec()), some_end())
        .prop_map(|(who, scope, expires)| Assignment { expires, ..assignment(1, who, scope) });
    prop::collection::vec(one, 0..4)
}

fn some_consents() -> impl Strategy<Value = Vec<Consent>> {
    let status = select(vec![
        ConsentStatus::Approved,
        ConsentStatus::Approved,
        ConsentStatus::Approved,
        ConsentStatus::Denied,
    ]);
    let about = (1..3_u8, select(vec!["shop", "shop", "other"]), select(NAMES.to_vec()));
    let one = (about, status, some_end()).prop_map(|((user, client, scope), status, expires)| {
        Consent { expires, ..consent(user, client, scope, status) }
    });
    prop::collection::vec(one, 0..4)
}

fn some_resource() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        4 => Just(None),
        3 => select(vec![ORDERS_API, STOCK_API, ISSUER, "https://x.example"])
            .prop_map(|uri| Some(uri.to_owned())),
    ]
}

/// One of the right requests with what is asked and known shuffled.
fn some_case() -> impl Strategy<Value = Case> {
    let base = select(vec![
        Case::itself(),
        Case::customer(),
        Case::service(),
        Case::customer().refreshed(),
        Case::service().refreshed(),
    ]);
    let asks = (prop::option::of(some_scopes()), some_resource(), some_scopes());
    let client = (some_scopes(), some_scopes(), some_scopes(), any::<bool>());
    let evidence = (some_assignments(), some_consents(), 0..3_usize, any::<bool>());
    let mixes = (0..4_u8, some_assignments());
    (base, asks, client, evidence, mixes).prop_map(
        |(mut case, asks, client, evidence, (keep, client_assignments))| {
            let (asked, resource, in_grant) = asks;
            case.ask.scopes = asked;
            case.ask.resource = resource;
            // Mostly a client that may nearly everything, so that enough is granted.
            if keep == 0 {
                case.client.scopes = client.0;
            }
            if keep % 2 == 0 {
                case.client_assignments.clear();
                case.subject.iter_mut().for_each(|subject| subject.assignments.clear());
            }
            case.client.default_scopes = if keep < 2 { client.1 } else { Scopes::EMPTY };
            case.client.consent_bypass = client.3;
            if let Some(realm) = &mut case.realm {
                realm.default_scopes = client.2;
            }
            if let Some(subject) = &mut case.subject {
                subject.assignments.extend(evidence.0);
                subject.consents = evidence.1;
                subject.groups = [group_id(1), group_id(2)][..evidence.2].to_vec();
                subject.gave_password &= evidence.3;
            } else {
                case.application_assignments = evidence.0;
                case.client_assignments.extend(client_assignments);
            }
            if let Some(grant) = &mut case.grant {
                grant.scopes = in_grant;
                grant.expires = at(NOW + 4);
            }
            case
        },
    )
}

fn granted(case: &Case) -> Scopes {
    case.judge().map(|entitlement| entitlement.scopes).unwrap_or_default()
}

/// The evidence for a scope, looked for in another way than the rules do.
fn has_evidence(case: &Case, scope: &Scope) -> bool {
    let live = |a: &&Assignment| a.scope == scope.token && a.is_live(case.now);
    let default = |scopes: &Scopes| scopes.contains(scope.token.as_str());
    let by_default = default(&case.client.default_scopes)
        || case.realm.as_ref().is_some_and(|realm| default(&realm.default_scopes));
    let assigned = match &case.subject {
        Some(subject) => subject.assignments.iter().filter(live).any(|a| {
            a.principal == Principal::User(subject.user.id)
                || subject.groups.iter().any(|group| a.principal == Principal::Group(*group))
        }),
        None => case
            .client_assignments
            .iter()
            .chain(&case.application_assignments)
            .any(|a| live(&a) && a.principal != Principal::Client(client_id("other"))),
    };
    match (&scope.rule, &case.subject) {
        (GrantRule::Always, _) | (GrantRule::Identity, Some(_)) => true,
        (GrantRule::Selector { .. }, subject) => {
            subject.is_some() != (scope.token.as_str() == "auth-none")
        }
        (GrantRule::Identity | GrantRule::Group { .. }, None) => false,
        (GrantRule::Group { groups }, Some(subject)) => {
            subject.groups.iter().any(|group| groups.contains(group))
        }
        (GrantRule::Assigned, _) | (GrantRule::Owner, None) => assigned,
        (GrantRule::Owner, Some(subject)) if subject.user.realm.as_str() == "services" => {
            assigned || by_default
        }
        (GrantRule::Owner, Some(subject)) => {
            let answers = subject.consents.iter().filter(|consent| {
                consent.user == subject.user.id
                    && consent.client == case.client.id
                    && consent.scope == scope.token
                    && consent.is_live(case.now)
            });
            let statuses: Vec<ConsentStatus> = answers.map(|consent| consent.status).collect();
            !statuses.contains(&ConsentStatus::Denied)
                && (statuses.contains(&ConsentStatus::Approved)
                    || subject.gave_password
                    || case.grant.is_some()
                    || case.client.consent_bypass)
        }
    }
}

/// Every fact that speaks for a grant, taken away one at a time. What the default is, is part of
/// the question and not taken away.
fn without_one_fact(case: &Case) -> Vec<Case> {
    let mut all = Vec::new();
    let mut without = |take: &dyn Fn(&mut Case)| {
        let mut less = case.clone();
        take(&mut less);
        all.push(less);
    };
    for i in 0..case.client_assignments.len() {
        without(&|c| drop(c.client_assignments.remove(i)));
    }
    for i in 0..case.application_assignments.len() {
        without(&|c| drop(c.application_assignments.remove(i)));
    }
    for gone in case.client.scopes.iter() {
        without(&|c| c.client.scopes = all_but(&c.client.scopes, gone));
    }
    for i in 0..case.scopes.len() {
        without(&|c| drop(c.scopes.remove(i)));
    }
    for i in 0..case.resource_types.len() {
        without(&|c| drop(c.resource_types.remove(i)));
        without(&|c| c.resource_types[i].owners.clear());
    }
    without(&|c| c.client.consent_bypass = false);
    without(&|c| c.subject = None);
    without(&|c| c.grant = None);
    without(&|c| c.realm = None);
    let Some(subject) = &case.subject else { return all };
    without(&|c| c.subject().gave_password = false);
    for i in 0..subject.assignments.len() {
        without(&|c| drop(c.subject().assignments.remove(i)));
    }
    for i in 0..subject.groups.len() {
        without(&|c| {
            c.subject().groups.remove(i);
        });
    }
    for (i, consent) in subject.consents.iter().enumerate() {
        if consent.status == ConsentStatus::Approved {
            without(&|c| drop(c.subject().consents.remove(i)));
        }
    }
    all
}

fn all_but(scopes: &Scopes, gone: &ScopeToken) -> Scopes {
    scopes.iter().filter(|scope| *scope != gone).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_brief_record_with_what_it_leaves_out_is_the_whole_record(
        case in some_case(),
        other in (any::<bool>(), any::<bool>(), any::<bool>(), some_resource(), some_consents()),
    ) {
        let mut like = case.clone();
        let (another_user, no_subject, another_end, resource, consents) = other;
        like.ask.resource = resource;
        if let Some(subject) = &mut like.subject {
            subject.consents = consents;
            subject.user.id = user_id(if another_user { 2 } else { 1 });
        }
        if no_subject {
            like.subject = None;
        }
        if let Some(grant) = like.grant.as_mut().filter(|_| another_end) {
            grant.expires = at(NOW + 9);
        }
        let (record, like) = (case.record(), like.record());
        prop_assert_eq!(record.common(), like.common(), "both are of one client and its scopes");
        let kept = |record: serde_json::Value| match record {
            serde_json::Value::Object(record) => record,
            other => panic!("{other}"),
        };
        let id = grantor_oauth_types::id::DecisionId::new(1, [1; 10]);
        let mut brief = kept(serde_json::to_value(record.brief(id, &like)).unwrap());
        let whole = kept(serde_json::to_value(&like).unwrap());
        complete(&mut brief, &whole);
        let read: RecordedDecision = serde_json::from_value(brief.into()).unwrap();
        prop_assert_eq!(read, record);
    }

    #[test]
    fn nothing_is_granted_beyond_client_catalogue_grant_and_evidence(case in some_case()) {
        for scope in granted(&case).iter() {
            let known = case.scopes.iter().find(|known| known.token == *scope);
            prop_assert!(known.is_some(), "{scope} is not in the catalogue");
            let allowed = [
                Some(&case.client.scopes),
                Some(&case.client.default_scopes),
                case.realm.as_ref().map(|realm| &realm.default_scopes),
            ];
            let allowed = allowed.iter().flatten().any(|set| set.contains(scope.as_str()));
            prop_assert!(allowed, "{scope} is not for the client");
            let within = case.grant.as_ref().is_none_or(|g| g.scopes.contains(scope.as_str()));
            prop_assert!(within, "{scope} is not in the grant");
            prop_assert!(has_evidence(&case, known.unwrap()), "nothing speaks for {scope}");
        }
    }

    #[test]
    fn nothing_is_granted_that_was_not_asked_for_or_for_another_audience(case in some_case()) {
        let Ok(entitlement) = case.judge() else { return Ok(()) };
        if let Some(asked) = case.ask.scopes.as_ref().filter(|scopes| !scopes.is_empty()) {
            // What chooses the way to sign in may come from the registration.
            let more = entitlement.scopes.iter().filter(|scope| !asked.contains(scope.as_str()));
            let more: Vec<&str> =
                more.map(grantor_oauth_types::scope::ScopeToken::as_str).collect();
            let selects = more == ["auth-none"] && case.client.scopes.contains("auth-none");
            prop_assert!(more.is_empty() || selects, "{more:?}");
            // Everything asked for is granted or said to be left out.
            let dropped: Scopes = entitlement.dropped.iter().cloned().collect();
            for scope in asked.iter() {
                let said = [&entitlement.scopes, &dropped];
                prop_assert!(said.iter().any(|set| set.contains(scope.as_str())), "{scope}");
            }
        }
        for scope in entitlement.scopes.iter() {
            let known = case.scopes.iter().find(|known| known.token == *scope).unwrap();
            let Some(id) = &known.resource_type else { continue };
            let served = case.resource_types.iter().find(|t| t.id == *id).unwrap();
            let audience = served.audience.clone().unwrap();
            prop_assert!(entitlement.audiences.contains(&audience), "{scope} without {audience}");
        }
        if let Some(resource) = &case.ask.resource {
            prop_assert_eq!(&entitlement.audiences, std::slice::from_ref(resource));
        }
    }

    #[test]
    fn taking_a_fact_away_never_adds_a_scope(case in some_case()) {
        let before = granted(&case);
        for less in without_one_fact(&case) {
            let after = granted(&less);
            prop_assert!(before.covers(&after), "{before} became {after} by {less:#?}");
        }
    }

    #[test]
    fn a_recorded_decision_replays_to_itself(case in some_case()) {
        let record = case.record();
        prop_assert_eq!(&record.decision, &case.decide());
        prop_assert_eq!(&record.replay(case.now), &record.decision);
        let json = serde_json::to_string(&record).unwrap();
        let read: RecordedDecision = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&read.replay(case.now), &record.decision);
        prop_assert_eq!(read, record);
    }

    #[test]
    fn a_decision_holds_until_it_says(case in some_case()) {
        let record = case.record();
        let ahead = record.holds_until().is_none_or(|until| case.now < until);
        prop_assert!(ahead, "what is over already changes nothing");
        for second in 0..8 {
            let mut later = case.clone();
            later.now = at(NOW + second);
            if record.holds_until().is_none_or(|until| later.now < until) {
                prop_assert_eq!(later.decide(), record.decision.clone(), "after {} s", second);
            }
        }
    }

    #[test]
    fn the_last_step_of_a_refusal_is_what_refused(case in some_case()) {
        let decision = case.decide();
        if let Outcome::Refused(_) = decision.outcome {
            prop_assert!(decision.trace.iter().any(|s| s.verdict == crate::decision::Verdict::Refuse));
        }
    }
}
