//! A client for itself. RFC 6749 §4.4.

use grantor_domain::client::TokenProfile;
use grantor_domain::client_auth::AuthenticatedClient;
use grantor_domain::decision::Ask;
use grantor_domain::sign_in::Level;
use grantor_oauth_types::grant_type::GrantType;
use grantor_oauth_types::scope::Scopes;

use super::{Context, Issued, TokenFailure, access_token, concluded, entry};
use crate::app::App;
use crate::decisions::About;
use crate::directory::ClientEntry;
use crate::tokens::Speaker;

pub(super) async fn issue(
    app: &App,
    context: &Context,
    client: &AuthenticatedClient,
    scopes: Option<Scopes>,
    resource: Option<String>,
) -> Result<Issued, TokenFailure> {
    let generation = app.directory.generation();
    let entry = entry(app, context, client).await?;
    let ask = Ask {
        grant_type: GrantType::ClientCredentials,
        client: client.id.clone(),
        realm: None,
        scopes,
        resource,
    };
    let about = About {
        tenant: &context.tenant,
        client: &entry,
        realm: None,
        user: None,
        gave_password: false,
        level: Level::Single,
    };
    let record = app.decisions.decide(ask, &about, generation, context.now);
    let entitled = concluded(app, context, &record)?;
    let speaker = speaker(client, &entry);
    let realm = speaker.realm.clone();
    let access_token = access_token(context, client, speaker, &entitled)?;
    Ok(Issued { access_token, refresh_token: None, id_token: None, entitled, realm })
}

/// The client itself: its id can never equal a user's (SEC-059). STUPS APIs know services by their
/// service user, so there an application speaks as that.
fn speaker(client: &AuthenticatedClient, entry: &ClientEntry) -> Speaker {
    match &entry.service_user {
        Some(service) if client.token_profile == TokenProfile::Stups => Speaker {
            sub: service.user.name.to_string(),
            username: Some(service.user.name.to_string()),
            realm: Some(service.user.realm.clone()),
            grant: None,
            session: None,
        },
        _ => {
            let sub = client.id.to_string();
            Speaker { sub, username: None, realm: None, grant: None, session: None }
        }
    }
}
