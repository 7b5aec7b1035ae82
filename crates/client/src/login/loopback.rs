//! A redirect URI on this machine, for one answer. RFC 8252 §7.3 and §8.3.
//!
//! Listens on 127.0.0.1 only (never `localhost`, which may resolve elsewhere), reads small requests
//! within short times, and takes the first that brings the `state` of the login. What others on this
//! machine or a page in the browser send is answered and forgotten, so they cannot spend it.

use std::net::Ipv4Addr;
use std::time::Duration;

use grantor_crypto::ct_eq;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::login::error::LoginError;

/// The path of the redirect URI.
const PATH: &str = "/callback";
/// The longest request head that is read, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// How long one request may take to arrive, so that a silent connection does not block the door.
const REQUEST: Duration = Duration::from_secs(5);

/// A listener on 127.0.0.1.
#[derive(Debug)]
pub(crate) struct Loopback {
    listener: TcpListener,
    port: u16,
}

/// The browser that came back; it waits for an answer.
#[derive(Debug)]
pub(crate) struct Arrival {
    stream: TcpStream,
    query: String,
}

impl Loopback {
    /// On a port that the system chooses.
    pub(crate) async fn bind() -> Result<Self, LoginError> {
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = bound.map_err(|error| LoginError::Loopback(error.kind()))?;
        let address = listener.local_addr().map_err(|error| LoginError::Loopback(error.kind()))?;
        Ok(Self { listener, port: address.port() })
    }

    pub(crate) fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Waits for the browser that brings `state`.
    pub(crate) async fn receive(
        self,
        state: &str,
        patience: Duration,
    ) -> Result<Arrival, LoginError> {
        let (arrived, mut arrivals) = tokio::sync::mpsc::channel(1);
        let wait = async {
            let mut visits = tokio::task::JoinSet::new();
            loop {
                tokio::select! {
                    accepted = self.listener.accept() => {
                        let Ok((stream, _)) = accepted else { continue };
                        visits.spawn(visit(stream, self.port, state.to_owned(), arrived.clone()));
                    }
                    Some(arrival) = arrivals.recv() => return arrival,
                    Some(_) = visits.join_next(), if !visits.is_empty() => {}
                }
            }
        };
        timeout(patience, wait).await.map_err(|_| LoginError::NobodyCame)
    }
}

/// One connection: handed on if it is the one, else answered.
async fn visit(
    mut stream: TcpStream,
    port: u16,
    state: String,
    arrived: tokio::sync::mpsc::Sender<Arrival>,
) {
    let Ok(Ok(head)) = timeout(REQUEST, read_head(&mut stream)).await else { return };
    match judge(&head, port, &state) {
        Ok(query) => {
            let arrival = Arrival { stream, query: query.to_owned() };
            // Somebody else was first: an answer counts once.
            if let Err(late) = arrived.try_send(arrival) {
                late.into_inner().say("409 Conflict", "This sign-in was already answered.").await;
            }
        }
        Err((status, text)) => Arrival { stream, query: String::new() }.say(status, text).await,
    }
}

async fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    let mut piece = [0; 2048];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let read = stream.read(&mut piece).await?;
        if read == 0 || head.len() + read > MAX_HEAD {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(&piece[..read]);
    }
    String::from_utf8(head).map_err(|_| std::io::ErrorKind::InvalidData.into())
}

/// The query, if this request is the callback; else a status and a word to whoever asked.
fn judge<'a>(
    head: &'a str,
    port: u16,
    state: &str,
) -> Result<&'a str, (&'static str, &'static str)> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    if method != Some("GET") {
        return Err(("405 Method Not Allowed", "Only the browser is expected here."));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if path != PATH {
        return Err(("404 Not Found", "There is nothing here."));
    }
    // A page that rebinds its name to this address must not be able to talk here.
    let host = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    });
    if host != Some(format!("127.0.0.1:{port}").as_str()) {
        return Err(("400 Bad Request", "This is not the address that was asked for."));
    }
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let sent = pairs.find_map(|(name, value)| (name == "state").then_some(value));
    match sent {
        Some(sent) if ct_eq(sent.as_bytes(), state.as_bytes()) => Ok(query),
        _ => Err(("400 Bad Request", "This answer belongs to another sign-in.")),
    }
}

