//! What a client registers for people's delegation: RFC 7591 §2, OIDC Registration §2; SEC-019,
//! SEC-022, SEC-023, SEC-025, SEC-154, `security.md` N.

use std::collections::BTreeSet;

use grantor_crypto::jwe::EncryptionKey;
use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::client_metadata::SubjectType;
use grantor_oauth_types::grant_type::GrantType;

use super::{Flaws, MAX_LIST, Reason};
use crate::client::{Client, Encryption, Presentation, TokenProfile};
use crate::redirect_uri::{Leave, check_https};
use crate::registry::form::{CLIENT_NAME, NAME, is_email};

/// The longest list of redirect URIs and the like.
const MAX_URIS: usize = 50;

pub(super) fn check(client: &Client, flaws: &mut Flaws) {
    check_redirects(client, flaws);
    check_authorization(client, flaws);
    check_presentation(&client.presentation, flaws);
    check_subject(client, flaws);
    check_switches(client, flaws);
    let logout = &client.logout;
    https(flaws, "/logout/frontchannel_logout_uri", logout.frontchannel_logout_uri.as_deref());
    https(flaws, "/logout/backchannel_logout_uri", logout.backchannel_logout_uri.as_deref());
    https(flaws, "/jwks_uri", client.jwks_uri.as_deref());
}

fn https(flaws: &mut Flaws, pointer: &str, uri: Option<&str>) {
    if uri.is_some_and(|uri| check_https(uri).is_err()) {
        let expects =
            "an https URI without fragment and user information, in its canonical spelling";
        flaws.add(pointer, Reason::Form(expects));
    }
}

fn check_redirects(client: &Client, flaws: &mut Flaws) {
    let leave = Leave::of(client);
    let lists = [
        ("/redirect_uris", &client.redirect_uris),
        ("/logout/post_logout_redirect_uris", &client.logout.post_logout_redirect_uris),
    ];
    for (pointer, uris) in lists {
        flaws.list(pointer, uris, MAX_URIS);
        for (at, uri) in uris.iter().enumerate() {
            if let Err(why) = crate::redirect_uri::check(uri, leave) {
                flaws.add(format!("{pointer}/{at}"), Reason::Redirect(why));
            }
        }
    }
}

fn check_authorization(client: &Client, flaws: &mut Flaws) {
    let has = |grant| client.grant_types.contains(&grant);
    for (at, response_type) in client.response_types.iter().enumerate() {
        let code = !response_type.has_code() || has(GrantType::AuthorizationCode);
        let front = !response_type.is_front_channel() || has(GrantType::Implicit);
        let reason = Reason::Conflict("the response types do not fit the grant types");
        flaws.demand(code && front, &format!("/response_types/{at}"), reason);
    }
    let settings = &client.authorization;
    flaws.list("/authorization/request_uris", &settings.request_uris, MAX_URIS);
    for (at, uri) in settings.request_uris.iter().enumerate() {
        // A fragment says which content it was (OIDC Core §6.2); it is no part of what is fetched.
        let bare = uri.split('#').next();
        https(flaws, &format!("/authorization/request_uris/{at}"), bare);
    }
    https(flaws, "/authorization/initiate_login_uri", settings.initiate_login_uri.as_deref());
    flaws.list("/authorization/default_acr_values", &settings.default_acr_values, MAX_URIS);
    for (at, acr) in settings.default_acr_values.iter().enumerate() {
        flaws.name(&format!("/authorization/default_acr_values/{at}"), acr, NAME);
    }
    check_encryption(client, flaws);
}

/// OIDC Registration §2: what is encrypted for the client is encrypted with a key of its own. Whether one
/// that it publishes fits is seen when it is needed.
fn check_encryption(client: &Client, flaws: &mut Flaws) {
    let openid = &client.openid;
    let all = [
        ("/authorization/authorization_encryption", client.authorization.authorization_encryption),
        ("/openid/id_token_encryption", openid.id_token_encryption),
        ("/openid/userinfo_encryption", openid.userinfo_encryption),
    ];
    let keys = client.jwks.as_ref().map(|jwks| jwks.get("keys").and_then(|keys| keys.as_array()));
    for (pointer, encryption) in all {
        let Some(Encryption { alg, .. }) = encryption else { continue };
        let (fits, words) = match &keys {
            None => (client.jwks_uri.is_some(), "there are no keys to encrypt with"),
            Some(keys) => {
                let mut keys = keys.iter().copied().flatten();
                let fits = keys.any(|key| EncryptionKey::from_jwk_for(key, alg).is_ok());
                (fits, "none of the keys in jwks is for this algorithm")
            }
        };
        flaws.demand(fits, pointer, Reason::Conflict(words));
    }
}

