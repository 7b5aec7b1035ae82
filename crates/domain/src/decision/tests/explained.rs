//! Every refusal can be explained, and what is kept of a decision gives no secret away.

use grantor_crypto::digest::DigestKey;
use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::id::DecisionId;

use super::Case;
use crate::client::{Compat, StoredSecret};
use crate::consent::ConsentStatus;
use crate::decision::{Outcome, RecordedDecision, Refusal, explain};
use crate::example::*;
use crate::user::StoredPassword;

/// What is asked, how it is spoiled, and what would change the answer.
type Row<'a> = (Case, &'a dyn Fn(&mut Case), &'a [&'a str]);

fn remedies(record: &RecordedDecision) -> Vec<String> {
    let explanation = explain(DecisionId::new(1, [0; 10]), now(), record);
    assert!(!explanation.summary.is_empty() && explanation.asked.contains("client shop"));
    explanation.what_would_change_it
}

/// One number per refusal. A new refusal does not compile until it has one, and then the table
/// below needs a row.
fn number(refusal: &Refusal) -> usize {
    match refusal {
        Refusal::TenantDisabled => 0,
        Refusal::ClientDisabled => 1,
        Refusal::GrantTypeNotRegistered => 2,
        Refusal::RealmNotForClient => 3,
        Refusal::PasswordGrantOff => 4,
        Refusal::PublicClient => 5,
        Refusal::SubjectDisabled => 6,
        Refusal::GrantEnded => 7,
        Refusal::ScopeForbidden { .. } => 8,
        Refusal::ScopeExceedsGrant { .. } => 9,
        Refusal::TargetUnknown => 10,
    }
}

#[test]
fn every_refusal_says_what_would_change_it_and_on_which_thing() {
    let (itself, jane) = (Case::itself, Case::customer);
    let again = || Case::customer().refreshed();
    #[rustfmt::skip]
    let table: Vec<Row<'_>> = vec![
        (jane(), &|c| c.tenant.enabled = false, &["enable the tenant"]),
        (jane(), &|c| c.client.enabled = false, &["enable client shop"]),
        (jane(), &|c| c.application.as_mut().unwrap().active = false, &["activate application shop"]),
        (itself(), &|c| c.service_user.as_mut().unwrap().enabled = false, &["enable service user services/stups_shop"]),
        (jane(), &|c| c.client.grant_types.clear(), &["add password to grant_types of client shop"]),
        (jane(), &|c| c.client.realms = vec![realm_name("services")], &["add realm customers to client shop"]),
        (jane(), &|c| c.client.compat = Compat::default(), &["set compat.password_grant on client shop"]),
        (jane(), &|c| c.realm.as_mut().unwrap().password_grant = false, &["allow the password grant in realm customers"]),
        (itself(), &|c| c.client.auth_method = ClientAuthMethod::None, &["register client shop as a confidential client"]),
        (jane(), &|c| c.subject().user.enabled = false, &["enable user customers/jane"]),
        (jane(), &|c| c.subject = None, &["ask in the name of a user"]),
        (jane(), &|c| c.realm = Some(realm("employees")), &["ask in the realm of user customers/jane"]),
        (Case::service(), &|c| c.subject().application.as_mut().unwrap().active = false, &["activate application shop"]),
        (again(), &|c| c.granted().ended = true, &["sign in again to begin a new grant"]),
        (again(), &|c| c.decided("sales_order.read", ConsentStatus::Denied), &["let user customers/jane consent to sales_order.read for client shop"]),
        (jane(), &|c| c.ask_for("admin"), &["define admin in the catalogue, or ask for an existing scope"]),
        (jane(), &|c| c.client.scopes = scopes("uid"), &["add sales_order.read to the scopes of client shop"]),
        (itself(), &|c| c.client_assignments.clear(), &["assign sales_order.read_all to client shop"]),
        (Case::service(), &|c| c.subject().assignments.clear(), &["assign sales_order.read_all to user services/stups_shop"]),
        (jane(), &|c| c.resource_types[0].owners.clear(), &["add realm customers to the owners of resource type sales_order"]),
        (jane(), &|c| c.subject().gave_password = false, &["let user customers/jane consent to sales_order.read for client shop"]),
        (jane(), &|c| c.need("sales_order.read", "2"), &["let user customers/jane sign in at the level that sales_order.read needs"]),
        (again(), &|c| c.ask_for("stock.read"), &["ask for a new grant that includes stock.read"]),
        (jane(), &|c| c.ask.resource = Some("https://x.example".into()), &["ask for a scope that https://x.example serves, or for another resource"]),
    ];
    let mut seen = [false; 11];
    for (right, spoil, expected) in &table {
        let mut case = right.clone();
        assert!(case.judge().is_ok());
        spoil(&mut case);
        let record = case.record();
        let Outcome::Refused(refusal) = &record.decision.outcome else { panic!("{expected:?}") };
        seen[number(refusal)] = true;
        assert_eq!(&remedies(&record), expected, "{refusal:?}");
    }
    assert_eq!(seen, [true; 11], "each refusal has a row");
}

