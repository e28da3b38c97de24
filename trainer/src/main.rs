//! The program `dreamlet`.

/// Training makes and drops tensors of megabytes thousands of times a second; this allocator keeps their pages instead of giving
/// them back to the system each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    dreamlet_trainer::cli::main()
}
