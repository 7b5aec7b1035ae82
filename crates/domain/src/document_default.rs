//! Defaults of document fields that serde needs as functions.

/// On unless switched off.
pub(crate) fn yes() -> bool {
    true
}

/// Whether a member says no more than its absence would.
pub(crate) fn says_nothing<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
