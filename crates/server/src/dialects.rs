//! The wire forms of other worlds. A dialect parses its own form into the core's request and
//! renders the core's answer; it holds no rule.

pub mod stups;
