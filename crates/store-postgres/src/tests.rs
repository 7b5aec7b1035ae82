//! The contract, and what is PostgreSQL's own.

mod cluster;
mod commit;
mod contract;
mod equal;
mod kill;
mod load;
mod outage;
mod proxy;
mod schema;
mod support;
mod tls;
mod turns;
