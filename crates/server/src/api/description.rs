//! The routes of the API and their description in OpenAPI 3.1: each is added in one call, so that
//! neither can be there without the other.

use axum::handler::Handler;
use axum::http::Method;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{OpenApi, RefOr, Schema};

use super::problem::ProblemDocument;
use super::resource::{self, Resource};
use super::{BASE, page};
use crate::access::Permission as _;
use crate::app::App;
use crate::routes::{Guard, Routes};

/// What references to schemas begin with.
const REFERENCE: &str = "#/components/schemas/";

/// Routes and their description.
#[derive(Debug, Default)]
pub(crate) struct Api {
    routes: Routes,
    paths: Map<String, Value>,
    schemas: Map<String, Value>,
}

/// What is said of a route.
#[derive(Debug)]
pub(crate) struct Operation {
    id: String,
    tag: &'static str,
    summary: String,
    queries: Vec<&'static str>,
    if_match: bool,
    body: Option<Value>,
    success: (u16, Option<Value>),
}

impl Operation {
    /// Answers 204 unless said otherwise.
    pub(crate) fn new(
        tag: &'static str,
        id: impl Into<String>,
        summary: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            tag,
            summary: summary.into(),
            queries: Vec::new(),
            if_match: false,
            body: None,
            success: (204, None),
        }
    }

    fn queries(mut self, names: &[&'static str]) -> Self {
        self.queries.extend(names);
        self
    }

    /// Takes a list's parameters, and these.
    pub(crate) fn paged(self, filters: &[&'static str]) -> Self {
        self.queries(filters).queries(&page::PARAMETERS)
    }

    fn if_match(mut self) -> Self {
        self.if_match = true;
        self
    }
}

impl Api {
    /// Adds a route and its description.
    #[must_use]
    pub(crate) fn add<H, T>(
        mut self,
        guard: Guard,
        method: &Method,
        path: &str,
        handler: H,
        operation: Operation,
    ) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let path = format!("{BASE}{path}");
        self.routes = self.routes.add(guard, method.clone(), &path, handler);
        let described = describe(guard, &path, operation);
        let item = self.paths.entry(path).or_insert_with(|| json!({}));
        item[method.as_str().to_ascii_lowercase()] = described;
        self
    }

    /// Adds the routes that every resource has.
    #[must_use]
    pub(crate) fn resource<R: Resource>(mut self) -> Self {
        let (name, things) = (R::NAME.replace('_', " "), R::PATH);
        let (read, write) = (Guard::Permit(R::Read::SCOPE), Guard::Permit(R::Write::SCOPE));
        let (all, one) = (format!("/{things}"), format!("/{things}/{{id}}"));
        let view = self.schema::<R::View>();
        let body = self.schema::<R::Body>();
        let operation =
            |verb: &str, text: String| Operation::new(things, format!("{verb}_{}", R::NAME), text);
        let list = operation("list", format!("List {}", things.replace('-', " ")))
            .paged(R::FILTERS)
            .answers(200, list_of(&view));
        let get = operation("get", format!("Read a {name}")).answers(200, view.clone());
        let post = operation("create", format!("Create a {name}"))
            .takes(self.with_key(R::KEY, &body))
            .answers(201, view.clone());
        let put = operation("replace", format!("Replace a {name}"))
            .takes(body)
            .if_match()
            .answers(200, view);
        let api = self
            .add(read, &Method::GET, &all, resource::list::<R>, list)
            .add(read, &Method::GET, &one, resource::get::<R>, get)
            .add(write, &Method::PUT, &one, resource::put::<R>, put);
        let api = if R::CREATES {
            api.add(write, &Method::POST, &all, resource::post::<R>, post)
        } else {
            api
        };
        if !R::DELETES {
            return api;
        }
        let delete = operation("delete", format!("Delete a {name}")).if_match();
        api.add(write, &Method::DELETE, &one, resource::delete::<R>, delete)
    }

    /// Names a schema, and everything it refers to.
    pub(crate) fn schema<T: ToSchema>(&mut self) -> Value {
        let mut found: Vec<(String, RefOr<Schema>)> = vec![(T::name().into(), T::schema())];
        T::schemas(&mut found);
        let mut names = Vec::new();
        for (name, schema) in found {
            let schema = serde_json::to_value(schema).expect("schemas are plain JSON");
            self.schemas.entry(name.as_str()).or_insert(schema);
            names.push(name);
        }
        for name in names {
            self.flatten(&name);
        }
        json!({ "$ref": format!("{REFERENCE}{}", T::name()) })
    }

    /// What is flattened in the code is one object in the description too: a closed part of it
    /// would refuse the members of the others.
    fn flatten(&mut self, name: &str) {
        let Some(parts) = self.schemas[name].get("allOf").and_then(Value::as_array) else { return };
        let mut whole = self.merged(parts);
        whole.remove("additionalProperties");
        // What is only written is no member of what is shown.
        if let Some(Value::Object(members)) = whole.get_mut("properties") {
            members.retain(|_, member| member["writeOnly"] != json!(true));
        }
        if let Some(text) = self.schemas[name].get("description") {
            whole.insert("description".to_owned(), text.clone());
        }
        self.schemas[name] = whole.into();
    }

    /// One object with the members of all; closed if one of them is.
    fn merged(&self, parts: &[Value]) -> Map<String, Value> {
        let mut whole = json!({ "type": "object", "properties": {}, "required": [] });
        for part in parts {
            let name = part["$ref"].as_str().and_then(|at| at.strip_prefix(REFERENCE));
            let part = name.map_or(part, |name| &self.schemas[name]);
            if let Some(members) = part["properties"].as_object() {
                whole["properties"].as_object_mut().expect("an object").extend(members.clone());
            }
            if let Some(names) = part["required"].as_array() {
                whole["required"].as_array_mut().expect("an array").extend(names.clone());
            }
            if part["additionalProperties"] == json!(false) {
                whole["additionalProperties"] = json!(false);
            }
        }
        match whole {
            Value::Object(members) => members,
            _ => unreachable!("it was made as an object"),
        }
    }

    /// A body that says more: that also names the thing, for instance.
    pub(crate) fn with_more(&self, body: &Value, more: Value) -> Value {
        self.merged(&[more, body.clone()]).into()
    }

    /// A body that also names the thing.
    pub(crate) fn with_key(&self, key: Option<&str>, body: &Value) -> Value {
        let Some(key) = key else { return body.clone() };
        self.with_more(
            body,
            json!({ "required": [key], "properties": { key: { "type": "string" } } }),
        )
    }

    /// The routes alone.
    pub(crate) fn into_routes(self) -> Routes {
        self.routes
    }

    /// The description alone.
    pub(crate) fn into_openapi(mut self) -> OpenApi {
        self.schema::<ProblemDocument>();
        let document = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Grantor management API",
                "description": "Everything that is configured in a tenant. A caller presents an \
                    access token of the tenant; each operation names the scope it needs. Lists \
                    come in pages; changes name the version they change (If-Match).",
                "version": env!("CARGO_PKG_VERSION"),
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "paths": self.paths,
            "components": {
                "schemas": self.schemas,
                "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
            },
        });
        serde_json::from_value(document).expect("the description is an OpenAPI document")
    }
}

