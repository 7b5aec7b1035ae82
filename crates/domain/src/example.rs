//! One small world for the tests: a tenant with people, services, a catalogue and a shop.

use std::collections::BTreeMap;

use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::id::{AssignmentId, GroupId, UserId};
use grantor_oauth_types::name::{
    ApplicationId, ClientId, RealmName, ResourceTypeId, TenantName, UserName,
};
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use jiff::Timestamp;

use crate::application::Application;
use crate::assignment::{Assignment, Principal};
use crate::client::{Client, Compat};
use crate::consent::{Consent, ConsentStatus};
use crate::group::Group;
use crate::realm::Realm;
use crate::resource_type::ResourceType;
use crate::scope::{GrantRule, Scope};
use crate::tenant::{Tenant, TenantSettings};
use crate::user::User;

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const ORDERS_API: &str = "https://orders.example";
pub(crate) const STOCK_API: &str = "https://stock.example";

/// The moment at which everything happens.
pub(crate) const NOW: i64 = 1_800_000_000;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(crate) fn now() -> Timestamp {
    at(NOW)
}

pub(crate) fn tenant_name() -> TenantName {
    TenantName::parse("main").unwrap()
}

pub(crate) fn realm_name(name: &str) -> RealmName {
    RealmName::parse(name).unwrap()
}

pub(crate) fn client_id(id: &str) -> ClientId {
    ClientId::parse(id).unwrap()
}

pub(crate) fn application_id(id: &str) -> ApplicationId {
    ApplicationId::parse(id).unwrap()
}

pub(crate) fn type_id(id: &str) -> ResourceTypeId {
    ResourceTypeId::parse(id).unwrap()
}

pub(crate) fn token(text: &str) -> ScopeToken {
    ScopeToken::parse(text).unwrap()
}

pub(crate) fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

pub(crate) fn user_id(number: u8) -> UserId {
    UserId::new(1, [number; 10])
}

pub(crate) fn group_id(number: u8) -> GroupId {
    GroupId::new(1, [number; 10])
}

pub(crate) fn tenant() -> Tenant {
    Tenant {
        name: tenant_name(),
        issuer: ISSUER.to_owned(),
        hosts: Vec::new(),
        enabled: true,
        settings: TenantSettings::default(),
    }
}

/// People who sign in; the password grant is on.
pub(crate) fn realm(name: &str) -> Realm {
    Realm {
        tenant: tenant_name(),
        name: realm_name(name),
        services: name == "services",
        password_grant: true,
        default_scopes: scopes("uid"),
        access_token_seconds: None,
        sign_in_page: None,
    }
}

pub(crate) fn user(number: u8, realm: &str, name: &str) -> User {
    User {
        tenant: tenant_name(),
        id: user_id(number),
        realm: realm_name(realm),
        name: UserName::parse(name).unwrap(),
        enabled: true,
        application: None,
        passwords: Vec::new(),
        display_name: None,
        email: None,
        email_verified: false,
        person: crate::user::Person::default(),
    }
}

pub(crate) fn group(number: u8, name: &str) -> Group {
    Group {
        tenant: tenant_name(),
        id: group_id(number),
        name: name.to_owned(),
        description: String::new(),
        members: Vec::new(),
    }
}

pub(crate) fn application(id: &str) -> Application {
    Application {
        tenant: tenant_name(),
        id: application_id(id),
        team: "orders".to_owned(),
        name: "The shop".to_owned(),
        subtitle: String::new(),
        active: true,
        service_user: None,
    }
}

/// A confidential client with every grant type, allowed every scope of the catalogue but selectors,
/// which are chosen by themselves where one is registered.
pub(crate) fn client(id: &str) -> Client {
    Client {
        name: "Shop".to_owned(),
        grant_types: GrantType::ALL.iter().copied().collect(),
        scopes: catalogue()
            .iter()
            .filter(|scope| !scope.rule.is_selector())
            .map(|scope| scope.token.clone())
            .collect(),
        redirect_uris: vec!["https://shop.example/cb".to_owned()],
        compat: Compat { password_grant: true, implicit: true, ..Compat::default() },
        ..Client::new(tenant_name(), client_id(id), ClientAuthMethod::ClientSecretBasic)
    }
}

pub(crate) fn resource_type(id: &str, owners: &[&str], audience: Option<&str>) -> ResourceType {
    ResourceType {
        tenant: tenant_name(),
        id: type_id(id),
        name: id.to_owned(),
        description: String::new(),
        owners: owners.iter().map(|name| realm_name(name)).collect(),
        audience: audience.map(ToOwned::to_owned),
    }
}

pub(crate) fn scope(name: &str, resource_type: Option<&str>, rule: GrantRule) -> Scope {
    Scope {
        tenant: tenant_name(),
        token: token(name),
        resource_type: resource_type.map(type_id),
        rule,
        summary: BTreeMap::from([("en".to_owned(), "What it is".to_owned())]),
        description: String::new(),
        user_information: BTreeMap::new(),
        risk: 2,
        required_acr: None,
        consent_seconds: None,
        group_claim: None,
        approver: None,
        assignment_seconds: None,
    }
}

/// Orders are owned by customers and employees and served by one API, stock by nobody and by
/// another. One base scope of every other rule.
pub(crate) fn resource_types() -> Vec<ResourceType> {
    vec![
        resource_type("sales_order", &["customers", "employees"], Some(ORDERS_API)),
        resource_type("stock", &[], Some(STOCK_API)),
    ]
}

pub(crate) fn catalogue() -> Vec<Scope> {
    let in_group = GrantRule::Group { groups: vec![group_id(1)] };
    vec![
        scope("sales_order.read", Some("sales_order"), GrantRule::Owner),
        scope("sales_order.write", Some("sales_order"), GrantRule::Owner),
        scope("sales_order.read_all", Some("sales_order"), GrantRule::Assigned),
        scope("stock.read", Some("stock"), GrantRule::Always),
        scope("uid", None, GrantRule::Always),
        scope("email", None, GrantRule::Identity),
        scope("staff", None, in_group),
        scope("auth-none", None, GrantRule::Selector { groups: Vec::new() }),
    ]
}

pub(crate) fn assignment(number: u8, principal: Principal, scope: &str) -> Assignment {
    Assignment {
        tenant: tenant_name(),
        id: AssignmentId::new(1, [number; 10]),
        principal,
        scope: token(scope),
        reason: "Reports".to_owned(),
        approver: None,
        created: at(NOW - 1_000),
        created_by: "user:admin".to_owned(),
        expires: None,
    }
}

pub(crate) fn consent(user: u8, client: &str, scope: &str, status: ConsentStatus) -> Consent {
    Consent {
        tenant: tenant_name(),
        user: user_id(user),
        client: client_id(client),
        scope: token(scope),
        status,
        decided: at(NOW - 1_000),
        expires: None,
    }
}
