//! A pushed authorization request. RFC 9126.

use grantor_oauth_types::name::ClientId;
use serde::{Deserialize, Serialize};

use crate::single_use::{SingleUseBody, SingleUseKind};

/// What was pushed: checked then, and read again with the same rules when it is used.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushedRequest {
    /// Who pushed it, and alone may use it (SEC-034)
    pub client: ClientId,
    /// The parameters that count, as sent
    pub parameters: Vec<(String, String)>,
}

impl std::fmt::Debug for PushedRequest {
    /// Without what was sent.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushedRequest").field("client", &self.client).finish_non_exhaustive()
    }
}

impl SingleUseBody for PushedRequest {
    const KIND: SingleUseKind = SingleUseKind::PushedRequest;
}
