//! Points in time, as people say them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::{Language, Text};

/// A moment, and the moment it is looked at.
#[derive(Clone, Copy, Debug)]
pub struct When {
    /// The moment
    pub at: Timestamp,
    /// When the page was made
    pub now: Timestamp,
}

impl When {
    /// "5 minutes ago"; a date once it is longer ago than a month.
    #[must_use]
    pub fn relative(&self, text: &Text) -> String {
        let seconds = self.now.duration_since(self.at).as_secs();
        match seconds {
            ..60 => text.of("time-now"),
            60..3_600 => text.count("time-minutes", seconds / 60),
            3_600..86_400 => text.count("time-hours", seconds / 3_600),
            86_400..2_592_000 => text.count("time-days", seconds / 86_400),
            _ => self.date(text),
        }
    }

    /// "22 November 2026"
    #[must_use]
    pub fn date(&self, text: &Text) -> String {
        let at = self.at.to_zoned(TimeZone::UTC);
        let month = text.of(MONTHS[usize::from(at.month().unsigned_abs()).saturating_sub(1) % 12]);
        match text.0 {
            Language::En => format!("{} {month} {}", at.day(), at.year()),
            Language::De => format!("{}. {month} {}", at.day(), at.year()),
        }
    }

    /// Date and time of day, UTC.
    #[must_use]
    pub fn exact(&self, text: &Text) -> String {
        format!("{}, {} UTC", self.date(text), self.at.to_zoned(TimeZone::UTC).strftime("%H:%M"))
    }

    /// For machines: the attribute `datetime`.
    #[must_use]
    pub fn machine(&self) -> String {
        self.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

const MONTHS: [&str; 12] = [
    "month-1", "month-2", "month-3", "month-4", "month-5", "month-6", "month-7", "month-8",
    "month-9", "month-10", "month-11", "month-12",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_as_people_tell_it() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        for (at, english, german) in [
            ("2026-11-22T11:59:30Z", "just now", "gerade eben"),
            ("2026-11-22T12:00:30Z", "just now", "gerade eben"),
            ("2026-11-22T11:58:30Z", "1 minute ago", "vor 1 Minute"),
            ("2026-11-22T09:00:00Z", "3 hours ago", "vor 3 Stunden"),
            ("2026-11-21T09:00:00Z", "yesterday", "gestern"),
            ("2026-11-12T09:00:00Z", "10 days ago", "vor 10 Tagen"),
            ("2026-03-02T09:00:00Z", "2 March 2026", "2. März 2026"),
        ] {
            let when = When { at: at.parse().unwrap(), now };
            assert_eq!(when.relative(&Text(Language::En)), english);
            assert_eq!(when.relative(&Text(Language::De)), german);
        }
        let when = When { at: now, now };
        assert_eq!(when.exact(&Text(Language::De)), "22. November 2026, 12:00 UTC");
        assert_eq!(when.machine(), "2026-11-22T12:00:00Z");
    }
}
