//! Credentials, and where they come from: given, or files that somebody rotates.
//!
//! | file in the directory  | content                                                            |
//! |------------------------|--------------------------------------------------------------------|
//! | `user.json`            | `application_username`, `application_password`: a service user     |
//! | `client.json`          | `client_id`, `client_secret` (`null`: a public client)             |
//! | `<name>-token-secret`  | a ready-made token for the name `<name>`; beats asking a server    |
//! | `<name>-token-type`    | its type, if the file exists: only `Bearer` is understood          |
//! | `<name>-client-id`, `<name>-client-secret` | a client for the name `<name>`, instead of the one in `client.json`: as Kubernetes' credential sets write them, and the Java library reads them |
//!
//! With `user.json` the grant is `password`, as the STUPS libraries do it. Without it, and with a
//! client secret, it is `client_credentials`.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::client_auth::ClientAuth;
use crate::error::{CredentialFault, TokenError};
use crate::grant::Grant;
use crate::secret::{Secret, is_token_text};

/// More than any credential has: 64 KiB.
const BIGGEST_FILE: u64 = 64 * 1024;

#[derive(Deserialize)]
struct UserJson {
    application_username: String,
    application_password: Zeroizing<String>,
}

#[derive(Deserialize)]
struct ClientJson {
    client_id: String,
    /// The member must be there, and may be `null`.
    client_secret: serde_json::Value,
}

/// Client and grant of a name from the files, as they are now. Blocks on the file system.
pub(crate) fn read_directory(
    directory: &Path,
    name: &str,
) -> Result<(ClientAuth, Grant), TokenError> {
    let user: Option<UserJson> = read_json(
        &directory.join("user.json"),
        "the texts `application_username` and `application_password`",
    )?;
    let client = match read_client(directory, name)? {
        Some(client) => client,
        None => read_client_json(directory, user.is_some())?,
    };
    let grant = match user {
        Some(user) => Grant::Password {
            username: user.application_username,
            password: Secret::shared(user.application_password),
        },
        None => Grant::ClientCredentials,
    };
    Ok((client, grant))
}

/// The client that is for one name only. Either file alone is half of something.
fn read_client(directory: &Path, name: &str) -> Result<Option<ClientAuth>, TokenError> {
    if !is_file_name(name) {
        return Ok(None);
    }
    let (id, secret) = ("client-id", "client-secret");
    let file = |part: &str| directory.join(format!("{name}-{part}"));
    match (read_text(&file(id))?, read_text(&file(secret))?) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(missing(file(secret))),
        (None, Some(_)) => Err(missing(file(id))),
        (Some(client_id), Some(secret)) => Ok(Some(ClientAuth::BasicUnencoded {
            client_id: client_id.trim().to_owned(),
            secret: secret.trim().into(),
        })),
    }
}

fn missing(file: PathBuf) -> TokenError {
    TokenError::Credentials { file, reason: CredentialFault::Unreadable(ErrorKind::NotFound) }
}

/// The client of every name.
fn read_client_json(directory: &Path, has_user: bool) -> Result<ClientAuth, TokenError> {
    let path = directory.join("client.json");
    let shape = "the texts `client_id` and `client_secret` (or null)";
    let client: Option<ClientJson> = read_json(&path, shape)?;
    let Some(ClientJson { client_id, client_secret }) = client else {
        let name = if has_user { "client.json" } else { "user.json" };
        return Err(missing(directory.join(name)));
    };
    match client_secret {
        serde_json::Value::String(secret) => {
            Ok(ClientAuth::BasicUnencoded { client_id, secret: secret.into() })
        }
        // A public client. The empty secret counts as none (RFC 6749 §2.3.1), and Plan B, which
        // wants to see one whatever it is, is content.
        serde_json::Value::Null if has_user => {
            Ok(ClientAuth::Post { client_id, secret: "".into() })
        }
        // And a public client has nothing but the user to show.
        serde_json::Value::Null => Err(missing(directory.join("user.json"))),
        _ => {
            let reason = CredentialFault::Malformed(shape);
            Err(TokenError::Credentials { file: path, reason })
        }
    }
}

/// That there is no ready-made token for a name, and nothing else may be used.
pub(crate) fn no_token(directory: &Path, name: &str) -> TokenError {
    missing(directory.join(format!("{name}-token-secret")))
}

/// A name is not a path: one that could lead out of the directory has no file.
fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\\', '\0'])
}

/// The ready-made token of a name, if there is one. Blocks on the file system.
pub(crate) fn read_token(directory: &Path, name: &str) -> Result<Option<Secret>, TokenError> {
    if !is_file_name(name) {
        return Ok(None);
    }
    let file = directory.join(format!("{name}-token-secret"));
    let Some(text) = read_text(&file)? else { return Ok(None) };
    let kind = directory.join(format!("{name}-token-type"));
    if read_text(&kind)?.is_some_and(|kind| !kind.trim().eq_ignore_ascii_case("bearer")) {
        let reason = CredentialFault::Malformed("`Bearer`, the only type that is understood");
        return Err(TokenError::Credentials { file: kind, reason });
    }
    let token = text.trim();
    if !is_token_text(token) {
        return Err(TokenError::Credentials { file, reason: CredentialFault::NoToken });
    }
    Ok(Some(token.into()))
}

fn read_json<T: DeserializeOwned>(
    file: &Path,
    shape: &'static str,
) -> Result<Option<T>, TokenError> {
    let Some(text) = read_text(file)? else { return Ok(None) };
    // serde's message could quote the file: say no more than what it should have been.
    serde_json::from_str(&text).map(Some).map_err(|_| TokenError::Credentials {
        file: file.to_owned(),
        reason: CredentialFault::Malformed(shape),
    })
}

