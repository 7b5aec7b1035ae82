//! The heart of the story: a customer lets a shop act for her, sees what it may do, and takes it
//! back. Played over the plain forms of the pages.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::Stage;
use super::tab::Tab;
use super::talk::say;
use super::world::Account;

/// How soon a withdrawn permission must have reached the shop.
const REACH: Duration = Duration::from_secs(1);

/// Plays it; fails at the first point that does not hold.
pub(super) async fn play(stage: &Stage) -> anyhow::Result<()> {
    let mut tab = Tab::new()?;
    alice_lets_the_shop_save(stage, &mut tab).await?;
    alice_sees_what_the_shop_may_do(stage, &mut tab).await?;
    alice_takes_writing_back(stage, &mut tab).await?;
    alice_is_asked_again_and_says_no(&mut tab).await
}

async fn alice_lets_the_shop_save(stage: &Stage, tab: &mut Tab) -> anyhow::Result<()> {
    say("\n8. A customer lets the shop add to her wishlist")?;
    tab.open(&stage.shop).await?;
    tab.submit(tab.page.form("save-walking-shoes")?).await?;
    say("   alice saves shoes, and is sent to sign in")?;
    sign_in(tab, &stage.world.alice).await?;
    let asked = tab.page.text();
    ensure!(tab.page.has("consent-form"), "she is asked before the shop may do anything: {asked}");
    ensure!(asked.contains("Shoe shop"), "it says who asks: {asked}");
    ensure!(asked.contains("Add to your wishlist"), "and what for, in plain words: {asked}");
    say("   she is asked in plain words, and agrees")?;
    tab.submit(tab.page.form("consent-form")?.press("consent-approve")?).await?;
    ensure!(tab.page.url.as_str().starts_with(&stage.shop), "she is back at {}", tab.page.url);
    noticed(tab, "saved")?;
    ensure!(tab.page.text().contains("Walking shoes are on your wishlist"), "they are saved");
    say("   back at the shop: saved")?;
    Ok(())
}

async fn alice_sees_what_the_shop_may_do(stage: &Stage, tab: &mut Tab) -> anyhow::Result<()> {
    say("\n9. Her account page says what the shop may do, and when it last did")?;
    tab.open(&format!("{}/account/applications", stage.issuer())).await?;
    let text = tab.page.text();
    ensure!(tab.page.status.is_success(), "{} {text}", tab.page.status);
    for words in ["Shoe shop", "Add to your wishlist", "See your wishlist"] {
        ensure!(text.contains(words), "{words} is missing: {text}");
    }
    ensure!(tab.page.html.contains("class=\"last-used\""), "it says when it was last used: {text}");
    say("   the shop, its two permissions, and their last use are listed")?;
    Ok(())
}

async fn alice_takes_writing_back(stage: &Stage, tab: &mut Tab) -> anyhow::Result<()> {
    say("\n10. She takes back one permission, and the shop hears of it within a second")?;
    let (shop, write) = (stage.world.shoe_shop.name.as_str(), super::wishlist::WRITE);
    let form = tab.page.form_with(&[("client", shop), ("scope", write)])?;
    tab.submit(form).await?;
    ensure!(tab.page.status.is_success(), "{}: {}", tab.page.status, tab.page.text());
    let withdrawn = now();
    let holds = |scope| tab.page.form_with(&[("client", shop), ("scope", scope)]).is_ok();
    ensure!(!holds(write), "it is gone from the page");
    ensure!(holds(super::wishlist::READ), "the other one is not");
    loop {
        tab.open(&stage.shop).await?;
        tab.submit(tab.page.form("save-rubber-boots")?).await?;
        if tab.page.attribute("notice", "data-notice").as_deref() == Some("refused") {
            break;
        }
        ensure!(withdrawn.elapsed() < REACH, "the shop may still write: {}", tab.page.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    say(&format!("   the next write is refused after {} ms", withdrawn.elapsed().as_millis()))?;
    let text = tab.page.text();
    ensure!(text.contains("nothing was saved"), "and the shop says so kindly: {text}");
    ensure!(text.contains("Walking shoes"), "it still sees the wishlist: {text}");
    say("   the shop says so kindly, and still sees the wishlist")?;
    Ok(())
}

async fn alice_is_asked_again_and_says_no(tab: &mut Tab) -> anyhow::Result<()> {
    say("\n11. Asked again, she says no, and nothing breaks")?;
    tab.submit(tab.page.form("ask-again")?).await?;
    ensure!(tab.page.has("consent-form"), "she is asked again: {}", tab.page.text());
    tab.submit(tab.page.form("consent-form")?.press("consent-deny")?).await?;
    noticed(tab, "denied")?;
    say("   the shop takes no for an answer")?;
    Ok(())
}

/// On one page or on two: the name first where the tenant wants that.
async fn sign_in(tab: &mut Tab, who: &Account) -> anyhow::Result<()> {
    let mut form = tab.page.form("login-form")?.fill("username", &who.name)?;
    if !form.has("password") {
        tab.submit(form.press("login-submit")?).await?;
        form = tab.page.form("login-form")?;
    }
    tab.submit(form.fill("password", &who.secret)?.press("login-submit")?).await
}

fn noticed(tab: &Tab, word: &str) -> anyhow::Result<()> {
    let notice = tab.page.attribute("notice", "data-notice").unwrap_or_default();
    ensure!(notice == word, "the shop says {notice:?}, not {word:?}: {}", tab.page.text());
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "how long a withdrawal takes is what is measured")]
fn now() -> Instant {
    Instant::now()
}
