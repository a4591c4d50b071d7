//! `$skip` and `$top`: which part of a list is asked for. Without them a list is one page.

use axum::http::Uri;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::errors::Refused;

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    skip: usize,
    top: usize,
}

impl Page {
    /// Reads it from a query; names in any letter case, `$` escaped or not.
    pub(super) fn parse(uri: &Uri) -> Result<Self, Refused> {
        let mut page = Self { skip: 0, top: usize::MAX };
        for pair in uri.query().unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = percent_decode_str(name).decode_utf8_lossy().to_ascii_lowercase();
            let (slot, least) = match name.as_str() {
                "$skip" => (&mut page.skip, 0),
                "$top" => (&mut page.top, 1),
                _ => continue,
            };
            let number = value.parse::<u32>().ok().filter(|number| *number >= least);
            let wrong = || Refused::Invalid(format!("'{name}' must be a whole number from {least}."));
            *slot = number.ok_or_else(wrong)? as usize;
        }
        Ok(page)
    }

    /// The answer that holds this part of `all`.
    pub(super) fn of<T>(self, all: Vec<T>, model: impl Fn(T) -> Value) -> Value {
        let values: Vec<Value> = all.into_iter().skip(self.skip).take(self.top).map(model).collect();
        json!({ "value": values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_list_is_what_was_asked_for() {
        let check = |query: &str, expected: &[u32]| {
            let page = Page::parse(&query.parse().unwrap()).unwrap();
            let answer = page.of(vec![1, 2, 3, 4], |number: u32| json!(number));
            assert_eq!(answer, json!({ "value": expected }), "{query}");
        };
        check("/x", &[1, 2, 3, 4]);
        check("/x?api-version=2024-01-01", &[1, 2, 3, 4]);
        check("/x?$skip=1&$top=2", &[2, 3]);
        check("/x?%24top=1&api-version=", &[1]);
        check("/x?$SKIP=3", &[4]);
        check("/x?$skip=9&$top=1000", &[]);
    }

    #[test]
    fn what_is_no_number_is_refused_by_name() {
        for (query, name) in [
            ("/x?$top=0", "'$top'"),
            ("/x?$top=-1", "'$top'"),
            ("/x?$skip=a", "'$skip'"),
            ("/x?$skip", "'$skip'"),
        ] {
            let Err(Refused::Invalid(text)) = Page::parse(&query.parse().unwrap()) else { panic!("{query}") };
            assert!(text.contains(name), "{text}");
        }
    }
}
