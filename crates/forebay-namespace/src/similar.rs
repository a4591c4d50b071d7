//! The existing name nearest to one that was asked for: a typing error should be seen where it is made.

/// Of `names`, the nearest to `asked` ignoring case, if it is near enough to be meant: at most one slip in three
/// characters, and three altogether. Of equally near ones the first. A slip is a letter too much, missing, wrong,
/// or two neighbours swapped. A name equal to `asked` is not similar.
pub fn nearest<'a>(asked: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let asked: Vec<char> = asked.to_ascii_lowercase().chars().take(CHARS_MAX).collect();
    let slips_max = (asked.len() / 3).clamp(1, 3);
    let mut best: Option<(usize, &str)> = None;
    for name in names {
        let limit = best.map_or(slips_max, |(slips, _)| slips - 1);
        let candidate: Vec<char> = name.to_ascii_lowercase().chars().take(CHARS_MAX).collect();
        if candidate.len().abs_diff(asked.len()) > limit || candidate == asked {
            continue;
        }
        let slips = distance(&asked, &candidate);
        if slips <= limit {
            best = Some((slips, name));
        }
        if slips == 1 {
            break;
        }
    }
    best.map(|(_, name)| name)
}

/// As long as the longest name; bounds the work on what a stranger sends.
const CHARS_MAX: usize = crate::names::HUB_NAME_CHARS_MAX;

/// Optimal string alignment distance.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut slips = (above[j] + usize::from(a != b)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                slips = slips.min(before[j - 1] + 1);
            }
            row.push(slips);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_another_word_is_not() {
        let names = ["audit", "events", "orders", "orders-eu"];
        for (asked, similar) in [
            ("ordres", Some("orders")),
            ("order", Some("orders")),
            ("ORDERS1", Some("orders")),
            ("0rders", Some("orders")),
            ("event", Some("events")),
            ("orders-us", Some("orders-eu")),
            ("orders", None),
            ("Orders", None),
            ("payments", None),
            ("a", None),
            ("", None),
        ] {
            assert_eq!(nearest(asked, names), similar, "{asked}");
        }
        assert_eq!(nearest("hub", []), None);
        assert_eq!(nearest("hub2", ["hub1", "hub3"]), Some("hub1"), "the first of equally near ones");
    }

    #[test]
    fn swapped_neighbours_are_one_slip() {
        let chars = |text: &str| text.chars().collect::<Vec<char>>();
        for (one, other, slips) in [
            ("ab", "ba", 1),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("ordres", "orders", 1),
            ("a", "a", 0),
        ] {
            assert_eq!(distance(&chars(one), &chars(other)), slips, "{one} {other}");
            assert_eq!(distance(&chars(other), &chars(one)), slips, "{other} {one}");
        }
    }
}
