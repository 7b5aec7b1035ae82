//! SEC-051: every way to ask for a token × every state that must end it.

use grantor_oauth_types::grant_type::GrantType;

use super::Case;
use crate::consent::ConsentStatus;
use crate::decision::{Outcome, Refusal};
use crate::example::*;

/// Requests of a grant type that are right in every respect. A new grant type does not compile
/// until it has one.
fn right(grant_type: GrantType) -> Vec<Case> {
    match grant_type {
        GrantType::ClientCredentials => vec![Case::itself()],
        GrantType::Password => vec![Case::customer(), Case::service()],
        GrantType::AuthorizationCode => vec![Case::customer().authorized()],
        GrantType::Implicit => vec![Case::in_front()],
        GrantType::RefreshToken => {
            vec![Case::customer().refreshed(), Case::service().refreshed()]
        }
    }
}

/// A state, and how to get there: `false` where it cannot occur.
type State = (&'static str, fn(&mut Case) -> bool);

const STATES: [State; 11] = [
    ("disabled tenant", |case| {
        case.tenant.enabled = false;
        true
    }),
    ("disabled client", |case| {
        case.client.enabled = false;
        true
    }),
    ("inactive application of the client", |case| {
        case.application.as_mut().unwrap().active = false;
        true
    }),
    ("disabled user", |case| match (&mut case.subject, &mut case.service_user) {
        (Some(subject), _) => {
            subject.user.enabled = false;
            true
        }
        (None, Some(service)) => {
            service.enabled = false;
            true
        }
        (None, None) => false,
    }),
    ("deleted user", |case| case.subject.take().is_some()),
    ("inactive application of the user", |case| {
        let subject = case.subject.as_mut();
        let application = subject.and_then(|subject| subject.application.as_mut());
        application.is_some_and(|application| {
            application.active = false;
            true
        })
    }),
    ("ended grant", |case| {
        case.grant.as_mut().is_some_and(|grant| {
            grant.ended = true;
            true
        })
    }),
    ("expired grant", |case| {
        case.grant.as_mut().is_some_and(|grant| {
            grant.expires = now();
            true
        })
    }),
    ("expired assignment", |case| {
        let subject = case.subject.as_mut();
        let assignments = subject.map_or(&mut case.client_assignments, |s| &mut s.assignments);
        assignments.first_mut().is_some_and(|assignment| {
            assignment.expires = Some(now());
            true
        })
    }),
    ("withdrawn consent", |case| {
        let asked = case.subject.as_ref().is_some_and(|s| s.user.realm.as_str() == "customers");
        if asked {
            case.decided("sales_order.read", ConsentStatus::Denied);
        }
        asked
    }),
    ("unregistered grant type", |case| {
        case.client.grant_types.remove(&case.ask.grant_type);
        true
    }),
];

#[test]
fn sec_051_no_grant_type_issues_in_a_state_that_forbids_it() {
    let mut cells = 0;
    for grant_type in GrantType::ALL {
        for unspoiled in right(*grant_type) {
            assert_eq!(unspoiled.ask.grant_type, *grant_type);
            let all = unspoiled.judge().unwrap();
            for (state, enter) in STATES {
                let mut case = unspoiled.clone();
                if !enter(&mut case) {
                    continue;
                }
                cells += 1;
                match case.decide().outcome {
                    Outcome::Refused(_) => {}
                    // A refresh keeps what does not depend on the lost fact.
                    Outcome::Granted(left) => {
                        assert_eq!(
                            (state, *grant_type),
                            ("expired assignment", GrantType::RefreshToken)
                        );
                        assert_eq!(left.scopes, scopes("uid"), "{state}");
                        assert!(all.scopes.covers(&left.scopes));
                    }
                }
            }
        }
    }
    assert_eq!(cells, 6 + 7 + 8 + 9 + 10 + 9 + 7, "a state that no longer occurs tests nothing");
}

#[test]
fn sec_130_a_disabled_user_gets_nothing_by_any_grant_type() {
    for grant_type in GrantType::ALL {
        for mut case in right(*grant_type) {
            let user = match &mut case.subject {
                Some(subject) => &mut subject.user,
                None => case.service_user.as_mut().unwrap(),
            };
            user.enabled = false;
            assert!(case.judge().is_err(), "{grant_type}");
        }
    }
}

#[test]
fn sec_051_a_refresh_of_which_nothing_is_left_ends() {
    let mut case = Case::service().refreshed();
    case.granted().scopes = scopes("sales_order.read_all");
    assert_eq!(case.judge().unwrap().scopes, scopes("sales_order.read_all"));
    case.subject().assignments.clear();
    assert_eq!(case.judge(), Err(Refusal::GrantEnded));
}

#[test]
fn sec_051_what_was_not_looked_up_is_refused() {
    let mut case = Case::customer().refreshed();
    case.grant = None;
    assert_eq!(case.judge(), Err(Refusal::GrantEnded), "a refresh without its grant");
    let mut case = Case::customer();
    case.realm = None;
    assert_eq!(case.judge(), Err(Refusal::PasswordGrantOff), "a user without the realm");
    let mut case = Case::customer().refreshed();
    case.realm = None;
    assert_eq!(case.judge(), Err(Refusal::SubjectDisabled), "a user without the realm");
    let mut case = Case::customer();
    case.realm = Some(realm("employees"));
    assert_eq!(case.judge(), Err(Refusal::SubjectDisabled), "a user of another realm");
    let mut case = Case::customer();
    case.resource_types.clear();
    let forbidden = Refusal::ScopeForbidden { scopes: vec![token("sales_order.read")] };
    assert_eq!(case.judge(), Err(forbidden), "a scope without its resource type");
}
