//! The pages of the shop: one window, and what is said above it.

use axum::http::HeaderName;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::response::{Html, IntoResponse};

use super::visit::Customer;
use crate::demo::wishlist::Wish;

/// The one style sheet.
pub(super) const STYLE: &str = include_str!("shop.css");

/// What can be bought: id, name, price, hue of the drawing, and the drawing.
const SHOES: [Shoe; 4] = [
    Shoe { id: "walking-shoes", name: "Walking shoes", price: "89 €", hue: 145, path: WALKING },
    Shoe { id: "rubber-boots", name: "Rubber boots", price: "45 €", hue: 48, path: BOOTS },
    Shoe { id: "running-shoes", name: "Running shoes", price: "120 €", hue: 12, path: RUNNING },
    Shoe { id: "felt-slippers", name: "Felt slippers", price: "38 €", hue: 262, path: SLIPPERS },
];

const WALKING: &str =
    "M22 34c8 6 18 8 26 4l4-14 22 2c3 16 14 26 34 30 10 2 16 8 16 16v6H20c-4-14-4-28 2-44z";
const BOOTS: &str = "M38 10h32l2 40c2 10 12 12 26 14 14 2 22 8 22 18v2H34c-2-24 2-50 4-74z";
const RUNNING: &str =
    "M18 44c8 4 18 2 24-8l8-10 18 4c6 14 20 24 40 26 12 2 18 8 18 16v6l-106-4c-6-8-6-20-2-30z";
const SLIPPERS: &str = "M16 60c14 2 24-4 34-14 14-6 40-4 60 10 12 4 18 10 16 22H20c-6-4-8-12-4-18z";

/// A pair of shoes.
#[derive(Clone, Copy, Debug)]
struct Shoe {
    id: &'static str,
    name: &'static str,
    price: &'static str,
    hue: u16,
    path: &'static str,
}

/// What happened, to be said once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// She signed in.
    Welcome,
    /// The shoe is on her list.
    Saved(String),
    /// The shop may not; the shoe it was about.
    Refused(String),
    /// She said no at the provider.
    Denied,
    /// The way to the provider and back broke off.
    Lost,
    /// The wishlist does not answer.
    Away,
}

/// What a page shows.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) customer: Option<&'a Customer>,
    pub(super) wishes: Option<&'a [Wish]>,
    pub(super) notice: Option<Notice>,
}

/// The name of a shoe that exists.
pub(super) fn name_of(id: &str) -> Option<&'static str> {
    SHOES.iter().find(|shoe| shoe.id == id).map(|shoe| shoe.name)
}

