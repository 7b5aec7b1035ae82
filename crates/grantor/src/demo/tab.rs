//! A browser without a screen: cookies, redirects, and forms as they stand in the page. What it can
//! do, every browser can do without JavaScript.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use reqwest::header::{ACCEPT, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, StatusCode};
use url::Url;

/// As browsers do.
const MOST_REDIRECTS: usize = 20;

/// One tab of one browser.
#[derive(Debug)]
pub(super) struct Tab {
    http: reqwest::Client,
    /// By host (ports do not part cookies, RFC 6265 §8.5) and name
    cookies: BTreeMap<(String, String), String>,
    pub(super) page: Page,
}

/// What a tab shows.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) url: Url,
    pub(super) status: StatusCode,
    pub(super) html: String,
}

/// A form of a page, filled in as far as the page did.
#[derive(Clone, Debug)]
pub(super) struct Form {
    action: Url,
    method: Method,
    fields: Vec<(String, String)>,
    /// By id
    buttons: BTreeMap<String, (String, String)>,
}

impl Tab {
    pub(super) fn new() -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let nowhere = Url::parse("about:blank")?;
        let page = Page { url: nowhere, status: StatusCode::OK, html: String::new() };
        Ok(Self { http, cookies: BTreeMap::new(), page })
    }

    /// Goes to an address, and where it leads.
    pub(super) async fn open(&mut self, url: &str) -> anyhow::Result<()> {
        self.go(Method::GET, Url::parse(url)?, None).await
    }

    /// Sends a form.
    pub(super) async fn submit(&mut self, form: Form) -> anyhow::Result<()> {
        let Form { mut action, method, fields, .. } = form;
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        if method == Method::POST {
            return self.go(method, action, Some(body)).await;
        }
        action.set_query(Some(&body));
        self.go(method, action, None).await
    }

    async fn go(
        &mut self,
        mut method: Method,
        mut url: Url,
        mut body: Option<String>,
    ) -> anyhow::Result<()> {
        for _ in 0..MOST_REDIRECTS {
            let mut request = self.http.request(method.clone(), url.clone());
            request = request.header(ACCEPT, "text/html").header(COOKIE, self.cookies_for(&url));
            if let Some(body) = body.take() {
                let form = "application/x-www-form-urlencoded";
                request = request.header("content-type", form).body(body);
                request = request.header("origin", self.page.url.origin().ascii_serialization());
            }
            let answer =
                request.send().await.with_context(|| format!("{method} {}", url.path()))?;
            self.remember(&url, &answer);
            let status = answer.status();
            if !status.is_redirection() {
                let html = answer.text().await?;
                self.page = Page { url, status, html };
                return Ok(());
            }
            // A 307 would send a password on to somebody else: RFC 9700 §4.12.
            if status != StatusCode::SEE_OTHER && status != StatusCode::FOUND {
                bail!("{} redirects with {status}", url.path());
            }
            let to = answer.headers().get(LOCATION).context("a redirect without a target")?;
            url = url.join(to.to_str()?)?;
            method = Method::GET;
        }
        bail!("more than {MOST_REDIRECTS} redirects")
    }

    fn cookies_for(&self, url: &Url) -> String {
        let host = url.host_str().unwrap_or_default();
        let ours = self.cookies.iter().filter(|((of, _), _)| of == host);
        ours.map(|((_, name), value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn remember(&mut self, url: &Url, answer: &reqwest::Response) {
        let host = url.host_str().unwrap_or_default().to_owned();
        let lines = answer.headers().get_all(SET_COOKIE).iter();
        for line in lines.filter_map(|value| value.to_str().ok()) {
            let mut parts = line.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            let gone = parts.any(|part| part.eq_ignore_ascii_case("max-age=0"));
            let key = (host.clone(), name.to_owned());
            match gone {
                true => drop(self.cookies.remove(&key)),
                false => drop(self.cookies.insert(key, value.to_owned())),
            }
        }
    }
}

impl Page {
    /// Whether an element has this id.
    pub(super) fn has(&self, id: &str) -> bool {
        tags(&self.html).any(|tag| tag.attribute("id").is_some_and(|found| found == id))
    }

    /// The value of an attribute of the element with this id.
    pub(super) fn attribute(&self, id: &str, name: &str) -> Option<String> {
        let mut all = tags(&self.html);
        let found = all.find(|tag| tag.attribute("id").is_some_and(|found| found == id));
        found?.attribute(name)
    }

    /// The text without tags.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut rest = self.html.as_str();
        while let Some((before, after)) = rest.split_once('<') {
            text.push_str(before);
            text.push(' ');
            let unseen = ["style", "script"].into_iter().find(|name| after.starts_with(name));
            let end = unseen.map_or(">".to_owned(), |name| format!("</{name}>"));
            rest = after.split_once(&end).map_or("", |(_, after)| after);
        }
        let text = unescape(&(text + rest));
        // Isolation marks around names are not words.
        let plain = text.replace(['\u{2068}', '\u{2069}'], "");
        plain.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The form with this id.
    pub(super) fn form(&self, id: &str) -> anyhow::Result<Form> {
        self.find_form(|form, _| form.attribute("id").is_some_and(|found| found == id))
            .with_context(|| format!("there is no form {id} on {}: {}", self.url, self.text()))
    }

    /// The form that carries all these hidden fields.
    pub(super) fn form_with(&self, fields: &[(&str, &str)]) -> anyhow::Result<Form> {
        let carries = |form: &Form| {
            fields.iter().all(|(name, value)| form.value(name).is_some_and(|has| has == *value))
        };
        self.find_form(|_, form| carries(form))
            .with_context(|| format!("there is no form with {fields:?} on {}", self.url))
    }

    fn find_form(&self, wanted: impl Fn(&Tag<'_>, &Form) -> bool) -> Option<Form> {
        let mut rest = self.html.as_str();
        while let Some(at) = rest.find("<form") {
            rest = &rest[at..];
            let end = rest.find("</form>").unwrap_or(rest.len());
            let (inside, after) = rest.split_at(end);
            let head = tags(inside).next()?;
            let form = Form::read(&self.url, &head, inside);
            if wanted(&head, &form) {
                return Some(form);
            }
            rest = after.get(1..).unwrap_or_default();
        }
        None
    }
}

impl Form {
    fn read(page: &Url, head: &Tag<'_>, inside: &str) -> Self {
        let action = head.attribute("action").and_then(|action| page.join(&action).ok());
        let method = head.attribute("method").unwrap_or_default();
        let post = method.eq_ignore_ascii_case("post");
        let mut form = Self {
            action: action.unwrap_or_else(|| page.clone()),
            method: if post { Method::POST } else { Method::GET },
            fields: Vec::new(),
            buttons: BTreeMap::new(),
        };
        for tag in tags(inside).skip(1) {
            let Some(name) = tag.attribute("name") else { continue };
            let value = tag.attribute("value").unwrap_or_default();
            let kind = tag.attribute("type").unwrap_or_default();
            // As browsers do: what is not ticked is not sent.
            match tag.name {
                "button" => {
                    let id = tag.attribute("id").unwrap_or_default();
                    form.buttons.insert(id, (name, value));
                }
                "input" => {
                    let ticked = tag.attribute("checked").is_some();
                    if ticked || !matches!(kind.as_str(), "checkbox" | "radio") {
                        form.fields.push((name, value));
                    }
                }
                _ => {}
            }
        }
        form
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Types into a field that is there.
    pub(super) fn fill(mut self, name: &str, text: &str) -> anyhow::Result<Self> {
        let field = self.fields.iter_mut().find(|(known, _)| known == name);
        text.clone_into(&mut field.with_context(|| format!("there is no field {name}"))?.1);
        Ok(self)
    }

    /// Presses the button with this id, which sends its value too.
    pub(super) fn press(mut self, id: &str) -> anyhow::Result<Self> {
        let button = self.buttons.remove(id).with_context(|| format!("there is no button {id}"))?;
        self.fields.push(button);
        Ok(self)
    }
}

/// An opening tag.
#[derive(Clone, Copy, Debug)]
struct Tag<'a> {
    name: &'a str,
    attributes: &'a str,
}

/// The opening tags of well-formed HTML, as both sides here write it.
fn tags(html: &str) -> impl Iterator<Item = Tag<'_>> {
    html.split('<').skip(1).filter_map(|piece| {
        let inside = piece.split('>').next()?;
        let name = inside.split(|char: char| char.is_whitespace()).next()?;
        name.starts_with(|char: char| char.is_ascii_alphabetic())
            .then(|| Tag { name, attributes: &inside[name.len()..] })
    })
}

impl Tag<'_> {
    /// The value of an attribute; empty when it has none.
    fn attribute(&self, wanted: &str) -> Option<String> {
        let mut rest = self.attributes.trim_start();
        while !rest.is_empty() {
            let end = rest.find(|char: char| char.is_whitespace() || char == '=');
            let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
            let (value, after) = match after.strip_prefix("=\"") {
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                None => match after.strip_prefix('=') {
                    Some(bare) => bare.split_once(char::is_whitespace).unwrap_or((bare, "")),
                    None => ("", after),
                },
            };
            if name == wanted {
                return Some(unescape(value));
            }
            rest = after.trim_start();
            if name.is_empty() {
                return None;
            }
        }
        None
    }
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let entity = after.split_once(';').filter(|(name, _)| name.len() < 8);
        let char = entity.and_then(|(name, _)| match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            number => {
                let number = number.strip_prefix('#')?;
                let code = match number.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)
            }
        });
        match (char, entity) {
            (Some(char), Some((_, after))) => {
                plain.push(char);
                rest = after;
            }
            _ => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(html: &str) -> Page {
        let url = Url::parse("http://127.0.0.1:1/here?x=1").unwrap();
        Page { url, status: StatusCode::OK, html: html.to_owned() }
    }

    #[test]
    fn a_form_is_sent_as_a_browser_would() {
        let page = page(
            "<style>a{}</style><p id=a>no &#38; &lt;form&gt;</p><form action=\"/x\"></form>\n\
             <form id=\"f\" method=\"post\" action=\"/go?a=1&amp;b=2\" novalidate>\
             <input type=\"hidden\" name=\"csrf\" value=\"&quot;1&quot;\">\
             <input name=user value=\"\"><input type=\"checkbox\" name=\"scope\" value=\"r\" checked>\
             <input type=\"checkbox\" name=\"scope\" value=\"w\">\
             <button id=\"yes\" name=\"decision\" value=\"approve\">Yes</button>\
             <button id=\"no\" name=\"decision\" value=\"deny\">No</button></form>",
        );
        let form = page.form("f").unwrap().fill("user", "alice").unwrap().press("no").unwrap();
        assert_eq!(form.action.as_str(), "http://127.0.0.1:1/go?a=1&b=2");
        assert_eq!(form.method, Method::POST);
        let sent: Vec<_> =
            form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let wanted = [("csrf", "\"1\""), ("user", "alice"), ("scope", "r"), ("decision", "deny")];
        assert_eq!(sent, wanted);
        assert!(page.form("g").is_err() && page.form("f").unwrap().press("maybe").is_err());
        assert!(page.form_with(&[("csrf", "\"1\""), ("scope", "r")]).is_ok());
        assert!(page.form_with(&[("scope", "w")]).is_err());
        assert_eq!(page.text(), "no & <form> Yes No");
        assert!(page.has("a") && !page.has("b"));
    }

    #[test]
    fn attributes_are_read_bare_quoted_and_alone() {
        let tag = tags("<input name=a value=\"x > y\" checked data-x=\"\">").next().unwrap();
        // A bare `>` in a value ends the tag here; neither side writes one.
        assert_eq!(tag.attribute("name").as_deref(), Some("a"));
        let tag = tags("<input checked name=\"b\" data-name=\"c\">").next().unwrap();
        assert_eq!(tag.attribute("checked").as_deref(), Some(""));
        assert_eq!(tag.attribute("name").as_deref(), Some("b"));
        assert_eq!(tag.attribute("value"), None);
    }
}
