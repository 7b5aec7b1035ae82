//! The store on PostgreSQL, for many nodes.
