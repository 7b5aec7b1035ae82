//! Table R of `security.md`: the corpus of redirect URIs, once. Rules are tested with it as functions,
//! endpoints through HTTP (SEC-019 to SEC-022, SEC-154).

use std::borrow::Cow;

/// A text that somebody sends for a redirect URI, and what has to come of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its number in the table; several texts may share one. `A…` is accepted, everything else refused
    pub number: &'static str,
    /// Which of [`CLIENTS`] it is sent for
    pub client: &'static str,
    /// The text before it is encoded for a form
    pub uri: Cow<'static, str>,
    /// Whether a client of that kind may register it: never where the table has †
    pub registrable: bool,
}

impl Row {
    /// Whether it is where the client is answered.
    pub fn is_accepted(&self) -> bool {
        self.number.starts_with('A')
    }

    /// Whether the client is a native one.
    pub fn is_native(&self) -> bool {
        self.client == "native1"
    }

    /// Whether it is registered, letter by letter.
    pub fn is_registered(&self) -> bool {
        registered(self.client).contains(&&*self.uri)
    }
}

/// The clients, and what each has registered.
pub const CLIENTS: [(&str, &[&str]); 4] = [
    ("web1", &["https://app.example/cb"]),
    ("webq", &["https://app.example/cb2?x=1"]),
    ("webp", &["https://app.example:8443/cb"]),
    ("native1", &["http://127.0.0.1/cb", "http://[::1]/cb", "com.example.app:/oauth"]),
];

/// What a client of the table has registered.
pub fn registered(client: &str) -> &'static [&'static str] {
    let found = CLIENTS.iter().find(|(name, _)| *name == client);
    found.map_or(&[], |(_, uris)| uris)
}

/// Row 62: parameters in place of the one `redirect_uri` of `web1`.
pub const TRICKS: [&[(&str, &str)]; 9] = [
    &[("redirect_uri", "")],
    &[("redirect_uri", "https://app.example/cb"), ("redirect_uri", "https://app.example/cb")],
    &[("redirect_uri", "https://app.example/cb"), ("redirect_uri", "https://evil.example/cb")],
    &[("redirect_uri", ""), ("redirect_uri", "https://app.example/cb")],
    &[("redirect_uri[]", "")],
    &[("redirect_uri[]", "https://app.example/cb")],
    &[("redirect_uri[0]", "https://app.example/cb")],
    &[("redirect_uri", "https://app.example/cb"), ("redirect_uri[]", "https://evil.example/cb")],
    &[("redirect_uri", "https://app.example/cb"), ("redirect_uri[0]", "https://evil.example/cb")],
];

/// Number, whether it may be registered, text.
type Short = (&'static str, bool, &'static str);

/// For `web1`.
const WEB: &[Short] = &[
    ("A1", true, "https://app.example/cb"),
    ("1", true, "https://evil.example/cb"),
    ("2", false, "http://app.example/cb"),
    ("3", true, "https://app.example:8443/cb"),
    ("4", false, "https://app.example:443/cb"),
    ("5", false, "https://APP.example/cb"),
    ("6", false, "HTTPS://app.example/cb"),
    ("7", true, "https://app.example/CB"),
    ("8", true, "https://app.example/cb/"),
    ("9", true, "https://app.example/cb?"),
    ("10", true, "https://app.example/cb?next=https://evil.example"),
    ("11", false, "https://app.example/cb#"),
    ("12", false, "https://app.example/cb#x"),
    ("13", false, "https://app.example/cb/../evil"),
    ("14", false, "https://app.example/x/../cb"),
    ("15", false, "https://app.example/./cb"),
    ("16", true, "https://app.example/cb/..;/evil"),
    ("17", true, "https://app.example/%63b"),
    ("18", false, "https://app.example/cb%2f..%2fevil"),
    ("19", false, "https://app.example/cb%00.evil.example"),
    ("20", false, "https://app.example@evil.example/cb"),
    ("21", false, "https://app.example%2f@evil.example/cb"),
    ("22", false, "https://user:pass@app.example/cb"),
    ("23", false, "https://a@b@evil.example/cb"),
    ("24", false, "https://evil.example#@app.example/cb"),
    ("25", false, "https://evil.example?@app.example/cb"),
    ("26", false, "https://evil.example\\@app.example/cb"),
    ("27", false, "https://app.example\\.evil.example/cb"),
    ("28", false, "https:\\\\app.example\\cb"),
    ("29", false, "https:/app.example/cb"),
    ("30", false, "https:app.example/cb"),
    ("31", false, "//app.example/cb"),
    ("32", false, "///evil.example/cb"),
    ("33", false, "/cb"),
    ("34", true, "https://app.example.evil.example/cb"),
    ("35", true, "https://evilapp.example/cb"),
    ("36", true, "https://appxexample/cb"),
    ("37", true, "https://evil.example/.app.example"),
    ("38", false, "https://*.app.example/cb"),
    ("38", false, "https://app.example/*"),
    ("38", false, "*"),
    ("39", false, "https://app.example./cb"),
    ("40", false, "https://xn--app-.example/cb"),
    ("41", false, "https://\u{430}pp.example/cb"),
    ("42", false, "https://app\u{3002}example/cb"),
    ("43", false, "https://\u{24d0}pp.example/cb"),
    ("44", false, "https://app.example/cb%0d%0aSet-Cookie:a=b"),
    ("45", false, "https://app.example/cb\r\nLocation: https://evil.example"),
    ("46", false, " https://app.example/cb"),
    ("46", false, "https://app.example/cb "),
    ("46", false, "\thttps://app.example/cb"),
    ("46", false, "https://app.example/cb\t"),
    ("46", false, "\u{200b}https://app.example/cb"),
    ("46", false, "https://app.example/cb\u{200b}"),
    ("47", false, "ht\ttps://app.example/cb"),
    ("48", false, "javascript:alert(1)//https://app.example/cb"),
    ("49", false, "JaVaScRiPt:alert(1)"),
    ("49", false, "data:text/html,x"),
    ("49", false, "vbscript:x"),
    ("49", false, "file:///etc/passwd"),
    ("49", false, "blob:https://app.example/1"),
    ("49", false, "about:blank"),
    ("64", false, "https://[app.example]/cb"),
    ("64", false, "https://[::1]app.example/cb"),
];

