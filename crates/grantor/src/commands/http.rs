//! `grantor http`: one authorised request. RFC 6750 §2.1.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use grantor_client::{AccessToken, Clock as _, PlainHttp, SystemClock, check_confidential};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode, Url};

use crate::commands::token::{name, scope};
use crate::developer::login::Browser;
use crate::developer::obtain::{Kept, Wanted};
use crate::failure::hinted;
use crate::out;

/// `--help` and arguments.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "grantor http [OPTIONS] [METHOD] <URL> [SCOPE]...",
    after_help = "\
The body of the answer goes to stdout, its status to stderr. A redirect is shown, not followed.
Tokens come from where `grantor token` has them from. After a 401 a kept token is replaced and \
the request repeated once. A token never goes over plain http, except to this machine.

Exit codes: 0 up to status 399, 4 for 400 to 499, 5 from 500.

Examples:
  grantor http https://orders.example.org/sales-orders uid sales_order.read
  grantor http -n orders https://orders.example.org/sales-orders
  grantor http POST https://orders.example.org/sales-orders -d '{\"item\":\"book\"}' -n orders
  grantor http PUT https://orders.example.org/sales-orders/7 -d @order.json -H 'If-Match: \"3\"'"
)]
pub(crate) struct Args {
    /// Method (GET, or POST with data), URL, and what the token should be good for
    #[arg(required = true, value_name = "METHOD URL SCOPE")]
    words: Vec<String>,

    /// Keep the token under this name, and use the kept one while it is good
    #[arg(short, long, env = "GRANTOR_TOKEN_NAME", value_parser = name)]
    name: Option<String>,

    /// A header, `Name: value`; may be repeated
    #[arg(short = 'H', long = "header", value_name = "HEADER", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,

    /// The body; `@FILE` reads a file, `@-` stdin. JSON objects and lists are sent as JSON, all
    /// else as a form, unless a Content-Type header says otherwise
    #[arg(short, long)]
    data: Option<String>,
}

/// What to send.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    method: Option<Method>,
    url: Url,
    scopes: Vec<String>,
}

/// Sends it and prints the answer.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let target = target(args.words)?;
    check_confidential(&target.url, PlainHttp::LoopbackOnly)
        .map_err(|error| hinted(error, "use https; plain http is for this machine only"))?;
    let body = args.data.as_deref().map(read_data).transpose()?;
    let mut headers: HeaderMap = HeaderMap::new();
    for (name, value) in args.headers {
        headers.append(name, value);
    }
    if let Some(body) = &body {
        headers.entry(CONTENT_TYPE).or_insert(content_type(body));
    }
    let implied = if body.is_some() { Method::POST } else { Method::GET };
    let mut request = reqwest::Request::new(target.method.unwrap_or(implied), target.url);
    *request.headers_mut() = headers;
    *request.body_mut() = body.map(Into::into);
    let wanted = Wanted { name: args.name, scopes: target.scopes, browser: Browser::Open };
    print(send(request, &wanted).await?).await
}

/// Sends it; a second time, with a new token, if a kept one is refused.
async fn send(request: reqwest::Request, wanted: &Wanted) -> anyhow::Result<Response> {
    let http = http_client(request.url())?;
    let token = wanted.obtain(Kept::Welcome).await?;
    let response = execute(&http, &request, &token).await?;
    let age = SystemClock.now().duration_since(token.issued_at()).unwrap_or_default();
    // A new one would be refused just the same.
    if response.status() != StatusCode::UNAUTHORIZED || age < Duration::from_secs(5) {
        return Ok(response);
    }
    tracing::info!("401: asking for a new token");
    match wanted.obtain(Kept::Useless).await {
        Ok(other) if !other.is_same(&token) => execute(&http, &request, &other).await,
        Ok(_) => Ok(response),
        Err(error) => {
            tracing::warn!("no new token after a 401: {error:#}");
            Ok(response)
        }
    }
}

async fn execute(
    http: &reqwest::Client,
    request: &reqwest::Request,
    token: &AccessToken,
) -> anyhow::Result<Response> {
    let mut request = request.try_clone().expect("the body is in memory");
    request.headers_mut().insert(AUTHORIZATION, token.authorization());
    http.execute(request).await.map_err(|error| {
        let error = anyhow::Error::new(error.without_url()).context("the request failed");
        hinted(error, "is the URL right, and the server up?")
    })
}

fn http_client(url: &Url) -> anyhow::Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("grantor/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10));
    // Through a proxy, this machine would be another one.
    let builder = if url.scheme() == "http" { builder.no_proxy() } else { builder };
    builder.build().context("cannot set up TLS")
}

