//! An ask with its facts, owned, so that a row can spoil one of them.

use std::collections::HashMap;

use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::id::GroupId;
use grantor_oauth_types::name::ClientId;
use grantor_oauth_types::scope::Scopes;
use jiff::Timestamp;

use crate::application::Application;
use crate::assignment::{Assignment, Principal};
use crate::client::Client;
use crate::consent::{Consent, ConsentStatus};
use crate::decision::{
    Ask, Decision, Entitlement, Facts, GrantFacts, Outcome, RecordedDecision, Refusal,
    SubjectFacts, decide,
};
use crate::example::*;
use crate::realm::Realm;
use crate::resource_type::ResourceType;
use crate::scope::Scope;
use crate::sign_in::Level;
use crate::tenant::Tenant;
use crate::user::User;

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) ask: Ask,
    pub(super) tenant: Tenant,
    pub(super) client: Client,
    pub(super) application: Option<Application>,
    pub(super) client_assignments: Vec<Assignment>,
    pub(super) application_assignments: Vec<Assignment>,
    pub(super) service_user: Option<User>,
    pub(super) realm: Option<Realm>,
    pub(super) subject: Option<Subject>,
    pub(super) grant: Option<Granted>,
    pub(super) scopes: Vec<Scope>,
    pub(super) resource_types: Vec<ResourceType>,
    pub(super) now: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) user: User,
    pub(super) application: Option<Application>,
    pub(super) assignments: Vec<Assignment>,
    pub(super) groups: Vec<GroupId>,
    pub(super) consents: Vec<Consent>,
    pub(super) gave_password: bool,
    pub(super) level: Level,
}

#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) client: ClientId,
    pub(super) scopes: Scopes,
    pub(super) expires: Timestamp,
    pub(super) ended: bool,
}

impl Case {
    fn of(grant_type: GrantType, asked: &str) -> Self {
        Self {
            ask: Ask {
                grant_type,
                client: client_id("shop"),
                realm: None,
                scopes: Some(scopes(asked)),
                resource: None,
            },
            tenant: tenant(),
            client: Client { application: Some(application_id("shop")), ..client("shop") },
            application: Some(application("shop")),
            client_assignments: Vec::new(),
            application_assignments: Vec::new(),
            service_user: None,
            realm: None,
            subject: None,
            grant: None,
            scopes: catalogue(),
            resource_types: resource_types(),
            now: now(),
        }
    }

    /// The shop for itself: its client may read all orders for another day, its service user too.
    pub(super) fn itself() -> Self {
        let mut case = Self::of(GrantType::ClientCredentials, "uid sales_order.read_all");
        let day = Some(at(NOW + 86_400));
        let client = Principal::Client(client_id("shop"));
        let assigned = assignment(1, client, "sales_order.read_all");
        case.client_assignments = vec![Assignment { expires: day, ..assigned }];
        let owner = Some(application_id("shop"));
        case.service_user = Some(User { application: owner, ..user(2, "services", "stups_shop") });
        case
    }

    /// A customer who gave her password to the shop.
    pub(super) fn customer() -> Self {
        let mut case = Self::of(GrantType::Password, "uid sales_order.read");
        case.ask.realm = Some(realm_name("customers"));
        case.realm = Some(realm("customers"));
        case.subject = Some(Subject {
            user: user(1, "customers", "jane"),
            application: None,
            assignments: Vec::new(),
            groups: Vec::new(),
            consents: Vec::new(),
            gave_password: true,
            level: Level::Single,
        });
        case
    }

    /// A service user with its password, who is assigned all orders for another day.
    pub(super) fn service() -> Self {
        let mut case = Self::of(GrantType::Password, "uid sales_order.read_all");
        case.ask.realm = Some(realm_name("services"));
        case.realm = Some(realm("services"));
        let day = Some(at(NOW + 86_400));
        let assigned = assignment(1, Principal::User(user_id(2)), "sales_order.read_all");
        case.subject = Some(Subject {
            user: User {
                application: Some(application_id("shop")),
                ..user(2, "services", "stups_shop")
            },
            application: Some(application("shop")),
            assignments: vec![Assignment { expires: day, ..assigned }],
            groups: Vec::new(),
            consents: Vec::new(),
            gave_password: true,
            level: Level::Single,
        });
        case
    }

