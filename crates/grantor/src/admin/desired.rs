//! Configuration as code: what the files want.
//!
//! A file is YAML or TOML with a list for each kind; an entry has the members of the REST API. More
//! than one file, or a folder of them, is read as one. A user is named `realm/name` and a group by
//! its name where the API wants an id.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Map, Value};

use super::kinds::{KINDS, Kind};

/// What is wanted, by kind name.
#[derive(Debug, Default)]
pub(crate) struct Desired {
    things: BTreeMap<&'static str, Vec<Map<String, Value>>>,
}

impl Desired {
    /// Reads files and folders.
    pub(crate) fn read(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let mut desired = Self::default();
        for path in paths {
            for file in files(path)? {
                let about = || format!("in {}", file.display());
                let document = parse(&file).with_context(about)?;
                desired.take(document).with_context(about)?;
            }
        }
        Ok(desired)
    }

    /// The wanted things of a kind.
    pub(crate) fn of(&self, kind: Kind) -> &[Map<String, Value>] {
        self.things.get(kind.name).map_or(&[], Vec::as_slice)
    }

    fn take(&mut self, document: Value) -> anyhow::Result<()> {
        let Value::Object(document) = document else {
            bail!("expected a list for each kind, as `clients:`");
        };
        for (name, entries) in document {
            let kind = KINDS.into_iter().find(|kind| kind.name == name);
            let kind = kind.ok_or_else(|| {
                let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
                anyhow!("unknown kind {name:?}; there are {}", known.join(", "))
            })?;
            let Value::Array(entries) = entries else { bail!("{name}: expected a list") };
            for (number, entry) in entries.into_iter().enumerate() {
                self.add(kind, entry).with_context(|| format!("{name}[{number}]"))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, kind: Kind, entry: Value) -> anyhow::Result<()> {
        let Value::Object(entry) = entry else { bail!("expected members, as `id: shop`") };
        for member in kind.key.as_ref().map_or(kind.natural, std::slice::from_ref) {
            if entry.get(*member).is_none_or(Value::is_null) {
                bail!("{member} is missing: it says which one is meant");
            }
        }
        let label = kind.label(&Value::Object(entry.clone()));
        let things = self.things.entry(kind.name).or_default();
        if things.iter().any(|known| kind.label(&Value::Object(known.clone())) == label) {
            bail!("{label} is there twice");
        }
        things.push(entry);
        Ok(())
    }
}

/// A file, or the files of a folder in the order of their names.
fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("{}", path.display()))?;
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "toml"));
    files.sort();
    if files.is_empty() {
        bail!("{} has no .yaml or .toml file", path.display());
    }
    Ok(files)
}

fn parse(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file)?;
    let toml = file.extension().is_some_and(|extension| extension == "toml");
    let value: Option<Value> = match toml {
        true => Some(toml::from_str(&text)?),
        false => serde_saphyr::from_str(&text)?,
    };
    Ok(value.filter(|value| !value.is_null()).unwrap_or_else(|| Value::Object(Map::new())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> anyhow::Result<Desired> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join(name);
        std::fs::write(&file, text)?;
        Desired::read(&[file])
    }

    #[test]
    fn yaml_and_toml_say_the_same() {
        let yaml = read("a.yaml", "clients:\n  - id: shop\n    scopes: [uid]\n").unwrap();
        let toml = read("a.toml", "[[clients]]\nid = \"shop\"\nscopes = [\"uid\"]\n").unwrap();
        let clients = Kind::find("clients").unwrap();
        assert_eq!(yaml.of(clients), toml.of(clients));
    }

    #[test]
    fn what_is_wrong_in_a_file_is_said_with_its_place() {
        for (text, reason) in [
            ("client:\n  - id: a\n", "unknown kind"),
            ("clients:\n  - name: a\n", "id is missing"),
            ("clients:\n  - id: a\n  - id: a\n", "twice"),
            ("clients: {}\n", "expected a list"),
            ("- a\n", "expected a list for each kind"),
        ] {
            let error = format!("{:#}", read("a.yaml", text).expect_err(text));
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn an_empty_file_wants_nothing() {
        assert!(read("a.yaml", "").unwrap().of(KINDS[0]).is_empty());
    }
}
