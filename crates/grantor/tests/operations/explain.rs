//! Why was it refused? On the host, and through the server.

use serde_json::Value;

use crate::world::World;

#[tokio::test]
async fn a_decision_is_explained_on_the_host_through_the_server_and_after_a_restart() {
    let mut world = World::start().await;
    let (id, secret) = world.shop.clone();
    let form = [("grant_type", "client_credentials"), ("scope", "sales_order.read")];
    let (_, refused) = world.ask_token(&id, &secret, &form).await;
    let decision = refused["decision_id"].as_str().unwrap().to_owned();
    let remote = world.grantor(&["explain", &decision, "--remote", "-o", "json"]).good();
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    let said = world.grantor(&["explain", &decision, "--replay"]).good();
    assert!(said.contains("sales_order.read") && said.contains("What would change it"), "{said}");
    assert!(said.contains("the same answer"), "{said}");
    let on_host = world.grantor(&["explain", &decision, "-o", "json"]).good();
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(read(&on_host), read(&remote));

    let (_, wrong) = world.ask_token(&id, "wrong", &form).await;
    let reason = wrong["decision_id"].as_str().unwrap().to_owned();
    world.stop();
    assert_eq!(world.grantor(&["explain", &decision, "--replay"]).good(), said);
    assert!(world.grantor(&["explain", &reason]).good().contains("client.refused"));
    let unknown = world.grantor(&["explain", "dec_01a200992b0d79ad80905fc883de5cb2"]).bad();
    assert!(unknown.contains("no decision"), "{unknown}");
    assert!(world.grantor(&["explain", "nonsense"]).bad().contains("nonsense"));
}
