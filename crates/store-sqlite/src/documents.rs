//! Documents: one table per kind, all of one shape.

use grantor_domain::document::{At, DocumentKey, Kind, StoredDocument};
use grantor_oauth_types::name::TenantName;
use grantor_store::{Changed, DocumentQuery, Expect, MAX_CHILDREN, StoreError};
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};

use crate::column::{Checksum, Columns};
use crate::fault::{Fault, taken_key};
use crate::{changes, groups, rows};

/// The statements of one table.
pub(crate) struct DocumentSql {
    by_id: &'static str,
    by_name: &'static str,
    page: &'static str,
    page_of_parent: &'static str,
    page_of_all: &'static str,
    insert: &'static str,
    version: &'static str,
    replace: &'static str,
    delete: &'static str,
    dump: &'static str,
}

macro_rules! columns {
    () => {
        "tenant, id, name, parent, version, body, checksum"
    };
}

macro_rules! statements {
    ($table:literal) => {
        DocumentSql {
            by_id: concat!(
                "SELECT ",
                columns!(),
                " FROM \"",
                $table,
                "\" WHERE tenant = ?1 AND id = ?2"
            ),
            by_name: concat!(
                "SELECT ",
                columns!(),
                " FROM \"",
                $table,
                "\" WHERE tenant = ?1 AND name = ?2"
            ),
            page: concat!(
                "SELECT ",
                columns!(),
                " FROM \"",
                $table,
                "\"
                 WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3"
            ),
            page_of_parent: concat!(
                "SELECT ",
                columns!(),
                " FROM \"",
                $table,
                "\"
                 WHERE tenant = ?1 AND parent = ?2 AND id > ?3 ORDER BY id LIMIT ?4"
            ),
            page_of_all: concat!(
                "SELECT ",
                columns!(),
                " FROM \"",
                $table,
                "\"
                 WHERE id > ?1 AND (?2 IS NULL OR parent = ?2) ORDER BY id, tenant LIMIT ?3"
            ),
            version: concat!("SELECT version FROM \"", $table, "\" WHERE tenant = ?1 AND id = ?2"),
            insert: concat!(
                "INSERT INTO \"",
                $table,
                "\" (",
                columns!(),
                ")
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
            ),
            replace: concat!(
                "UPDATE \"",
                $table,
                "\" SET name = ?3, parent = ?4, version = ?5, body = ?6, checksum = ?7
                 WHERE tenant = ?1 AND id = ?2 AND version = ?5 - 1"
            ),
            delete: concat!(
                "DELETE FROM \"",
                $table,
                "\" WHERE tenant = ?1 AND id = ?2 RETURNING parent"
            ),
            dump: concat!("SELECT ", columns!(), " FROM \"", $table, "\" ORDER BY tenant, id"),
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
            sql.page,
            sql.page_of_parent,
            sql.page_of_all,
            sql.insert,
            sql.version,
            sql.replace,
            sql.delete,
            sql.dump,
        ]
    };
    Kind::ALL.into_iter().flat_map(of).collect()
}

/// Finds a document by one of its keys.
pub(crate) fn find(db: &Connection, key: &DocumentKey) -> Result<Option<StoredDocument>, Fault> {
    let sql = sql(key.kind);
    let (sql, at) = match &key.at {
        At::Id(id) => (sql.by_id, id),
        At::Name(name) => (sql.by_name, name),
    };
    rows::first(db, sql, [key.tenant.as_str(), at], |row| read(row, key.kind))
}

/// Lists documents.
pub(crate) fn page(db: &Connection, query: &DocumentQuery) -> Result<Vec<StoredDocument>, Fault> {
    let sql = sql(query.kind);
    let after = query.after.as_deref().unwrap_or_default();
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let read_all =
        |sql: &str, params: &[&dyn ToSql]| rows::list(db, sql, params, |row| read(row, query.kind));
    match (&query.tenant, &query.parent) {
        (Some(tenant), None) => read_all(sql.page, params![tenant.as_str(), after, limit]),
        (Some(tenant), Some(parent)) => {
            read_all(sql.page_of_parent, params![tenant.as_str(), parent, after, limit])
        }
        (None, parent) => read_all(sql.page_of_all, params![after, parent, limit]),
    }
}

