//! The pages people see.
//!
//! Plain values in, a [`Page`] out: HTML, and the content security policy that fits it (SEC-002). Nothing
//! here knows stores, requests or time; whoever renders passes what is to be shown and the moment it is.
//!
//! - A page is a struct (`SignIn`, `Consent`, …) with a method `page(&Shell)`; its template has the same name.
//! - A [`Shell`] is what surrounds every page: the tenant's [`Brand`], the [`Language`], the way to another one.
//! - Every text is in `locales/*.ftl`, in every language; a test compares them and looks for unused ones.
//! - The one style sheet is inlined, so that the first paint needs one round trip; the policy names its hash.
//! - Every page works without JavaScript. Where a script helps, it is ours and the policy names its hash.
//! - What a client wrote about itself passes through [`clean()`] (SEC-043).

pub mod account;
mod account_choice;
mod asking;
mod brand;
mod check_session;
mod clean;
mod consent;
mod csp;
mod error_page;
mod form_post;
mod language;
mod logout;
mod shell;
mod sign_in;
mod style;
mod text;
mod when;

pub use account_choice::{Account, AccountChoice};
pub use asking::{Asking, Logo, Redirect};
pub use brand::{Brand, BrandTexts};
pub use check_session::CheckSession;
pub use clean::{clean, clean_to};
pub use consent::{Consent, ConsentScope, Risk};
pub use error_page::{ErrorKind, ErrorPage};
pub use form_post::FormPost;
pub use language::Language;
pub use logout::{LoggedOut, LogoutConfirm};
pub use shell::{Hidden, Page, Shell};
pub use sign_in::{RealmChoice, Reason, SignIn, SignInError, Step};
pub use text::Text;
pub use when::When;
