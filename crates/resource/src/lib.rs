//! Protect an API: verify tokens offline or by introspection, scope and owner rules.
