//! What commands print, read and check, as an operator meets them.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::process::Stdio;

use serde_json::Value;

use crate::world::World;

/// The exit code and stderr of a command whose stdout is this.
fn printing_to(world: &World, args: &[&str], stdout: impl Into<Stdio>) -> (Option<i32>, String) {
    let output = world.program().args(args).stdout(stdout).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A pipe that nobody reads.
fn closed() -> std::io::PipeWriter {
    std::io::pipe().unwrap().1
}

#[tokio::test]
async fn a_reader_who_has_enough_ends_a_command_quietly_and_a_full_disk_is_an_error() {
    let world = World::start().await;
    for args in [
        &["admin", "list", "clients"][..],
        &["config", "reference"],
        &["config", "check"],
        &["completions", "bash"],
        &["keys", "list"],
    ] {
        let (code, said) = printing_to(&world, args, closed());
        assert!(code == Some(0) && !said.contains("error"), "{args:?}: {code:?} {said}");
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (code, said) = printing_to(&world, args, full);
        assert!(code == Some(1) && said.contains("error: cannot write to stdout"), "{said}");
    }
}

#[tokio::test]
async fn a_secret_that_nobody_sees_is_an_error_that_says_how_to_make_another() {
    let world = World::start().await;
    let args = ["admin", "request", "POST", "clients/shop/secrets"];
    let (code, said) = printing_to(&world, &args, closed());
    assert_eq!(code, Some(1));
    assert!(said.contains("a secret was made") && said.contains("hint: make another"), "{said}");
}

#[tokio::test]
async fn the_examples_of_admin_work_as_its_help_writes_them() {
    let world = World::start().await;
    let file = world.path("thing.json");
    let create = |kind: &str, text: &str| {
        fs::write(&file, text).unwrap();
        world.grantor(&["admin", "create", kind, "-f", file.to_str().unwrap()])
    };
    create("clients", r#"{"id":"web","auth_method":"client_secret_basic"}"#).good();
    create("users", r#"{"realm":"customers","name":"alice"}"#).good();
    create("groups", r#"{"name":"readers"}"#).good();
    for (kind, id) in [
        ("clients", "web"),
        ("users", "customers/alice"),
        ("groups", "readers"),
        ("realms", "customers"),
        ("scopes", "uid"),
        ("tenants", "main"),
    ] {
        fs::write(&file, world.grantor(&["admin", "show", kind, id]).good()).unwrap();
        world.grantor(&["admin", "replace", kind, id, "-f", file.to_str().unwrap()]).good();
    }
    let vague = world.grantor(&["admin", "show", "users", "alice"]).bad();
    assert!(vague.contains("customers/alice"), "{vague}");
    let other = world.grantor(&["admin", "show", "clients", "web"]).good();
    fs::write(&file, other.replace("\"web\"", "\"shop\"")).unwrap();
    let replace = ["admin", "replace", "clients", "web", "-f", file.to_str().unwrap()];
    assert!(world.grantor(&replace).bad().contains("another client"));
    let secret = world.grantor(&["admin", "request", "POST", "clients/web/secrets"]).good();
    assert!(serde_json::from_str::<Value>(&secret).unwrap()["client_secret"].is_string());
    let stale = ["admin", "request", "DELETE", "clients/web", "--if-match", "\"0\""];
    assert!(world.grantor(&stale).bad().contains("412"));
    world.grantor(&["admin", "request", "DELETE", "clients/web"]).good();
    world.grantor(&["admin", "delete", "users", "customers/alice"]).good();
}

#[tokio::test]
async fn sec_164_a_member_that_is_there_twice_is_refused_and_not_dropped() {
    let world = World::start().await;
    let mut create = world.program();
    create.args(["admin", "create", "clients"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut create = create.spawn().unwrap();
    create.stdin.take().unwrap().write_all(br#"{"id":"a","id":"b"}"#).unwrap();
    let mut said = String::new();
    create.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(!create.wait().unwrap().success() && said.contains("not strict JSON"), "{said}");
}

#[tokio::test]
async fn sec_169_config_check_refuses_files_that_serve_would() {
    let world = World::start().await;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(world.path("c.pem"), made.cert.pem()).unwrap();
    fs::write(world.path("bad.pem"), "no certificate").unwrap();
    let (certificate, key) = ("GRANTOR_SERVER_TLS_CERTIFICATE", "GRANTOR_SERVER_TLS_KEY");
    for (settings, reason) in [
        (&[(certificate, "nowhere.pem"), (key, "nowhere.pem")][..], "server.tls_certificate"),
        (&[(certificate, "bad.pem"), (key, "bad.pem")], "server.tls_certificate"),
        (&[(certificate, "c.pem"), (key, "nowhere.pem")], "server.tls_key"),
        (&[("GRANTOR_KEYS_MASTER_KEY_FILE", "nowhere.key")], "keys.master_key_file"),
        (&[("GRANTOR_MASTER_KEY", "guess")], "GRANTOR_MASTER_KEY"),
        (&[("GRANTOR_KEYS_OLDER_MASTER_KEY_FILES", "[\"no.key\"]")], "keys.older_master_key_files"),
    ] {
        let mut check = world.program();
        check.envs(settings.iter().copied()).args(["config", "check"]);
        let check = check.output().unwrap();
        let said = String::from_utf8_lossy(&check.stderr);
        assert!(!check.status.success() && said.contains(reason), "{settings:?}: {said}");
    }
    world.grantor(&["config", "check"]).good();
}

#[tokio::test]
async fn rel_007_doctor_finds_damage_in_an_embedded_database() {
    let mut world = World::start().await;
    world.stop();
    assert!(world.grantor(&["doctor"]).good().contains("ok  integrity"));
    let path = world.path("grantor.db");
    let bytes = fs::read(&path).unwrap();
    let pages = bytes.len() / 4_096;
    // Somewhere behind the tables that every command reads first.
    let found = (2..pages).rev().find(|page| {
        let at = page * 4_096;
        let mut damaged = bytes.clone();
        damaged[at..at + 64].fill(0xff);
        fs::write(&path, damaged).unwrap();
        world.grantor(&["doctor"]).bad().contains("!!  integrity")
    });
    assert!(found.is_some(), "no damage is seen in any of {pages} pages");
}
