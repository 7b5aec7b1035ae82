//! `cargo xtask sbom`: the software bill of materials of the `grantor` program, in CycloneDX 1.5 JSON, to be
//! published beside each release (SEC-192). The same lock file gives the same bytes.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::repository::cargo;

/// Prints the document.
pub(crate) fn run() -> Result<()> {
    let mut tree = cargo()?;
    tree.args(["tree", "--locked", "--package", "grantor", "--edges", "normal,build"]);
    let listing = tree.args(["--prefix", "none", "--format", "{p}|{l}"]).output()?;
    ensure!(listing.status.success(), "cargo tree: {}", String::from_utf8_lossy(&listing.stderr));
    let document = document(&String::from_utf8_lossy(&listing.stdout))?;
    println!("{}", serde_json::to_string_pretty(&document)?);
    Ok(())
}

/// Makes the document of lines such as `serde v1.0.2 (proc-macro)|MIT OR Apache-2.0`, the program first.
fn document(listing: &str) -> Result<Value> {
    let mut lines = listing.lines();
    let program = component(lines.next().context("cargo tree lists nothing")?)?;
    let packages: BTreeSet<&str> = lines.map(|line| line.trim_end_matches(" (*)")).collect();
    let mut components = packages.into_iter().map(component).collect::<Result<Vec<_>>>()?;
    components.dedup();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": program },
        "components": components,
    }))
}

fn component(line: &str) -> Result<Value> {
    let (package, license) = line.split_once('|').context("cargo tree prints another form")?;
    let mut words = package.split(' ');
    let (Some(name), Some(version)) = (words.next(), words.next()) else {
        anyhow::bail!("cargo tree prints another form: {package}")
    };
    let version = version.trim_start_matches('v');
    // Old manifests write a slash for OR.
    let license =
        license.trim_end_matches(" (*)").split('/').map(str::trim).collect::<Vec<_>>().join(" OR ");
    Ok(json!({
        "type": "library",
        "name": name,
        "version": version,
        "purl": format!("pkg:cargo/{name}@{version}"),
        "licenses": [{ "expression": license }],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_192_the_bill_of_materials_names_every_package_once() {
        let listing = "grantor v0.1.0 (/here)|Apache-2.0\nserde v1.0.2|MIT/Apache-2.0\n\
                       syn v2.0.1 (proc-macro)|MIT\nserde v1.0.2|MIT/Apache-2.0 (*)\n";
        let document = document(listing).unwrap();
        assert_eq!(document["metadata"]["component"]["name"], "grantor");
        let components = document["components"].as_array().unwrap();
        assert_eq!(components.len(), 2);
        assert_eq!(components[0]["purl"], "pkg:cargo/serde@1.0.2");
        assert_eq!(components[0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert!(!document.to_string().contains("/here"), "no place on a machine");
    }
}
