use super::*;

fn read(text: &str, environment: &[(&str, &str)]) -> anyhow::Result<Config> {
    let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    let raw = raw::parse(text, environment)?;
    Config::check(raw)
}

fn error(text: &str) -> String {
    format!("{:#}", read(text, &[]).expect_err(text))
}

#[test]
fn nothing_at_all_is_a_working_configuration() {
    let config = read("", &[]).unwrap();
    assert_eq!(config.issuer, "http://127.0.0.1:8080");
    assert!(matches!(config.database, Database::Sqlite { .. }));
}

#[test]
fn with_tls_the_default_issuer_is_https() {
    let config = read("[server]\ntls_certificate = \"c\"\ntls_key = \"k\"\n", &[]).unwrap();
    assert_eq!(config.issuer, "https://127.0.0.1:8080");
}

#[test]
fn the_reference_says_how_the_environment_writes_a_list() {
    let networks = [("GRANTOR_SERVER_TRUSTED_PROXIES", "[\"10.0.0.0/8\", \"fd00::/8\"]")];
    assert_eq!(read("", &networks).unwrap().settings.trusted_proxies.len(), 2);
    let text = reference();
    assert!(text.contains(&format!("{}='{}'", networks[0].0, networks[0].1)), "{text}");
    assert!(text.contains("GRANTOR_MASTER_KEY"));
}

#[test]
fn the_environment_beats_the_file() {
    let config = read(
        "[server]\nlisten = \"127.0.0.1:1\"\n",
        &[("GRANTOR_SERVER_LISTEN", "127.0.0.1:2"), ("GRANTOR_PASSWORDS_THREADS", "3")],
    )
    .unwrap();
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.passwords.threads, 3);
}

#[test]
fn sec_169_what_is_unknown_or_unsafe_is_refused_with_a_reason() {
    let table = [
        ("[server]\nlisteen = \"x\"\n", "listeen"),
        ("[tenant]\nissuer = \"http://as.example\"\n", "https"),
        ("[tenant]\nissuer = \"https://as.example/\"\n", "trailing slash"),
        ("[server]\ntrusted_proxies = [\"0.0.0.0/0\"]\n", "SEC-005"),
        ("[server]\ntls_key = \"k.pem\"\n", "go together"),
        (
            "[server]\nlisten = \"0.0.0.0:80\"\n[tenant]\nissuer = \"https://as.example\"\n",
            "SEC-001",
        ),
        (
            "[server]\nlisten = \"[::]:80\"\n[tenant]\nissuer = \"https://as.example\"\n",
            "trusted_proxies",
        ),
        (
            "[server]\nlisten = \"192.0.2.1:80\"\n[tenant]\nissuer = \"http://localhost\"\n",
            "SEC-001",
        ),
        (
            "[server]\nplain_http = true\ntls_certificate = \"c\"\ntls_key = \"k\"\n",
            "no plain HTTP",
        ),
        ("[mtls]\nlisten = \"127.0.0.1:1\"\n", "mtls.tls_certificate"),
        ("[mtls]\npublic_port = 443\n", "mtls.listen"),
        ("[mtls]\ntls_key = \"k.pem\"\n", "go together"),
        ("[database]\nurl = \"mysql://x\"\n", "sqlite:PATH"),
        ("[database]\nsynchronous = \"off\"\n", "normal"),
        ("[passwords]\nmemory_kib = 8\n", "19456"),
        ("[failures]\nper_client = 0\n", "at least 1"),
        ("[server]\nlisten = \"here\"\n", "ADDRESS:PORT"),
        ("listen = 1\n", "listen"),
    ];
    for (text, reason) in table {
        let said = error(text);
        assert!(said.contains(reason), "{text}: {said}");
    }
}

