//! Users, groups, applications, and what is assigned to them.

use grantor_crypto::password::PasswordHash;

use super::form::{NAME, is_email};
use super::{Entry, Flaw, Flaws, Known, MAX_LIST, MAX_MEMBERS, Reason, Want};
use crate::application::Application;
use crate::assignment::{Assignment, Principal};
use crate::client::Client;
use crate::document::Document as _;
use crate::group::{Group, MemberRef};
use crate::realm::Realm;
use crate::redirect_uri::check_https;
use crate::scope::{GrantRule, Scope};
use crate::user::{Address, Person, User};

impl Entry for User {
    fn wants(&self) -> Vec<Want> {
        let tenant = self.tenant();
        let application = self.application.iter().map(|id| Want::id::<Application>(tenant, id));
        std::iter::once(Want::id::<Realm>(tenant, &self.realm)).chain(application).collect()
    }

    fn check(&self, known: &Known) -> Result<(), Vec<Flaw>> {
        let mut flaws = Flaws::default();
        flaws.line("/name", self.name.as_str(), 2 * NAME);
        flaws.exists::<Realm>("/realm", self.realm.as_str(), known);
        if let Some(application) = &self.application {
            flaws.exists::<Application>("/application", application.as_str(), known);
            let services = known.realm(&self.realm).is_none_or(|realm| realm.services);
            let reason = Reason::Conflict("only users of a realm of services act for applications");
            flaws.demand(services, "/application", reason);
        }
        if let Some(name) = &self.display_name {
            flaws.line("/display_name", name, NAME);
        }
        check_person(&self.person, &mut flaws);
        if let Some(email) = &self.email {
            flaws.demand(is_email(email), "/email", Reason::Form("an e-mail address"));
        }
        flaws.list("/passwords", &self.passwords, 10);
        for (at, password) in self.passwords.iter().enumerate() {
            let readable = password.hash.parse::<PasswordHash>().is_ok();
            let reason = Reason::Form(
                "a hash of argon2, bcrypt, scrypt or PBKDF2, within the limits of cost",
            );
            flaws.demand(readable, &format!("/passwords/{at}/hash"), reason);
        }
        flaws.done()
    }
}

/// What the standard claims look like (OIDC Core §5.1): nothing empty, so that nothing empty is said.
fn check_person(person: &Person, flaws: &mut Flaws) {
    let texts = [
        ("given_name", &person.given_name),
        ("family_name", &person.family_name),
        ("middle_name", &person.middle_name),
        ("nickname", &person.nickname),
        ("preferred_username", &person.preferred_username),
        ("gender", &person.gender),
        ("zoneinfo", &person.zoneinfo),
        ("locale", &person.locale),
        ("phone_number", &person.phone_number),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            flaws.name(&format!("/person/{name}"), text, NAME);
        }
    }
    let pages =
        [("profile", &person.profile), ("picture", &person.picture), ("website", &person.website)];
    for (name, uri) in pages {
        let holds = uri.as_deref().is_none_or(|uri| check_https(uri).is_ok());
        let reason = Reason::Form("an https URI in its canonical spelling");
        flaws.demand(holds, &format!("/person/{name}"), reason);
    }
    if let Some(birthdate) = &person.birthdate {
        let reason = Reason::Form("YYYY-MM-DD, 0000-MM-DD or YYYY");
        flaws.demand(is_birthdate(birthdate), "/person/birthdate", reason);
    }
    if let Some(address) = &person.address {
        let Address { formatted, street_address, locality, region, postal_code, country } = address;
        let parts = [formatted, street_address, locality, region, postal_code, country];
        for text in parts.into_iter().flatten() {
            let reason = Reason::Form("texts that are not empty");
            flaws.demand(!text.is_empty(), "/person/address", reason);
            flaws.text("/person/address", text);
        }
    }
}

/// OIDC Core §5.1.
fn is_birthdate(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    match shape.as_str() {
        "9999" => true,
        // A year that is not told is 0000, which is a leap year: every day can be.
        "9999-99-99" => text.parse::<jiff::civil::Date>().is_ok(),
        _ => false,
    }
}

