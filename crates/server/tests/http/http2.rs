//! HTTP/2 as no client speaks it: frames by hand, far more of them than anybody needs (RFC 9113 §10.5).
//! Each attack ends with the connection, costs little memory, and holds nobody else up.

use std::time::Duration;

use grantor_testkit::TestServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinHandle;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const PROTOCOL_ERROR: u32 = 1;
const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

/// What the attacks may cost, in bytes.
const MOST_MEMORY: usize = 32 << 20;

/// A frame (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A request for the keys, or one to the token endpoint, as literals of RFC 7541 §6.2.2.
fn block(server: &TestServer, post: bool) -> Vec<u8> {
    let host = server.issuer.trim_start_matches("http://");
    let path = if post { "/oauth2/token" } else { "/oauth2/jwks" };
    let mut block = vec![if post { 0x83 } else { 0x82 }, 0x86];
    for (name, value) in [(0x04, path), (0x01, host)] {
        block.extend([name, u8::try_from(value.len()).unwrap()]);
        block.extend(value.as_bytes());
    }
    block
}

/// What the server said: kind, stream, payload.
type Said = (u8, u32, Vec<u8>);

/// A connection that speaks HTTP/2.
struct Peer {
    to: OwnedWriteHalf,
    said: JoinHandle<Vec<Said>>,
}

impl Peer {
    async fn new(server: &TestServer) -> Self {
        let host = server.issuer.trim_start_matches("http://");
        let (from, mut to) = TcpStream::connect(host).await.unwrap().into_split();
        to.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        to.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        Self { to, said: tokio::spawn(read(from)) }
    }

    /// Sends frames until there are no more, or the server has had enough.
    async fn send(&mut self, frames: impl Iterator<Item = Vec<u8>>) {
        let mut waiting = Vec::new();
        for frame in frames {
            waiting.extend(frame);
            if waiting.len() > 16_384 {
                if self.to.write_all(&waiting).await.is_err() {
                    return;
                }
                waiting.clear();
            }
        }
        let _ = self.to.write_all(&waiting).await;
    }

    /// Everything that the server said until it closed, which it has to do.
    async fn end(self) -> Vec<Said> {
        let Self { to, said } = self;
        let said = tokio::time::timeout(Duration::from_secs(40), said).await;
        drop(to);
        said.expect("the server closes").unwrap()
    }
}

/// Reads frames until the connection ends.
async fn read(mut from: OwnedReadHalf) -> Vec<Said> {
    let mut said = Vec::new();
    let mut head = [0; 9];
    while from.read_exact(&mut head).await.is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        if from.read_exact(&mut payload).await.is_err() {
            break;
        }
        said.push((head[3], stream, payload));
    }
    said
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().unwrap())
}

/// With which error the connection was given up; `None`: without a word.
fn reason(said: &[Said]) -> Option<u32> {
    let last = said.iter().rfind(|(kind, ..)| *kind == GOAWAY);
    last.map(|(_, _, payload)| number(&payload[4..]))
}

/// The memory of this process, in which the server runs, in bytes.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}

