//! The first administrator, and the registry as files want it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::PROGRAM;

/// The examples of the documentation.
const FILES: &str = include_str!("../../../../docs/examples/apply/orders.yaml");
const PEOPLE: &str = include_str!("../../../../docs/examples/apply/people.toml");

/// A server on an empty database, and the folder of an administrator.
struct Server {
    child: Child,
    issuer: String,
    secret: String,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--database"])
            .arg(format!("sqlite:{}", folder.path().join("grantor.db").display()))
            .stdout(Stdio::piped())
            .env("GRANTOR_LOG", "trace")
            .stderr(std::fs::File::create(folder.path().join("serve.log")).unwrap())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let secret = lines.map_while(Result::ok).find(|line| line.trim().starts_with("gbs_"));
        let secret = secret.expect("a one-time secret on stdout").trim().to_owned();
        Self { child, issuer: format!("http://127.0.0.1:{port}"), secret, folder }
    }

    fn credentials(&self) -> PathBuf {
        self.folder.path().join("admin.json")
    }

    fn grantor(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env("GRANTOR_ADMIN_CREDENTIALS", self.credentials());
        command
    }

    fn bootstrap(&self, secret: &str) -> Output {
        let mut child = self
            .grantor(&["admin", "bootstrap", "--server", &self.issuer])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(format!("{secret}\n").as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn run(&self, arguments: &[&str]) -> (bool, String, String) {
        let output = self.grantor(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

#[test]
fn sec_168_the_one_time_secret_makes_one_administrator_and_no_second() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start();
    assert!(!server.bootstrap("gbs_wrong").status.success());
    assert!(server.bootstrap(&server.secret).status.success());
    let mode = std::fs::metadata(server.credentials()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::rename(server.credentials(), server.folder.path().join("first.json")).unwrap();
    let second = server.bootstrap(&server.secret);
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("already"));
}

#[test]
fn files_are_shown_then_applied_then_have_nothing_to_change() {
    let server = Server::start();
    assert!(server.bootstrap(&server.secret).status.success());
    let file = server.file("grantor.yaml", FILES);

    let (ok, _, shown) = server.run(&["apply", "-f", &file]);
    assert!(ok, "{shown}");
    assert!(shown.contains("+ clients report") && shown.contains("~ realms services"), "{shown}");
    let (same, _, different) = server.run(&["diff", "-f", &file]);
    assert!(!same, "showing has changed nothing: {different}");

    let (ok, secrets, said) = server.run(&["apply", "-f", &file, "--write"]);
    assert!(ok, "{said}");
    assert!(secrets.contains("\"client_id\":\"report\""), "the secret is shown once: {secrets}");
    let (same, _, different) = server.run(&["diff", "-f", &file]);
    assert!(same, "{different}");

    let changed = server.file("grantor.yaml", &FILES.replace("Sales order", "Order"));
    let (ok, _, said) = server.run(&["apply", "-f", &changed, "--write"]);
    assert!(ok && said.contains("name: \"Sales order\" -> \"Order\""), "{said}");
    let (_, shown, _) = server.run(&["admin", "show", "resource-types", "sales_order"]);
    assert!(shown.contains("\"name\":\"Order\""), "{shown}");
}

#[test]
fn what_files_do_not_name_goes_only_with_prune() {
    let server = Server::start();
    assert!(server.bootstrap(&server.secret).status.success());
    let file = server.file("grantor.yaml", FILES);
    assert!(server.run(&["apply", "-f", &file, "--write"]).0);
    let fewer = FILES
        .replace("  - id: report\n", "  - id: other\n")
        .replace("client: report", "client: other");
    let fewer = server.file("fewer.yaml", &fewer);
    let (ok, _, said) = server.run(&["apply", "-f", &fewer, "--write"]);
    assert!(ok, "{said}");
    assert!(server.run(&["admin", "show", "clients", "report"]).0, "nothing was pruned");
    let (_, _, shown) = server.run(&["apply", "-f", &fewer, "--prune"]);
    assert!(shown.contains("- clients report"), "{shown}");
    assert!(!shown.contains("- scopes uid"), "what the server brings along stays: {shown}");
    assert!(!shown.contains("grantor."), "so do its permissions: {shown}");
}

#[test]
fn a_folder_of_files_is_one_whose_entries_name_each_other() {
    let server = Server::start();
    assert!(server.bootstrap(&server.secret).status.success());
    server.file("orders.yaml", FILES);
    server.file("people.toml", PEOPLE);
    let folder = server.folder.path().display().to_string();
    let (ok, _, shown) = server.run(&["apply", "-f", &folder]);
    assert!(ok && shown.contains("+ groups sales"), "{shown}");
    let (ok, _, said) = server.run(&["apply", "-f", &folder, "--write"]);
    assert!(ok, "{said}");
    let (same, _, different) = server.run(&["diff", "-f", &folder]);
    assert!(same && different.contains("0 different"), "{different}");
    let (_, shown, _) = server.run(&["admin", "show", "tenants", "main"]);
    assert!(shown.contains("\"session_idle_seconds\":7200"), "{shown}");
}

#[test]
fn sec_189_the_hash_of_a_password_is_in_no_log_and_no_answer_however_verbose() {
    let server = Server::start();
    assert!(server.bootstrap(&server.secret).status.success());
    server.file("orders.yaml", FILES);
    server.file("people.toml", PEOPLE);
    let folder = server.folder.path().display().to_string();
    let mut told = String::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let too_costly = elsewhere.path().join("people.toml");
    std::fs::write(&too_costly, PEOPLE.replace("$2b$04$", "$2b$31$")).unwrap();
    let too_costly = too_costly.display().to_string();
    for arguments in [
        ["apply", "-f", &too_costly, "-vvv"].as_slice(),
        &["apply", "-f", &folder, "--write", "-vvv"],
        &["admin", "list", "users", "-vvv"],
        &["admin", "request", "GET", "audit", "-vvv"],
    ] {
        let (_, stdout, stderr) = server.run(arguments);
        told.push_str(&stdout);
        told.push_str(&stderr);
    }
    told.push_str(&std::fs::read_to_string(server.folder.path().join("serve.log")).unwrap());
    assert!(told.contains("TRACE") || told.contains("DEBUG"), "nothing was logged: {told}");
    for part in ["Fi507f0edFyO0Fg", "Yamq3WOASCsS5fI8"] {
        assert!(PEOPLE.contains(part) && !told.contains(part), "{part} is told");
    }
}

#[test]
fn whoever_has_to_stop_says_what_was_done_and_the_next_run_goes_on() {
    let server = Server::start();
    assert!(server.bootstrap(&server.secret).status.success());
    let wrong = FILES.replace("granted: assigned", "granted: always")
        + "tenants:\n  - name: main\n    settings: {session_idle_seconds: 7200}\n";
    let file = server.file("grantor.yaml", &wrong);
    let (ok, secrets, said) = server.run(&["apply", "-f", &file, "--write"]);
    assert!(!ok, "{said}");
    assert!(secrets.contains("\"client_id\":\"report\""), "its secret is not lost: {secrets}");
    let part = |from: &str, to: &str| {
        let start = said.find(from).unwrap_or_else(|| panic!("no {from:?} in {said}"));
        let end = said[start..].find(to).map_or(said.len(), |at| start + at);
        said[start..end].to_owned()
    };
    let (done, refused) =
        (part("done:", "refused"), part("refused, and not done:", "not done:\n  ~"));
    assert!(done.contains("+ clients report") && done.contains("~ realms services"), "{said}");
    assert!(refused.contains("+ assignments client report sales_order.read_all"), "{said}");
    assert!(said.contains("not done:\n  ~ tenants main\n"), "{said}");
    assert!(said.contains("the rule of the scope asks for no assignment"), "{said}");
    assert!(
        said.contains("hint: put right what is wrong and run the same command again"),
        "{said}"
    );

    let right = server.file("grantor.yaml", &wrong.replace("granted: always", "granted: assigned"));
    let (_, _, left) = server.run(&["apply", "-f", &right]);
    assert!(!left.contains("+ clients") && left.contains("3 would change"), "{left}");
    let (ok, secrets, said) = server.run(&["apply", "-f", &right, "--write"]);
    assert!(ok && said.contains("3 changed") && secrets.is_empty(), "{said}");
    assert!(server.run(&["diff", "-f", &right]).0);
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    let server = Server::start();
    let (ok, _, said) = server.run(&["admin", "list", "clients"]);
    assert!(!ok && said.contains("grantor admin bootstrap"), "{said}");
    assert!(server.bootstrap(&server.secret).status.success());
    let bad = server.file("bad.yaml", "clients:\n  - id: x\n    grant_typos: []\n");
    let (ok, _, said) = server.run(&["apply", "-f", &bad, "--write"]);
    assert!(!ok && said.contains("grant_typos"), "{said}");
}