#[test]
fn what_was_left_out_of_a_grant_is_explained_too() {
    let mut case = Case::customer();
    case.ask_for("uid staff stock.read sales_order.read");
    case.ask.resource = Some(ORDERS_API.to_owned());
    assert_eq!(
        remedies(&case.record()),
        [
            "make user customers/jane a member of a group of staff",
            "ask for stock.read with the resource that serves it",
        ]
    );
    let mut case = Case::itself();
    case.ask_for("uid email");
    assert_eq!(remedies(&case.record()), ["ask for email in the name of a user"]);
}

#[test]
fn the_summary_names_no_setting() {
    let mut case = Case::customer();
    case.client.scopes = scopes("uid");
    let explanation = explain(DecisionId::new(1, [0; 10]), now(), &case.record());
    assert_eq!(explanation.outcome, "refused");
    assert_eq!(explanation.summary, "Refused: not allowed to have sales_order.read");
    let asked = "client shop asked by password for uid sales_order.read for user customers/jane";
    assert_eq!(explanation.asked, asked);
    assert_eq!(explanation.steps.last().unwrap().decided_by, "client shop: scopes");
}

#[test]
fn sec_159_a_recorded_decision_contains_no_secret_and_reads_back() {
    let digest = DigestKey::new(&[1; 32]).digest("CANARY");
    let canary = serde_json::to_value(digest).unwrap().as_str().unwrap().to_owned();
    let hidden = StoredPassword {
        hash: "$argon2id$CANARY".to_owned(),
        created: now(),
        created_by: "user:admin".to_owned(),
    };
    for mut case in [Case::itself(), Case::customer(), Case::service().refreshed()] {
        case.client.secrets = vec![StoredSecret { digest, created: now(), expires: None }];
        case.client.jwks = Some(serde_json::json!({"keys": ["CANARY"]}));
        for user in case.subject.iter_mut().map(|s| &mut s.user).chain(&mut case.service_user) {
            user.passwords = vec![hidden.clone()];
        }
        let record = case.record();
        let json = serde_json::to_string(&record).unwrap();
        assert!(!json.contains("CANARY") && !json.contains(&canary), "{json}");
        assert_eq!(serde_json::from_str::<RecordedDecision>(&json).unwrap(), record);
        assert!(!format!("{record:?}").contains("CANARY"));
    }
}

#[test]
fn every_way_of_asking_has_a_recorded_decision_that_replays() {
    for grant_type in GrantType::ALL {
        let case = match grant_type {
            GrantType::ClientCredentials => Case::itself(),
            GrantType::Password => Case::service(),
            GrantType::AuthorizationCode => Case::customer().authorized(),
            GrantType::Implicit => Case::in_front(),
            GrantType::RefreshToken => Case::customer().refreshed(),
        };
        let record = case.record();
        assert_eq!(record.replay(case.now), record.decision);
        assert_eq!(record.decision, case.decide());
    }
}
