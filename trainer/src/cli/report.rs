//! `dreamlet report RUN --out report.html`

use std::path::PathBuf;

use clap::Args;

use crate::report::run_files::RunFiles;
use crate::report::{page, tensorboard};
use dreamlet_compiler::cli::{CliResult, print};

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// A run folder, also one that still trains
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Where to write the page; by default report.html in the run folder
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// Draw from the checkpoint with the best score instead of the newest
    #[arg(long)]
    best: bool,
    /// Do not read the data set: no neighbours, no KL, no logits of real images
    #[arg(long)]
    no_data: bool,
    /// Also write the curves and samples as a TensorBoard event file, in a folder for this run
    /// below DIR
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
}

pub(crate) fn run(args: &ReportArgs) -> CliResult {
    let run = RunFiles::read(&args.run)?;
    let data = if args.no_data {
        Err("it was left out with --no-data.".to_owned())
    } else {
        page::load_data(&run)
    };
    if let Err(reason) = &data {
        log::warn!("note: without the data set: {reason}");
    }
    let html = page::build(&run, data.as_ref().map_err(String::as_str), args.best);
    let out = args.out.clone();
    let out = out.unwrap_or_else(|| args.run.join("report.html"));
    page::write(&html, &out)?;
    print(&format!("{}: {} KB", out.display(), html.len() / 1000))?;
    if let Some(folder) = &args.tensorboard {
        let file = tensorboard::write(&run, folder)?;
        print(&format!(
            "{}: look at it with tensorboard --logdir {}",
            file.display(),
            folder.display()
        ))?;
    }
    Ok(())
}
