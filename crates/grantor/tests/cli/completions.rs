//! `grantor completions`, and the help texts.

use crate::person::Person;

#[tokio::test]
async fn each_shell_gets_a_script() {
    let person = Person::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = person.gets(&["completions", shell]).await;
        assert!(script.contains("grantor") && script.contains("token"), "{shell}");
    }
    assert_eq!(person.runs(&["completions", "nonsense"]).await.code, Some(2));
}

#[tokio::test]
async fn each_command_has_examples_in_its_help() {
    let person = Person::new();
    for command in ["token", "list", "delete", "http", "completions"] {
        let help = person.gets(&[command, "--help"]).await;
        assert!(help.contains("Example") && help.contains(&format!("grantor {command}")), "{help}");
    }
}
