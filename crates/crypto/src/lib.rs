//! Secrets, digests, passwords, keys, signatures: the only crate that touches primitives.
