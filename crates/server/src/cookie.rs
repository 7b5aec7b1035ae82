//! Cookies: read strictly, written with every attribute. SEC-111, RFC 6265bis.

use axum::http::{HeaderMap, HeaderValue, header};

/// The value of a cookie. One that is there twice is none: somebody else may have set one of them.
pub fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// Sets a cookie of this host that scripts cannot read and other sites cannot send along with a
/// form. `max_age` in seconds; `None` is until the browser closes.
///
/// The name starts with `__Host-`; the value has no separators: base64url, digits, a tag.
pub fn set(name: &str, value: &str, max_age: Option<u32>) -> HeaderValue {
    debug_assert!(name.starts_with("__Host-"), "SEC-111");
    let age = max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let cookie = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}");
    HeaderValue::from_str(&cookie).expect("a cookie is made of visible characters")
}

/// Removes a cookie.
pub fn remove(name: &str) -> HeaderValue {
    set(name, "", Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_111_cookies_have_every_attribute() {
        assert_eq!(
            set("__Host-a", "b", Some(60)),
            "__Host-a=b; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60"
        );
        assert_eq!(
            set("__Host-a", "b", None),
            "__Host-a=b; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name_and_only_if_it_is_there_once() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("x__Host-a=1; __Host-a=2;b=3"));
        assert_eq!(find(&headers, "__Host-a"), Some("2"));
        assert_eq!(find(&headers, "b"), Some("3"));
        assert_eq!(find(&headers, "c"), None);
        headers.append(header::COOKIE, HeaderValue::from_static("__Host-a=4"));
        assert_eq!(find(&headers, "__Host-a"), None);
    }
}
