//! Flags with one dash, as runitor has them: whoever comes from there changes no more than
//! the name of the program.

use std::ffi::{OsStr, OsString};

/// The commands that take runitor's flags.
const COMMANDS: [&str; 2] = ["run", "beat"];
/// What is called otherwise here: `--every` says how often a command is to report.
const RENAMED: [(&str, &str); 1] = [("every", "repeat")];

/// The command line with two dashes before every flag that has one: `-slug x` becomes
/// `--slug x`. What belongs to the command that is run stays as it is.
pub(super) fn doubled(cli: &clap::Command, arguments: Vec<OsString>) -> Vec<OsString> {
    let name = arguments.get(1).and_then(|name| name.to_str());
    let Some(command) =
        name.filter(|name| COMMANDS.contains(name)).and_then(|name| cli.find_subcommand(name))
    else {
        return arguments;
    };
    let runs = command.get_arguments().any(clap::Arg::is_trailing_var_arg_set);
    let (mut is_value, mut is_over) = (false, false);
    let rest = arguments.into_iter().enumerate().map(|(index, argument)| {
        if index < 2 || is_over || std::mem::take(&mut is_value) {
            return argument;
        }
        if argument == "--" || runs && !argument.as_encoded_bytes().starts_with(b"-") {
            is_over = true;
            return argument;
        }
        let Some(flag) = Flag::read(command, &argument) else { return argument };
        is_value = flag.takes_next;
        flag.written
    });
    rest.collect()
}

/// A flag that the command knows.
struct Flag {
    /// With two dashes.
    written: OsString,
    /// Whether its value is the next argument.
    takes_next: bool,
}

impl Flag {
    fn read(command: &clap::Command, argument: &OsStr) -> Option<Self> {
        let text = argument.to_str()?;
        let bare = text.strip_prefix('-')?;
        let (name, value) = match bare.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (bare, None),
        };
        let name = match name.strip_prefix('-') {
            Some(name) => name,
            None => RENAMED.iter().find(|(theirs, _)| *theirs == name).map_or(name, |it| it.1),
        };
        let is_it = |known: &&clap::Arg| {
            let aliases = known.get_all_aliases().unwrap_or_default();
            known.get_long() == Some(name) || aliases.contains(&name)
        };
        let known = command.get_arguments().find(is_it)?;
        let written = match value {
            Some(value) => format!("--{name}={value}"),
            None => format!("--{name}"),
        };
        let takes_next = value.is_none() && known.get_action().takes_values();
        Some(Self { written: written.into(), takes_next })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn line(arguments: &str) -> String {
        let arguments = format!("teawatch {arguments}").split(' ').map(OsString::from).collect();
        let doubled = doubled(&super::super::Cli::command(), arguments);
        doubled.join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn flags_of_runitor_get_their_second_dash_and_nothing_else_changes() {
        for (theirs, ours) in [
            ("run -slug x -- y -slug", "run --slug x -- y -slug"),
            ("run -api-url=u -create y -slug", "run --api-url=u --create y -slug"),
            ("run -api-timeout 3s -every 2h24m y", "run --api-timeout 3s --repeat 2h24m y"),
            ("run -every=1h --every 2h y", "run --repeat=1h --every 2h y"),
            // What is a value is no flag.
            ("run --slug -create -uuid y", "run --slug -create --uuid y"),
            ("run -slug -- -create y", "run --slug -- --create y"),
            ("run -h", "run -h"),
            ("run -nonsense -slug x y", "run -nonsense --slug x y"),
            ("beat job -uuid u -- -slug", "beat job --uuid u -- -slug"),
            ("agent -quiet", "agent -quiet"),
            ("run", "run"),
        ] {
            assert_eq!(line(theirs), format!("teawatch {ours}"));
        }
    }
}
