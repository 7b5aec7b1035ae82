//! Files that hold secrets, and who else may read them (SEC-169).

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};

use crate::failure::Hint as _;

/// For the server's own user alone.
pub(crate) const OWNER: u32 = 0o077;

/// For its group as well, which is how keys of certificates are often shared.
pub(crate) const GROUP: u32 = 0o007;

/// Refuses a file whose mode has any of these bits.
pub(crate) fn check(what: &str, path: &Path, others: u32) -> anyhow::Result<()> {
    let metadata = path.metadata().with_context(|| format!("{what} {}", path.display()))?;
    let mode = metadata.permissions().mode();
    if mode & others == 0 {
        return Ok(());
    }
    let error = anyhow!(
        "{what} {} can be read by others: its mode is {:03o}",
        path.display(),
        mode & 0o777
    );
    let advice = match others {
        OWNER => format!("chmod 600 {}", path.display()),
        _ => format!("chmod 600 {0}, or 640 where a group has to read it", path.display()),
    };
    Err(error).hint(advice)
}
