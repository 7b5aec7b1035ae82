//! The rules as tables: an ask and facts that are right in every respect, of which a row spoils
//! one.

mod case;
mod explained;
mod matrix;
mod properties;
mod rules;

use case::Case;