    /// From now on a scope needs this level of sign-in.
    pub(super) fn need(&mut self, token: &str, acr: &str) {
        let scope = self.scopes.iter_mut().find(|scope| scope.token.as_str() == token);
        scope.unwrap().required_acr = Some(acr.to_owned());
    }

    /// The same, or the customer, a while later with a refresh token.
    pub(super) fn refreshed(mut self) -> Self {
        self.ask.grant_type = GrantType::RefreshToken;
        self.grant = Some(Granted {
            client: client_id("shop"),
            scopes: self.ask.scopes.take().unwrap(),
            expires: at(NOW + 1_000_000),
            ended: false,
        });
        self.subject().gave_password = false;
        self
    }

    /// The customer in her browser, who agreed; the shop has a code for it.
    pub(super) fn authorized(self) -> Self {
        let mut case = self.refreshed();
        case.ask.grant_type = GrantType::AuthorizationCode;
        case
    }

    /// The customer in her browser, who agreed; the token goes there.
    pub(super) fn in_front() -> Self {
        let mut case = Self::customer();
        case.ask.grant_type = GrantType::Implicit;
        case.subject().gave_password = false;
        case.decided("sales_order.read", ConsentStatus::Approved);
        case
    }

    pub(super) fn subject(&mut self) -> &mut Subject {
        self.subject.as_mut().unwrap()
    }

    pub(super) fn granted(&mut self) -> &mut Granted {
        self.grant.as_mut().unwrap()
    }

    pub(super) fn ask_for(&mut self, text: &str) {
        self.ask.scopes = Some(scopes(text));
    }

    pub(super) fn decided(&mut self, scope: &str, status: ConsentStatus) {
        let user = self.subject().user.id;
        let consent = Consent { user, ..consent(1, "shop", scope, status) };
        self.subject().consents.push(consent);
    }

    pub(super) fn with_facts<T>(&self, look: impl FnOnce(&Facts<'_>) -> T) -> T {
        let scopes: HashMap<_, _> =
            self.scopes.iter().map(|s| (s.token.clone(), s.clone())).collect();
        let resource_types: HashMap<_, _> =
            self.resource_types.iter().map(|t| (t.id.clone(), t.clone())).collect();
        look(&Facts {
            tenant: &self.tenant,
            client: &self.client,
            application: self.application.as_ref(),
            client_assignments: &self.client_assignments,
            application_assignments: &self.application_assignments,
            service_user: self.service_user.as_ref(),
            realm: self.realm.as_ref(),
            subject: self.subject.as_ref().map(|subject| SubjectFacts {
                user: &subject.user,
                application: subject.application.as_ref(),
                assignments: &subject.assignments,
                groups: &subject.groups,
                consents: &subject.consents,
                gave_password: subject.gave_password,
                level: subject.level,
            }),
            grant: self.grant.as_ref().map(|grant| GrantFacts {
                client: &grant.client,
                scopes: &grant.scopes,
                expires: grant.expires,
                ended: grant.ended,
            }),
            scopes: &scopes,
            resource_types: &resource_types,
        })
    }

    pub(super) fn decide(&self) -> Decision {
        self.with_facts(|facts| decide(&self.ask, facts, self.now))
    }

    pub(super) fn record(&self) -> RecordedDecision {
        self.with_facts(|facts| RecordedDecision::make(self.ask.clone(), facts, self.now))
    }

    pub(super) fn judge(&self) -> Result<Entitlement, Refusal> {
        match self.decide().outcome {
            Outcome::Granted(entitlement) => Ok(entitlement),
            Outcome::Refused(refusal) => Err(refusal),
        }
    }

    /// The scopes that are granted, as one text.
    #[track_caller]
    pub(super) fn granted_scopes(&self) -> String {
        self.judge().unwrap().scopes.to_string()
    }
}
