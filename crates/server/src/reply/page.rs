//! Pages as they go out, and the language a visitor reads them in.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri, header};
use grantor_domain::look::picture;
use grantor_domain::tenant::Tenant;
use grantor_pages::{Brand, BrandTexts, ErrorPage, Language, Page, Shell};

use crate::cookie;
use crate::directory::TenantView;
use crate::extract::Here;

/// Which language somebody chose.
const LANGUAGE_COOKIE: &str = "__Host-grantor-language";

/// How long that is remembered, in seconds.
const A_YEAR: u32 = 365 * 86_400;

/// A request for a page: whose pages, in which language.
#[derive(Clone, Debug)]
pub struct Visit {
    /// What surrounds each page
    pub shell: Shell,
    /// The path of the issuer, which stands before every path of a link: empty, or `/t/…`
    pub prefix: String,
    accept_language: Option<String>,
    chosen: Option<Language>,
    fallback: Language,
    just_chosen: bool,
    is_https: bool,
}

impl Visit {
    /// Reads what a request says of languages: the parameter `lang` of our own links, the cookie that it
    /// left, `Accept-Language`. All are matched against the fixed list (SEC-039).
    pub fn new(view: &TenantView, headers: &HeaderMap, uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes());
        let asked = pairs.into_iter().find(|(key, _)| key == "lang");
        let asked = asked.and_then(|(_, tag)| Language::of_tag(&tag));
        let kept = || cookie::find(headers, LANGUAGE_COOKIE).and_then(Language::of_tag);
        let accept = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let look = &view.tenant.settings.look;
        let fallback = look.language.as_deref().and_then(Language::of_tag).unwrap_or_default();
        let prefix = prefix(&view.tenant);
        let here = format!("{prefix}{}", uri.path_and_query().map_or("/", |path| path.as_str()));
        let mut visit = Self {
            shell: Shell { brand: view.brand.clone(), language: fallback, here: Some(here) },
            prefix,
            accept_language: accept.map(str::to_owned),
            chosen: asked.or_else(kept),
            fallback,
            just_chosen: asked.is_some(),
            is_https: view.tenant.issuer.starts_with("https://"),
        };
        visit.prefer(None);
        visit
    }

    /// Takes into account what the client asks for (`ui_locales`, OIDC Core §3.1.2.1). What the person
    /// chose counts more.
    pub fn prefer(&mut self, ui_locales: Option<&str>) {
        let chosen = self.chosen.map(Language::tag);
        let accept = self.accept_language.as_deref();
        self.shell.language = Language::choose(chosen, ui_locales, accept, self.fallback);
    }

    /// The page cannot be asked for again by its address: no links to other languages.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.shell.here = None;
        self
    }

    /// A page on its way (SEC-002, SEC-003, SEC-113).
    pub fn answer(&self, status: StatusCode, page: Page) -> Response<Body> {
        let mut response = respond(status, page, self.is_https);
        if self.just_chosen {
            let kept = cookie::set(LANGUAGE_COOKIE, self.shell.language.tag(), Some(A_YEAR));
            response.headers_mut().append(header::SET_COOKIE, kept);
        }
        response
    }

    /// An error page.
    pub fn error(&self, status: StatusCode, error: &ErrorPage) -> Response<Body> {
        self.answer(status, error.page(&self.shell))
    }

    /// Remembers a language from now on.
    pub fn choose(&mut self, language: Language) {
        (self.chosen, self.just_chosen) = (Some(language), true);
        self.shell.language = language;
    }

    /// A redirect after a form (SEC-044), with the chosen language remembered.
    pub fn see_other(&self, location: &str) -> Response<Body> {
        let mut response = see_other(location);
        if self.just_chosen {
            let kept = cookie::set(LANGUAGE_COOKIE, self.shell.language.tag(), Some(A_YEAR));
            response.headers_mut().append(header::SET_COOKIE, kept);
        }
        response
    }
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let Here(view) = Here::from_request_parts(parts, state).await?;
        Ok(Self::new(&view, &parts.headers, &parts.uri))
    }
}

/// The path of a tenant's issuer: what stands before the path of every link.
pub fn prefix(tenant: &Tenant) -> String {
    let rest = tenant.issuer.split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/').map_or_else(String::new, |slash| rest[slash..].to_owned())
}

