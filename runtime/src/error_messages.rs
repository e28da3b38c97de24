//! Messages of the core's errors, without a procedural macro in the build of a firmware.

/// Implements `Display` and `Error` for an enum: for each of its variants a message.
macro_rules! error_messages {
    ($error:ty: $($variant:pat => $message:literal $(, $argument:expr)*;)*) => {
        impl core::fmt::Display for $error {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match *self {
                    $($variant => write!(f, $message $(, $argument)*),)*
                }
            }
        }

        impl core::error::Error for $error {}
    };
}
pub(crate) use error_messages;
