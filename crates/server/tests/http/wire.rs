//! Bytes out, bytes in.

use std::time::Duration;

use grantor_testkit::TestServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends exactly these bytes and reads until the server closes or is silent for a while. `HOST` in
/// the bytes stands for the host of the server.
pub(crate) async fn send(server: &TestServer, request: &[u8]) -> String {
    let host = server.issuer.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).await.unwrap();
    let request = String::from_utf8_lossy(request).replace("HOST", host);
    // The server may close before it has read everything.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(Ok(read)) =
        tokio::time::timeout(Duration::from_secs(1), stream.read(&mut buffer)).await
        && read > 0
    {
        answer.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of the first answer; 0 when there was none.
pub(crate) fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}
