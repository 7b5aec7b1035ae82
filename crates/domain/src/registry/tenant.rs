//! Tenants and realms. SEC-062, SEC-084, SEC-091.

use super::form::{NAME, is_absolute_uri, is_host, is_issuer, is_origin};
use super::{
    Entry, Flaw, Flaws, Known, LONGEST_ACCESS, LONGEST_CODE, LONGEST_CONSENT,
    LONGEST_DEFAULT_ACCESS, LONGEST_GRACE, LONGEST_GRANT, LONGEST_PUSHED, MAX_LIST, Reason, Want,
};
use crate::document::Document as _;
use crate::look::{self, Look};
use crate::realm::Realm;
use crate::scope::Scope;
use crate::tenant::{Tenant, TenantSettings, UpstreamTokenInfo};

/// The most clients that one initial access token registers (SEC-151).
const MOST_USES: u32 = 100;

impl Entry for Tenant {
    fn wants(&self) -> Vec<Want> {
        Vec::new()
    }

    fn check(&self, _: &Known) -> Result<(), Vec<Flaw>> {
        let mut flaws = Flaws::default();
        let expects = "an https URL (http on a loopback address) without query, fragment, user \
                       information and trailing slash, in its canonical spelling";
        flaws.demand(is_issuer(&self.issuer), "/issuer", Reason::Form(expects));
        flaws.list("/hosts", &self.hosts, MAX_LIST);
        for (at, host) in self.hosts.iter().enumerate() {
            let expects = "a host name in lower case, or '*.' before one";
            flaws.demand(is_host(host), &format!("/hosts/{at}"), Reason::Form(expects));
        }
        check_settings(&self.settings, &mut flaws);
        flaws.done()
    }
}

fn check_settings(settings: &TenantSettings, flaws: &mut Flaws) {
    let at = |field: &str| format!("/settings/{field}");
    let TenantSettings {
        access_token_seconds,
        refresh_idle_seconds: idle,
        refresh_absolute_seconds: absolute,
        refresh_grace_seconds,
        code_seconds,
        pushed_request_seconds,
        id_token_seconds,
        session_idle_seconds,
        session_absolute_seconds,
        session_remember_seconds,
        registration: _,
        registration_token_uses: uses,
        registration_compat: _,
        signing_alg: _,
        key_rotation_seconds: rotation,
        key_publish_ahead_seconds: ahead,
        revocation_salt,
        compat_tokeninfo_query: _,
        web_origins,
        upstream_tokeninfo,
        consent_seconds,
        sign_in_page: _,
        look,
    } = settings;
    flaws.list(&at("web_origins"), web_origins, MAX_LIST);
    for (index, origin) in web_origins.iter().enumerate() {
        let expects = "an origin (https, or http on a loopback address) in its canonical spelling";
        flaws.demand(
            is_origin(origin),
            &at(&format!("web_origins/{index}")),
            Reason::Form(expects),
        );
    }
    flaws.range(&at("registration_token_uses"), *uses, 1, MOST_USES);
    let access = at("access_token_seconds");
    flaws.range(&access, *access_token_seconds, 1, LONGEST_DEFAULT_ACCESS);
    flaws.range(&at("refresh_absolute_seconds"), *absolute, 1, LONGEST_GRANT);
    flaws.range(&at("refresh_idle_seconds"), *idle, 1, LONGEST_GRANT);
    let reason = Reason::Conflict("a refresh token cannot lie idle longer than its grant lasts");
    flaws.demand(idle <= absolute, &at("refresh_idle_seconds"), reason);
    flaws.range(&at("refresh_grace_seconds"), *refresh_grace_seconds, 0, LONGEST_GRACE);
    flaws.range(&at("code_seconds"), *code_seconds, 1, LONGEST_CODE);
    flaws.range(&at("pushed_request_seconds"), *pushed_request_seconds, 5, LONGEST_PUSHED);
    flaws.range(&at("id_token_seconds"), *id_token_seconds, 1, LONGEST_DEFAULT_ACCESS);
    flaws.range(&at("session_idle_seconds"), *session_idle_seconds, 60, LONGEST_GRANT);
    flaws.range(&at("session_absolute_seconds"), *session_absolute_seconds, 60, LONGEST_GRANT);
    flaws.range(&at("session_remember_seconds"), *session_remember_seconds, 0, LONGEST_GRANT);
    flaws.range(&at("consent_seconds"), *consent_seconds, 60, LONGEST_CONSENT);
    if let Some(upstream) = upstream_tokeninfo {
        let UpstreamTokenInfo { url, cache_seconds, timeout_milliseconds } = upstream;
        let at = |field: &str| at(&format!("upstream_tokeninfo/{field}"));
        let fits = url.starts_with("https://") && is_absolute_uri(url);
        let expects = "an https URL without user information and fragment";
        flaws.demand(fits, &at("url"), Reason::Form(expects));
        flaws.range(&at("cache_seconds"), *cache_seconds, 0, 60);
        flaws.range(&at("timeout_milliseconds"), *timeout_milliseconds, 50, 5_000);
    }
    flaws.range(&at("key_publish_ahead_seconds"), *ahead, 0, 7 * 86_400);
    if *rotation != 0 {
        flaws.range(&at("key_rotation_seconds"), *rotation, 3_600, LONGEST_GRANT);
        let reason = Reason::Conflict("a key must sign for longer than it is published ahead");
        flaws.demand(rotation > ahead, &at("key_rotation_seconds"), reason);
    }
    flaws.name(&at("revocation_salt"), revocation_salt, NAME);
    check_look(look, flaws);
}

