//! Every page, written to a folder, to be looked at and to be tested in a browser.
//!
//! `cargo run -p grantor-pages --example gallery -- target/gallery`
//!
//! Each page is `NAME.LANGUAGE.html` with its policy beside it as `NAME.LANGUAGE.csp`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs, io};

use grantor_pages::account::{
    AccountShell, Activity, Application, Applications, Device, Entry, Happening, HeldScope, Notice,
    Overview, PasswordError, PasswordPage, Profile, ProfileFields, SessionRow, Sessions,
};
use grantor_pages::{
    Account, AccountChoice, Asking, Brand, BrandTexts, CheckSession, Consent, ConsentScope,
    ErrorKind, ErrorPage, FormPost, Language, LoggedOut, LogoutConfirm, Page, RealmChoice, Reason,
    Redirect, Risk, Shell, SignIn, SignInError, Step, When,
};

fn main() -> io::Result<()> {
    let folder = env::args().nth(1).map_or_else(|| PathBuf::from("target/gallery"), PathBuf::from);
    fs::create_dir_all(&folder)?;
    for language in Language::ALL {
        for (name, page) in gallery(language) {
            let stem = format!("{name}.{}", language.tag());
            fs::write(folder.join(format!("{stem}.html")), &page.html)?;
            fs::write(folder.join(format!("{stem}.csp")), &page.csp)?;
        }
    }
    Ok(())
}

fn gallery(language: Language) -> Vec<(String, Page)> {
    let mut pages = Vec::new();
    let mut add = |name: &str, page: Page| pages.push((name.to_owned(), page));
    let shell = Shell { here: Some("/sign-in?tx=1".to_owned()), ..Shell::new(brand(), language) };
    for (name, view) in sign_ins(language) {
        add(name, view.page(&shell));
    }
    let plain = Shell::new(Brand::plain("Grantor"), language);
    add("sign-in-plain", SignIn { asking: None, ..sign_in() }.page(&plain));
    add("account-choice", account_choice().page(&shell));
    add("consent", consent(language).page(&shell));
    add("consent-unverified", unverified(language).page(&shell));
    add("logout", logout().page(&shell));
    add(
        "logged-out",
        LoggedOut { sign_in: Some("/account".to_owned()), ..LoggedOut::default() }.page(&shell),
    );
    let told = LoggedOut {
        frames: vec!["https://shop.example/front?iss=a&sid=b".to_owned()],
        next: Some("#on".to_owned()),
        sign_in: None,
    };
    add("logged-out-frames", told.page(&shell));
    let fields =
        vec![("code".to_owned(), "c".to_owned()), ("state".to_owned(), "\"><b>".to_owned())];
    add(
        "form-post",
        FormPost { action: "https://shop.example/cb".to_owned(), fields }.page(&shell),
    );
    for kind in ErrorKind::ALL {
        let name = format!("error-{kind:?}").to_lowercase();
        let mut view = ErrorPage::new(kind, "invalid_request");
        view.decision = Some("01995b7e-1f6a-7cc1-8f7e-3a5f8c2d9b10".to_owned());
        view.detail = Some("redirect_uri is not one of those registered".to_owned());
        view.next = (kind == ErrorKind::Expired).then(|| "/account".to_owned());
        add(&name, view.page(&shell));
    }
    add("check-session", CheckSession { cookie: "grantor-session-state" }.page());
    for (name, page) in account_pages(language) {
        add(name, page);
    }
    pages
}

fn pick(language: Language, english: &str, german: &str) -> String {
    let text = match language {
        Language::En => english,
        Language::De => german,
    };
    text.to_owned()
}

fn brand() -> Brand {
    let link = |label: &str, path: &str| (label.to_owned(), format!("https://acme.example/{path}"));
    let english = BrandTexts {
        sign_in_hint: String::new(),
        links: vec![link("Imprint", "imprint"), link("Privacy", "privacy")],
    };
    let german = BrandTexts {
        sign_in_hint: String::new(),
        links: vec![link("Impressum", "imprint"), link("Datenschutz", "privacy")],
    };
    let texts = BTreeMap::from([(Language::En, english), (Language::De, german)]);
    Brand::new("Acme", None, None, texts)
}

fn asking() -> Asking {
    Asking {
        name: "Shoe shop".to_owned(),
        logo: None,
        home: Some("https://shop.example/".to_owned()),
        policy: Some("https://shop.example/privacy".to_owned()),
        terms: Some("https://shop.example/terms".to_owned()),
        redirect: Redirect("https://shop.example/callback".to_owned()),
        assured: true,
    }
}

