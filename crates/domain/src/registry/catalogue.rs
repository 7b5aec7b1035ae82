//! Resource types and scopes. `design.md` 2, `stups.md` 4.3.

use std::collections::BTreeMap;

use grantor_oauth_types::name::is_scope_id;
use grantor_oauth_types::scope::{ScopeToken, Scopes};

use super::form::{NAME, TEXT};
use super::{Entry, Flaw, Flaws, Known, LONGEST_CONSENT, MAX_LIST, Reason, Want};
use crate::claims::GroupClaim;
use crate::document::{Document as _, Kind};
use crate::group::Group;
use crate::realm::Realm;
use crate::resource_type::ResourceType;
use crate::scope::{GrantRule, SELECTOR_PREFIX, Scope};

impl Entry for ResourceType {
    fn wants(&self) -> Vec<Want> {
        let tenant = self.tenant();
        let children =
            Want::Children { tenant: tenant.clone(), kind: Kind::Scope, parent: self.id() };
        let owners = self.owners.iter().map(|realm| Want::id::<Realm>(tenant, realm));
        owners.chain([children]).collect()
    }

    fn check(&self, known: &Known) -> Result<(), Vec<Flaw>> {
        let mut flaws = Flaws::default();
        flaws.name("/name", &self.name, NAME);
        flaws.text("/description", &self.description);
        flaws.list("/owners", &self.owners, MAX_LIST);
        for (at, realm) in self.owners.iter().enumerate() {
            flaws.exists::<Realm>(&format!("/owners/{at}"), realm.as_str(), known);
        }
        if self.owners.is_empty() {
            let scopes: Vec<ScopeToken> = known
                .scopes_of(&self.id)
                .into_iter()
                .filter(|scope| scope.rule == GrantRule::Owner)
                .map(|scope| scope.token.clone())
                .collect();
            flaws.demand(scopes.is_empty(), "/owners", Reason::OwnersInUse { scopes });
        }
        if let Some(audience) = &self.audience {
            flaws.absolute_uri("/audience", audience);
        }
        flaws.done()
    }
}

impl Entry for Scope {
    fn wants(&self) -> Vec<Want> {
        let tenant = self.tenant();
        let resource_type =
            self.resource_type.iter().map(|id| Want::id::<ResourceType>(tenant, id));
        let groups = self.rule.groups();
        resource_type.chain(groups.iter().map(|id| Want::id::<Group>(tenant, id))).collect()
    }

    fn check(&self, known: &Known) -> Result<(), Vec<Flaw>> {
        let mut flaws = Flaws::default();
        check_place(self, known, &mut flaws);
        check_rule(self, known, &mut flaws);
        let summed_up = self.summary.values().any(|text| !text.trim().is_empty());
        flaws.demand(summed_up, "/summary", Reason::Form("a summary in at least one language"));
        flaws.by_language("/summary", &self.summary);
        flaws.by_language("/user_information", &self.user_information);
        flaws.text("/description", &self.description);
        flaws.range("/risk", self.risk.into(), 1, 3);
        if let Some(acr) = &self.required_acr {
            flaws.name("/required_acr", acr, 2 * NAME);
        }
        if let Some(approver) = &self.approver {
            flaws.name("/approver", approver, NAME);
        }
        if let Some(seconds) = self.assignment_seconds {
            flaws.range("/assignment_seconds", seconds, 60, u32::MAX);
        }
        if let Some(seconds) = self.consent_seconds {
            flaws.range("/consent_seconds", seconds, 60, LONGEST_CONSENT);
        }
        if let Some(claim) = &self.group_claim {
            check_group_claim(self, claim, &mut flaws);
        }
        flaws.done()
    }
}

/// A scope of a resource type is named `type.id`.
fn check_place(scope: &Scope, known: &Known, flaws: &mut Flaws) {
    let Some(id) = &scope.resource_type else { return };
    flaws.exists::<ResourceType>("/resource_type", id.as_str(), known);
    let rest = scope.token.as_str().strip_prefix(id.as_str()).and_then(|r| r.strip_prefix('.'));
    let expects = "the resource type, a dot, and an id of a-z, 0-9, '-' and '_' that starts with a \
                   letter and ends with a letter or digit";
    flaws.demand(rest.is_some_and(is_scope_id), "/token", Reason::Form(expects));
}

fn check_rule(scope: &Scope, known: &Known, flaws: &mut Flaws) {
    match &scope.rule {
        GrantRule::Owner => {
            // A type that is not known is its own flaw. No type at all has no owners.
            let owned = match &scope.resource_type {
                Some(id) => known.resource_type(id).is_none_or(|t| !t.owners.is_empty()),
                None => false,
            };
            flaws.demand(owned, "/rule", Reason::OwnersRequired);
        }
        GrantRule::Group { groups } => {
            let reason = Reason::Form("at least one group");
            flaws.demand(!groups.is_empty(), "/rule/groups", reason);
        }
        GrantRule::Selector { .. } => {
            let named = scope.token.as_str().starts_with(SELECTOR_PREFIX);
            flaws.demand(named, "/token", Reason::Form("for a selector, a name in 'auth-'"));
            let reason = Reason::Conflict("a selector concerns no data of its own");
            flaws.demand(scope.resource_type.is_none(), "/resource_type", reason);
        }
        GrantRule::Assigned | GrantRule::Always | GrantRule::Identity => {}
    }
    let groups = scope.rule.groups();
    flaws.list("/rule/groups", groups, MAX_LIST);
    for (at, group) in groups.iter().enumerate() {
        flaws.exists::<Group>(&format!("/rule/groups/{at}"), &group.to_string(), known);
    }
}

/// What names a person's groups says who she is.
fn check_group_claim(scope: &Scope, claim: &GroupClaim, flaws: &mut Flaws) {
    let reason = Reason::Conflict("a claim about people comes with the rule 'identity'");
    flaws.demand(scope.rule == GrantRule::Identity, "/group_claim", reason);
    let reason = Reason::Form("1 to 256 visible ASCII characters, and no name of another claim");
    flaws.demand(GroupClaim::may_be_called(&claim.name), "/group_claim/name", reason);
    flaws.line("/group_claim/prefix", &claim.prefix, NAME);
}

impl Flaws {
    /// Scopes that exist.
    pub(super) fn scopes(&mut self, pointer: &str, scopes: &Scopes, known: &Known) {
        self.demand(scopes.len() <= MAX_LIST, pointer, Reason::TooMany(MAX_LIST));
        for (at, scope) in scopes.iter().enumerate() {
            self.exists::<Scope>(&format!("{pointer}/{at}"), scope.as_str(), known);
        }
    }

    /// Texts by language (BCP 47, in its simple forms).
    fn by_language(&mut self, pointer: &str, texts: &BTreeMap<String, String>) {
        self.demand(texts.len() <= 100, pointer, Reason::TooMany(100));
        for (language, text) in texts {
            let is_tag = (2..=35).contains(&language.len())
                && language.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && language.starts_with(|c: char| c.is_ascii_lowercase());
            self.demand(is_tag, pointer, Reason::Form("languages such as 'en' or 'de-AT'"));
            self.line(&format!("{pointer}/{}", language.replace('/', "~1")), text, TEXT);
        }
    }
}
