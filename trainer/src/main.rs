//! The program `dreamlet`.

fn main() -> std::process::ExitCode {
    dreamlet_trainer::cli::main()
}
