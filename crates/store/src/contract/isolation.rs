//! One tenant never sees another. SEC-163.

use std::sync::Arc;

use grantor_domain::document::{At, DocumentKey, Kind};

use super::sample::{acme, document, key, put, tenant};
use crate::operations::write;
use crate::{Claim, DocumentQuery, Effect, Effects, Expect, Operation, Store};

/// Documents with the same keys in two tenants are two documents, to every read and write.
pub async fn sec_163_a_document_is_found_in_its_tenant_only(store: Arc<dyn Store>) {
    let other = tenant("other");
    let mut ours = document(&acme(), "orders", Some("name"));
    ours.parent = Some("team".to_owned());
    put(&*store, &ours, Expect::New).await.unwrap();
    for at in [At::Id("orders".to_owned()), At::Name("name".to_owned())] {
        let key = DocumentKey { tenant: other.clone(), kind: Kind::Application, at };
        assert_eq!(store.document(&key).await.unwrap(), None);
    }
    for parent in [None, Some("team".to_owned())] {
        let query = DocumentQuery {
            tenant: Some(other.clone()),
            kind: Kind::Application,
            parent,
            after: None,
            limit: 10,
        };
        assert_eq!(store.documents(&query).await.unwrap(), []);
    }
    let mut theirs = document(&other, "orders", Some("name"));
    theirs.body = String::from("{\"theirs\":true}");
    put(&*store, &theirs, Expect::New).await.unwrap();
    let delete = Effect::Delete(other.clone(), Kind::Application, "orders".to_owned());
    write(&*store, delete.into()).await.unwrap();
    let found = store.document(&key(&ours)).await.unwrap().unwrap();
    assert_eq!((found.version, found.body), (1, ours.body));
}

/// A claim in the name of another tenant finds nothing.
pub async fn sec_163_claims_find_in_their_tenant_only(store: Arc<dyn Store>) {
    let mut ours = document(&acme(), "orders", None);
    ours.parent = Some("team".to_owned());
    put(&*store, &ours, Expect::New).await.unwrap();
    let other = tenant("other");
    let claims = vec![
        Claim::Document(DocumentKey { tenant: other.clone(), ..key(&ours) }),
        Claim::Children { tenant: other, kind: Kind::Application, parent: "team".to_owned() },
    ];
    let rule = Arc::new(|claimed: &crate::Claimed| {
        assert_eq!(claimed.stored(0), None);
        assert_eq!(claimed.stored_children(1), []);
        Ok(Effects::NONE)
    });
    store.transact(Operation { claims, rule }).await.unwrap();
}
