//! The first account page.

use super::account_page;

/// How things stand, in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overview {
    /// Applications with access
    pub applications: u32,
    /// Sessions, this one included
    pub sessions: u32,
}

account_page!(Overview, OverviewHtml, "account/overview.html", Overview);
