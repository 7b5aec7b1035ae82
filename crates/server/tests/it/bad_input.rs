//! Every place that takes something from outside, and every way in which it can be wrong: malformed,
//! oversized, twice, of another type, unknown. Each is refused with a clear error where it stands,
//! changes nothing, and is never a fault of the server.

use grantor_testkit::Answer;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::openid::{BACK, CHALLENGE, Openid};

const FORM: &str = "application/x-www-form-urlencoded";

/// Who asks.
#[derive(Clone, Copy)]
enum Caller {
    /// Anybody
    Nobody,
    /// The shop, by Basic
    Client,
    /// The administrator, by Bearer
    Admin,
    /// Jane, in her browser
    Person,
}

/// A place that takes a form, and a good one.
type Form<'a> = (Method, &'a str, Caller, Vec<(&'a str, String)>);

/// A place that takes a document, and a good one. Whether it refuses what it does not know.
type Document<'a> = (Method, &'a str, Caller, Value, bool);

struct Places {
    world: Openid,
    /// Redirects are answers here
    http: reqwest::Client,
    csrf: String,
    token: String,
}

impl Places {
    async fn start() -> Self {
        let openid = json!({ "grant_types": ["authorization_code", "client_credentials"] });
        let world = Openid::start(openid).await;
        let mut tenant = world.server.get("/api/v1/tenants/main", &world.admin).await.body;
        tenant["settings"]["registration"] = json!("open");
        tenant.as_object_mut().unwrap().retain(|name, _| name != "name" && name != "version");
        let put = world.server.put("/api/v1/tenants/main", &world.admin, &tenant).await;
        assert_eq!(put.status, 200, "{}", put.text);
        let bought = world.redeemed("openid email").await;
        let token = bought["access_token"].as_str().unwrap().to_owned();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let http = http.build().unwrap();
        let mut places = Self { world, http, csrf: String::new(), token };
        let page = places.request(Caller::Person, Method::GET, "/account/profile");
        let page = Answer::of(page).await.text;
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("every form has one");
        rest.split('"').next().unwrap().clone_into(&mut places.csrf);
        places
    }