/// For `native1`.
const NATIVE: &[Short] = &[
    ("A3", true, "http://127.0.0.1/cb"),
    ("A3", true, "http://127.0.0.1:49152/cb"),
    ("A3", true, "http://127.0.0.1:1/cb"),
    ("A3", true, "http://127.0.0.1:65535/cb"),
    ("A4", true, "http://[::1]:61023/cb"),
    ("A4", true, "com.example.app:/oauth"),
    ("50", false, "http://localhost:49152/cb"),
    ("51", true, "http://127.0.0.1:49152/cb2"),
    ("52", true, "http://127.0.0.1:49152/cb?bar=foo"),
    ("53", false, "http://127.0.0.1.evil.example/cb"),
    ("54", false, "http://127.1:49152/cb"),
    ("54", false, "http://2130706433/cb"),
    ("54", false, "http://0x7f.0.0.1/cb"),
    ("54", false, "http://0177.0.0.1/cb"),
    ("55", false, "http://127.0.0.2:49152/cb"),
    ("55", false, "http://0.0.0.0:49152/cb"),
    ("56", false, "http://[::ffff:127.0.0.1]:49152/cb"),
    ("56", false, "http://[0:0:0:0:0:0:0:1]:49152/cb"),
    ("57", false, "http://[::1%25lo]:49152/cb"),
    ("58", false, "http://127.0.0.1:49152@evil.example/cb"),
    ("59", true, "https://127.0.0.1:49152/cb"),
    ("60", true, "http://127.0.0.1:0/cb"),
    ("60", false, "http://127.0.0.1:65536/cb"),
    ("60", false, "http://127.0.0.1:-1/cb"),
    ("60", false, "http://127.0.0.1:080/cb"),
    ("60", false, "http://127.0.0.1:/cb"),
    ("61", true, "com.example.app://oauth"),
    ("61", true, "com.example.app:/oauth/"),
    ("61", false, "COM.example.app:/oauth"),
    ("61", true, "com.example.app.evil:/oauth"),
];

/// Every row but 62, which is about parameters ([`TRICKS`]).
pub fn rows() -> Vec<Row> {
    let of = |client: &'static str, short: &[Short]| -> Vec<Row> {
        let row = |(number, registrable, uri): &Short| Row {
            number,
            client,
            uri: Cow::Borrowed(uri),
            registrable: *registrable,
        };
        short.iter().map(row).collect()
    };
    let mut rows = of("web1", WEB);
    rows.extend(of("webq", &[("A2", true, "https://app.example/cb2?x=1")]));
    rows.extend(of("webp", &[("A1", true, "https://app.example:8443/cb")]));
    rows.extend(of("webp", &[("3", true, "https://app.example:8444/cb")]));
    rows.extend(of("native1", NATIVE));
    let long = format!("https://app.example/cb{}", "a".repeat(9_000));
    rows.push(Row { number: "63", client: "web1", uri: long.into(), registrable: false });
    rows
}