/// Body to stdout as it comes, status to stderr, and for a 401 or 403 the reason.
async fn print(mut response: Response) -> anyhow::Result<ExitCode> {
    let status = response.status();
    let mut told = format!("{:?} {status}\n", response.version());
    for name in ["www-authenticate", "grantor-decision-id", "location", "retry-after"] {
        for value in response.headers().get_all(name) {
            let value: String = String::from_utf8_lossy(value.as_bytes())
                .chars()
                .filter(|char| !char.is_control())
                .collect();
            let _ = writeln!(told, "{name}: {value}");
        }
    }
    let _ = std::io::stderr().lock().write_all(told.as_bytes());
    while let Some(chunk) = response.chunk().await.context("the answer broke off")? {
        out::bytes(&chunk)?;
    }
    Ok(match status.as_u16() {
        ..400 => ExitCode::SUCCESS,
        400..500 => ExitCode::from(4),
        500.. => ExitCode::from(5),
    })
}

/// `[METHOD] URL [SCOPE]...`: a method is letters only, which no URL is.
fn target(words: Vec<String>) -> anyhow::Result<Target> {
    let mut words = words.into_iter().peekable();
    let method = words
        .next_if(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic()))
        .map(|word| Method::from_bytes(word.to_ascii_uppercase().as_bytes()))
        .transpose()?;
    let url = words.next().ok_or_else(|| {
        hinted(anyhow!("the URL is missing"), "grantor http [METHOD] URL [SCOPE]...")
    })?;
    let url = Url::parse(&url).ok().filter(Url::has_host).ok_or_else(|| {
        hinted(anyhow!("{url:?} is not a URL"), "it starts with https:// or http://")
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        bail!("the URL contains a user or password, which has no place on a command line");
    }
    let scopes = words
        .map(|word| scope(&word).map_err(|reason| anyhow!("{word:?} is not a scope: {reason}")))
        .collect::<anyhow::Result<_>>()?;
    Ok(Target { method, url, scopes })
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let (name, value) = text.split_once(':').ok_or("a header is `Name: value`")?;
    let name = HeaderName::try_from(name.trim()).map_err(|_| "that is not a header name")?;
    if name == AUTHORIZATION {
        return Err(
            "Authorization is what this command is for; a secret has no place in arguments",
        );
    }
    let value = HeaderValue::try_from(value.trim()).map_err(|_| "that is not a header value")?;
    Ok((name, value))
}

fn read_data(data: &str) -> anyhow::Result<Vec<u8>> {
    match data.strip_prefix('@') {
        None => Ok(data.as_bytes().to_owned()),
        Some("-") => {
            let mut body = Vec::new();
            std::io::stdin().lock().read_to_end(&mut body).context("cannot read stdin")?;
            Ok(body)
        }
        Some(file) => std::fs::read(file).with_context(|| format!("cannot read {file}")),
    }
}

fn content_type(body: &[u8]) -> HeaderValue {
    let json = serde_json::from_slice::<serde_json::Value>(body);
    HeaderValue::from_static(match json {
        Ok(serde_json::Value::Object(_) | serde_json::Value::Array(_)) => "application/json",
        _ => "application/x-www-form-urlencoded",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> anyhow::Result<Target> {
        target(words.split(' ').map(str::to_owned).collect())
    }

    #[test]
    fn the_method_is_optional_and_scopes_follow_the_url() {
        let read = |words| {
            let Target { method, url, scopes } = read(words).unwrap();
            (method.map(|method| method.to_string()), url.to_string(), scopes.join(" "))
        };
        let url = "https://orders.example.org/";
        assert_eq!(read("https://orders.example.org"), (None, url.to_owned(), String::new()));
        assert_eq!(
            read("delete https://orders.example.org uid a.b"),
            (Some("DELETE".to_owned()), url.to_owned(), "uid a.b".to_owned())
        );
    }

    #[test]
    fn wrong_words_are_told() {
        for (words, says) in [
            ("GET", "the URL is missing"),
            ("GET nonsense", "is not a URL"),
            ("localhost:8080/x", "is not a URL"),
            ("https://a:b@example.org/", "user or password"),
            ("https://example.org/ a\"b", "is not a scope"),
        ] {
            let text = read(words).unwrap_err().to_string();
            assert!(text.contains(says), "{words}: {text}");
        }
    }

    #[test]
    fn sec_171_no_secret_is_taken_as_a_header_argument() {
        assert!(header("Authorization: Bearer canary").is_err());
        assert!(header("AUTHORIZATION:Basic canary").is_err());
        assert!(header("X-Flow-Id: 7").is_ok());
        assert!(header("no colon").is_err());
        assert!(header("a b: c").is_err());
        assert!(header("a: b\r\nc: d").is_err());
    }

    #[test]
    fn json_is_sent_as_json() {
        for (body, kind) in [
            ("{\"a\":1}", "application/json"),
            ("[1]", "application/json"),
            ("a=1", "application/x-www-form-urlencoded"),
            ("1", "application/x-www-form-urlencoded"),
            ("", "application/x-www-form-urlencoded"),
        ] {
            assert_eq!(content_type(body.as_bytes()), kind, "{body}");
        }
    }
}
