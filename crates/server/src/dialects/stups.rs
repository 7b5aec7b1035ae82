//! STUPS: Plan B's provider with its consents, token info and revocation (`stups.md` 2, 3), and
//! essentials (4).

pub(crate) mod authorize;
mod consents;
mod essentials;
pub(crate) mod operation;
mod realm;
mod revocations;
mod token;
mod tokeninfo;

use axum::http::Method;

use crate::endpoints::jwks;
use crate::routes::{Guard, Routes};

/// The paths of this world. The token endpoint has aliases that deployments used (2.1).
pub fn routes() -> Routes {
    let mut routes = Routes::default()
        .add_straight(Guard::Open, Method::GET, "/oauth2/connect/keys", jwks::get)
        .add_straight(Guard::Open, Method::GET, "/oauth2/v3/certs", jwks::get)
        .add_straight(Guard::Token, Method::GET, "/oauth2/tokeninfo", tokeninfo::answer)
        .add_straight(Guard::Token, Method::POST, "/oauth2/tokeninfo", tokeninfo::answer)
        .add(Guard::Open, Method::OPTIONS, "/oauth2/tokeninfo", tokeninfo::preflight)
        .add(Guard::Open, Method::GET, "/revocations", revocations::get)
        .add(Guard::Token, Method::POST, "/revocations", revocations::post);
    for path in ["/oauth2/access_token", "/z/oauth2/access_token"] {
        routes = routes.add_straight(Guard::Client, Method::POST, path, token::post);
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
            routes = routes.add(Guard::Open, method, path, token::not_allowed);
        }
    }
    routes.merge(consents::routes()).merge(essentials::routes())
}
