//! The way of a person: authorization with a live session and a remembered consent, and the
//! redemption of the codes that come of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use grantor_testkit::TestBrowser;
use serde_json::json;

use crate::floors::{Bare, Measured, ROUNDS, Stored, Work};
use crate::load::{self, CONNECTIONS};
use crate::process::cpu;
use crate::scenarios::{print, row, say, stored};
use crate::world::{Admin, Basic, World};

const CALLBACK: &str = "https://shop.example/cb";
const VERIFIER: &str = "a-verifier-that-is-long-enough-to-be-one-43-characters";
const PASSWORD: &str = "correct horse battery staple";

/// The longest a sign-in page may be with everything that it loads, in bytes.
const PAGE_BYTES: usize = 30 * 1024;

/// Measures, and prints its lines of the table.
pub(crate) async fn run(
    world: &World,
    admin: &Admin,
    bare: &Bare,
    count: usize,
) -> anyhow::Result<()> {
    let authorization = stored(Stored::Authorization, CONNECTIONS).await?;
    let redemption = stored(Stored::Redemption, CONNECTIONS).await?;
    let user = admin.create("users", json!({ "realm": "customers", "name": "carla" })).await?;
    let id = user["id"].as_str().context("no id")?;
    let set = json!({ "password": PASSWORD });
    admin.create(&format!("users/{id}/password"), set).await?;
    for (client, alg, named, signing, goal) in [
        ("shop-es256", "ES256", "ES256 + ES256", Work::Es256SignTwice, 50.0),
        ("shop-rs256", "RS256", "ES256 + RS256", Work::Es256AndRs256Sign, 90.0),
    ] {
        let more = json!({ "grant_types": ["authorization_code"], "redirect_uris": [CALLBACK],
            "scopes": ["openid"], "default_scopes": ["openid"], "realms": ["customers"],
            "openid": { "id_token_signed_response_alg": alg } });
        let basic = admin.client(client, more).await?;
        let cookies = sign_in(world, client).await?;
        let asked = authorize(world, client, &cookies);
        let codes = Arc::new(Mutex::new(Vec::with_capacity(count)));
        let keep = Arc::clone(&codes);
        let mut authorized = Duration::MAX;
        let pid = world.server.pid;
        for _ in 0..ROUNDS {
            let (keep, asked) = (Arc::clone(&keep), Arc::new(vec![asked.clone()]));
            let before = cpu(pid)?;
            load::run(&world.address, asked, count / ROUNDS, move |_, answer| {
                keep.lock().expect("nobody panics").extend(code_of(&answer.location));
            })
            .await?;
            tokio::time::sleep(Duration::from_millis(250)).await;
            let each = cpu(pid)?.saturating_sub(before) / u32::try_from(count / ROUNDS)?;
            authorized = authorized.min(each);
        }
        let codes = std::mem::take(&mut *codes.lock().expect("nobody panics"));
        if codes.len() < count / ROUNDS * ROUNDS {
            bail!("{} codes of {count} authorizations", codes.len());
        }
        let redeem: Vec<_> = codes.iter().map(|code| redeeming(world, &basic, code)).collect();
        if alg == "ES256" {
            let get = [world.get("/oauth2/jwks", None)];
            let nothing = bare.beside(Work::Nothing, &world.address, pid, &get, 20_000).await?;
            let what = "authorize, live session, remembered consent";
            print(&row(what, "bare + storage", nothing.floor + authorization, authorized, 40.0));
        }
        let Measured { floor, cost } =
            bare.beside(signing, &world.address, pid, &redeem, count).await?;
        let what = format!("code redemption with PKCE, {named}");
        print(&row(&what, "bare + storage + 2 × sign", floor + redemption, cost, goal));
    }
    Ok(())
}

/// Signs in and agrees once; returns the cookies of the browser.
async fn sign_in(world: &World, client: &str) -> anyhow::Result<String> {
    let browser = TestBrowser::at(&format!("http://{}", world.address));
    let seen = browser.open(&path(client)).await;
    if client == "shop-es256" {
        let bytes = seen.text.len();
        say(&format!(
            "| sign-in page, everything in it | | {bytes} bytes | | ≤ {PAGE_BYTES} | {} |",
            if bytes <= PAGE_BYTES { "✓" } else { "short" }
        ));
    }
    let form = seen.form("login-form");
    let typed = [("username", "carla"), ("password", PASSWORD), ("next", "on")];
    let mut seen = browser.submit(&form, &typed).await;
    if seen.has("consent-form") {
        seen = browser.submit(&seen.form("consent-form"), &[("decision", "approve")]).await;
    }
    seen.location().and_then(|to| code_of(&to)).context("signing in came to no code")?;
    let cookies: Vec<_> =
        browser.cookies().iter().map(|(name, value)| format!("{name}={value}")).collect();
    Ok(cookies.join("; "))
}

fn path(client: &str) -> String {
    let challenge =
        BASE64_URL_SAFE_NO_PAD.encode(grantor_crypto::digest::sha256(VERIFIER.as_bytes()));
    format!(
        "/oauth2/authorize?client_id={client}&response_type=code&scope=openid&state=s&nonce=n\
         &redirect_uri=https%3A%2F%2Fshop.example%2Fcb&code_challenge={challenge}\
         &code_challenge_method=S256"
    )
}

fn authorize(world: &World, client: &str, cookies: &str) -> Vec<u8> {
    let (path, host) = (path(client), &world.address);
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\ncookie: {cookies}\r\n\r\n").into_bytes()
}

fn redeeming(world: &World, basic: &Basic, code: &str) -> Vec<u8> {
    let form = format!(
        "grant_type=authorization_code&code={code}&code_verifier={VERIFIER}\
         &redirect_uri=https%3A%2F%2Fshop.example%2Fcb"
    );
    world.post("/oauth2/token", basic, &form)
}

fn code_of(location: &str) -> Option<String> {
    let (_, query) = location.split_once('?')?;
    let code = query.split('&').find_map(|pair| pair.strip_prefix("code="))?;
    Some(code.to_owned())
}
