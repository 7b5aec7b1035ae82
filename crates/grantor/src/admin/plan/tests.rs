//! Plans against a real server.

use grantor_testkit::TestServer;
use serde_json::json;

use super::*;
use crate::admin::session::SessionArgs;
use crate::commands::apply::write;

/// A server, and the session of its administrator.
struct World {
    server: TestServer,
    admin: String,
    session: Session,
    folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let server = TestServer::start().await;
        let admin = server.admin_token().await;
        let administrator = server.administrator.as_ref().unwrap();
        let credentials = json!({
            "server": server.issuer,
            "client_id": administrator.client_id,
            "client_secret": administrator.client_secret,
        });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("admin.json");
        write_private(&file, &credentials.to_string());
        let session = Session::open(&SessionArgs { credentials: Some(file) }).await.unwrap();
        Self { server, admin, session, folder }
    }

    async fn plan(&self, text: &str) -> anyhow::Result<Vec<Change>> {
        self.plan_with(text, false).await
    }

    async fn plan_with(&self, text: &str, prune: bool) -> anyhow::Result<Vec<Change>> {
        let file = self.folder.path().join("wanted.yaml");
        std::fs::write(&file, text).unwrap();
        compare(&self.session, &Desired::read(&[file])?, prune).await
    }

    async fn apply(&self, text: &str) {
        let changes = self.plan(text).await.unwrap();
        write(&self.session, &changes).await.unwrap();
        let left: Vec<_> = self.plan(text).await.unwrap().iter().map(Change::describe).collect();
        assert!(left.is_empty(), "a second run changes nothing: {left:#?}");
    }

    async fn refusal(&self, text: &str) -> String {
        format!("{:#}", self.plan(text).await.expect_err(text))
    }
}

