//! What each page promises: its ids, its policy, and what of a stranger's words gets onto it.

use std::collections::BTreeMap;

use grantor_crypto::digest::sha256;
use grantor_pages::{
    Account, Asking, Brand, BrandTexts, CheckSession, Consent, ConsentScope, ErrorKind, ErrorPage,
    FormPost, Language, LoggedOut, Logo, LogoutConfirm, Page, Redirect, Risk, Shell, SignIn, Step,
};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

fn shell() -> Shell {
    Shell::new(Brand::plain("Acme"), Language::En)
}

fn asking(name: &str) -> Asking {
    Asking {
        name: name.to_owned(),
        logo: Some(Logo::Remote("https://img.example/logo.png".to_owned())),
        home: Some("https://shop.example/".to_owned()),
        policy: Some("https://shop.example/privacy".to_owned()),
        terms: Some("https://shop.example/terms".to_owned()),
        redirect: Redirect("https://shop.example:8443/cb?a=b".to_owned()),
        assured: true,
    }
}

fn sign_in(asking: Asking) -> SignIn {
    SignIn {
        action: "/sign-in".to_owned(),
        hidden: vec![("tx", "t".to_owned())],
        step: Step::OnePage,
        asking: Some(asking),
        error: None,
        reason: None,
        username: String::new(),
        remember: None,
        realms: Vec::new(),
        cancel: true,
    }
}

fn consent(asking: Asking, text: &str) -> Consent {
    let scope = |scope: &str, optional| ConsentScope {
        scope: scope.to_owned(),
        text: text.to_owned(),
        detail: String::new(),
        optional,
        selected: false,
        risk: Risk::High,
    };
    Consent {
        action: "/consent".to_owned(),
        hidden: vec![("tx", "t".to_owned())],
        asking,
        account: Account {
            handle: "1".to_owned(),
            name: "<i>Anna</i>".to_owned(),
            detail: "anna".to_owned(),
            signed_out: false,
        },
        other_account: None,
        scopes: vec![scope("a", false), scope("b", true)],
        offline: false,
        remembered_days: None,
    }
}

fn logout() -> LogoutConfirm {
    LogoutConfirm {
        action: "/oauth2/end_session".to_owned(),
        hidden: Vec::new(),
        client: None,
        username: "anna".to_owned(),
        redirect: None,
    }
}

#[test]
fn ids_that_others_rely_on_are_there() {
    let pages: &[(Page, &[&str])] = &[
        (
            sign_in(asking("Shop")).page(&shell()),
            &["login-form", "username", "password", "login-submit"],
        ),
        (
            consent(asking("Shop"), "x").page(&shell()),
            &["consent-form", "consent-approve", "consent-deny"],
        ),
        (logout().page(&shell()), &["logout-form", "logout-confirm", "logout-cancel"]),
        (LoggedOut::default().page(&shell()), &["logged-out"]),
        (ErrorPage::new(ErrorKind::Redirect, "invalid_request").page(&shell()), &["error-page"]),
    ];
    for (page, ids) in pages {
        for id in *ids {
            let found = page.html.matches(&format!("id=\"{id}\"")).count();
            assert_eq!(found, 1, "{id}");
        }
    }
    assert!(pages[4].0.html.contains("id=\"error-page\" data-error=\"invalid_request\""));
}

#[test]
fn sec_002_a_policy_names_exactly_what_its_page_holds() {
    let told = LoggedOut {
        frames: vec!["https://a.example/out?sid=1".to_owned()],
        next: Some("https://a.example/".to_owned()),
        sign_in: None,
    };
    let fields = vec![("code".to_owned(), "c".to_owned())];
    let post = FormPost { action: "https://shop.example/cb".to_owned(), fields };
    let pages = [
        sign_in(asking("Shop")).page(&shell()),
        told.page(&shell()),
        post.page(&shell()),
        CheckSession { cookie: "s" }.page(),
    ];
    for page in &pages {
        for (open, close, directive) in
            [("<style>", "</style>", "style-src"), ("<script>", "</script>", "script-src")]
        {
            let inline = page.html.split(open).nth(1).and_then(|rest| rest.split(close).next());
            let sources = page.csp.split("; ").find(|part| part.starts_with(directive));
            let hash = inline.map(|text| STANDARD.encode(sha256(text.as_bytes())));
            let expected = hash.map(|hash| format!("{directive} 'sha256-{hash}'"));
            assert_eq!(sources.map(str::to_owned), expected);
        }
        for forbidden in ["unsafe", "*", "style=", " onload=", " onclick="] {
            assert!(!page.csp.contains(forbidden), "{}", page.csp);
        }
        assert!(!page.html.contains(" style=") && !page.html.contains(" onclick="));
    }
    assert!(
        pages[0].csp.contains("form-action 'self' https://shop.example:8443;"),
        "{}",
        pages[0].csp
    );
    assert!(pages[1].csp.contains("frame-src https://a.example;"), "{}", pages[1].csp);
    assert!(pages[2].csp.contains("form-action https://shop.example;"), "{}", pages[2].csp);
}

