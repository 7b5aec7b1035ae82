//! A whole server inside a test; never published.
