//! More is asked than can be done: who is turned away first. REL-034.

use grantor_server::shedding::Class;
use grantor_testkit::{Answer, TestServer};
use reqwest::Method;

/// What each class is answered, in the order in which they are turned away.
async fn answers(server: &TestServer, token: &str) -> [Answer; 5] {
    let to = |path: &str| server.request(Method::GET, path);
    let page = to("/sign-in").header("accept", "text/html");
    let form = [("grant_type", "client_credentials")];
    [
        Answer::of(to("/api/v1/users").bearer_auth(token)).await,
        Answer::of(page).await,
        Answer::of(to("/oauth2/tokeninfo").bearer_auth(token)).await,
        Answer::of(server.request(Method::POST, "/oauth2/token").form(&form)).await,
        Answer::of(to("/oauth2/jwks")).await,
    ]
}

#[tokio::test]
async fn rel_034_the_busier_it_is_the_more_classes_are_turned_away_at_once_and_say_when_to_come() {
    let server = TestServer::builder().max_requests(100).start().await;
    let token = server.admin_token().await;
    let mut busy = Vec::new();
    for (held, turned_away) in [(0, 0), (25, 1), (50, 2), (75, 3), (90, 4), (100, 5)] {
        while busy.len() < held {
            busy.push(server.app.load.admit(Class::Verification).unwrap());
        }
        let answers = answers(&server, &token).await;
        for (class, answer) in answers.iter().enumerate() {
            let shed = answer.status.as_u16() == 503;
            assert_eq!(shed, class < turned_away, "{held} busy, class {class}: {}", answer.text);
            assert_eq!(answer.headers.contains_key("retry-after"), shed, "{held} {class}");
        }
        if turned_away > 1 {
            assert_eq!(answers[0].header("content-type"), "application/problem+json");
            assert!(answers[1].header("content-type").starts_with("text/html"));
            assert!(answers[1].text.contains("temporarily_unavailable"), "{}", answers[1].text);
        }
    }
    let ready = server.http.get(format!("{}/readyz", server.operations)).send().await.unwrap();
    assert_eq!(ready.status(), 200, "who looks after the server is never turned away");
    drop(busy);
    assert_eq!(answers(&server, &token).await[0].status, 200);
    server.stop().await;
}
