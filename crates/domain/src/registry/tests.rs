mod clients;

use std::collections::BTreeSet;

use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::name::UserName;

use super::*;
use crate::application::Application;
use crate::assignment::{Assignment, Principal};
use crate::claims::{GroupClaim, GroupForm};
use crate::client::Client;
use crate::example::*;
use crate::group::{Group, Member, MemberRef};
use crate::look::{LookLink, LookTexts};
use crate::realm::Realm;
use crate::resource_type::ResourceType;
use crate::scope::{GrantRule, Scope};
use crate::tenant::Tenant;
use crate::user::{StoredPassword, User};

/// Everything of the example world.
fn known() -> Known {
    let mut known = Known::at(now())
        .and(&realm("customers"))
        .and(&realm("employees"))
        .and(&realm("services"))
        .and(&application("shop"))
        .and(&client("shop"))
        .and(&user(1, "customers", "jane"))
        .and(&User {
            application: Some(application_id("shop")),
            ..user(2, "services", "stups_shop")
        })
        .and(&group(1, "staff"));
    for resource_type in resource_types() {
        known = known.and(&resource_type);
    }
    for scope in catalogue() {
        known = known.and(&scope);
    }
    known
}

/// What is spoiled, and the pointers of the flaws that must be found.
type Row<'a, D> = (&'a str, &'a dyn Fn(&mut D), &'a [&'a str]);

fn check_table<D: Entry>(right: &D, table: &[Row<'_, D>]) {
    let known = known();
    assert_eq!(right.check(&known), Ok(()), "the unspoiled document must pass");
    for (rule, spoil, expected) in table {
        let mut document = right.clone();
        spoil(&mut document);
        let flaws = document.check(&known).expect_err(rule);
        let pointers: Vec<&str> = flaws.iter().map(|flaw| flaw.pointer.as_str()).collect();
        assert_eq!(&pointers, expected, "{rule}");
        assert!(flaws.iter().all(|flaw| !flaw.message().is_empty()), "{rule}");
    }
}

fn links(url: &str) -> LookTexts {
    let link = LookLink { label: "Imprint".to_owned(), url: url.to_owned() };
    LookTexts { links: vec![link], ..LookTexts::default() }
}

#[test]
fn what_is_wrong_with_a_tenant() {
    let issuer = |text: &'static str| move |t: &mut Tenant| t.issuer = text.to_owned();
    #[rustfmt::skip]
    let table: &[Row<'_, Tenant>] = &[
        ("https",              &issuer("http://id.example"),          &["/issuer"]),
        ("no query",           &issuer("https://id.example?a=b"),     &["/issuer"]),
        ("no fragment",        &issuer("https://id.example#a"),       &["/issuer"]),
        ("no trailing slash",  &issuer("https://id.example/"),        &["/issuer"]),
        ("no trailing slash",  &issuer("https://id.example/a/"),      &["/issuer"]),
        ("no user",            &issuer("https://u:p@id.example"),     &["/issuer"]),
        ("one spelling",       &issuer("https://ID.example"),         &["/issuer"]),
        ("one spelling",       &issuer("https://id.example:443"),     &["/issuer"]),
        ("one spelling",       &issuer("https://id.example/a/../b"),  &["/issuer"]),
        ("absolute",           &issuer("//id.example"),               &["/issuer"]),
        ("a host name",        &|t| t.hosts = vec!["https://x".into()], &["/hosts/0"]),
        ("a host name",        &|t| t.hosts = vec!["*.com".into()],   &["/hosts/0"]),
        ("a host name",        &|t| t.hosts = vec!["A.example".into()], &["/hosts/0"]),
        ("hosts once",         &|t| t.hosts = vec!["a.b".into(), "a.b".into()], &["/hosts/1"]),
        ("SEC-091 access",     &|t| t.settings.access_token_seconds = 86_401, &["/settings/access_token_seconds"]),
        ("SEC-091 access",     &|t| t.settings.access_token_seconds = 0, &["/settings/access_token_seconds"]),
        ("SEC-091 absolute",   &|t| t.settings.refresh_absolute_seconds = u32::MAX, &["/settings/refresh_absolute_seconds"]),
        ("idle ≤ absolute",    &|t| t.settings.refresh_idle_seconds = 90 * 86_400 + 1, &["/settings/refresh_idle_seconds"]),
        ("SEC-062 grace",      &|t| t.settings.refresh_grace_seconds = 301, &["/settings/refresh_grace_seconds"]),
        ("consent",            &|t| t.settings.consent_seconds = 59, &["/settings/consent_seconds"]),
        ("upstream",           &|t| t.settings.upstream_tokeninfo = Some(upstream("http://a.b/", 60)), &["/settings/upstream_tokeninfo/url"]),
        ("upstream",           &|t| t.settings.upstream_tokeninfo = Some(upstream("https://u:p@a.b/", 61)), &["/settings/upstream_tokeninfo/url", "/settings/upstream_tokeninfo/cache_seconds"]),
        ("rotation",           &|t| t.settings.key_rotation_seconds = 60, &["/settings/key_rotation_seconds", "/settings/key_rotation_seconds"]),
        ("published ahead",    &|t| t.settings.key_publish_ahead_seconds = 8 * 86_400, &["/settings/key_publish_ahead_seconds"]),
        ("salt",               &|t| t.settings.revocation_salt.clear(), &["/settings/revocation_salt"]),
        ("SEC-013 origin",     &|t| t.settings.web_origins = vec!["https://a.b/".into()], &["/settings/web_origins/0"]),
        ("SEC-013 origin",     &|t| t.settings.web_origins = vec!["http://a.b".into()], &["/settings/web_origins/0"]),
        ("SEC-013 origin",     &|t| t.settings.web_origins = vec!["null".into()], &["/settings/web_origins/0"]),
        ("SEC-013 origin",     &|t| t.settings.web_origins = vec!["*".into()], &["/settings/web_origins/0"]),
        ("look name",          &|t| t.settings.look.name = "a".repeat(65), &["/settings/look/name"]),
        ("SEC-158 logo",       &|t| t.settings.look.logo = Some("https://a.b/c.png".into()), &["/settings/look/logo"]),
        ("SEC-170 name",       &|t| t.settings.look.name = "a\r\nb".into(), &["/settings/look/name"]),
        ("SEC-170 hint",       &|t| { t.settings.look.texts.insert("en".into(), LookTexts { sign_in_hint: "a\nb".into(), ..LookTexts::default() }); }, &["/settings/look/texts/en/sign_in_hint"]),
        ("SEC-170 issuer",     &|t| t.issuer = "https://a.b\r\nx: y".into(), &["/issuer"]),
        ("SEC-170 host",       &|t| t.hosts = vec!["a.b\r\nx: y".into()], &["/hosts/0"]),
        ("SEC-170 link",       &|t| { t.settings.look.texts.insert("en".into(), links("https://a.b/\r\nx: y")); }, &["/settings/look/texts/en/links/0/url"]),
        ("look colour",        &|t| t.settings.look.accent = Some("red".into()), &["/settings/look/accent"]),
        ("look language",      &|t| t.settings.look.language = Some("fr".into()), &["/settings/look/language"]),
        ("look texts",         &|t| { t.settings.look.texts.insert("fr".into(), LookTexts::default()); }, &["/settings/look/texts/fr"]),
        ("look links",         &|t| { t.settings.look.texts.insert("en".into(), links("javascript:a")); }, &["/settings/look/texts/en/links/0/url"]),
    ];
    check_table(&tenant(), table);
}

#[test]
fn an_issuer_may_be_on_loopback_and_have_a_path() {
    let known = known();
    for issuer in
        ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:1", "https://a.b/t/main"]
    {
        let tenant = Tenant { issuer: issuer.to_owned(), ..tenant() };
        assert_eq!(tenant.check(&known), Ok(()), "{issuer}");
    }
}

#[test]
fn sec_091_a_life_of_ten_years_is_refused_wherever_it_is_set() {
    let ten_years = 10 * 365 * 86_400;
    let mut long = tenant();
    long.settings.access_token_seconds = ten_years;
    assert!(long.check(&known()).is_err());
    let long = Realm { access_token_seconds: Some(ten_years), ..realm("customers") };
    assert!(long.check(&known()).is_err());
    let long = Client { access_token_seconds: Some(ten_years), ..client("shop") };
    assert!(long.check(&known()).is_err());
    // The thirty days of STUPS customers are an exception that a realm states.
    let stups = Realm { access_token_seconds: Some(30 * 86_400), ..realm("customers") };
    assert_eq!(stups.check(&known()), Ok(()));
}

#[test]
fn what_is_wrong_with_a_realm() {
    #[rustfmt::skip]
    let table: &[Row<'_, Realm>] = &[
        ("scopes exist", &|r| r.default_scopes = scopes("uid gone"),         &["/default_scopes/1"]),
        ("SEC-091",      &|r| r.access_token_seconds = Some(31 * 86_400 + 1), &["/access_token_seconds"]),
    ];
    check_table(&realm("customers"), table);
}

#[test]
fn what_is_wrong_with_a_user() {
    const ARGON2ID: &str = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$\
                            CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    const BCRYPT: &str = "$2b$10$zVHmKQtGGQob.b/Nc7l9NO8UlrYcW05FiuCj/SxsFO/ZtiN9.mNzy";
    let hash =
        |text: &str| StoredPassword { hash: text.into(), created: now(), created_by: "x".into() };
    let email = |text: &'static str| move |u: &mut User| u.email = Some(text.to_owned());
    #[rustfmt::skip]
    let table: &[Row<'_, User>] = &[
        ("SEC-043 name",        &|u| u.name = UserName::parse("ja\u{202e}ne").unwrap(),  &["/name"]),
        ("realm exists",        &|u| u.realm = realm_name("gone"),                      &["/realm"]),
        ("application exists",  &|u| u.application = Some(application_id("gone")),      &["/application"]),
        ("services only",       &|u| u.realm = realm_name("customers"),                 &["/application"]),
        ("SEC-016 name",        &|u| u.display_name = Some("a\u{202e}b".into()),        &["/display_name"]),
        ("SEC-184 e-mail",      &email("a@b@c"),                                        &["/email"]),
        ("SEC-184 e-mail",      &email("\"a@b\"@c.example"),                            &["/email"]),
        ("SEC-184 e-mail",      &email("a@"),                                           &["/email"]),
        ("SEC-184 e-mail",      &email("a@c.example\r\nBcc: x"),                        &["/email"]),
        ("hashes only",         &|u| u.passwords = vec![hash("secret")],                &["/passwords/0/hash"]),
        ("whole hashes only",   &|u| u.passwords[0] = hash("$2b$10$…"),                 &["/passwords/0/hash"]),
        ("SEC-118 cheap enough",&|u| u.passwords[1] = hash(&BCRYPT.replace("$10$", "$31$")), &["/passwords/1/hash"]),
    ];
    let right = User {
        application: Some(application_id("shop")),
        email: Some("jane.doe+shop@mail.example".to_owned()),
        passwords: [ARGON2ID, BCRYPT].map(hash).to_vec(),
        ..user(1, "services", "jane")
    };
    check_table(&right, table);
}

#[test]
fn what_is_wrong_with_a_group() {
    let member = |who| Member { who, source: None };
    let jane = member(MemberRef::User(user_id(1)));
    #[rustfmt::skip]
    let table: &[Row<'_, Group>] = &[
        ("a name",            &|g| g.name = " ".into(),                                     &["/name"]),
        ("no self",           &|g| g.members.push(member(MemberRef::Group(group_id(2)))),   &["/members/1/who"]),
        ("members exist",     &|g| g.members.push(member(MemberRef::User(user_id(9)))),     &["/members/1/who"]),
        ("members exist",     &|g| g.members.push(member(MemberRef::Group(group_id(9)))),   &["/members/1/who"]),
        ("members once",      &|g| g.members.push(g.members[0].clone()),                    &["/members/1/who"]),
        ("not too many",      &|g| g.members = vec![g.members[0].clone(); 5_001],           &["/members"]),
    ];
    check_table(&Group { members: vec![jane], ..group(2, "sellers") }, table);
}

#[test]
fn what_is_wrong_with_an_application() {
    #[rustfmt::skip]
    let table: &[Row<'_, Application>] = &[
        ("a team",                  &|a| a.team.clear(),                         &["/team"]),
        ("a name",                  &|a| a.name = "a\nb".into(),                 &["/name"]),
        ("its user exists",         &|a| a.service_user = Some(user_id(9)),      &["/service_user"]),
        ("nobody else's user",      &|a| a.service_user = Some(user_id(1)),      &["/service_user"]),
        ("nobody else's user",      &|a| a.id = application_id("thief"),         &["/service_user"]),
    ];
    check_table(&Application { service_user: Some(user_id(2)), ..application("shop") }, table);
}

#[test]
fn what_is_wrong_with_a_resource_type() {
    let needed = || vec![token("sales_order.read"), token("sales_order.write")];
    #[rustfmt::skip]
    let table: &[Row<'_, ResourceType>] = &[
        ("a name",                &|t| t.name.clear(),                            &["/name"]),
        ("owners exist",          &|t| t.owners.push(realm_name("gone")),         &["/owners/2"]),
        ("owners once",           &|t| t.owners.push(realm_name("customers")),    &["/owners/2"]),
        ("owners are needed",     &|t| t.owners.clear(),                          &["/owners"]),
        ("an absolute audience",  &|t| t.audience = Some("orders".into()),        &["/audience"]),
        ("no user in audience",   &|t| t.audience = Some("https://u@a.b".into()), &["/audience"]),
    ];
    let right = resource_types().remove(0);
    check_table(&right, table);
    let flaws = ResourceType { owners: vec![], ..right }.check(&known()).unwrap_err();
    assert_eq!(flaws[0].reason, Reason::OwnersInUse { scopes: needed() });
}

fn group_claim(name: &str, prefix: &str) -> GroupClaim {
    GroupClaim { name: name.to_owned(), form: GroupForm::Text, prefix: prefix.to_owned() }
}

#[test]
fn what_is_wrong_with_a_scope() {
    let named = |text: &'static str| move |s: &mut Scope| s.token = token(text);
    #[rustfmt::skip]
    let table: &[Row<'_, Scope>] = &[
        ("the type exists",      &|s| { s.resource_type = Some(type_id("gone")); s.token = token("gone.read"); }, &["/resource_type"]),
        ("type and id",          &named("read"),                               &["/token"]),
        ("type and id",          &named("sales_order"),                        &["/token"]),
        ("type and id",          &named("sales_orders.read"),                  &["/token"]),
        ("the form of an id",    &named("sales_order.r"),                      &["/token"]),
        ("the form of an id",    &named("sales_order.read.all"),               &["/token"]),
        ("the form of an id",    &named("sales_order.Read"),                   &["/token"]),
        ("owners",               &|s| { s.resource_type = Some(type_id("stock")); s.token = token("stock.read"); }, &["/rule"]),
        ("owners",               &|s| { s.resource_type = None; },             &["/rule"]),
        ("groups exist",         &|s| s.rule = GrantRule::Group { groups: vec![group_id(9)] }, &["/rule/groups/0"]),
        ("a group",              &|s| s.rule = GrantRule::Group { groups: vec![] }, &["/rule/groups"]),
        ("a selector's name",    &|s| { s.resource_type = None; s.rule = GrantRule::Selector { groups: vec![] }; }, &["/token"]),
        ("a selector's place",   &|s| s.rule = GrantRule::Selector { groups: vec![] }, &["/token", "/resource_type"]),
        ("a selector's groups",  &|s| { s.resource_type = None; s.token = token("auth-x"); s.rule = GrantRule::Selector { groups: vec![group_id(9)] }; }, &["/rule/groups/0"]),
        ("a summary",            &|s| s.summary.clear(),                       &["/summary"]),
        ("a language",           &|s| { s.summary.insert("English!".into(), "x".into()); }, &["/summary"]),
        ("risk",                 &|s| s.risk = 0,                              &["/risk"]),
        ("risk",                 &|s| s.risk = 4,                              &["/risk"]),
        ("a claim of people",    &|s| s.group_claim = Some(group_claim("groups", "")), &["/group_claim"]),
    ];
    check_table(&catalogue().remove(0), table);
    let of_groups = Scope {
        group_claim: Some(group_claim("https://api.columbia.edu/claim/group", "cu:app:")),
        ..scope("https://api.columbia.edu/scope/group", None, GrantRule::Identity)
    };
    #[rustfmt::skip]
    let table: &[Row<'_, Scope>] = &[
        ("a claim's own name",   &|s| s.group_claim = Some(group_claim("sub", "")),    &["/group_claim/name"]),
        ("a claim's own name",   &|s| s.group_claim = Some(group_claim("email", "")),  &["/group_claim/name"]),
        ("a stem on one line",   &|s| s.group_claim = Some(group_claim("g", "a\nb")),  &["/group_claim/prefix"]),
        ("a claim of people",    &|s| s.rule = GrantRule::Always,                      &["/group_claim"]),
    ];
    check_table(&of_groups, table);
}

#[test]
fn what_is_wrong_with_an_assignment() {
    #[rustfmt::skip]
    let table: &[Row<'_, Assignment>] = &[
        ("the scope exists",     &|a| a.scope = token("gone"),                               &["/scope"]),
        ("it can be assigned",   &|a| a.scope = token("uid"),                                &["/scope"]),
        ("it can be assigned",   &|a| a.scope = token("staff"),                              &["/scope"]),
        ("the user exists",      &|a| a.principal = Principal::User(user_id(9)),             &["/principal/user"]),
        ("the client exists",    &|a| a.principal = Principal::Client(client_id("gone")),    &["/principal/client"]),
        ("the group exists",     &|a| a.principal = Principal::Group(group_id(9)),           &["/principal/group"]),
        ("a reason",             &|a| a.reason = "  ".into(),                                &["/reason"]),
        ("an end ahead",         &|a| a.expires = Some(now()),                               &["/expires"]),
    ];
    let right = assignment(1, Principal::Client(client_id("shop")), "sales_order.read_all");
    check_table(&Assignment { expires: Some(at(NOW + 1)), ..right }, table);
}

/// Whatever a check looks at was asked for: an empty world plus what is wanted is enough.
#[test]
fn a_check_looks_at_nothing_it_did_not_want() {
    fn enough<D: Entry>(document: &D, world: &[StoredDocument]) {
        let mut known = Known::at(now());
        for want in document.wants() {
            let of = |stored: &&StoredDocument| match &want {
                Want::Document(key) => {
                    key.kind == stored.kind && key.at == At::Id(stored.id.clone())
                }
                Want::Children { kind, parent, .. } => {
                    *kind == stored.kind && stored.parent.as_ref() == Some(parent)
                }
            };
            for stored in world.iter().filter(of) {
                known.add(stored).unwrap();
            }
        }
        assert_eq!(document.check(&known), Ok(()));
    }
    use crate::document::{At, StoredDocument};
    let mut world = vec![
        StoredDocument::encode(&realm("customers")),
        StoredDocument::encode(&realm("employees")),
        StoredDocument::encode(&realm("services")),
        StoredDocument::encode(&application("shop")),
        StoredDocument::encode(&client("shop")),
        StoredDocument::encode(&group(1, "staff")),
    ];
    let service = User { application: Some(application_id("shop")), ..user(2, "services", "s") };
    world.push(StoredDocument::encode(&service));
    world.extend(resource_types().iter().map(StoredDocument::encode));
    world.extend(catalogue().iter().map(StoredDocument::encode));
    enough(&tenant(), &world);
    enough(&realm("customers"), &world);
    enough(&service, &world);
    enough(&Application { service_user: Some(user_id(2)), ..application("shop") }, &world);
    enough(&Client { application: Some(application_id("shop")), ..client("shop") }, &world);
    for resource_type in resource_types() {
        enough(&resource_type, &world);
    }
    for scope in catalogue() {
        enough(&scope, &world);
    }
    enough(&assignment(1, Principal::Group(group_id(1)), "sales_order.read"), &world);
}

#[test]
fn sec_152_an_update_is_judged_as_the_whole_that_it_makes() {
    // Public, then confidential without a credential of that kind; or a field left out.
    let public = Client {
        auth_method: ClientAuthMethod::None,
        grant_types: BTreeSet::from([GrantType::RefreshToken]),
        compat: crate::client::Compat::default(),
        ..client("cli")
    };
    assert_eq!(public.check(&known()), Ok(()));
    let swapped = Client { auth_method: ClientAuthMethod::PrivateKeyJwt, ..public };
    assert!(swapped.check(&known()).is_err());
    let text = r#"{"tenant":"main","id":"cli","auth_method":"none"}"#;
    let least: Client = serde_json::from_str(text).unwrap();
    assert_eq!(least.check(&known()), Ok(()));
    assert!(least.grant_types.is_empty() && least.scopes.is_empty() && !least.consent_bypass);
    assert_eq!(least.compat, crate::client::Compat::default());
}

fn upstream(url: &str, cache_seconds: u32) -> crate::tenant::UpstreamTokenInfo {
    let (url, timeout_milliseconds) = (url.to_owned(), 1_000);
    crate::tenant::UpstreamTokenInfo { url, cache_seconds, timeout_milliseconds }
}
