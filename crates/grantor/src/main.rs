//! Grantor: an access-control platform in one binary.

fn main() {}
