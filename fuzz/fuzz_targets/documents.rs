//! What the management API is sent and what other servers publish: JSON that is read into something is the
//! same after it was written, and the checks of every change end in a verdict.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

use grantor_crypto::json::parse_strict;
use grantor_domain::application::Application;
use grantor_domain::client::Client;
use grantor_domain::realm::Realm;
use grantor_domain::resource_type::ResourceType;
use grantor_domain::scope::Scope;
use grantor_domain::tenant::Tenant;
use grantor_domain::user::User;
use grantor_oauth_types::metadata::Metadata;
use grantor_oauth_types::revocation_feed::RevocationDelta;

fuzz_target!(|json: &[u8]| {
    let Ok(value) = parse_strict(json) else { return };
    again::<Tenant>(&value);
    again::<Realm>(&value);
    again::<User>(&value);
    again::<Application>(&value);
    again::<Client>(&value);
    again::<ResourceType>(&value);
    again::<Scope>(&value);
    again::<RevocationDelta>(&value);
    let _: Result<Metadata, _> = serde_json::from_value(value);
});

fn again<T: DeserializeOwned + Serialize>(value: &serde_json::Value) {
    if let Ok(read) = serde_json::from_value::<T>(value.clone()) {
        let written = serde_json::to_value(&read).expect("it came from JSON");
        let read: T = serde_json::from_value(written.clone()).expect("we wrote it");
        assert_eq!(serde_json::to_value(&read).expect("as before"), written);
    }
}