    fn request(&self, caller: Caller, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.world.server.issuer));
        match caller {
            Caller::Nobody => request,
            Caller::Client => request.basic_auth("shop", Some(&self.world.secret)),
            Caller::Admin => request.bearer_auth(&self.world.admin).header("if-match", "*"),
            Caller::Person => request
                .header("cookie", format!("__Host-grantor-session-main={}", self.world.cookie))
                .header("sec-fetch-site", "same-origin"),
        }
    }

    fn forms(&self) -> Vec<Form<'_>> {
        let text = |pairs: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
            pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
        };
        let request = text(&[
            ("response_type", "code"),
            ("redirect_uri", BACK),
            ("scope", "openid"),
            ("state", "s"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        let mut authorize = request.clone();
        authorize.push(("client_id", "shop".to_owned()));
        let account = |more: &[(&'static str, &str)]| {
            let mut form = text(more);
            form.push(("csrf", self.csrf.clone()));
            form
        };
        let (post, get) = (Method::POST, Method::GET);
        let token = text(&[("token", self.token.as_str())]);
        vec![
            (
                post.clone(),
                "/oauth2/token",
                Caller::Client,
                text(&[("grant_type", "client_credentials"), ("scope", "uid")]),
            ),
            (post.clone(), "/oauth2/introspect", Caller::Client, token),
            (post.clone(), "/oauth2/revoke", Caller::Client, text(&[("token", "unknown")])),
            (post.clone(), "/oauth2/par", Caller::Client, request),
            (get.clone(), "/oauth2/authorize", Caller::Nobody, authorize.clone()),
            (post.clone(), "/oauth2/authorize", Caller::Person, authorize),
            (get, "/oauth2/end_session", Caller::Nobody, text(&[("state", "s")])),
            (post.clone(), "/oauth2/end_session", Caller::Nobody, text(&[("state", "s")])),
            (post.clone(), "/account/profile", Caller::Person, account(&[("name", "Jane")])),
            (post.clone(), "/account/language", Caller::Person, account(&[("language", "de")])),
            (post, "/account/sessions/end-others", Caller::Person, account(&[])),
        ]
    }

    fn send(&self, place: &Form<'_>, encoded: &[u8], kind: Option<&str>) -> RequestBuilder {
        let (method, path, caller, _) = place;
        if *method == Method::GET {
            let query = String::from_utf8_lossy(encoded);
            return self.request(*caller, Method::GET, &format!("{path}?{query}"));
        }
        let request = self.request(*caller, method.clone(), path).body(encoded.to_vec());
        match kind {
            Some(kind) => request.header("content-type", kind),
            None => request,
        }
    }
}

fn encoded(pairs: &[(&str, String)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs.iter().map(|(name, value)| (*name, value.as_str())));
    form.finish()
}

/// 4xx, and an error that says what it is: to a program, to a person, or to the client behind a
/// redirect. Sizes are refused before anybody knows who will read it.
#[track_caller]
fn is_clear(answer: &Answer, what: &str) {
    let status = answer.status.as_u16();
    if let Some((_, error)) = answer.header("location").split_once("error=") {
        assert!(status == 303 && error.starts_with(|c: char| c.is_ascii_lowercase()), "{what}");
        return;
    }
    assert!((400..500).contains(&status), "{what}: {status} {}", answer.text);
    let said = answer.body["error"].as_str().or(answer.body["title"].as_str());
    let page = answer.text.contains("data-error=\"") || answer.text.contains("id=\"form-error\"");
    assert!(said.is_some() || page, "{what}: {status} {:?}", answer.text);
    for word in ["panic", ".rs", "sqlite", "axum", "serde", "expected `"] {
        assert!(!answer.text.contains(word), "{what}: {}", answer.text);
    }
}

#[tokio::test]
async fn table_r_sec_007_sec_008_sec_012_sec_016_forms_that_are_wrong_in_any_way() {
    let places = Places::start().await;
    for place in places.forms() {
        let (method, path, _, good) = &place;
        let form = encoded(good);
        let fine = Answer::of(places.send(&place, form.as_bytes(), Some(FORM))).await;
        assert!(fine.status.as_u16() < 400, "{path}: {}", fine.text);
        assert!(!fine.header("location").contains("error="), "{path}: {}", fine.header("location"));
        let post = *method == Method::POST;
        let mut cells: Vec<(String, Vec<u8>)> = Vec::new();
        for broken in ["x=%zz", "x=%2", "x=%ff", "x=%c0%af", "x=%00", "%00=x", "x=%ed%a0%80"] {
            cells.push((format!("malformed {broken}"), format!("{form}&{broken}").into_bytes()));
        }
        if post {
            cells.push(("not UTF-8".to_owned(), [form.as_bytes(), b"&x=\xff\xfe"].concat()));
            cells.push(("NUL".to_owned(), [form.as_bytes(), b"&x=\0"].concat()));
        }
        let long = |length: usize| "x".repeat(length);
        let much = long(if post { 70_000 } else { 9_000 });
        cells.push(("oversized".to_owned(), format!("{form}&x={much}").into_bytes()));
        let many: String = (0..201).map(|n| format!("&p{n}=")).collect();
        cells.push(("too many".to_owned(), format!("{form}{many}").into_bytes()));
        for (name, value) in good {
            let twice = encoded(&[(name, value.clone())]);
            cells.push((format!("{name} twice"), format!("{form}&{twice}").into_bytes()));
            let other = encoded(&[(name, "other".to_owned())]);
            cells.push((format!("{name} contradicted"), format!("{form}&{other}").into_bytes()));
        }
        for (what, body) in cells {
            let answer = Answer::of(places.send(&place, &body, Some(FORM))).await;
            is_clear(&answer, &format!("{method} {path}: {what}"));
        }
        if post {
            let json = json!({ "grant_type": "client_credentials", "token": "x" }).to_string();
            for (kind, body) in [
                (Some("application/json"), json.as_bytes()),
                (Some("text/plain"), form.as_bytes()),
                (Some("multipart/form-data; boundary=x"), form.as_bytes()),
                (Some("application/x-www-form-urlencodedx"), form.as_bytes()),
                (Some("\u{7f}"), form.as_bytes()),
                (None, form.as_bytes()),
            ] {
                let kind = kind.filter(|kind| kind.is_ascii() && !kind.contains('\u{7f}'));
                let answer = Answer::of(places.send(&place, body, kind)).await;
                is_clear(&answer, &format!("{path}: sent as {kind:?}"));
            }
        }
        // RFC 6749 §3.1, §3.2: what is not known is nobody's business.
        let unknown = format!("{form}&unheard_of=x&a[b]=c&=&x={}", long(1_000));
        let answer = Answer::of(places.send(&place, unknown.as_bytes(), Some(FORM))).await;
        assert_eq!(answer.status, fine.status, "{path}: {}", answer.text);
        assert!(!answer.header("location").contains("error="), "{path}");
    }
    places.world.server.stop().await;
}

#[tokio::test]
async fn table_r_sec_036_values_of_the_wrong_kind_are_named_where_they_are_wrong() {
    let places = Places::start().await;
    let forms = places.forms();
    let odd = [
        "\u{1}",
        "a b\tc",
        "é\u{202e}",
        "'; drop table users; --",
        "../../etc/passwd",
        "-1",
        "1e400",
        "[]",
        "{}",
        "null",
        "%00",
        "\r\nSet-Cookie: a=b",
        "<script>",
        "javascript:alert(1)",
    ];
    for (path, name, error) in [
        ("/oauth2/token", "grant_type", "unsupported_grant_type"),
        ("/oauth2/token", "scope", "invalid_scope"),
        ("/oauth2/token", "resource", "invalid_target"),
        ("/oauth2/token", "client_id", "invalid_request"),
        ("/oauth2/par", "response_type", "unsupported_response_type"),
        ("/oauth2/par", "redirect_uri", "invalid_request"),
        ("/oauth2/par", "scope", "invalid_scope"),
        ("/oauth2/par", "code_challenge", "invalid_request"),
        ("/oauth2/par", "code_challenge_method", "invalid_request"),
        ("/oauth2/par", "response_mode", "invalid_request"),
        ("/oauth2/par", "prompt", "invalid_request"),
        ("/oauth2/par", "max_age", "invalid_request"),
        ("/oauth2/par", "claims", "invalid_request"),
        ("/oauth2/par", "resource", "invalid_target"),
        ("/oauth2/par", "realm", "invalid_request"),
        ("/oauth2/par", "request", "invalid_request_object"),
        ("/oauth2/authorize", "response_type", "unsupported_response_type"),
        ("/oauth2/authorize", "scope", "invalid_scope"),
        ("/oauth2/authorize", "code_challenge", "invalid_request"),
        ("/oauth2/authorize", "prompt", "invalid_request"),
        ("/oauth2/authorize", "max_age", "invalid_request"),
    ] {
        let place = forms.iter().find(|form| form.1 == path).unwrap();
        for value in odd {
            // `{}` asks for no claim at all.
            if (name, value) == ("claims", "{}") {
                continue;
            }
            let mut form: Vec<_> = place.3.iter().filter(|(n, _)| *n != name).cloned().collect();
            form.push((name, value.to_owned()));
            let answer =
                Answer::of(places.send(place, encoded(&form).as_bytes(), Some(FORM))).await;
            let what = format!("{path} {name}={value:?}");
            is_clear(&answer, &what);
            let location = answer.header("location");
            let said =
                location.split_once("error=").map(|(_, rest)| rest.split('&').next().unwrap());
            let said = said.or(answer.body["error"].as_str());
            // A malformed value may be called just that.
            assert!([Some(error), Some("invalid_request")].contains(&said), "{what}: {said:?}");
        }
    }
    for place in
        forms.iter().filter(|form| form.1 == "/oauth2/introspect" || form.1 == "/oauth2/revoke")
    {
        for value in odd {
            let form = [("token", value.to_owned())];
            let answer =
                Answer::of(places.send(place, encoded(&form).as_bytes(), Some(FORM))).await;
            assert_eq!(answer.status, 200, "{} {value:?}: {}", place.1, answer.text);
            assert!(["", r#"{"active":false}"#].contains(&&*answer.text), "{}", answer.text);
        }
    }
    for (name, value, status) in [
        ("id_token_hint", "nonsense", 400),
        ("client_id", "nobody", 400),
        ("client_id", "\u{1}", 400),
        ("post_logout_redirect_uri", "javascript:alert(1)", 400),
        ("post_logout_redirect_uri", "https://evil.example", 400),
        ("logout_hint", "<script>", 200),
        ("ui_locales", "xx-<>", 200),
    ] {
        let form = encoded(&[(name, value.to_owned())]);
        let request =
            places.request(Caller::Nobody, Method::GET, &format!("/oauth2/end_session?{form}"));
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, status, "{name}={value}: {}", answer.text);
        assert!(!answer.text.contains("<script>") && answer.header("location").is_empty());
    }
    places.world.server.stop().await;
}

fn documents() -> Vec<Document<'static>> {
    let (post, put) = (Method::POST, Method::PUT);
    let client = json!({
        "id": "new", "auth_method": "client_secret_basic", "grant_types": ["client_credentials"],
        "scopes": ["uid"],
    });
    let mut shop = client.clone();
    shop.as_object_mut().unwrap().remove("id");
    vec![
        (
            post.clone(),
            "/oauth2/register",
            Caller::Nobody,
            json!({ "redirect_uris": [BACK] }),
            false,
        ),
        (post.clone(), "/api/v1/clients", Caller::Admin, client, true),
        (put.clone(), "/api/v1/clients/shop", Caller::Admin, shop, true),
        (
            post.clone(),
            "/api/v1/users",
            Caller::Admin,
            json!({ "realm": "customers", "name": "new" }),
            true,
        ),
        (post.clone(), "/api/v1/groups", Caller::Admin, json!({ "name": "new" }), true),
        (
            post.clone(),
            "/api/v1/scopes",
            Caller::Admin,
            json!({ "token": "new", "rule": { "granted": "always" }, "summary": { "en": "x" } }),
            true,
        ),
        (post.clone(), "/api/v1/revocations", Caller::Admin, json!({ "token": "unknown" }), true),
        (
            post,
            "/api/v1/tenants",
            Caller::Admin,
            json!({ "name": "new", "issuer": "https://n.example" }),
            true,
        ),
        (
            put,
            "/api/v1/realms/customers",
            Caller::Admin,
            json!({ "default_scopes": ["uid"] }),
            true,
        ),
    ]
}

#[tokio::test]
async fn table_r_sec_007_sec_012_sec_164_documents_that_are_wrong_in_any_way() {
    let places = Places::start().await;
    let admin = &places.world.admin;
    let count = async || {
        let mut all = Vec::new();
        for list in ["clients", "users", "groups", "scopes", "tenants", "revocations"] {
            let seen = places.world.server.get(&format!("/api/v1/{list}?limit=200"), admin).await;
            all.push(seen.body["items"].as_array().unwrap().len());
        }
        all
    };
    let before = count().await;
    for (method, path, caller, good, strict) in documents() {
        let send = |body: Vec<u8>, kind: Option<&str>| {
            let request = places.request(caller, method.clone(), path).body(body);
            match kind {
                Some(kind) => request.header("content-type", kind),
                None => request,
            }
        };
        let text = good.to_string();
        let inner = text.trim_end_matches('}');
        let first = good.as_object().unwrap().keys().next().unwrap();
        let mut cells: Vec<(String, Vec<u8>)> = [
            "",
            "{",
            "nonsense",
            "[]",
            "1",
            "null",
            "\"x\"",
            "{}{}",
            "{\"a\":NaN}",
            "{\"a\":1e999999}",
            "{'a':1}",
            "{\"a\":\"\\ud800\"}",
            "{/**/}",
            "\u{feff}{}",
        ]
        .iter()
        .map(|body| (format!("malformed {body}"), body.as_bytes().to_vec()))
        .collect();
        cells.push(("trailing".to_owned(), format!("{text} x").into_bytes()));
        cells.push(("not UTF-8".to_owned(), [inner.as_bytes(), b",\"z\":\"\xff\"}"].concat()));
        cells.push(("control".to_owned(), format!("{inner},\"z\":\"\n\"}}").into_bytes()));
        cells.push((
            "deep".to_owned(),
            [vec![b'['; 100_000], vec![b']'; 100_000]].concat()[..60_000].to_vec(),
        ));
        let long = "x".repeat(if strict { 1_100_000 } else { 70_000 });
        cells.push(("oversized".to_owned(), format!("{inner},\"z\":\"{long}\"}}").into_bytes()));
        let member = format!("{first:?}:{}", good[first.as_str()]);
        cells.push(("twice".to_owned(), format!("{inner},{member}}}").into_bytes()));
        for name in good.as_object().unwrap().keys() {
            for wrong in [json!(1), json!(true), json!({ "a": 1 }), json!([1]), json!([[]])] {
                let mut body = good.clone();
                body[name.as_str()] = wrong.clone();
                cells.push((format!("{name} is {wrong}"), body.to_string().into_bytes()));
            }
        }
        if strict {
            cells.push(("unknown".to_owned(), format!("{inner},\"unheard_of\":1}}").into_bytes()));
        }
        for (what, body) in cells {
            let answer = Answer::of(send(body, Some("application/json"))).await;
            is_clear(&answer, &format!("{method} {path}: {what}"));
        }
        for kind in [Some("text/plain"), Some(FORM), Some("application/xml"), None] {
            let answer = Answer::of(send(text.clone().into_bytes(), kind)).await;
            is_clear(&answer, &format!("{path}: sent as {kind:?}"));
        }
    }
    assert_eq!(count().await, before, "none of it was written");
    for (method, path, caller, mut good, strict) in documents() {
        if !strict {
            good["unheard_of"] = json!({ "a": [1] });
        }
        let request = places.request(caller, method, path).json(&good);
        let answer = Answer::of(request).await;
        assert!(answer.status.is_success(), "{path} is good as it is: {}", answer.text);
    }
    places.world.server.stop().await;
}

#[tokio::test]
async fn table_r_lists_and_their_filters_are_refused_where_they_make_no_sense() {
    let places = Places::start().await;
    let admin = &places.world.admin;
    for list in [
        "clients",
        "users",
        "groups",
        "scopes",
        "tenants",
        "realms",
        "applications",
        "assignments",
        "consents",
        "grants",
        "revocations",
        "keys",
        "audit",
        "resource-types",
    ] {
        for query in [
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=x",
            "limit=",
            "limit=1&limit=1",
            "limit=%ff",
            "page_token=x",
            "page_token=gpt_AAAA",
            "unheard_of=1",
            "sort=name",
            "name=%00",
        ] {
            let answer = places.world.server.get(&format!("/api/v1/{list}?{query}"), admin).await;
            is_clear(&answer, &format!("{list}?{query}"));
            assert_eq!(answer.header("content-type"), "application/problem+json", "{list}?{query}");
        }
    }
    for path in [
        "users/x",
        "users/usr_",
        "users/usr_00000000000000000000000000000000",
        "clients/%00",
        "clients/%ff",
        "clients/..%2f..%2fx",
        "groups/grp_zz",
        "decisions/x",
        "grants/x",
        "keys/x",
        "consents/x/y",
        "assignments/x",
        "nothing",
    ] {
        let answer = places.world.server.get(&format!("/api/v1/{path}"), admin).await;
        is_clear(&answer, path);
    }
    places.world.server.stop().await;
}
