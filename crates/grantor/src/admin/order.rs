//! In which order changes are made, so that nothing is named before it is there.
//!
//! Two new things may name each other, as an application and its service user do. Then the one that can
//! do without for a while is made first, without that member, and completed as soon as the other one
//! is there.

use std::collections::HashSet;

use anyhow::bail;

use super::change::{Action, Change};

/// A change, and what it waits for.
#[derive(Debug)]
pub(crate) struct Step {
    /// Of which entry
    pub(crate) entry: usize,
    pub(crate) change: Change,
    pub(crate) needs: Vec<Need>,
}

/// Another entry that a change names.
#[derive(Clone, Debug)]
pub(crate) struct Need {
    pub(crate) entry: usize,
    /// Whether that one is not there yet: it has to be made before
    pub(crate) new: bool,
    /// Whether a new thing can do without it for a while
    pub(crate) later: bool,
    /// The member that names it
    pub(crate) member: &'static str,
}

/// The rest of a thing that was made: nothing waits for it.
const REST: usize = usize::MAX;

/// The changes in an order that works; what does not depend on another keeps its place.
pub(crate) fn ordered(mut waiting: Vec<Step>) -> anyhow::Result<Vec<Change>> {
    let mut done = Vec::new();
    while !waiting.is_empty() {
        let open: HashSet<usize> = waiting.iter().map(|step| step.entry).collect();
        for step in &mut waiting {
            let own = step.entry;
            step.needs.retain(|need| need.entry != own && open.contains(&need.entry));
        }
        let place = |fits: &dyn Fn(&Step) -> bool| waiting.iter().position(fits);
        let free = place(&|step| step.needs.is_empty());
        // What is there already is rather changed before it is named, but need not be.
        let there = || place(&|step| step.needs.iter().all(|need| !need.new && !need.later));
        let split = || place(&|step| is_new(step) && step.needs.iter().all(|n| n.later || !n.new));
        let anyhow = || place(&|step| step.needs.iter().all(|need| !need.new));
        if let Some(at) = free.or_else(there) {
            done.push(waiting.remove(at).change);
        } else if let Some(at) = split() {
            let (first, rest) = divided(waiting.remove(at));
            done.push(first);
            waiting.insert(at, rest);
        } else if let Some(at) = anyhow() {
            done.push(waiting.remove(at).change);
        } else {
            let names: Vec<String> = waiting.iter().map(|step| step.change.title()).collect();
            bail!("these need each other, and none of them can be first: {}", names.join(", "));
        }
    }
    Ok(done)
}

fn is_new(step: &Step) -> bool {
    matches!(step.change.action, Action::Create { .. }) && step.needs.iter().any(|need| need.later)
}

/// The thing without the members that have to wait, and the rest of it.
fn divided(step: Step) -> (Change, Step) {
    let Step { change: mut first, needs, .. } = step;
    let mut lines = Vec::new();
    let mut whole = serde_json::Map::new();
    if let Action::Create { body, .. } = &mut first.action {
        whole.clone_from(body);
        if let Some(key) = first.kind.key {
            whole.remove(key);
        }
        for need in needs.iter().filter(|need| need.later) {
            body.remove(need.member);
        }
        let waits = |line: &&String| {
            let member = line.split(':').next().unwrap_or_default();
            needs.iter().any(|need| need.later && need.member == member)
        };
        lines = first.lines.iter().filter(waits).cloned().collect();
        first.lines.retain(|line| !lines.contains(line));
    }
    let (kind, label) = (first.kind, first.label.clone());
    let rest = Change { kind, label, lines, action: Action::Complete { body: whole } };
    (first, Step { entry: REST, change: rest, needs })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::kinds::Kind;
    use super::*;

    fn step(entry: usize, kind: &str, new: bool, needs: &[(usize, bool, bool)]) -> Step {
        let body = json!({ "id": "x", "m": 1 });
        let action = if new {
            let body = body.as_object().unwrap().clone();
            Action::Create { body, provisional: String::new() }
        } else {
            Action::Replace { segment: String::new(), body, etag: None }
        };
        let lines = vec!["m: 1".to_owned()];
        let kind = Kind::find(kind).unwrap();
        let change = Change { kind, label: entry.to_string(), lines, action };
        let need =
            |&(entry, new, later): &(usize, bool, bool)| Need { entry, new, later, member: "m" };
        Step { entry, change, needs: needs.iter().map(need).collect() }
    }

    fn titles(steps: Vec<Step>) -> Vec<String> {
        ordered(steps).unwrap().iter().map(Change::title).collect()
    }

    #[test]
    fn what_is_named_is_made_first() {
        let steps = vec![step(0, "groups", true, &[(1, true, true)]), step(1, "users", true, &[])];
        assert_eq!(titles(steps), ["+ users 1", "+ groups 0"]);
    }

    #[test]
    fn two_new_things_that_name_each_other_are_made_in_three_steps() {
        let steps = vec![
            step(0, "applications", true, &[(1, true, true)]),
            step(1, "users", true, &[(0, true, false)]),
        ];
        let changes = ordered(steps).unwrap();
        let titles: Vec<_> = changes.iter().map(Change::title).collect();
        assert_eq!(titles, ["+ applications 0", "+ users 1", "~ applications 0, completed"]);
        let Action::Create { body, .. } = &changes[0].action else { panic!() };
        assert_eq!(json!(body), json!({ "id": "x" }));
        let Action::Complete { body } = &changes[2].action else { panic!() };
        assert_eq!(json!(body), json!({ "m": 1 }));
        assert_eq!((changes[0].lines.len(), changes[2].lines.len()), (0, 1));
    }

    #[test]
    fn of_two_things_that_are_there_the_one_that_is_waited_for_is_changed_first() {
        let steps = vec![
            step(0, "applications", false, &[(1, false, true)]),
            step(1, "users", false, &[(0, false, false)]),
        ];
        assert_eq!(titles(steps), ["~ users 1", "~ applications 0"]);
        let steps = vec![
            step(0, "applications", true, &[(1, false, true)]),
            step(1, "users", false, &[(0, true, false)]),
        ];
        assert_eq!(titles(steps), ["+ applications 0", "~ users 1", "~ applications 0, completed"]);
    }

    #[test]
    fn what_cannot_be_ordered_is_an_error() {
        let steps = vec![
            step(0, "users", true, &[(1, true, false)]),
            step(1, "clients", true, &[(0, true, false)]),
        ];
        assert!(ordered(steps).is_err());
    }
}
