//! What a client says of itself, as it travels, and as it is kept. RFC 7591 §2, OIDC Registration §2.

use std::collections::{BTreeMap, BTreeSet};

use grantor_crypto::alg::Algorithm;
use grantor_crypto::jwe::{ContentEncryption, KeyManagement};
use grantor_domain::client::{Client, Compat, Encryption, MutualTls};
use grantor_domain::scope::GrantRule;
use grantor_oauth_types::client_auth::ClientAuthMethod;
use grantor_oauth_types::client_metadata::{ApplicationType, SubjectType};
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::response_type::ResponseType;
use grantor_oauth_types::scope::{ScopeToken, Scopes};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Refusal;
use crate::directory::TenantView;

/// What can be said in other languages (RFC 7591 §2.2).
const LOCALIZED: [&str; 5] = ["client_name", "client_uri", "logo_uri", "policy_uri", "tos_uri"];

/// Client metadata. Unknown members are ignored (RFC 7591 §2); what is null is not there.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) redirect_uris: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token_endpoint_auth_method: Option<ClientAuthMethod>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_endpoint_auth_signing_alg: Option<Algorithm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_types: Option<BTreeSet<GrantType>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_types: Option<BTreeSet<ResponseType>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logo_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tos_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contacts: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_type: Option<ApplicationType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sector_identifier_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_type: Option<SubjectType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token_signed_response_alg: Option<AlgOrNone>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token_encrypted_response_alg: Option<KeyManagement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token_encrypted_response_enc: Option<ContentEncryption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    userinfo_signed_response_alg: Option<Algorithm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    userinfo_encrypted_response_alg: Option<KeyManagement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    userinfo_encrypted_response_enc: Option<ContentEncryption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_signed_response_alg: Option<Algorithm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_encrypted_response_alg: Option<KeyManagement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_encrypted_response_enc: Option<ContentEncryption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_object_signing_alg: Option<AlgOrNone>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_max_age: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    require_auth_time: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_acr_values: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    initiate_login_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_uris: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    require_pushed_authorization_requests: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    require_signed_request_object: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_logout_redirect_uris: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frontchannel_logout_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frontchannel_logout_session_required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backchannel_logout_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backchannel_logout_session_required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_client_auth_subject_dn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_client_auth_san_dns: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_client_auth_san_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_client_auth_san_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_client_auth_san_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_client_certificate_bound_access_tokens: Option<bool>,
    #[serde(flatten)]
    localized: Localized,
}

/// An algorithm, or the word for none (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum AlgOrNone {
    None(NoAlgorithm),
    Alg(Algorithm),
}

/// `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum NoAlgorithm {
    None,
}

impl AlgOrNone {
    const NONE: Self = Self::None(NoAlgorithm::None);

    /// The algorithm; `none` only where it may be.
    fn read(asked: Option<Self>, none: bool, name: &str) -> Result<Option<Algorithm>, Refusal> {
        match asked {
            None => Ok(None),
            Some(Self::Alg(alg)) => Ok(Some(alg)),
            Some(Self::None(_)) if none => Ok(None),
            Some(Self::None(_)) => Err(Refusal::Metadata(format!("{name}: none"))),
        }
    }
}

/// Members with a language tag; every other unknown member is left out.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
struct Localized(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Localized {
    fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let all = BTreeMap::<String, Value>::deserialize(reader)?;
        let known = |name: &str| {
            name.split_once('#').is_some_and(|(name, tag)| {
                LOCALIZED.contains(&name) && !tag.is_empty() && tag.len() <= 35
            })
        };
        let texts = all.into_iter().filter_map(|(name, value)| match value {
            Value::String(text) if known(&name) => Some((name, text)),
            _ => None,
        });
        Ok(Self(texts.collect()))
    }
}