fn write_private(file: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// One of each kind, each naming others that are as new as itself.
const NEW: &str = include_str!("everything.yaml");

#[tokio::test]
async fn one_file_makes_everything_and_names_it_and_a_second_run_changes_nothing() {
    let world = World::new().await;
    let plan = world.plan(NEW).await.unwrap();
    let shown: String = plan.iter().map(|change| change.describe() + "\n").collect();
    for line in [
        "+ groups outer",
        "+ users services/stups_reports",
        "~ applications reports, completed\n    service_user: \"services/stups_reports\"",
        "+ assignments group outer partner.all",
        "~ realms partners, completed\n    default_scopes: [\"partner.read\"]",
    ] {
        assert!(shown.contains(line), "{line} is not in\n{shown}");
    }
    assert!(!shown.contains("usr_") && !shown.contains("grp_"), "{shown}");
    let realms = world.server.get("/api/v1/realms", &world.admin).await;
    assert!(!realms.text.contains("partners"), "showing changes nothing");
    world.apply(NEW).await;
    let group = world.server.get("/api/v1/groups?name=inner", &world.admin).await;
    let member = group.body["items"][0]["members"][0]["who"]["user"].as_str().unwrap();
    let user = world.server.get(&format!("/api/v1/users/{member}"), &world.admin).await;
    assert_eq!(user.body["name"], "ada", "{}", user.text);
}

#[tokio::test]
async fn ids_are_taken_for_names_and_differences_are_told_in_names() {
    let world = World::new().await;
    world.apply(NEW).await;
    let group = world.server.get("/api/v1/groups?name=inner", &world.admin).await;
    let group = group.body["items"][0].clone();
    let (inner, ada) = (&group["id"], &group["members"][0]["who"]["user"]);
    let same = format!(
        "groups: [{{name: outer, members: [{{who: {{group: {inner}}}}}, \
                        {{who: {{user: {ada}}}, source: hr}}]}}]"
    );
    assert!(world.plan(&same).await.unwrap().is_empty());
    let less = "groups: [{name: outer, members: [{who: {group: inner}}]}]";
    let plan = world.plan(less).await.unwrap();
    let [change] = plan.as_slice() else { panic!("{plan:?}") };
    assert!(change.describe().contains("partners/ada"), "{}", change.describe());
    assert!(!change.describe().contains("usr_"), "{}", change.describe());
    let user = "users: [{realm: partners, name: ADA, display_name: Ada}]";
    let plan = world.plan(user).await.unwrap();
    assert!(plan[0].title().starts_with('~'), "she is known however her name is written: {plan:?}");
}

#[tokio::test]
async fn a_name_that_is_unknown_or_ambiguous_is_told_with_file_entry_and_field() {
    let world = World::new().await;
    let two = "users: [{realm: customers, name: eve}, {realm: employees, name: eve}]";
    world.apply(two).await;
    let eve = world.server.get("/api/v1/users?realm=customers&name=eve", &world.admin).await;
    let eve = eve.body["items"][0]["id"].as_str().unwrap().replace("usr_", "grp_");
    let group = format!("groups: [{{name: other}}, {{name: {eve}}}]");
    world.apply(&group).await;
    for (file, words) in [
        (
            "groups: [{name: a, members: [{who: {user: customers/nobody}}]}]",
            ["wanted.yaml: groups[0] (a)", "/members/0/who/user", "no user \"customers/nobody\""],
        ),
        (
            "groups: [{name: a, members: [{who: {user: eve}}]}]",
            ["/members/0/who/user", "ambiguous", "customers/eve or employees/eve"],
        ),
        (
            "assignments: [{principal: {group: nobody}, scope: uid, reason: r}]",
            ["assignments[0] (group nobody uid)", "/principal/group", "no group \"nobody\""],
        ),
        (
            "clients: [{id: a, auth_method: none, application: gone, scopes: [uid, gone.read]}]",
            ["clients[0] (a)", "/application: there is no application \"gone\"", "/scopes/1"],
        ),
        (
            "applications: [{id: a, team: t, name: n, service_user: usr_1}]",
            ["applications[0] (a)", "/service_user", "no user \"usr_1\""],
        ),
        ("users: [{realm: gone, name: a}]", ["users[0] (gone/a)", "/realm", "no realm \"gone\""]),
        (
            "scopes: [{token: a, rule: {granted: group, groups: [gone]}, summary: {en: A}}]",
            ["scopes[0] (a)", "/rule/groups/0", "no group \"gone\""],
        ),
        (
            "clients: [{id: a, auth_method: none, grant_typos: []}]",
            ["clients[0] (a)", "/grant_typos", "unknown field"],
        ),
        (
            "users: [{realm: customers, name: a}, {realm: customers, name: A}]",
            ["users[1] (customers/A)", "there already", "users[0] (customers/a)"],
        ),
    ] {
        let said = world.refusal(file).await;
        for word in words {
            assert!(said.contains(word), "{word:?} is not in {said}");
        }
    }
}

#[tokio::test]
async fn what_somebody_else_changed_since_it_was_compared_is_not_overwritten() {
    let world = World::new().await;
    world.apply("realms: [{name: partners}]\nresource_types: [{id: tt, name: T}]").await;
    let wanted =
        "realms: [{name: partners, access_token_seconds: 60}]\nresource_types: [{id: tt, name: U}]";
    let plan = world.plan(wanted).await.unwrap();
    let other = json!({ "password_grant": true });
    let put = world.server.put("/api/v1/realms/partners", &world.admin, &other).await;
    assert_eq!(put.status, 200, "{}", put.text);
    let error = write(&world.session, &plan).await.unwrap_err();
    let said = crate::failure::text(&error);
    assert!(
        said.contains("~ realms partners") && said.contains("nothing was overwritten"),
        "{said}"
    );
    assert!(said.contains("hint: run the same command without --write"), "{said}");
    let realm = world.server.get("/api/v1/realms/partners", &world.admin).await;
    assert_eq!(
        (&realm.body["password_grant"], &realm.body["access_token_seconds"]),
        (&json!(true), &Value::Null)
    );
    world.apply(wanted).await;
    let realm = world.server.get("/api/v1/realms/partners", &world.admin).await;
    assert_eq!(
        (&realm.body["password_grant"], &realm.body["access_token_seconds"]),
        (&json!(true), &json!(60))
    );

    let plan = world.plan_with("resource_types: [{id: uu, name: U}]", true).await.unwrap();
    let other = json!({ "name": "Changed" });
    world.server.put("/api/v1/resource-types/tt", &world.admin, &other).await;
    let error = write(&world.session, &plan).await.unwrap_err();
    assert!(crate::failure::text(&error).contains("- resource_types tt"), "{error:#}");
}

#[tokio::test]
async fn the_settings_of_a_tenant_are_applied_and_those_that_are_not_named_stay() {
    let world = World::new().await;
    let before = world.server.get("/api/v1/tenants/main", &world.admin).await.body;
    world.apply("tenants: [{name: main, settings: {id_token_seconds: 700, look: {texts: {en: {sign_in_hint: Hello}}}}}]").await;
    let after = world.server.get("/api/v1/tenants/main", &world.admin).await.body;
    assert_eq!(after["settings"]["id_token_seconds"], 700);
    assert_eq!(after["issuer"], before["issuer"]);
    assert_eq!(after["settings"]["code_seconds"], before["settings"]["code_seconds"]);
    assert_eq!(after["settings"]["revocation_salt"], before["settings"]["revocation_salt"]);
    let default =
        "tenants: [{name: main, settings: {consent_seconds: 31536000, look: {texts: {}}}}]";
    let left = world.plan(&default.replace(", look: {texts: {}}", "")).await.unwrap();
    assert!(left.is_empty(), "a default that is written out is no difference: {left:?}");
    let left = world.plan(default).await.unwrap();
    assert_eq!(left.len(), 1, "texts by language are whole: {left:?}");
}

#[tokio::test]
async fn a_hash_comes_with_a_user_once_and_undoes_no_password_that_was_set_since() {
    let world = World::new().await;
    let hash = "$2b$04$Fi507f0edFyO0Fg/yQ2WQuE5oMuLLqReAXzq/1gGPPIAvZEvP3fnC";
    let file = format!("users: [{{realm: customers, name: ada, password_hash: {hash}}}]");
    let plan = world.plan(&file).await.unwrap();
    assert!(plan[0].describe().contains("password_hash: \"…\""), "{}", plan[0].describe());
    assert!(!plan[0].describe().contains("Fi507"));
    world.apply(&file).await;
    let ada = world.server.get("/api/v1/users?realm=customers&name=ada", &world.admin).await;
    let ada = ada.body["items"][0].clone();
    assert_eq!(ada["passwords"].as_array().unwrap().len(), 1, "{ada}");
    world.apply("users: [{realm: customers, name: eve}]").await;
    world.apply(&file.replace("ada", "eve")).await;
}

#[tokio::test]
async fn what_goes_goes_in_an_order_that_works_and_nothing_that_stays_names_it() {
    let world = World::new().await;
    world.apply(NEW).await;
    let spoken = NEW.replace("partner", "buyer").replace("reports", "orders").replace("ada", "bob");
    let spoken = spoken.replace("outer", "around").replace("inner", "within");
    // The realms are named; the client that this is done with stays without.
    let id = world.server.administrator.as_ref().unwrap().client_id.to_string();
    let cut = |text: &str, from: &str, to: &str| {
        let (a, b) = (text.find(from).unwrap(), text.find(to).unwrap_or(text.len()));
        format!("{}{}", &text[..a], &text[b..])
    };
    let spoken = cut(&spoken, "assignments:", "nothing");
    let spoken = spoken.replace(
        "realms:\n  -",
        "realms:\n  - name: customers\n  - name: employees\n  - name: services\n  -",
    );
    let plan = world.plan_with(&spoken, true).await.unwrap();
    let titles: Vec<_> = plan.iter().map(Change::title).collect();
    assert!(titles.contains(&"- applications reports".to_owned()), "{titles:#?}");
    assert!(!titles.contains(&"- users services/stups_reports".to_owned()), "{titles:#?}");
    let shown = format!("{titles:?}");
    assert!(shown.find("- groups outer") < shown.find("- groups inner"), "{titles:#?}");
    write(&world.session, &plan).await.unwrap();
    assert!(world.plan_with(&spoken, true).await.unwrap().is_empty());
    let own = world.server.get(&format!("/api/v1/clients/{id}"), &world.admin).await;
    assert_eq!(own.status, 200, "{}", own.text);
    for gone in ["realms/partners", "applications/reports", "clients/reports"] {
        let answer = world.server.get(&format!("/api/v1/{gone}"), &world.admin).await;
        assert_eq!(answer.status, 404, "{gone}");
    }
}
