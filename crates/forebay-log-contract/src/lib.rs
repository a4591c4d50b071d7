//! The promises of the storage doors as a test suite, generic over the implementation.