impl Metadata {
    /// Reads what was sent.
    pub(super) fn read(mut members: Map<String, Value>) -> Result<Self, Refusal> {
        members.retain(|_, value| !value.is_null());
        serde_path_to_error::deserialize(Value::Object(members)).map_err(
            |error: serde_path_to_error::Error<serde_json::Error>| {
                // The sentence of the reader names what was expected, and repeats no value but words.
                Refusal::Metadata(error.into_inner().to_string())
            },
        )
    }

    /// Writes it into a client. What is not said gets the default of the specification, also when a
    /// registration is replaced (RFC 7592 §2.2).
    pub(super) fn apply(self, client: Client, view: &TenantView) -> Result<Client, Refusal> {
        let may = view.tenant.settings.registration_compat;
        let code = BTreeSet::from([GrantType::AuthorizationCode]);
        let grant_types = self.grant_types.unwrap_or(code);
        let own = |grant: &GrantType| {
            use GrantType::{AuthorizationCode, Implicit, RefreshToken};
            matches!(grant, AuthorizationCode | RefreshToken)
                || (*grant == Implicit && may.implicit)
        };
        if !grant_types.iter().all(own) {
            return Err(Refusal::Metadata("grant_types".to_owned()));
        }
        let signed = |alg: Option<Algorithm>, name: &str| match alg {
            Some(alg) if !Client::OFFERED_ALGS.contains(&alg) => {
                Err(Refusal::Metadata(name.to_owned()))
            }
            alg => Ok(alg),
        };
        let scopes = scopes(self.scope.as_deref(), view)?;
        let mut client = Client {
            name: self.client_name.unwrap_or_default(),
            token_endpoint_auth_signing_alg: self.token_endpoint_auth_signing_alg,
            grant_types,
            scopes,
            redirect_uris: self.redirect_uris.unwrap_or_default(),
            response_types: self.response_types.unwrap_or([ResponseType::Code].into()),
            jwks: self.jwks,
            jwks_uri: self.jwks_uri,
            ..client
        };
        let to = &mut client.authorization;
        to.application_type = Some(self.application_type.unwrap_or(ApplicationType::Web));
        to.request_uris = self.request_uris.unwrap_or_default();
        to.default_max_age = self.default_max_age;
        to.require_auth_time = self.require_auth_time.unwrap_or_default();
        to.default_acr_values = self.default_acr_values.unwrap_or_default();
        to.initiate_login_uri = self.initiate_login_uri;
        to.require_par = self.require_pushed_authorization_requests.unwrap_or_default();
        to.require_signed_request = self.require_signed_request_object.unwrap_or_default();
        let alg = self.authorization_signed_response_alg;
        to.authorization_signed_response_alg = signed(alg, "authorization_signed_response_alg")?;
        to.authorization_encryption = encryption(
            self.authorization_encrypted_response_alg,
            self.authorization_encrypted_response_enc,
        )?;
        let asked = self.request_object_signing_alg;
        to.request_object_unsigned = asked == Some(AlgOrNone::NONE);
        to.request_object_signing_alg =
            AlgOrNone::read(asked, may.unsigned_request, "request_object_signing_alg")?;
        let signs = to.request_object_signing_alg.is_some() || to.require_signed_request;
        let openid = &mut client.openid;
        openid.subject_type = self.subject_type;
        openid.sector_identifier_uri = self.sector_identifier_uri;
        let asked = self.id_token_signed_response_alg;
        let unsigned = asked == Some(AlgOrNone::NONE);
        let name = "id_token_signed_response_alg";
        let alg = AlgOrNone::read(asked, may.unsigned_id_token, name)?;
        openid.id_token_signed_response_alg = signed(alg, "id_token_signed_response_alg")?;
        openid.id_token_encryption =
            encryption(self.id_token_encrypted_response_alg, self.id_token_encrypted_response_enc)?;
        let alg = self.userinfo_signed_response_alg;
        openid.userinfo_signed_response_alg = signed(alg, "userinfo_signed_response_alg")?;
        openid.userinfo_encryption =
            encryption(self.userinfo_encrypted_response_alg, self.userinfo_encrypted_response_enc)?;
        let logout = &mut client.logout;
        logout.post_logout_redirect_uris = self.post_logout_redirect_uris.unwrap_or_default();
        logout.frontchannel_logout_uri = self.frontchannel_logout_uri;
        logout.frontchannel_logout_session_required =
            self.frontchannel_logout_session_required.unwrap_or_default();
        logout.backchannel_logout_uri = self.backchannel_logout_uri;
        logout.backchannel_logout_session_required =
            self.backchannel_logout_session_required.unwrap_or_default();
        let shown = &mut client.presentation;
        shown.client_uri = self.client_uri;
        shown.logo_uri = self.logo_uri;
        shown.policy_uri = self.policy_uri;
        shown.tos_uri = self.tos_uri;
        shown.contacts = self.contacts.unwrap_or_default();
        shown.localized = self.localized.0;
        client.mutual_tls = MutualTls {
            tls_client_auth_subject_dn: self.tls_client_auth_subject_dn,
            tls_client_auth_san_dns: self.tls_client_auth_san_dns,
            tls_client_auth_san_uri: self.tls_client_auth_san_uri,
            tls_client_auth_san_ip: self.tls_client_auth_san_ip,
            tls_client_auth_san_email: self.tls_client_auth_san_email,
            tls_client_certificate_bound_access_tokens: self
                .tls_client_certificate_bound_access_tokens
                .unwrap_or_default(),
        };
        // `security.md` N: each is the tenant's to give, and no more of them than there is use for.
        client.compat = Compat {
            implicit: may.implicit && client.grant_types.contains(&GrantType::Implicit),
            pkce_optional: may.pkce_optional && client.is_confidential(),
            unsigned_request: may.unsigned_request && !signs,
            core_request_object: may.core_request_object,
            unsigned_id_token: unsigned,
            assertion_audience: may.assertion_audience
                && client.auth_method == ClientAuthMethod::PrivateKeyJwt,
            ..Compat::default()
        };
        Ok(client)
    }

