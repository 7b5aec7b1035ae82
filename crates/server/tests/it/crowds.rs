//! Many at once on one account: the right ones get in, the wrong ones run into the limit.

use futures_util::future::join_all;
use grantor_server::clock::Clock as _;
use grantor_testkit::TestServer;

use super::people::Person;

#[tokio::test(flavor = "multi_thread")]
async fn sec_116_a_crowd_that_knows_the_password_gets_in() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let robot = Person::new(&server, &admin, "robot", "rfc9068").await;
    let answers = join_all((0..100).map(|_| robot.sign_in(&server))).await;
    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rel_021_of_500_wrong_passwords_at_once_no_more_than_ten_are_looked_at() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let robot = Person::new(&server, &admin, "robot", "rfc9068").await;
    let (mut looked_at, began) = (0_i64, server.clock.now());
    // The pool and the turnstile turn the others away, or the limit does; none is judged.
    for crowd in join_all((0..500).map(|n| robot.try_password(&server, format!("wrong {n}")))).await
    {
        looked_at += i64::from(crowd.body["error"] == "invalid_grant");
        assert_ne!(crowd.status, 200);
        assert_ne!(crowd.status, 500, "{}", crowd.text);
    }
    // Behind the ten, one is looked at after each wait; waits end with a second of the clock.
    let waits = server.clock.now().as_second() - began.as_second();
    assert!((1..=10 + waits).contains(&looked_at), "{looked_at} in {waits} s");
    server.stop().await;
}
