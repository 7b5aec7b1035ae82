//! Several people in one browser. SEC-132.

use crate::world::World;

#[tokio::test]
async fn sec_132_trap_028_trap_029_of_two_accounts_one_is_chosen_and_gets_its_own_answer() {
    let world = World::new().await;
    let browser = world.browser();
    world.code(&browser, "anna").await;
    let choice = browser.open(&world.request(&[("prompt", "select_account")])).await;
    let form = choice.form("account-form");
    let seen = browser.submit(&form, &[("other", "on")]).await;
    let seen = world.sign_in(&browser, &seen, "bert").await;
    assert!(seen.has("consent-form") && seen.text.contains("bert"), "{}", seen.text);
    world.agree(&browser, &seen).await;

    let both = browser.open(&world.request(&[])).await;
    assert!(both.has("account-form"), "two accounts, so who: {}", both.text);
    assert!(both.text.contains("anna") && both.text.contains("bert"));
    let silent = browser.open(&world.request(&[("prompt", "none")])).await;
    assert_eq!(silent.answer()["error"], "account_selection_required");
    // Anna's handle is the value of the button with her name on it.
    let before = both.text.split("anna").next().unwrap();
    let handle = before.rsplit("name=\"account\" value=\"").next().unwrap();
    let handle = handle.split('"').next().unwrap();
    let seen = browser.submit(&both.form("account-form"), &[("account", handle)]).await;
    let consents = world.server.get("/api/v1/consents", &world.admin).await;
    assert!(consents.text.contains(&world.users["bert"]));
    assert!(seen.answer().contains_key("code"), "{}", seen.text);
    world.server.stop().await;
}

#[tokio::test]
async fn sec_132_a_consent_page_answers_for_the_account_it_shows() {
    let world = World::new().await;
    let browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let annas = world.sign_in(&browser, &page, "anna").await;
    assert!(annas.has("consent-form"));
    // In a second tab Bert signs in.
    let other = browser.open(&world.request(&[("prompt", "login")])).await;
    let berts = world.sign_in(&browser, &other, "bert").await;
    assert!(berts.text.contains("bert"));
    let seen = world.agree(&browser, &annas).await;
    assert!(seen.answer().contains_key("code"));
    let consents = world.server.get("/api/v1/consents", &world.admin).await;
    assert!(consents.text.contains(&world.users["anna"]), "{}", consents.text);
    assert!(!consents.text.contains(&world.users["bert"]), "{}", consents.text);
    world.server.stop().await;
}
