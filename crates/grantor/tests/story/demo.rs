//! The main job: `grantor demo`.

use std::process::Command;

use crate::PROGRAM;

#[test]
fn the_story_of_the_demo_holds_in_every_point() {
    let played = Command::new(PROGRAM).args(["demo", "--check"]).output().unwrap();
    let said = String::from_utf8(played.stdout).unwrap();
    assert!(played.status.success(), "{said}\n{}", String::from_utf8_lossy(&played.stderr));
    for point in 1..=11 {
        assert!(said.contains(&format!("\n{point}. ")), "point {point} was not played:\n{said}");
    }
    assert!(said.ends_with("All eleven points hold.\n"));
}
