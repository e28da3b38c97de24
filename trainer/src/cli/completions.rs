//! `dreamlet completions SHELL` and `dreamlet man DIR`: what a shell and `man` know of the program.

use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::{Shell, generate};
use dreamlet_compiler::cli::{CliResult, print};

use crate::atomic_file::write_atomic;

/// Arguments of `dreamlet completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell; its own manual says where it looks for the script
    shell: Shell,
}

/// Arguments of `dreamlet man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder; `man -M` wants its pages in `man1` below
    #[arg(value_name = "DIR")]
    out: PathBuf,
}

/// Prints the script that completes the program's words in a shell.
pub(crate) fn run(args: &CompletionsArgs, mut program: Command) -> CliResult {
    let mut script = Vec::new();
    generate(args.shell, &mut program, "dreamlet", &mut script);
    print(String::from_utf8(script)?.trim_end())
}

/// Writes a page for the program and one for each verb.
pub(crate) fn man(args: &ManArgs, program: Command) -> CliResult {
    let folder = args.out.as_path();
    std::fs::create_dir_all(folder).map_err(|error| wrong(folder, &error))?;
    let pages = pages(program)?;
    for (name, page) in &pages {
        let file = folder.join(name);
        write_atomic(&file, page).map_err(|error| wrong(&file, &error))?;
    }
    print(&format!("{}: {} pages", folder.display(), pages.len()))
}

fn wrong(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

/// Names of files and what is in them.
fn pages(mut program: Command) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    program.build();
    let verbs = program.get_subcommands().filter(|verb| !verb.is_hide_set());
    let verbs = verbs.filter(|verb| verb.get_name() != "help");
    let named = verbs.map(|verb| (format!("dreamlet-{}", verb.get_name()), verb.clone()));
    let all = std::iter::once(("dreamlet".to_owned(), program.clone())).chain(named);
    all.map(|(name, command)| {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        Ok((format!("{name}.1"), page))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_completes_every_verb_that_is_shown() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            let mut program = crate::cli::Cli::command();
            generate(*shell, &mut program, "dreamlet", &mut script);
            let script = String::from_utf8(script).unwrap();
            for verb in ["quickstart", "reproduce", "doctor"] {
                assert!(script.contains(verb), "{shell}: {verb}");
            }
        }
    }

    #[test]
    fn each_verb_has_a_manual_page_that_names_it_and_its_flags() {
        let pages = pages(crate::cli::Cli::command()).unwrap();
        let page = |name: &str| {
            let (_, page) = pages.iter().find(|(file, _)| file == name).unwrap();
            String::from_utf8(page.clone()).unwrap()
        };
        assert!(page("dreamlet.1").contains("dreamlet\\-train(1)"));
        let train = page("dreamlet-train.1");
        assert!(train.contains("dreamlet\\-train") && train.contains("\\-\\-resume"));
        assert!(!pages.iter().any(|(file, _)| file.contains("worker")));
    }
}
