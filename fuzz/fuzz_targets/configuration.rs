//! The configuration: environment variables, an empty line, and the file. Whatever they say, reading them
//! ends in settings or in an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The file itself, without the program around it.
#[path = "../../crates/grantor/src/config/raw.rs"]
mod raw;

fuzz_target!(|text: &str| {
    let (variables, file) = text.split_once("\n\n").unwrap_or(("", text));
    let variables = variables.lines().filter_map(|line| line.split_once('='));
    let variables = variables.map(|(name, value)| (format!("GRANTOR_{name}"), value.to_owned()));
    let _ = raw::parse(file, variables);
    let _ = raw::has_password(file);
});
