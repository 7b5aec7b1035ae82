//! What callers hear. `stups.md` 12, RFC 6750 §3, RFC 9728.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::routing::get;
use proptest::prelude::*;

use grantor_resource::{
    Caller, Denied, Owner, OwnerOr, Protect, Reach, Refusal, Require, all_of, any_of,
};
use serde_json::json;

use crate::world::{World, send};

const HEAD: &str = r#"Bearer realm="https://api1.example""#;
const TAIL: &str =
    r#", resource_metadata="https://api1.example/.well-known/oauth-protected-resource""#;

fn request(method: &str, uri: &str, headers: &[&str]) -> Request<Body> {
    let request = Request::builder().method(method).uri(uri);
    let request = headers.iter().fold(request, |r, value| r.header("authorization", *value));
    request.body(Body::empty()).unwrap()
}

/// The case, its `Authorization` headers; status, the middle of the challenge, and `error`.
type Row<'a> = (&'a str, &'a [&'a str], u16, &'a str, Option<&'a str>);

#[tokio::test]
async fn sec_188_every_refusal_has_its_challenge_and_tells_nothing_of_the_token() {
    let world = World::new().await;
    let good = format!("Bearer {}", world.good_token());
    let expired = format!("Bearer {}", world.token(&json!({"exp": 1, "sub": "secret-sub"})));
    let other = format!("Bearer {}", world.token(&json!({"aud": "https://api2.example"})));
    #[rustfmt::skip]
    let table: &[Row<'_>] = &[
        ("none",       &[],                     401, "",                                               None),
        ("basic",      &["Basic YTpi"],         401, "",                                               None),
        ("two",        &[&good, &good],         400, r#", error="invalid_request""#,                   Some("invalid_request")),
        ("no-token",   &["Bearer"],             400, r#", error="invalid_request""#,                   Some("invalid_request")),
        ("broken",     &["Bearer a.b.c"],       401, r#", error="invalid_token""#,                     Some("invalid_token")),
        ("expired",    &[&expired],             401, r#", error="invalid_token""#,                     Some("invalid_token")),
        ("other-api",  &[&other],               401, r#", error="invalid_token""#,                     Some("invalid_token")),
        ("scope",      &[&good],                403, r#", error="insufficient_scope", scope="a.read""#, Some("insufficient_scope")),
    ];
    let mut bodies = Vec::new();
    for (case, headers, status, middle, error) in table {
        let api = world.api(Require::rule(any_of(["a.read", "a.read_all"])));
        let heard = send(api, request("GET", "/", headers)).await;
        assert_eq!(heard.status.as_u16(), *status, "{case}");
        assert_eq!(heard.challenge(), Some(format!("{HEAD}{middle}{TAIL}").as_str()), "{case}");
        assert_eq!(heard.body["error"].as_str(), *error, "{case}");
        assert_eq!(heard.headers["cache-control"], "no-store", "{case}");
        let body = heard.body.to_string();
        assert!(!body.contains("ada") && !body.contains("secret-sub"), "{case}: {body}");
        bodies.push((status, body));
    }
    assert_eq!(bodies[4], bodies[5], "whoever tries tokens cannot tell what is wrong with them");
    assert_eq!(bodies[5], bodies[6]);
}

#[tokio::test]
async fn sec_017_a_token_in_the_query_opens_nothing() {
    let world = World::new().await;
    let uri = format!("/?access_token={}", world.good_token());
    let heard = send(world.api(Require::authenticated()), request("GET", &uri, &[])).await;
    assert_eq!(heard.status, StatusCode::UNAUTHORIZED);
    assert_eq!(heard.challenge(), Some(format!("{HEAD}{TAIL}").as_str()));
}

#[tokio::test]
async fn a_good_token_is_served_and_the_handler_knows_who_calls() {
    let world = World::new().await;
    let heard = world.get(&world.good_token()).await;
    assert_eq!(heard.status, StatusCode::OK);
    assert_eq!(heard.body, json!({"subject": "ada", "realm": "customers"}));
}

#[tokio::test]
async fn methods_have_alternatives_of_their_own() {
    let world = World::new().await;
    let require = || {
        Require::per_method()
            .on(Method::GET, any_of(["sales_order.read", "sales_order.read_all"]))
            .on(Method::POST, all_of(["uid", "sales_order.write"]))
    };
    #[rustfmt::skip]
    let table = [
        ("GET",  "sales_order.read",       200),
        ("GET",  "sales_order.read_all",   200),
        ("HEAD", "sales_order.read_all",   200),
        ("GET",  "sales_order.write",      403),
        ("HEAD", "uid",                    403),
        ("GET",  "sales_order.read2",      403),
        ("GET",  "",                       403),
        ("POST", "uid sales_order.write",  200),
        ("POST", "sales_order.write",      403),
        ("POST", "uid",                    403),
        ("PUT",  "uid sales_order.write sales_order.read", 405),
    ];
    for (method, scope, status) in table {
        let token = format!("Bearer {}", world.token(&json!({ "scope": scope })));
        let heard = send(world.api(require()), request(method, "/", &[&token])).await;
        assert_eq!(heard.status.as_u16(), status, "{method} with {scope:?}");
        match status {
            405 => assert_eq!(heard.headers["allow"], "GET, POST"),
            403 if method == "POST" => assert!(
                heard.challenge().unwrap().contains(r#"scope="uid sales_order.write""#),
                "all that is needed is named"
            ),
            _ => {}
        }
    }
    let api = world.api(require());
    assert_eq!(send(api, request("PUT", "/", &[])).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn sets_of_scopes_can_be_alternatives_and_the_challenge_names_one_set() {
    let world = World::new().await;
    let require = || {
        let read = all_of(["uid", "sales_order.read"]).or(any_of(["sales_order.read_all"]));
        let write = any_of(["sales_order.admin"])
            .or(all_of(["sales_order.read", "sales_order.write"]))
            .or(all_of(["stock.read", "stock.write"]));
        Require::per_method().on(Method::GET, read).on(Method::POST, write)
    };
    #[rustfmt::skip]
    let table = [
        ("GET",  "uid sales_order.read",               None),
        ("GET",  "sales_order.read_all",               None),
        ("HEAD", "sales_order.read_all email",         None),
        ("GET",  "sales_order.read",                   Some("uid sales_order.read")),
        ("GET",  "uid",                                Some("uid sales_order.read")),
        ("GET",  "email",                              Some("uid sales_order.read")),
        ("GET",  "",                                   Some("uid sales_order.read")),
        ("POST", "sales_order.admin",                  None),
        ("POST", "sales_order.write sales_order.read", None),
        ("POST", "stock.write stock.read",             None),
        ("POST", "uid",                                Some("sales_order.admin")),
        ("POST", "sales_order.write",                  Some("sales_order.read sales_order.write")),
        ("POST", "stock.read",                         Some("stock.read stock.write")),
        ("POST", "stock.read sales_order.read",        Some("sales_order.read sales_order.write")),
    ];
    for (method, scope, wanted) in table {
        let token = format!("Bearer {}", world.token(&json!({ "scope": scope })));
        let heard = send(world.api(require()), request(method, "/", &[&token])).await;
        let challenge = wanted
            .map(|wanted| format!(r#"{HEAD}, error="insufficient_scope", scope="{wanted}"{TAIL}"#));
        assert_eq!(heard.challenge(), challenge.as_deref(), "{method} with {scope:?}");
        assert_eq!(heard.status.as_u16(), if wanted.is_some() { 403 } else { 200 }, "{scope:?}");
        if (method, scope) == ("GET", "uid") {
            let says = "the access token lacks the scope (uid sales_order.read) or \
                        sales_order.read_all";
            assert_eq!(heard.body["error_description"], says);
        }
    }
}

#[tokio::test]
async fn a_realm_can_be_shut_out() {
    let world = World::new().await;
    let get = async |realm: &str, require: Require| {
        let token = format!("Bearer {}", world.token(&json!({ "realm": realm })));
        send(world.api(require), request("GET", "/", &[&token])).await
    };
    let staff = || Require::scopes(["uid"]).realms(["/employees"]);
    assert_eq!(get("employees", staff()).await.status, StatusCode::OK);
    assert_eq!(get("/employees", staff()).await.status, StatusCode::OK);
    let heard = get("/customers", staff()).await;
    assert_eq!(
        (heard.status, &heard.body["error"]),
        (StatusCode::FORBIDDEN, &json!("realm_not_allowed"))
    );
    assert_eq!(heard.challenge(), None, "another token of the same user would not help");
}

const READ: OwnerOr =
    OwnerOr { owner_scope: "sales_order.read", assigned_scope: "sales_order.read_all" };

#[tokio::test]
async fn an_owner_scope_counts_for_the_owner_and_an_assigned_scope_for_everybody() {
    let world = World::new().await;
    let ada = Owner::new("/customers", "ada");
    #[rustfmt::skip]
    let table = [
        ("own",              "sales_order.read",     "/customers", "ada", Ok(())),
        ("own-no-slash",     "sales_order.read",     "customers",  "ada", Ok(())),
        ("other-uid",        "sales_order.read",     "/customers", "bob", Err(Refusal::NotOwner)),
        ("same-uid-other-realm", "sales_order.read", "/employees", "ada", Err(Refusal::NotOwner)),
        ("no-realm",         "sales_order.read",     "",           "ada", Err(Refusal::NotOwner)),
        ("assigned",         "sales_order.read_all", "/services",  "job", Ok(())),
        ("both",             "sales_order.read sales_order.read_all", "/services", "job", Ok(())),
        ("neither",          "sales_order.write",    "/customers", "ada",
            Err(Refusal::InsufficientScope(any_of(["sales_order.read", "sales_order.read_all"])))),
    ];
    for (case, scope, realm, sub, expected) in table {
        let realm = if realm.is_empty() { json!(null) } else { json!(realm) };
        let token = world.token(&json!({ "scope": scope, "realm": realm, "sub": sub }));
        let caller = world.verifier.verify(&token).await.unwrap();
        let answer = caller.may(READ, ada).map_err(|denied| denied.refusal().clone());
        assert_eq!(answer, expected, "{case}");
    }
}

#[tokio::test]
async fn a_list_shows_what_is_in_reach() {
    let world = World::new().await;
    let caller = world.verifier.verify(&world.good_token()).await.unwrap();
    assert_eq!(caller.reach(READ).unwrap(), Reach::Own(Owner::new("customers", "ada")));
    assert!(caller.owns("/customers", "ada").is_ok());
    assert!(caller.owns("employees", "ada").is_err());
    let all = world.token(&json!({"scope": "sales_order.read_all"}));
    let caller = world.verifier.verify(&all).await.unwrap();
    assert_eq!(caller.reach(READ).unwrap(), Reach::All);
}

#[tokio::test]
async fn a_stranger_to_the_thing_hears_of_ownership_and_not_of_scope() {
    let world = World::new().await;
    let bob = format!("Bearer {}", world.token(&json!({"sub": "bob"})));
    let get = async |number: u32| {
        let uri = format!("/orders/{number}");
        send(crate::protect::app(&world.verifier), request("GET", &uri, &[&bob])).await
    };
    assert_eq!(get(2).await.status, StatusCode::OK);
    let heard = get(1).await;
    assert_eq!(heard.status, StatusCode::FORBIDDEN);
    assert_eq!(heard.body["error"], "not_owner");
    assert!(heard.body["error_description"].as_str().unwrap().contains("owner"));
    assert!(!heard.body.to_string().contains("scope"));
    assert_eq!(heard.challenge(), None);
}

#[tokio::test]
async fn the_example_has_less_than_forty_lines_and_plays_the_story() {
    let lines = include_str!("../../examples/protect.rs").lines().count();
    assert!(lines < 40, "{lines}");
    let world = World::new().await;
    #[rustfmt::skip]
    let table = [
        ("read_all",  Some(json!({"scope": "uid sales_order.read_all", "realm": "/services", "sub": "job"})), 200),
        ("no-scope",  Some(json!({"scope": "uid"})),   403),
        ("no-token",  None,                            401),
        ("own",       Some(json!({})),                 200),
        ("another's", Some(json!({"sub": "bob"})),     403),
    ];
    for (case, changes, status) in table {
        let header = changes.map(|changes| format!("Bearer {}", world.token(&changes)));
        let headers: Vec<&str> = header.iter().map(String::as_str).collect();
        let app = crate::protect::app(&world.verifier);
        let heard = send(app, request("GET", "/orders/1", &headers)).await;
        assert_eq!(heard.status.as_u16(), status, "{case}");
    }
}

#[tokio::test]
async fn the_resource_describes_itself() {
    let world = World::with(|b| b.scopes_supported(["sales_order.read"])).await;
    let uri = "/.well-known/oauth-protected-resource";
    let heard = send(world.api(Require::authenticated()), request("GET", uri, &[])).await;
    assert_eq!(heard.status, StatusCode::OK);
    assert_eq!(heard.headers["content-type"], "application/json");
    assert_eq!(
        heard.body,
        json!({
            "resource": "https://api1.example",
            "authorization_servers": [world.server.issuer],
            "scopes_supported": ["sales_order.read"],
            "bearer_methods_supported": ["header"],
        })
    );
}

#[tokio::test]
async fn a_requirement_is_a_layer_of_its_own_and_needs_protection_around_it() {
    async fn hello(caller: Caller) -> Result<String, Denied> {
        caller.owns("customers", "ada").map(|()| "hello".to_owned())
    }
    let world = World::new().await;
    let routes = || {
        Router::new()
            .route("/a", get(hello).layer(Require::scopes(["uid"])))
            .route("/b", get(hello).layer(Require::scopes(["sales_order.write"])))
            .route("/c", get(hello))
    };
    let token = format!("Bearer {}", world.good_token());
    for (uri, inside, outside) in [("/a", 200, 500), ("/b", 403, 500), ("/c", 200, 500)] {
        let protected = routes().layer(Protect::new(&world.verifier));
        let heard = send(protected, request("GET", uri, &[&token])).await;
        assert_eq!(heard.status.as_u16(), inside, "{uri}");
        let heard = send(routes(), request("GET", uri, &[&token])).await;
        assert_eq!(heard.status.as_u16(), outside, "{uri} without protection");
    }
}

#[test]
#[should_panic(expected = "a rule without scopes")]
fn sec_186_a_rule_that_asks_for_nothing_does_not_start() {
    let _ = any_of::<&str>([]);
}

#[test]
#[should_panic(expected = "is no scope")]
fn sec_186_a_rule_that_nobody_meets_does_not_start() {
    let _ = Require::scopes(["sales order"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever stands in the headers, the answer is a refusal of the client and never a fault.
    #[test]
    fn no_authorization_header_is_served_or_crashes(
        headers in prop::collection::vec(
            prop_oneof![
                "Bearer [A-Za-z0-9_-]{0,20}(\\.[A-Za-z0-9_=-]{0,20}){0,4}",
                "[bB]earer .{0,40}",
                "[ -~]{0,40}",
            ],
            0..3,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let status = runtime.block_on(async {
            let world = World::new().await;
            let mut sent = request("GET", "/", &[]);
            for header in headers {
                if let Ok(value) = axum::http::HeaderValue::from_bytes(header.as_bytes()) {
                    sent.headers_mut().append("authorization", value);
                }
            }
            send(world.api(Require::authenticated()), sent).await.status
        });
        prop_assert!(status == 400 || status == 401, "{status}");
    }
}