impl Arrival {
    pub(crate) fn query(&self) -> &str {
        &self.query
    }

    /// Tells the person how it went.
    pub(crate) async fn answer(self, outcome: Result<(), &LoginError>) {
        match outcome {
            Ok(()) => {
                self.say("200 OK", "You are signed in. You can close this page and go back.").await;
            }
            Err(error) if error.refusal().is_some_and(|no| no.error == "access_denied") => {
                self.say("200 OK", "You said no, so nothing was allowed. You can close this page.")
                    .await;
            }
            Err(_) => {
                self.say("400 Bad Request", "Signing in did not work. The program says why.").await;
            }
        }
    }

    /// A page without anything that could be loaded, run or remembered.
    async fn say(mut self, status: &str, text: &str) {
        let body = format!(
            "<!doctype html><html lang=en><meta charset=utf-8><title>Sign in</title>\
             <meta name=viewport content=\"width=device-width\">\
             <meta name=color-scheme content=\"light dark\"><h1>Sign in</h1><p>{text}</p></html>"
        );
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\n\
             Content-Length: {}\r\nContent-Security-Policy: default-src 'none'; \
             frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let write = async {
            self.stream.write_all(answer.as_bytes()).await?;
            self.stream.shutdown().await
        };
        // Whoever hung up does not want to know.
        let _ = timeout(REQUEST, write).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str, host: &str) -> String {
        format!("{line} HTTP/1.1\r\nAccept: */*\r\nHost: {host}\r\n\r\n")
    }

    #[test]
    fn only_the_browser_that_brings_the_state_is_the_one() {
        let here = "127.0.0.1:1";
        let head = request("GET /callback?code=c&state=s", here);
        assert_eq!(judge(&head, 1, "s"), Ok("code=c&state=s"));
        for (line, host, status) in [
            ("POST /callback?code=c&state=s", here, "405"),
            ("GET /favicon.ico", here, "404"),
            ("GET /callback/?code=c&state=s", here, "404"),
            ("GET /callback?code=c&state=s", "evil.example:1", "400"),
            ("GET /callback?code=c&state=s", "localhost:1", "400"),
            ("GET /callback?code=c&state=t", here, "400"),
            ("GET /callback?code=c", here, "400"),
            ("GET /callback", here, "400"),
            ("", here, "405"),
        ] {
            let (answered, _) = judge(&request(line, host), 1, "s").unwrap_err();
            assert!(answered.starts_with(status), "{line} {host}: {answered}");
        }
    }

    async fn send(port: u16, text: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn strangers_are_answered_and_do_not_spend_the_login() {
        let loopback = Loopback::bind().await.unwrap();
        let (port, host) = (loopback.port, format!("127.0.0.1:{}", loopback.port));
        assert_eq!(loopback.redirect_uri(), format!("http://{host}/callback"));
        let waiting = tokio::spawn(loopback.receive("s", Duration::from_secs(20)));
        // One that says nothing, and two that say the wrong thing.
        let _silent = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        assert!(send(port, &request("GET /", &host)).await.starts_with("HTTP/1.1 404"));
        let wrong = request("GET /callback?code=c&state=x", &host);
        assert!(send(port, &wrong).await.starts_with("HTTP/1.1 400"));
        let right = request("GET /callback?code=c&state=s", &host);
        let browser = tokio::spawn(async move { send(port, &right).await });
        let arrival = waiting.await.unwrap().unwrap();
        assert_eq!(arrival.query(), "code=c&state=s");
        arrival.answer(Ok(())).await;
        let page = browser.await.unwrap();
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("You are signed in"));
        assert!(page.contains("default-src 'none'") && page.contains("no-referrer"));
        // The door is shut.
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err());
    }

    #[tokio::test]
    async fn it_does_not_wait_for_ever() {
        let loopback = Loopback::bind().await.unwrap();
        let nobody = loopback.receive("s", Duration::from_millis(20)).await;
        assert!(matches!(nobody, Err(LoginError::NobodyCame)));
    }
}
