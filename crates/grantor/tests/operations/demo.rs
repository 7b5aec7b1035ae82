//! `grantor demo` leaves nothing behind, however it ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A demo that has told what to try: its process, its port, and the folder of its folders.
fn started() -> (Child, u16, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_grantor"));
    demo.args(["demo", "--no-open", "--port", &port.to_string()]).env("TMPDIR", folder.path());
    let mut demo = demo.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.as_mut().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("Ctrl-C ends the demo")));
    (demo, port, folder)
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn a_demo_takes_its_server_and_its_folder_along_however_it_ends() {
    for signal in ["-TERM", "-HUP", "-INT", "-KILL"] {
        let (mut demo, port, folder) = started();
        assert!(!is_empty(folder.path()));
        assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
        let pid = demo.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        demo.wait().unwrap();
        // Of a demo that was killed the server hears a moment later.
        for _ in 0..500 {
            if is_empty(folder.path()) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(is_empty(folder.path()), "{signal}: the folder is left");
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "{signal}: the server is left");
    }
}

#[test]
fn a_demo_at_a_port_that_is_taken_names_its_own_option() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for more in [&["--no-open"][..], &["--check"]] {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_grantor"));
        let demo = demo.args(["demo", "--port", &port]).args(more).output().unwrap();
        let said = String::from_utf8_lossy(&demo.stderr);
        assert!(!demo.status.success() && said.contains("grantor demo --port"), "{said}");
    }
}
