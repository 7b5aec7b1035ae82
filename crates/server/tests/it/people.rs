//! Users of tests, and the clients they sign in with.

use grantor_testkit::{Answer, TestServer};
use serde_json::{Value, json};

/// What users of tests have for a password.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A user and the client that it signs in with by password.
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) client: String,
    pub(crate) secret: String,
}

impl Person {
    /// A customer with a client of its own, which speaks in this profile.
    pub(crate) async fn new(server: &TestServer, admin: &str, name: &str, profile: &str) -> Self {
        let realm = json!({ "password_grant": true, "default_scopes": ["uid"] });
        server.put("/api/v1/realms/customers", admin, &realm).await;
        let user = json!({ "realm": "customers", "name": name });
        let user = server.made("/api/v1/users", admin, &user).await;
        let id = user["id"].as_str().unwrap().to_owned();
        let password = json!({ "password": PASSWORD });
        let set = server.post(&format!("/api/v1/users/{id}/password"), admin, &password).await;
        assert_eq!(set.status, 204, "{}", set.text);
        let client = format!("app-of-{name}");
        let registered = server.made("/api/v1/clients", admin, &client_of(&client, profile)).await;
        let secret = registered["client_secret"].as_str().unwrap().to_owned();
        Self { id, name: name.to_owned(), client, secret }
    }

    /// What a token request with the password is answered.
    pub(crate) async fn sign_in(&self, server: &TestServer) -> Answer {
        self.try_password(server, PASSWORD.to_owned()).await
    }

    /// What a token request with any password is answered.
    pub(crate) async fn try_password(&self, server: &TestServer, password: String) -> Answer {
        let form = [
            ("grant_type", "password"),
            ("realm", "customers"),
            ("username", &self.name),
            ("password", &password),
            ("scope", "uid"),
        ];
        self.ask(server, &form).await
    }

    /// What a token request with a refresh token is answered.
    pub(crate) async fn refresh(&self, server: &TestServer, token: &str) -> Answer {
        self.ask(server, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    async fn ask(&self, server: &TestServer, form: &[(&str, &str)]) -> Answer {
        let request = server.request(reqwest::Method::POST, "/oauth2/token");
        Answer::of(request.basic_auth(&self.client, Some(&self.secret)).form(form)).await
    }
}

/// A client that signs people in by password.
pub(crate) fn client_of(id: &str, profile: &str) -> Value {
    json!({
        "id": id,
        "auth_method": "client_secret_basic",
        "grant_types": ["password", "refresh_token"],
        "scopes": ["uid"],
        "token_profile": profile,
        "compat": { "password_grant": true },
    })
}
