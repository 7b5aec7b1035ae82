//! The content security policy of a page. SEC-002.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grantor_crypto::digest::sha256;

/// What a page may load, besides nothing.
#[derive(Debug, Default)]
pub(crate) struct Csp {
    styles: Vec<String>,
    scripts: Vec<String>,
    images: Vec<String>,
    frames: Vec<String>,
    targets: Vec<String>,
    framable: bool,
}

impl Csp {
    /// Nothing but this inline style sheet.
    pub(crate) fn with_style(hash: &str) -> Self {
        Self { styles: vec![hash.to_owned()], ..Self::default() }
    }

    /// And this inline script.
    pub(crate) fn script(mut self, script: &str) -> Self {
        self.scripts.push(hash_source(script));
        self
    }

    /// And pictures from there.
    pub(crate) fn image(mut self, source: Option<String>) -> Self {
        self.images.extend(source);
        self
    }

    /// And frames of that origin.
    pub(crate) fn frame(mut self, source: Option<String>) -> Self {
        self.frames.extend(source);
        self.frames.dedup();
        self
    }

    /// Its forms may end up there too: browsers hold `form-action` against the redirect that answers a form.
    pub(crate) fn target(mut self, source: Option<String>) -> Self {
        self.targets.extend(source);
        self
    }

    /// Others may frame it, which is what it is for.
    pub(crate) fn framable(mut self) -> Self {
        self.framable = true;
        self
    }

    /// The header's value.
    pub(crate) fn render(&self, forms: bool) -> String {
        let mut policy = String::from("default-src 'none'; base-uri 'none'; object-src 'none'");
        let mut directive = |name: &str, own: &str, more: &[String]| {
            if !own.is_empty() || !more.is_empty() {
                let _ = write!(policy, "; {name}");
                let own = Some(own).filter(|own| !own.is_empty());
                own.into_iter().chain(more.iter().map(String::as_str)).for_each(|source| {
                    let _ = write!(policy, " {source}");
                });
            }
        };
        directive("style-src", "", &self.styles);
        directive("script-src", "", &self.scripts);
        directive("img-src", "data:", &self.images);
        directive("frame-src", "", &self.frames);
        let own = if forms { "'self'" } else { "'none'" };
        directive(
            "form-action",
            if forms || self.targets.is_empty() { own } else { "" },
            &self.targets,
        );
        if !self.framable {
            policy.push_str("; frame-ancestors 'none'");
        }
        policy
    }
}

/// The source expression of inline text. CSP 3 §2.3.1
pub(crate) fn hash_source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(sha256(text.as_bytes())))
}

/// The source expression that covers a URL: its origin, or its scheme where a host cannot be written.
///
/// What is in the URL never gets into the policy as it is: a source has no space, comma or semicolon.
pub(crate) fn url_source(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once(':')?;
    let in_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(in_scheme) {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    let authority =
        rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?', '#', '\\']).next());
    let in_authority = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
    match authority {
        Some(host) if matches!(&*scheme, "http" | "https") => {
            let fit = !host.is_empty() && host.chars().all(in_authority);
            // An IPv6 address cannot be written as a source.
            let whole = host.starts_with('[').then(|| format!("{scheme}:"));
            if fit { Some(format!("{scheme}://{}", host.to_ascii_lowercase())) } else { whole }
        }
        _ if matches!(&*scheme, "javascript" | "data" | "blob" | "http" | "https") => None,
        _ => Some(format!("{scheme}:")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_002_a_url_opens_the_policy_for_its_origin_alone() {
        for (url, source) in [
            ("https://shop.example/callback?a=b", Some("https://shop.example")),
            ("https://Shop.example:8443", Some("https://shop.example:8443")),
            ("http://127.0.0.1:5000/cb", Some("http://127.0.0.1:5000")),
            ("http://[::1]:5000/cb", Some("http:")),
            ("com.example.app:/cb", Some("com.example.app:")),
            ("https://a.example; script-src *", None),
            ("https://a.example,b", None),
            ("https://user@a.example/", None),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("https:/a", None),
            ("a b:c", None),
            ("", None),
        ] {
            assert_eq!(url_source(url).as_deref(), source, "{url}");
        }
    }

    #[test]
    fn sec_002_a_policy_forbids_what_it_does_not_name() {
        let policy = Csp::with_style("'sha256-x'").render(true);
        assert_eq!(
            policy,
            "default-src 'none'; base-uri 'none'; object-src 'none'; style-src 'sha256-x'; \
             img-src data:; form-action 'self'; frame-ancestors 'none'"
        );
        assert!(!policy.contains("unsafe"));
    }
}
