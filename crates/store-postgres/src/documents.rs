//! Documents: one table per kind, all of one shape.

use grantor_domain::document::{At, DocumentKey, Kind, StoredDocument};
use grantor_oauth_types::name::TenantName;
use grantor_store::{DocumentQuery, Expect, MAX_CHILDREN, StoreError};
use tokio_postgres::Row;
use tokio_postgres::error::{DbError, SqlState};

use crate::column::{self, get};
use crate::step::{Step, step};

/// The statements of one table.
struct DocumentSql {
    by_id: &'static str,
    by_name: &'static str,
    claim_by_id: &'static str,
    claim_by_name: &'static str,
    claim_children: &'static str,
    page: &'static str,
    page_of_parent: &'static str,
    page_of_all: &'static str,
    page_of_all_with_parent: &'static str,
    insert: &'static str,
    insert_or_replace: &'static str,
    replace: &'static str,
    delete: &'static str,
    load: &'static str,
    dump: &'static str,
    any: &'static str,
}

macro_rules! columns {
    () => {
        "tenant, id, name, parent, version, body"
    };
}

macro_rules! select {
    ($table:literal, $rest:literal) => {
        concat!("SELECT ", columns!(), " FROM \"", $table, "\" ", $rest)
    };
}

macro_rules! insert {
    ($table:literal, $version:literal) => {
        concat!(
            "INSERT INTO \"",
            $table,
            "\" AS t (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, ",
            $version,
            ", $5)"
        )
    };
}

macro_rules! statements {
    ($table:literal) => {
        DocumentSql {
            by_id: select!($table, "WHERE tenant = $1 AND id = $2"),
            by_name: select!($table, "WHERE tenant = $1 AND name = $2"),
            claim_by_id: select!($table, "WHERE tenant = $1 AND id = $2 FOR UPDATE"),
            claim_by_name: select!($table, "WHERE tenant = $1 AND name = $2 FOR UPDATE"),
            claim_children: select!(
                $table,
                "WHERE tenant = $1 AND parent = $2 ORDER BY id LIMIT $3 FOR UPDATE"
            ),
            page: select!($table, "WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3"),
            page_of_parent: select!(
                $table,
                "WHERE tenant = $1 AND parent = $2 AND id > $3 ORDER BY id LIMIT $4"
            ),
            page_of_all: select!($table, "WHERE id > $1 ORDER BY id, tenant LIMIT $2"),
            page_of_all_with_parent: select!(
                $table,
                "WHERE parent = $1 AND id > $2 ORDER BY id, tenant LIMIT $3"
            ),
            insert: concat!(insert!($table, "1"), " RETURNING version"),
            insert_or_replace: concat!(
                insert!($table, "1"),
                " ON CONFLICT (tenant, id) DO UPDATE SET name = excluded.name,
                    parent = excluded.parent, version = t.version + 1, body = excluded.body
                  RETURNING version"
            ),
            replace: concat!(
                "UPDATE \"",
                $table,
                "\" SET name = $3, parent = $4, version = version + 1,
                    body = $5
                 WHERE tenant = $1 AND id = $2 AND version = $6 RETURNING version"
            ),
            delete: concat!(
                "DELETE FROM \"",
                $table,
                "\" WHERE tenant = $1 AND id = $2 RETURNING parent"
            ),
            load: insert!($table, "$6"),
            dump: select!($table, "ORDER BY tenant, id"),
            any: concat!("SELECT EXISTS (SELECT 1 FROM \"", $table, "\")"),
        }
    };
}

const TENANT: DocumentSql = statements!("tenant");
const REALM: DocumentSql = statements!("realm");
const USER: DocumentSql = statements!("user");
const GROUP: DocumentSql = statements!("group");
const APPLICATION: DocumentSql = statements!("application");
const CLIENT: DocumentSql = statements!("client");
const RESOURCE_TYPE: DocumentSql = statements!("resource_type");
const SCOPE: DocumentSql = statements!("scope");
const ASSIGNMENT: DocumentSql = statements!("assignment");
const CONSENT: DocumentSql = statements!("consent");
const SIGNING_KEY: DocumentSql = statements!("signing_key");
const DATA_KEY: DocumentSql = statements!("data_key");

const fn sql(kind: Kind) -> &'static DocumentSql {
    match kind {
        Kind::Tenant => &TENANT,
        Kind::Realm => &REALM,
        Kind::User => &USER,
        Kind::Group => &GROUP,
        Kind::Application => &APPLICATION,
        Kind::Client => &CLIENT,
        Kind::ResourceType => &RESOURCE_TYPE,
        Kind::Scope => &SCOPE,
        Kind::Assignment => &ASSIGNMENT,
        Kind::Consent => &CONSENT,
        Kind::SigningKey => &SIGNING_KEY,
        Kind::DataKey => &DATA_KEY,
    }
}

/// Every statement here, for the test that prepares them.
#[cfg(test)]
pub(crate) fn all_sql() -> Vec<&'static str> {
    let of = |kind| {
        let sql = sql(kind);
        [
            sql.by_id,
            sql.by_name,
            sql.claim_by_id,
            sql.claim_by_name,
            sql.claim_children,
            sql.page,
            sql.page_of_parent,
            sql.page_of_all,
            sql.page_of_all_with_parent,
            sql.insert,
            sql.insert_or_replace,
            sql.replace,
            sql.delete,
            sql.load,
            sql.dump,
            sql.any,
        ]
    };
    Kind::ALL.into_iter().flat_map(of).collect()
}

