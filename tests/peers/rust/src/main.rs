//! Plays one sign-in with the crate that is named in the first argument. What it needs comes as a line
//! of JSON on stdin; it prints the address to go to, reads the address that the browser came back to,
//! and prints what it learnt as a line of JSON.

use std::error::Error;
use std::io::{BufRead as _, stdin};

use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let told: Value = serde_json::from_str(&line()?)?;
    let learnt = match std::env::args().nth(1).as_deref() {
        Some("oauth2") => with_oauth2(&told)?,
        Some("openidconnect") => with_openidconnect(&told)?,
        _ => return Err("which crate?".into()),
    };
    println!("{learnt}");
    Ok(())
}

fn line() -> Result<String, Box<dyn Error>> {
    let mut line = String::new();
    stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

fn text(told: &Value, name: &str) -> String {
    told[name].as_str().unwrap_or_else(|| panic!("{name} is missing")).to_owned()
}

/// What came back, by name.
fn callback() -> Result<impl Fn(&str) -> Option<String>, Box<dyn Error>> {
    let url = oauth2::url::Url::parse(&line()?)?;
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    Ok(move |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, v)| v.clone()))
}

/// The HTTP client that both crates are given; it follows no redirect, as they advise.
fn send(request: oauth2::HttpRequest) -> Result<oauth2::HttpResponse, reqwest::Error> {
    let client = reqwest::blocking::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()?;
    let (parts, body) = request.into_parts();
    let request = client.request(parts.method, parts.uri.to_string()).headers(parts.headers);
    let answer = request.body(body).send()?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = oauth2::HttpResponse::new(answer.bytes()?.to_vec());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn with_oauth2(told: &Value) -> Result<Value, Box<dyn Error>> {
    use oauth2::basic::BasicClient;
    use oauth2::{
        AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, PkceCodeChallenge,
        RedirectUrl, Scope, TokenResponse as _, TokenUrl,
    };

    let client = BasicClient::new(ClientId::new("web".into()))
        .set_client_secret(ClientSecret::new(text(told, "client_secret")))
        .set_auth_uri(AuthUrl::new(text(told, "authorization_endpoint"))?)
        .set_token_uri(TokenUrl::new(text(told, "token_endpoint"))?)
        .set_redirect_uri(RedirectUrl::new(text(told, "callback"))?);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state) = client
        .authorize_url(CsrfToken::new_random)
        .add_scope(Scope::new("sales_order.read".into()))
        .set_pkce_challenge(challenge)
        .url();
    println!("{url}");
    let back = callback()?;
    if back("state").as_ref() != Some(state.secret()) {
        return Err("the state is another".into());
    }
    let code = AuthorizationCode::new(back("code").ok_or("no code")?);
    let token = client.exchange_code(code).set_pkce_verifier(verifier).request(&send)?;
    let scopes = token.scopes().map(|scopes| scopes.iter().map(|one| one.to_string()).collect());
    let scopes: Vec<String> = scopes.unwrap_or_default();
    Ok(json!({ "scopes": scopes, "expires_in": token.expires_in().map(|life| life.as_secs()) }))
}

fn with_openidconnect(told: &Value) -> Result<Value, Box<dyn Error>> {
    use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata};
    use openidconnect::core::CoreUserInfoClaims;
    use openidconnect::{
        AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce,
        OAuth2TokenResponse as _, PkceCodeChallenge, RedirectUrl, Scope, TokenResponse as _,
    };

    let issuer = IssuerUrl::new(text(told, "issuer"))?;
    let metadata = CoreProviderMetadata::discover(&issuer, &send)?;
    let secret = ClientSecret::new(text(told, "client_secret"));
    let client =
        CoreClient::from_provider_metadata(metadata, ClientId::new("web".into()), Some(secret))
            .set_redirect_uri(RedirectUrl::new(text(told, "callback"))?);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let code = CoreAuthenticationFlow::AuthorizationCode;
    let (url, state, nonce) = client
        .authorize_url(code, CsrfToken::new_random, Nonce::new_random)
        .add_scope(Scope::new("profile".into()))
        .add_scope(Scope::new("email".into()))
        .set_pkce_challenge(challenge)
        .url();
    println!("{url}");
    let back = callback()?;
    if back("state").as_ref() != Some(state.secret()) {
        return Err("the state is another".into());
    }
    let code = AuthorizationCode::new(back("code").ok_or("no code")?);
    let token = client.exchange_code(code)?.set_pkce_verifier(verifier).request(&send)?;
    let id_token = token.id_token().ok_or("no id_token")?;
    let check = client.id_token_verifier();
    let claims = id_token.claims(&check, &nonce)?;
    if let Some(expected) = claims.access_token_hash() {
        let (alg, key) = (id_token.signing_alg()?, id_token.signing_key(&check)?);
        if AccessTokenHash::from_token(token.access_token(), alg, key)? != *expected {
            return Err("the access token is another".into());
        }
    }
    let subject = Some(claims.subject().clone());
    let told: CoreUserInfoClaims =
        client.user_info(token.access_token().to_owned(), subject)?.request(&send)?;
    Ok(json!({ "sub": claims.subject().as_str(), "email": told.email().map(|one| one.as_str()) }))
}
