//! The points of the story, each played against the running programs.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use serde_json::json;
use tokio::task::JoinSet;

use super::Stage;
use super::talk::{Answer, Talk, say};
use super::world::{Account, World};

/// How soon a revocation must have reached an API that verifies offline.
const REACH: Duration = Duration::from_secs(1);

/// Plays the story; fails at the first point that does not hold.
pub(crate) async fn play(stage: &mut Stage) -> anyhow::Result<()> {
    let talk = Talk::new(false);
    let batch_token = batch_job_gets_a_token(stage, &talk).await?;
    api_answers_for_the_right_reason(stage, &talk, &batch_token).await?;
    customers_see_their_own(stage, &talk).await?;
    refusals_explain_themselves(stage, &talk).await?;
    revocation_is_seen_within_a_second(stage, &talk, &batch_token).await?;
    keys_rotate_unnoticed(stage, &talk).await?;
    nothing_acknowledged_is_lost(stage, &talk).await?;
    super::delegation::play(stage).await?;
    say("\nAll eleven points hold.")?;
    Ok(())
}

/// The part of it that people see, in a browser; pictures of the pages stay in `screenshots`.
pub(crate) async fn play_in_browser(stage: &Stage, screenshots: &Path) -> anyhow::Result<()> {
    super::screen::play(stage, screenshots).await
}

/// Client credentials in the form of the guide, password grant of the service user.
async fn batch_job_gets_a_token(stage: &Stage, talk: &Talk) -> anyhow::Result<String> {
    say("\n1. The batch job gets a token")?;
    let issuer = stage.issuer();
    let url = format!("{issuer}/oauth2/access_token?realm=services");
    let user = &stage.world.analytics_user;
    let wanted = json!({ "grant_type": "password", "username": user.name, "password": user.secret,
        "scope": "uid sales_order.read_all" });
    let post = || authorized(talk.post(&url), &stage.world.analytics);
    // As the guide's curl sends it: JSON, labelled a form.
    let form = "application/x-www-form-urlencoded";
    let request = post().header("content-type", form).body(wanted.to_string());
    let answer = talk.send("password grant, JSON body as in the guide", request).await?;
    let answer = has_stups_shape(answer.expect(200)?)?;
    let token = answer.text("access_token")?;
    let request = post().form(&wanted);
    has_stups_shape(talk.send("the same as a form", request).await?.expect(200)?)?;

    let url = format!("{issuer}/oauth2/tokeninfo");
    let info = talk.send("token info", talk.get(&url).bearer_auth(&token)).await?.expect(200)?;
    let told = &info.body;
    ensure!(told["uid"] == user.name.as_str(), "uid is the service user");
    ensure!(told["realm"] == "/services" && told["grant_type"] == "password");
    ensure!(told["scope"] == json!(["uid", "sales_order.read_all"]), "in the order asked for");
    ensure!(told["sales_order.read_all"] == true, "each scope is an attribute too");
    ensure!(told["expires_in"].is_i64() && told["token_type"] == "Bearer");

    let request = authorized(talk.post(&format!("{issuer}/oauth2/token")), &stage.world.analytics)
        .form(&[("grant_type", "client_credentials"), ("scope", "uid sales_order.read_all")]);
    let modern = talk.send("client_credentials, the modern way", request).await?.expect(200)?;
    ensure!(modern.body["scope"] == "uid sales_order.read_all");
    Ok(token)
}

fn has_stups_shape(answer: Answer) -> anyhow::Result<Answer> {
    let members = answer.body.as_object().map(serde_json::Map::len);
    ensure!(members == Some(5), "exactly access_token, token_type, expires_in, scope, realm");
    ensure!(answer.body["scope"] == "sales_order.read_all uid", "sorted");
    ensure!(answer.body["realm"] == "/services" && answer.body["token_type"] == "Bearer");
    ensure!(answer.body["expires_in"].is_i64(), "a number");
    Ok(answer)
}

async fn api_answers_for_the_right_reason(
    stage: &Stage,
    talk: &Talk,
    token: &str,
) -> anyhow::Result<()> {
    say("\n2. The sales-order API answers, or refuses for the right reason")?;
    let url = format!("{}/orders", stage.api);
    let all = talk.send("the batch job lists", talk.get(&url).bearer_auth(token)).await?;
    let all = all.expect(200)?;
    ensure!(all.body.as_array().map(Vec::len) == Some(3), "it sees every order");

    let url_token = format!("{}/oauth2/access_token?realm=services", stage.issuer());
    let user = &stage.world.analytics_user;
    let uid_only = authorized(talk.post(&url_token), &stage.world.analytics).form(&json!({
        "grant_type": "password", "username": user.name, "password": user.secret, "scope": "uid" }));
    let uid_only = talk.silent().send("", uid_only).await?.expect(200)?.text("access_token")?;
    let weak = talk.send("a token without the scope", talk.get(&url).bearer_auth(uid_only)).await?;
    let weak = weak.expect(403)?;
    ensure!(weak.challenge.contains("insufficient_scope"), "{}", weak.challenge);

    let none = talk.send("no token", talk.get(&url)).await?.expect(401)?;
    ensure!(none.challenge.starts_with("Bearer") && !none.challenge.contains("error="));
    let broken = talk.get(&url).bearer_auth(format!("{token}x"));
    let broken = talk.send("a broken token", broken).await?.expect(401)?;
    ensure!(broken.challenge.contains("invalid_token"), "{}", broken.challenge);
    Ok(())
}

