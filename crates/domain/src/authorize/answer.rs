//! What goes back to the client, and where in the answer it stands. RFC 6749 §4.1.2, RFC 9207 §2,
//! OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode §2, JARM §2.

use grantor_oauth_types::name::ClientId;
use grantor_oauth_types::response_type::{Placement, ResponseMode, ResponseType};
use serde::{Deserialize, Serialize};

use super::Complaint;

/// Where the answer goes and how it gets there. Only the reader of requests makes one, from a
/// registered redirect URI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnAddress {
    #[serde(rename = "c")]
    client: ClientId,
    #[serde(rename = "u")]
    uri: String,
    #[serde(rename = "m")]
    mode: ResponseMode,
    #[serde(rename = "t")]
    response_type: ResponseType,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// `compat.localhost_redirect`: its errors are in the query as well (`stups.md` 8.4)
    #[serde(rename = "q", default, skip_serializing_if = "std::ops::Not::not")]
    errors_in_query_too: bool,
}

/// What the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What it asked for, in order: `code`, `access_token`, …
    Granted(Vec<(&'static str, String)>),
    /// Why not
    Refused(Complaint),
}

/// The answer, ready for the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// Go there
    Redirect(String),
    /// Post these fields there
    Form {
        /// The registered redirect URI
        action: String,
        /// Names and values, not yet escaped
        fields: Vec<(String, String)>,
    },
}

impl ReturnAddress {
    pub(super) fn new(
        client: ClientId,
        uri: String,
        mode: ResponseMode,
        response_type: ResponseType,
        state: Option<String>,
        errors_in_query_too: bool,
    ) -> Self {
        Self { client, uri, mode, response_type, state, errors_in_query_too }
    }

    /// Whose it is.
    pub fn client(&self) -> &ClientId {
        &self.client
    }

    /// The redirect URI.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// What was asked for.
    pub fn response_type(&self) -> ResponseType {
        self.response_type
    }

    /// How the answer travels.
    pub fn mode(&self) -> ResponseMode {
        self.mode
    }

    /// The `state` of the request.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// Everything the answer says: what is granted or why not, `state` as it was sent, `iss`
    /// (RFC 9207 §2: in every answer). Nothing else beside an error.
    pub fn members(&self, answer: &Answer, issuer: &str) -> Vec<(&'static str, String)> {
        let mut members = match answer {
            Answer::Granted(granted) => granted.clone(),
            Answer::Refused(complaint) => {
                let mut members = vec![("error", complaint.error.as_str().to_owned())];
                if !complaint.description.is_empty() {
                    members.push(("error_description", complaint.description.to_owned()));
                }
                members
            }
        };
        members.extend(self.state.clone().map(|state| ("state", state)));
        members.push(("iss", issuer.to_owned()));
        members
    }

