//! Managed OAuth 2.0 tokens for applications that need them.
