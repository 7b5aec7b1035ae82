//! One contract, every backend.