fn check_presentation(shown: &Presentation, flaws: &mut Flaws) {
    https(flaws, "/presentation/client_uri", shown.client_uri.as_deref());
    https(flaws, "/presentation/logo_uri", shown.logo_uri.as_deref());
    https(flaws, "/presentation/policy_uri", shown.policy_uri.as_deref());
    https(flaws, "/presentation/tos_uri", shown.tos_uri.as_deref());
    flaws.list("/presentation/contacts", &shown.contacts, MAX_URIS);
    for (at, contact) in shown.contacts.iter().enumerate() {
        let pointer = format!("/presentation/contacts/{at}");
        flaws.demand(is_email(contact), &pointer, Reason::Form("an e-mail address"));
    }
    if shown.localized.len() > MAX_LIST {
        flaws.add("/presentation/localized", Reason::TooMany(MAX_LIST));
    }
    for (name, value) in &shown.localized {
        let pointer = format!("/presentation/localized/{name}");
        match name.split('#').next() {
            Some("client_name") => flaws.name(&pointer, value, CLIENT_NAME),
            Some("client_uri" | "logo_uri" | "policy_uri" | "tos_uri") => {
                https(flaws, &pointer, Some(value));
            }
            _ => flaws.add(pointer, Reason::Form("client_name, client_uri, … with a language tag")),
        }
    }
}

/// OIDC Registration §5: several hosts are one sector only if somebody says so.
fn check_subject(client: &Client, flaws: &mut Flaws) {
    https(flaws, "/openid/sector_identifier_uri", client.openid.sector_identifier_uri.as_deref());
    if client.openid.subject_type != Some(SubjectType::Pairwise) {
        return;
    }
    let hosts: BTreeSet<_> = client.redirect_uris.iter().map(|uri| host(uri)).collect();
    let fits = client.openid.sector_identifier_uri.is_some() || hosts.len() == 1;
    // What such a client hears of a person is looked up by the grant; a STUPS token tells her name.
    let named = client.token_profile == TokenProfile::Stups
        || client.grant_types.contains(&GrantType::Password);
    let reason = match fits {
        true => "pairwise subjects need tokens of RFC 9068 and no password grant",
        false => "pairwise subjects of several hosts need a sector_identifier_uri",
    };
    flaws.demand(fits && !named, "/openid/subject_type", Reason::Conflict(reason));
}

/// The host that stands for a sector (OIDC Core §8.1).
fn host(uri: &str) -> Option<String> {
    url::Url::parse(uri).ok()?.host_str().map(ToOwned::to_owned)
}

/// `security.md` N: a switch relaxes one rule, and only where that rule is in the way.
fn check_switches(client: &Client, flaws: &mut Flaws) {
    let compat = client.compat;
    let fits = !compat.implicit || client.grant_types.contains(&GrantType::Implicit);
    let reason = Reason::Conflict("only for clients with the grant type implicit");
    flaws.demand(fits, "/compat/implicit", reason);
    for (on, at) in
        [(compat.pkce_optional, "/compat/pkce_optional"), (compat.pkce_plain, "/compat/pkce_plain")]
    {
        let reason = Reason::Conflict("only for confidential clients");
        flaws.demand(!on || client.is_confidential(), at, reason);
    }
    let reason = Reason::Conflict(
        "only for clients that get their ID tokens from the token endpoint, signed by no other algorithm and not encrypted",
    );
    let front = client.response_types.iter().any(|kind| kind.has_id_token());
    let openid = &client.openid;
    let plain =
        openid.id_token_signed_response_alg.is_none() && openid.id_token_encryption.is_none();
    flaws.demand(
        !compat.unsigned_id_token || (!front && plain),
        "/compat/unsigned_id_token",
        reason,
    );
    let reason = Reason::Conflict("only for clients that authenticate with private_key_jwt");
    let assertion = client.auth_method == ClientAuthMethod::PrivateKeyJwt;
    flaws.demand(!compat.assertion_audience || assertion, "/compat/assertion_audience", reason);
    let settings = &client.authorization;
    let reason = Reason::Conflict("only for clients whose request objects need not be signed");
    let fits = settings.request_object_signing_alg.is_none() && !settings.require_signed_request;
    let none = compat.unsigned_request || settings.request_object_unsigned;
    flaws.demand(!none || fits, "/compat/unsigned_request", reason);
    let reason = Reason::Conflict("only with compat.unsigned_request");
    let fits = !settings.request_object_unsigned || compat.unsigned_request;
    flaws.demand(fits, "/authorization/request_object_unsigned", reason);
    let reason = Reason::Conflict("a client that is never asked for cannot be asked for each time");
    let fits = !settings.ask_every_time || !client.consent_bypass;
    flaws.demand(fits, "/authorization/ask_every_time", reason);
    let native = Leave::of(client).native && !client.is_confidential();
    let reason = Reason::Conflict("only for native public clients");
    flaws.demand(!compat.localhost_redirect || native, "/compat/localhost_redirect", reason);
}