fn read_text(file: &Path) -> Result<Option<Zeroizing<String>>, TokenError> {
    let fault = |reason| TokenError::Credentials { file: PathBuf::from(file), reason };
    let mut text = Zeroizing::new(String::new());
    match File::open(file).and_then(|file| file.take(BIGGEST_FILE + 1).read_to_string(&mut text)) {
        Ok(length) if length as u64 > BIGGEST_FILE => Err(fault(CredentialFault::TooBig)),
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(CredentialFault::Unreadable(error.kind()))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(directory.path().join(name), content).unwrap();
        }
        directory
    }

    const USER: (&str, &str) =
        ("user.json", r#"{"application_username":"u","application_password":"p"}"#);
    const CLIENT: (&str, &str) = ("client.json", r#"{"client_id":"c","client_secret":"s"}"#);
    const PUBLIC: (&str, &str) = ("client.json", r#"{"client_id":"c","client_secret":null}"#);

    #[test]
    fn what_the_files_hold_decides_the_grant() {
        let files = directory(&[USER, CLIENT]);
        let (client, grant) = read_directory(files.path(), "orders").unwrap();
        assert!(matches!(client, ClientAuth::BasicUnencoded { .. }));
        assert!(matches!(grant, Grant::Password { .. }));
        let files = directory(&[CLIENT]);
        let (_, grant) = read_directory(files.path(), "orders").unwrap();
        assert!(matches!(grant, Grant::ClientCredentials));
    }

    #[test]
    fn a_client_of_a_name_takes_the_place_of_the_one_of_all() {
        let of = |files: &[(&str, &str)], name| {
            let files = directory(files);
            let (client, grant) = read_directory(files.path(), name)?;
            let ClientAuth::BasicUnencoded { client_id, secret } = client else { panic!() };
            Ok::<_, TokenError>((format!("{client_id}:{}", secret.reveal()), grant))
        };
        let mine = [("orders-client-id", "mine\n"), ("orders-client-secret", "m\n")];
        let (client, grant) = of(&mine, "orders").unwrap();
        assert_eq!(client, "mine:m");
        assert!(matches!(grant, Grant::ClientCredentials));
        let all = [mine[0], mine[1], USER, CLIENT];
        let (client, grant) = of(&all, "orders").unwrap();
        assert_eq!(client, "mine:m");
        assert!(matches!(grant, Grant::Password { .. }));
        assert_eq!(of(&all, "stock").unwrap().0, "c:s");
        assert_eq!(of(&all, "../orders").unwrap().0, "c:s");
        for (half, lacks) in [(mine[0], "orders-client-secret"), (mine[1], "orders-client-id")] {
            let error = of(&[half, CLIENT], "orders").unwrap_err().to_string();
            assert!(error.ends_with(&format!("{lacks}: entity not found")), "{error}");
        }
    }

    #[test]
    fn a_client_secret_of_null_means_a_public_client() {
        let files = directory(&[USER, PUBLIC]);
        let (client, _) = read_directory(files.path(), "orders").unwrap();
        let ClientAuth::Post { client_id, secret } = client else { panic!("{client:?}") };
        assert_eq!((client_id.as_str(), secret.reveal()), ("c", ""));
    }

    #[test]
    fn what_is_wrong_is_named_and_never_quoted() {
        let table: &[(&[(&str, &str)], &str)] = &[
            (&[], "user.json: entity not found"),
            (&[USER], "client.json: entity not found"),
            (&[PUBLIC], "user.json: entity not found"),
            (&[USER, ("client.json", "canary")], "client.json: not a JSON object with"),
            (&[USER, ("client.json", r#"{"client_id":"c"}"#)], "client.json: not a JSON"),
            (
                &[USER, ("client.json", r#"{"client_id":"c","client_secret":["canary"]}"#)],
                "client.json: not a JSON object with",
            ),
            (&[CLIENT, ("user.json", r#"{"application_password":"canary"}"#)], "user.json: not a"),
            (&[CLIENT, ("user.json", r#"["canary"]"#)], "user.json: not a JSON object with"),
        ];
        for (files, says) in table {
            let files = directory(files);
            let error = read_directory(files.path(), "orders").unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains(says), "{text} should say {says}");
            assert!(!text.contains("canary"), "{text}");
        }
        let files = directory(&[("client.json", &"x".repeat(70_000))]);
        let error = read_directory(files.path(), "orders").unwrap_err().to_string();
        assert!(error.ends_with("client.json: too big"), "{error}");
    }

    #[test]
    fn a_token_file_is_trimmed_checked_and_optional() {
        let files = directory(&[
            ("a-token-secret", "  abc\n"),
            ("b-token-secret", "abc"),
            ("b-token-type", "Bearer\n"),
            ("c-token-secret", "abc"),
            ("c-token-type", "MAC"),
            ("d-token-secret", "two words"),
            ("e-token-secret", "\n"),
        ]);
        let read = |name| read_token(files.path(), name);
        assert_eq!(read("a").unwrap().unwrap().reveal(), "abc");
        assert_eq!(read("b").unwrap().unwrap().reveal(), "abc");
        for name in ["c", "d", "e"] {
            let error = read(name).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        assert!(read("f").unwrap().is_none());
        assert!(read("").unwrap().is_none());
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_directory() {
        let files = directory(&[("a-token-secret", "abc")]);
        let below = files.path().join("below");
        fs::create_dir(&below).unwrap();
        for name in ["../a", "..\\a", "x/../../a", "/a"] {
            assert!(read_token(&below, name).unwrap().is_none(), "{name}");
        }
    }
}
