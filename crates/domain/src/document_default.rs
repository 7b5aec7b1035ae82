//! Defaults of document fields that serde needs as functions.

/// On unless switched off.
pub(crate) fn yes() -> bool {
    true
}