/// Every document that hangs on a parent, but no more than an operation may touch.
pub(crate) fn children(
    db: &Connection,
    tenant: &TenantName,
    kind: Kind,
    parent: &str,
) -> Result<Vec<StoredDocument>, Fault> {
    let found = page(
        db,
        &DocumentQuery {
            tenant: Some(tenant.clone()),
            kind,
            parent: Some(parent.to_owned()),
            after: None,
            limit: MAX_CHILDREN + 1,
        },
    )?;
    if found.len() > MAX_CHILDREN {
        return Err(StoreError::TooLarge.into());
    }
    Ok(found)
}

/// Adds or replaces a document, and says so in the change sequence.
pub(crate) fn put(db: &Connection, stored: &StoredDocument, expect: Expect) -> Result<(), Fault> {
    let (statement, version) = match expect {
        Expect::New => (sql(stored.kind).insert, 1),
        Expect::Version(known) => (sql(stored.kind).replace, known.saturating_add(1)),
        Expect::Any => match version(db, stored)? {
            None => (sql(stored.kind).insert, 1),
            Some(known) => (sql(stored.kind).replace, known + 1),
        },
    };
    let kind = stored.kind;
    match write(db, statement, stored, version) {
        Ok(0) => return Err(StoreError::Stale { kind }.into()),
        Ok(_) => (),
        Err(error) => {
            let Some(key) = taken_key(&error) else { return Err(error.into()) };
            return Err(StoreError::Conflict { kind, key }.into());
        }
    }
    if kind == Kind::Group {
        groups::index(db, stored)?;
    }
    let what = Changed::Document(kind, stored.id.clone(), stored.parent.clone());
    changes::append(db, &stored.tenant, &what)
}

fn version(db: &Connection, stored: &StoredDocument) -> rusqlite::Result<Option<i64>> {
    let mut statement = db.prepare_cached(sql(stored.kind).version)?;
    statement.query_row([stored.tenant.as_str(), &stored.id], |row| row.get(0)).optional()
}

fn write(
    db: &Connection,
    statement: &'static str,
    stored: &StoredDocument,
    version: i64,
) -> rusqlite::Result<usize> {
    let StoredDocument { tenant, id, name, parent, body, .. } = stored;
    let checksum = checksum(stored, version);
    let values = params![tenant.as_str(), id, name, parent, version, body, checksum];
    db.prepare_cached(statement)?.execute(values)
}

/// Deletes a document, if it is there, and says so in the change sequence.
pub(crate) fn delete(
    db: &Connection,
    tenant: &TenantName,
    kind: Kind,
    id: &str,
) -> Result<(), Fault> {
    let parent: Option<Option<String>> = db
        .prepare_cached(sql(kind).delete)?
        .query_row([tenant.as_str(), id], |row| row.get(0))
        .optional()?;
    // The members of a group go with it: a foreign key says so.
    match parent {
        Some(parent) => {
            changes::append(db, tenant, &Changed::Document(kind, id.to_owned(), parent))
        }
        None => Ok(()),
    }
}

/// Writes a document as it was dumped, with its version, and nothing else.
pub(crate) fn load(db: &Connection, stored: &StoredDocument) -> Result<(), Fault> {
    write(db, sql(stored.kind).insert, stored, stored.version)?;
    if stored.kind == Kind::Group { groups::index(db, stored) } else { Ok(()) }
}

/// Hands out every document of a kind.
pub(crate) fn each(
    db: &Connection,
    kind: Kind,
    mut take: impl FnMut(StoredDocument) -> Result<(), Fault>,
) -> Result<(), Fault> {
    rows::each(db, sql(kind).dump, |row| take(read(row, kind)?))
}

fn read(row: &Row<'_>, kind: Kind) -> Result<StoredDocument, Fault> {
    let mut columns = Columns::of(row);
    let stored = StoredDocument {
        tenant: columns.tenant()?,
        kind,
        id: columns.get("id")?,
        name: columns.get("name")?,
        parent: columns.get("parent")?,
        version: columns.get("version")?,
        body: columns.get("body")?,
    };
    columns.verify(checksum(&stored, stored.version), kind.as_str())?;
    Ok(stored)
}

fn checksum(stored: &StoredDocument, version: i64) -> [u8; 8] {
    Checksum::default()
        .text(stored.kind.as_str())
        .text(stored.tenant.as_str())
        .text(&stored.id)
        .maybe(stored.name.as_deref().map(str::as_bytes))
        .maybe(stored.parent.as_deref().map(str::as_bytes))
        .number(version)
        .text(&stored.body)
        .finish()
}