#[test]
fn trap_089_what_a_client_registered_is_on_the_pages_that_ask() {
    for page in [
        sign_in(asking("Shoe shop")).page(&shell()),
        consent(asking("Shoe shop"), "x").page(&shell()),
    ] {
        for part in [
            "Shoe shop",
            "shop.example:8443",
            "href=\"https://shop.example/privacy\"",
            "href=\"https://shop.example/terms\"",
            "src=\"https://img.example/logo.png\"",
            "referrerpolicy=\"no-referrer\"",
        ] {
            assert!(page.html.contains(part), "{part}");
        }
        assert!(page.csp.contains("img-src data: https://img.example;"), "{}", page.csp);
    }
}

#[test]
fn sec_043_what_strangers_write_is_text_and_nothing_else() {
    let mut hostile = asking("<img src=x onerror=alert(1)>\u{202E}");
    hostile.policy = Some("javascript:alert(1)".to_owned());
    hostile.terms = Some("data:text/html,<script>alert(1)</script>".to_owned());
    hostile.home = None;
    hostile.logo = Some(Logo::Remote("javascript:alert(1)".to_owned()));
    let written = "<script>alert(1)</script>";
    for page in [sign_in(hostile.clone()).page(&shell()), consent(hostile, written).page(&shell())]
    {
        for part in
            ["<img src=x", "javascript:", "data:text", "<script>alert", "<i>Anna", "\u{202E}"]
        {
            assert!(!page.html.contains(part), "{part}: {}", page.html);
        }
        assert!(!page.csp.contains("javascript"));
        assert!(page.html.contains("shop.example:8443"), "the verified host is beside the name");
    }
}

#[test]
fn sec_041_a_consent_form_carries_the_transaction_and_the_boxes() {
    let page = consent(asking("Shop"), "x").page(&shell());
    let names: Vec<&str> = page
        .html
        .split(" name=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|name| !["viewport", "color-scheme", "robots"].contains(name))
        .collect();
    assert_eq!(names, ["tx", "scope", "decision", "decision"]);
    // A scope that cannot be left out has no box that could be posted.
    assert!(!page.html.contains("value=\"a\"") && page.html.contains("value=\"b\""));
}

#[test]
fn a_tenant_gives_its_pages_a_look() {
    let texts = |hint: &str| BrandTexts {
        sign_in_hint: hint.to_owned(),
        links: vec![("Imprint".to_owned(), "https://acme.example/imprint".to_owned())],
    };
    let texts = BTreeMap::from([(Language::En, texts("Hello")), (Language::De, texts("Hallo"))]);
    let logo = "data:image/png;base64,iVBORw0KGgo=";
    let brand = Brand::new("Acme & Söhne", Some(logo), Some("#ffdd00"), texts);
    let page = sign_in(asking("Shop")).page(&Shell::new(brand, Language::De));
    for part in ["Acme &#38; Söhne", logo, "Hallo", "https://acme.example/imprint", "lang=\"de\""]
    {
        assert!(page.html.contains(part), "{part}");
    }
    assert!(page.html.len() < 30 * 1024);
}

#[test]
fn every_error_tells_what_to_do_in_both_languages() {
    for language in Language::ALL {
        let shell = Shell::new(Brand::plain("Acme"), language);
        let mut headings = std::collections::BTreeSet::new();
        for kind in ErrorKind::ALL {
            let mut error = ErrorPage::new(kind, "invalid_request");
            error.decision = Some("0195-decision".to_owned());
            let page = error.page(&shell);
            let heading = page.html.split("<h1").nth(1).and_then(|rest| rest.split("</h1>").next());
            assert!(headings.insert(heading.unwrap_or_default().to_owned()), "{kind:?}");
            assert!(page.html.contains("id=\"decision-id\">0195-decision<"), "{kind:?}");
        }
    }
}