fn check_look(look: &Look, flaws: &mut Flaws) {
    let at = |field: &str| format!("/settings/look/{field}");
    let Look { name, logo, accent, language, texts, remote_logos: _ } = look;
    let (longest_name, longest_hint, longest_label) = look::LONGEST;
    let mut demand =
        |holds: bool, at: &str, expects| flaws.demand(holds, at, Reason::Form(expects));
    // SEC-170: whatever an operator writes is one line of plain text, a colour, a picture or a URL.
    let line = |text: &str, longest: usize| {
        text.chars().count() <= longest && !text.chars().any(char::is_control)
    };
    demand(line(name, longest_name), &at("name"), "at most 64 characters on one line");
    let expects = "a whole PNG or WebP picture as a data URL, of at most 10 KiB and 256 pixels a side, \
                   also when it is encoded anew";
    let drawn = logo.as_deref().is_none_or(|url| look::picture::redrawn(url).is_ok());
    demand(drawn, &at("logo"), expects);
    let expects = "a colour as #rrggbb";
    demand(accent.as_deref().is_none_or(look::is_colour), &at("accent"), expects);
    let spoken = |tag: &str| look::LANGUAGES.contains(&tag);
    let expects = "'en' or 'de'";
    demand(language.as_deref().is_none_or(spoken), &at("language"), expects);
    for (tag, texts) in texts {
        let at = at(&format!("texts/{tag}"));
        demand(spoken(tag), &at, expects);
        let hint = line(&texts.sign_in_hint, longest_hint);
        demand(hint, &format!("{at}/sign_in_hint"), "at most 200 characters on one line");
        demand(texts.links.len() <= look::MOST_LINKS, &format!("{at}/links"), "at most 4 links");
        for (index, link) in texts.links.iter().enumerate() {
            let at = format!("{at}/links/{index}");
            let label = !link.label.is_empty() && line(&link.label, longest_label);
            demand(label, &format!("{at}/label"), "1 to 32 characters on one line");
            let web = link.url.starts_with("https://") && is_absolute_uri(&link.url);
            demand(web, &format!("{at}/url"), "an https URL");
        }
    }
}

impl Entry for Realm {
    fn wants(&self) -> Vec<Want> {
        self.default_scopes.iter().map(|s| Want::id::<Scope>(self.tenant(), s)).collect()
    }

    fn check(&self, known: &Known) -> Result<(), Vec<Flaw>> {
        let mut flaws = Flaws::default();
        flaws.scopes("/default_scopes", &self.default_scopes, known);
        if let Some(seconds) = self.access_token_seconds {
            flaws.range("/access_token_seconds", seconds, 1, LONGEST_ACCESS);
        }
        flaws.done()
    }
}
