//! What a generator says about itself.
