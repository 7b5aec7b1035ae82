//! The words of requests: scopes, ids and names. What parses prints as what was read.
#![no_main]

use libfuzzer_sys::fuzz_target;

use grantor_oauth_types::name::{ApplicationId, ClientId, RealmName, ResourceTypeId, UserName};
use grantor_oauth_types::scope::{ScopeToken, Scopes};

fuzz_target!(|text: &str| {
    if let Ok(scope) = ScopeToken::parse(text) {
        assert_eq!(scope.to_string(), text);
    }
    if let Ok(scopes) = Scopes::parse(text) {
        assert_eq!(Scopes::parse(&scopes.to_string()).as_ref(), Ok(&scopes));
    }
    if let Ok(name) = UserName::parse(text) {
        assert!(!name.as_str().chars().any(char::is_control));
    }
    if let Ok(realm) = RealmName::parse_lenient(text) {
        assert_eq!(RealmName::parse_lenient(&realm.with_slash()).as_ref(), Ok(&realm));
    }
    let _ = ClientId::parse(text);
    let _ = ApplicationId::parse(text);
    let _ = ResourceTypeId::parse(text);
});