async fn customers_see_their_own(stage: &Stage, talk: &Talk) -> anyhow::Result<()> {
    say("\n3. A customer reads her own order, and nobody else's")?;
    let (issuer, world) = (stage.issuer(), &stage.world);
    let alice = customer(issuer, world, talk, &world.alice).await?.text("access_token")?;
    let own = talk.get(&format!("{}/orders/1", stage.api)).bearer_auth(&alice);
    talk.send("alice reads her own", own).await?.expect(200)?;
    let other = talk.get(&format!("{}/orders/3", stage.api)).bearer_auth(&alice);
    let other = talk.send("alice reads bob's", other).await?.expect(403)?;
    let words = other.body.to_string();
    ensure!(words.contains("own"), "the refusal names ownership: {words}");
    ensure!(!words.contains("insufficient_scope"), "and not the scope: {words}");
    let bob = customer(issuer, world, &talk.silent(), &world.bob).await?.text("access_token")?;
    let list = talk.get(&format!("{}/orders", stage.api)).bearer_auth(bob);
    let list = talk.send("bob lists", list).await?.expect(200)?;
    ensure!(list.body.as_array().map(Vec::len) == Some(1), "one order is his");
    Ok(())
}

async fn refusals_explain_themselves(stage: &Stage, talk: &Talk) -> anyhow::Result<()> {
    say("\n4. A refusal can be explained")?;
    let request =
        authorized(talk.post(&format!("{}/oauth2/token", stage.issuer())), &stage.world.analytics)
            .form(&[("grant_type", "client_credentials"), ("scope", "uid sales_order.write")]);
    let refused = talk.send("the batch job asks for too much", request).await?.expect(400)?;
    ensure!(refused.body["error"] == "invalid_scope");
    ensure!(refused.text("error_description")?.contains("sales_order.write"), "it names the scope");
    let decision = refused.text("decision_id")?;
    ensure!(decision == refused.decision, "header and body name the same decision");

    let database = stage.server.database();
    say(&format!("   grantor explain {decision} --database {database}"))?;
    // The record is written with the next batch, a tenth of a second later at most.
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut explain = std::process::Command::new(std::env::current_exe()?);
        explain.args(["explain", &decision, "--database", &database]);
        let answer = tokio::task::spawn_blocking(move || explain.output()).await??;
        if answer.status.success() {
            return explained(&String::from_utf8_lossy(&answer.stdout));
        }
    }
    bail!("the decision was not recorded");
}

fn explained(text: &str) -> anyhow::Result<()> {
    text.lines().try_for_each(|line| say(&format!("      {line}")))?;
    ensure!(text.starts_with("Refused"), "it says that it was refused");
    ensure!(text.contains("assign sales_order.write"), "it says what would change it");
    Ok(())
}

async fn revocation_is_seen_within_a_second(
    stage: &Stage,
    talk: &Talk,
    token: &str,
) -> anyhow::Result<()> {
    say("\n5. A revoked token is refused within a second, though the API verifies offline")?;
    let issuer = stage.issuer();
    let revoke = authorized(talk.post(&format!("{issuer}/oauth2/revoke")), &stage.world.analytics)
        .form(&[("token", token)]);
    talk.send("the batch job revokes its token", revoke).await?.expect(200)?;
    let revoked = now();
    let info = talk.get(&format!("{issuer}/oauth2/tokeninfo")).bearer_auth(token);
    talk.send("token info, at once", info).await?.expect(401)?;
    let introspect =
        authorized(talk.post(&format!("{issuer}/oauth2/introspect")), &stage.world.shop)
            .form(&[("token", token)]);
    let told = talk.send("introspection, at once", introspect).await?.expect(200)?;
    ensure!(told.body == json!({ "active": false }));
    let url = format!("{}/orders", stage.api);
    while talk.silent().send("", talk.get(&url).bearer_auth(token)).await?.status != 401 {
        ensure!(revoked.elapsed() < REACH, "the API still accepts it after a second");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    say(&format!("   the API refuses it after {} ms", revoked.elapsed().as_millis()))?;
    Ok(())
}

async fn keys_rotate_unnoticed(stage: &Stage, talk: &Talk) -> anyhow::Result<()> {
    say("\n6. The signing key is rotated while requests run")?;
    let admin = admin_token(stage, talk).await?;
    let silent = talk.silent();
    let before = key_ids(stage, &silent).await?;
    let load = async {
        let mut served = 0;
        for round in 0..60 {
            let token = batch_token(stage, &silent).await?;
            let url = format!("{}/orders", stage.api);
            let answer = silent.send("", silent.get(&url).bearer_auth(token)).await?;
            ensure!(answer.status == 200, "request {round} failed with {}", answer.status);
            served += 1;
        }
        anyhow::Ok(served)
    };
    let rotation = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let url = format!("{}/api/v1/keys", stage.issuer());
        let request = talk.post(&url).bearer_auth(&admin).json(&json!({ "ahead_seconds": 0 }));
        let answer = talk.send("the administrator rotates, at once", request).await?;
        ensure!(answer.status / 100 == 2, "rotation failed: {}", answer.body);
        anyhow::Ok(())
    };
    let (served, rotated) = tokio::join!(load, rotation);
    rotated?;
    let served = served?;
    let after = key_ids(stage, &silent).await?;
    ensure!(after.len() > before.len(), "a key was added");
    ensure!(before.iter().all(|kid| after.contains(kid)), "the old key stays published");
    say(&format!("   {served} tokens were issued and used meanwhile; none failed"))?;
    Ok(())
}

