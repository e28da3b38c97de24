//! The program `dreamlet`.

use dreamlet_trainer::CountingAllocator;

/// Training makes and drops tensors of megabytes thousands of times a second; mimalloc keeps their
/// pages instead of giving them back to the system each time.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> std::process::ExitCode {
    dreamlet_trainer::main()
}