/// Attacks, while somebody else asks for the keys again and again.
async fn attacked(server: &TestServer, frames: impl Iterator<Item = Vec<u8>>) -> Vec<Said> {
    let before = memory();
    let mut peer = Peer::new(server).await;
    let attack = async {
        peer.send(frames).await;
        peer.end().await
    };
    let others = async {
        for asked in 1.. {
            let keys = server.request(reqwest::Method::GET, "/oauth2/jwks").send();
            let answer = tokio::time::timeout(Duration::from_secs(5), keys).await;
            let status = answer.expect("others are answered meanwhile").unwrap().status();
            assert_eq!(status, 200, "the request {asked} of somebody else");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let said = tokio::select! { said = attack => said, () = others => unreachable!() };
    let grown = memory().saturating_sub(before);
    assert!(grown < MOST_MEMORY, "{grown} bytes more");
    said
}

/// The n-th stream of a client.
fn stream(n: u32) -> u32 {
    2 * n + 1
}

#[tokio::test]
async fn sec_010_streams_that_are_reset_at_once_end_the_connection() {
    let server = TestServer::start().await;
    let asked = block(&server, false);
    let frames = (0..100_000).flat_map(|n| {
        let ask = frame(HEADERS, END_HEADERS | END_STREAM, stream(n), &asked);
        [ask, frame(RST_STREAM, 0, stream(n), &8_u32.to_be_bytes())]
    });
    let said = attacked(&server, frames).await;
    assert_eq!(reason(&said), Some(ENHANCE_YOUR_CALM));
    server.stop().await;
}

/// CVE-2025-8671: the server is made to reset the streams itself.
#[tokio::test]
async fn sec_010_streams_that_the_server_has_to_reset_end_the_connection() {
    let server = TestServer::start().await;
    let asked = block(&server, true);
    // A window that overflows is an error of its stream, one that does not grow of the connection.
    for (more, expected) in [(0x7fff_ffff_u32, ENHANCE_YOUR_CALM), (0, PROTOCOL_ERROR)] {
        let frames = (0..100_000).flat_map(|n| {
            let ask = frame(HEADERS, END_HEADERS, stream(n), &asked);
            [ask, frame(WINDOW_UPDATE, 0, stream(n), &more.to_be_bytes())]
        });
        let said = attacked(&server, frames).await;
        assert_eq!(reason(&said), Some(expected), "{more}");
    }
    server.stop().await;
}

#[tokio::test]
async fn sec_010_headers_that_never_end_end_the_connection() {
    let server = TestServer::start().await;
    let asked = block(&server, false);
    let mut field = vec![0x00, 1, b'x', 0x7f, 0x81, 0x7e];
    field.extend([b'a'; 16_256]);
    for (what, part) in [("nothing", Vec::new()), ("fields", field)] {
        let first = frame(HEADERS, END_STREAM, 1, &asked);
        let rest = std::iter::repeat_n(frame(CONTINUATION, 0, 1, &part), 100_000);
        let said = attacked(&server, std::iter::once(first).chain(rest)).await;
        assert!(said.iter().all(|(kind, ..)| *kind != HEADERS), "{what}: answered");
        assert!(reason(&said).is_none_or(|error| error != 0), "{what}");
    }
    server.stop().await;
}

#[tokio::test]
async fn sec_010_a_million_empty_pieces_of_a_body_cost_nothing() {
    let server = TestServer::start().await;
    let first = frame(HEADERS, END_HEADERS, 1, &block(&server, true));
    let empty = std::iter::repeat_n(frame(DATA, 0, 1, &[]), 1_000_000);
    // Whoever is still there by then says that the body ends, and goes.
    let last = [frame(DATA, END_STREAM, 1, &[]), frame(GOAWAY, 0, 0, &[0; 8])];
    let said = attacked(&server, std::iter::once(first).chain(empty).chain(last)).await;
    let answers = said.iter().filter(|(kind, ..)| *kind == HEADERS).count();
    assert!(answers == 1 || reason(&said) == Some(ENHANCE_YOUR_CALM), "{:?}", reason(&said));
    server.stop().await;
}

#[tokio::test]
async fn sec_010_a_connection_has_a_hundred_streams_at_most() {
    let server = TestServer::start().await;
    let asked = block(&server, true);
    let open = (0..150).map(|n| frame(HEADERS, END_HEADERS, stream(n), &asked));
    let last = frame(GOAWAY, 0, 0, &[0; 8]);
    let close = (0..150).map(|n| frame(DATA, END_STREAM, stream(n), &[]));
    let said = attacked(&server, open.chain(close).chain([last])).await;
    let settings = said.iter().find(|(kind, ..)| *kind == SETTINGS).unwrap();
    let most = settings.2.chunks(6).find(|setting| setting[..2] == [0, 3]).unwrap();
    assert_eq!(number(&most[2..]), 100);
    let refused = said
        .iter()
        .filter(|(kind, _, payload)| *kind == RST_STREAM && number(payload) == REFUSED_STREAM);
    let refused = refused.count();
    assert!(refused >= 50 || reason(&said).is_some_and(|error| error != 0), "{refused}");
    server.stop().await;
}
