//! A row for each rule.

use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::scope::Scopes;

use super::Case;
use crate::assignment::{Assignment, Principal};
use crate::client::Compat;
use crate::consent::{Consent, ConsentStatus};
use crate::decision::{Refusal, Verdict, foresee};
use crate::example::*;
use crate::scope::GrantRule;

/// The rule, how to break it, and what must be answered.
type Row<'a> = (&'a str, &'a dyn Fn(&mut Case), Refusal);

#[track_caller]
fn check_table(unspoiled: &Case, table: &[Row<'_>]) {
    unspoiled.judge().expect("the unspoiled request must pass");
    for (rule, spoil, expected) in table {
        let mut case = unspoiled.clone();
        spoil(&mut case);
        assert_eq!(case.judge(), Err(expected.clone()), "{rule}");
    }
}

fn forbidden(names: &str) -> Refusal {
    Refusal::ScopeForbidden { scopes: scopes(names).iter().cloned().collect() }
}

fn exceeding(names: &str) -> Refusal {
    Refusal::ScopeExceedsGrant { scopes: scopes(names).iter().cloned().collect() }
}

fn end(case: &mut Case) -> &mut Option<jiff::Timestamp> {
    &mut case.client_assignments[0].expires
}

#[test]
fn sec_059_what_a_client_for_itself_may_not_do() {
    use Refusal as R;
    #[rustfmt::skip]
    let table: &[Row<'_>] = &[
        ("6749-4.4-confidential", &|c| c.client.auth_method = ClientAuthMethod::None,     R::PublicClient),
        ("6749-5.2-registered",   &|c| c.client.grant_types.clear(),                      R::GrantTypeNotRegistered),
        ("6749-4.4-no-user",      &|c| c.subject = Case::customer().subject,              R::SubjectDisabled),
        ("service-user-enabled",  &|c| c.service_user.as_mut().unwrap().enabled = false,  R::ClientDisabled),
        ("assignment-exists",     &|c| c.client_assignments.clear(),                      forbidden("sales_order.read_all")),
        ("assignment-in-time",    &|c| *end(c) = Some(now()),                             forbidden("sales_order.read_all")),
        ("assignment-of-scope",   &|c| c.client_assignments[0].scope = token("uid"),      forbidden("sales_order.read_all")),
        ("assignment-to-client",  &|c| c.client_assignments[0].principal = Principal::Client(client_id("other")), forbidden("sales_order.read_all")),
        ("owner-needs-assignment", &|c| c.ask_for("sales_order.read"),                    forbidden("sales_order.read")),
        ("default-is-no-assignment", &|c| { c.client_assignments.clear(); c.client.default_scopes = scopes("sales_order.read_all"); }, forbidden("sales_order.read_all")),
    ];
    check_table(&Case::itself(), table);
    let entitled = Case::itself().judge().unwrap();
    assert!(!entitled.refreshable, "RFC 6749 §4.4.3");
}

#[test]
fn sec_036_unknown_and_forbidden_scopes_are_refused_and_named() {
    #[rustfmt::skip]
    let table: &[Row<'_>] = &[
        ("known",           &|c| c.ask_for("uid admin sales_order.read root"), forbidden("admin root")),
        ("registered",      &|c| c.client.scopes = scopes("uid"),              forbidden("sales_order.read")),
        ("assigned",        &|c| c.ask_for("sales_order.read_all"),            forbidden("sales_order.read_all")),
        ("owned",           &|c| c.resource_types[0].owners = vec![realm_name("employees")], forbidden("sales_order.read")),
        ("owned at all",    &|c| c.scopes[0].resource_type = None,             forbidden("sales_order.read")),
    ];
    check_table(&Case::customer(), table);
}

#[test]
fn sec_052_a_client_uses_only_the_grants_it_is_registered_for() {
    for right in [Case::itself(), Case::customer(), Case::customer().refreshed()] {
        let used = right.ask.grant_type;
        let spoil = |c: &mut Case| c.client.grant_types.retain(|known| *known != used);
        check_table(&right, &[(used.as_str(), &spoil, Refusal::GrantTypeNotRegistered)]);
    }
}

#[test]
fn sec_053_the_password_grant_needs_a_realm_and_a_client_that_allow_it() {
    use Refusal as R;
    #[rustfmt::skip]
    let table: &[Row<'_>] = &[
        ("client", &|c| c.client.compat = Compat::default(),                R::PasswordGrantOff),
        ("realm",  &|c| c.realm.as_mut().unwrap().password_grant = false,   R::PasswordGrantOff),
        ("for us", &|c| c.client.realms = vec![realm_name("employees")],    R::RealmNotForClient),
    ];
    check_table(&Case::customer(), table);
}

#[test]
fn sec_060_a_refresh_token_is_bound_to_its_client_and_scope_only_shrinks() {
    use Refusal as R;
    #[rustfmt::skip]
    let table: &[Row<'_>] = &[
        ("client",        &|c| c.granted().client = client_id("other"),          R::GrantEnded),
        ("live",          &|c| c.granted().ended = true,                         R::GrantEnded),
        ("in time",       &|c| c.granted().expires = now(),                      R::GrantEnded),
        ("one more",      &|c| c.ask_for("uid sales_order.write stock.read"),    exceeding("sales_order.write stock.read")),
        ("realm",         &|c| c.client.realms = vec![realm_name("employees")],  R::RealmNotForClient),
        ("its resource",  &|c| c.ask.resource = Some(STOCK_API.to_owned()),      R::TargetUnknown),
    ];
    let unspoiled = Case::customer().refreshed();
    check_table(&unspoiled, table);
    let mut less = unspoiled;
    less.ask_for("uid");
    assert_eq!(less.granted_scopes(), "uid");
    less.ask.scopes = Some(Scopes::EMPTY);
    assert_eq!(less.granted_scopes(), "uid sales_order.read");
}

#[test]
fn sec_065_a_grant_ends_when_consent_or_its_last_scope_is_withdrawn() {
    use Refusal as R;
    #[rustfmt::skip]
    let table: &[Row<'_>] = &[
        ("consent",             &|c| c.decided("sales_order.read", ConsentStatus::Denied), R::GrantEnded),
        ("consent, named",      &|c| { c.ask_for("sales_order.read"); c.decided("sales_order.read", ConsentStatus::Denied); }, R::GrantEnded),
        ("every scope",         &|c| { c.client.scopes = Scopes::EMPTY; c.realm.as_mut().unwrap().default_scopes = Scopes::EMPTY; }, R::GrantEnded),
        ("a scope by name",     &|c| { c.client.scopes = scopes("uid"); c.ask_for("sales_order.read"); }, forbidden("sales_order.read")),
        ("the catalogue",       &|c| c.scopes.clear(),                                     R::GrantEnded),
    ];
    check_table(&Case::customer().refreshed(), table);
}

#[test]
fn sec_066_a_refresh_is_judged_anew_and_keeps_what_still_holds() {
    let mut case = Case::service().refreshed();
    case.granted().scopes = scopes("uid sales_order.read_all staff stock.read");
    case.subject().groups = vec![group_id(1)];
    assert_eq!(case.granted_scopes(), "uid sales_order.read_all staff stock.read");
    case.subject().groups.clear();
    assert_eq!(case.granted_scopes(), "uid sales_order.read_all stock.read");
    case.subject().assignments.clear();
    assert_eq!(case.granted_scopes(), "uid stock.read");
    case.client.scopes = scopes("uid");
    let left = case.judge().unwrap();
    assert_eq!(left.scopes, scopes("uid"));
    let dropped: Scopes = left.dropped.into_iter().collect();
    assert!(dropped.covers(&scopes("sales_order.read_all staff stock.read")), "{dropped}");
    // Whoever names what was lost is told.
    case.ask_for("uid sales_order.read_all");
    assert_eq!(case.judge(), Err(forbidden("sales_order.read_all")));
}

#[test]
fn sec_066_a_user_who_left_the_only_group_gets_nothing_more() {
    let mut case = Case::customer().refreshed();
    case.granted().scopes = scopes("staff");
    case.subject().groups = vec![group_id(1)];
    assert_eq!(case.granted_scopes(), "staff");
    case.subject().groups = vec![group_id(2)];
    assert_eq!(case.judge(), Err(Refusal::GrantEnded));
}

#[test]
fn group_scopes_are_dropped_and_the_answer_says_so() {
    let mut case = Case::customer();
    case.ask_for("uid staff");
    let entitled = case.judge().unwrap();
    assert_eq!((entitled.scopes, entitled.dropped), (scopes("uid"), vec![token("staff")]));
    case.subject().groups = vec![group_id(1)];
    let entitled = case.judge().unwrap();
    assert_eq!((entitled.scopes, entitled.dropped), (scopes("uid staff"), vec![]));
    let step = case.decide().trace.pop().unwrap();
    assert_eq!((step.scope, step.verdict), (Some(token("staff")), Verdict::Pass));
}

#[test]
fn identity_needs_a_user() {
    let mut case = Case::customer();
    case.ask_for("email uid");
    assert_eq!(case.granted_scopes(), "email uid");
    let mut case = Case::itself();
    case.ask_for("email staff uid");
    let entitled = case.judge().unwrap();
    assert_eq!(entitled.scopes, scopes("uid"));
    assert_eq!(entitled.dropped, vec![token("email"), token("staff")]);
}

/// A client that is registered for these selectors, one of which is gated, and has these by default.
fn selecting(mut case: Case, registered: &str, default: &str, asked: &str) -> Case {
    let gated = GrantRule::Selector { groups: vec![group_id(1)] };
    case.scopes.push(scope("auth-campus", None, gated));
    let open = GrantRule::Selector { groups: Vec::new() };
    case.scopes.push(scope("auth-guest", None, open));
    for token in scopes(registered).iter() {
        case.client.scopes.insert(token.clone());
    }
    case.client.default_scopes = scopes(default);
    case.ask_for(asked);
    case
}

/// `campus.md` 2.1, a row each.
#[test]
fn campus_a_selector_is_one_of_its_flow_and_granted_with_the_rest() {
    let all = "auth-campus auth-guest auth-none";
    #[rustfmt::skip]
    let people: &[(&str, &str, &str, Result<&str, Refusal>)] = &[
        ("auth-campus",       "", "auth-campus uid",            Ok("auth-campus uid")),
        ("auth-campus",       "", "uid",                        Ok("uid auth-campus")),
        ("auth-campus auth-none", "", "uid",                    Ok("uid auth-campus")),
        ("",                  "", "uid",                        Ok("uid")),
        ("auth-guest",        "", "auth-campus uid",            Err(forbidden("auth-campus"))),
        (all,                 "", "auth-guest uid",             Ok("auth-guest uid")),
        (all,                 "", "auth-none uid",              Err(forbidden("auth-none"))),
        (all,                 "", "auth-campus auth-guest uid", Err(forbidden("auth-campus auth-guest"))),
        (all,                 "", "uid",                        Err(forbidden("auth-campus auth-guest"))),
        (all,                 "auth-guest", "uid",              Ok("uid auth-guest")),
    ];
    for (registered, default, asked, expected) in people {
        let mut case = selecting(Case::customer(), registered, default, asked);
        case.subject().groups = vec![group_id(1)];
        let expected = expected.clone().map(scopes);
        assert_eq!(case.judge().map(|e| e.scopes), expected, "{registered}: {asked}");
        let replayed = case.record().replay(case.now);
        assert_eq!(replayed, case.decide(), "{registered}: {asked}");
    }
    #[rustfmt::skip]
    let alone = [
        ("auth-none",             "auth-none uid",   Ok("auth-none uid")),
        ("auth-none",             "uid",             Ok("uid auth-none")),
        ("auth-none auth-campus", "uid",             Ok("uid auth-none")),
        ("auth-none auth-campus", "auth-campus uid", Err(forbidden("auth-campus"))),
        ("",                      "auth-none uid",   Err(forbidden("auth-none"))),
        ("",                      "uid",             Ok("uid")),
    ];
    for (registered, asked, expected) in alone {
        let case = selecting(Case::itself(), registered, "", asked);
        let granted = case.judge().map(|e| e.scopes);
        assert_eq!(granted, expected.map(scopes), "{registered}: {asked}");
    }
}

#[test]
fn campus_whoever_is_not_in_the_groups_of_a_selector_gets_nothing_now_or_later() {
    let mut case = selecting(Case::customer(), "auth-campus", "", "auth-campus uid");
    assert_eq!(case.judge(), Err(Refusal::SubjectDisabled));
    case.subject().groups = vec![group_id(1)];
    assert_eq!(case.granted_scopes(), "auth-campus uid");
    let mut case = selecting(Case::customer(), "auth-campus", "", "").refreshed();
    case.granted().scopes = scopes("auth-campus uid staff");
    case.ask.scopes = None;
    case.subject().groups = vec![group_id(1)];
    assert_eq!(case.granted_scopes(), "auth-campus uid staff");
    case.subject().groups.clear();
    assert_eq!(case.judge(), Err(Refusal::SubjectDisabled));
}

#[test]
fn what_a_service_owns_is_assigned_unless_it_is_a_default() {
    let mut case = Case::service();
    case.ask_for("sales_order.read");
    case.decided("sales_order.read", ConsentStatus::Approved);
    case.client.consent_bypass = true;
    assert_eq!(case.judge(), Err(forbidden("sales_order.read")), "consent makes up for nothing");
    let mut assigned = case.clone();
    let to_service = Principal::User(user_id(2));
    assigned.subject().assignments.push(assignment(2, to_service, "sales_order.read"));
    assert_eq!(assigned.granted_scopes(), "sales_order.read");
    let mut default = case.clone();
    default.realm.as_mut().unwrap().default_scopes = scopes("sales_order.read");
    assert_eq!(default.granted_scopes(), "sales_order.read");
    case.client.default_scopes = scopes("sales_order.read");
    assert_eq!(case.granted_scopes(), "sales_order.read");
}

#[test]
fn an_assignment_counts_for_its_principal_only() {
    let to = |principal: Principal| {
        let mut case = Case::service();
        case.subject().groups = vec![group_id(1)];
        case.subject().assignments = vec![assignment(1, principal, "sales_order.read_all")];
        case.judge().is_ok()
    };
    assert!(to(Principal::User(user_id(2))));
    assert!(to(Principal::Group(group_id(1))));
    assert!(!to(Principal::User(user_id(1))));
    assert!(!to(Principal::Group(group_id(2))));
    assert!(!to(Principal::Client(client_id("shop"))));
    // A client for itself has what its application's service user has.
    let mut case = Case::itself();
    case.application_assignments = std::mem::take(&mut case.client_assignments);
    assert!(case.judge().is_err(), "not by a client's");
    let assigned = assignment(1, Principal::User(user_id(2)), "sales_order.read_all");
    case.application_assignments = vec![assigned];
    assert!(case.judge().is_ok());
}

#[test]
fn a_refused_consent_beats_password_bypass_and_approval() {
    let mut case = Case::customer();
    case.client.consent_bypass = true;
    case.decided("sales_order.read", ConsentStatus::Approved);
    case.decided("sales_order.read", ConsentStatus::Denied);
    assert_eq!(case.judge(), Err(forbidden("sales_order.read")));
    let refusal = case.subject().consents.pop().unwrap();
    // Somebody else's refusal, one of something else, and an old one say nothing.
    case.subject().consents = vec![
        Consent { client: client_id("other"), ..refusal.clone() },
        Consent { user: user_id(9), ..refusal.clone() },
        Consent { scope: token("uid"), ..refusal.clone() },
        Consent { expires: Some(now()), ..refusal },
    ];
    assert_eq!(case.granted_scopes(), "uid sales_order.read");
}

/// What hung on a deleted user does not attach to a new one, who has another id.
#[test]
fn sec_088_a_new_user_with_an_old_name_inherits_nothing() {
    let mut old = Case::service();
    old.subject().user.id = user_id(77);
    assert_eq!(old.judge(), Err(forbidden("sales_order.read_all")));
    let mut old = Case::customer();
    old.subject().gave_password = false;
    old.decided("sales_order.read", ConsentStatus::Approved);
    assert!(old.judge().is_ok());
    old.subject().user.id = user_id(77);
    assert_eq!(old.judge(), Err(forbidden("sales_order.read")));
}

#[test]
fn sec_030_a_scope_is_granted_only_at_the_level_of_sign_in_that_it_needs() {
    let mut case = Case::customer();
    case.need("sales_order.read", "1");
    assert_eq!(case.granted_scopes(), "uid sales_order.read");
    for acr in ["2", "phr", "of somebody else"] {
        case.need("sales_order.read", acr);
        assert_eq!(case.judge(), Err(forbidden("sales_order.read")), "{acr}");
    }
    case.need("sales_order.read", "2");
    case.subject().level = crate::sign_in::Level::Multi;
    assert_eq!(case.granted_scopes(), "uid sales_order.read");
    // A refresh leaves out what came to need more since.
    let mut later = Case::customer().refreshed();
    later.need("sales_order.read", "2");
    assert_eq!(later.granted_scopes(), "uid");
    // Whoever speaks for itself signs in nowhere.
    let mut batch = Case::itself();
    batch.need("sales_order.read_all", "2");
    assert!(batch.judge().is_ok());
}

#[test]
fn an_owner_is_asked_unless_she_has_answered() {
    let mut case = Case::customer();
    case.subject().gave_password = false;
    assert_eq!(case.judge(), Err(forbidden("sales_order.read")));
    let mut bypassed = case.clone();
    bypassed.client.consent_bypass = true;
    assert_eq!(bypassed.granted_scopes(), "uid sales_order.read");
    case.decided("sales_order.read", ConsentStatus::Approved);
    assert_eq!(case.granted_scopes(), "uid sales_order.read");
    case.subject().consents[0].expires = Some(now());
    assert_eq!(case.judge(), Err(forbidden("sales_order.read")));
}

#[test]
fn who_asks_for_nothing_gets_the_default_of_client_then_realm() {
    let mut case = Case::customer();
    case.ask.scopes = None;
    assert_eq!(case.granted_scopes(), "uid");
    case.client.default_scopes = scopes("sales_order.read stock.read");
    assert_eq!(case.granted_scopes(), "sales_order.read stock.read");
    // A default scope needs no registration (`stups.md` 2.6).
    case.client.scopes = Scopes::EMPTY;
    assert_eq!(case.granted_scopes(), "sales_order.read stock.read");
    case.ask_for("uid");
    assert_eq!(case.granted_scopes(), "uid");
}

#[test]
fn scopes_are_granted_in_the_order_in_which_they_were_asked_for() {
    let mut case = Case::customer();
    case.ask_for("uid stock.read sales_order.write email sales_order.read");
    assert_eq!(case.granted_scopes(), "uid stock.read sales_order.write email sales_order.read");
}

#[test]
fn sec_037_a_token_for_one_resource_carries_no_scope_of_another() {
    let mut case = Case::customer();
    case.ask_for("uid stock.read sales_order.read");
    let wide = case.judge().unwrap();
    assert_eq!(wide.audiences, [STOCK_API, ORDERS_API]);
    case.ask.resource = Some(ORDERS_API.to_owned());
    let entitled = case.judge().unwrap();
    assert_eq!(entitled.scopes, scopes("uid sales_order.read"));
    assert_eq!(entitled.audiences, [ORDERS_API]);
    assert_eq!(entitled.dropped, [token("stock.read")]);
    let trace = case.decide().trace;
    let step = trace.iter().find(|step| step.scope == Some(token("stock.read"))).unwrap();
    assert_eq!(step.verdict, Verdict::Drop);
}

#[test]
fn sec_037_a_resource_serves_at_least_one_of_the_scopes() {
    use Refusal as R;
    let resource = |uri: &'static str| move |c: &mut Case| c.ask.resource = Some(uri.to_owned());
    #[rustfmt::skip]
    let table: &[Row<'_>] = &[
        ("limited to another",  &resource(STOCK_API),                     R::TargetUnknown),
        ("unknown",             &resource("https://api2.example"),        R::TargetUnknown),
        ("exact",               &resource("https://orders.example/"),     R::TargetUnknown),
        ("only by a group",     &|c| {
            c.scopes.push(scope("stock.count", Some("stock"), GrantRule::Group { groups: vec![group_id(1)] }));
            c.client.scopes = scopes("uid stock.count");
            c.ask_for("uid stock.count");
            c.ask.resource = Some(STOCK_API.to_owned());
        }, R::TargetUnknown),
    ];
    check_table(&Case::customer(), table);
    let mut ourselves = Case::customer();
    ourselves.ask.resource = Some(ISSUER.to_owned());
    let entitled = ourselves.judge().unwrap();
    assert_eq!((entitled.scopes, entitled.audiences), (scopes("uid"), vec![ISSUER.to_owned()]));
}

#[test]
fn the_life_of_a_token_is_the_clients_then_the_realms_then_the_tenants() {
    let mut case = Case::customer();
    assert_eq!(case.judge().unwrap().seconds, 600);
    case.realm.as_mut().unwrap().access_token_seconds = Some(28_800);
    assert_eq!(case.judge().unwrap().seconds, 28_800);
    case.client.access_token_seconds = Some(60);
    assert_eq!(case.judge().unwrap().seconds, 60);
}

#[test]
fn a_refresh_token_goes_with_users_and_registered_clients_only() {
    use grantor_oauth_types::grant_type::GrantType;
    let mut case = Case::customer();
    assert!(case.judge().unwrap().refreshable);
    case.client.grant_types.remove(&GrantType::RefreshToken);
    assert!(!case.judge().unwrap().refreshable);
}

/// Whoever has a wrong client learns nothing about users (`security.md` N): each row spoils the
/// client and everything behind it.
#[test]
fn what_is_wrong_with_the_client_is_said_before_the_user_is_looked_at() {
    use Refusal as R;
    #[rustfmt::skip]
    let table: &[Row<'_>] = &[
        ("tenant",      &|c| c.tenant.enabled = false,                            R::TenantDisabled),
        ("client",      &|c| c.client.enabled = false,                            R::ClientDisabled),
        ("application", &|c| c.application.as_mut().unwrap().active = false,      R::ClientDisabled),
        ("grant type",  &|c| c.client.grant_types.clear(),                        R::GrantTypeNotRegistered),
        ("switch",      &|c| c.client.compat = Compat::default(),                 R::PasswordGrantOff),
        ("realm",       &|c| c.client.realms = vec![realm_name("employees")],     R::RealmNotForClient),
        ("scope",       &|c| c.ask_for("admin"),                                  forbidden("admin")),
        ("resource",    &|c| c.ask.resource = Some("https://no.example".into()),  R::TargetUnknown),
    ];
    let mut nobody = Case::customer();
    nobody.subject().user.enabled = false;
    assert_eq!(nobody.judge(), Err(R::SubjectDisabled));
    let foreseen = |case: &Case| {
        let record = case.with_facts(|facts| foresee(&case.ask, facts));
        record.map(|record| record.decision.outcome)
    };
    let mut unknown = Case::customer();
    unknown.subject = None;
    assert_eq!(foreseen(&unknown), None);
    for (rule, spoil, expected) in table {
        for case in [&mut nobody.clone(), &mut unknown.clone()] {
            spoil(case);
            assert_eq!(case.judge(), Err(expected.clone()), "{rule}");
            let refused = crate::decision::Outcome::Refused(expected.clone());
            assert_eq!(foreseen(case), Some(refused), "{rule}");
        }
    }
}

#[test]
fn an_assignment_that_ends_later_counts_to_its_last_moment() {
    let mut case = Case::itself();
    case.client_assignments =
        vec![Assignment { expires: Some(at(NOW + 1)), ..case.client_assignments[0].clone() }];
    assert!(case.judge().is_ok());
    case.now = at(NOW + 1);
    assert!(case.judge().is_err());
}
