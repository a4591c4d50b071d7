//! The flags of `forebay serve`: one for each setting of the table, and the file's own.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::Error;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};

use crate::config::{Default as SettingDefault, Kind, SETTINGS, Setting};

const CONFIG: &str = "config";
const EXAMPLES: &str = "Examples:
  forebay serve --config /etc/forebay/forebay.toml
  forebay serve --config forebay.toml --data ./data --https-port 8443

Each flag is a setting; docs/configuration.md has their environment variables and the namespaces' settings.";

/// What the command line of `forebay serve` says.
#[derive(Debug)]
pub(crate) struct ServeArgs {
    /// The configuration file.
    pub(crate) config: Option<PathBuf>,
    /// Settings by flags.
    pub(crate) flags: Vec<(&'static Setting, OsString)>,
}

impl FromArgMatches for ServeArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let value =
            |setting: &'static Setting| Some((setting, matches.get_one::<OsString>(setting.name)?.clone()));
        let flags = SETTINGS.iter().filter(|setting| !setting.is_of_namespace()).filter_map(value).collect();
        Ok(Self { config: matches.get_one::<PathBuf>(CONFIG).cloned(), flags })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for ServeArgs {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .env("FOREBAY_CONFIG")
            .value_parser(value_parser!(PathBuf))
            .help("The configuration file");
        let flags = SETTINGS.iter().filter_map(argument);
        command.after_help(EXAMPLES).arg(config).args(flags)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn argument(setting: &'static Setting) -> Option<Arg> {
    let default = match setting.default {
        SettingDefault::Value(value) => value.replace(['"', '[', ']'], ""),
        SettingDefault::None(words) => words.to_owned(),
        SettingDefault::Required => "none, it must be given".to_owned(),
    };
    let (variable, kind, example) = (setting.variable(), setting.kind.describe(), setting.example);
    let more = format!(
        "[{kind}] [default: {default}] [env: {variable}] [in the file: {} = {example}]",
        setting.key()
    );
    let argument = Arg::new(setting.name)
        .long(setting.flag()?)
        .value_name(value_name(setting.kind))
        .value_parser(value_parser!(OsString))
        .action(ArgAction::Set)
        .help(format!("{} [default: {default}]", setting.meaning))
        .long_help(format!("{}\n{}", setting.meaning, more.replace('`', "")));
    Some(match setting.kind {
        // Alone it means yes.
        Kind::Switch => argument.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ => argument,
    })
}

fn value_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Path => "PATH",
        Kind::Choice(_) => "WORD",
        Kind::Switch => "true|false",
        Kind::Port => "N|off",
        Kind::Duration { .. } => "TIME",
        Kind::Bytes { .. } => "BYTES",
        Kind::Count { .. } => "N",
        Kind::Addresses => "IP,…",
        Kind::Name => "NAME",
        Kind::Hosts => "HOST,…",
        Kind::LogFilter => "RULES",
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command as Subcommand};

    fn parse(line: &str) -> ServeArgs {
        match Cli::try_parse_from(line.split(' ')).unwrap().command {
            Some(Subcommand::Serve(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_setting_outside_of_namespaces_is_a_flag() {
        let args = parse(
            "forebay serve --data d --amqp-port=off --tls-key k --allow-plaintext --create-on-first-use=false",
        );
        let given: Vec<_> =
            args.flags.iter().map(|(setting, text)| (setting.name, text.to_str().unwrap())).collect();
        let expected = [
            ("data", "d"),
            ("amqp_port", "off"),
            ("allow_plaintext", "true"),
            ("create_on_first_use", "false"),
            ("tls.key", "k"),
        ];
        assert_eq!(given, expected);
    }

    #[test]
    fn the_systemd_unit_starts_what_there_is_and_gives_it_time_to_stop() {
        let unit = include_str!("../../../../packaging/systemd/forebay.service");
        let line = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        let args = parse(line("ExecStart=/usr/bin/"));
        assert_eq!(args.config, Some("/etc/forebay/forebay.toml".into()));
        let SettingDefault::Value(stop) =
            SETTINGS.iter().find(|found| found.name == "stop_timeout").unwrap().default
        else {
            panic!("stop_timeout has a default")
        };
        let stop: u32 = stop.trim_matches('"').strip_suffix('s').unwrap().parse().unwrap();
        assert!(line("TimeoutStopSec=").parse::<u32>().unwrap() > stop);
        // As `wrong_usage` exits.
        assert_eq!(line("RestartPreventExitStatus="), "2");
    }
}
