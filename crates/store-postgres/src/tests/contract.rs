//! What every store promises.

use crate::tests::support::fresh;

grantor_store::store_contract!(fresh);
