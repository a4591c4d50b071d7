//! docs/configuration.md, made from the table of settings.

use super::table::{Default, SETTINGS, Setting};

const HEAD: &str = "\
# Configuration of `forebay serve`

This page is made from the table in `crates/forebay/src/config/table.rs`; a test fails when they differ.

`forebay serve --config forebay.toml` reads a [TOML](https://toml.io) file. A setting comes from a flag, else from its
environment variable, else from the file, else it has its default; an empty variable counts as not set. What is not known is
an error, and every error names its place and the fix. `packaging/systemd/forebay.toml` is an example to start from.

- **Paths** in the file count from the file's folder, others from the working folder.
- **Durations** are a number and a unit: `ms`, `s`, `m`, `h`, `d`. **Bytes** are a number, with or without `KiB`, `MiB`, `GiB`.
- **Lists** are written `[\"a\", \"b\"]` in the file and `a,b` elsewhere.
- **Ports**: 0 picks a free one, `\"off\"` leaves the listener out. A busy port is an error where it was given, or where it is
  the main one (AMQP over TLS; without a certificate AMQP and HTTP); others are left out with a line that names who has it.
- **Without TLS** nothing is served beyond this machine and no password (SASL PLAIN) is taken, unless `allow_plaintext` says so.
- **Keys** are generated at the first start, one pair for each namespace's policy `RootManageSharedAccessKey`, and kept. The
  connection strings are in the data folder, `keys/<namespace>.txt`, readable by the server's user alone. The well-known key of
  development mode is refused.
";

const TLS: &str = "
## `[tls]`

";

const NAMESPACES: &str = "
## `[[namespace]]`

One for each namespace; at least one. In the environment `<N>` is its place, from 1: first those of the file, which a variable
overrides, then more. Namespaces have no flags.

";

/// The page.
pub(crate) fn page() -> String {
    let mut page = String::from(HEAD);
    page.push_str("\n## Top of the file\n\n");
    section(&mut page, "");
    page.push_str(TLS);
    section(&mut page, "tls");
    page.push_str(NAMESPACES);
    section(&mut page, super::table::NAMESPACE);
    page
}

fn section(page: &mut String, section: &str) {
    for setting in SETTINGS.iter().filter(|setting| setting.section() == section) {
        page.push_str(&paragraph(setting));
    }
}

/// `key = example`, what it does, kind, default, where else it can be given.
fn paragraph(setting: &Setting) -> String {
    let default = match setting.default {
        Default::Value(value) => format!("`{value}`"),
        Default::None(words) => words.to_owned(),
        Default::Required => "none, it must be given".to_owned(),
    };
    let flag = setting.flag().map_or(String::new(), |flag| format!(" · `--{flag}`"));
    format!(
        "- **`{} = {}`**: {}\n  {} · default: {default} · `{}`{flag}\n",
        setting.key(),
        setting.example,
        setting.meaning,
        setting.kind.describe(),
        setting.variable(),
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_page_on_configuration_is_that_of_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
        if std::env::var_os("FOREBAY_WRITE_DOCS").is_some() {
            std::fs::write(&path, super::page()).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == super::page(),
            "docs/configuration.md differs from the table: run\n    FOREBAY_WRITE_DOCS=1 cargo test -p forebay \
             the_page_on_configuration"
        );
    }
}
