//! The program `dreamlet-frame`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match dreamlet_frame::program::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