/// The window. `issuer` is where forms may lead to, since signing in begins with one.
pub(super) fn render(view: &View<'_>, issuer: &str) -> impl IntoResponse + use<> {
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action 'self' {issuer}; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    let headers: [(HeaderName, String); 3] = [
        (CONTENT_SECURITY_POLICY, policy),
        (REFERRER_POLICY, "no-referrer".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    let shoes: String = SHOES.iter().map(card).collect();
    let body = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>Shoe shop</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"stylesheet\" href=\"/shop.css\">\n</head>\n<body>\n{head}\n\
         <main>\n{notice}{wishes}\
         <section aria-labelledby=\"pairs\"><h2 id=\"pairs\">This season</h2>\n\
         <ul class=\"shoes\">\n{shoes}</ul></section>\n</main>\n\
         <footer><p>A shop that exists for the demo of Grantor only. It keeps nothing; your \
         wishlist is kept elsewhere, and you decide what the shop may do with it.</p></footer>\n\
         </body>\n</html>\n",
        head = head(view, issuer),
        notice = view.notice.as_ref().map(|notice| said(notice, issuer)).unwrap_or_default(),
        wishes = list(view),
    );
    (headers, Html(body))
}

fn head(view: &View<'_>, issuer: &str) -> String {
    let person = match view.customer {
        Some(customer) => format!(
            "<p>Hello, <strong id=\"customer\">{name}</strong></p>\n\
             <a id=\"account\" href=\"{issuer}/account\">What this shop may do</a>\n\
             <form method=\"post\" action=\"/sign-out\" id=\"sign-out\">\
             <button class=\"quiet\">Sign out</button></form>",
            name = escape(&customer.name),
            issuer = escape(issuer),
        ),
        None => "<form method=\"post\" action=\"/sign-in\" id=\"sign-in\">\
                 <button class=\"quiet\">Sign in</button></form>"
            .to_owned(),
    };
    format!(
        "<header>\n<h1><a href=\"/\">Shoe shop</a></h1>\n<div class=\"person\">\n{person}\n</div>\n\
         </header>"
    )
}

/// Kindly, with the way on.
fn said(notice: &Notice, issuer: &str) -> String {
    let (word, title, text, way) = match notice {
        Notice::Welcome => ("welcome", "Welcome", "You are signed in.".to_owned(), String::new()),
        Notice::Saved(name) => {
            ("saved", "Saved", format!("{} are on your wishlist.", escape(name)), String::new())
        }
        Notice::Refused(shoe) => (
            "refused",
            "We may not add to your wishlist",
            "You did not allow it, or you took it back, and that is fine: nothing was saved. \
             You can allow it again whenever you like."
                .to_owned(),
            format!(
                "{}<a href=\"{}/account\">See what this shop may do</a>",
                ask_again(shoe),
                escape(issuer)
            ),
        ),
        Notice::Denied => (
            "denied",
            "You said no, and that is fine",
            "We saved nothing and know nothing about you. Look around as long as you like."
                .to_owned(),
            String::new(),
        ),
        Notice::Lost => (
            "lost",
            "Signing in did not work",
            "It took too long, or it was begun in another window. Nothing was saved. Please try \
             again."
                .to_owned(),
            String::new(),
        ),
        Notice::Away => (
            "away",
            "The wishlist does not answer",
            "Nothing was saved. Please try again in a moment.".to_owned(),
            String::new(),
        ),
    };
    let way = if way.is_empty() { way } else { format!("<div class=\"way\">{way}</div>") };
    format!(
        "<section class=\"notice {word}\" id=\"notice\" data-notice=\"{word}\" role=\"status\">\
         <h2>{title}</h2><p>{text}</p>{way}</section>\n"
    )
}

fn ask_again(shoe: &str) -> String {
    format!(
        "<form method=\"post\" action=\"/sign-in\" id=\"ask-again\">\
         <input type=\"hidden\" name=\"again\" value=\"true\">\
         <input type=\"hidden\" name=\"shoe\" value=\"{}\"><button>Allow it again</button></form>",
        escape(shoe)
    )
}

fn list(view: &View<'_>) -> String {
    let content = match (view.customer, view.wishes) {
        (None, _) => return String::new(),
        (Some(_), None) => "<p>You did not let the shop see your wishlist.</p>".to_owned(),
        (Some(_), Some([])) => "<p>Nothing on it yet.</p>".to_owned(),
        (Some(_), Some(wishes)) => {
            let wishes: String =
                wishes.iter().map(|wish| format!("<li>{}</li>", escape(&wish.item))).collect();
            format!("<ul>{wishes}</ul>")
        }
    };
    format!(
        "<section class=\"wishes\" id=\"wishlist\" aria-labelledby=\"wishes\">\
         <h2 id=\"wishes\">Your wishlist</h2>{content}</section>\n"
    )
}

fn card(shoe: &Shoe) -> String {
    let Shoe { id, name, price, hue, path } = shoe;
    format!(
        "<li>\n<svg viewBox=\"0 0 140 96\" class=\"hue-{hue}\" aria-hidden=\"true\">\
         <path d=\"{path}\"/><path class=\"sole\" d=\"M16 82h112v6a4 4 0 0 1-4 4H22a6 6 0 0 1-6-6z\"/>\
         </svg>\n<h3>{name}</h3>\n<p>{price}</p>\n\
         <form method=\"post\" action=\"/wishlist\" id=\"save-{id}\">\
         <input type=\"hidden\" name=\"shoe\" value=\"{id}\">\
         <button aria-label=\"Save {lower} to my wishlist\">Save to my wishlist</button></form>\n\
         </li>\n",
        lower = name.to_lowercase(),
    )
}

/// Text as HTML.
fn escape(text: &str) -> String {
    text.chars()
        .map(|char| match char {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            '\'' => "&#39;".to_owned(),
            char => char.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_write_html() {
        let evil = "<script>alert('\"&\"')</script>";
        let escaped = escape(evil);
        assert!(!escaped.contains(['<', '>', '"', '\'']), "{escaped}");
        assert!(said(&Notice::Refused(evil.to_owned()), "https://id").contains("&lt;script"));
    }

    #[test]
    fn each_notice_says_that_nothing_is_lost_and_every_shoe_has_a_colour() {
        for notice in [Notice::Refused(String::new()), Notice::Denied, Notice::Lost, Notice::Away] {
            let text = said(&notice, "https://id");
            assert!(text.contains("othing"), "{text}");
        }
        for shoe in SHOES {
            assert!(STYLE.contains(&format!(".hue-{}", shoe.hue)), "{}", shoe.name);
            assert_eq!(name_of(shoe.id), Some(shoe.name));
        }
        assert_eq!(name_of("gold-shoes"), None);
    }
}