impl Entry for Group {
    fn wants(&self) -> Vec<Want> {
        let tenant = self.tenant();
        let want = |member: MemberRef| match member {
            MemberRef::User(id) => Want::id::<User>(tenant, &id),
            MemberRef::Group(id) => Want::id::<Self>(tenant, &id),
        };
        // More than may be is refused without a look at them.
        self.members.iter().take(MAX_MEMBERS).map(|member| want(member.who)).collect()
    }

    fn check(&self, known: &Known) -> Result<(), Vec<Flaw>> {
        let mut flaws = Flaws::default();
        flaws.name("/name", &self.name, NAME);
        flaws.text("/description", &self.description);
        if self.members.len() > MAX_MEMBERS {
            flaws.add("/members", Reason::TooMany(MAX_MEMBERS));
            return flaws.done();
        }
        let mut seen = std::collections::HashSet::new();
        for (at, member) in self.members.iter().enumerate() {
            let pointer = format!("/members/{at}/who");
            flaws.demand(seen.insert(member), &pointer, Reason::Twice);
            match member.who {
                MemberRef::Group(id) if id == self.id => {
                    flaws.add(pointer, Reason::Conflict("a group is no member of itself"));
                }
                MemberRef::Group(id) => flaws.exists::<Self>(&pointer, &id.to_string(), known),
                MemberRef::User(id) => flaws.exists::<User>(&pointer, &id.to_string(), known),
            }
            if let Some(source) = &member.source {
                flaws.name(&format!("/members/{at}/source"), source, NAME);
            }
        }
        flaws.done()
    }
}

impl Entry for Application {
    fn wants(&self) -> Vec<Want> {
        self.service_user.iter().map(|id| Want::id::<User>(self.tenant(), id)).collect()
    }

    fn check(&self, known: &Known) -> Result<(), Vec<Flaw>> {
        let mut flaws = Flaws::default();
        flaws.name("/team", &self.team, NAME);
        flaws.name("/name", &self.name, NAME);
        flaws.line("/subtitle", &self.subtitle, 4 * NAME);
        if let Some(id) = self.service_user {
            flaws.exists::<User>("/service_user", &id.to_string(), known);
            // What is assigned to the service user is assigned to the clients of the application:
            // nobody may help himself to another's.
            let own = known.user(id).is_none_or(|user| user.application.as_ref() == Some(&self.id));
            let reason = Reason::Conflict("the service user belongs to another application");
            flaws.demand(own, "/service_user", reason);
        }
        flaws.done()
    }
}

impl Entry for Assignment {
    fn wants(&self) -> Vec<Want> {
        let tenant = self.tenant();
        let principal = match &self.principal {
            Principal::User(id) => Want::id::<User>(tenant, &id),
            Principal::Client(id) => Want::id::<Client>(tenant, id),
            Principal::Group(id) => Want::id::<Group>(tenant, id),
        };
        vec![Want::id::<Scope>(tenant, &self.scope), principal]
    }

    fn check(&self, known: &Known) -> Result<(), Vec<Flaw>> {
        let mut flaws = Flaws::default();
        flaws.exists::<Scope>("/scope", self.scope.as_str(), known);
        if let Some(scope) = known.scope(&self.scope) {
            let fits = matches!(scope.rule, GrantRule::Assigned | GrantRule::Owner);
            let reason = Reason::Conflict("the rule of the scope asks for no assignment");
            flaws.demand(fits, "/scope", reason);
        }
        match &self.principal {
            Principal::User(id) => {
                flaws.exists::<User>("/principal/user", &id.to_string(), known);
            }
            Principal::Client(id) => {
                flaws.exists::<Client>("/principal/client", id.as_str(), known);
            }
            Principal::Group(id) => {
                flaws.exists::<Group>("/principal/group", &id.to_string(), known);
            }
        }
        flaws.name("/reason", &self.reason, 2 * MAX_LIST);
        if let Some(approver) = &self.approver {
            flaws.name("/approver", approver, NAME);
        }
        let ahead = self.expires.is_none_or(|end| end > known.now);
        flaws.demand(ahead, "/expires", Reason::Form("a time in the future"));
        flaws.done()
    }
}
