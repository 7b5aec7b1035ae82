//! The rules of the authorization server, as plain functions.
