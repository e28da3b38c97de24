//! The program `dreamlet`: one file for each verb.

mod bench;
mod budget;
mod card;
mod choose;
mod compile;
mod completions;
mod const_array;
mod directions;
mod distill;
mod doctor;
mod eval;
mod explore;
mod export;
mod find_directions;
mod hub;
mod invert;
mod keygen;
mod presets;
mod prove;
mod quantized;
mod quickstart;
mod reference;
mod report;
mod reproduce;
mod sample;
mod share;
mod sign;
mod stopped;
mod sweep;
mod train;
mod verify;
mod verify_signature;

use clap::{CommandFactory as _, Parser, Subcommand};

use stopped::Stopped;

/// Train small GANs and VAEs, export their generators as ONNX, sample them.
#[derive(Debug, Parser)]
#[command(name = "dreamlet", version, about, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Train a preset or a configuration file, or go on with a run
    Train(train::TrainArgs),
    /// Train a small generator to make the images of a large one, from the same seeds
    Distill(distill::DistillArgs),
    /// Write a run's generator as one ONNX file with its card, then verify it
    Export(export::ExportArgs),
    /// Compile an ONNX file into one flat file for devices without an operating system
    Compile(compile::CompileVerbArgs),
    /// Compare what burn, tract and onnxruntime make of a file
    Verify(verify::VerifyArgs),
    /// Measure how good a generator's images are
    Eval(eval::EvalArgs),
    /// Make a key to sign models with
    Keygen(keygen::KeygenArgs),
    /// Sign a model: a signature beside it, or within a compiled one
    Sign(sign::SignArgs),
    /// Say whether a model is as its signer left it
    VerifySignature(verify_signature::VerifySignatureArgs),
    /// Print what a file says about itself, golden samples included, as JSON
    Card(card::CardArgs),
    /// Draw generated images
    Sample(sample::SampleArgs),
    /// Find the main directions of the latent space, name them, draw them
    Directions(directions::DirectionsArgs),
    /// Find the latent of an image
    Invert(invert::InvertArgs),
    /// Write one HTML page to explore a generator in a browser
    Explore(explore::ExploreArgs),
    /// Write one HTML page about a run: curves, samples over time, latent space, metrics
    Report(report::ReportArgs),
    /// The whole path on the built-in data: train, export, verify, sample
    Quickstart(quickstart::QuickstartArgs),
    /// Train a generator again as its card says, and compare the weights
    Reproduce(reproduce::ReproduceArgs),
    /// Time training steps and images on this machine
    Bench(bench::BenchArgs),
    /// Compare what a GPU computes in training with what the CPU computes
    Prove(prove::ProveArgs),
    /// List the presets, or print one
    Presets(presets::PresetsArgs),
    /// List the boards that `--budget` may name, with their memory
    Boards,
    /// Try settings drawn at random in many short runs, and find the best
    Sweep(sweep::SweepArgs),
    /// Say what this machine has and lacks, and how to get it
    Doctor,
    /// Print the script that completes words in a shell
    Completions(completions::CompletionsArgs),
    /// Write manual pages
    Man(completions::ManArgs),
    /// Train one trial of a sweep; tasks on a cluster run it
    #[command(hide = true)]
    SweepWorker(sweep::WorkerArgs),
    /// Print a page of docs/reference; scripts/generate-reference writes it
    #[command(hide = true)]
    Reference(reference::ReferenceArgs),
}

/// Runs the program; returns its exit status.
#[must_use]
pub fn main() -> std::process::ExitCode {
    crate::logger::init();
    let result = match Cli::parse().verb {
        Verb::Train(args) => train::run(&args),
        Verb::Distill(args) => distill::run(&args),
        Verb::Export(args) => export::run(&args),
        Verb::Compile(args) => compile::run(&args),
        Verb::Verify(args) => verify::run(&args),
        Verb::Eval(args) => eval::run(&args),
        Verb::Keygen(args) => keygen::run(&args),
        Verb::Sign(args) => sign::run(&args),
        Verb::VerifySignature(args) => verify_signature::run(&args),
        Verb::Card(args) => card::run(&args),
        Verb::Sample(args) => sample::run(&args),
        Verb::Directions(args) => directions::run(&args),
        Verb::Invert(args) => invert::run(&args),
        Verb::Explore(args) => explore::run(&args),
        Verb::Report(args) => report::run(&args),
        Verb::Quickstart(args) => quickstart::run(&args),
        Verb::Reproduce(args) => reproduce::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Prove(args) => prove::run(&args),
        Verb::Presets(args) => presets::run(&args),
        Verb::Boards => budget::boards(),
        Verb::Sweep(args) => sweep::run(&args),
        Verb::Doctor => doctor::run(),
        Verb::Completions(args) => completions::run(&args, Cli::command()),
        Verb::Man(args) => completions::man(&args, Cli::command()),
        Verb::SweepWorker(args) => sweep::work(&args),
        Verb::Reference(args) => reference::run(&args, Cli::command()),
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(e) if e.is::<Stopped>() => std::process::ExitCode::from(Stopped::status()),
        Err(e) => {
            log::error!("error: {e}");
            std::process::ExitCode::FAILURE
        }
    }
}
