//! Placing an answer; signed, where the client wants it so. JARM §2.

use grantor_crypto::alg::Algorithm;
use grantor_domain::authorize::{Answer, Placed, ReturnAddress};
use serde_json::{Map, Value};

use super::FlowFailure;
use crate::app::App;
use crate::grants::Context;
use crate::id_tokens;
use crate::tokens::NoSigner;

/// How long a signed answer lives, in seconds (JARM §2.1 recommends at most ten minutes).
const LIFE: i64 = 300;

/// The answer, where its response mode wants it.
pub async fn place(
    app: &App,
    context: &Context,
    to: &ReturnAddress,
    given: &Answer,
) -> Result<Placed, FlowFailure> {
    let members = to.members(given, &context.tenant.tenant.issuer);
    if !to.mode().is_signed() {
        return Ok(to.place(members, None));
    }
    let jwt = signed(app, context, to, &members).await?;
    Ok(to.place(members, Some(jwt)))
}

/// JARM §2.1: `iss`, `aud` and `exp`, and then everything the answer says.
async fn signed(
    app: &App,
    context: &Context,
    to: &ReturnAddress,
    members: &[(&'static str, String)],
) -> Result<String, FlowFailure> {
    let entry = app.directory.client(&context.tenant.tenant.name, to.client()).await?;
    let entry = entry.ok_or(FlowFailure::UnknownClient)?;
    let settings = &entry.client().authorization;
    let mut claims = Map::new();
    for (name, value) in members {
        // A number of seconds is a number (RFC 6749 §5.1).
        let number = value.parse::<u32>().ok().filter(|_| *name == "expires_in");
        let value = number.map_or_else(|| Value::from(value.as_str()), Value::from);
        claims.insert((*name).to_owned(), value);
    }
    claims.insert("aud".to_owned(), Value::from(to.client().as_str()));
    claims.insert("exp".to_owned(), Value::from(context.now.as_second() + LIFE));
    let payload = serde_json::to_vec(&claims).map_err(|_| NoSigner)?;
    let alg = settings.authorization_signed_response_alg.unwrap_or(Algorithm::Rs256);
    let jwt = id_tokens::sign(&context.tenant, alg, &payload, context.now)?;
    let client = entry.client();
    Ok(id_tokens::seal(app, client, settings.authorization_encryption, jwt).await?)
}