fn sign_in() -> SignIn {
    SignIn {
        action: "/sign-in".to_owned(),
        hidden: vec![("tx", "1".to_owned())],
        step: Step::OnePage,
        asking: Some(asking()),
        error: None,
        reason: None,
        username: String::new(),
        remember: Some(false),
        realms: Vec::new(),
        cancel: true,
    }
}

fn sign_ins(language: Language) -> Vec<(&'static str, SignIn)> {
    let password = Step::Password { change: Some("/sign-in?tx=1".to_owned()) };
    let realm =
        |value: &str, label: String, chosen| RealmChoice { value: value.to_owned(), label, chosen };
    let realms = vec![
        realm("customers", pick(language, "Customer", "Kundin oder Kunde"), true),
        realm("employees", pick(language, "Employee", "Mitarbeitende"), false),
    ];
    let known = SignIn { username: "anna".to_owned(), ..sign_in() };
    let wrong = Some(SignInError::Wrong);
    let again = Some(Reason::Again);
    let waiting = Some(SignInError::TooMany { wait: 300 });
    vec![
        ("sign-in", SignIn { step: Step::Identity, ..sign_in() }),
        ("sign-in-realms", SignIn { step: Step::Identity, realms, ..sign_in() }),
        ("sign-in-password", SignIn { step: password.clone(), ..known.clone() }),
        ("sign-in-one-page", sign_in()),
        ("sign-in-wrong", SignIn { error: wrong, ..known.clone() }),
        ("sign-in-waiting", SignIn { step: password.clone(), error: waiting, ..known.clone() }),
        ("sign-in-again", SignIn { step: password, reason: again, remember: None, ..known }),
    ]
}

fn anna() -> Account {
    Account {
        handle: "1".to_owned(),
        name: "Anna Ahorn".to_owned(),
        detail: "anna".to_owned(),
        signed_out: false,
    }
}

fn account_choice() -> AccountChoice {
    let bert = Account {
        handle: "2".to_owned(),
        name: "Bert Birke".to_owned(),
        detail: "bert@acme.example".to_owned(),
        signed_out: true,
    };
    AccountChoice {
        action: "/account-choice".to_owned(),
        hidden: Vec::new(),
        asking: Some(asking()),
        accounts: vec![anna(), bert],
        cancel: true,
    }
}

fn scope(scope: &str, text: String, detail: String, optional: bool, risk: Risk) -> ConsentScope {
    ConsentScope { scope: scope.to_owned(), text, detail, optional, selected: true, risk }
}

fn consent(language: Language) -> Consent {
    let none = String::new;
    Consent {
        action: "/consent".to_owned(),
        hidden: vec![("tx", "1".to_owned())],
        asking: asking(),
        account: anna(),
        other_account: Some("/account-choice?tx=1".to_owned()),
        scopes: vec![
            scope(
                "wishlist.write",
                pick(language, "Add to your wishlist", "Ihre Wunschliste ergänzen"),
                pick(
                    language,
                    "It cannot see what is on it.",
                    "Was darauf steht, sieht sie nicht.",
                ),
                false,
                Risk::Low,
            ),
            scope(
                "profile",
                pick(language, "See your name", "Ihren Namen sehen"),
                none(),
                true,
                Risk::Low,
            ),
            scope(
                "address",
                pick(language, "See your postal address", "Ihre Anschrift sehen"),
                none(),
                true,
                Risk::High,
            ),
        ],
        offline: true,
        remembered_days: Some(365),
    }
}

fn unverified(language: Language) -> Consent {
    let name =
        "Wonderful \u{202E}Totally Trustworthy Bank of the Whole Wide World and Beyond <b>Ltd</b>";
    Consent {
        asking: Asking {
            name: name.to_owned(),
            redirect: Redirect("com.example.app:/callback".to_owned()),
            assured: false,
            policy: None,
            terms: None,
            home: None,
            ..asking()
        },
        other_account: None,
        scopes: vec![scope(
            "payments",
            pick(language, "Pay with your account", "Mit Ihrem Konto bezahlen"),
            String::new(),
            false,
            Risk::High,
        )],
        offline: false,
        remembered_days: None,
        ..consent(language)
    }
}

fn logout() -> LogoutConfirm {
    LogoutConfirm {
        action: "/oauth2/end_session".to_owned(),
        hidden: Vec::new(),
        client: Some("Shoe shop".to_owned()),
        username: "anna".to_owned(),
        redirect: None,
    }
}

