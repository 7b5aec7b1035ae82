//! The person's browser.

use std::process::{Command, Stdio};

use url::Url;

/// Opens `url` in the person's browser: the programs in `BROWSER` (as other command-line tools read
/// it: `:` between them, `%s` for the address), else what the system has. False when there is none;
/// then show the address to the person. No shell is involved.
pub fn open_browser(url: &Url) -> bool {
    let chosen = std::env::var("BROWSER").unwrap_or_default();
    commands(&chosen, url.as_str()).into_iter().any(|words| start(&words))
}

/// Program and arguments, in the order in which they are tried.
fn commands(chosen: &str, url: &str) -> Vec<Vec<String>> {
    let command = |text: &str| -> Vec<String> {
        let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        if words.is_empty() {
            return words;
        }
        if !words.iter().any(|word| word.contains("%s")) {
            words.push("%s".to_owned());
        }
        words.iter().map(|word| word.replace("%s", url)).collect()
    };
    let system = match std::env::consts::OS {
        "macos" => "open",
        "windows" => "rundll32 url.dll,FileProtocolHandler",
        _ => "xdg-open",
    };
    // On Windows `:` is part of every path.
    let several = if cfg!(windows) { ';' } else { ':' };
    let chosen = chosen.split(several).map(command).filter(|words| !words.is_empty());
    chosen.chain([command(system)]).collect()
}

fn start(words: &[String]) -> bool {
    let Some((program, arguments)) = words.split_first() else { return false };
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .is_ok()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_browser_of_the_environment_comes_first_and_the_address_is_one_argument() {
        let url = "https://id.example/a?b=c&d=e;touch%20x";
        let tried = |chosen| commands(chosen, url);
        assert_eq!(tried("")[0].last().unwrap(), url);
        assert_eq!(tried("./login.sh %s")[0], ["./login.sh", url]);
        assert_eq!(tried("firefox --new-window")[0], ["firefox", "--new-window", url]);
        let several = tried("a: :b --url=%s");
        assert_eq!(several.len(), 3);
        assert_eq!(several[1], ["b".to_owned(), format!("--url={url}")]);
    }

    #[test]
    fn a_program_that_does_not_exist_is_no_browser() {
        assert!(!start(&["grantor-has-no-such-browser".to_owned()]));
        assert!(!start(&[]));
    }
}
