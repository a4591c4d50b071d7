//! Tables for people: columns that line up, no lines around them, so that `cut` and `awk` work too.

use comfy_table::{ContentArrangement, Table, presets};

/// A heading and rows.
pub(super) fn table<const N: usize>(
    heading: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heading).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    lines_without_trailing_space(&table.to_string())
}

/// Names and values, one a line.
pub(super) fn sheet(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    rows.iter().map(|(name, value)| format!("{name:width$}  {value}")).collect::<Vec<_>>().join("\n")
}

fn lines_without_trailing_space(text: &str) -> String {
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_nothing_stands_behind_them() {
        let rows = [["orders".to_owned(), "4".to_owned()], ["x".to_owned(), "32".to_owned()]];
        assert_eq!(table(["NAME", "PARTITIONS"], rows), "NAME    PARTITIONS\norders  4\nx       32");
        assert_eq!(
            sheet(&[("name", "x".to_owned()), ("partitions", "4".to_owned())]),
            "name        x\npartitions  4"
        );
    }
}
