//! Words for whoever watches, on standard error.

/// Writes a line as `eprintln!` does; where nobody reads standard error any more (a closed pipe, a terminal that is gone) the work
/// goes on without it.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($words)*);
    }};
}

pub(crate) use say;