fn ago(minutes: i64) -> When {
    let now: jiff::Timestamp = "2026-11-22T12:00:00Z".parse().expect("a moment");
    When { at: now - jiff::SignedDuration::from_mins(minutes), now }
}

fn account_pages(language: Language) -> Vec<(&'static str, Page)> {
    let account = AccountShell {
        shell: Shell { here: Some("/account".to_owned()), ..Shell::new(brand(), language) },
        name: "Anna Ahorn".to_owned(),
        username: "anna".to_owned(),
        csrf: "t".to_owned(),
        notice: None,
        base: "/account".to_owned(),
        sign_out: "/oauth2/end_session".to_owned(),
    };
    let noticed = AccountShell { notice: Some(Notice::ScopeWithdrawn), ..account.clone() };
    let fields = ProfileFields {
        name: "Anna Ahorn".to_owned(),
        given_name: "Anna".to_owned(),
        family_name: "Ahorn".to_owned(),
    };
    let profile = Profile {
        fields,
        email: Some("anna@acme.example".to_owned()),
        email_verified: true,
        ..Profile::default()
    };
    let password = PasswordPage { shortest: 15, ..PasswordPage::default() };
    let refused = PasswordPage { error: Some(PasswordError::TooShort), ..password };
    vec![
        ("account", Overview { applications: 2, sessions: 3 }.page(&account)),
        ("account-profile", profile.page(&account)),
        ("account-password", password.page(&account)),
        ("account-password-refused", refused.page(&account)),
        ("account-sessions", sessions().page(&account)),
        ("account-applications", applications(language).page(&noticed)),
        ("account-applications-none", Applications::default().page(&account)),
        ("account-activity", activity().page(&account)),
    ]
}

fn sessions() -> Sessions {
    let session =
        |agent: &str, address: &str, seen, began, here, applications: &[&str]| SessionRow {
            id: address.to_owned(),
            device: Device::of(agent),
            address: address.to_owned(),
            began: ago(began),
            seen: ago(seen),
            here,
            applications: applications.iter().map(|name| (*name).to_owned()).collect(),
        };
    let linux = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0";
    let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) Mobile/15E148 Safari/604.1";
    let sessions = vec![
        session(linux, "192.0.2.17", 0, 45, true, &["Shoe shop"]),
        session(phone, "2001:db8::a1:17", 190, 9_000, false, &["Shoe shop", "Timetable"]),
        session("odd", "198.51.100.4", 3_000, 80_000, false, &[]),
    ];
    Sessions { sessions }
}

fn applications(language: Language) -> Applications {
    let held =
        |scope: &str, text: String, until| HeldScope { scope: scope.to_owned(), text, until };
    let shop = Application {
        client: "shoe-shop".to_owned(),
        name: "Shoe shop".to_owned(),
        home: Some("https://shop.example/".to_owned()),
        since: ago(50_000),
        last_used: Some(ago(4)),
        scopes: vec![
            held(
                "wishlist.write",
                pick(language, "Add to your wishlist", "Ihre Wunschliste ergänzen"),
                None,
            ),
            held(
                "profile",
                pick(language, "See your name", "Ihren Namen sehen"),
                Some(ago(-500_000)),
            ),
        ],
    };
    let timetable = Application {
        client: "timetable".to_owned(),
        name: "Timetable".to_owned(),
        home: None,
        since: ago(2_000),
        last_used: None,
        scopes: vec![held(
            "calendar.read",
            pick(language, "See your calendar", "Ihren Kalender sehen"),
            None,
        )],
    };
    Applications { applications: vec![shop, timetable] }
}

fn activity() -> Activity {
    let entry = |what, minutes, address: &str, application: &str| Entry {
        what,
        at: ago(minutes),
        address: address.to_owned(),
        application: application.to_owned(),
    };
    Activity {
        entries: vec![
            entry(Happening::Withdrawn, 1, "192.0.2.17", "Shoe shop"),
            entry(Happening::Used, 4, "", "Shoe shop"),
            entry(Happening::Allowed, 44, "192.0.2.17", "Shoe shop"),
            entry(Happening::SignedIn, 45, "192.0.2.17", ""),
            entry(Happening::SignInFailed, 47, "192.0.2.17", ""),
            entry(Happening::PasswordChanged, 3_000, "192.0.2.17", ""),
        ],
        earlier: Some("/account/activity?before=1".to_owned()),
    }
}