    /// What is registered, defaults filled in (RFC 7591 §3.2.1; trap 85).
    pub(super) fn of(client: &Client) -> Self {
        let to = &client.authorization;
        let (openid, logout, shown) = (&client.openid, &client.logout, &client.presentation);
        let mutual = &client.mutual_tls;
        let some = |list: &Vec<String>| Some(list.clone()).filter(|list| !list.is_empty());
        let on = |flag: bool| flag.then_some(true);
        Self {
            redirect_uris: Some(client.redirect_uris.clone()),
            token_endpoint_auth_method: Some(client.auth_method),
            token_endpoint_auth_signing_alg: client.token_endpoint_auth_signing_alg,
            grant_types: Some(client.grant_types.clone()),
            response_types: Some(client.response_types.clone()),
            client_name: Some(client.name.clone()).filter(|name| !name.is_empty()),
            client_uri: shown.client_uri.clone(),
            logo_uri: shown.logo_uri.clone(),
            policy_uri: shown.policy_uri.clone(),
            tos_uri: shown.tos_uri.clone(),
            contacts: some(&shown.contacts),
            scope: Some(client.scopes.to_string()),
            jwks_uri: client.jwks_uri.clone(),
            jwks: client.jwks.clone(),
            application_type: to.application_type,
            sector_identifier_uri: openid.sector_identifier_uri.clone(),
            subject_type: Some(openid.subject_type.unwrap_or(SubjectType::Public)),
            id_token_signed_response_alg: Some(match client.compat.unsigned_id_token {
                true => AlgOrNone::NONE,
                false => AlgOrNone::Alg(client.id_token_alg()),
            }),
            id_token_encrypted_response_alg: openid.id_token_encryption.map(|e| e.alg),
            id_token_encrypted_response_enc: openid.id_token_encryption.map(|e| e.enc),
            userinfo_signed_response_alg: openid.userinfo_signed_response_alg,
            userinfo_encrypted_response_alg: openid.userinfo_encryption.map(|e| e.alg),
            userinfo_encrypted_response_enc: openid.userinfo_encryption.map(|e| e.enc),
            authorization_signed_response_alg: to.authorization_signed_response_alg,
            authorization_encrypted_response_alg: to.authorization_encryption.map(|e| e.alg),
            authorization_encrypted_response_enc: to.authorization_encryption.map(|e| e.enc),
            request_object_signing_alg: match to.request_object_unsigned {
                true => Some(AlgOrNone::NONE),
                false => to.request_object_signing_alg.map(AlgOrNone::Alg),
            },
            default_max_age: to.default_max_age,
            require_auth_time: on(to.require_auth_time),
            default_acr_values: some(&to.default_acr_values),
            initiate_login_uri: to.initiate_login_uri.clone(),
            request_uris: some(&to.request_uris),
            require_pushed_authorization_requests: on(to.require_par),
            require_signed_request_object: on(to.require_signed_request),
            post_logout_redirect_uris: some(&logout.post_logout_redirect_uris),
            frontchannel_logout_uri: logout.frontchannel_logout_uri.clone(),
            frontchannel_logout_session_required: on(logout.frontchannel_logout_session_required),
            backchannel_logout_uri: logout.backchannel_logout_uri.clone(),
            backchannel_logout_session_required: on(logout.backchannel_logout_session_required),
            tls_client_auth_subject_dn: mutual.tls_client_auth_subject_dn.clone(),
            tls_client_auth_san_dns: mutual.tls_client_auth_san_dns.clone(),
            tls_client_auth_san_uri: mutual.tls_client_auth_san_uri.clone(),
            tls_client_auth_san_ip: mutual.tls_client_auth_san_ip.clone(),
            tls_client_auth_san_email: mutual.tls_client_auth_san_email.clone(),
            tls_client_certificate_bound_access_tokens: on(
                mutual.tls_client_certificate_bound_access_tokens
            ),
            localized: Localized(shown.localized.clone()),
        }
    }
}