    /// Places the members where the response mode wants them; for a signed mode `signed` is the JWT
    /// of them, and stands there alone (JARM §2.3).
    pub fn place(&self, members: Vec<(&'static str, String)>, signed: Option<String>) -> Placed {
        let failed = members.iter().any(|(name, _)| *name == "error");
        let members = match signed {
            Some(jwt) => vec![("response", jwt)],
            None => members,
        };
        let encoded = || encode(&members);
        match self.mode.placement(self.response_type) {
            Placement::Query => Placed::Redirect(self.with_query(&encoded())),
            Placement::Fragment => {
                let uri = match failed && self.errors_in_query_too {
                    true => self.with_query(&encoded()),
                    false => self.uri.clone(),
                };
                Placed::Redirect(format!("{uri}#{}", encoded()))
            }
            Placement::FormPost => Placed::Form {
                action: self.uri.clone(),
                fields: members.into_iter().map(|(n, v)| (n.to_owned(), v)).collect(),
            },
        }
    }

    /// RFC 6749 §3.1.2: the query of the registered URI is kept, ours is appended.
    fn with_query(&self, encoded: &str) -> String {
        let joint = match self.uri.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        format!("{}{joint}{encoded}", self.uri)
    }
}

/// `application/x-www-form-urlencoded`, but a space as `%20`: readers of fragments decode only that.
fn encode(members: &[(&'static str, String)]) -> String {
    let mut serializer = form_urlencoded::Serializer::new(String::new());
    for (name, value) in members {
        serializer.append_pair(name, value);
    }
    // A literal plus is %2B already.
    serializer.finish().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use grantor_oauth_types::error_code::AuthorizeErrorCode;
    use proptest::prelude::*;

    use super::*;
    use crate::example::client_id;

    const ISSUER: &str = "https://as.test";

    fn to(uri: &str, mode: ResponseMode, state: Option<&str>) -> ReturnAddress {
        let state = state.map(ToOwned::to_owned);
        ReturnAddress::new(
            client_id("web1"),
            uri.to_owned(),
            mode,
            ResponseType::Code,
            state,
            false,
        )
    }

    fn granted() -> Answer {
        Answer::Granted(vec![("code", "c o+d&e".to_owned())])
    }

    fn placed(to: &ReturnAddress, answer: &Answer) -> Placed {
        to.place(to.members(answer, ISSUER), None)
    }

    #[test]
    fn trap_021_the_registered_query_is_kept_and_ours_appended() {
        let expected = "code=c%20o%2Bd%26e&state=s&iss=https%3A%2F%2Fas.test";
        for (uri, joint) in [
            ("https://app.example/cb", "?"),
            ("https://app.example/cb?x=1", "&"),
            ("https://app.example/cb?", ""),
            ("https://app.example/cb?x=1&", ""),
            ("http://localhost:8081", "?"),
            ("com.example.app:/oauth", "?"),
        ] {
            let placed = placed(&to(uri, ResponseMode::Query, Some("s")), &granted());
            assert_eq!(placed, Placed::Redirect(format!("{uri}{joint}{expected}")));
        }
        let address = to("https://app.example/cb?x=1", ResponseMode::Fragment, Some("s"));
        let Placed::Redirect(location) = placed(&address, &granted()) else { panic!("a form") };
        assert_eq!(location, format!("https://app.example/cb?x=1#{expected}"));
    }

    #[test]
    fn sec_028_trap_038_every_answer_names_the_issuer_and_state_only_if_sent() {
        let refused = Answer::Refused(Complaint::new(AuthorizeErrorCode::AccessDenied, "no"));
        for answer in [granted(), refused] {
            for mode in ResponseMode::ALL {
                let with = to("https://app.example/cb", *mode, Some("s")).members(&answer, ISSUER);
                let value = |name| with.iter().find(|m| m.0 == name).map(|m| m.1.as_str());
                assert_eq!(value("iss"), Some(ISSUER), "{mode}");
                assert_eq!(value("state"), Some("s"), "{mode}");
                let without = to("https://app.example/cb", *mode, None).members(&answer, ISSUER);
                assert!(without.iter().all(|(name, _)| *name != "state"), "{mode}");
            }
        }
    }

    #[test]
    fn trap_039_beside_an_error_there_is_nothing_else() {
        let refused = Answer::Refused(Complaint::new(AuthorizeErrorCode::AccessDenied, "no"));
        let members = to("https://app.example/cb", ResponseMode::Query, Some("s"));
        let members = members.members(&refused, ISSUER);
        let names: Vec<&str> = members.iter().map(|member| member.0).collect();
        assert_eq!(names, ["error", "error_description", "state", "iss"]);
    }

    #[test]
    fn trap_101_a_signed_answer_stands_alone() {
        for (mode, expected) in [
            (ResponseMode::Jwt, "https://app.example/cb?response=a.b.c"),
            (ResponseMode::QueryJwt, "https://app.example/cb?response=a.b.c"),
            (ResponseMode::FragmentJwt, "https://app.example/cb#response=a.b.c"),
        ] {
            let to = to("https://app.example/cb", mode, Some("s"));
            let members = to.members(&granted(), ISSUER);
            let placed = to.place(members, Some("a.b.c".to_owned()));
            assert_eq!(placed, Placed::Redirect(expected.to_owned()));
        }
    }

    #[test]
    fn a_loopback_listener_of_zign_finds_its_error_in_the_query() {
        let to = ReturnAddress::new(
            client_id("zign"),
            "http://localhost:8081".to_owned(),
            ResponseMode::Fragment,
            ResponseType::Token,
            None,
            true,
        );
        let refused = Answer::Refused(Complaint::new(AuthorizeErrorCode::AccessDenied, ""));
        let Placed::Redirect(location) = placed(&to, &refused) else { panic!("a form") };
        assert!(location.starts_with("http://localhost:8081?error=access_denied&"), "{location}");
        let granted = Answer::Granted(vec![("access_token", "t".to_owned())]);
        let Placed::Redirect(location) = placed(&to, &granted) else { panic!("a form") };
        assert!(location.starts_with("http://localhost:8081#access_token=t&"), "{location}");
    }

    proptest! {
        /// SEC-027: whatever the state is, it comes back as it was and adds no parameter.
        #[test]
        fn sec_027_state_comes_back_byte_for_byte(state in "\\PC{1,200}") {
            for mode in [ResponseMode::Query, ResponseMode::Fragment] {
                let address = to("https://app.example/cb", mode, Some(&state));
                let Placed::Redirect(location) = placed(&address, &granted()) else { panic!() };
                let cut = if mode == ResponseMode::Query { '?' } else { '#' };
                let (_, pairs) = location.split_once(cut).unwrap();
                let pairs: Vec<_> = form_urlencoded::parse(pairs.as_bytes()).collect();
                let names: Vec<_> = pairs.iter().map(|pair| &*pair.0).collect();
                prop_assert_eq!(names, ["code", "state", "iss"]);
                prop_assert_eq!(&*pairs[1].1, &*state);
            }
        }
    }
}
