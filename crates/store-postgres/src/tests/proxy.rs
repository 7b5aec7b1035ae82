//! A way to the database that can break.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::support::Address;

/// Where a connection is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nowhere
    Never,
    /// When these bytes come from us; the database does not get them
    Before(Vec<u8>),
    /// When these bytes have come from us; the database gets them, we get no answer
    After(Vec<u8>),
}

/// The message that commits, as it is sent: a simple query (`Q`) of eleven bytes.
pub(crate) fn commit() -> Vec<u8> {
    b"Q\0\0\0\x0bCOMMIT\0".to_vec()
}

/// A proxy in front of the database.
pub(crate) struct Proxy {
    pub(crate) url: String,
    port: u16,
    cut: Arc<Mutex<Cut>>,
    accepted: Arc<AtomicUsize>,
    running: Option<Running>,
}

struct Running {
    accepting: JoinHandle<()>,
    alive: watch::Sender<bool>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.accepting.abort();
        let _ = self.alive.send(false);
    }
}

impl Proxy {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut proxy = Self {
            url: Address::of_tests().url_through(port),
            port,
            cut: Arc::new(Mutex::new(Cut::Never)),
            accepted: Arc::default(),
            running: None,
        };
        proxy.run(listener);
        proxy
    }

    /// From now on.
    pub(crate) fn cut(&self, cut: Cut) {
        *self.cut.lock().unwrap() = cut;
    }

    /// All connections end at once, new ones are refused.
    pub(crate) fn stop(&mut self) {
        self.running = None;
    }

    /// It is there again.
    pub(crate) async fn start(&mut self) {
        // The listener before is closed by its task, in a moment.
        let listener = loop {
            match TcpListener::bind(("127.0.0.1", self.port)).await {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        };
        self.run(listener);
    }

    /// How many connections were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    fn run(&mut self, listener: TcpListener) {
        let (alive, watch) = watch::channel(true);
        let (cut, accepted) = (Arc::clone(&self.cut), Arc::clone(&self.accepted));
        let accepting = tokio::spawn(async move {
            while let Ok((ours, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::Relaxed);
                let (cut, mut watch) = (Arc::clone(&cut), watch.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = forward(ours, cut) => (),
                        _ = watch.wait_for(|alive| !alive) => (),
                    }
                });
            }
        });
        self.running = Some(Running { accepting, alive });
    }
}

async fn forward(ours: TcpStream, cut: Arc<Mutex<Cut>>) {
    let address = Address::of_tests();
    let theirs = TcpStream::connect((address.host, address.port)).await.unwrap();
    let (mut from_us, mut to_us) = ours.into_split();
    let (mut from_them, mut to_them) = theirs.into_split();
    let (hush, mut hushed) = watch::channel(false);
    let back = async {
        let mut buffer = vec![0; 65_536];
        while let Ok(count @ 1..) = from_them.read(&mut buffer).await {
            if *hushed.borrow_and_update() {
                continue;
            }
            if to_us.write_all(&buffer[..count]).await.is_err() {
                break;
            }
        }
    };
    let there = async {
        let mut buffer = vec![0; 65_536];
        while let Ok(count @ 1..) = from_us.read(&mut buffer).await {
            let bytes = &buffer[..count];
            let cut = cut.lock().unwrap().clone();
            match cut {
                Cut::Before(needle) if let Some(at) = find(bytes, &needle) => {
                    let _ = to_them.write_all(&bytes[..at]).await;
                    return;
                }
                Cut::After(needle) if find(bytes, &needle).is_some() => {
                    let _ = hush.send(true);
                    let _ = to_them.write_all(bytes).await;
                    // Long enough for the database to do it.
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    return;
                }
                _ => (),
            }
            if to_them.write_all(bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::select! { () = back => (), () = there => () }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}