#[test]
fn sec_169_what_the_start_would_refuse_later_is_refused_with_the_name_of_the_setting() {
    let table = [
        ("[server]\nmax_connections = 0\n", "server.max_connections"),
        ("[server]\nmax_requests = 0\n", "server.max_requests"),
        ("[database]\nconnections = 0\n", "database.connections"),
        (
            "[server]\nlisten = \"127.0.0.1:81\"\noperations_listen = \"127.0.0.1:81\"\n",
            "server.operations_listen",
        ),
        (
            "[server]\ntls_certificate = \"c\"\ntls_key = \"k\"\n[mtls]\nlisten = \"127.0.0.1:8080\"\n",
            "mtls.listen",
        ),
        ("[tenant]\nhosts = [\"As.Example\"]\n", "tenant.hosts: \"As.Example\""),
        ("[tenant]\nhosts = [\"a.example\", \"a.example\"]\n", "tenant.hosts"),
        ("[tenant]\nissuer = \"https://AS.example\"\n", "tenant.issuer"),
    ];
    for (text, reason) in table {
        let said = error(text);
        assert!(said.contains(reason), "{text}: {said}");
    }
}

#[test]
fn sec_001_plain_http_beyond_loopback_has_to_be_meant() {
    let everywhere =
        "[tenant]\nissuer = \"https://as.example\"\n[server]\nlisten = \"0.0.0.0:8080\"\n";
    for meant in [
        "trusted_proxies = [\"10.0.0.0/8\"]\n",
        "plain_http = true\n",
        "tls_certificate = \"c.pem\"\ntls_key = \"k.pem\"\n",
    ] {
        let config = read(&format!("{everywhere}{meant}"), &[]).expect(meant);
        assert_eq!(config.settings.plain_http, meant.starts_with("plain"));
    }
    let environment = [("GRANTOR_SERVER_PLAIN_HTTP", "true")];
    assert!(read(everywhere, &environment).unwrap().settings.plain_http);
    for loopback in ["127.0.0.1:1", "127.8.0.1:1", "[::1]:1"] {
        let text = format!("[server]\nlisten = \"{loopback}\"\n");
        assert!(read(&text, &[]).is_ok(), "{loopback}");
    }
}

#[test]
fn sec_169_a_password_in_the_configuration_is_found_where_it_stands() {
    let found = |url: &str| raw::has_password(&format!("[database]\nurl = \"{url}\"\n"));
    assert!(found("postgres://u:geheim@h/d") && found("postgres://u@h/d?password=geheim"));
    assert!(!found("postgres://u@h/d?sslmode=require") && !found("sqlite:grantor.db"));
}

#[test]
fn rel_032_an_unknown_environment_variable_of_a_section_is_refused() {
    assert!(read("", &[("GRANTOR_SERVER_LISTEEN", "x")]).is_err());
    assert!(read("", &[("GRANTOR_LOG", "debug")]).is_ok(), "other variables are others' business");
}

#[test]
fn every_section_is_in_the_reference_and_read_from_the_environment() {
    let schema = schema();
    let properties = schema["properties"].as_object().unwrap();
    let mut sections = raw::SECTIONS.to_vec();
    sections.sort_unstable();
    assert!(properties.keys().eq(&sections), "{:?} {sections:?}", properties.keys());
    let config = read("", &[("GRANTOR_FAILURES_PER_ADDRESS", "7")]).unwrap();
    assert_eq!(config.settings.failures.per_address, 7);
}

#[test]
fn the_reference_names_every_key() {
    let text = reference();
    for key in ["GRANTOR_SERVER_LISTEN", "master_key_file", "memory_kib", "synchronous", "issuer"] {
        assert!(text.contains(key), "{key}");
    }
}

#[test]
fn the_second_listener_takes_what_it_lacks_from_the_first() {
    let server = "[server]\ntls_certificate = \"c.pem\"\ntls_key = \"k.pem\"\n";
    let config = read(&format!("{server}[mtls]\nlisten = \"127.0.0.1:8446\"\n"), &[]).unwrap();
    assert_eq!(config.mutual_tls.unwrap().tls.certificate, Path::new("c.pem"));
    let reached = config.settings.mutual_tls.unwrap();
    assert_eq!((reached.port, reached.has_authorities), (8446, false));
    let environment = [("GRANTOR_MTLS_PUBLIC_PORT", "443"), ("GRANTOR_MTLS_HOST_PREFIX", "mtls.")];
    let text = format!("{server}[mtls]\nlisten = \"127.0.0.1:8446\"\n");
    let reached = read(&text, &environment).unwrap().settings.mutual_tls.unwrap();
    assert_eq!(reached.base("https://id.example").as_deref(), Some("https://mtls.id.example"));
    assert!(read(server, &[]).unwrap().mutual_tls.is_none());
}