async fn nothing_acknowledged_is_lost(stage: &mut Stage, talk: &Talk) -> anyhow::Result<()> {
    say("\n7. kill -9 in the middle of issuing refresh tokens")?;
    let silent = talk.silent();
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let mut issuing = JoinSet::new();
    for _ in 0..4 {
        let (acknowledged, silent) = (Arc::clone(&acknowledged), silent.clone());
        let (issuer, world) = (stage.issuer().to_owned(), Arc::clone(&stage.world));
        // Until the server is gone: what is in flight then was never acknowledged.
        issuing.spawn(async move {
            while let Ok(answer) = customer(&issuer, &world, &silent, &world.alice).await {
                let token = answer.text("refresh_token")?;
                acknowledged.lock().expect("nobody panics").push(token);
            }
            anyhow::Ok(())
        });
    }
    while acknowledged.lock().expect("nobody panics").len() < 8 {
        ensure!(!issuing.is_empty(), "the server went away by itself");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stage.server.kill()?;
    while let Some(ended) = issuing.join_next().await {
        ended??;
    }
    let acknowledged = std::mem::take(&mut *acknowledged.lock().expect("nobody panics"));
    say(&format!("   killed after {} acknowledged refresh tokens", acknowledged.len()))?;
    stage.server.restart().await?;
    for token in &acknowledged {
        let request =
            authorized(silent.post(&format!("{}/oauth2/token", stage.issuer())), &stage.world.shop)
                .form(&[("grant_type", "refresh_token"), ("refresh_token", token)]);
        silent.send("", request).await?.expect(200)?;
    }
    say(&format!("   started again; all {} still work", acknowledged.len()))?;
    Ok(())
}

async fn key_ids(stage: &Stage, talk: &Talk) -> anyhow::Result<Vec<String>> {
    let answer = talk.send("", talk.get(&format!("{}/oauth2/jwks", stage.issuer()))).await?;
    let keys = answer.expect(200)?.body["keys"].as_array().cloned().unwrap_or_default();
    Ok(keys.iter().filter_map(|key| key["kid"].as_str().map(str::to_owned)).collect())
}

/// A token of a customer, through the shop.
async fn customer(
    issuer: &str,
    world: &World,
    talk: &Talk,
    who: &Account,
) -> anyhow::Result<Answer> {
    let request = authorized(talk.post(&format!("{issuer}/oauth2/token")), &world.shop).form(&[
        ("grant_type", "password"),
        ("username", &who.name),
        ("password", &who.secret),
        ("scope", "uid sales_order.read"),
    ]);
    talk.send(&format!("{} signs in through the shop", who.name), request).await?.expect(200)
}

/// A token that costs no password hash: of the batch job, for itself.
async fn batch_token(stage: &Stage, talk: &Talk) -> anyhow::Result<String> {
    let request =
        authorized(talk.post(&format!("{}/oauth2/token", stage.issuer())), &stage.world.analytics)
            .form(&[("grant_type", "client_credentials"), ("scope", "sales_order.read_all")]);
    talk.send("", request).await?.expect(200)?.text("access_token")
}

async fn admin_token(stage: &Stage, talk: &Talk) -> anyhow::Result<String> {
    let request =
        authorized(talk.post(&format!("{}/oauth2/token", stage.issuer())), &stage.world.admin)
            .form(&[("grant_type", "client_credentials")]);
    talk.silent().send("", request).await?.expect(200)?.text("access_token")
}

fn authorized(request: reqwest::RequestBuilder, who: &Account) -> reqwest::RequestBuilder {
    request.basic_auth(&who.name, Some(&who.secret))
}

#[expect(clippy::disallowed_methods, reason = "how long a revocation takes is what is measured")]
fn now() -> Instant {
    Instant::now()
}
