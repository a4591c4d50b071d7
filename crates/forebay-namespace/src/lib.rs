//! The namespace as a pure state machine folded from the control log.
