//! Configuration as code: what the files want.
//!
//! A file is YAML or TOML with a list for each kind; an entry has the members of the REST API. More
//! than one file, or a folder of them, is read as one. Where the API wants an id, a name does.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Map, Value};

use super::kinds::{KINDS, Kind};

/// What is wanted, in the order of the files.
#[derive(Debug, Default)]
pub(crate) struct Desired {
    pub(crate) entries: Vec<Entry>,
}

/// One thing that is wanted.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    pub(crate) members: Map<String, Value>,
}

/// Where an entry is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    file: PathBuf,
    list: &'static str,
    number: usize,
    label: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, list, number, label } = self;
        write!(f, "{}: {list}[{number}] ({label})", file.display())
    }
}

impl Desired {
    /// Reads files and folders.
    pub(crate) fn read(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let mut desired = Self::default();
        for path in paths {
            for file in files(path)? {
                let about = || format!("in {}", file.display());
                let document = parse(&file).with_context(about)?;
                desired.take(&file, document).with_context(about)?;
            }
        }
        Ok(desired)
    }

    /// Whether the files speak of a kind.
    pub(crate) fn speaks_of(&self, kind: Kind) -> bool {
        self.entries.iter().any(|entry| entry.kind == kind)
    }

    fn take(&mut self, file: &Path, document: Value) -> anyhow::Result<()> {
        let Value::Object(document) = document else {
            bail!("expected a list for each kind, as `clients:`");
        };
        for (name, entries) in document {
            // For editors: what some of them look for in the file itself.
            if name == "$schema" {
                continue;
            }
            let kind = KINDS.into_iter().find(|kind| kind.name == name);
            let kind = kind.ok_or_else(|| {
                let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
                anyhow!("unknown kind {name:?}; there are {}", known.join(", "))
            })?;
            let Value::Array(entries) = entries else { bail!("{name}: expected a list") };
            for (number, entry) in entries.into_iter().enumerate() {
                let about = || format!("{name}[{number}]");
                self.add(file, kind, number, entry).with_context(about)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, file: &Path, kind: Kind, number: usize, entry: Value) -> anyhow::Result<()> {
        let label = kind.label(&entry);
        let Value::Object(members) = entry else { bail!("expected members, as `id: shop`") };
        for member in kind.naming() {
            if members.get(*member).is_none_or(Value::is_null) {
                bail!("{member} is missing: it says which one is meant");
            }
        }
        let twice = |known: &&Entry| known.kind == kind && known.place.label == label;
        if let Some(first) = self.entries.iter().find(twice) {
            bail!("{label} is there twice: {} is the first", first.place);
        }
        let place = Place { file: file.to_owned(), list: kind.name, number, label };
        self.entries.push(Entry { kind, place, members });
        Ok(())
    }
}

impl Entry {
    /// What it is called.
    pub(crate) fn label(&self) -> &str {
        &self.place.label
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
        true => Some(plain(toml::from_str(&text)?)),
        false => serde_saphyr::from_str(&text)?,
    };
    Ok(value.filter(|value| !value.is_null()).unwrap_or_else(|| Value::Object(Map::new())))
}

/// TOML as JSON: its times are texts there, as the API writes them.
fn plain(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(switch) => switch.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(plain).collect(),
        toml::Value::Table(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, plain(value))).collect())
        }
    }
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
        let yaml = "assignments:\n  - principal: {client: shop}\n    scope: uid\n    \
                    expires: 2030-01-01T00:00:00Z\n";
        let toml = "[[assignments]]\nprincipal = {client = \"shop\"}\nscope = \"uid\"\n\
                    expires = 2030-01-01T00:00:00Z\n";
        let (yaml, toml) = (read("a.yaml", yaml).unwrap(), read("a.toml", toml).unwrap());
        assert_eq!(yaml.entries[0].members, toml.entries[0].members);
        assert_eq!(yaml.entries[0].label(), "client shop uid");
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
        assert!(read("a.yaml", "").unwrap().entries.is_empty());
    }
}