impl Operation {
    /// Takes a body of this schema.
    pub(crate) fn takes(mut self, schema: Value) -> Self {
        self.body = Some(schema);
        self
    }

    /// Answers with this status and a body of this schema.
    pub(crate) fn answers(mut self, status: u16, schema: Value) -> Self {
        self.success = (status, Some(schema));
        self
    }
}

/// A page of things.
pub(crate) fn list_of(item: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["items"],
        "properties": {
            "items": { "type": "array", "items": item },
            "next_page_token": { "type": "string", "description": "Where the next page begins" },
        },
    })
}

fn describe(guard: Guard, path: &str, operation: Operation) -> Value {
    let Operation { id, tag, summary, queries, if_match, body, success } = operation;
    let mut parameters: Vec<Value> = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| parameter(name, "path", true))
        .collect();
    parameters.extend(queries.into_iter().map(|name| parameter(name, "query", false)));
    if if_match {
        parameters.push(parameter("If-Match", "header", true));
    }
    let mut described = json!({
        "operationId": id,
        "tags": [tag],
        "summary": summary,
        "parameters": parameters,
        "responses": responses(guard, if_match, body.is_some(), success),
    });
    match guard {
        Guard::Permit(scope) => {
            described["security"] = json!([{ "bearer": [scope] }]);
            described["description"] = format!("Needs the scope `{scope}`.").into();
        }
        Guard::Token => described["security"] = json!([{ "bearer": [] }]),
        Guard::Open | Guard::Client | Guard::Secret => {}
    }
    if let Some(schema) = body {
        let content = json!({ "application/json": { "schema": schema } });
        described["requestBody"] = json!({ "required": true, "content": content });
    }
    described
}

fn parameter(name: &str, place: &str, required: bool) -> Value {
    let schema = match name {
        "limit" => json!({ "type": "integer", "minimum": 1, "maximum": page::MOST }),
        _ => json!({ "type": "string" }),
    };
    json!({ "name": name, "in": place, "required": required, "schema": schema })
}

fn responses(guard: Guard, if_match: bool, body: bool, success: (u16, Option<Value>)) -> Value {
    let mut responses = Map::new();
    let (status, schema) = success;
    let content = schema.map(|schema| json!({ "application/json": { "schema": schema } }));
    let mut done = json!({ "description": "Done" });
    if let Some(content) = content {
        done["content"] = content;
    }
    responses.insert(status.to_string(), done);
    let reference = json!({ "$ref": "#/components/schemas/Problem" });
    let mut problem = |status: u16, text: &str| {
        let content = json!({ "application/problem+json": { "schema": reference } });
        let answer = json!({ "description": text, "content": content });
        responses.insert(status.to_string(), answer);
    };
    problem(400, "The request is not valid");
    if !matches!(guard, Guard::Open) {
        problem(401, "No valid access token");
        problem(403, "Not allowed");
    }
    problem(404, "There is no such thing");
    if if_match || body {
        problem(409, "It contradicts what is there");
    }
    if if_match {
        problem(412, "It was changed in between");
        problem(428, "If-Match is missing");
    }
    if body {
        problem(413, "The body is too long");
        problem(415, "The body is not JSON");
    }
    problem(503, "Try again later");
    responses.into()
}