/// Text that no column can hold: then no row has it.
fn impossible(text: &str) -> bool {
    text.contains('\0')
}

/// Finds a document by one of its keys; nothing to ask if no document can have that key.
pub(crate) fn find(key: &DocumentKey) -> Option<Step> {
    let sql = sql(key.kind);
    by_key(key, sql.by_id, sql.by_name)
}

/// The same, and keeps others from changing it.
pub(crate) fn claim(key: &DocumentKey) -> Option<Step> {
    let sql = sql(key.kind);
    by_key(key, sql.claim_by_id, sql.claim_by_name)
}

fn by_key(key: &DocumentKey, by_id: &'static str, by_name: &'static str) -> Option<Step> {
    let (sql, at) = match &key.at {
        At::Id(id) => (by_id, id),
        At::Name(name) => (by_name, name),
    };
    (!impossible(at)).then(|| step!(sql, key.tenant.to_string(), at.clone()))
}

/// Every document that hangs on a parent, and keeps others from changing them. One more than an
/// operation may touch shows that there are too many.
pub(crate) fn claim_children(tenant: &TenantName, kind: Kind, parent: &str) -> Step {
    let most = column::limit(MAX_CHILDREN + 1);
    step!(sql(kind).claim_children, tenant.to_string(), parent.to_owned(), most)
}

/// Lists documents.
pub(crate) fn page(query: &DocumentQuery) -> Step {
    let sql = sql(query.kind);
    let after = query.after.clone().unwrap_or_default();
    let limit = column::limit(query.limit);
    match (&query.tenant, query.parent.clone()) {
        (Some(tenant), None) => step!(sql.page, tenant.to_string(), after, limit),
        (Some(tenant), Some(parent)) => {
            step!(sql.page_of_parent, tenant.to_string(), parent, after, limit)
        }
        (None, None) => step!(sql.page_of_all, after, limit),
        (None, Some(parent)) => step!(sql.page_of_all_with_parent, parent, after, limit),
    }
}

/// Adds or replaces a document; one row comes back if that was possible.
pub(crate) fn put(stored: &StoredDocument, expect: Expect) -> Step {
    let sql = sql(stored.kind);
    let StoredDocument { tenant, id, name, parent, body, .. } = stored.clone();
    let tenant = tenant.to_string();
    match expect {
        Expect::New => step!(sql.insert, tenant, id, name, parent, body),
        Expect::Any => step!(sql.insert_or_replace, tenant, id, name, parent, body),
        Expect::Version(version) => step!(sql.replace, tenant, id, name, parent, body, version),
    }
}

/// Deletes a document; a row with its parent comes back if it was there.
pub(crate) fn delete(tenant: &TenantName, kind: Kind, id: &str) -> Step {
    step!(sql(kind).delete, tenant.to_string(), id.to_owned())
}

/// Writes a document as it was dumped, with its version, and nothing else.
pub(crate) fn load(stored: StoredDocument) -> Step {
    let StoredDocument { tenant, kind, id, name, parent, version, body } = stored;
    step!(sql(kind).load, tenant.to_string(), id, name, parent, body, version)
}

/// Every document of a kind.
pub(crate) fn dump(kind: Kind) -> &'static str {
    sql(kind).dump
}

/// Whether there is any.
pub(crate) fn any(kind: Kind) -> &'static str {
    sql(kind).any
}

/// Which key of a document was taken, if that is what the database says (REL-023).
pub(crate) fn taken_key(db: &DbError) -> Option<(Kind, &'static str)> {
    if *db.code() != SqlState::UNIQUE_VIOLATION {
        return None;
    }
    let constraint = db.constraint()?;
    let kind = Kind::ALL.into_iter().find(|kind| constraint.starts_with(kind.as_str()))?;
    match &constraint[kind.as_str().len()..] {
        "_id" => Some((kind, "id")),
        "_name" | "_issuer_name" => Some((kind, "name")),
        _ => None,
    }
}

/// Reads a document.
pub(crate) fn read(row: &Row, kind: Kind) -> Result<StoredDocument, StoreError> {
    Ok(StoredDocument {
        tenant: column::tenant(row)?,
        kind,
        id: get(row, "id")?,
        name: get(row, "name")?,
        parent: get(row, "parent")?,
        version: get(row, "version")?,
        body: get(row, "body")?,
    })
}

/// Reads many.
pub(crate) fn read_all(rows: &[Row], kind: Kind) -> Result<Vec<StoredDocument>, StoreError> {
    rows.iter().map(|row| read(row, kind)).collect()
}

/// Reads children, but no more than an operation may touch.
pub(crate) fn read_children(rows: &[Row], kind: Kind) -> Result<Vec<StoredDocument>, StoreError> {
    if rows.len() > MAX_CHILDREN {
        return Err(StoreError::TooLarge);
    }
    read_all(rows, kind)
}
