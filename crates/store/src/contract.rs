//! One contract, every backend.
//!
//! A backend gives an `async fn fresh() -> Fresh` and calls [`store_contract!`](crate::store_contract)
//! in a test module; a test that is added here runs against every backend without another line.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "these are tests")]

use std::any::Any;
use std::sync::Arc;

use crate::Store;

pub mod atomicity;
pub mod audit;
pub mod documents;
pub mod grants;
pub mod groups;
pub mod isolation;
pub mod limits;
pub mod outbox;
pub mod sample;
pub mod sequences;
pub mod sessions;
pub mod single_use;
pub mod upkeep;

/// An empty store, and what must live as long as it does (its folder, its schema).
#[derive(Debug)]
pub struct Fresh {
    /// The store
    pub store: Arc<dyn Store>,
    /// Dropped after the store
    pub guard: Box<dyn Any + Send>,
}

impl Fresh {
    /// Puts the two together.
    pub fn new(store: Arc<dyn Store>, guard: impl Any + Send) -> Self {
        Self { store, guard: Box::new(guard) }
    }
}

/// Instantiates every contract test for a backend: `store_contract!(fresh)`.
#[macro_export]
macro_rules! store_contract {
    ($fresh:path) => {
        $crate::store_contract!(one $fresh:
            documents {
                a_document_reads_back_by_both_keys,
                a_version_grows_by_one_with_each_write,
                what_is_not_there_can_be_put_but_not_replaced,
                a_taken_id_and_a_taken_name_are_conflicts,
                sec_084_two_tenants_never_share_an_issuer,
                rel_023_of_many_creations_of_one_name_one_succeeds,
                a_deleted_document_is_gone,
                pages_are_ordered_by_the_bytes_of_the_id,
                a_list_under_a_parent_has_its_children_only,
            }
            atomicity {
                rel_008_a_failing_effect_undoes_the_whole_operation,
                a_refused_operation_leaves_nothing,
                neighbours_of_a_failing_operation_are_kept,
                what_is_claimed_does_not_change_until_it_is_written,
                children_are_claimed,
                a_panicking_rule_harms_nobody_else,
            }
            groups {
                membership_counts_through_nested_groups,
                membership_follows_the_group,
                a_cycle_of_groups_ends,
                nesting_ends_at_its_limit,
                sec_163_groups_of_another_tenant_do_not_count,
            }
            grants {
                a_grant_reads_back_in_every_stage,
                grants_are_listed_newest_first,
                rel_019_sec_063_judges_of_one_grant_take_turns,
                sec_163_a_grant_is_found_in_its_tenant_only,
                grants_end_by_user_by_client_and_by_both,
                every_grant_of_a_client_ends_however_many_there_are,
            }
            sessions {
                a_session_reads_back_in_every_stage,
                sessions_are_listed_newest_first,
                sessions_of_a_user_end_but_for_one,
                sec_163_a_session_is_found_in_its_tenant_only,
            }
            single_use {
                a_single_use_value_reads_back_before_and_after,
                rel_018_sec_047_of_many_that_spend_one_value_exactly_one_does,
                sec_049_kinds_of_single_use_values_are_spaces_of_their_own,
                a_value_is_opened_once,
            }
            limits {
                rel_021_no_more_attempts_are_looked_at_than_are_free,
                rel_020_sec_057_of_many_uses_exactly_one_counts,
                sec_049_kinds_of_marks_are_spaces_of_their_own,
            }
            sequences {
                every_change_has_its_place,
                a_follower_misses_no_change,
                sec_163_revocations_belong_to_their_tenant,
                revocations_are_found_by_their_time,
            }
            audit {
                events_are_listed_in_order,
                sec_163_a_decision_is_found_alone_and_inside_a_batch,
                sec_191_the_chain_verifies_and_its_heads_are_signed,
                sec_191_tampering_is_detected_at_the_first_bad_row,
                sec_190_no_event_is_missing_from_the_chain,
                sec_136_a_person_finds_her_own_events_newest_first,
            }
            outbox {
                rel_038_a_message_is_taken_until_a_moment_and_then_again,
                rel_038_a_message_is_written_with_its_change_or_not_at_all,
                rel_038_many_that_take_at_once_take_different_messages,
            }
            upkeep {
                rel_005_only_what_is_over_is_purged,
                a_store_answers_a_ping,
            }
            isolation {
                sec_163_a_document_is_found_in_its_tenant_only,
                sec_163_claims_find_in_their_tenant_only,
            }
        );
        $crate::store_contract!(two $fresh: upkeep:
            rel_040_a_dump_loads_into_an_equal_store,
            a_dump_is_refused_by_a_store_that_is_not_empty,
        );
    };
    (one $fresh:path: $($aspect:ident { $($test:ident,)+ })+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let fresh = $fresh().await;
                $crate::contract::$aspect::$test(std::sync::Arc::clone(&fresh.store)).await;
            }
        )+)+
    };
    (two $fresh:path: $aspect:ident: $($test:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let (one, two) = ($fresh().await, $fresh().await);
                let (store, other) = (one.store.clone(), two.store.clone());
                $crate::contract::$aspect::$test(store, other).await;
            }
        )+
    };
}