/// What the member of a client is called in its registration, where that differs.
pub(super) fn member_of(pointer: &str) -> &str {
    match pointer {
        "authorization/authorization_encryption" => "authorization_encrypted_response_alg",
        "openid/id_token_encryption" => "id_token_encrypted_response_alg",
        "openid/userinfo_encryption" => "userinfo_encrypted_response_alg",
        "logout/frontchannel_logout_uri" => "frontchannel_logout_uri",
        other => other,
    }
}

/// OIDC Registration §2: an `enc` without `alg` means nothing that we could do.
fn encryption(
    alg: Option<KeyManagement>,
    enc: Option<ContentEncryption>,
) -> Result<Option<Encryption>, Refusal> {
    match (alg, enc) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Refusal::Metadata("…_encrypted_response_enc".to_owned())),
        (Some(alg), enc) => {
            Ok(Some(Encryption { alg, enc: enc.unwrap_or(ContentEncryption::A128CbcHs256) }))
        }
    }
}

/// Whoever registers himself may ask people for what people can give, and for nothing else.
fn scopes(asked: Option<&str>, view: &TenantView) -> Result<Scopes, Refusal> {
    let given = |token: &ScopeToken| {
        view.scopes.get(token).is_some_and(|scope| {
            matches!(scope.rule, GrantRule::Identity | GrantRule::Owner | GrantRule::Always)
        })
    };
    let identity = |rule: &GrantRule| matches!(rule, GrantRule::Identity);
    match asked {
        Some(text) => {
            let asked = Scopes::parse(text).map_err(|_| Refusal::Metadata("scope".to_owned()))?;
            Ok(asked.iter().filter(|token| given(token)).cloned().collect())
        }
        None => {
            let known = view.scopes.values().filter(|scope| identity(&scope.rule));
            let mut known: Vec<ScopeToken> = known.map(|scope| scope.token.clone()).collect();
            known.sort();
            Ok(known.into_iter().collect())
        }
    }
}
