//! The HTTP shell: health.
