//! What a file may contain, as a JSON schema for editors: made of the description of the API, so that
//! both say the same.

use grantor_server::api::{self, BASE};
use serde_json::{Map, Value, json};

use super::kinds::{KINDS, Kind};
use super::references::{REFERENCES, Reference};

/// What references of the description begin with, and what those of the schema do.
const THERE: &str = "#/components/schemas/";
const HERE: &str = "#/$defs/";

/// The bodies that the API takes.
pub(crate) struct Schemas(Value);

impl Schemas {
    /// Of this version of the program.
    pub(crate) fn new() -> Self {
        Self(serde_json::to_value(api::openapi()).expect("the description is plain JSON"))
    }

    /// What may be written of a thing of this kind.
    pub(crate) fn body(&self, kind: Kind) -> &Value {
        let put = &self.0["paths"][format!("{BASE}/{}/{{id}}", kind.path)]["put"];
        self.resolve(&put["requestBody"]["content"]["application/json"]["schema"])
    }

    /// The schema itself where it is only referred to.
    pub(crate) fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let name = schema["$ref"].as_str().and_then(|at| at.strip_prefix(THERE));
        name.map_or(schema, |name| &self.0["components"]["schemas"][name])
    }

    /// The schema of a file.
    pub(crate) fn of_files(&self) -> Value {
        let mut properties = Map::new();
        properties.insert("$schema".to_owned(), json!({ "type": "string" }));
        for kind in KINDS {
            let list = json!({ "type": "array", "items": self.entry(kind) });
            properties.insert(kind.name.to_owned(), list);
        }
        let mut file = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Configuration of Grantor as code: `grantor apply`",
            "description": "Members that an entry does not name stay as they are, or get their default \
                when the thing is new.",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        file["$defs"] = self.definitions(&file).into();
        localised(&mut file);
        file
    }

    /// An entry says which thing it means. The rest may be left out: it may be there already.
    fn entry(&self, kind: Kind) -> Value {
        let mut entry = self.body(kind).clone();
        entry["description"] = format!("A {}.", kind.one().replace('_', " ")).into();
        entry["required"] = json!(kind.naming());
        if let Some(key) = kind.key {
            let text = json!({ "type": "string", "description": "Which one" });
            entry["properties"][key] = text;
        }
        for reference in REFERENCES.iter().filter(|reference| reference.of == kind.name) {
            self.describe(&mut entry, reference);
        }
        entry
    }

    /// Says of a member that it names another thing. Whatever is on the way to it is written out.
    fn describe(&self, entry: &mut Value, reference: &Reference) {
        let words = match reference.to {
            "users" => "A user: `realm/name`, or its id".to_owned(),
            "groups" => "A group: its name, or its id".to_owned(),
            _ => return,
        };
        let mut at = vec![entry];
        for step in reference.path {
            let mut next = Vec::new();
            for schema in at {
                *schema = self.resolve(schema).clone();
                let Value::Object(schema) = schema else { continue };
                if *step == "*" {
                    next.extend(schema.get_mut("items"));
                } else if schema.contains_key("oneOf") {
                    let choices = schema["oneOf"].as_array_mut().into_iter().flatten();
                    next.extend(
                        choices.filter_map(|choice| choice.get_mut("properties")?.get_mut(*step)),
                    );
                } else {
                    next.extend(schema.get_mut("properties").and_then(|p| p.get_mut(*step)));
                }
            }
            at = next;
        }
        for member in at {
            member["description"] = words.as_str().into();
        }
    }

    /// Every definition that something refers to, and that those refer to.
    fn definitions(&self, schema: &Value) -> Map<String, Value> {
        let mut found = Map::new();
        let mut open = vec![schema.clone()];
        while let Some(schema) = open.pop() {
            let mut names = Vec::new();
            referred(&schema, &mut names);
            for name in names {
                if !found.contains_key(&name) {
                    let definition = self.0["components"]["schemas"][name.as_str()].clone();
                    open.push(definition.clone());
                    found.insert(name, definition);
                }
            }
        }
        found
    }
}

fn referred(schema: &Value, names: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            let name = members.get("$ref").and_then(Value::as_str);
            names.extend(name.and_then(|at| at.strip_prefix(THERE)).map(str::to_owned));
            members.values().for_each(|member| referred(member, names));
        }
        Value::Array(items) => items.iter().for_each(|item| referred(item, names)),
        _ => {}
    }
}

/// References into the description become references into the schema.
fn localised(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(at)) = members.get_mut("$ref")
                && let Some(name) = at.strip_prefix(THERE)
            {
                *at = format!("{HERE}{name}");
            }
            members.values_mut().for_each(localised);
        }
        Value::Array(items) => items.iter_mut().for_each(localised),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_schema_that_asks_for_what_names_a_thing_and_for_nothing_else() {
        let schemas = Schemas::new();
        let file = schemas.of_files();
        for kind in KINDS {
            let entry = &file["properties"][kind.name]["items"];
            assert_eq!(entry["required"], json!(kind.naming()), "{}", kind.name);
            assert_eq!(entry["additionalProperties"], json!(false), "{}", kind.name);
            for member in kind.naming() {
                assert!(entry["properties"][*member].is_object(), "{}: {member}", kind.name);
            }
        }
        assert_eq!(
            file["properties"]["users"]["items"]["properties"]["password_hash"]["writeOnly"],
            true
        );
    }

    #[test]
    fn every_reference_is_in_the_schema_and_every_definition_is_there() {
        let file = Schemas::new().of_files();
        let text = file.to_string();
        assert!(!text.contains(THERE));
        let mut open = vec![&file];
        while let Some(schema) = open.pop() {
            if let Some(name) = schema["$ref"].as_str() {
                assert!(file.pointer(&name[1..]).is_some(), "{name}");
            }
            match schema {
                Value::Object(members) => open.extend(members.values()),
                Value::Array(items) => open.extend(items),
                _ => {}
            }
        }
        for reference in REFERENCES.iter().filter(|r| r.to == "users" || r.to == "groups") {
            let list = file["properties"][reference.of].to_string();
            let words = format!("A {}: `", reference.to.trim_end_matches('s'));
            let words = if reference.to == "groups" { "A group: its name" } else { &words };
            assert!(list.contains(words), "{reference:?}");
        }
    }
}
