//! A browser without scripts: it keeps cookies, follows redirects inside the server, and reads forms.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use reqwest::{Method, StatusCode, header};

use crate::TestServer;

/// A browser.
#[derive(Clone, Debug)]
pub struct TestBrowser {
    http: reqwest::Client,
    origin: String,
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
}

/// What it shows, or where it was sent.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The status
    pub status: StatusCode,
    /// Where it is
    pub url: String,
    /// The headers
    pub headers: header::HeaderMap,
    /// The document
    pub text: String,
}

/// A form as it stands on the page.
#[derive(Clone, Debug)]
pub struct Form {
    /// Where it goes
    pub action: String,
    /// What it carries: fields as they are filled in, boxes that are ticked, no buttons
    pub fields: Vec<(String, String)>,
}

impl TestBrowser {
    /// A browser that knows nothing yet.
    pub fn new(server: &TestServer) -> Self {
        Self::at(&server.issuer)
    }

    /// The same, for a server that is a program of its own.
    pub fn at(issuer: &str) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Self {
            http: http.build().expect("a client"),
            origin: issuer.to_owned(),
            cookies: Arc::default(),
        }
    }

    /// Opens an address, or a path of the server.
    pub async fn open(&self, url: &str) -> Seen {
        let seen = self.send(Method::GET, url, None, &[]).await;
        self.follow(seen).await
    }

    /// Opens an address and goes nowhere from there.
    pub async fn look(&self, url: &str) -> Seen {
        self.send(Method::GET, url, None, &[]).await
    }

    /// Posts a form, with these fields filled in or these buttons pressed.
    pub async fn submit(&self, form: &Form, more: &[(&str, &str)]) -> Seen {
        let seen = self.post(&form.action, &form.with(more), &[]).await;
        self.follow(seen).await
    }

    /// Posts fields with headers of its own, and goes nowhere from there.
    pub async fn post(
        &self,
        url: &str,
        fields: &[(String, String)],
        headers: &[(&str, &str)],
    ) -> Seen {
        self.send(Method::POST, url, Some(fields), headers).await
    }

    /// The cookies it keeps.
    pub fn cookies(&self) -> BTreeMap<String, String> {
        self.cookies.lock().expect("nothing panics with the cookies").clone()
    }

    /// Keeps these cookies and no others.
    pub fn set_cookies(&self, cookies: BTreeMap<String, String>) {
        *self.cookies.lock().expect("nothing panics with the cookies") = cookies;
    }

    /// Follows redirects as long as they stay at the server.
    pub async fn follow(&self, mut seen: Seen) -> Seen {
        for _ in 0..10 {
            match seen.location() {
                Some(next) if self.is_ours(&next) => {
                    seen = self.send(Method::GET, &next, None, &[]).await;
                }
                _ => return seen,
            }
        }
        panic!("redirected in circles: {}", seen.url)
    }

    fn is_ours(&self, url: &str) -> bool {
        url.starts_with('/') || url.starts_with(&format!("{}/", self.origin))
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        fields: Option<&[(String, String)]>,
        headers: &[(&str, &str)],
    ) -> Seen {
        let url = match url.starts_with('/') {
            true => format!("{}{url}", self.origin),
            false => url.to_owned(),
        };
        let mut request = self.http.request(method, &url);
        let cookies: Vec<String> =
            self.cookies().iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(fields) = fields {
            request = request.form(fields);
        }
        let response = request.send().await.expect("the server answers");
        let (status, headers) = (response.status(), response.headers().clone());
        self.keep(&headers);
        let text = response.text().await.expect("the answer is text");
        Seen { status, url, headers, text }
    }

    fn keep(&self, headers: &header::HeaderMap) {
        let mut kept = self.cookies.lock().expect("nothing panics with the cookies");
        for line in headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().expect("cookies are text");
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').expect("a name and a value");
            match attributes.contains("Max-Age=0") {
                true => kept.remove(name),
                false => kept.insert(name.to_owned(), value.to_owned()),
            };
        }
    }
}

impl Seen {
    /// Where it is sent on.
    pub fn location(&self) -> Option<String> {
        let location = self.headers.get(header::LOCATION)?;
        Some(location.to_str().expect("locations are text").to_owned())
    }

    /// The parameters behind the `?` or `#` of where it is sent on.
    pub fn answer(&self) -> BTreeMap<String, String> {
        let location = self.location().unwrap_or_else(|| panic!("no redirect: {}", self.text));
        let cut = location.find('#').or_else(|| location.find('?')).unwrap_or(location.len() - 1);
        let url = url::form_urlencoded::parse(&location.as_bytes()[cut + 1..]);
        url.into_owned().collect()
    }

    /// The code of the error page; none if it is another page.
    pub fn error(&self) -> Option<String> {
        let at = self.text.find("data-error=\"")? + 12;
        Some(self.text[at..].split('"').next()?.to_owned())
    }

    /// Whether the page has an element with this id.
    pub fn has(&self, id: &str) -> bool {
        self.text.contains(&format!("id=\"{id}\""))
    }

    /// The form with this id.
    pub fn form(&self, id: &str) -> Form {
        let found = self.find_form(id);
        found.unwrap_or_else(|| {
            panic!("{} {} has no form {id}: {}", self.status, self.url, self.text)
        })
    }

    fn find_form(&self, id: &str) -> Option<Form> {
        let mut forms = self.text.split("<form").skip(1);
        let form = forms.find(|form| {
            let tag = form.split('>').next().unwrap_or_default();
            attribute(tag, "id").as_deref() == Some(id)
        })?;
        let form = form.split("</form>").next()?;
        let action = attribute(form.split('>').next()?, "action")?;
        let inputs = form.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap_or(""));
        let fields = inputs.filter_map(field).collect();
        Some(Form { action, fields })
    }
}

impl Form {
    /// The fields with these in place of those of the same name.
    pub fn with(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let replaced = |name: &str| more.iter().any(|(new, _)| *new == name);
        let kept = self.fields.iter().filter(|(name, _)| !replaced(name)).cloned();
        kept.chain(more.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))).collect()
    }

    /// The value of a field.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The fields without those of this name.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self
    }
}

fn field(tag: &str) -> Option<(String, String)> {
    let kind = attribute(tag, "type").unwrap_or_default();
    let ticked = tag.split_ascii_whitespace().any(|word| word == "checked");
    if matches!(&*kind, "checkbox" | "radio") && !ticked {
        return None;
    }
    Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()))
}

/// The value of an attribute, unescaped.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let at = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = tag[at..].split('"').next()?;
    let plain = value
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#38;", "&")
        .replace("&amp;", "&");
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_a_browser_reads_it() {
        let seen = Seen {
            status: StatusCode::OK,
            url: String::new(),
            headers: header::HeaderMap::new(),
            text: "<form id=\"a\" action=\"/x\"></form><form id=\"b\" method=\"post\" action=\"/y?a=1&#38;b=2\">\
                   <input type=\"hidden\" name=\"tx\" value=\"&#34;t\"><input type=\"checkbox\" name=\"s\" \
                   value=\"1\" checked><input type=\"checkbox\" name=\"s\" value=\"2\"><button name=\"d\"></form>"
                .to_owned(),
        };
        let form = seen.form("b");
        assert_eq!(form.action, "/y?a=1&b=2");
        let expected = [("tx", "\"t"), ("s", "1")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(form.fields, expected);
        assert_eq!(form.with(&[("s", "3")])[1], ("s".to_owned(), "3".to_owned()));
    }
}