/// The look of a tenant.
pub fn brand(tenant: &Tenant) -> Brand {
    let look = &tenant.settings.look;
    let name = if look.name.is_empty() { tenant.name.as_str() } else { &look.name };
    let texts = look.texts.iter().filter_map(|(tag, texts)| {
        let links = texts.links.iter().map(|link| (link.label.clone(), link.url.clone()));
        let sign_in_hint = texts.sign_in_hint.clone();
        Some((Language::of_tag(tag)?, BrandTexts { sign_in_hint, links: links.collect() }))
    });
    let texts: BTreeMap<_, _> = texts.collect();
    // SEC-158: what people load was made here. A picture that was stored before it was checked is
    // left out.
    let logo = look.logo.as_deref().and_then(|url| picture::redrawn(url).ok());
    Brand::new(name, logo.as_deref(), look.accent.as_deref(), texts)
}

/// `303 See Other`, whatever the request was (SEC-044, RFC 9700 §4.12).
pub fn see_other(location: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    headers.insert(header::REFERRER_POLICY, NO_REFERRER);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    match HeaderValue::from_str(location) {
        Ok(location) => {
            headers.insert(header::LOCATION, location);
        }
        // Never a redirect to somewhere else than was meant.
        Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    response
}

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");

/// What every page carries. One that may be framed says so in its policy (OIDC Session Management §3).
fn respond(status: StatusCode, page: Page, is_https: bool) -> Response<Body> {
    let framable = !page.csp.contains("frame-ancestors");
    let mut response = Response::new(Body::from(page.html));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let mut say = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    say(header::CONTENT_TYPE, "text/html; charset=utf-8");
    say(header::CACHE_CONTROL, "no-store");
    say(header::REFERRER_POLICY, "no-referrer");
    say(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if is_https {
        say(header::STRICT_TRANSPORT_SECURITY, "max-age=63072000");
    }
    if !framable {
        say(header::X_FRAME_OPTIONS, "DENY");
        say(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
        say(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    }
    say(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()");
    // A policy is made of hashes, keywords and origins.
    let csp = HeaderValue::from_str(&page.csp).expect("a policy is made of visible characters");
    headers.insert(header::CONTENT_SECURITY_POLICY, csp);
    response
}

/// With these cookies besides.
pub fn with_cookies(
    mut response: Response<Body>,
    cookies: impl IntoIterator<Item = HeaderValue>,
) -> Response<Body> {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// A page outside of any visit, such as the frame of session management.
pub fn frame(tenant: &Tenant, page: Page) -> Response<Body> {
    respond(StatusCode::OK, page, tenant.issuer.starts_with("https://"))
}

#[cfg(test)]
mod tests {
    use grantor_pages::{CheckSession, ErrorKind};

    use super::*;

    fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn sec_002_sec_003_sec_113_every_page_carries_the_headers() {
        let shell = Shell::new(Brand::plain("Acme"), Language::En);
        let page = ErrorPage::new(ErrorKind::NotFound, "not_found").page(&shell);
        let response = respond(StatusCode::NOT_FOUND, page, true);
        assert_eq!(response.status(), 404);
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("strict-transport-security", "max-age=63072000"),
        ] {
            assert_eq!(header(&response, name), value, "{name}");
        }
        let policy = header(&response, "content-security-policy");
        for part in [
            "default-src 'none'",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'none'",
        ] {
            assert!(policy.contains(part), "{part}");
        }
        assert!(!policy.contains("unsafe"));
        assert!(!response.headers().contains_key("access-control-allow-origin"));
    }

    #[test]
    fn trap_096_the_session_frame_alone_may_be_framed() {
        let page = CheckSession { cookie: "grantor-session-state" }.page();
        let response = respond(StatusCode::OK, page, true);
        assert_eq!(header(&response, "x-frame-options"), "");
        assert!(!header(&response, "content-security-policy").contains("frame-ancestors"));
    }

    #[test]
    fn sec_044_a_redirect_after_a_form_is_a_303() {
        let response = see_other("https://shop.example/cb?code=x");
        assert_eq!(response.status(), 303);
        assert_eq!(header(&response, "location"), "https://shop.example/cb?code=x");
        assert_eq!(header(&response, "cache-control"), "no-store");
        assert_eq!(see_other("https://a.example/\r\nx: y").status(), 500);
    }
}
